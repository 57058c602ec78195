"""Seeded noise over the globe: the same value at the same place for ever, rough at every scale.

One periodic square of random waves whose amplitude falls with the wave number, looked up by longitude and
latitude, towards the poles by a map seen from above instead, with a soft passage between the two.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

SIDE = 2048
_MASK = SIDE - 1
_POLAR_FROM_DEG, _POLAR_TO_DEG = 48.0, 66.0


@functools.lru_cache(maxsize=4)  # a pass that is served live is taken up anew by every client
def _square(seed: int, slope: float) -> NDArray[np.float32]:
    waves = np.hypot(scipy.fft.fftfreq(SIDE)[:, None], scipy.fft.rfftfreq(SIDE)[None, :]) * SIDE
    waves[0, 0] = np.inf
    # Waves longer than a third of the square would show its repetition.
    amplitude = np.minimum(waves / 3.0, 1.0) * np.maximum(waves, 3.0) ** -slope
    random = np.random.default_rng(seed)
    spectrum = scipy.fft.rfft2(random.standard_normal((SIDE, SIDE), dtype=np.float32)) * amplitude
    spectrum[0, 0] = 0
    square = scipy.fft.irfft2(spectrum, s=(SIDE, SIDE))
    square = np.asarray(square / square.std(), np.float32).reshape(-1)
    square.flags.writeable = False
    return square


class Texture:
    """Values of mean 0 and standard deviation 1, linear between the points of a periodic square."""

    def __init__(self, seed: int, slope: float = 4 / 3) -> None:
        """Amplitude falls as wave number to the power of -slope; 4/3: passive matter in turbulence."""
        self._square = _square(seed, slope)

    def __call__(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], period_deg: float
    ) -> NDArray[np.float32]:
        """Values at places in degrees, arrays of one shape; the period divides 360."""
        value = self._looked_up(lon, lat, period_deg)
        height = np.abs(lat)
        if height.size == 0 or height.max() <= _POLAR_FROM_DEG:
            return value
        # Seen from above, the pole in the middle, the south far from the north on the square.
        colatitude, angle = 90.0 - height, np.deg2rad(lon)
        polar = self._looked_up(
            colatitude * np.cos(angle) + np.where(lat < 0, 0.5 * period_deg, 0.0),
            colatitude * np.sin(angle),
            period_deg,
        )
        share = np.clip((height - _POLAR_FROM_DEG) / (_POLAR_TO_DEG - _POLAR_FROM_DEG), 0, 1).astype(
            np.float32
        )
        # Independent values: the divisor keeps the standard deviation.
        return np.asarray((value + share * (polar - value)) / np.sqrt((1 - share) ** 2 + share**2))

    def _looked_up(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], period_deg: float
    ) -> NDArray[np.float32]:
        x = (lon + 720.0) * (SIDE / period_deg)
        y = (lat + 360.0) * (SIDE / period_deg)
        i, j = x.astype(np.int32), y.astype(np.int32)
        u, v = (x - i).astype(np.float32), (y - j).astype(np.float32)
        i &= _MASK
        j &= _MASK
        right = (i + 1) & _MASK
        upper = ((j + 1) & _MASK) * SIDE
        j *= SIDE
        square = self._square
        low = square[j + i]
        low += (square[j + right] - low) * u
        high = square[upper + i]
        high += (square[upper + right] - high) * u
        low += (high - low) * v
        return np.asarray(low)
