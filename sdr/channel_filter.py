"""The low pass of a channel, and the rates that a channel can have."""

from __future__ import annotations

import bisect
import math
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from sdr.errors import RecordingError

PASS_SHARE = 0.42
"""Half the pass band, in units of the channel's sample rate: flat to 0.01 dB."""

STOP_SHARE = 0.5
"""From here on everything is stopped, so that nothing folds into the channel."""

STOP_DB = 85.0
"""By how much the filter is designed to stop; a mask of 80 dB is held with every alias counted."""

_BETA = 0.1102 * (STOP_DB - 8.7)
_LARGEST_TERM = 4096  # of the ratio of two rates: the length of a transform is a multiple of it
_SMOOTH = sorted(
    2**a * 3**b * 5**c
    for a, b, c in product(range(13), range(8), range(6))
    if 2**a * 3**b * 5**c <= _LARGEST_TERM
)
_NEAR = Fraction("1.02")  # a simpler ratio is worth that much more rate


def half_length(ratio: Fraction) -> int:
    """Samples of the wide recording on either side of an output that its filter reaches.

    Source: Kaiser, Nonrecursive digital filter design using the I0-sinh window function, IEEE ISCAS 1974:
    length (A - 7.95) / (14.36 width) + 1.
    """
    width = (STOP_SHARE - PASS_SHARE) * float(ratio)
    return math.ceil((STOP_DB - 7.95) / (14.36 * width) / 2)


def low_pass(ratio: Fraction) -> npt.NDArray[np.float64]:
    """Taps of the filter, symmetrical about the middle one, unity gain at 0 Hz.

    Args:
        ratio: channel's sample rate over the wide one, at most 1.

    Returns:
        float64 [2 · `half_length` + 1], at the wide rate.
    """
    half = half_length(ratio)
    offset = np.arange(-half, half + 1)
    cutoff = (PASS_SHARE + STOP_SHARE) * float(ratio)  # both sides together, cycles per sample
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (offset / (half + 1)) ** 2, 0, 1)))
    taps = np.sinc(cutoff * offset) * window
    return np.asarray(taps / taps.sum(), np.float64)


def rate_ratio(wide_rate: float, wanted_rate: float) -> Fraction:
    """The wanted rate over the wide one, or the next simple ratio above it, at most 2 % more.

    Both terms hold the primes 2, 3 and 5 only, so that every transform is fast.

    Raises:
        RecordingError: the wanted rate is no positive number, or more than the wide one.
    """
    if not (math.isfinite(wanted_rate) and 0 < wanted_rate <= wide_rate):
        raise RecordingError(
            f"a channel of {wanted_rate:g} samples/s out of a recording of {wide_rate:g}; "
            "it must lie above 0 and may not be more than the recording's"
        )
    exact = Fraction(wanted_rate) / Fraction(wide_rate)
    if {exact.numerator, exact.denominator} <= set(_SMOOTH):
        return exact
    near = []
    for q in _SMOOTH:
        place = bisect.bisect_left(_SMOOTH, q * exact)
        if place < len(_SMOOTH) and _SMOOTH[place] <= q * exact * _NEAR:
            near.append(Fraction(_SMOOTH[place], q))
    if not near:
        raise RecordingError(
            f"a channel of {wanted_rate:g} samples/s out of {wide_rate:g} is too narrow; "
            f"at least {wide_rate / _LARGEST_TERM:g} are possible"
        )
    return min(near, key=lambda ratio: (ratio.denominator, ratio))
