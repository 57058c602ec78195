"""The columns of report.json: one row per located frame, held in a few bytes."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from decoders.framing.frame import IDLE_VCID, Frame
from decoders.framing.virtual_channels import VirtualChannels
from decoders.report import FrameCounts

# Columns and how they are held: "q", "i" and "h" integers, "d" and "f" reals, "?" truth, "s" texts, "n" lists
# of small integers. `time` follows from `sample_index`.
COLUMNS = {
    "counter": "i",
    "vcid": "h",
    "scid": "h",
    "bit_index": "q",
    "sample_index": "d",
    "time": "time",
    "ebn0_db": "f",
    "symbols_corrected": "i",
    "bytes_corrected": "n",
    "marker_errors": "h",
    "parity_errors": "h",
    "good": "?",
    "unprotected": "?",
    "state": "s",
}
NONE = {"i": -(1 << 31), "h": -(1 << 15), "d": math.nan, "f": math.nan}  # stands for None in the arrays
ARRAYS = {"?": "b", "s": "i", "n": "i"}  # codes of `array` where they are others
ROWS_AT_ONCE = 4096


class FrameTable(Mapping[str, list[Any]]):
    """Rows of located frames as they come, some 50 bytes each; a mapping of column names to lists."""

    def __init__(self) -> None:
        self.channels = VirtualChannels()
        self._counts = {"located": 0, "good": 0, "corrected": 0, "failed": 0, "idle": 0}
        self._arrays: dict[str, array[Any]] = {
            name: array(ARRAYS.get(kind, kind)) for name, kind in COLUMNS.items() if kind != "time"
        }
        self._texts: dict[str, int] = {}
        self._lists: dict[tuple[int, ...], int] = {}
        self._start: datetime | None = None
        self._sample_rate: float | None = None

    def add(self, frame: Frame, *, start: datetime | None, sample_rate: float | None) -> None:
        """Enter a frame; its time is told where the recording's start and rate (Hz) are."""
        self._start, self._sample_rate = start, sample_rate
        told = frame.good  # else the header is not to be trusted
        row = (
            NONE["i"] if not told or frame.counter is None else frame.counter,
            NONE["h"] if not told or frame.vcid is None else frame.vcid,
            NONE["h"] if not told or frame.scid is None else frame.scid,
            frame.bit_index,
            NONE["d"] if frame.sample_index is None else frame.sample_index,
            NONE["d"] if frame.ebn0_db is None else frame.ebn0_db,
            frame.symbols_corrected,
            self._lists.setdefault(frame.bytes_corrected, len(self._lists)),
            NONE["h"] if frame.marker_errors is None else frame.marker_errors,
            NONE["h"] if frame.parity_errors is None else frame.parity_errors,
            frame.good,
            frame.unprotected,
            self._texts.setdefault(frame.state, len(self._texts)),
        )
        for column, value in zip(self._arrays.values(), row, strict=True):
            column.append(value)
        self._counts["located"] += 1
        self._counts["good" if frame.good else "failed"] += 1
        if frame.good:
            self._counts["corrected"] += any(frame.bytes_corrected)
            self._counts["idle"] += frame.vcid == IDLE_VCID
            self.channels.add(frame)

    def counts(self) -> FrameCounts:
        """The counts, with the frames lost by their counters."""
        return FrameCounts(**self._counts, lost=self.channels.lost)

    def __getitem__(self, name: str) -> list[Any]:
        return [value for part in self.parts(name) for value in part]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        return len(COLUMNS)

    def parts(self, name: str) -> Iterator[list[Any]]:
        """A column in pieces, so that it need not be held as a whole; its values are those of JSON.

        Raises:
            KeyError: no such column.
        """
        kind = COLUMNS[name]
        held = self._arrays["sample_index" if kind == "time" else name]
        known: list[Any] = list(self._texts if kind == "s" else self._lists)
        for first in range(0, len(held), ROWS_AT_ONCE):
            values = held[first : first + ROWS_AT_ONCE].tolist()
            if kind == "time":
                yield [self._time(value) for value in values]
            elif kind in ("d", "f"):
                yield [round(value, 2) if math.isfinite(value) else None for value in values]
            elif kind == "?":
                yield [bool(value) for value in values]
            elif kind in ("s", "n"):
                yield [list(known[k]) if kind == "n" else known[k] for k in values]
            elif kind == "q":
                yield values
            else:
                yield [None if value == NONE[kind] else value for value in values]

    def _time(self, sample_index: float) -> str | None:
        if self._start is None or self._sample_rate is None or math.isnan(sample_index):
            return None
        moment = self._start + timedelta(seconds=sample_index / self._sample_rate)
        return moment.astimezone(UTC).isoformat()
