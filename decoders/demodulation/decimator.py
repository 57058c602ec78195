"""Lowers the sample rate where most of the band holds no signal: every later stage costs less."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _intake

SAMPLES_LEFT = 3.3
"""Samples per symbol that are left at least: fewer make the filter longer than what they spare."""

_CLEAR = 1.3  # half the lowered rate, in units of the band that must stay clean
_STOP_DB = 65.0
_TAPS_MULTIPLE = 8  # the kernel works on eight samples at a time


def decimation(sample_rate: float, symbol_rate: float, band_hz: float) -> int:
    """The whole factor by which the rate is lowered; `band_hz` to either side is kept."""
    lowest = max(SAMPLES_LEFT * symbol_rate, 2 * _CLEAR * band_hz)
    return max(int(sample_rate / lowest), 1)


def low_pass(factor: int, band: float) -> NDArray[np.float32]:
    """Taps that keep `band` (cycles per sample) and stop what would fold into it, 65 dB down.

    Source: Kaiser, Nonrecursive digital filter design using the I0-sinh window function, IEEE ISCAS 1974:
    length (A - 7.95) / (14.36 width) + 1, window parameter 0.1102 (A - 8.7).
    """
    width = 1 / factor - 2 * band
    half = math.ceil(((_STOP_DB - 7.95) / (14.36 * width) + 1) / 2)
    count = -(-2 * half // _TAPS_MULTIPLE) * _TAPS_MULTIPLE
    offset = np.arange(count) - (count // 2 - 1)
    beta = 0.1102 * (_STOP_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.clip(1 - (offset / (count / 2)) ** 2, 0, 1))) / np.i0(beta)
    taps = np.sinc(offset / factor) / factor * window
    return np.asarray(taps / taps.sum(), np.float32)


class Decimator:
    """Keeps one filtered sample of every `factor`: the first of all, and so on."""

    def __init__(self, factor: int, band: float) -> None:
        """Sets up the filter.

        Args:
            factor: Whole number, 1 passes everything as it is.
            band: What is kept to either side, cycles per input sample, below 1/2 `factor`.
        """
        self.factor = factor
        self._taps = low_pass(factor, band) if factor > 1 else np.zeros(0, np.float32)
        # From the first tap of the next output on; before the beginning the input counts as zero.
        self._held = np.zeros(max(len(self._taps) // 2 - 1, 0), np.complex64)
        self._taken = self._given = 0

    def process(self, samples: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Samples at the lower rate that are final after complex64[n] more."""
        if self.factor == 1:
            return samples
        out = decimated(self._held, samples, self._taps, self.factor)
        self._taken += len(samples)
        self._given += len(out)
        done = len(out) * self.factor
        behind = max(done - len(self._held), 0)
        self._held = np.concatenate([self._held[done:], samples[behind:]])
        return out

    def flush(self) -> NDArray[np.complex64]:
        """The rest; behind the end the input counts as zero."""
        left = -(-self._taken // self.factor) - self._given
        return self.process(np.zeros(len(self._taps) + self.factor, np.complex64))[:left]


def decimated(
    before: NDArray[np.complex64], samples: NDArray[np.complex64], taps: NDArray[np.float32], factor: int
) -> NDArray[np.complex64]:
    """The filter's outputs at every `factor`th sample of `before` followed by `samples`.

    Args:
        before: complex64[m].
        samples: complex64[n].
        taps: float32, a multiple of eight; output 0 is their sum over the first samples.
        factor: At least 1.

    Returns:
        complex64, as many as have all their taps on samples.

    Raises:
        ValueError: Another number of taps, or no factor.
    """
    return _intake.decimate(before, samples, taps, factor)


def decimated_plain(
    before: NDArray[np.complex64], samples: NDArray[np.complex64], taps: NDArray[np.float32], factor: int
) -> NDArray[np.complex64]:
    """The specification of `decimated`, to float32 rounding."""
    joined = np.concatenate([before, samples]).astype(np.complex128)
    if len(joined) < len(taps):
        return np.zeros(0, np.complex64)
    windows = np.lib.stride_tricks.sliding_window_view(joined, len(taps))[::factor]
    return (windows @ taps.astype(np.float64)).astype(np.complex64)
