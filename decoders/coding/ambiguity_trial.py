"""Which ambiguity a block of soft bits has: all are tried."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from decoders.coding.ambiguity import Ambiguity
from decoders.coding.viterbi import SoftBits, viterbi

Floats = npt.NDArray[np.float64]

ROWS = 64  # decoded at once


def lead(agreement: Floats) -> float:
    """Of the best ambiguity over the second."""
    second, best = np.partition(agreement, -2)[-2:]
    return float(best - second)


class AmbiguityTrial:
    """Decode blocks with every ambiguity."""

    def __init__(self, choices: Sequence[Ambiguity], block: int, margin: int) -> None:
        self.at_once = max(1, ROWS // len(choices))
        self._block, self._margin = block, margin
        tables = [choice.gather(block + 2 * margin) for choice in choices]
        self._source = np.stack([source for source, _ in tables])
        self._sign = np.stack([sign for _, sign in tables])
        self._length = int(self._source.max()) + 1

    def of(self, received: SoftBits, starts: Sequence[int]) -> Floats:
        """Agreement (score over weight) of blocks with every ambiguity, shape (blocks, ambiguities).

        A block's run-up begins at the start given.
        """
        count, choices = len(starts), len(self._source)
        rows = np.stack([received[start : start + self._length] for start in starts])[:, self._source]
        rows *= self._sign
        flat = rows.reshape(count * choices, -1)
        _, score = viterbi(flat, head=self._margin, length=self._block, tail=self._margin)
        weight = np.abs(flat[:, 2 * self._margin : -2 * self._margin]).sum(axis=1, dtype=np.int32)
        agreement: Floats = (score / np.maximum(weight, 1)).reshape(count, choices)
        return agreement
