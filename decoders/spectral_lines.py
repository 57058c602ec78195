"""Lines that a modulation leaves in products of its own band edges.

A root-raised-cosine signal overlaps itself around half the symbol rate above and below its carrier. There
``upper * conj(lower)`` of QPSK holds a line at the symbol rate, and ``upper**2`` and ``lower**2`` of OQPSK
hold lines at twice the carrier plus and minus the symbol rate. Using the edges alone keeps out the noise and
the pattern jitter of everything between them. Source: Gardner, Self-noise in synchronizers, IEEE Trans. Comm.
28 (1980) 1159; D'Andrea and Luise, Optimization of symbol timing recovery for QAM data demodulators, ibid. 44
(1996) 399.

Frequencies here are in bins of the block's transform (cycles per block), times in fractions of the block from
its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

WINDOWS = 64
"""Pieces of a block over which the phase of a line is followed."""

_MEDIAN_BINS = 64
_EXCISE_OVER = 16.0  # a bin this many times the local level is no noise: once in 1e7 bins by chance


def excise(spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Brings narrow lines (carriers, the DC spike of a dongle) down to the level around them.

    Args:
        spectrum: complex64[n], the transform of a block.
    """
    power = spectrum.real**2 + spectrum.imag**2
    groups = len(power) // _MEDIAN_BINS
    level = np.median(power[: groups * _MEDIAN_BINS].reshape(groups, _MEDIAN_BINS), axis=1) / np.log(2)
    level = np.append(np.repeat(level, _MEDIAN_BINS), np.full(len(power) - groups * _MEDIAN_BINS, level[-1]))
    high = np.flatnonzero(power > _EXCISE_OVER * level)
    if len(high) == 0:
        return spectrum
    clean = spectrum.copy()
    clean[high] *= np.sqrt(level[high] / power[high]).astype(np.float32)
    return clean


def band(
    spectrum: NDArray[np.complex64], middle: int, width: int, weight: NDArray[np.float32] | None = None
) -> NDArray[np.complex64]:
    """The signal within `width` bins around bin `middle`, shifted to zero: complex64[width] over the block's
    time.
    """
    offset = np.arange(width) - width // 2
    cut = spectrum[(middle + offset) % len(spectrum)]
    if weight is not None:
        cut *= weight
    out: NDArray[np.complex64] = scipy.fft.ifft(scipy.fft.ifftshift(cut))
    return out


def window_sums(values: NDArray[np.complex64], windows: int = WINDOWS) -> NDArray[np.complex128]:
    """Sums over `windows` equal pieces; the length must be a multiple of `windows`."""
    return np.asarray(values.reshape(windows, -1).sum(axis=1, dtype=np.complex128))


def edge_weight(offset: NDArray[np.float64], rolloff: float) -> NDArray[np.float32]:
    """Filter for the upper edge: matched, then made symmetrical about the edge, which removes the pattern
    jitter.

    Args:
        offset: Distance above half the symbol rate, in symbol rates.
        rolloff: Excess bandwidth.
    """
    slope = np.sin(np.pi * np.clip(offset / rolloff, -0.5, 0.5))
    inside = np.abs(offset) < rolloff / 2
    weight: NDArray[np.float32] = np.where(inside, np.sqrt((1 - slope) / 2) * (1 + slope) / 2, 0).astype(
        np.float32
    )
    return weight


@dataclass(frozen=True)
class Line:
    """A line found among window sums.

    Attributes:
        frequency: Cycles per block.
        rate: Change of the frequency, cycles per block per block.
        phase: Radians in the middle of the block.
        coherence: Share of the windows' energy that the line explains, 0..1.
    """

    frequency: float
    rate: float
    phase: float
    coherence: float


def fit_lines(
    sums: NDArray[np.complex128], *, reach: float, rates: NDArray[np.float64], centre: float = 0.0
) -> tuple[Line, ...]:
    """The strongest line in each row, all rows sharing one frequency rate.

    Args:
        sums: complex128[rows, windows].
        reach: Largest distance from `centre` to look at, cycles per block.
        rates: Frequency rates to try, cycles per block per block.
        centre: Middle of the search, cycles per block.
    """
    rows, windows = sums.shape
    time = (np.arange(windows) + 0.5) / windows - 0.5
    size = 8 * windows
    best: tuple[float, float, NDArray[np.float64]] = (-1.0, 0.0, np.zeros(rows))
    grid = scipy.fft.fftfreq(size, 1 / windows)
    allowed = np.abs(grid - centre) <= reach
    for rate in rates:
        power = np.abs(scipy.fft.fft(sums * np.exp(-1j * np.pi * rate * time**2), size, axis=1)) ** 2
        power = np.where(allowed, power, 0.0)
        peak = power.argmax(axis=1)
        score = float(power[np.arange(rows), peak].sum())
        if score > best[0]:
            best = (score, float(rate), _peak_frequency(power, peak) * windows / size)
    _, rate, frequency = best
    turned = sums * np.exp(-2j * np.pi * (frequency[:, None] * time + rate * time**2 / 2))
    total = turned.sum(axis=1)
    energy = (np.abs(sums) ** 2).sum(axis=1) * windows
    return tuple(
        Line(
            float(frequency[r]),
            rate,
            float(np.angle(total[r])),
            float(abs(total[r]) ** 2 / max(energy[r], 1e-30)),
        )
        for r in range(rows)
    )


def _peak_frequency(power: NDArray[np.float64], peak: NDArray[np.intp]) -> NDArray[np.float64]:
    """Signed bin of the peaks, refined by a parabola through the three bins around each."""
    size = power.shape[1]
    row = np.arange(len(peak))
    before, at, after = (power[row, (peak + step) % size] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, -1)), 0.0)
    signed = np.where(peak >= size // 2, peak - size, peak)
    return np.asarray(signed + np.clip(shift, -0.5, 0.5), np.float64)
