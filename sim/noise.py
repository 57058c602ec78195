"""White Gaussian noise by number: sample n of a key is the same whatever the blocks and the machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim import _channel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def noise_key(seed: np.random.SeedSequence) -> int:
    """A 64-bit key from a seed sequence."""
    return int(seed.generate_state(1, np.uint64)[0])


def split_mix(key: int, first: int, count: int) -> NDArray[np.uint64]:
    """Positions `first` … of the SplitMix64 sequence that starts at `key` (Steele, Lea, Flood 2014)."""
    n = np.arange(first + 1, first + 1 + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(key) + n * _STEP
        z = (z ^ (z >> np.uint64(30))) * _FIRST
        z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def noise_plain(key: int, first_sample: int, count: int, sigma: float) -> NDArray[np.complex128]:
    """The specification of the kernel: Box and Muller, E|x|² = sigma².

    The upper 31 bits of a word give the radius, the lower 32 the angle, which starts at -45 degrees.
    """
    word = split_mix(key, first_sample, count)
    uniform = ((word >> np.uint64(33)).astype(np.float64) + 0.5) / 2**31
    angle = (word & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2**32 * 2 * np.pi - np.pi / 4
    return np.asarray(sigma * np.sqrt(-np.log(uniform)) * np.exp(1j * angle))


def add_noise(samples: NDArray[np.complex64], key: int, first_sample: int, sigma: float) -> None:
    """Add noise of power sigma² to samples numbered from `first_sample`, in place."""
    _channel.add_noise(samples.view(np.float32), key, first_sample, sigma)
