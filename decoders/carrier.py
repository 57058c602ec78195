"""Carrier phase by looking both ways in time: no loop that has to lock, none that can hang.

Outputs of the matched filter, already turned back by the estimated frequency, are cut into windows of
`WINDOW_SYMBOLS`. Each window gives one complex number whose angle is four times (QPSK) or twice (OQPSK) the
remaining carrier phase. Smoothed over `REACH` windows to either side it is followed from window to window. At
1.5 dB the phase error is 0.03 rad, a loss below 0.01 dB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoders.acquisition import fourth_power

WINDOW_SYMBOLS = 128
REACH = 10
_EDGE_TAPS = 25


def edge_taps(rolloff: float) -> NDArray[np.complex64]:
    """Filter at two samples per symbol that keeps the upper band edge, centred on zero frequency.

    It makes the matched pulse symmetrical about half the symbol rate, which removes pattern jitter (see
    `spectral_lines`). Its conjugate keeps the lower edge.
    """
    size = 1024
    offset = np.fft.fftfreq(size) * 2  # symbol rates from the edge
    slope = np.sin(np.pi * np.clip(offset / rolloff, -0.5, 0.5))
    beyond = np.clip((np.abs(offset) - rolloff / 2) / (1 - rolloff / 2), 0, 1)
    response = (1 + slope) / 2 * (np.cos(np.pi * beyond) + 1) / 2
    impulse = np.roll(np.fft.ifft(response), _EDGE_TAPS // 2)[:_EDGE_TAPS] * np.hanning(_EDGE_TAPS + 2)[1:-1]
    return impulse.astype(np.complex64)


def qpsk_lines(symbols: NDArray[np.complex64]) -> NDArray[np.complex128]:
    """One number per window whose angle is four times the phase; complex64[n * WINDOW_SYMBOLS] in."""
    return np.asarray(fourth_power(symbols).reshape(-1, WINDOW_SYMBOLS).sum(axis=1, dtype=np.complex128))


def oqpsk_lines(outputs: NDArray[np.complex64], taps: NDArray[np.complex64]) -> NDArray[np.complex128]:
    """One number per window whose angle is twice the phase.

    Args:
        outputs: Two per symbol, the first of them an even one, ``len(taps) // 2`` more at either end.
        taps: From `edge_taps`.
    """
    turn = np.array([1, -1j, -1, 1j], np.complex64)
    margin = len(taps) // 2
    shift = turn[(np.arange(len(outputs)) - margin) % 4]
    upper = np.convolve(outputs * shift, taps, "valid")
    lower = np.convolve(outputs * shift.conj(), taps.conj(), "valid")
    line = upper * upper + lower * lower
    return np.asarray(line.reshape(-1, 2 * WINDOW_SYMBOLS).sum(axis=1, dtype=np.complex128))


def smooth(values: NDArray[np.complex128] | NDArray[np.float64], reach: int) -> NDArray[np.complex128]:
    """Weighted sums over `reach` values to either side, along the first axis; outside counts as zero."""
    kernel = np.hanning(2 * reach + 3)[1:-1]
    return np.convolve(values, kernel, "same") if len(values) > 2 * reach else _short(values, kernel)


def _short(
    values: NDArray[np.complex128] | NDArray[np.float64], kernel: NDArray[np.float64]
) -> NDArray[np.complex128]:
    full = np.convolve(values, kernel)
    start = len(kernel) // 2
    return np.asarray(full[start : start + len(values)])


def follow(angles: NDArray[np.float64], fold: int, before: float | None) -> NDArray[np.float64]:
    """Phases from angles of their `fold`-th power, each the nearest to the one before."""
    turn = 2 * np.pi
    start = angles[:1] if before is None else np.array([before * fold])
    unwrapped = np.unwrap(np.concatenate([start, angles]), period=turn)[1:]
    return np.asarray(unwrapped / fold)
