"""Soft bits: the log-likelihood ratio of every rail, scaled to int8. The scale is set here and nowhere else.

With a rail of amplitude A in noise of variance s2, LLR = ln P(1)/P(0) = 2 A y / s2 (Proakis, 5th ed., eq.
4.2-21 for two equally likely antipodal values). ``soft = clip(round(SOFT_PER_LLR * LLR), -127, 127)``:
positive is a 1, zero knows nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SOFT_PER_LLR = 8.0
"""Soft units per unit of log-likelihood ratio. At Eb/N0 1.5 dB the mean is 23; from 8 dB on most values
saturate."""

SOFT_LIMIT = 127

_ABSENT_SNR = 0.4
"""A²/s2 (= Eb/N0 of the rate 1/2 code) below which nothing is claimed: noise alone seldom looks stronger."""

_PRESENT_SNR = 0.8
"""A²/s2 from which the estimate is believed in full (-1 dB, 2.5 dB below the best decoder's threshold)."""


def amplitude_and_noise(
    second: NDArray[np.float64], fourth: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amplitude and noise variance of a two-valued rail from its moments.

    E y^2 = A^2 + s2 and E y^4 = A^4 + 6 A^2 s2 + 3 s2^2, so that A^4 = (3 (E y^2)^2 - E y^4) / 2.
    Source: Pauluzzi and Beaulieu, A comparison of SNR estimation techniques, IEEE Trans. Comm. 48 (2000) 1681
    (M2M4, real).
    """
    power = np.sqrt(np.clip((3 * second**2 - fourth) / 2, 0, None))
    power = np.minimum(power, second)
    return np.sqrt(power), second - power


def llr_gain(amplitude: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """LLR per unit of rail value, taken back to zero where no signal is."""
    floor = np.maximum(noise, 1e-4 * amplitude**2)  # 40 dB: no receiver is better
    safe = np.where(floor > 0, floor, 1.0)
    presence = np.clip((amplitude**2 / safe - _ABSENT_SNR) / (_PRESENT_SNR - _ABSENT_SNR), 0, 1)
    return np.asarray(np.where(floor > 0, 2 * amplitude / safe * presence, 0.0))


def to_soft_bits(rails: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.int8]:
    """int8 soft bits of rail values with their LLR per unit, equal shapes."""
    return np.clip(np.rint(rails * (gain * np.float32(SOFT_PER_LLR))), -SOFT_LIMIT, SOFT_LIMIT).astype(
        np.int8
    )
