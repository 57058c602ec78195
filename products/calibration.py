"""From counts to nominal reflectance and nominal brightness temperature.

No official coefficients of MSU-MR are public. What is done instead, and said in every product:

- channels 1 to 3: reflectance is linear in the counts, zero at the telemetry's dark word (at 0 where that is
  not credible), `FULL_SCALE_PERCENT` at 255, as seen: not divided by the cosine of the Sun's zenith angle;
- channels 4 to 6: radiance is linear in the counts between the views of the cold and the hot black body,
  whose counts and temperatures the telemetry sends; the temperature is a black body's at one wavenumber.
  Line and wavenumbers are SatDump's (msumr_calibrator.h); the latter are NOAA-15 AVHRR's, not MSU-MR's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FULL_SCALE_PERCENT = 100.0
WAVENUMBER_PER_CM = {4: 2695.9743, 5: 925.4075, 6: 839.8979}

# Planck's radiation constants for wavenumbers in 1/cm (CODATA 2018):
# 2 h c^2 in mW/(m^2 sr cm^-4) and h c / k in cm K.
C1 = 1.191042972e-5
C2 = 1.438776877

# Calibration words have 10 bits, pixels 8: pixel 255 is word 1023.
WORD_PER_COUNT = 1023.0 / 255.0
# What the black bodies and their views may read before they are believed.
COLD_K = (200.0, 300.0)
HOT_K = (290.0, 350.0)
MIN_WORD_STEP = 20.0
MAX_DARK_WORD = 120.0


def planck(temperature_k: Array | float, wavenumber: float) -> Array:
    """Radiance in mW/(m^2 sr cm^-1) of a black body (Planck's law)."""
    return np.asarray(C1 * wavenumber**3 / np.expm1(C2 * wavenumber / np.asarray(temperature_k)))


def inverse_planck(radiance: Array, wavenumber: float) -> Array:
    """Temperature in K of a black body of this radiance; NaN at or below zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        temperature = C2 * wavenumber / np.log1p(C1 * wavenumber**3 / radiance)
    return np.asarray(np.where(radiance > 0, temperature, np.nan))


@dataclass(frozen=True)
class BlackBodies:
    """The two views of one infra-red channel, medians over the pass: temperatures in K, 10-bit words."""

    cold_k: float
    hot_k: float
    cold_word: float
    hot_word: float


def black_bodies(channel: int, words: Array, cold_k: Array, hot_k: Array) -> BlackBodies | None:
    """The two views of a channel, or None where the telemetry cannot be believed.

    Args:
        channel: 4 to 6.
        words: (n, 6, 2) calibration words, cold view and hot view of each channel.
        cold_k: (n, 3) temperatures of the cold body; the first two are used, the third is stuck on some
            satellites.
        hot_k: (n, 3) of the hot body.
    """
    cold, hot = _median(cold_k[:, :2], COLD_K), _median(hot_k[:, :2], HOT_K)
    views = words[:, channel - 1, :].astype(float)
    views = views[np.all(views > 0, axis=1) & np.all(views <= 1023, axis=1)]
    if cold is None or hot is None or hot - cold < 10 or not views.size:
        return None
    cold_word, hot_word = np.median(views, axis=0)
    if abs(hot_word - cold_word) < MIN_WORD_STEP:
        return None
    return BlackBodies(cold, hot, float(cold_word), float(hot_word))


def _median(values: Array, bounds: tuple[float, float]) -> float | None:
    good = values[np.isfinite(values) & (values >= bounds[0]) & (values <= bounds[1])]
    return float(np.median(good)) if good.size else None


def temperature_table(channel: int, bodies: BlackBodies) -> NDArray[np.float32]:
    """Brightness temperature in K of every count 0 to 255; NaN where the radiance would be negative."""
    wavenumber = WAVENUMBER_PER_CM[channel]
    cold, hot = planck(bodies.cold_k, wavenumber), planck(bodies.hot_k, wavenumber)
    word = np.arange(256) * WORD_PER_COUNT
    radiance = cold + (word - bodies.cold_word) * (hot - cold) / (bodies.hot_word - bodies.cold_word)
    return inverse_planck(radiance, wavenumber).astype(np.float32)


def dark_word(channel: int, words: Array) -> float:
    """The dark level of channel 1 to 3 in 10 bits: the lower of its words (n, 6, 2), 0 if not credible."""
    views = words[:, channel - 1, :].astype(float)
    dark = float(np.median(views.min(axis=1))) if len(views) else 0.0
    return dark if 0 < dark <= MAX_DARK_WORD else 0.0


def reflectance_table(dark: float) -> NDArray[np.float32]:
    """Reflectance in per cent of every count 0 to 255, for a dark level in 10-bit words; never below zero."""
    word = np.arange(256) * WORD_PER_COUNT
    return np.maximum((word - dark) * (FULL_SCALE_PERCENT / (1023.0 - dark)), 0).astype(np.float32)
