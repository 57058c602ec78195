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
from functools import cache, lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

WINDOWS = 64
"""Pieces of a block over which the phase of a line is followed."""

SEGMENTS = 8
"""Pieces of a block whose power spectra are averaged where a line is looked for over a wide range."""

_OUTSHONE = 2.0  # in power; noise does not differ that much over the segments
_NEAR_POINTS = 4  # of a zero-padded segment's spectrum

_RATE_STRIDE = 4  # rates this many steps apart still show the line, a little lower


def band(
    spectrum: NDArray[np.complex64], middle: int, width: int, weight: NDArray[np.float32] | None = None
) -> NDArray[np.complex64]:
    """The signal within `width` bins around bin `middle`, shifted to zero: complex64[width] over the block's
    time.
    """
    size, first, half = len(spectrum), (middle - width // 2) % len(spectrum), width // 2
    cut = (
        spectrum[first : first + width]
        if first + width <= size
        else np.resize(np.roll(spectrum, -first), width)
    )
    if weight is not None:
        cut = cut * weight
    out: NDArray[np.complex64] = scipy.fft.ifft(np.concatenate([cut[half:], cut[:half]]), overwrite_x=True)
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
    # With t = pi offset / rolloff, sqrt((1 - sin t) / 2) is s = sin(pi/4 - t/2), (1 + sin t) / 2 is 1 - s^2.
    inside = np.clip(offset.astype(np.float32) / np.float32(rolloff), np.float32(-0.5), np.float32(0.5))
    s = np.sin(np.float32(np.pi / 4) - np.float32(np.pi / 2) * inside)
    return np.asarray(s * (1 - s * s), np.float32)


def segment_power(values: NDArray[np.complex64]) -> NDArray[np.float64]:
    """Mean power spectrum over segments of a block, each zero-padded to twice its length or more."""
    length = len(values) // SEGMENTS
    size = scipy.fft.next_fast_len(2 * length)
    spectra = scipy.fft.fft(values[: length * SEGMENTS].reshape(SEGMENTS, length), size, axis=1)
    power: NDArray[np.float64] = np.mean(spectra.real**2 + spectra.imag**2, axis=0)
    return power


def is_outshone(values: NDArray[np.complex64], frequency: float) -> bool:
    """Whether a much stronger line lies elsewhere than at `frequency`, in cycles per block.

    Sums over windows show a line further than half a cycle per window away as well, weaker and at another
    place.
    """
    power = segment_power(values)
    at = round(frequency * len(power) / len(values))
    near = power[np.arange(at - _NEAR_POINTS, at + _NEAR_POINTS + 1) % len(power)]
    return bool(power.max() > _OUTSHONE * near.max())


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
    size = 8 * windows
    time, allowed = _time(windows), _allowed(windows, size, reach, centre)
    rate, power = _best_rate(sums, time, rates[len(rates) // 2 % _RATE_STRIDE :: _RATE_STRIDE], allowed)
    if len(rates) > 1:
        near = rates[np.abs(rates - rate) < _RATE_STRIDE * (rates[1] - rates[0])]
        rate, power = _best_rate(sums, time, near, allowed)
    frequency = np.array([_peak_frequency(row) for row in power]) * windows / size
    turned = sums * np.exp(-2j * np.pi * (frequency[:, None] * time + rate * time**2 / 2))
    total = turned.sum(axis=1)
    energy = (sums.real**2 + sums.imag**2).sum(axis=1) * windows
    return tuple(
        Line(
            float(frequency[r]),
            rate,
            float(np.angle(total[r])),
            float(abs(total[r]) ** 2 / max(energy[r], 1e-30)),
        )
        for r in range(rows)
    )


@cache
def _time(windows: int) -> NDArray[np.float64]:
    """Middles of the windows in blocks."""
    return (np.arange(windows) + 0.5) / windows - 0.5


@lru_cache(maxsize=64)
def _allowed(windows: int, size: int, reach: float, centre: float) -> NDArray[np.bool_]:
    """Which frequencies of a transform of `size` lie within reach."""
    return np.asarray(np.abs(scipy.fft.fftfreq(size, 1 / windows) - centre) <= reach)


def _best_rate(
    sums: NDArray[np.complex128],
    time: NDArray[np.float64],
    rates: NDArray[np.float64],
    allowed: NDArray[np.bool_],
) -> tuple[float, NDArray[np.float64]]:
    """The rate with the highest peaks, and the power spectra at it, one per row."""
    if len(rates) > 1 or rates[0]:
        turn = np.exp(-1j * np.pi * rates[:, None] * time**2)
        turned = sums[None] * turn[:, None]
    else:
        turned = sums[None]
    spectra = scipy.fft.fft(turned, len(allowed), axis=2)
    power = (spectra.real**2 + spectra.imag**2) * allowed
    best = int(power.max(axis=2).sum(axis=1).argmax()) if len(rates) > 1 else 0
    return float(rates[best]), power[best]


def _peak_frequency(power: NDArray[np.float64]) -> float:
    """Signed bin of the peak, refined by a parabola through the three bins around it."""
    size, peak = len(power), int(power.argmax())
    before, at, after = (float(power[(peak + step) % size]) for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = (before - after) / (2 * bend) if bend < 0 else 0.0
    return (peak - size if peak >= size // 2 else peak) + min(max(shift, -0.5), 0.5)
