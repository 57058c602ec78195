"""Level, clipping and DC of every second of samples, while they are recorded."""

from __future__ import annotations

import math

from sdr.formats import bytes_per_sample
from sdr.index_line import Level
from sdr.level_sums import UNITS, LevelSums, level_sums


class LevelMeter:
    """Takes the samples of a file in order; a second is measured once a sample behind it is known.

    Args:
        fmt: one of `sdr.formats.FORMATS`.
        sample_rate: Hz.
        position: samples of the file that came before and are not measured.
    """

    def __init__(self, fmt: str, sample_rate: float, position: int = 0) -> None:
        self._format, self._sample_rate = fmt, sample_rate
        self._bytes_per_sample = bytes_per_sample(fmt)
        self._position = position
        self._second = int(position / sample_rate)
        self._sums = LevelSums()

    def add(self, raw: bytes | memoryview) -> list[Level]:
        """Measure whole raw samples; the levels of the seconds that they complete."""
        view, done = memoryview(raw), []
        while view:
            left = self._second_end() - self._position
            part, view = view[: left * self._bytes_per_sample], view[left * self._bytes_per_sample :]
            self._sums += level_sums(part, self._format)
            self._position += len(part) // self._bytes_per_sample
            done += self._completed()
        return done

    def skip(self, sample_count: int) -> list[Level]:
        """Pass over samples that were lost; a second that lies in the gap as a whole has no level."""
        self._position += sample_count
        return self._completed()

    def flush(self) -> list[Level]:
        """The level of the second that is not over, where anything of it was measured."""
        done = [level_of(self._second, self._sums, self._format)] if self._sums.count else []
        self._sums = LevelSums()
        return done

    def _completed(self) -> list[Level]:
        if self._position < self._second_end():
            return []
        done = self.flush()
        self._second = int(self._position / self._sample_rate)
        while self._position >= self._second_end():  # rounding
            self._second += 1
        return done

    def _second_end(self) -> int:
        return math.ceil((self._second + 1) * self._sample_rate)


def level_of(second: int, sums: LevelSums, fmt: str) -> Level:
    """The level that sums stand for; of at least one sample."""
    unit = UNITS[fmt].size
    power = sums.power * unit**2 / sums.count
    return Level(
        second,
        10 * math.log10(power) if power > 0 else None,
        sums.clipped / sums.count,
        complex(sums.i, sums.q) * unit / sums.count,
    )
