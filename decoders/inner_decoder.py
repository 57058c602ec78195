"""From soft bits to decoded bits: Viterbi on a fixed grid of blocks, with the ambiguity found and tracked.

Every block tells how well its re-encoded symbols agree with what was received. The seven wrong ambiguities
agree as badly as noise does; where the present one falls halfway to that floor, all eight are tried.
A signal mostly begins within a block, too late in it to prove anything; so every block is held back until the
next is decided, and decoded once more where that one brings another ambiguity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .ambiguity import AMBIGUITIES, Ambiguity
from .viterbi import MARGIN_BITS, Bits, SoftBits, viterbi

BLOCK_BITS = 1024
# Lead of the best ambiguity over the second that proves it, in roots of the block's energy. Noise stays
# below 0.25 (soft) and 0.5 (hard decisions); a signal of 1 dB has 1.5 to 2.8.
PROOF = 0.8
_TRIALS = 16  # blocks tried at once
_ROW_SOFT = 2 * (MARGIN_BITS + BLOCK_BITS + MARGIN_BITS)


@dataclass(frozen=True)
class DecodedBits:
    """Decoded bits 0/1, shape (n,), and the soft bits they came from in the encoder's order, shape (2 n,)."""

    bits: Bits
    soft: SoftBits
    state: str


@dataclass(frozen=True)
class _Block:
    """A decoded block: the soft bits as they came, its score, and whether it proves its ambiguity."""

    received: npt.NDArray[np.int8]
    decoded: DecodedBits
    score: int
    proven: bool


class InnerDecoder:
    """Decode a stream of soft bits; bit k comes from soft bits 2 k and 2 k + 1, or one later."""

    def __init__(self) -> None:
        self._pending = np.zeros(2 * MARGIN_BITS, dtype=np.int8)  # the run-up of the next block comes first
        self._received = 0
        self._emitted = 0
        self._ambiguity: Ambiguity | None = None
        self._suspect_below = 0.0
        self._held: list[_Block] = []  # the last block, which the next one may still change
        self.changes = 0

    def process(self, soft: SoftBits) -> list[DecodedBits]:
        """Decode the blocks that are complete with their run-out; the last of them is held back."""
        self._received += soft.size
        self._pending = np.concatenate([self._pending, soft])
        count = (self._pending.size - 2 * (2 * MARGIN_BITS) - 2) // (2 * BLOCK_BITS)
        return self._decode(max(0, count))

    def flush(self) -> list[DecodedBits]:
        """Decode what is left; behind the end follow erasures."""
        left = self._received // 2 - self._emitted
        count = -(-left // BLOCK_BITS)
        padding = 2 * (2 * MARGIN_BITS + count * BLOCK_BITS) + 2 - self._pending.size
        self._pending = np.concatenate([self._pending, np.zeros(max(0, padding), dtype=np.int8)])
        out = self._decode(count) + [block.decoded for block in self._held]
        self._held = []
        surplus = self._emitted - self._received // 2
        if out and surplus > 0:
            last = out[-1]
            keep = last.bits.size - surplus
            out[-1] = DecodedBits(last.bits[:keep], last.soft[: 2 * keep], last.state)
        return out

    def _decode(self, count: int) -> list[DecodedBits]:
        if count == 0:
            return []
        # A change of ambiguity is settled block by block, so grouping them only saves calls.
        out = self._held
        step = 2 * BLOCK_BITS
        blocks = np.lib.stride_tricks.sliding_window_view(self._pending, _ROW_SOFT + 2)[: count * step : step]
        k = 0
        while k < count:
            before = self._ambiguity
            taken = self._run(blocks[k : k + 64])
            out.extend(taken)
            k += len(taken)
            if self._ambiguity != before and len(out) > 1:
                out[-2] = self._revised(out[-2], first=before is None)
        self._pending = self._pending[count * step :].copy()
        self._emitted += count * BLOCK_BITS
        self._held = out[-1:]
        return [block.decoded for block in out[:-1]]

    def _run(self, blocks: npt.NDArray[np.int8]) -> list[_Block]:
        """Decode blocks with the present ambiguity, up to and including the first that changes it."""
        decoded, score, weight = self._viterbi(blocks)
        trials: dict[int, _Trial] = {}
        out = []
        for k in range(len(blocks)):
            suspect = self._ambiguity is None or score[k] < self._suspect_below * weight[k]
            if suspect and weight[k] > 0:
                if k not in trials:  # several at once: what follows a suspect block mostly is one as well
                    trials |= enumerate(_try_all(blocks[k : k + _TRIALS]), start=k)
                suspect = trials[k].lead < PROOF
                if not suspect and self._reconsider(trials[k]):
                    out.extend(self._run(blocks[k : k + 1]))
                    break
            out.append(_Block(blocks[k].copy(), decoded[k], int(score[k]), not suspect))
        return out

    def _viterbi(
        self, blocks: npt.NDArray[np.int8]
    ) -> tuple[list[DecodedBits], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Blocks decoded with the present ambiguity, their scores and their weights (sum of magnitudes)."""
        ambiguity = self._ambiguity or AMBIGUITIES[0]
        rows = ambiguity.apply(blocks)[:, :_ROW_SOFT]
        bits, score = viterbi(rows, head=MARGIN_BITS, length=BLOCK_BITS, tail=MARGIN_BITS)
        core = rows[:, 2 * MARGIN_BITS : -2 * MARGIN_BITS]
        decoded = [DecodedBits(*pair, str(ambiguity)) for pair in zip(bits, core, strict=True)]
        return decoded, score, np.abs(core.astype(np.int32)).sum(axis=1, dtype=np.int32)

    def _reconsider(self, trial: _Trial) -> bool:
        """Take the ambiguity that a block proves; whether it is another than the present one."""
        best = int(trial.merit.argmax())
        floor = np.delete(trial.agreement, best).mean()
        self._suspect_below = float(trial.agreement[best] + floor) / 2
        changed = bool(self._ambiguity != AMBIGUITIES[best])
        self._ambiguity = AMBIGUITIES[best]
        self.changes += changed
        return changed

    def _revised(self, block: _Block, *, first: bool) -> _Block:
        """The block before one that brought another ambiguity; the very first has nothing to lose."""
        if block.proven:
            return block
        (decoded,), (score,), _ = self._viterbi(block.received[np.newaxis])
        better = first or score > block.score
        return replace(block, decoded=decoded, score=int(score)) if better else block


@dataclass(frozen=True)
class _Trial:
    """How a block fares with every ambiguity: score over the root of its energy, and over its weight."""

    merit: npt.NDArray[np.float64]
    agreement: npt.NDArray[np.float64]

    @property
    def lead(self) -> float:
        """Of the best ambiguity over the second, in merit."""
        second, best = np.partition(self.merit, -2)[-2:]
        return float(best - second)


def _try_all(blocks: npt.NDArray[np.int8]) -> list[_Trial]:
    rows = np.stack([ambiguity.apply(blocks)[:, :_ROW_SOFT] for ambiguity in AMBIGUITIES], axis=1)
    _, flat = viterbi(rows.reshape(-1, _ROW_SOFT), head=MARGIN_BITS, length=BLOCK_BITS, tail=MARGIN_BITS)
    score = flat.reshape(len(blocks), len(AMBIGUITIES))
    core = rows[:, :, 2 * MARGIN_BITS : -2 * MARGIN_BITS].astype(np.int32)
    merit = score / np.sqrt(np.maximum((core**2).sum(axis=2), 1))
    agreement = score / np.maximum(np.abs(core).sum(axis=2), 1)
    return [_Trial(*pair) for pair in zip(merit, agreement, strict=True)]
