"""Soft bits against a known pattern, at every place: where a frame begins before anything is decided.

Beside a count of wrong bits the sum of soft bits, each with the pattern's sign, loses nothing: of two
places with equally many wrong bits it takes the one where they were uncertain (Massey 1972 adds a correction
for random data that matters only for short markers).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec


def marker_correlation(soft: npt.NDArray[np.int8], pattern: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Sum of soft bits times the pattern beginning at each place, shape (n - m + 1,), none where n < m.

    Args:
        soft: int8, positive = 1, shape (n,).
        pattern: -1 where a 0 is expected, 1 where a 1 is, 0 where either may be, int8, shape (m,).

    Raises:
        ValueError: a pattern that is empty, above 65536 places, or of other values.
    """
    return _fec.marker_correlation(np.ascontiguousarray(soft), np.ascontiguousarray(pattern))


def marker_correlation_plain(
    soft: npt.NDArray[np.int8], pattern: npt.NDArray[np.int8]
) -> npt.NDArray[np.int32]:
    """The specification of `marker_correlation`."""
    if soft.size < pattern.size:
        return np.zeros(0, dtype=np.int32)
    windows = np.lib.stride_tricks.sliding_window_view(soft.astype(np.int32), pattern.size)
    sums: npt.NDArray[np.int32] = windows @ pattern.astype(np.int32)
    return sums
