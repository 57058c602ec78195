"""What a signal is when nothing is known of it: its band, its symbol rate, its kind.

    samples ─► spectrum ─► occupied band, cut out ─► lines of |z|² and z² ─► guesses, best first

Symbols of equal shape make the power |z|² periodic: a line at the symbol rate (not with OQPSK, whose rails
fill each other's gaps). The square z² of BPSK has a line at twice the carrier, that of OQPSK two, one symbol
rate either side of it. Guesses are no proof: `detect` demodulates by them.
Source: Gardner, Exploitation of spectral redundancy in cyclostationary signals, IEEE SP Magazine 8 (1991) 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.interference import excise, is_comb, local_level, power_of

_PIECES = 2048  # of the spectrum
_OVER_FLOOR = 1.35
_CARRIER_PIECES = 3  # what is no wider is no modulated signal
_MOST_SAMPLES = 1 << 18  # at the band's own rate: bounds the memory
_MARGIN = 1.1  # of the band that is cut out
_RATE_SHARES = (0.22, 1.15)  # of the band's width: split phase takes up to four times its rate
_LINE_OVER = 25.0  # a line's power over the median around it: noise reaches 18 in 1e6 points
_SQUARE_OVER = 6.0  # the same, after averaging over segments
_MEDIAN_POINTS = 512
_SEGMENT_SYMBOLS = 16_384
_GUESSES = 4


@dataclass(frozen=True)
class Band:
    """A part of the spectrum, cut out.

    Attributes:
        samples: complex64[n], its middle at zero frequency, nothing outside of it.
        sample_rate: Of these, Hz.
        middle_hz: Where the middle was.
        width_hz: Occupied width.
    """

    samples: NDArray[np.complex64]
    sample_rate: float
    middle_hz: float
    width_hz: float


@dataclass(frozen=True)
class Guess:
    """A kind of signal and its symbol rate in Bd, and how far its line stands out.

    `kind` is "oqpsk", or "even": QPSK, BPSK, or split phase at this rate or half of it.
    """

    kind: str
    symbol_rate: float
    strength: float


def occupied_bands(samples: NDArray[np.complex64], sample_rate: float) -> list[Band]:
    """What stands out of the noise, strongest first; last the whole of it, where a signal may fill all.

    Args:
        samples: complex64[n].
        sample_rate: Hz.
    """
    if len(samples) < 2 * _PIECES:
        return []
    part = samples[:_MOST_SAMPLES]
    spectrum = scipy.fft.fft(part, scipy.fft.next_fast_len(len(part)))
    power = power_of(spectrum)
    if is_comb(power, local_level(power)):  # clicks at an even pace would pass for anything
        return []
    spectrum, _ = excise(spectrum, power)
    bounds = np.linspace(0, len(spectrum), _PIECES + 1).astype(np.int64)
    level = np.add.reduceat(power_of(spectrum), bounds[:-1], dtype=np.float64) / np.diff(bounds)
    level = np.roll(level, _PIECES // 2)
    smooth = np.convolve(np.concatenate([level[-4:], level, level[:4]]), np.ones(9) / 9, "valid")
    high = smooth > _OVER_FLOOR * np.percentile(smooth, 15)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
    single = [(int(low), int(end)) for low, end in edges.reshape(-1, 2) if end - low > 9 + _CARRIER_PIECES]
    runs = sorted({*_joined(single), *single}, key=lambda run: -float(level[run[0] : run[1]].sum()))
    piece_hz = sample_rate / _PIECES
    bands = [
        _cut(samples, sample_rate, ((low + end) / 2 - _PIECES / 2) * piece_hz, (end - low) * piece_hz)
        for low, end in runs[:2]
    ]
    return [*bands, _cut(samples, sample_rate, 0.0, sample_rate)]


def guesses(band: Band) -> list[Guess]:
    """Modulations and symbol rates that lines in the band speak for, best first."""
    low_hz, high_hz = (share * band.width_hz for share in _RATE_SHARES)
    found = _power_lines(band, low_hz, high_hz) + _square_pairs(band, low_hz, high_hz)
    return sorted(found, key=lambda guess: -guess.strength)[: 2 * _GUESSES]


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs with those beside them, where what parts them is narrow: split phase has nothing in its middle."""
    joined: list[tuple[int, int]] = []
    for low, end in runs:
        before = joined[-1] if joined else None
        if before is not None and low - before[1] < min(end - low, before[1] - before[0]):
            joined[-1] = (before[0], end)
        else:
            joined.append((low, end))
    return joined


