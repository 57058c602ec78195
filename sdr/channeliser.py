"""One channel of a wide recording, read as if it had been recorded alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from types import TracebackType

import numpy as np

from sdr.channel_bank import Channel, ChannelBank, Curve
from sdr.channel_filter import half_length
from sdr.errors import RecordingError
from sdr.formats import Samples
from sdr.index import Gap
from sdr.recording import RecordingInfo, SampleReader

__all__ = [
    "Channel",
    "ChannelBank",
    "ChannelReader",
    "Curve",
    "bank_for",
    "begun_at",
    "channel_gaps",
    "channel_info",
]


class ChannelReader:
    """Samples of one channel; the same interface as `sdr.recording.SampleReader`.

    Sample m lies exactly at wide sample m / ratio behind the first that was not read before; so both begin at
    the same time. What is on air at a time comes out `delay_s` later at most, beside the time until the
    recording holds it.

    Args:
        reader: of the wide recording, best at its beginning; closed with this one.
        channel: what is taken out of it.

    Raises:
        RecordingError: the recording does not hold the channel, or does not say where it was tuned.

    Attributes:
        position: samples read.
        delay_s: the longest wait for the samples behind one, on which its filter and the grid lie.
    """

    def __init__(self, reader: SampleReader, channel: Channel) -> None:
        self._reader, self._channel, self._first = reader, channel, reader.position
        try:
            self._bank = bank_for(begun_at(reader.info, self._first), [channel])
        except RecordingError:
            reader.close()
            raise
        (self._ratio,) = self._bank.ratios
        self.delay_s = self._bank.delay_s
        self._ready = np.zeros(0, np.complex64)
        self._over = False
        self.position = 0

    @property
    def info(self) -> RecordingInfo:
        """The channel as it is now: its own centre, rate, count and gaps, the wide recording's time."""
        return channel_info(begun_at(self._reader.info, self._first), self._channel, self._ratio)

    @property
    def unusable(self) -> int:
        """Samples of the wide recording that were none."""
        return self._reader.unusable

    @property
    def waiting(self) -> int | None:
        """Samples that could be read at once, nearly; None where the recording does not grow."""
        waiting = self._reader.waiting
        return None if waiting is None else len(self._ready) + int(waiting * self._ratio)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the file so far, for the report: sentences."""
        return self._reader.notes

    def read(self, count: int) -> Samples:
        """The next samples: exactly `count` unless the recording ends before; none at its end."""
        parts, have = [self._ready], len(self._ready)
        while have < count and not self._over:
            parts.append(self._more())
            have += len(parts[-1])
        joined = np.concatenate(parts)
        samples, self._ready = joined[:count], joined[count:]
        self.position += len(samples)
        return samples

    def read_codes(self, count: int) -> Samples:
        """The same: a channel is written nowhere."""
        return self.read(count)

    def blocks(self, count: int) -> Iterator[Samples]:
        """All samples in blocks on a fixed grid of sample numbers; the last one may be shorter."""
        while len(block := self.read(count)):
            yield block

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading of the file."""
        self._reader.hash_while_reading()

    def sha256(self) -> str:
        """SHA-256 (hex) of the wide file; nothing can be read afterwards."""
        return self._reader.sha256()

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def __enter__(self) -> ChannelReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _more(self) -> Samples:
        needed = self._bank.needed
        wide = self._reader.read(needed)
        (out,) = self._bank.process(wide)
        if len(wide) < needed:
            self._over = True
            (rest,) = self._bank.flush()
            out = np.concatenate([out, rest])
        return out


def bank_for(info: RecordingInfo, channels: Sequence[Channel]) -> ChannelBank:
    """The bank that takes channels out of a recording.

    Raises:
        RecordingError: the recording does not hold a channel, or does not say where it was tuned.
    """
    if info.center_frequency_hz is None:
        raise RecordingError(
            f"{info.path}: the file does not state its centre frequency, so no channel can be found in it"
        )
    start_s = None if info.start is None else info.start.timestamp()
    return ChannelBank(info.sample_rate, info.center_frequency_hz, channels, start_s=start_s)


def begun_at(info: RecordingInfo, first: int) -> RecordingInfo:
    """What is known about a recording from its sample `first` on."""
    if not first:
        return info
    return replace(
        info,
        start=None if info.start is None else info.start + timedelta(seconds=first / info.sample_rate),
        sample_count=None if info.sample_count is None else max(info.sample_count - first, 0),
        gaps=tuple(_begun_at(gap, first) for gap in info.gaps if gap.end > first),
    )


def _begun_at(gap: Gap, first: int) -> Gap:
    begins = max(gap.sample_index - first, 0)
    return replace(gap, sample_index=begins, sample_count=gap.end - first - begins)


def channel_info(info: RecordingInfo, channel: Channel, ratio: Fraction) -> RecordingInfo:
    """What is known about a channel, from what is known about the wide recording."""
    count = info.sample_count
    return replace(
        info,
        sample_rate=info.sample_rate * ratio.numerator / ratio.denominator,
        center_frequency_hz=channel.center_frequency_hz,
        sample_count=None if count is None else math.ceil(count * ratio),
        gaps=channel_gaps(info.gaps, ratio, count),
        metadata=info.metadata | {"wide_center_hz": info.center_frequency_hz, "wide_rate": info.sample_rate},
    )


def channel_gaps(gaps: Sequence[Gap], ratio: Fraction, wide_count: int | None = None) -> tuple[Gap, ...]:
    """Gaps of the wide recording, and as far around them as the filter reaches, in the channel's samples.

    Args:
        gaps: of the wide recording, in order.
        ratio: channel's rate over the wide one.
        wide_count: samples of the wide recording, where it is over.
    """
    reach = half_length(ratio)
    end = math.inf if wide_count is None else math.ceil(wide_count * ratio)
    mapped: list[Gap] = []
    for gap in gaps:
        first = max(math.ceil((gap.sample_index - reach) * ratio), 0)
        behind = math.floor((gap.end - 1 + reach) * ratio) + 1
        count = int(min(behind, end)) - first
        one = Gap(first, count, gap.cause, math.ceil(gap.uncertainty * ratio))
        if mapped and first <= mapped[-1].end:
            mapped[-1] = _joined(mapped[-1], one)
        elif count > 0:
            mapped.append(one)
    return tuple(mapped)


def _joined(first: Gap, second: Gap) -> Gap:
    """Two that the filter made one."""
    cause = first.cause if second.cause in first.cause else f"{first.cause}, {second.cause}"
    count = max(first.end, second.end) - first.sample_index
    return Gap(first.sample_index, count, cause, max(first.uncertainty, second.uncertainty))
