"""What a decoding run found, as `report.json` says it.

schema              "tramthu-decode-1"
exit_status         0: frames came out; 1: nothing usable
messages            sentences for a person: what was found, what was odd
input               path, sha256, level, format, sample_rate (Hz), samples, start (ISO 8601),
                    gaps: sample_index, sample_count, cause;
                    demodulator: null, or its counters, offset_hz and symbol_rate as last measured
downlink, mode      names; mode is null where it was not found, or cannot be told from frames
satellite           name, or null
frames.located      markers that were found or expected and proven by something
frames.good         proven in all codewords and with a plausible header; these are in `frames.cadu`
frames.corrected    of the good ones, those in which Reed-Solomon changed bytes
frames.failed       located, but not proven; nothing of them is passed on
frames.lost         missing between the good ones, by their counters
frames.idle         of the good ones, those of virtual channel 63
columns             per located frame, equal lengths: counter, vcid, bit_index, sample_index (may lie before
                    the start in the interleaved mode), time (ISO 8601), ebn0_db (per information bit out of
                    the inner decoder), symbols_corrected, bytes_corrected (list per codeword, -1 failed),
                    good, state
packets             per counter of the packet assembler
image               null, or channels: lines, good, missing, damaged pixels; times; notes
files               what was written, by name: bytes, sha256
software            versions
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .frames import IDLE_VCID, Frame

SCHEMA = "tramthu-decode-1"


@dataclass(frozen=True)
class InputFacts:
    """What the report says about the input."""

    format: str
    sample_rate: float | None = None
    samples: int | None = None
    start: datetime | None = None
    gaps: tuple[tuple[int, int, str], ...] = ()
    notes: tuple[str, ...] = ()
    demodulator: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FrameCounts:
    """Counts of frames, as in the module's docstring."""

    located: int = 0
    good: int = 0
    corrected: int = 0
    failed: int = 0
    lost: int = 0
    idle: int = 0


@dataclass(frozen=True)
class DecodeReport:
    """The outcome of a run; `table` is what stands in report.json."""

    frames: FrameCounts
    mode: str | None
    messages: tuple[str, ...]
    files: tuple[str, ...]
    table: Mapping[str, Any] = field(repr=False)

    @property
    def exit_status(self) -> int:
        """0: frames came out; 1: the input holds nothing usable."""
        return 0 if self.frames.good else 1


class FrameTable:
    """Collects the columns and counts of frames as they come."""

    COLUMNS = (
        "counter",
        "vcid",
        "bit_index",
        "sample_index",
        "time",
        "ebn0_db",
        "symbols_corrected",
        "bytes_corrected",
        "good",
        "state",
    )

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in self.COLUMNS}
        self._counts = {"located": 0, "good": 0, "corrected": 0, "failed": 0, "idle": 0}

    def add(self, frame: Frame, *, start: datetime | None, sample_rate: float | None) -> None:
        """Enter a frame; its time is told where the recording's start and rate are."""
        time = None
        if start is not None and sample_rate is not None and frame.sample_index is not None:
            time = (start + timedelta(seconds=frame.sample_index / sample_rate)).astimezone(UTC).isoformat()
        row = {
            "counter": frame.counter if frame.good else None,
            "vcid": frame.vcid if frame.good else None,
            "bit_index": frame.bit_index,
            "sample_index": None if frame.sample_index is None else round(frame.sample_index, 2),
            "time": time,
            "ebn0_db": None if frame.ebn0_db is None else round(frame.ebn0_db, 2),
            "symbols_corrected": frame.symbols_corrected,
            "bytes_corrected": list(frame.bytes_corrected),
            "good": frame.good,
            "state": frame.state,
        }
        for name, column in self.columns.items():
            column.append(row[name])
        self._counts["located"] += 1
        self._counts["good" if frame.good else "failed"] += 1
        self._counts["corrected"] += frame.good and any(frame.bytes_corrected)
        self._counts["idle"] += frame.good and frame.vcid == IDLE_VCID

    def counts(self, *, lost: int) -> FrameCounts:
        """The counts, with the frames lost by their counters."""
        return FrameCounts(**self._counts, lost=lost)


def software_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    versions = {"python": platform.python_version()}
    for name in ("tramthu", "numpy", "scipy", "netCDF4"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions
