"""Viterbi decoding of the CCSDS convolutional code, rate 1/2, constraint length 7 (131.0-B-5 section 3.3).

Generators 171 and 133 octal, left-most tap = newest bit, the first symbol of a pair from 171; without the
inverter on the second symbol, which the search over signs absorbs. A stream is cut into blocks on a fixed
grid, each decoded with some bits of its neighbours as run-up and run-out, so that blocks are independent of
each other and of how the stream arrived.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec

G1, G2 = 0o171, 0o133
STATES = 64
# Run-up and run-out in bits: 16 constraint lengths, beyond which the loss is not measurable.
MARGIN_BITS = 112
# The kernel counts with soft bits of -LEVELS … LEVELS. A row is scaled so that the last level is 5/4 of the
# mean size of its soft bits, in steps of 1/SCALE_ONE; it is never enlarged (tests/design/viterbi_levels.py).
LEVELS = 15
SCALE_ONE = 256

Bits = npt.NDArray[np.uint8]
SoftBits = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]


def encode(bits: Bits, *, before: int = 0) -> Bits:
    """Symbols of the bits, two per bit.

    Args:
        bits: 0/1, shape (n,).
        before: the six bits before, newest at the left of six.
    """
    history = np.array([before >> k & 1 for k in range(6)], dtype=np.uint8)
    padded = np.concatenate([history, bits])
    symbols = np.zeros((bits.size, 2), dtype=np.uint8)
    for column, generator in enumerate((G1, G2)):
        for age in range(7):
            if generator >> (6 - age) & 1:
                symbols[:, column] ^= padded[6 - age : 6 - age + bits.size]
    return symbols.reshape(-1)


def viterbi(
    soft: SoftBits, *, head: int, length: int, tail: int, instruction_set: str | None = None
) -> tuple[Bits, Int32s]:
    """Decode rows of soft bits, each on its own, from an unknown state to an unknown state.

    The path is chosen on soft bits in `LEVELS` levels, see `quantised`; the score counts them in full.

    Args:
        soft: int8, positive = 1, 0 = erasure, shape (rows, 2 * (head + length + tail)).
        head: bits of run-up that are not returned.
        length: bits returned per row.
        tail: bits of run-out that are not returned.
        instruction_set: "generic", "v3" or "v4"; the best of this machine when None. The result is the same.

    Returns:
        Bits of shape (rows, length), and per row the score: the sum over the returned part of each soft bit
        times +1 or -1, the sign of its re-encoded symbol.

    Raises:
        ValueError: misfitting lengths, or an instruction set this machine lacks.
    """
    return _fec.viterbi(np.ascontiguousarray(soft), head, length, tail, instruction_set or "")


def viterbi_stream(
    soft: SoftBits, *, rows: int, head: int, length: int, tail: int
) -> tuple[Bits, Int32s, Int32s]:
    """Decode rows that follow each other in a stream, each with its neighbours as run-up and run-out.

    As `viterbi` of the rows that begin at every 2 * length soft bits.

    Args:
        soft: int8, positive = 1, 0 = erasure, shape (2 * (head + rows * length + tail),).
        rows: how many.
        head: bits of run-up of each.
        length: bits of each.
        tail: bits of run-out of each.

    Returns:
        Bits and scores as of `viterbi`, and per row the sum of the sizes of the soft bits scored.

    Raises:
        ValueError: misfitting lengths.
    """
    bits, (score, weight) = _fec.viterbi_stream(soft, rows, head, length, tail)
    return bits, score, weight


def viterbi_plain(soft: SoftBits, *, head: int, length: int, tail: int) -> tuple[Bits, Int32s]:
    """The specification of `viterbi`: of equal paths the one from the even state, then the lowest state."""
    rows = soft.shape[0]
    steps = head + length + tail
    exact = soft.astype(np.int64).reshape(rows, steps, 2)
    pairs = quantised(soft).reshape(rows, steps, 2)
    states = np.arange(STATES)
    previous = np.stack([states << 1 & 63, states << 1 & 63 | 1])  # [2, state]
    signs = _signs(states >> 5 << 6 | previous)  # [2, state, 2]
    metrics = np.zeros((rows, STATES), dtype=np.int64)
    odd = np.zeros((steps, rows, STATES), dtype=bool)
    for t in range(steps):
        even_path, odd_path = (metrics[:, previous[k]] + pairs[:, t] @ signs[k].T for k in range(2))
        odd[t] = odd_path > even_path
        metrics = np.where(odd[t], odd_path, even_path)
    bits = np.zeros((rows, length), dtype=np.uint8)
    score = np.zeros(rows, dtype=np.int64)
    state = metrics.argmax(axis=1)
    for t in range(steps - 1, head - 1, -1):
        taken = odd[t, np.arange(rows), state].astype(np.int64)
        if t < head + length:
            bits[:, t - head] = state >> 5
            score += (exact[:, t] * signs[taken, state]).sum(axis=1)
        state = previous[taken, state]
    return bits, score.astype(np.int32)


def quantised(soft: SoftBits) -> npt.NDArray[np.int64]:
    """The levels of rows of soft bits: odd about zero, so that an erasure stays one.

    The mean size of a row is that of its soft bits weighed by their size: what is near zero counts little.
    """
    size = np.abs(soft.astype(np.int64))
    total, energy = size.sum(axis=1), (size**2).sum(axis=1)
    factor = np.minimum(SCALE_ONE, 4 * SCALE_ONE * LEVELS * total // np.maximum(5 * energy, 1))
    factor[energy == 0] = SCALE_ONE
    level = np.minimum(LEVELS, (size * factor[:, None] + SCALE_ONE // 2) // SCALE_ONE)
    levels: npt.NDArray[np.int64] = level * np.sign(soft)
    return levels


def _signs(shift_register: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """+1 or -1 of both symbols for shift registers of seven bits, newest bit at the left."""
    parity = [np.bitwise_count(shift_register & generator) & 1 for generator in (G1, G2)]
    return 2 * np.stack(parity, axis=-1).astype(np.int64) - 1
