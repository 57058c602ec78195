"""Root-raised-cosine pulses as banks of taps that can be evaluated at any instant between two samples.

Textbook symbols: ``x`` time in symbols, ``a`` roll-off.
Source: Proakis, Digital Communications, 5th ed., eq. 9.2-27 (raised cosine) and its square root in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PHASES = 128
"""Instants per sample: the nearest one is at most 1/256 sample off, an error 59 dB below the signal."""

_SPAN, _SHORTEST_SPAN, _LONGEST_SPAN = 2.0, 4, 8
"""Symbols on either side of a pulse's middle: `_SPAN` over the roll-off, within bounds. A pulse dies away the
sooner the larger the roll-off; what is cut off costs less than 0.005 dB at 10 dB."""

_TAPER = 2.0  # Kaiser window: deepens the stop band against neighbours
_TAPS_MULTIPLE = 8  # the kernel works on eight samples at a time


def root_raised_cosine(x: NDArray[np.float64], rolloff: float) -> NDArray[np.float64]:
    """The pulse of unit energy per symbol at times `x` in symbols.

    Args:
        x: Times in symbols, any shape.
        rolloff: Excess bandwidth, 0 < rolloff <= 1.

    Returns:
        Amplitudes, the shape of `x`.
    """
    a = rolloff
    middle = np.abs(x) < 1e-8
    edge = np.abs(np.abs(4 * a * x) - 1) < 1e-8
    safe = np.where(middle | edge, 0.1234, x)
    pulse = (np.sin(np.pi * safe * (1 - a)) + 4 * a * safe * np.cos(np.pi * safe * (1 + a))) / (
        np.pi * safe * (1 - (4 * a * safe) ** 2)
    )
    at_edge = (a / np.sqrt(2)) * (
        (1 + 2 / np.pi) * np.sin(np.pi / (4 * a)) + (1 - 2 / np.pi) * np.cos(np.pi / (4 * a))
    )
    return np.where(middle, 1 - a + 4 * a / np.pi, np.where(edge, at_edge, pulse))


@dataclass(frozen=True)
class PolyphaseBank:
    """A pulse sampled at every tap for every fraction of a sample.

    Attributes:
        taps: float32[PHASES + 1, taps]; row p serves instants p/PHASES after a sample. Tap k weighs the
        sample
            k - taps/2 + 1 places after the one at or before the instant.
    """

    taps: NDArray[np.float32]

    @classmethod
    def matched(cls, *, sample_rate: float, symbol_rate: float, rolloff: float) -> PolyphaseBank:
        """The matched filter of a root-raised-cosine signal, gain 1 for the wanted symbol."""
        samples_per_symbol = sample_rate / symbol_rate
        span = min(max(int(np.ceil(_SPAN / rolloff)), _SHORTEST_SPAN), _LONGEST_SPAN)
        half = int(np.ceil(span * samples_per_symbol))
        count = -(-2 * half // _TAPS_MULTIPLE) * _TAPS_MULTIPLE
        fraction = np.arange(PHASES + 1)[:, None] / PHASES
        offset = (np.arange(count)[None, :] - count // 2 + 1 - fraction) / samples_per_symbol
        window = np.i0(_TAPER * np.sqrt(np.clip(1 - (offset / (span + 0.5)) ** 2, 0, 1))) / np.i0(_TAPER)
        taps = root_raised_cosine(offset, rolloff) * window / samples_per_symbol
        return cls(taps.astype(np.float32))

    @property
    def half_span(self) -> int:
        """Samples on either side that one output looks at."""
        return int(self.taps.shape[1]) // 2
