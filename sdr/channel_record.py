"""Channels of a wide recording, finished or growing, written as recordings of their own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from sdr.channel_bank import Channel
from sdr.channeliser import bank_for, begun_at, channel_gaps, channel_info
from sdr.errors import RecordingError
from sdr.formats import Samples
from sdr.index import Gap, IndexReader
from sdr.recording import RecordingInfo, RecordingWriter, SampleReader
from sdr.recording_files import beside
from sdr.sigmf import INDEX_SUFFIX

_SKIPPED_AT_ONCE = 1 << 20
_WIDER = {"cu8": "cs16", "cs8": "cs16"}  # fewer samples of the same noise take more bits


def record_channels(
    reader: SampleReader,
    channels: Sequence[Channel],
    stems: Sequence[Path],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    stop: threading.Event | None = None,
    metadata: Mapping[str, Any] | None = None,
    durable: bool = True,
    progress: Callable[[datetime], None] | None = None,
) -> tuple[int, ...]:
    """Write channels of one recording, all in one reading of it; returns the samples of each.

    What was begun and has no end mark is gone on with: the same samples come again, so there is no gap. Gaps
    of the wide recording are gaps of the channels, and reach as far as the filter does.

    Args:
        reader: of the wide recording, at its beginning; not closed.
        channels: what is taken out.
        stems: of their files, by channel.
        start: what lies before is left out; the whole microsecond at or after it on which a sample lies.
        end: what lies behind is left out.
        stop: ends the recordings early.
        metadata: of the recordings, beside those of the wide one.
        durable: see `RecordingWriter`.
        progress: is told up to when the recording is read.

    Raises:
        RecordingError: a channel does not lie in the recording; its files exist and are finished; or a time
            is given and the recording has none.
        DeviceError: the disk refuses.
    """
    wide, stop = reader.info, stop or threading.Event()
    last = math.inf if end is None else _sample_at(wide, end)
    _skip(reader, _first_sample(wide, start), stop)
    first = reader.position
    if not first < last:
        raise RecordingError(f"{wide.path}: nothing of it lies between {start} and {end}")
    begun = begun_at(reader.info, first)
    bank = bank_for(begun, channels)
    outputs: list[_Output] = []
    try:
        for channel, ratio, stem in zip(channels, bank.ratios, stems, strict=True):
            info = channel_info(begun, channel, ratio)
            outputs.append(_Output(info, ratio, stem, metadata or {}, durable=durable))
        over = False
        while not over:
            samples = reader.read(int(min(bank.needed, last - reader.position)))
            over = len(samples) < bank.needed or stop.is_set()
            gaps = begun_at(reader.info, first).gaps
            for output, part in zip(outputs, bank.process(samples), strict=True):
                output.take(part, gaps)
            if progress is not None and begun.start is not None:
                progress(begun.start + timedelta(seconds=bank.taken / wide.sample_rate))
        for output, part in zip(outputs, bank.flush(), strict=True):
            output.take(part, gaps, final=True)
        for output in outputs:
            output.writer.close(_end(reader, last))
    finally:
        for output in outputs:
            output.writer.close("broken off")
    return tuple(output.writer.sample_count for output in outputs)


class _Output:
    """One channel's recording; samples that it holds already are passed over."""

    def __init__(
        self, info: RecordingInfo, ratio: Fraction, stem: Path, metadata: Mapping[str, Any], *, durable: bool
    ) -> None:
        self._ratio, self._taken = ratio, 0
        if beside(stem, INDEX_SUFFIX).exists():
            _refuse_another(stem, info)
            self.writer = RecordingWriter.resume(stem, durable=durable)
        else:
            self.writer = RecordingWriter(
                stem,
                format=_WIDER.get(info.format, info.format),
                sample_rate=info.sample_rate,
                center_frequency_hz=info.center_frequency_hz,
                start=info.start,
                metadata=info.metadata | dict(metadata),
                durable=durable,
            )

    def take(self, samples: Samples, wide_gaps: Sequence[Gap], *, final: bool = False) -> None:
        """The next samples, with all gaps known so far; a gap is written once its end has come."""
        first, self._taken = self._taken, self._taken + len(samples)
        gaps, writer = channel_gaps(wide_gaps, self._ratio), self.writer
        while writer.sample_count < self._taken:
            done = writer.sample_count
            gap = next((gap for gap in gaps if gap.end > done), None)
            if gap is None or gap.sample_index > done:
                until = self._taken if gap is None else min(gap.sample_index, self._taken)
                writer.write(samples[done - first : until - first])
                continue
            if gap.end > self._taken and not final:
                return
            writer.gap(min(gap.end, self._taken) - done, gap.cause, gap.uncertainty)


def _refuse_another(stem: Path, info: RecordingInfo) -> None:
    header = IndexReader(beside(stem, INDEX_SUFFIX)).header
    same = (header.sample_rate, header.center_frequency_hz, header.start)
    if same != (info.sample_rate, info.center_frequency_hz, info.start):
        raise RecordingError(f"{stem} holds another channel or time; choose another name")


def _end(reader: SampleReader, last: float) -> str:
    """Why a channel ends: that of the wide recording, where it has an end before it was meant to."""
    if reader.position >= last or reader.info.sample_count is None:
        return "finished"
    return reader.info.end or "the wide recording broke off"


def _skip(reader: SampleReader, count: int, stop: threading.Event) -> None:
    while reader.position < count and not stop.is_set():
        if not len(reader.read(min(count - reader.position, _SKIPPED_AT_ONCE))):
            return


def _first_sample(info: RecordingInfo, start: datetime | None) -> int:
    """The first sample at or after a time that lies on a whole microsecond, which UTC is written to."""
    if start is None:
        return 0
    rate = info.sample_rate
    apart = int(rate) // math.gcd(int(rate), 1_000_000) if rate == int(rate) else 1
    return max(-(-_sample_at(info, start) // apart) * apart, 0)


def _sample_at(info: RecordingInfo, time: datetime) -> int:
    if info.start is None:
        raise RecordingError(f"{info.path} does not say when it began, so {time} cannot be found in it")
    return math.ceil((time - info.start) / timedelta(microseconds=1) * info.sample_rate / 1e6)
