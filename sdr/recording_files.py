"""The files of a growing recording: made once, locked while written, never overwritten."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sdr.errors import DeviceError, RecordingError
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX

if TYPE_CHECKING:
    from sdr.index_line import IndexHeader

_log = logging.getLogger(__name__)

# A follower that looks whether the writer lives holds the lock for an instant.
_LOCK_S = 1.0
_LINE = 1 << 20
_NEW = os.O_CREAT | os.O_EXCL


def beside(stem: Path, suffix: str) -> Path:
    """The file of that suffix."""
    return stem.with_name(stem.name + suffix)


def segment_stem(stem: Path, number: int) -> Path:
    """The stem of a segment, from that of the first one."""
    return stem if number == 0 else stem.with_name(f"{stem.name}-{number:04d}")


def first_stem(stem: Path, header: IndexHeader) -> Path:
    """The stem of the first segment, from that of any and what its index says."""
    number = header.segment
    return stem.with_name(stem.name.removesuffix(f"-{number:04d}")) if number else stem


def real_path(path: Path) -> Path:
    """Where it lies behind links, even where these lead in a circle (there `Path.resolve` raises)."""
    return Path(os.path.realpath(path))


def refuse_existing(stem: Path) -> None:
    """RecordingError when one of the files exists, or further segments, whose first ones may be gone."""
    for suffix in (DATA_SUFFIX, META_SUFFIX, INDEX_SUFFIX):
        if beside(stem, suffix).exists():
            raise _exists(beside(stem, suffix))
        for number in segment_numbers(stem, suffix):
            raise _exists(beside(segment_stem(stem, number), suffix))


def segment_numbers(stem: Path, suffix: str = INDEX_SUFFIX) -> list[int]:
    """Numbers of the segments STEM-0001, STEM-0002 … that have a file of that suffix.

    A recording of its own that has such a name ("noaa19-2025" beside "noaa19") is none of them.
    """
    pattern = re.compile(re.escape(stem.name) + r"-(\d{4,})" + re.escape(suffix))
    names = [path.name for path in stem.parent.iterdir()] if stem.parent.is_dir() else []
    numbers = (int(match[1]) for name in names if (match := pattern.fullmatch(name)))
    return sorted(number for number in numbers if number and _may_be_segment(stem, number))


def _may_be_segment(stem: Path, number: int) -> bool:
    """Unless its index says otherwise."""
    index = beside(segment_stem(stem, number), INDEX_SUFFIX)
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError), index.open("rb") as file:
        return bool(json.loads(file.readline(_LINE)).get("segment", 0) == number)
    return True


def remove_stillborn(stem: Path) -> bool:
    """Remove what a recorder left that died before it recorded anything; False when there is more than that.

    An index without a whole first line speaks of no sample. Where there are samples nevertheless, a power cut
    took the index: they are put aside, as STEM.sigmf-data.aside1. A recorder that lives keeps its files.
    """
    path = beside(stem, INDEX_SUFFIX)
    with contextlib.suppress(OSError, DeviceError, RecordingError):
        if b"\n" in path.read_bytes():
            return False
        index = open_file(path, new=False)
        try:
            lock(index, path)
            if b"\n" in path.read_bytes():
                return False
            _put_aside(beside(stem, DATA_SUFFIX))
            for suffix in (META_SUFFIX, DATA_SUFFIX, INDEX_SUFFIX):
                beside(stem, suffix).unlink(missing_ok=True)
        finally:
            os.close(index)
        return True
    return False


def _put_aside(data: Path) -> None:
    """Give samples another name, unless there are none."""
    if data.exists() and data.stat().st_size:
        names = (data.with_name(f"{data.name}.aside{number}") for number in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        data.rename(aside)
        _log.warning("%s has lost its index; put aside as %s", data, aside.name)


def open_file(path: Path, *, new: bool) -> int:
    """Open for reading and writing; RecordingError or DeviceError say why not."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | (_NEW if new else 0), 0o644)
    except FileExistsError:
        raise _exists(path) from None
    except (FileNotFoundError, NotADirectoryError):
        what = f"the folder {path.parent}" if new else str(path)
        raise RecordingError(f"{what} does not exist; make it, or choose another") from None
    except OSError as error:
        raise DeviceError(f"{path} cannot be written: {error.strerror}") from None


def lock(descriptor: int, path: Path) -> None:
    """Tell followers that the writer lives; RecordingError when another one does, or took the file away."""
    deadline = time.monotonic() + _LOCK_S
    while not _locked(descriptor):
        if time.monotonic() >= deadline:
            raise RecordingError(f"{path}: another process is still writing this recording")
        time.sleep(0.01)
    if not os.fstat(descriptor).st_nlink:
        raise RecordingError(f"{path}: another process took it for a leftover and removed it; begin again")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_all(descriptor: int, raw: bytes | memoryview, offset: int, path: Path) -> None:
    """Write at that place; DeviceError when the disk refuses."""
    _, error = write_what_fits(descriptor, raw, offset)
    if error is not None:
        raise disk_refuses(path, error) from error


def write_what_fits(descriptor: int, raw: bytes | memoryview, offset: int) -> tuple[int, OSError | None]:
    """Write at that place; bytes written, and why not all of them."""
    view, written = memoryview(raw), 0
    try:
        while written < len(view):
            written += os.pwrite(descriptor, view[written:], offset + written)
    except OSError as error:
        return written, error
    return written, None


def disk_refuses(path: Path, error: OSError) -> DeviceError:
    """The error to raise; its cause keeps the number."""
    return DeviceError(f"{path}: the disk refuses to take more: {error.strerror}")


def sync_folder(folder: Path) -> None:
    """Bring the names of new files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, text: bytes) -> None:
    """Write beside and rename, so that no reader ever sees half a file."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise DeviceError(f"{path} cannot be written: {error.strerror}") from None


def _exists(path: Path) -> RecordingError:
    return RecordingError(f"{path} exists; a recording is never overwritten, choose another name")
