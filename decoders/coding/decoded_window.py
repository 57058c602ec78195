"""Decoded blocks while their ambiguities are being settled, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding.ambiguity import Ambiguity
from decoders.coding.viterbi import Bits, Int32s, SoftBits, encode


@dataclass(frozen=True)
class DecodedBits:
    """Decoded bits 0/1 with one ambiguity throughout.

    Attributes:
        bits: uint8, shape (n,).
        soft: soft bits they came from in the encoder's order, punctured places 0, shape (2 n,); without a
            code shape (n,).
        state: the ambiguity in words.
    """

    bits: Bits
    soft: SoftBits
    state: str


@dataclass
class DecodedWindow:
    """Decoded blocks in order.

    `bits` (blocks, n), `soft` (blocks, 2 n), `score`, `weight` (what the score is at most) and `suspect`
    (blocks,); `runs`: from which bit on which ambiguity was taken.
    """

    bits: Bits
    soft: SoftBits
    score: Int32s
    weight: Int32s
    suspect: npt.NDArray[np.bool_]
    runs: list[tuple[int, Ambiguity]]

    @classmethod
    def empty(cls, block: int, ambiguity: Ambiguity) -> DecodedWindow:
        """No blocks, of so many bits each."""
        return cls(
            np.zeros((0, block), dtype=np.uint8),
            np.zeros((0, 2 * block), dtype=np.int8),
            np.zeros(0, dtype=np.int32),
            np.zeros(0, dtype=np.int32),
            np.zeros(0, dtype=np.bool_),
            [(0, ambiguity)],
        )

    def __len__(self) -> int:
        return len(self.bits)

    def followed_by(self, other: DecodedWindow) -> DecodedWindow:
        """This window and what comes behind it."""
        start = self.bits.size
        return DecodedWindow(
            np.concatenate([self.bits, other.bits]),
            np.concatenate([self.soft, other.soft]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.suspect, other.suspect]),
            _joined([*self.runs, *((start + place, ambiguity) for place, ambiguity in other.runs)]),
        )

    def rest(self, first: int) -> DecodedWindow:
        """The blocks from one on."""
        start = first * self.bits.shape[1]
        before = [(0, ambiguity) for place, ambiguity in self.runs if place <= start][-1:]
        behind = [(place - start, ambiguity) for place, ambiguity in self.runs if place > start]
        return DecodedWindow(
            self.bits[first:],
            self.soft[first:],
            self.score[first:],
            self.weight[first:],
            self.suspect[first:],
            before + behind,
        )

    def decoded(self, blocks: int) -> Iterator[DecodedBits]:
        """The first blocks, cut where the ambiguity changes."""
        bits, soft = self.bits[:blocks].reshape(-1), self.soft[:blocks].reshape(-1)
        ends = [place for place, _ in self.runs[1:]] + [bits.size]
        for (start, ambiguity), end in zip(self.runs, ends, strict=True):
            if start < min(end, bits.size):
                yield DecodedBits(bits[start:end], soft[2 * start : 2 * end], str(ambiguity))

    def agreement(self, first: int, end: int) -> Int32s:
        """Per bit of some blocks, the sum of its two soft bits times the signs of its re-encoded symbols."""
        signs = (2 * encode(self.bits[first:end].reshape(-1)).astype(np.int8) - 1).astype(np.int32)
        products: Int32s = (
            (self.soft[first:end].reshape(-1) * signs).reshape(-1, 2).sum(axis=1, dtype=np.int32)
        )
        return products

    def replace(self, place: int, fresh: DecodedWindow, first: int, ambiguity: Ambiguity) -> None:
        """Take the bits from `place` on from another decoding, which begins at block `first`."""
        offset = first * self.bits.shape[1]
        self.bits.reshape(-1)[place:] = fresh.bits.reshape(-1)[place - offset :]
        self.soft.reshape(-1)[2 * place :] = fresh.soft.reshape(-1)[2 * (place - offset) :]
        self.score[first:] = fresh.score
        self.weight[first:] = fresh.weight
        self.runs = _joined([*(run for run in self.runs if run[0] < place), (place, ambiguity)])


def _joined(runs: Sequence[tuple[int, Ambiguity]]) -> list[tuple[int, Ambiguity]]:
    """Runs without changes that change nothing."""
    return [run for k, run in enumerate(runs) if k == 0 or run[1] != runs[k - 1][1]]
