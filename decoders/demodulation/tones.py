"""Steady carriers beside a signal with symmetrical sidebands: the DC spike of a dongle, beacons, spurs.

A signal whose symbols lie on one axis is symmetrical about its carrier, whatever its data repeat; a line
without a partner on the other side of the carrier is somebody else's. It is taken out as the slowly changing
mean of the samples turned back by its frequency.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.carrier import turn_back

_SIZE = 4096
_SEGMENTS = 12
_LEVEL_BINS = 64
_TONE_OVER = (
    6.0  # of the level around, mean of the segments: 17 sigma; 23 dB below a signal of 2 MHz at 6 MS/s
)
_PARTNER = 0.3  # of a line's power, so strong at least is the partner of a line of the signal itself
_OWN_BINS = 6  # nearer to the carrier a line is the residual one, or falls into the null of split phase
_MOST_TONES = 8
_WEAKEST = 1e-4  # of the strongest line, whose skirt stands out as well
_NARROW_OVER = 16.0
_MEAN = 2048
_STILL = 1e-5  # cycles per sample, 0.02 turns in a piece: straight lines follow that
_PIECE = 64
_TINY = 1e-30


def without_lines(spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """A block's spectrum with narrow lines brought down to the level around them."""
    power = spectrum.real**2 + spectrum.imag**2
    level = _level(power)
    high = np.flatnonzero(power > _NARROW_OVER * level)
    clean = spectrum.copy()
    clean[high] *= np.sqrt(level[high] / power[high])
    return clean


def without_tones(
    samples: NDArray[np.complex64], carrier: float, *, residual: bool
) -> tuple[NDArray[np.complex64], int]:
    """Samples without steady carriers other than the signal's own.

    Args:
        samples: complex64[n].
        carrier: Of the signal, cycles per sample.
        residual: The signal has a carrier itself: lines beside it are left alone.

    Returns:
        complex64[n], and how many such carriers there were.
    """
    tones = find_tones(samples, carrier, residual=residual)
    for tone in tones:
        samples = _without(samples, tone)
    return samples, len(tones)


def find_tones(samples: NDArray[np.complex64], carrier: float, *, residual: bool) -> list[float]:
    """Frequencies of steady carriers other than `carrier`, strongest first; all in cycles per sample."""
    if len(samples) < _SIZE:
        return []
    starts = np.linspace(0, len(samples) - _SIZE, _SEGMENTS).astype(np.int64)
    window = np.hanning(_SIZE).astype(np.float32)
    pieces = np.stack([samples[start : start + _SIZE] for start in starts]) * window
    spectra = scipy.fft.fft(pieces, axis=1)
    power = np.mean(spectra.real**2 + spectra.imag**2, axis=0)
    level = _level(power)
    over = power / np.maximum(level, _TINY)
    bins = np.arange(_SIZE)
    partner = np.round(2 * carrier * _SIZE).astype(np.int64) - bins
    mirrored = np.max([power[(partner + step) % _SIZE] for step in (-1, 0, 1)], axis=0)
    away = np.abs((bins - carrier * _SIZE + _SIZE / 2) % _SIZE - _SIZE / 2)
    peak = (power >= np.roll(power, 1)) & (power > np.roll(power, -1))
    foreign = (
        peak & (over > _TONE_OVER) & (mirrored < _PARTNER * power) & (away > (_OWN_BINS if residual else 0))
    )
    foreign &= power > _WEAKEST * power.max()
    chosen = np.flatnonzero(foreign)
    if len(chosen) == 0:
        return []
    chosen = chosen[np.argsort(over[chosen])[::-1][:_MOST_TONES]]
    left, right = power[(chosen - 1) % _SIZE], power[(chosen + 1) % _SIZE]
    # The square root of a Hann line is nearly a parabola.
    root = np.sqrt(np.stack([left, power[chosen], right]))
    shift = (root[2] - root[0]) / np.maximum(2 * (2 * root[1] - root[0] - root[2]), _TINY)
    return [float(f) for f in (chosen + np.clip(shift, -0.5, 0.5)) / _SIZE]


def _level(power: NDArray[np.floating]) -> NDArray[np.floating]:
    """Median of groups of bins, as the mean of noise with that median."""
    groups = max(len(power) // _LEVEL_BINS, 1)
    size = len(power) // groups
    level = np.median(power[: groups * size].reshape(groups, size), axis=1)
    spread = np.repeat(level, size)
    return np.append(spread, np.full(len(power) - len(spread), spread[-1]))


def _without(samples: NDArray[np.complex64], tone: float) -> NDArray[np.complex64]:
    """Takes one carrier out; its frequency is first refined from how its phase runs."""
    tone = 0.0 if abs(tone) < _STILL else tone
    still = _turned(samples, tone)
    means = _means(still)
    drift = float(np.angle(np.vdot(means[:-1], means[1:]))) / (2 * np.pi * _MEAN)
    if abs(drift) > _STILL:
        tone += drift
        still = _turned(samples, tone)
        means = _means(still)
    # The mean, straight from edge to edge of the pieces, where it is that of its two neighbours.
    edges = np.concatenate([means[:1], (means[:-1] + means[1:]) / 2, means[-1:]]).astype(np.complex64)
    ramp = ((np.arange(_MEAN) + 0.5) / _MEAN).astype(np.float32)
    whole = len(means) * _MEAN
    pieces = still[:whole].reshape(-1, _MEAN) - edges[:-1, None]
    pieces -= (edges[1:] - edges[:-1])[:, None] * ramp
    still = np.concatenate([pieces.ravel(), still[whole:] - edges[-1]])
    return _turned(still, -tone)


def _means(samples: NDArray[np.complex64]) -> NDArray[np.complex64]:
    count = len(samples) // _MEAN
    return np.asarray(samples[: count * _MEAN].reshape(count, -1).mean(axis=1))


def _turned(samples: NDArray[np.complex64], frequency: float) -> NDArray[np.complex64]:
    if frequency == 0.0:
        return samples
    pieces = -(-len(samples) // _PIECE)
    turns = np.asarray((frequency * _PIECE * np.arange(pieces)) % 1.0, np.float64)
    return turn_back(samples, turns, np.full(pieces, frequency), _PIECE)
