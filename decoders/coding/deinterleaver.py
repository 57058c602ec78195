"""The convolutional interleaver of METEOR's 80k mode, undone.

36 branches; bit k of the coded stream goes through branch b = k mod 36 and is delayed by b * 2048 rows of 36
bits. So column b of row r came in row r + 2048 b: a row is complete 71 680 rows (17.92 s) after its first
bit. What was never received, before the start and behind the end of a recording, is an erasure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding.viterbi import SoftBits

BRANCHES, DELAY_ROWS = 36, 2048
SPAN_ROWS = (BRANCHES - 1) * DELAY_ROWS
_GRID_ROWS = 1024


class Deinterleaver:
    """Rows in, rows out; the first row out was sent `SPAN_ROWS` before the first row that came in."""

    def __init__(self) -> None:
        self._rows = np.zeros((SPAN_ROWS, BRANCHES), dtype=np.int8)
        self._fresh: list[npt.NDArray[np.int8]] = []
        self._waiting = 0

    def process(self, soft: SoftBits) -> SoftBits:
        """Soft bits in the order of the encoder.

        Args:
            soft: int8 without markers, whole rows, shape (36 n,).

        Raises:
            ValueError: the soft bits are not whole rows.
        """
        if soft.size % BRANCHES:
            raise ValueError(f"{soft.size} soft bits are not whole rows of {BRANCHES}")
        self._fresh.append(soft.reshape(-1, BRANCHES))
        self._waiting += soft.size // BRANCHES
        if self._waiting < _GRID_ROWS:
            return np.zeros(0, dtype=np.int8)
        return self._shift()

    def flush(self) -> SoftBits:
        """What the end of the input leaves: erasures follow it."""
        self._fresh.append(np.zeros((SPAN_ROWS, BRANCHES), dtype=np.int8))
        return self._shift()

    def row_of(self, soft_index: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The incoming rows, as fractions, in which outgoing soft bits' rows began to be sent."""
        return soft_index / BRANCHES - SPAN_ROWS

    def _shift(self) -> SoftBits:
        rows = np.concatenate([self._rows, *self._fresh])
        count = len(rows) - SPAN_ROWS
        out = np.empty((count, BRANCHES), dtype=np.int8)
        for branch in range(BRANCHES):
            out[:, branch] = rows[branch * DELAY_ROWS : branch * DELAY_ROWS + count, branch]
        self._rows = rows[count:]
        self._fresh, self._waiting = [], 0
        return out.reshape(-1)
