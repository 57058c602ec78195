"""The pseudo-randomiser of CCSDS 131.0-B-5 section 10: h(x) = x^8 + x^7 + x^5 + x^3 + 1, from all ones."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


@cache
def _sequence(count: int) -> Bytes:
    bits = [1] * 8
    while len(bits) < 255 * 8:
        bits.append(bits[-8] ^ bits[-5] ^ bits[-3] ^ bits[-1])
    period = np.packbits(np.array(bits, dtype=np.uint8))
    return np.resize(period, count)


def randomise(block: Bytes, kind: str) -> Bytes:
    """Randomise or derandomise the bytes behind markers: the same operation.

    Args:
        block: uint8, from the first byte behind the marker, shape (..., bytes).
        kind: "none" or "ccsds-255".

    Raises:
        ValueError: another kind.
    """
    if kind == "none":
        return block.copy()
    if kind != "ccsds-255":
        raise ValueError(f"unknown randomiser {kind!r}: 'none' and 'ccsds-255' are known")
    return block ^ _sequence(block.shape[-1])
