"""Room for a recording."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from sdr.formats import bytes_per_sample


def lower_rate(
    folder: Path, duration_s: float, rates: Sequence[float], fmt: str, reserve_bytes: int
) -> float | None:
    """A rate at which a whole recording has room, where the one in use has not.

    Args:
        folder: to record to.
        duration_s: of the recording.
        rates: samples a second: the one in use, then those that may take its place, the dearest first.
        fmt: one of `sdr.formats.FORMATS`.
        reserve_bytes: of the disk, left free.

    Returns:
        None where nothing is to be changed: there is room, or no rate makes it fit.
    """
    room = free_bytes(folder) - reserve_bytes
    fitting = [rate for rate in rates if round(duration_s * rate) * bytes_per_sample(fmt) <= room]
    return fitting[0] if fitting and fitting[0] != rates[0] else None


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write there."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def no_room(folder: object, free: int, wanted: int, reserve: int) -> str:
    """What to tell the operator then; sizes in bytes."""
    needed = f"{wanted >> 20} MiB are needed and " if wanted else ""
    return (
        f"no room to record in {folder}: {free >> 20} MiB are free, {needed}{reserve >> 20} MiB are kept in "
        "reserve; delete or move something"
    )


_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # <linux/falloc.h>


def reserve_room(descriptor: int, size: int, written: int = 0) -> bool:
    """Have the disk keep room for a file of that many bytes, whose size stays as it is.

    Args:
        descriptor: of the file.
        size: bytes.
        written: so many are there: holes among them stay such.

    Returns:
        False when there is not as much, or when the file system cannot keep room.
    """
    return _fallocate(descriptor, _KEEP_SIZE, written, size - written)


def give_back_room(descriptor: int, size: int) -> None:
    """Let the room go that was kept beyond the size of a file."""
    with contextlib.suppress(OSError):
        kept = held_bytes(os.fstat(descriptor))
        if kept > size:
            _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, size, kept)


def kept_beyond(path: Path, size: int) -> int:
    """Bytes of the disk that a file holds beyond that size."""
    return max(held_bytes(path.stat()) - size, 0)


def held_bytes(status: os.stat_result) -> int:
    """Bytes of the disk that a file holds; its blocks are counted thus, whatever the file system's are."""
    return status.st_blocks * 512


def _fallocate(descriptor: int, mode: int, offset: int, size: int) -> bool:
    call = ctypes.CDLL(None, use_errno=True).fallocate64
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return size > 0 and int(call(descriptor, mode, offset, size)) == 0
