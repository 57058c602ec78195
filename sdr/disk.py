"""Room for a recording."""

from __future__ import annotations

import os
from pathlib import Path

from sdr.formats import bytes_per_sample


def recording_bytes(duration_s: float, sample_rate: float, fmt: str) -> int:
    """Bytes that a recording of that length takes."""
    return round(duration_s * sample_rate) * bytes_per_sample(fmt)


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write there."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def missing_bytes(folder: Path, duration_s: float, sample_rate: float, fmt: str, reserve_bytes: int) -> int:
    """Bytes short of a whole recording plus the reserve; 0 when there is room."""
    return max(recording_bytes(duration_s, sample_rate, fmt) + reserve_bytes - free_bytes(folder), 0)
