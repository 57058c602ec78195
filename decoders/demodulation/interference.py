"""Finds and takes out what is narrower than the signal: carriers, the DC spike of a dongle, a voice channel.

Frames overlap by half under a Hann window, so what is removed neither clicks nor leaks at the frames'
borders. A steady carrier is a bin far above its surroundings and goes with the few bins that its skirt fills.
A wider neighbour (frequency-modulated voice, a pager) shows as groups of bins well above the median of those
in the band; what they hold is turned down until it no longer rules. Of 18 000 bins under a signal a carrier
costs ten, a voice channel in METEOR's band a tenth of all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

STRONG_LINE = 200.0
"""Power of a bin over the level around it that makes a carrier. Weaker ones cost the signal less than 0.1 dB;
blocks whose signal repeats itself (fill frames) are told by the comb of its lines and left alone."""

_SKIRT_LINE = 8.0
_SKIRT_BINS = 16
_MAIN_LOBE_BINS = 3  # of the Hann window, to either side
_LEVEL_BINS = 32
_ALIKE, _COMB_LINES = 0.01, 40
_EXCISE_OVER = 16.0  # a bin this many times the local level is no noise: once in 1e7 bins by chance
_GROUPS_PER_SYMBOL_RATE = 64
_HOT_OVER = 4.0  # the signal's own spectrum is flat to 1.3; bursts of 6 dB are somebody else's
_HOT_SHARE = 0.4  # of the symbol rate; what is wider may be the signal itself


def carriers(
    samples: NDArray[np.complex64],
    start: int,
    begin: int,
    end: int,
    frame: int,
    *,
    middle: float = 0.0,
    symbol_step: float | None = None,
) -> NDArray[np.complex64]:
    """What within ``samples[begin:end]`` is not the signal, to be subtracted.

    Args:
        samples: complex64[n]; outside of them the input counts as zero.
        start: Where in `samples` a frame begins; others lie every half frame before and after it.
        begin: First sample wanted.
        end: Behind the last sample wanted.
        frame: Samples per frame, even.
        middle: Of the signal's band, cycles per sample.
        symbol_step: Symbols per sample; None looks for steady carriers only.

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
        spectrum = scipy.fft.fft(piece * window)
        removed = _foreign_share(spectrum, middle * frame, symbol_step * frame if symbol_step else None)
        if removed is None:
            continue
        part = scipy.fft.ifft(spectrum * removed)
        low, high = max(at, begin), min(at + frame, end)
        found[low - begin : high - begin] += part[low - at : high - at]
    return found


def _foreign_share(
    spectrum: NDArray[np.complex64], middle: float, symbol_bins: float | None
) -> NDArray[np.float32] | None:
    """Share of each bin's amplitude that is somebody else's, 0..1; None where nothing is."""
    power = power_of(spectrum)
    level = local_level(power)
    lines = _line_mask(power, level)
    rest = np.where(lines, level, power)
    hot = None if symbol_bins is None else wide_interference(rest, middle, symbol_bins)
    if hot is None:
        return lines.astype(np.float32) if lines.any() else None
    return np.where(lines, np.float32(1), 1 - hot)


