"""The two edges of a signal's band, cut out of a block's spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.spectral_lines import WINDOWS, Line, band, edge_weight, fit_lines, window_sums


@dataclass(frozen=True)
class Signal:
    """What a block's spectrum is expected to hold, in bins.

    Attributes:
        symbol_bins: Symbol rate.
        rolloff: Of the root-raised-cosine pulse.
        reach: Largest distance of the carrier from the middle.
        clock_reach: Largest error of the symbol rate.
    """

    symbol_bins: float
    rolloff: float
    reach: float
    clock_reach: float

    @cached_property
    def edge_filters(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For the upper and the lower edge, about the bin nearest to it: half a bin does not matter."""
        width = _multiple(self.rolloff * self.symbol_bins, WINDOWS)
        offset = (np.arange(width, dtype=np.float64) - width // 2) / self.symbol_bins
        return edge_weight(offset, self.rolloff), edge_weight(-offset, self.rolloff)


@dataclass(frozen=True)
class Edges:
    """The band's edges, each shifted to zero frequency.

    Attributes:
        upper: complex64[width], over the block's time.
        lower: The same of the lower edge.
        upper_bin: Bin that became zero frequency in `upper`.
        lower_bin: And in `lower`.
    """

    upper: NDArray[np.complex64]
    lower: NDArray[np.complex64]
    upper_bin: int
    lower_bin: int

    @classmethod
    def shaped(cls, spectrum: NDArray[np.complex64], signal: Signal, carrier: float) -> Edges:
        """Both edges through the filter that suits them, around a carrier known in bins."""
        upper = round(carrier + signal.symbol_bins / 2)
        lower = round(carrier - signal.symbol_bins / 2)
        above, below = signal.edge_filters
        return cls(
            band(spectrum, upper, len(above), above),
            band(spectrum, lower, len(below), below),
            upper,
            lower,
        )

    @classmethod
    def wide(cls, spectrum: NDArray[np.complex64], signal: Signal) -> Edges:
        """Both edges as far as a carrier within reach can put them."""
        upper, lower = round(signal.symbol_bins / 2), round(-signal.symbol_bins / 2)
        width = _multiple(signal.rolloff * signal.symbol_bins + 2 * signal.reach, WINDOWS)
        return cls(band(spectrum, upper, width), band(spectrum, lower, width), upper, lower)

    def clock_line(self, signal: Signal) -> Line:
        """The line at the symbol rate in the product of the edges."""
        sums = window_sums(self.upper * self.lower.conj())[None]
        apart = self.upper_bin - self.lower_bin
        centre = signal.symbol_bins - apart
        return fit_lines(sums, reach=signal.clock_reach, rates=np.zeros(1), centre=centre)[0]


def _multiple(value: float, of: int) -> int:
    """A multiple of `of` that is not below `value` and has a quick transform."""
    return int(scipy.fft.next_fast_len(int(-(-value // of)))) * of
