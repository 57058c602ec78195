"""The lines of an index: what a recorder writes beside its samples; `sdr.index` reads them.

One JSON object a line, each written after the samples it speaks of have reached the disk:

    {"tramthu_index": 1, "format": "cu8", "sample_rate": 250000.0, "center_frequency_hz": 137900000.0,
     "start": "2026-03-24T03:14:15.926535+00:00", "metadata": {…}, "clock": {"source": "ntp", …},
     "segment": 0, "first_sample": 0}                                                  first line
    {"samples": 0, "start": "…"}             the exact time of the first sample, once the device gave it
    {"samples": 65536, "utc": 1774322056.2}  that many samples are committed (unchanged number: a heartbeat)
    {"samples": 90000, "utc": …, "gap": [80000, 10000, "overflow", 12]}   first sample, length, cause, ±
    {"samples": 250000, "utc": …, "level": [0, -21.3, 0.0, 0.001, -0.002]}
                                             second of the file, dBFS, clipped share, DC of I and of Q
    {"samples": 300000, "utc": …, "resumed": "…"}          a new recorder went on here, or the disk is back
    {"samples": 400000, "utc": …, "ring": "…"}             from here on in memory only, and why
    {"samples": 1000000, "utc": …, "end": "finished", "sha256": "…"}

Lines of older recorders have gaps of three values, and neither levels nor a hash; nor has the end of a
resumed recording a hash where reading what its first recorder wrote would have kept new samples waiting.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sdr.formats import FORMATS

INDEX_VERSION = 1
_LOWEST_RATE = 1.0  # Hz; below it is no recording, and times leave what a date can hold
CONTINUED = "continued"
"""The end mark of a segment that another one follows."""


@dataclass(frozen=True)
class Gap:
    """Samples that the receiver lost; they are delivered as zeros, so that sample numbers keep true time.

    Attributes:
        sample_index: the first of them.
        sample_count: how many.
        cause: in a few words.
        uncertainty: of place and length, ± samples at 95 %; 0 where the device counted them.
    """

    sample_index: int
    sample_count: int
    cause: str
    uncertainty: int = 0

    @property
    def end(self) -> int:
        """The first sample behind them."""
        return self.sample_index + self.sample_count


@dataclass(frozen=True)
class Level:
    """What the samples of one second were like; gaps are left out.

    Attributes:
        second: since the first sample of the file.
        dbfs: mean power below full scale, None where all is zero.
        clipped: share of samples with I or Q at full scale.
        dc: mean of the samples, full scale ±1.
    """

    second: int
    dbfs: float | None
    clipped: float
    dc: complex


@dataclass(frozen=True)
class IndexHeader:
    """The first line of an index.

    Attributes:
        format: one of `sdr.formats.FORMATS`.
        sample_rate: Hz.
        center_frequency_hz: None where unknown.
        start: aware time of the first sample of the file.
        metadata: further words of the recorder.
        clock: how good the computer's clock was: `sdr.clock_quality`; empty where nobody asked.
        segment: number of the file in a recording of many, 0 for the first.
        first_sample: of the whole recording, with which this file begins.
    """

    format: str
    sample_rate: float
    center_frequency_hz: float | None
    start: datetime | None
    metadata: dict[str, Any] = field(default_factory=dict)
    clock: dict[str, Any] = field(default_factory=dict)
    segment: int = 0
    first_sample: int = 0

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
                "clock": self.clock,
                "segment": self.segment,
                "first_sample": self.first_sample,
            }
        )

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> IndexHeader:
        """The header from its JSON object; ValueError when a field is missing or out of range."""
        if values.get("tramthu_index") != INDEX_VERSION:
            raise ValueError(f"version {values.get('tramthu_index')!r} instead of {INDEX_VERSION}")
        rate = number(values["sample_rate"])
        frequency = values.get("center_frequency_hz")
        if values["format"] not in FORMATS or not (math.isfinite(rate) and rate >= _LOWEST_RATE):
            raise ValueError(f"format {values['format']!r} at {rate} Hz")
        header = cls(
            values["format"],
            rate,
            None if frequency is None else number(frequency),
            parse_utc(values.get("start")),
            _object(values, "metadata"),
            _object(values, "clock"),
            _count(values, "segment"),
            _count(values, "first_sample"),
        )
        header.to_line()  # NaN and halves of surrogate pairs, which JSON can hold, can never be written again
        return header


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 callers handle one kind of error
    return found


def _count(values: dict[str, Any], name: str) -> int:
    found = int(number(values.get(name, 0)))
    if found < 0:
        raise ValueError(f"{name} is {found}")
    return found


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
    samples: int,
    utc: float,
    *,
    start: datetime | None = None,
    gap: Gap | None = None,
    level: Level | None = None,
    **words: str | None,
) -> bytes:
    """A line that says how many samples are committed, and what else happened there.

    Args:
        samples: of the file.
        utc: POSIX seconds, when the line is written.
        start: exact time of the first sample.
        gap: among the samples that this line commits.
        level: of a second among them.
        words: "end", "sha256", "resumed", "ring"; None leaves the word out.
    """
    values: dict[str, Any] = {"samples": samples, "utc": round(utc, 6)}
    if start is not None:
        values["start"] = start.isoformat()
    if gap is not None:
        values["gap"] = [gap.sample_index, gap.sample_count, gap.cause, gap.uncertainty]
    if level is not None:
        dbfs = None if level.dbfs is None else round(level.dbfs, 2)
        dc = (round(level.dc.real, 6), round(level.dc.imag, 6))
        values["level"] = [level.second, dbfs, round(level.clipped, 9), *dc]
    values |= {word: said for word, said in words.items() if said is not None}
    return _line(values)


def parse_gap(values: list[Any]) -> Gap:
    """A gap from its place in a line; ValueError or TypeError when it is none."""
    first, length, cause, *more = values
    cause = str(cause).encode(errors="replace").decode()  # JSON can hold half a surrogate pair
    return Gap(int(first), int(length), cause, max(int(more[0]), 0) if more else 0)


def parse_level(values: list[Any]) -> Level:
    """A level from its place in a line; ValueError or TypeError when it is none."""
    second, dbfs, clipped, dc_i, dc_q = values
    return Level(
        int(second),
        None if dbfs is None else number(dbfs),
        number(clipped),
        complex(number(dc_i), number(dc_q)),
    )


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
