"""Whether the disk has the room, the speed and the kind for what is to be recorded."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sdr.disk import free_bytes, reserve_room
from sdr.record import MOST_RING_BYTES
from station.config import StationConfig
from station.doctor.check import Check, Places, text_of
from station.errors import CatalogueError
from station.resources import recording_bytes_per_s

if TYPE_CHECKING:
    from station.records import Observation

_PASS_S = 16 * 60.0  # a long one, where none is booked
_MEASURE_S, _MEASURE_BYTES = 0.4, 64 << 20
_BLOCK = 4 << 20  # as the recorder writes
_SYNCS = 8
_SLOW_SYNC_S = 1.0  # a second of ten that the ring in memory holds
_SAFE = 2.0  # times the speed that is needed
_IN_MEMORY = {"tmpfs", "ramfs"}
_FAR = {"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph"}
_FOREIGN = {"vfat", "exfat", "ntfs", "ntfs3", "fuseblk"}


@dataclass(frozen=True)
class Speed:
    """What was measured: bytes per second until all is on the disk, the slowest of some small syncs."""

    bytes_per_s: float
    sync_s: float


def disk_checks(
    config: StationConfig | None,
    here: Path,
    places: Places,
    measure: Callable[[Path], Speed] | None = None,
) -> Iterator[Check]:
    """Of the data folder; without a configuration of the folder that one stands in."""
    folder = config.station.data_dir if config else here
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        mend = f"sudo chown $USER {existing}, or mount it writable: sudo mount -o remount,rw …"
        yield Check("data folder", "wrong", f"{existing} is not writable", mend)
        return
    yield _room(config, existing)
    yield _kind(existing, places)
    yield _speed(config, existing, measure or measure_speed)
    yield _shared_memory(config, places)


def _room(config: StationConfig | None, folder: Path) -> Check:
    free, keep_gb = free_bytes(folder), config.schedule.keep_free_gb if config else 1.0
    left = free - keep_gb * 1e9
    said = f"{free / 1e9:.0f} GB free in {folder}"
    mend = "move old recordings away, take a larger disk, or lower sample_rate or schedule.keep_free_gb"
    next_bytes, day_bytes = _needed(config)
    if left < max(next_bytes, 1e9):
        needed = f", {keep_gb:g} GB are kept and the next pass needs {next_bytes / 1e9:.1f} GB"
        return Check("data folder", "wrong", said + needed, mend)
    if left < day_bytes:
        return Check("data folder", "warn", f"{said}, the coming day needs {day_bytes / 1e9:.0f} GB", mend)
    if config:
        said += f"; the next pass needs {next_bytes / 1e9:.1f} GB, the coming day {day_bytes / 1e9:.0f} GB"
    return Check("data folder", "ok", said)


def _needed(config: StationConfig | None) -> tuple[float, float]:
    """Bytes of the next pass and of the day that comes: as booked, else of a long pass of each receiver."""
    if config is None:
        return 0.0, 0.0
    rates = {receiver.name: recording_bytes_per_s(receiver) for receiver in config.receivers}
    booked = [
        (o.end - o.start).total_seconds() * rates.get(o.receiver, max(rates.values()))
        for o in _booked(config)
    ]
    if booked:
        return booked[0], sum(booked)
    most = _PASS_S * max(rates.values())
    return most, most


def _booked(config: StationConfig) -> list[Observation]:
    from station.catalogue import CATALOGUE_NAME, Catalogue

    if not (config.station.data_dir / CATALOGUE_NAME).exists():
        return []
    now = datetime.now(UTC)
    try:
        with closing(Catalogue(config.station.data_dir, read_only=True)) as catalogue:
            coming = catalogue.unfinished()
    except CatalogueError:
        return []
    coming = [o for o in coming if o.end > now and o.start < now + timedelta(days=1)]
    return sorted((o for o in coming if o.job("record").state == "due"), key=lambda o: o.start)


def _kind(folder: Path, places: Places) -> Check:
    """File system and medium."""
    found = _mount_of(folder, places)
    if found is None:
        return Check("file system", "warn", "it cannot be asked on this system")
    kind, device = found
    said = f"{kind} on {device}"
    mend = "give data_dir a folder on a disk or SSD of its own with ext4"
    if kind in _IN_MEMORY:
        return Check("file system", "wrong", f"{said}: it lives in memory, a power cut takes all", mend)
    if kind in _FAR or kind.startswith("fuse.ss"):
        return Check("file system", "warn", f"{said}: over the network, which stalls and breaks", mend)
    if kind in _FOREIGN:
        return Check(
            "file system", "warn", f"{said}: keeps no room beforehand and forgets after a power cut", mend
        )
    if Path(device).name.startswith("mmcblk"):
        worn = f"{said}: an SD card or eMMC stalls for seconds and wears out by recordings"
        return Check("file system", "warn", worn, "an SSD by USB 3 for data_dir")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tramthu-doctor-") as file:
            if reserve_room(file.fileno(), 1 << 20):
                return Check("file system", "ok", said)
    except OSError as error:
        return Check(
            "file system", "wrong", f"{said}: no file can be made in {folder}: {error.strerror}", mend
        )
    return Check("file system", "warn", f"{said}: cannot keep room for a recording beforehand", mend)


def _mount_of(folder: Path, places: Places) -> tuple[str, str] | None:
    """Type and device of the mount that a folder lies in (proc(5), mountinfo)."""
    best: tuple[int, str, str] | None = None
    inside = folder.resolve()
    for line in text_of(places.proc / "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, tail = before.split(), after.split()
        if len(fields) < 5 or len(tail) < 2:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if inside.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), tail[0], tail[1]
    return best[1:] if best else None


def _speed(config: StationConfig | None, folder: Path, measure: Callable[[Path], Speed]) -> Check:
    """Against all receivers recording at once."""
    try:
        found = measure(folder)
    except OSError as error:
        mend = "look at the disk: dmesg | tail; sudo smartctl -a DEVICE"
        return Check("disk speed", "wrong", f"writing in {folder} fails: {error.strerror}", mend)
    needed = sum(recording_bytes_per_s(receiver) for receiver in config.receivers) if config else 0.0
    said = f"{found.bytes_per_s / 1e6:.0f} MB/s, a small write is safe after {found.sync_s * 1e3:.0f} ms"
    if needed:
        said += f"; recordings need {needed / 1e6:.1f} MB/s"
    mend = "a faster disk (an SSD by USB 3), or a lower sample_rate"
    if found.bytes_per_s < needed:
        return Check("disk speed", "wrong", f"{said}: samples will be lost", mend)
    if found.bytes_per_s < _SAFE * needed:
        return Check("disk speed", "warn", f"{said}: hardly enough beside anything else", mend)
    if found.sync_s > _SLOW_SYNC_S:
        return Check("disk speed", "warn", f"{said}: it stalls", mend)
    return Check("disk speed", "ok", said)


def measure_speed(folder: Path) -> Speed:
    """Write for some tenths of a second, and go again. Raises OSError."""
    block = os.urandom(_BLOCK)  # what a disk that compresses cannot make small
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".tramthu-doctor-", buffering=0) as file:
        began, written = time.monotonic(), 0
        while written < _MEASURE_BYTES and (not written or time.monotonic() - began < _MEASURE_S):
            file.write(block)
            os.fdatasync(file.fileno())
            written += _BLOCK
        bytes_per_s = written / max(time.monotonic() - began, 1e-6)
        syncs = []
        for _ in range(_SYNCS):
            began = time.monotonic()
            file.write(block[:4096])
            os.fdatasync(file.fileno())
            syncs.append(time.monotonic() - began)
            if sum(syncs) > _MEASURE_S and len(syncs) > 1:
                break
    return Speed(bytes_per_s, max(syncs))


def _shared_memory(config: StationConfig | None, places: Places) -> Check:
    """The ring between receiver and disk lies there."""
    needed = MOST_RING_BYTES * (len(config.receivers) if config else 1)
    folder, subject = places.dev / "shm", "shared memory"
    with contextlib.suppress(OSError):
        free = free_bytes(folder)
        said = f"{free >> 20} MiB free in {folder}, the rings of the recorders take up to {needed >> 20} MiB"
        if free >= needed:
            return Check(subject, "ok", said)
        mend = "sudo mount -o remount,size=512M /dev/shm (in a container: --shm-size=512m)"
        return Check(subject, "warn", f"{said}: a disk that stalls costs samples sooner", mend)
    return Check(subject, "wrong", f"{folder} is not there", "sudo mount -t tmpfs tmpfs /dev/shm")
