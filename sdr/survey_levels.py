"""How strong a recording is, second by second: level, clipping, DC; gaps count for nothing."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr.formats import Samples
from sdr.index import Gap
from sdr.level_sums import CLIPPED

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """Per second: when it is, and what was received in it, all [seconds].

    Attributes:
        time_s: its middle, since the first sample; the last one may be short.
        level_dbfs: mean power, -inf where nothing was received or all is zero.
        clipped: share of samples with I or Q at full scale.
        dc: mean, complex.
        received: samples that lie in no gap.
    """

    time_s: Floats
    level_dbfs: Floats
    clipped: Floats
    dc: npt.NDArray[np.complex128]
    received: Floats


class SecondLevels:
    """Takes the samples of a recording in order.

    Args:
        rate: samples per second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._position = 0
        self._sums: list[list[float]] = []  # samples, received, power, clipped, I, Q

    def add(self, samples: Samples, gaps: tuple[Gap, ...]) -> None:
        """Enter the next samples [n]; `gaps` of the recording, zeros in its samples, in order."""
        while len(samples):
            second = int((self._position + 0.5) / self._rate)
            end = max(round((second + 1) * self._rate), self._position + 1)
            piece, samples = samples[: end - self._position], samples[end - self._position :]
            while len(self._sums) <= second:
                self._sums.append([0.0] * 6)
            values = (len(piece), len(piece) - _lost(self._position, len(piece), gaps), *_sums(piece))
            self._sums[second] = [a + b for a, b in zip(self._sums[second], values, strict=True)]
            self._position += len(piece)

    def levels(self) -> Levels:
        """What was measured so far."""
        count, received, power, clipped, i, q = np.array(self._sums or np.zeros((0, 6))).T
        some = np.maximum(received, 1)
        with np.errstate(divide="ignore"):
            level = 10 * np.log10(power / some)
        middles = (np.cumsum(count) - count / 2) / self._rate
        return Levels(middles, level, clipped / some, (i + 1j * q) / some, received)


def _sums(samples: Samples) -> tuple[float, float, float, float]:
    """Power, clipped samples, and I and Q summed up."""
    parts = samples.view(np.float32)
    clipped = 0
    if parts.max() >= CLIPPED or parts.min() <= -CLIPPED:
        clipped = int(np.count_nonzero((np.abs(parts) >= CLIPPED).reshape(-1, 2).any(axis=1)))
    dc = complex(samples.sum(dtype=np.complex128))
    return float(np.vdot(samples, samples).real), float(clipped), dc.real, dc.imag


def _lost(first: int, count: int, gaps: tuple[Gap, ...]) -> int:
    """Samples of a piece that lie in gaps."""
    end = first + count
    before_end = itertools.takewhile(lambda gap: gap.sample_index < end, gaps)
    overlaps = (min(gap.end, end) - max(gap.sample_index, first) for gap in before_end)
    return sum(max(overlap, 0) for overlap in overlaps)
