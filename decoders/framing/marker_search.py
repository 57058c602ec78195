"""Markers behind an inner code: in the decoded bits, and in the soft bits that these came from.

Errors of the Viterbi decoder come in bursts that may hide a marker, while the marker's coded symbols are
still plain among the soft bits; so both are looked at. Of the marker's symbols the first six pairs depend on
the bits before it, and behind a differential code the sign of all depends on the bit before.

The soft bits of a window are weighed by signs s_k = +1 or -1 and their strength is
z = |sum s_k y_k| / sqrt(sum y_k^2). Where the signs of the y_k are random, z exceeds z0 with a probability
below 2 exp(-z0^2 / 2) whatever their magnitudes (Hoeffding, J. Am. Stat. Assoc. 58 (1963) 13, theorem 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.differential import nrz_m_encode
from decoders.coding.marker import marker_correlation
from decoders.coding.viterbi import Bits, SoftBits, encode
from decoders.downlink import Mode

# Bits that may differ where a marker is looked for: random bits pass once in 5e4 places, of either sign.
# And the strength of its symbols there: random signs pass at most once in 1.2e4 places, in truth (nearly
# Gaussian) once in 1.5e5.
SEARCH_DISTANCE, SEARCH_STRENGTH = 4, 4.5
# The same where a marker is beyond doubt: once in 4e6 and 1.8e6 places, in truth 2.6e7.
SURE_DISTANCE, SURE_STRENGTH = 2, 5.5
MEMORY_BITS = 6  # of the code: that many pairs depend on the bits before the marker

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SeenMarker:
    """What stands where a marker may begin: wrong bits (the polarity turned if `inverted`), and strength."""

    errors: int
    inverted: bool
    strength: float

    @property
    def is_sure(self) -> bool:
        """Whether it is a marker beyond doubt."""
        return self.errors <= SURE_DISTANCE or self.strength >= SURE_STRENGTH

    def is_alike(self, most_errors: int) -> bool:
        """Whether few enough bits are wrong, or the symbols are plain."""
        return self.errors <= most_errors or self.strength >= SEARCH_STRENGTH


def marker_distance_plain(bits: Bits, marker: int, marker_bits: int = 32) -> npt.NDArray[np.uint8]:
    """The specification of `_fec.marker_distance`: differing bits of every window, shape (n - bits + 1,)."""
    pattern = np.array([marker >> (marker_bits - 1 - k) & 1 for k in range(marker_bits)], dtype=np.uint8)
    if bits.size < marker_bits:
        return np.zeros(0, dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(bits, marker_bits)
    distance: npt.NDArray[np.uint8] = (windows != pattern).sum(axis=1).astype(np.uint8)
    return distance


def strength_of(soft: SoftBits, signs: npt.NDArray[np.int8], step: int = 1) -> Floats:
    """Sum of soft bits times signs over the root of their energy, of the windows at every `step`th soft bit.

    Args:
        soft: int8, shape (n,).
        signs: +1 or -1, shape (k,), at most 256 of them.
        step: 1 or 2.

    Returns:
        float32, shape ((n - k) // step + 1,), or (0,) where nothing fits; 0 where all soft bits are.
    """
    total = marker_correlation(soft, signs)[::step]
    # The sums may wrap; their differences do not.
    wide = soft.astype(np.int16)
    sums = np.cumsum(wide * wide, dtype=np.uint32)
    energy = sums[signs.size - 1 :: step][: total.size].copy()
    energy[1:] -= sums[step - 1 :: step][: max(0, total.size - 1)]
    size = np.sqrt(np.maximum(energy, 1).astype(np.float32))
    strength: Floats = np.divide(total, size, dtype=np.float32)
    return strength


class MarkerSearch:
    """The marker of a protected mode, wherever it may be."""

    def __init__(self, mode: Mode) -> None:
        self.bits = mode.marker_bits
        self.pattern = mode.marker_pattern
        self._value = mode.marker_value
        self._may_be_inverted = mode.differential == "none"
        sent = self.pattern if self._may_be_inverted else nrz_m_encode(self.pattern)
        self._signs = (2 * encode(sent)[2 * MEMORY_BITS :].astype(np.int8) - 1).astype(np.int8)

    def distance(self, bits: Bits) -> npt.NDArray[np.uint8]:
        """Wrong bits of every window, in the polarity that fits better where the signal does not tell it."""
        distance = _fec.marker_distance(np.ascontiguousarray(bits), self._value)
        if self._may_be_inverted:
            distance = np.minimum(distance, self.bits - distance)
        return distance

    def places(self, bits: Bits, soft: SoftBits | None) -> npt.NDArray[np.int64]:
        """Where a marker seems to begin, ascending.

        Args:
            bits: 0/1, shape (n,).
            soft: the soft bits they came from, shape (2 n,), or None.
        """
        alike = self.distance(bits) <= SEARCH_DISTANCE
        if soft is not None and alike.size:
            strength = strength_of(soft[2 * MEMORY_BITS :], self._signs, step=2)
            alike |= np.abs(strength[: alike.size]) >= SEARCH_STRENGTH
        return np.flatnonzero(alike)

    def look(self, bits: Bits, soft: SoftBits | None) -> SeenMarker:
        """How much the first bits resemble a marker.

        Args:
            bits: 0/1, at least as many as the marker has.
            soft: their soft bits, two per bit, or None.
        """
        errors = int(np.count_nonzero(bits[: self.bits] != self.pattern))
        strength = 0.0
        if soft is not None:
            part = soft[2 * MEMORY_BITS : 2 * self.bits].astype(np.float32)
            strength = float(part @ self._signs) / max(1.0, float(np.sqrt(part @ part)))
        inverted = False
        if self._may_be_inverted:
            plain = abs(strength) >= SEARCH_STRENGTH
            inverted = strength < 0 if plain else errors > self.bits // 2
        return SeenMarker(self.bits - errors if inverted else errors, inverted, abs(strength))
