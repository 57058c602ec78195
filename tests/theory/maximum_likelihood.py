"""An unquantised maximum-likelihood decoder of the rate 1/2 code, written from the standard: the yardstick.

CCSDS 131.0-B-5 section 3.3: generators 171 and 133 octal, left-most tap the newest bit, the first symbol of a
pair from 171. Symbols are sent as +1 for a one. Slow and plain; nothing of the decoder is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bits = NDArray[np.uint8]

TAPS = ((0, 1, 2, 3, 6), (0, 2, 3, 5, 6))  # delays of 171 and 133
STATES = 64

# Puncture patterns, one row per generator, one column per bit (131.0-B-5 table 3-1).
PATTERNS = {
    "1/2": ("1", "1"),
    "2/3": ("10", "11"),
    "3/4": ("101", "110"),
    "5/6": ("10101", "11010"),
    "7/8": ("1000101", "1111010"),
}


def kept(rate: str, bits: int) -> NDArray[np.bool_]:
    """Which of the 2 n symbols of n bits are sent, the pattern beginning with the first."""
    pattern = np.array([[letter == "1" for letter in row] for row in PATTERNS[rate]])
    return np.resize(pattern.T, (bits, 2)).reshape(-1)


def encode(bits: Bits) -> Bits:
    """Symbols of rows of bits, shape (rows, 2 n); the six bits before are zeros."""
    rows, count = bits.shape
    line = np.concatenate([np.zeros((rows, 6), np.uint8), bits], axis=1)
    symbols = np.zeros((rows, count, 2), np.uint8)
    for column, taps in enumerate(TAPS):
        for delay in taps:
            symbols[:, :, column] ^= line[:, 6 - delay : 6 - delay + count]
    return symbols.reshape(rows, 2 * count)


def decode(received: Floats) -> Bits:
    """The most likely bits of rows of received values, shape (rows, 2 n); the start is known, the end not."""
    rows, steps = received.shape[0], received.shape[1] // 2
    metrics = np.full((rows, STATES), -1e9, np.float32)
    metrics[:, 0] = 0
    sign = _branch_signs()
    chosen = np.zeros((steps, rows, STATES), bool)
    for t in range(steps):
        branch = received[:, 2 * t, None] * sign[0] + received[:, 2 * t + 1, None] * sign[1]
        # State 32 b + s follows from 2 s and 2 s + 1 (mod 64) when the bit b enters.
        pairs = np.tile(metrics.reshape(rows, 1, 32, 2), (1, 2, 1, 1)).reshape(rows, STATES, 2)
        paths = pairs + branch.reshape(rows, STATES, 2)
        chosen[t] = paths[:, :, 1] > paths[:, :, 0]
        metrics = paths.max(axis=2)
        metrics -= metrics[:, :1]
    bits = np.zeros((rows, steps), np.uint8)
    state, every = metrics.argmax(axis=1), np.arange(rows)
    for t in range(steps - 1, -1, -1):
        bits[:, t] = state >> 5
        state = (state & 31) << 1 | chosen[t, every, state]
    return bits


def _branch_signs() -> NDArray[np.float32]:
    """±1 of both symbols for the branches into each state, shape (2, 128): from 2 s, then from 2 s + 1."""
    signs = np.zeros((2, STATES, 2), np.float32)
    for state in range(STATES):
        for lower in range(2):
            register = state << 1 | lower  # newest bit at the left of seven
            for column, taps in enumerate(TAPS):
                parity = sum(register >> (6 - delay) & 1 for delay in taps) & 1
                signs[column, state, lower] = 2 * parity - 1
    return signs.reshape(2, 2 * STATES)
