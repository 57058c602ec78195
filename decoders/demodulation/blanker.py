"""Takes out impulses: ignition, switches, a neighbour's radar. What is blanked is lost, but only that.

Samples are looked at in chunks on a fixed grid, so that the result does not depend on how they come in. Of
noise and of a signal the strongest sample of a chunk has some ten times the mean power; only chunks with more
are looked at closely, and what stands far above their median is set to zero. A level that rises for good is
no impulse and stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _demod
from decoders.demodulation.sample_store import LARGEST, usable

CHUNK = 1024
"""Samples among which an impulse is looked for."""

_SUSPICIOUS = 16.0  # peak over mean power; noise alone reaches it once in 1e7 samples
_OVER_MEDIAN = 23.0  # the same seen from the median, which is ln 2 of the mean
_MOST = 0.25  # share of a chunk that impulses can take
_SKIRT = 2  # samples on either side that a receiver's filter smears an impulse over


class Blanker:
    """Sets impulses to zero, and what is no sample; hand in samples in any portions, then flush.

    Attributes:
        blanked: Samples of impulses so far.
        unusable: NaN, infinite and absurdly large samples so far.
    """

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.complex64)
        self.blanked = self.unusable = 0

    def process(self, samples: NDArray[np.complex64]) -> list[NDArray[np.complex64]]:
        """Takes complex64[n] and returns whole chunks in order; they may be parts of what was given."""
        done = []
        if len(self._rest):
            missing = CHUNK - len(self._rest)
            self._rest = np.concatenate([self._rest, samples[:missing]])
            samples = samples[missing:]
            if len(self._rest) < CHUNK:
                return []
            done.append(self._clean(self._rest, CHUNK))
        whole = len(samples) // CHUNK * CHUNK
        self._rest = samples[whole:].copy()
        if whole:
            done.append(self._clean(samples[:whole], CHUNK))
        return done

    def flush(self) -> NDArray[np.complex64]:
        """The rest, once there are no more samples."""
        rest, self._rest = self._rest, np.zeros(0, np.complex64)
        return self._clean(rest, len(rest)) if len(rest) else rest

    def _clean(self, samples: NDArray[np.complex64], length: int) -> NDArray[np.complex64]:
        total, strongest = powers(samples, length).T
        usual = strongest <= _SUSPICIOUS / length * total  # never of NaN, which the sums pass on
        if strongest.max() > LARGEST**2 or not (usual.all() or np.isfinite(total).all()):
            samples, bad = usable(samples)
            self.unusable += bad
            total, strongest = powers(samples, length).T
            usual = strongest <= _SUSPICIOUS / length * total
        chunks = samples.reshape(-1, length)
        cleaned = chunks
        for row in np.flatnonzero(~usual):
            hit = impulses(chunks[row])
            count = int(np.count_nonzero(hit))
            if count:
                if cleaned is chunks:
                    cleaned = chunks.copy()
                cleaned[row, hit] = 0
                self.blanked += count
        return cleaned.reshape(-1)


def powers(samples: NDArray[np.complex64], length: int) -> NDArray[np.float64]:
    """Of every `length` samples the sum of their powers and the largest power: float64[rows, 2].

    Raises:
        ValueError: The samples are not whole rows.
    """
    return _demod.powers(samples, length)


def powers_plain(samples: NDArray[np.complex64], length: int) -> NDArray[np.float64]:
    """The specification of `powers`, to float32 rounding."""
    power = np.abs(samples.reshape(-1, length).astype(np.complex128)) ** 2
    return np.stack([power.sum(axis=1), power.max(axis=1)], axis=1)


def impulses(chunk: NDArray[np.complex64]) -> NDArray[np.bool_]:
    """Which samples of a chunk belong to impulses."""
    power = chunk.real**2 + chunk.imag**2
    there = power[power > 0]  # gaps are filled with zeros
    if not len(there):
        return np.zeros(len(chunk), np.bool_)
    high = power > _OVER_MEDIAN * np.median(there)
    hit = np.convolve(high, np.ones(2 * _SKIRT + 1), "same") > 0.5
    return hit if np.count_nonzero(hit) <= _MOST * len(there) else np.zeros(len(chunk), np.bool_)
