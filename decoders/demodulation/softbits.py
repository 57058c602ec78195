"""Soft bits: the log-likelihood ratio of every rail, scaled to int8. The scale is set here and nowhere else.

With a rail of amplitude A in noise of variance s2, LLR = ln P(1)/P(0) = 2 A y / s2 (Proakis, 5th ed., eq.
4.2-21 for two equally likely antipodal values). ``soft = round(clip(SOFT_PER_LLR * LLR, -127, 127))``:
positive is a 1, zero knows nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _demod

SOFT_PER_LLR = 8.0
"""Soft units per unit of log-likelihood ratio. At Eb/N0 1.5 dB the mean is 23; from 8 dB on most values
saturate."""

SOFT_LIMIT = 127

_ABSENT_SNR = 0.4
"""A²/s2 (= Es/N0 of the symbol) below which nothing is claimed: noise alone seldom looks stronger."""

_PRESENT_SNR = 0.8
"""A²/s2 from which the estimate is believed in full (-1 dB, 2.5 dB below the best decoder's threshold)."""


_BURST = 4.0
"""Kurtosis is not taken to be more: a crackle in one window must not silence its neighbours."""


def signal_share(kurtosis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share A^2 / (A^2 + s2) of the signal in the power of a two-valued rail in noise.

    E y^2 = A^2 + s2 and E y^4 = A^4 + 6 A^2 s2 + 3 s2^2, so that E y^4 / (E y^2)^2 = 3 - 2 share^2.
    Source: Pauluzzi and Beaulieu, A comparison of SNR estimation techniques for the AWGN channel,
    IEEE Trans. Comm. 48 (2000) 1681 (M2M4, real).

    Args:
        kurtosis: Fourth moment over the square of the second; 3 for noise alone, 1 without noise.
    """
    return np.asarray(np.sqrt(np.clip((3 - kurtosis) / 2, 0, 1)))


def window_kurtosis(
    second: NDArray[np.float64], fourth: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Kurtosis of windows of `count` values, freed of the bias of small samples; 3 where all is zero.

    In noise E (m4 / m2^2) = 3 n / (n + 2) (Fisher 1930); without noise there is no bias.
    """
    raw = np.where(second > 0, fourth / np.where(second > 0, second, 1.0) ** 2, 3.0)
    return np.asarray(1 + (np.minimum(raw, _BURST) - 1) * (1 + 3 / count))


def signal_to_noise(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """A^2/s2, which is Es/N0 of the symbol, held below 40 dB: no receiver is better."""
    return np.asarray(share / np.maximum(1 - share, 1e-4))


def llr_gain(power: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """LLR per unit of rail value, taken back to zero where no signal is.

    Args:
        power: E y^2 of the rail here.
        share: From `signal_share`.
    """
    ratio = signal_to_noise(share)
    presence = np.clip((ratio - _ABSENT_SNR) / (_PRESENT_SNR - _ABSENT_SNR), 0, 1)
    amplitude = np.sqrt(np.maximum(power * share, 1e-30))
    return np.asarray(np.where(power > 0, 2 * ratio / amplitude * presence, 0.0))


def moments(rails: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of every row of float32[rows, n]: how many values are not zero, sums of squares and fourth powers.

    Returns:
        float64[rows, 3].
    """
    return _demod.moments(rails)


def moments_plain(rails: NDArray[np.float32]) -> NDArray[np.float64]:
    """The specification of `moments`, to float32 rounding."""
    values = rails.astype(np.float64)
    sums = np.count_nonzero(rails, axis=1), (values**2).sum(axis=1), (values**4).sum(axis=1)
    return np.stack(sums, axis=1).astype(np.float64)


def to_soft_bits(rails: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.int8]:
    """int8 soft bits of rail values float32[rows, n] with their LLR per unit float32[rows].

    Raises:
        ValueError: Not one gain per row.
    """
    return _demod.soft_bits(rails, gain, SOFT_PER_LLR)


def to_soft_bits_plain(rails: NDArray[np.float32], gain: NDArray[np.float32]) -> NDArray[np.int8]:
    """The specification of `to_soft_bits`."""
    value = np.clip(rails * (gain * np.float32(SOFT_PER_LLR))[:, None], -SOFT_LIMIT, SOFT_LIMIT)
    return (np.floor(value + np.float32(128.5)) - 128).astype(np.int8)
