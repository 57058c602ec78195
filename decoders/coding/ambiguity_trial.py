"""Which ambiguity a block of soft bits has: all are tried, and what their lead is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from decoders.coding.ambiguity import Ambiguity
from decoders.coding.viterbi import SoftBits, quantised, viterbi

Floats = npt.NDArray[np.float64]

ROWS = 64  # decoded at once
# Soft bits of noise count as much as this share of hard decisions would: 2 / pi, and a fade takes some.
NOISE_SHARE = 0.6
# A block in which fewer count than this share of it proves nothing: so few fit any code by chance.
LEAST_SHARE = 1 / 8


def lead(agreement: Floats) -> float:
    """Of the best ambiguity over the second."""
    second, best = np.partition(agreement, -2)[-2:]
    return float(best - second)


class AmbiguityTrial:
    """Decode blocks with every ambiguity."""

    def __init__(self, choices: Sequence[Ambiguity], block: int, margin: int) -> None:
        self.at_once = max(1, ROWS // len(choices))
        self._block, self._margin = block, margin
        self._soft = block // choices[0].bits * choices[0].cycle  # of a block that came whole
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

    def widening(self, received: SoftBits, start: int, spread: float) -> float:
        """How many times the agreement of a block spreads more than that of a whole block of hard decisions.

        Soft bits beside which others are large count for little. Those that the Viterbi kernel takes for zero
        beside the others agree by chance: each adds its square to the variance of the score.

        Args:
            received: soft bits.
            start: of the block's run-up.
            spread: of the agreement of hard decisions, as of `Grid`.

        Returns:
            At least 1; infinite where the block holds too little to prove anything.
        """
        row = received[start : start + self._length][self._source[0]] * self._sign[0]
        scored = slice(2 * self._margin, row.size - 2 * self._margin)
        square = np.square(row[scored], dtype=np.float64)
        total, energy = float(np.sqrt(square).sum()), float(square.sum())
        if total**2 < LEAST_SHARE * self._soft * energy or not energy:
            return math.inf
        by_chance = float(square[quantised(row[np.newaxis])[0, scored] == 0].sum())
        fitted = NOISE_SHARE * self._soft * (energy - by_chance)
        return max(1.0, math.sqrt(fitted + by_chance / spread**2) / total)
