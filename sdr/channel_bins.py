"""What is done with the bins of a transform: weighed, cut out, laid for the transform back; and phases."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from sdr.channel_filter import low_pass
from sdr.channel_grid import Grid
from sdr.formats import Samples


def response(ratio: Fraction, grid: Grid, shift: float, first: int, length: int) -> npt.NDArray[np.complex64]:
    """The filter about the channel's centre, at `length` bins from `first` on; its delay is zero."""
    taps = low_pass(ratio)
    half = len(taps) // 2
    offset = np.arange(-half, half + 1)
    around = np.zeros(grid.length, np.complex128)
    around[offset] = taps * np.exp(2j * np.pi * shift * offset)
    bins = np.arange(first, first + length) % grid.length
    # The transforms of scipy divide by their own length.
    weights = fft.fft(around)[bins] * (length / grid.length)
    return np.roll(weights.astype(np.complex64), -(length // 2))


def cut(spectra: Samples, first: int, length: int) -> Samples:
    """`length` bins of every row from `first` on, around the end, laid as the transform back wants them."""
    total = spectra.shape[1]
    out = np.empty((spectra.shape[0], length), np.complex64)
    below = length // 2  # so many bins lie below the middle, which comes first
    for begin, count, target in (
        ((first + below) % total, length - below, 0),
        (first, below, length - below),
    ):
        direct = min(count, total - begin)
        out[:, target : target + direct] = spectra[:, begin : begin + direct]
        out[:, target + direct : target + count] = spectra[:, : count - direct]
    return out


def turned(cycles: npt.NDArray[Any]) -> Samples:
    """exp(-2 pi i cycles), the whole turns taken off before the precision is lowered."""
    angle = (-2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    out = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=out.real)
    np.sin(angle, out=out.imag)
    return out
