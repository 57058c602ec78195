"""NRZ-M: a one changes the level (CCSDS 401.0-B section 2.4.2). Undone behind the Viterbi decoder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]


class NrzMDecoder:
    """Levels to bits; the level before the first is taken as 0."""

    def __init__(self) -> None:
        self._last = np.zeros(1, dtype=np.uint8)

    def process(self, levels: Bits) -> Bits:
        """Bits of the levels, as many."""
        joined = np.concatenate([self._last, levels])
        self._last = joined[-1:]
        bits: Bits = joined[1:] ^ joined[:-1]
        return bits


def nrz_m_encode(bits: Bits) -> Bits:
    """Levels of the bits, from level 0."""
    levels: Bits = np.bitwise_xor.accumulate(bits)
    return levels
