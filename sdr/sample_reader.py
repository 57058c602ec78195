"""Samples of a recording in order, complex64 with full scale ±1; `open_recording` makes a reader of them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from sdr.byte_source import ByteSource
from sdr.formats import Codes, Samples, bytes_per_sample, to_codes, usable
from sdr.index import Gap


@dataclass(frozen=True)
class RecordingInfo:
    """What is known about a recording before its samples are read.

    Attributes:
        path: as it was given.
        format: one of `sdr.formats.FORMATS`.
        sample_rate: Hz.
        center_frequency_hz: None where the file does not say.
        start: aware time of the first sample, None where the file does not say.
        sample_count: gaps included; None while it grows, and where a gzip'd file does not say.
        gaps: in order.
        metadata: what else the recorder wrote.
        end: why it ended ("finished", …), None where the file does not say.
    """

    path: Path
    format: str
    sample_rate: float
    center_frequency_hz: float | None
    start: datetime | None
    sample_count: int | None
    gaps: tuple[Gap, ...]
    metadata: dict[str, Any]
    end: str | None = None


class Reader(Protocol):
    """Samples in order; of a whole recording or of a channel in it (`sdr.channeliser.ChannelReader`)."""

    @property
    def info(self) -> RecordingInfo:
        """The recording as it is now."""

    @property
    def position(self) -> int:
        """Samples read."""

    @property
    def unusable(self) -> int:
        """Samples that were none."""

    @property
    def waiting(self) -> int | None:
        """Samples that could be read at once; None where the recording does not grow."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd so far: sentences."""

    def read(self, count: int) -> Samples:
        """The next samples: exactly `count` unless the recording ends before; none at its end."""

    def read_codes(self, count: int) -> Samples | Codes:
        """The same, as they are written where that says as much; for who converts them himself."""

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading."""

    def sha256(self) -> str:
        """SHA-256 (hex) of the recording; nothing can be read afterwards."""

    def close(self) -> None:
        """Close the files."""


_DOUBTFUL = 0.01  # share of unusable samples from which they, if many, may be of another format


class SampleReader:
    """Samples of a recording in order; make one with `open_recording`.

    Attributes:
        position: Samples read.
        unusable: Of these, NaN, infinite and larger than `sdr.formats.LARGEST`; they count as zero.
    """

    def __init__(self, info: RecordingInfo, source: ByteSource) -> None:
        self._info = info
        self._source = source
        self._bytes_per_sample = bytes_per_sample(info.format)
        self.unusable = 0
        self._torn_bytes = 0
        self.position = 0

    @property
    def info(self) -> RecordingInfo:
        """The recording as it is now: gaps and the count grow with a growing one, its start becomes known."""
        source = self._source
        return replace(
            self._info,
            start=self._info.start or source.start,
            gaps=source.gaps,
            sample_count=source.sample_count,
            end=source.end,
        )

    @property
    def waiting(self) -> int | None:
        """Samples that a growing recording already holds beyond those read; None where it does not grow."""
        waiting = self._source.waiting_bytes()
        return None if waiting is None else waiting // self._bytes_per_sample

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the file so far, for the report: sentences."""
        notes = list(self._source.notes)
        if self._torn_bytes:
            notes.append(f"the last sample is incomplete: {self._torn_bytes} bytes at the end are not used")
        if self.unusable:
            doubt = (
                ""
                if self.unusable < max(_DOUBTFUL * self.position, 1000)
                else f"; are they {self._info.format}?"
            )
            notes.append(
                f"{self.unusable} samples were not finite or beyond a million times full scale; "
                f"they count as zero{doubt}"
            )
        return tuple(notes)

    def read(self, count: int) -> Samples:
        """The next samples: exactly `count` unless the recording ends before; none at its end.

        A growing recording is waited for. Gaps are zeros.
        """
        return self._samples(self._read(count))

    def read_codes(self, count: int) -> Samples | Codes:
        """The same as they are written, unless samples of this portion were lost or may be none."""
        codes = self._read(count)
        first = self.position - len(codes)
        if codes.form.dtype.kind == "f" or next(self._gaps(first, self.position), None):
            return self._samples(codes)
        return codes

    def _read(self, count: int) -> Codes:
        raw = self._source.read(count * self._bytes_per_sample)
        torn = len(raw) % self._bytes_per_sample
        if torn:
            self._torn_bytes = torn
            raw = raw[: len(raw) - torn]
        codes = to_codes(raw, self._info.format)
        self.position += len(codes)
        return codes

    def _samples(self, codes: Codes) -> Samples:
        """Of codes just read: those that were lost, or are none, are zeros."""
        samples, first = codes.samples(), self.position - len(codes)
        if self._info.format == "cf32":
            samples, bad = usable(samples)
            self.unusable += bad
        # cu8 has no code for zero, and a foreign hand may have filled the gap otherwise.
        for gap in self._gaps(first, self.position):
            start = max(gap.sample_index - first, 0)
            samples[start : gap.end - first] = 0
        return samples

    def skip(self, count: int) -> None:
        """Pass over samples that are there, before any is read; positions count on from the file's first."""
        self._source.skip(count * self._bytes_per_sample)
        self.position += count

    def blocks(self, count: int) -> Iterator[Samples]:
        """All samples in blocks on a fixed grid of sample numbers; the last one may be shorter."""
        while len(block := self.read(count)):
            yield block

    def while_waiting(self, call: Callable[[], None] | None) -> None:
        """Call this, many times a second, while a growing recording is waited for."""
        self._source.while_waiting = call

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading of the file."""
        self._source.hash_while_reading()

    def sha256(self) -> str:
        """SHA-256 (hex) of the file that holds the samples; nothing can be read afterwards."""
        return self._source.sha256()

    def close(self) -> None:
        """Close the files."""
        self._source.close()

    def __enter__(self) -> SampleReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _gaps(self, first: int, last: int) -> Iterator[Gap]:
        """Those in which samples from `first` up to `last` lie."""
        gaps = self._source.gaps
        begin = bisect.bisect_right(gaps, first, key=lambda gap: gap.end)
        return itertools.takewhile(lambda gap: gap.sample_index < last, gaps[begin:])
