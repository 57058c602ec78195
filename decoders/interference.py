"""Takes steady carriers out of the samples: a neighbour's beacon, a switching supply's spur, the DC spike of
a dongle.

Frames overlap by half under a Hann window, so a removed carrier neither clicks nor leaks at the frames'
borders. Only bins far above their surroundings go, with the few that its skirt fills: of 18 000 bins under a
signal a carrier costs ten.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.spectral_lines import local_level

STRONG_LINE = 200.0
"""Power of a bin over the level around it that makes a carrier. Weaker ones cost the signal less than 0.1 dB;
blocks whose signal repeats itself (fill frames) are told by the comb of its lines and left alone."""

_SKIRT_LINE = 8.0
_SKIRT_BINS = 16
_MAIN_LOBE_BINS = 3  # of the Hann window, to either side


def carriers(
    samples: NDArray[np.complex64], start: int, begin: int, end: int, frame: int
) -> NDArray[np.complex64]:
    """Steady carriers within ``samples[begin:end]``, to be subtracted.

    Args:
        samples: complex64[n]; outside of them the input counts as zero.
        start: Where in `samples` a frame begins; others lie every half frame before and after it.
        begin: First sample wanted.
        end: Behind the last sample wanted.
        frame: Samples per frame, even.

    Returns:
        complex64[end - begin].
    """
    found = np.zeros(end - begin, np.complex64)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(frame) + 0.5) / frame)).astype(np.float32)
    hop = frame // 2
    first = start + ((begin - start) // hop - 1) * hop
    for at in range(first, end, hop):
        piece = np.zeros(frame, np.complex64)
        low, high = max(at, 0), min(at + frame, len(samples))
        if high <= low:
            continue
        piece[low - at : high - at] = samples[low:high]
        lines = scipy.fft.fft(piece * window)
        mask = _mask(lines)
        if not mask.any():
            continue
        part = scipy.fft.ifft(np.where(mask, lines, np.complex64(0)))
        low, high = max(at, begin), min(at + frame, end)
        found[low - begin : high - begin] += part[low - at : high - at]
    return found


def _mask(spectrum: NDArray[np.complex64]) -> NDArray[np.bool_]:
    """Bins of steady carriers: peaks, the window's main lobe about them, what stands out of their skirts."""
    power = spectrum.real**2 + spectrum.imag**2
    level = local_level(power)
    peaks = power > STRONG_LINE * level
    lobe = _spread(peaks, _MAIN_LOBE_BINS)
    skirt = _spread(peaks, _SKIRT_BINS) & (power > _SKIRT_LINE * level)
    return lobe | skirt


def _spread(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    wide = np.zeros_like(mask)
    for at in np.flatnonzero(mask):
        wide[np.arange(at - reach, at + reach + 1) % len(mask)] = True
    return wide
