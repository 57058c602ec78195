"""Mixes samples to a carrier and evaluates the matched filter at any evenly spaced instants.

`matched_samples_plain` is the specification; the kernel in `matched_filter.cpp` does the same at speed. The
two differ only by float32 rounding, less than 2e-5 of the largest input sample; and by at most
100 * `slope` * samples radians of the phase, as the kernel's carrier is straight over 64 samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _demod
from decoders.demodulation.filters import PHASES, PolyphaseBank


def matched_samples_plain(
    samples: NDArray[np.complex64],
    bank: PolyphaseBank,
    *,
    first: float,
    step: float,
    count: int,
    frequency: float,
    slope: float = 0.0,
    turns: float = 0.0,
) -> NDArray[np.complex64]:
    """The specification of `matched_samples`."""
    taps = bank.taps.shape[1]
    time = np.arange(len(samples))
    mixed = samples * np.exp(-2j * np.pi * (turns + time * (frequency + slope / 2 * time)))
    padded = np.concatenate([np.zeros(taps), mixed, np.zeros(taps)])
    instant = first + step * np.arange(count)
    whole = np.floor(instant)
    phase = np.floor((instant - whole) * PHASES + 0.5).astype(np.int64)
    start = whole.astype(np.int64) - taps // 2 + 1 + taps
    out = np.zeros(count, np.complex64)
    inside = np.flatnonzero((start >= 0) & (start + taps <= len(padded)))
    for m in inside:
        out[m] = padded[start[m] : start[m] + taps] @ bank.taps[phase[m]]
    return out


def matched_samples(
    samples: NDArray[np.complex64],
    bank: PolyphaseBank,
    *,
    first: float,
    step: float,
    count: int,
    frequency: float,
    slope: float = 0.0,
    turns: float = 0.0,
) -> NDArray[np.complex64]:
    """Matched filter outputs at ``first + m * step``.

    Args:
        samples: complex64[n]; outside of them the input counts as zero.
        bank: The filter.
        first: Instant of the first output, in samples after ``samples[0]``; may be negative.
        step: Distance of the outputs in samples.
        count: How many outputs.
        frequency: Of the carrier to mix to zero, at ``samples[0]``, cycles per sample.
        slope: Its change, cycles per sample per sample.
        turns: Phase of the carrier at ``samples[0]``.

    Returns:
        complex64[count].

    Raises:
        ValueError: `count` is negative, or one of the others is not finite.
    """
    return _demod.matched_samples(samples, bank.taps, first, step, count, frequency, slope, turns)