def wide_interference(
    power: NDArray[np.float32], middle: float, symbol_bins: float
) -> NDArray[np.float32] | None:
    """Gains that turn down neighbours wider than a carrier and narrower than the signal; None without any.

    A group of bins with p times the median power of the band gets the gain 1/p, that of the filter matched to
    a signal in coloured noise (Van Trees, Detection, Estimation and Modulation Theory I, 4.3.1: the noise's
    inverse spectrum).

    Args:
        power: float32[n], power of the block's bins.
        middle: Of the signal's band, bins.
        symbol_bins: Symbol rate in bins.
    """
    size = len(power)
    groups = round(size / symbol_bins * _GROUPS_PER_SYMBOL_RATE)
    if groups > size // 4 or groups < _GROUPS_PER_SYMBOL_RATE:
        return None
    bounds, widths = _groups(size, groups)
    mean = np.add.reduceat(power, bounds[:-1]) / widths
    half = _GROUPS_PER_SYMBOL_RATE // 2
    inside = (round(middle / size * groups) + np.arange(-half, half)) % groups
    reference = float(np.sort(mean[inside])[half - 1 : half + 1].mean())  # their median
    hot = mean > _HOT_OVER * reference
    near = (round(middle / size * groups) + np.arange(-2 * half, 2 * half)) % groups
    if reference <= 0 or not hot[near].any() or hot[near].sum() > _HOT_SHARE * 2 * half:
        return None
    # The neighbours of a hot group hold its skirts.
    hot = hot | ((np.roll(hot, 1) | np.roll(hot, -1)) & (mean > 1.5 * reference))
    gain = np.where(hot, reference / np.maximum(mean, 1e-30), 1.0).astype(np.float32)
    return np.asarray(np.repeat(gain, widths))


@lru_cache(maxsize=16)
def _groups(size: int, groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where groups of bins begin and the last one ends, and how many bins each has."""
    bounds = np.linspace(0, size, groups + 1).astype(np.int64)
    return bounds, np.diff(bounds)


def excise(
    spectrum: NDArray[np.complex64], power: NDArray[np.float32]
) -> tuple[NDArray[np.complex64], float]:
    """Brings narrow lines (carriers, the DC spike of a dongle) down to the level around them.

    Args:
        spectrum: complex64[n], the transform of a block.
        power: float32[n], its power.

    Returns:
        The spectrum without them, and the power of the strongest over the level around it; a spectrum that is
        a comb as it is, and 0.
    """
    level = local_level(power)
    high = np.flatnonzero(power > _EXCISE_OVER * level)
    if len(high) == 0 or is_comb(power, level):
        return spectrum, 0.0
    clean = spectrum.copy()
    clean[high] *= np.sqrt(level[high] / power[high])
    return clean, float((power[high].astype(np.float64) / np.maximum(level[high], 1e-30)).max())


def is_comb(power: NDArray[np.float32], level: NDArray[np.float32]) -> bool:
    """Whether the narrow lines of a spectrum are too many, and too alike, to be carriers.

    A signal that repeats itself is a comb: fill frames repeat the randomiser's 255 bits, which makes some 390
    lines of 72 kBd. A carrier's skirt is one line here.
    """
    high = np.flatnonzero(power > np.maximum(_EXCISE_OVER * level, _ALIKE * power.max()))
    return int(np.count_nonzero(np.diff(high) > 1)) + 1 >= _COMB_LINES


def power_of(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Power of every bin."""
    size = np.abs(spectrum)
    size *= size
    return size


def local_level(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of the noise around every bin, blind to single lines.

    The lesser of two bins of noise has half their mean power, and a line shows in one of them only.
    """
    half = min(_LEVEL_BINS, max(len(power) // 2, 1))
    groups = len(power) // (2 * half)
    pairs = power[: groups * 2 * half].reshape(groups, 2, half)
    least = np.minimum(pairs[:, 0], pairs[:, 1]).ravel()
    level = np.add.reduceat(least, np.arange(0, len(least), half)) * np.float32(2 / half)
    spread = np.empty_like(power)
    spread[: groups * 2 * half].reshape(groups, 2 * half)[:] = level[:, None]
    spread[groups * 2 * half :] = level[-1]
    return spread


def _line_mask(power: NDArray[np.float32], level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bins of steady carriers: peaks, the window's main lobe about them, what stands out of their skirts."""
    peaks = power > STRONG_LINE * level
    lobe = _spread(peaks, _MAIN_LOBE_BINS)
    skirt = _spread(peaks, _SKIRT_BINS) & (power > _SKIRT_LINE * level)
    return lobe | skirt


def _spread(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    return np.asarray(maximum_filter1d(mask, 2 * reach + 1, mode="wrap"))
