"""The grid of sample numbers on which a wide recording is transformed: one for all channels taken out of it.

Block b gives the outputs from sample b · step of the wide recording on. Its transform begins `margin`
samples before and ends `margin` samples behind, where no filter reaches further.

         margin        step         margin
    |------------|----------------|------------|     length = margin + step + margin
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from scipy.fft import next_fast_len

from sdr.channel_filter import half_length
from sdr.errors import RecordingError

ROWS = 4
"""Blocks transformed at once: they fill a vector of scipy.fft, which takes half the time of one by one."""

PORTION_S = 0.03
"""The longest wait for the blocks of one transform, where the filters are short enough."""

_LARGEST_UNIT = 1 << 18
_LONGEST = 1 << 15  # longer transforms leave the processor's cache
_CALLS = 50_000.0  # what a block costs beside its transform, in units of `_cost`; measured


@dataclass(frozen=True)
class Grid:
    """Lengths in samples of the wide recording; each channel's ratio makes whole numbers of them."""

    length: int
    step: int
    margin: int

    @property
    def portion(self) -> int:
        """Samples by which the recording goes on from one transform of `ROWS` blocks to the next."""
        return ROWS * self.step

    @property
    def held(self) -> int:
        """Samples that such a transform reads."""
        return self.portion + 2 * self.margin


def grid_for(wide_rate: float, ratios: Sequence[Fraction]) -> Grid:
    """The grid that costs least for channels of these rates over the wide one.

    Their margins and lengths are multiples of the denominators, the lengths products of small primes.

    Raises:
        RecordingError: the rates have no grid in common that fits into memory.
    """
    unit = math.lcm(*(ratio.denominator for ratio in ratios))
    if unit > _LARGEST_UNIT:
        rates = ", ".join(f"{wide_rate * ratio.numerator / ratio.denominator:g}" for ratio in ratios)
        raise RecordingError(
            f"channels of {rates} samples/s cannot be taken out of {wide_rate:g} at once; choose rates that "
            "go into it evenly, or take them one by one"
        )
    margin = -(-max(map(half_length, ratios)) // unit) * unit
    most = max(PORTION_S * wide_rate / ROWS, 2.0 * margin, unit)
    grids = [
        Grid(length, length - 2 * margin, margin)
        for length in _lengths(unit, 2 * margin)
        if length - 2 * margin <= most
    ]
    return min(grids, key=_cost)


def _lengths(unit: int, beyond: int) -> list[int]:
    """Fast lengths above `beyond`, to the first that is long enough in any case."""
    lengths: list[int] = []
    times = beyond // unit
    while not lengths or lengths[-1] < max(_LONGEST, 2 * beyond):
        times = int(next_fast_len(times + 1))
        lengths.append(times * unit)
    return lengths


def _cost(grid: Grid) -> float:
    """Work per sample of the wide recording, without unit."""
    return (grid.length * math.log2(grid.length) + _CALLS) / grid.step
