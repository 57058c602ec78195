"""The append-only index beside a growing recording: what is committed, where the gaps are, when it is over.

One JSON object a line, each written after the samples it speaks of have reached the disk:

    {"tramthu_index": 1, "format": "cu8", "sample_rate": 250000.0, "center_frequency_hz": 137900000.0,
     "start": "2026-03-24T03:14:15.926535+00:00", "metadata": {…}}                       first line
    {"samples": 0, "start": "…"}             the exact time of the first sample, once the device gave it
    {"samples": 65536, "utc": 1774322056.2}  that many samples are committed (unchanged number: a heartbeat)
    {"samples": 90000, "utc": …, "gap": [80000, 10000, "overflow"]}    first sample, length, cause
    {"samples": 1000000, "utc": …, "end": "finished"}

A line torn by a power cut is the last one and is passed over: what it spoke of was not committed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdr.errors import RecordingError
from sdr.formats import FORMATS

INDEX_VERSION = 1
_MAX_LINE = 1 << 20


@dataclass(frozen=True)
class Gap:
    """Samples that the receiver lost; they are delivered as zeros, so that sample numbers keep true time."""

    sample_index: int
    sample_count: int
    cause: str


@dataclass(frozen=True)
class IndexHeader:
    """The first line of an index."""

    format: str
    sample_rate: float
    center_frequency_hz: float | None
    start: datetime | None
    metadata: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> bytes:
        """The header as a line of the index."""
        return _line(
            {
                "tramthu_index": INDEX_VERSION,
                "format": self.format,
                "sample_rate": self.sample_rate,
                "center_frequency_hz": self.center_frequency_hz,
                "start": None if self.start is None else self.start.isoformat(),
                "metadata": self.metadata,
            }
        )

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> IndexHeader:
        """The header from its JSON object; ValueError when a field is missing or out of range."""
        if values.get("tramthu_index") != INDEX_VERSION:
            raise ValueError(f"version {values.get('tramthu_index')!r} instead of {INDEX_VERSION}")
        rate = number(values["sample_rate"])
        frequency = values.get("center_frequency_hz")
        if values["format"] not in FORMATS or not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"format {values['format']!r} at {rate} Hz")
        metadata = values.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise ValueError("metadata is not an object")  # noqa: TRY004 callers handle one kind of error
        return cls(
            values["format"],
            rate,
            None if frequency is None else number(frequency),
            parse_utc(values.get("start")),
            metadata,
        )


def parse_utc(text: object) -> datetime | None:
    """An aware UTC time from ISO 8601 (no zone: UTC), or None; ValueError when it is no time."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no ISO 8601 time")  # noqa: TRY004 callers handle one kind of error
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def number(value: Any) -> float:
    """A number from JSON, where true is none; TypeError or ValueError when it is none."""
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def commit_line(
    samples: int, utc: float, *, gap: Gap | None = None, end: str | None = None, start: datetime | None = None
) -> bytes:
    """A line that says how many samples are committed, and what else happened there."""
    values: dict[str, Any] = {"samples": samples, "utc": round(utc, 6)}
    if start is not None:
        values["start"] = start.isoformat()
    if gap is not None:
        values["gap"] = [gap.sample_index, gap.sample_count, gap.cause]
    if end is not None:
        values["end"] = end
    return _line(values)


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


class IndexReader:
    """Reads an index that may still be growing; `poll` takes in what was added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.committed = 0
        self.gaps: tuple[Gap, ...] = ()
        self.end: str | None = None
        self.last_utc: float | None = None
        self.bad_lines = 0
        self._position = 0
        first = self._new_lines()
        if not first:
            raise RecordingError(f"{path}: the index has no complete first line; nothing was recorded")
        try:
            self.header = IndexHeader.from_mapping(_mapping(first[0]))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise RecordingError(f"{path}: no index of a recording: {error}") from None
        self.start = self.header.start
        self._take(first[1:])

    def poll(self) -> bool:
        """Take in the lines added since; True when there were any."""
        lines = self._new_lines()
        self._take(lines)
        return bool(lines)

    def _new_lines(self) -> list[bytes]:
        with self.path.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole, newline, torn = text.rpartition(b"\n")
        if len(torn) > _MAX_LINE:
            raise RecordingError(
                f"{self.path}: no index of a recording: a line of more than {_MAX_LINE} bytes"
            )
        self._position += len(whole) + len(newline)
        return whole.split(b"\n") if newline else []

    def _take(self, lines: list[bytes]) -> None:
        gaps: list[Gap] = []
        for line in lines:
            try:
                self._take_one(_mapping(line), gaps)
            except (ValueError, KeyError, TypeError, OverflowError):
                self.bad_lines += 1
        if gaps:
            self.gaps = (*self.gaps, *gaps)

    def _take_one(self, values: dict[str, Any], gaps: list[Gap]) -> None:
        samples = int(values["samples"])
        if samples < self.committed or self.end is not None:
            raise ValueError("the number of samples shrinks, or goes on behind the end")
        if "gap" in values:
            first, length, cause = values["gap"]
            gaps.append(self._gap(Gap(int(first), int(length), str(cause)), samples))
        if "start" in values:
            self.start = parse_utc(values["start"])
        if "utc" in values:
            self.last_utc = float(values["utc"])
        if "end" in values:
            self.end = str(values["end"])
        self.committed = samples

    def _gap(self, gap: Gap, samples: int) -> Gap:
        """A gap among the samples that its line commits: in order, apart, and never where was read before."""
        if not self.committed <= gap.sample_index < gap.sample_index + gap.sample_count <= samples:
            raise ValueError("a gap that does not lie among the samples committed with it")
        return gap


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except RecursionError:
        raise ValueError("a line is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("a line is no JSON object")  # noqa: TRY004 callers handle one kind of error
    return values
