"""Lowers the sample rate where most of the band holds no signal: every later stage costs less."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _demod

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
        taps = low_pass(factor, band) if factor > 1 else np.zeros(_TAPS_MULTIPLE, np.float32)
        self._taps = np.stack([taps, taps])
        self._reach = len(taps) // 2
        self._tail = np.zeros(0, np.complex64)
        self._tail_from = 0  # number of `_tail[0]`
        self._given = 0

    def process(self, samples: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Samples at the lower rate that are final after complex64[n] more."""
        if self.factor == 1:
            return samples
        self._tail = np.concatenate([self._tail, samples])
        end = self._tail_from + len(self._tail)
        return self._give(max((end - self._reach - 1) // self.factor + 1, self._given))

    def flush(self) -> NDArray[np.complex64]:
        """The rest; behind the end the input counts as zero."""
        if self.factor == 1:
            return np.zeros(0, np.complex64)
        end = self._tail_from + len(self._tail)
        return self._give(-(-end // self.factor))

    def _give(self, until: int) -> NDArray[np.complex64]:
        first = self._given * self.factor - self._tail_from
        out = _demod.matched_samples(self._tail, self._taps, first, self.factor, until - self._given, 0.0)
        self._given = until
        drop = min(max(until * self.factor - self._reach - self._tail_from, 0), len(self._tail))
        self._tail = self._tail[drop:]
        self._tail_from += drop
        return out
