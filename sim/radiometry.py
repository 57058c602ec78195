"""MSU-MR's six channels: bands, Planck radiance averaged over them, and the counts that radiance becomes.

Bands: planet.iitp.ru, MSU-MR (0.50-0.70 ... 11.5-12.5 um), taken as boxes; the true responses are not public.
Counts have 10 bits in the instrument and 8 in LRPT (count10 * 255 / 1023). Channels 1-3 are linear in
reflectance times the cosine of the sun's zenith angle; channels 4-6 rise linearly with radiance through the
two black bodies on board. Words and temperatures of the bodies are those that METEOR-M2 3 sent on 2026-02-14
(reception of that day, APID 70).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.errors import SimulationError

Floats = NDArray[np.float32]

BANDS_UM = {
    1: (0.50, 0.70),
    2: (0.70, 1.10),
    3: (1.60, 1.80),
    4: (3.5, 4.1),
    5: (10.5, 11.5),
    6: (11.5, 12.5),
}
SOLAR_CHANNELS = (1, 2, 3)
CHANNELS = tuple(BANDS_UM)

# CODATA 2018: 2 h c^2 in W um^4 / (m^2 sr), and h c / k in um K.
RADIATION_1 = 1.191042972e8
RADIATION_2 = 14387.768775
# The Sun as a black body: effective temperature, and solid angle of its disk at 1 au (IAU 2015 B3).
SUN_K = 5772.0
SUN_SR = 6.794e-5

_COLDEST_K, _HOTTEST_K, _STEPS_PER_K = 130.0, 370.0, 20

DARK_COUNT10 = {1: 39, 2: 37, 3: 41}
LAMP_COUNT10 = {1: 222, 2: 237, 3: 209}
UNIT_REFLECTANCE_COUNT10 = 1023  # of our choice: no coefficients are public
COLD_COUNT10 = {4: 186, 5: 377, 6: 601}
HOT_COUNT10 = {4: 629, 5: 606, 6: 822}
COLD_BODY_K = 262.65
HOT_BODY_K = 317.65


def check_channels(channels: tuple[int, ...]) -> tuple[int, ...]:
    """The channels in ascending order.

    Raises:
        SimulationError: none, a repeated or an unknown channel.
    """
    if not channels or len(set(channels)) != len(channels) or not set(channels) <= set(CHANNELS):
        raise SimulationError(f"channels are {channels}; a choice of 1 to 6, each once, is needed")
    return tuple(sorted(channels))


def planck(channel: int, temperature_k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Band-averaged radiance in W / (m^2 sr um) of a black body, any shape."""
    low, high = BANDS_UM[channel]
    wavelength = low + (high - low) * (np.arange(40) + 0.5) / 40
    exponent = RADIATION_2 / (wavelength * np.asarray(temperature_k, np.float64)[..., None])
    return np.asarray((RADIATION_1 / wavelength**5 / np.expm1(exponent)).mean(axis=-1))


@cache
def _table(channel: int) -> Floats:
    count = int((_HOTTEST_K - _COLDEST_K) * _STEPS_PER_K) + 1
    return planck(channel, _COLDEST_K + np.arange(count) / _STEPS_PER_K).astype(np.float32)


def radiance(channel: int, temperature_k: Floats) -> Floats:
    """`planck` from a table of 0.05 K steps, held to its ends."""
    table = _table(channel)
    place = (temperature_k - np.float32(_COLDEST_K)) * np.float32(_STEPS_PER_K) + np.float32(0.5)
    return np.asarray(table[np.clip(place, 0, len(table) - 1).astype(np.int32)])


def brightness_temperature(channel: int, radiance_: NDArray[np.float64]) -> NDArray[np.float64]:
    """Temperature in K of the black body of a band-averaged radiance."""
    table = _table(channel).astype(np.float64)
    return np.interp(radiance_, table, _COLDEST_K + np.arange(len(table)) / _STEPS_PER_K)


def sun_radiance(channel: int) -> float:
    """Radiance in W / (m^2 sr um) of a white Lambertian surface under an overhead Sun at 1 au."""
    return float(planck(channel, np.array(SUN_K))) * SUN_SR / np.pi


@dataclass(frozen=True)
class Response:
    """count10 = offset + gain * signal; the signal is reflectance * cos(zenith) or radiance."""

    offset: float
    gain: float

    def counts(self, signal: Floats) -> NDArray[np.uint8]:
        """8-bit counts as LRPT sends them."""
        count = np.float32(self.offset * 255 / 1023 + 0.5) + np.float32(self.gain * 255 / 1023) * signal
        return np.asarray(np.clip(count, 0, 255).astype(np.uint8))


@cache
def response(channel: int) -> Response:
    """How a channel answers, by its calibration words."""
    if channel in SOLAR_CHANNELS:
        return Response(DARK_COUNT10[channel], float(UNIT_REFLECTANCE_COUNT10 - DARK_COUNT10[channel]))
    cold, hot = planck(channel, np.array([COLD_BODY_K, HOT_BODY_K]))
    gain = (HOT_COUNT10[channel] - COLD_COUNT10[channel]) / (hot - cold)
    return Response(float(COLD_COUNT10[channel] - gain * cold), float(gain))
