"""From soft bits to decoded bits: Viterbi on a fixed grid of blocks, with the ambiguity found and tracked.

Every block tells how well its re-encoded symbols agree with what was received. The wrong ambiguities agree
as badly as noise does; where the present one falls halfway to that floor, all are tried. Where another is
proven, the bits before it are decoded with both, and the change is put where the two agree best together: a
turned carrier costs a few bits, and a signal that begins within a block is taken from its beginning.

What agrees is told by the block that proved the ambiguity. One that holds neither signal nor noise, but a
tone, may set the bar so low that noise passes. Therefore a group of blocks without a marker has its last
block tried, however well it agrees: once the signal is there, a wrong ambiguity stays for two groups at most.

Blocks are handled in groups at fixed places, which fills the lanes of the Viterbi kernel and makes the
outcome independent of how the stream was handed in. So a bit comes out up to 68 blocks after it came in: 1 s
at 72 kbit/s (rate 1/2), 40 ms at 3.5 Mbit/s (rate 3/4).

Who cannot wait has the blocks decoded ahead of their group, and gets those that nothing in the group can
change any more: a change reaches back to the last block that agreed, so what lies before a block that agrees
is final.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.ambiguity import Ambiguity, ambiguities
from decoders.coding.ambiguity_trial import AmbiguityTrial, lead
from decoders.coding.decoded_window import DecodedBits, DecodedWindow
from decoders.coding.viterbi import Bits, SoftBits, viterbi_stream
from decoders.downlink import Mode

Floats = npt.NDArray[np.float64]

GROUP_BLOCKS = 64  # decoded at once: the lanes of the kernel


@dataclass(frozen=True)
class Grid:
    """How a code is cut into blocks: their bits (rounded down to whole cycles), their run-up and run-out.

    `spread` is the standard deviation of the agreement, score over weight, among blocks of noise: measured
    with hard decisions; soft ones have less.
    """

    block_bits: int
    margin_bits: int
    spread: float


GRIDS = {
    "ccsds-k7-r1/2": Grid(1024, 112, 3.5e-3),
    "ccsds-k7-r2/3": Grid(1024, 128, 2.9e-3),
    "ccsds-k7-r3/4": Grid(2048, 192, 2.0e-3),
    "ccsds-k7-r5/6": Grid(4096, 256, 1.3e-3),
    "ccsds-k7-r7/8": Grid(4096, 320, 1.1e-3),
}
# Lead of the best ambiguity over the second that proves it, in spreads. Among the ambiguities of noise the
# best leads by 3.6 at most in 2000 blocks; near the threshold of its code a signal leads by 7 and more. The
# spread grows where a block holds erasures; of noise with up to 7/8 of them the best leads by 4.4 at most.
PROOF = 6.0
# So many blocks are kept back for a change that a later one proves. Where so many trials in a row proved
# nothing, only each `HELD_BLOCKS`th block is tried: noise costs less, and the signal's beginning is kept.
HELD_BLOCKS, BARREN_TRIALS = 4, 64
# Fewest blocks to decode ahead of their group: 0.1 s at 72 kbit/s. More fill the lanes of the kernel better.
AHEAD_BLOCKS = 8
# So many markers in a group prove that its bits are the right ones of two that the code cannot tell apart.
MARKERS_SURE = 2


class InnerDecoder:
    """Decode a stream of soft bits.

    With a code of rate p / q, bit p k is the first of those whose symbols are the soft bits from q k on, or
    up to one cycle of the code later.

    Args:
        mode: tells the code.
        prompt: give bits as soon as they are final, at the price of processor time; they are the same.
    """

    def __init__(self, mode: Mode, *, prompt: bool = False) -> None:
        self._coded = mode.code != "none"
        self.changes = 0
        if not self._coded:
            return
        self._mode = mode
        self._choices = ambiguities(mode.modulation, mode.code, mode.rail_order)
        first, grid = self._choices[0][0], GRIDS[mode.code]
        self._cycle_bits, self._cycle = first.bits, first.cycle
        self._block = grid.block_bits // first.bits * first.bits
        self._margin = -(-grid.margin_bits // first.bits) * first.bits
        self._spread, self._proof = grid.spread, PROOF * grid.spread
        self._trials = AmbiguityTrial([alike[0] for alike in self._choices], self._block, self._margin)
        self._pieces: list[SoftBits] = [np.zeros(self._soft_of(self._margin), dtype=np.int8)]
        self._waiting = self._pieces[0].size  # soft bits in the pieces, from the run-up of the window on
        self._received = self._emitted = 0  # soft bits, blocks
        self._ambiguity: Ambiguity | None = None
        self._mirrored = False
        self._suspect_below = 0.0
        self._barren = 0
        self._held = self._ahead = DecodedWindow.empty(self._block, first)
        self._given = 0  # blocks of those held and ahead that came out already
        # Of two ambiguities that are alike the markers of a whole group tell the right one.
        self._prompt = prompt and all(len(alike) == 1 for alike in self._choices)

    def process(self, soft: SoftBits) -> list[DecodedBits]:
        """Decode the groups that are complete with their run-out; the last blocks of them are held back."""
        if not self._coded:
            return [DecodedBits((soft > 0).astype(np.uint8), soft, "as sent")] if soft.size else []
        soft = np.maximum(soft, -127) if soft.size and soft.min() < -127 else soft
        self._take(soft)
        self._received += soft.size
        out: list[DecodedBits] = []
        while self._waiting >= self._needed(len(self._held) + GROUP_BLOCKS):
            before = self._emitted
            out += _behind(self._decode(GROUP_BLOCKS, held_back=HELD_BLOCKS), self._given * self._block)
            self._given = max(self._given - (self._emitted - before), 0)
        if self._prompt:
            out += self._decode_ahead()
        if self._pieces[-1] is soft:
            self._pieces[-1] = soft.copy()  # the caller may use its array again
        return out

    def flush(self) -> list[DecodedBits]:
        """Decode what is left; behind the end follow erasures."""
        if not self._coded:
            return []
        bits = self._received * self._cycle_bits // self._cycle - self._emitted * self._block
        count = -(-bits // self._block) - len(self._held)
        if count > 0:
            missing = max(0, self._needed(len(self._held) + count) - self._waiting)
            self._take(np.zeros(missing, dtype=np.int8))
        out = self._decode(count, held_back=0)
        surplus = sum(piece.bits.size for piece in out) - bits
        while surplus > 0:
            last = out.pop()
            keep = last.bits.size - surplus
            surplus = -keep
            if keep > 0:
                out.append(DecodedBits(last.bits[:keep], last.soft[: 2 * keep], last.state))
        return _behind(out, self._given * self._block)

    def _take(self, soft: SoftBits) -> None:
        self._pieces.append(soft)
        self._waiting += soft.size

    def _soft_of(self, bits: int) -> int:
        return bits // self._cycle_bits * self._cycle

    def _needed(self, blocks: int) -> int:
        """Soft bits from the run-up to the run-out of a window, whatever the shift."""
        return self._soft_of(2 * self._margin + blocks * self._block) + self._cycle - 1

    def _decode(self, count: int, *, held_back: int) -> list[DecodedBits]:
        """Decode a group and settle its ambiguities; all but the blocks held back come out."""
        held, fresh = self._held, self._fresh(count)
        self._ahead = fresh.rest(len(fresh))
        if held_back < len(fresh) and not fresh.suspect.any() and self._is_upright(fresh):
            ready = len(fresh) - held_back
            out = [*held.decoded(len(held)), *fresh.decoded(ready)]
            self._held = fresh.rest(ready)
        else:
            window = held.followed_by(fresh)
            self._settle(window, len(held))
            self._settle_mirror(window)
            ready = max(0, len(window) - held_back)
            out = list(window.decoded(ready))
            self._held = window.rest(ready)
        done = len(held) + len(fresh) - len(self._held)
        self._pieces = [self._pieces[0][self._soft_of(done * self._block) :]]
        self._waiting = self._pieces[0].size
        self._emitted += done
        return out

    def _fresh(self, count: int) -> DecodedWindow:
        """So many blocks behind those held, decoded with the present ambiguity; some were ahead."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        known, ambiguity = len(self._ahead), self._ambiguity or self._choices[0][0]
        fresh = self._run(ambiguity, len(self._held) + known, count - known)
        if known:
            fresh = self._ahead.followed_by(fresh)
        self._mark(fresh, 0)
        if len(fresh) == GROUP_BLOCKS and self._ambiguity is not None and not self._holds_marker(fresh):
            fresh.suspect[-1] = fresh.weight[-1] > 0
        return fresh

    def _decode_ahead(self) -> list[DecodedBits]:
        """Decode the blocks that are complete with their run-out, and give those that are final.

        What is settled block by block does not depend on the blocks behind, so a copy foresees it.
        """
        bits = (self._waiting - self._cycle + 1) // self._cycle * self._cycle_bits - 2 * self._margin
        count = bits // self._block - len(self._held)
        if count < len(self._ahead) + AHEAD_BLOCKS:
            return []
        self._ahead = self._fresh(count)
        foreseen = copy(self)
        foreseen._decode(count, held_back=len(self._held) + count)
        agreeing = np.flatnonzero(~foreseen._held.suspect)
        if foreseen._ambiguity is None or not agreeing.size:
            return []
        final = max(int(agreeing[-1]), self._given)
        out = _behind(foreseen._held.decoded(final), self._given * self._block)
        self._given = final
        return out

    def _run(self, ambiguity: Ambiguity, first: int, count: int) -> DecodedWindow:
        """Blocks of the window decoded with an ambiguity."""
        if count <= 0:  # the input ended within the run-out of the blocks held back
            return DecodedWindow.empty(self._block, ambiguity)
        begin, bits = self._soft_of(first * self._block), count * self._block + 2 * self._margin
        received = self._pieces[0][begin : begin + self._soft_of(bits) + self._cycle - 1]
        stream = ambiguity.apply(received)[: 2 * bits]
        decoded, score, weight = viterbi_stream(
            stream, rows=count, head=self._margin, length=self._block, tail=self._margin
        )
        soft = stream[2 * self._margin : stream.size - 2 * self._margin].reshape(count, -1)
        return DecodedWindow(decoded, soft, score, weight, np.zeros(count, dtype=np.bool_), [(0, ambiguity)])

    def _mark(self, window: DecodedWindow, first: int) -> None:
        """Tell which blocks agree with their ambiguity worse than expected."""
        weight = window.weight[first:]
        known = self._ambiguity is not None
        window.suspect[first:] = (weight > 0) & (
            (window.score[first:] < self._suspect_below * weight) | (not known)
        )

    def _settle(self, window: DecodedWindow, first: int) -> None:
        """Try all ambiguities on the suspect blocks, in order, and follow what they prove."""
        while True:
            suspects = np.flatnonzero(window.suspect[first:]) + first
            if self._barren >= BARREN_TRIALS:
                suspects = suspects[(suspects + self._emitted) % HELD_BLOCKS == HELD_BLOCKS - 1]
            suspects = suspects[: self._trials.at_once]
            if not suspects.size:
                return
            starts = [self._soft_of(int(k) * self._block) for k in suspects]
            for k, trial in zip(suspects.tolist(), self._trials.of(self._pieces[0], starts), strict=True):
                first = k + 1
                self._barren += 1
                # Most fall short of the smallest proof.
                if lead(trial) < self._proof or lead(trial) < self._proof_of(k):
                    continue
                self._barren = 0
                window.suspect[k] = False
                if self._reconsider(window, k, trial):
                    break

    def _proof_of(self, k: int) -> float:
        """The lead that proves an ambiguity by block k, which may have erasures."""
        start = self._soft_of(k * self._block)
        return self._proof * self._trials.widening(self._pieces[0], start, self._spread)

    def _reconsider(self, window: DecodedWindow, k: int, trial: Floats) -> bool:
        """Take the ambiguity that block k proves; whether it is another than the present one."""
        best = int(trial.argmax())
        self._suspect_below = float(trial[best] + np.delete(trial, best).mean()) / 2
        alike = self._choices[best]
        before, self._ambiguity = (
            self._ambiguity,
            alike[self._mirrored != alike[0].mirrored if alike[1:] else 0],
        )
        if self._ambiguity == before:
            return False
        self.changes += 1
        self._change(window, k, splice=before is not None)
        return True

    def _change(self, window: DecodedWindow, k: int, *, splice: bool) -> None:
        """Decode with the new ambiguity what lies behind the last block that agreed with the old one."""
        assert self._ambiguity is not None  # noqa: S101 - set by the caller
        sure = np.flatnonzero(~window.suspect[:k]) if splice else np.zeros(0, dtype=np.intp)
        first = int(sure[-1]) if sure.size else 0
        fresh = self._run(self._ambiguity, first, len(window) - first)
        place = 0
        if splice:
            old, new = window.agreement(first, k + 1), fresh.agreement(0, k + 1 - first)
            place = int(np.argmax(np.append(0, old.cumsum()) + np.append(new[::-1].cumsum()[::-1], 0)))
        window.replace(first * self._block + place, fresh, first, self._ambiguity)
        self._mark(window, k + 1)

    def _alike(self) -> tuple[Ambiguity, ...]:
        """The present ambiguity and the one that the code cannot tell from it, if there is one."""
        return next((group for group in self._choices if self._ambiguity in group), ())

    def _holds_marker(self, window: DecodedWindow) -> bool:
        """Whether there is a marker; where all is well, within the first frame."""
        bits, length = window.bits.reshape(-1), self._mode.frame_bits
        return any(self._markers(bits[:end]) for end in (length + 64, 4 * length, bits.size))

    def _is_upright(self, window: DecodedWindow) -> bool:
        """Whether the present one of two ambiguities that the code cannot tell apart brings markers."""
        if len(self._alike()) < 2:
            return True
        bits, length = window.bits.reshape(-1), self._mode.frame_bits
        # Two frames hold that many in a clean signal.
        return any(self._markers(bits[: frames * length + 64]) >= MARKERS_SURE for frames in (2, 4))

    def _settle_mirror(self, window: DecodedWindow) -> None:
        """Of two ambiguities that the code cannot tell apart take the one that brings more markers."""
        alike = self._alike()
        if len(alike) < 2 or not len(window):
            return
        place = window.runs[-1][0]
        seen = self._markers(window.bits.reshape(-1)[place:])
        if seen >= MARKERS_SURE:
            return
        other = alike[self._ambiguity == alike[0]]
        first = place // self._block
        fresh = self._run(other, first, len(window) - first)
        if self._markers(fresh.bits.reshape(-1)[place - first * self._block :]) > seen:
            self._ambiguity, self._mirrored = other, other.mirrored
            window.replace(place, fresh, first, other)

    def _markers(self, bits: Bits) -> int:
        """How many markers, or inverted ones, are in these bits; random ones hold one in 1e8."""
        if self._mode.differential == "nrz-m":
            bits = bits[1:] ^ bits[:-1]
        marker, length = self._mode.marker_value, self._mode.marker_bits
        distance = _fec.marker_distance(np.ascontiguousarray(bits), marker, length)
        return int(np.count_nonzero((distance <= 1) | (distance >= length - 1)))


def _behind(decoded: Iterable[DecodedBits], bits: int) -> list[DecodedBits]:
    """What lies behind the first so many bits."""
    out = []
    for piece in decoded:
        cut = min(bits, piece.bits.size)
        bits -= cut
        if cut < piece.bits.size:
            out.append(DecodedBits(piece.bits[cut:], piece.soft[2 * cut :], piece.state))
    return out
