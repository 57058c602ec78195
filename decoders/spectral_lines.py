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

_LEVEL_BINS = 32
_RATE_STRIDE = 4  # rates this many steps apart still show the line, a little lower
_ALIKE, _COMB_LINES = 0.01, 40
_EXCISE_OVER = 16.0  # a bin this many times the local level is no noise: once in 1e7 bins by chance


def is_comb(spectrum: NDArray[np.complex64]) -> bool:
    """Whether the narrow lines of a spectrum are too many, and too alike, to be carriers.

    A signal that repeats itself is a comb: fill frames repeat the randomiser's 255 bits, which makes some 390
    lines of 72 kBd. A carrier's skirt is one line here.
    """
    power = spectrum.real**2 + spectrum.imag**2
    high = np.flatnonzero(power > np.maximum(_EXCISE_OVER * local_level(power), _ALIKE * power.max()))
    return int(np.count_nonzero(np.diff(high) > 1)) + 1 >= _COMB_LINES


def excise(spectrum: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], float]:
    """Brings narrow lines (carriers, the DC spike of a dongle) down to the level around them.

    Args:
        spectrum: complex64[n], the transform of a block.

    Returns:
        The spectrum without them, and the power of the strongest over the level around it.
    """
    power = spectrum.real**2 + spectrum.imag**2
    level = local_level(power)
    high = np.flatnonzero(power > _EXCISE_OVER * level)
    if len(high) == 0:
        return spectrum, 0.0
    clean = spectrum.copy()
    clean[high] *= np.sqrt(level[high] / power[high])
    return clean, float((power[high].astype(np.float64) / np.maximum(level[high], 1e-30)).max())


def local_level(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of the noise around every bin, blind to single lines.

    The lesser of two bins of noise has half their mean power, and a line shows in one of them only.
    """
    groups = max(len(power) // (2 * _LEVEL_BINS), 1)
    half = min(_LEVEL_BINS, len(power) // 2)
    pairs = power[: groups * 2 * half].reshape(groups, 2, half)
    level = 2 * np.minimum(pairs[:, 0], pairs[:, 1]).mean(axis=1)
    spread = np.repeat(level, 2 * half)
    return np.append(spread, np.full(len(power) - len(spread), level[-1], np.float32))


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
    grid = scipy.fft.fftfreq(size, 1 / windows)
    allowed = np.abs(grid - centre) <= reach
    rate, peak, power = _best_rate(sums, time, rates[len(rates) // 2 % _RATE_STRIDE :: _RATE_STRIDE], allowed)
    if len(rates) > 1:
        near = rates[np.abs(rates - rate) < _RATE_STRIDE * (rates[1] - rates[0])]
        rate, peak, power = _best_rate(sums, time, near, allowed)
    frequency = _peak_frequency(power, peak) * windows / size
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


def _best_rate(
    sums: NDArray[np.complex128],
    time: NDArray[np.float64],
    rates: NDArray[np.float64],
    allowed: NDArray[np.bool_],
) -> tuple[float, NDArray[np.intp], NDArray[np.float64]]:
    """The rate with the highest peaks, the peaks' bins and the power spectra, one per row."""
    turn = np.exp(-1j * np.pi * rates[:, None] * time**2)
    spectra = scipy.fft.fft(sums[None] * turn[:, None], len(allowed), axis=2)
    power = np.where(allowed, spectra.real**2 + spectra.imag**2, 0.0)
    best = int(power.max(axis=2).sum(axis=1).argmax())
    return float(rates[best]), power[best].argmax(axis=1), power[best]


def _peak_frequency(power: NDArray[np.float64], peak: NDArray[np.intp]) -> NDArray[np.float64]:
    """Signed bin of the peaks, refined by a parabola through the three bins around each."""
    size = power.shape[1]
    row = np.arange(len(peak))
    before, at, after = (power[row, (peak + step) % size] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, -1)), 0.0)
    signed = np.where(peak >= size // 2, peak - size, peak)
    return np.asarray(signed + np.clip(shift, -0.5, 0.5), np.float64)