def _cut(samples: NDArray[np.complex64], sample_rate: float, middle_hz: float, width_hz: float) -> Band:
    """A band of the samples, at twice the rate that just holds it: so do its squares fit."""
    samples = samples[: max(int(_MOST_SAMPLES * min(sample_rate / width_hz, len(samples))), 1)]
    spectrum = scipy.fft.fft(samples, scipy.fft.next_fast_len(len(samples)))
    spectrum, _ = excise(spectrum, power_of(spectrum))
    size = len(spectrum)
    middle = round(middle_hz / sample_rate * size)
    half = min(scipy.fft.next_fast_len(int(width_hz / sample_rate * size * _MARGIN / 2) + 1), size // 2)
    centred = np.roll(spectrum, half - middle)[: 2 * half]
    wide = np.zeros(4 * half, np.complex64)
    wide[:half], wide[-half:] = centred[half:], centred[:half]
    return Band(scipy.fft.ifft(wide), sample_rate * 4 * half / size, middle / size * sample_rate, width_hz)


def _power_lines(band: Band, low_hz: float, high_hz: float) -> list[Guess]:
    """The strongest lines of the power."""
    power = power_of(band.samples)
    size = scipy.fft.next_fast_len(2 * len(power))
    line = power_of(scipy.fft.rfft(power - power.mean(), size))
    point_hz = band.sample_rate / size
    first, last = int(low_hz / point_hz), min(int(high_hz / point_hz) + 1, len(line))
    return [
        Guess("even", at * point_hz, strength / _LINE_OVER)
        for at, strength in _peaks(line, first, last)
        if strength > _LINE_OVER
    ]


def _square_pairs(band: Band, low_hz: float, high_hz: float) -> list[Guess]:
    """Pairs of lines of the square, each two symbol rates of OQPSK apart and even about the band's middle."""
    square = band.samples * band.samples
    length = min(len(square), scipy.fft.next_fast_len(int(_SEGMENT_SYMBOLS * band.sample_rate / low_hz)))
    segments = square[: len(square) // length * length].reshape(-1, length)
    size = 2 * length
    power = power_of(scipy.fft.fft(segments, size, axis=1)).mean(axis=0)
    point_hz = band.sample_rate / size
    over = 1 + (_LINE_OVER - 1) / np.sqrt(len(segments)) if len(segments) < 16 else _SQUARE_OVER
    lines = [(at, strength / over) for at, strength in _peaks(power, 0, size) if strength > over]
    found = []
    for (one, weight), (other, counterweight) in combinations(lines, 2):
        turn = np.angle(np.exp(2j * np.pi * (one + other) / size))  # of four times the carrier
        if abs(turn) / (2 * np.pi) * band.sample_rate / 4 > band.width_hz / 8:
            continue
        for apart in (abs(one - other), size - abs(one - other)):  # either way round
            rate = apart * point_hz / 2
            if low_hz <= rate <= high_hz:
                found.append(Guess("oqpsk", rate, min(weight, counterweight)))
    return found


def _peaks(power: NDArray[np.float32], first: int, last: int) -> list[tuple[float, float]]:
    """The strongest points of ``power[first:last]``: place, and height over the median around it."""
    if last - first < 16:
        return []
    part = power[first:last]
    count = max(len(part) // _MEDIAN_POINTS, 1)
    whole = part[: len(part) // count * count].reshape(count, -1)
    level = np.repeat(np.median(whole, axis=1), whole.shape[1])
    level = np.append(level, np.full(len(part) - len(level), level[-1]))
    ratio = part / np.maximum(level * np.float32(1 / np.log(2)), 1e-30)
    found: list[tuple[float, float]] = []
    for _ in range(_GUESSES):
        at = int(ratio.argmax())
        found.append((first + at + _peak_shift(part, at), float(ratio[at])))
        ratio[max(at - 4, 0) : at + 5] = 0
    return found


def _peak_shift(power: NDArray[np.float32], at: int) -> float:
    """Where between the points a peak lies, by the parabola through three of them."""
    if not 0 < at < len(power) - 1:
        return 0.0
    before, top, after = (float(power[at + step]) for step in (-1, 0, 1))
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
