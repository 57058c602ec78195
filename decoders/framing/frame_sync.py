"""Frames in a stream of decoded bits: found by their marker, kept by the flywheel, proven by Reed-Solomon.

Every place that looks like a marker is tried, and so is every place where the last frame lets one expect it;
only Reed-Solomon decides. So a lost bit costs no more than its frame, and a destroyed marker nothing.

How often a frame is made of nothing: a tried place becomes a frame only when each of its n codewords is
proven, and a word of random bytes is with a probability below `codeblock.PROVEN` = 1e-9, at either try; so
with less than (2e-9)^n. Random bits give one place to try in 1e4 at the most. The worst is n = 1: 1e9 bits
of noise then give 2e-4 false frames at the most, and n = 4 gives 2e-30. Of a frame with a valid marker some
words may be right, and one that is hurt beyond correction comes out false: such a frame becomes a false one
with less than n * 2e-9. `tests/figures/false_frames.py` counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from decoders.coding.allowance import Allowance
from decoders.coding.ambiguity import negative
from decoders.coding.codeblock import CodeBlock, decode_codeblock, decode_codeblocks
from decoders.coding.reed_solomon import FAILED, TO_DUAL
from decoders.coding.second_try import second_try
from decoders.coding.siso import UNKNOWN
from decoders.coding.viterbi import Bits, SoftBits
from decoders.downlink import Mode
from decoders.framing.marker_search import MarkerSearch, SeenMarker

VERSION = 1  # AOS transfer frame (CCSDS 732.0-B-4 section 4.1.2)
# Bits of a marker that may differ where one is expected: random bits pass once in 300.
EXPECTED_DISTANCE = 8
FLYWHEEL_FRAMES = 16
# A marker this alike, so near to a place without one, is the frame's: see `_marker_beside`.
BESIDE_DISTANCE, BESIDE_BYTES = 5, 128
# Bits around a frame that the second try reads to settle its trellis; and those before and behind it in which
# a marker is looked for.
CONTEXT_BITS = 128
AROUND_BITS = 8 * BESIDE_BYTES + 64
LOOK_BACK_FRAMES = 8
MOST_AT_ONCE = 32
# Before the first bit and behind the last one so many unknown bits are added: a frame that lacks no more of
# its marker or its last byte comes out.
MARGIN_BITS = 64
_TO_DUAL = TO_DUAL.tobytes()


@dataclass(frozen=True)
class FoundFrame:
    """A frame located in the stream.

    Attributes:
        bit_index: number of its marker's first bit.
        inverted: whether its bits had to be turned.
        marker_errors: wrong bits of its marker.
        block: what came of its Reed-Solomon block.
        soft: its soft bits in the encoder's order, not turned, shape (2 * frame_bits,), or None.
    """

    bit_index: int
    inverted: bool
    marker_errors: int
    block: CodeBlock
    soft: SoftBits | None


class FrameFinder:
    """Find frames in bits as they come."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._length = mode.frame_bits
        self._marker = MarkerSearch(mode)
        self._may_be_inverted = mode.differential == "none"
        self._bits = np.zeros(MARGIN_BITS, dtype=np.uint8)
        self._soft: SoftBits | None = None
        self._base = -MARGIN_BITS  # number of the first bit kept
        self._position = -MARGIN_BITS  # nothing begins before, or it has been tried
        self._floor = -MARGIN_BITS  # end of the last proven frame
        self._expected: int | None = None
        self._missed = 0
        self._at_once = 1
        self._allowance = Allowance.of_decodings(mode)  # of second tries
        self._places_left = Allowance.of_places(mode)
        # First 16 bits (version, SCID, VCID) of frames that were proven behind a marker.
        self._headers: set[bytes] = set()

    def process(self, bits: Bits, soft: SoftBits | None = None) -> list[FoundFrame]:
        """Frames that are complete, with the bits behind that are read to decode them.

        Args:
            bits: 0/1, shape (n,), the differential code undone.
            soft: the soft bits they came from, shape (2 n,); without them there is no second try.
        """
        self._bits = np.concatenate([self._bits, bits])
        if soft is not None:
            before = np.zeros(2 * MARGIN_BITS, dtype=np.int8) if self._soft is None else self._soft
            self._soft = np.concatenate([before, soft])
        found = self._search(self._base + self._bits.size - self._length - AROUND_BITS)
        self._forget()
        return found

    def flush(self) -> list[FoundFrame]:
        """Frames up to the very end."""
        self._bits = np.concatenate([self._bits, np.zeros(MARGIN_BITS, dtype=np.uint8)])
        if self._soft is not None:
            self._soft = np.concatenate([self._soft, np.zeros(2 * MARGIN_BITS, dtype=np.int8)])
        return self._search(self._base + self._bits.size - self._length)

    def _search(self, last: int) -> list[FoundFrame]:
        """All frames that begin up to the bit `last`."""
        found: list[FoundFrame] = []
        places: npt.NDArray[np.int64] | None = None
        while self._position <= last:
            if self._expected == self._position:
                found.extend(self._clean_run(last))
                if self._position > last:
                    break
            if places is None:  # only now: behind a frame without a flaw nothing is looked for
                places = self._places(last)
            position = self._next_place(places, last)
            if position is None:
                self._position = last + 1
                break
            if position == self._expected or self._may_try(position):
                found.extend(self._try(position))
            else:
                self._position = position + 1
        return found

    def _may_try(self, position: int) -> bool:
        """Whether not too many places were tried that nothing was expected at."""
        self._places_left.reach(position)
        if self._places_left.left < 1:
            return False
        self._places_left.spend(1)
        return True

    def _clean_run(self, last: int) -> Iterator[FoundFrame]:
        """Frames that follow the last proven one without a flaw, several at once: what `_try` would find."""
        while self._position <= last:
            count = min(self._at_once, (last - self._position) // self._length + 1)
            frames = self._clean_frames(count)
            yield from frames
            if frames:
                self._floor = self._position = self._expected = self._position + len(frames) * self._length
                self._missed = 0
            if len(frames) < count:
                self._at_once = 1
                return
            self._at_once = min(2 * self._at_once, MOST_AT_ONCE)

    def _clean_frames(self, count: int) -> list[FoundFrame]:
        """Up to `count` frames from the present position; what comes behind the first flaw is left out."""
        start, length = self._position - self._base, self._length
        rows = self._bits[start : start + count * length].reshape(count, length)
        errors = (rows[:, : self._marker.bits] != self._marker.pattern).sum(axis=1)
        inverted = (errors > self._marker.bits // 2) & self._may_be_inverted
        errors = np.where(inverted, self._marker.bits - errors, errors)
        found: list[FoundFrame] = []
        blocks = decode_codeblocks(rows, self.mode, skip=self._marker.bits, turned=inverted)
        for k, (block, wrong, turned) in enumerate(
            zip(blocks, errors.tolist(), inverted.tolist(), strict=True)
        ):
            if wrong > EXPECTED_DISTANCE or not block.proven or not self._is_known(block):
                break
            at = self._position + k * length
            found.append(FoundFrame(at, turned, wrong, block, self._soft_of(at)))
        return found

    def _places(self, last: int) -> npt.NDArray[np.int64]:
        """Where a marker seems to begin, in order."""
        start, end = self._position - self._base, last - self._base + self._marker.bits
        soft = None if self._soft is None else self._soft[2 * start : 2 * end]
        return self._marker.places(self._bits[start:end], soft) + self._position

    def _next_place(self, places: npt.NDArray[np.int64], last: int) -> int | None:
        index = int(np.searchsorted(places, self._position))
        seen = int(places[index]) if index < places.size else None
        expected = self._expected if self._expected is not None and self._expected <= last else None
        candidates = [place for place in (seen, expected) if place is not None]
        return min(candidates) if candidates else None

    def _try(self, position: int) -> Iterator[FoundFrame]:
        expected = position == self._expected
        frame, seen = self._decode(position, expected=expected)
        if frame.block.proven:
            if self._expected is None:
                yield from self._look_back(position)
            self._position = self._floor = self._expected = position + self._length
            self._missed = 0
            yield frame
            return
        self._position = position + 1
        located = frame.block.proven_words > 0
        if located:
            self._expected, self._missed = position + self._length, 0
        elif expected:
            self._missed += 1
            self._expected = None if self._missed > FLYWHEEL_FRAMES else position + self._length
            if self._expected is None:
                self._floor = position  # what lies before may be forgotten already
            located = seen.is_alike(EXPECTED_DISTANCE)
        if located:
            yield frame

    def _look_back(self, position: int) -> list[FoundFrame]:
        """Frames before the first proven one whose markers were not recognised."""
        found: list[FoundFrame] = []
        start = max(self._floor, position - LOOK_BACK_FRAMES * self._length)
        while position - self._length >= start:
            position -= self._length
            frame, _ = self._decode(position, expected=True)
            if frame.block.proven_words:
                found.insert(0, frame)
        return found

    def _decode(self, position: int, *, expected: bool) -> tuple[FoundFrame, SeenMarker]:
        start = position - self._base
        bits: Bits = self._bits[start : start + self._length]
        seen = self._look(position)
        inverted = seen.inverted
        if inverted:
            bits = bits ^ np.uint8(1)
        block = decode_codeblock(bits[self._marker.bits :], self.mode)
        alike = seen.is_alike(EXPECTED_DISTANCE)
        if self._may_be_inverted and not alike and self._stands_on_its_head(block):
            inverted, bits = not inverted, bits ^ np.uint8(1)
            block = decode_codeblock(bits[self._marker.bits :], self.mode)

        def outcome(block: CodeBlock) -> tuple[FoundFrame, SeenMarker]:
            soft = self._soft_of(position)
            return FoundFrame(position, inverted, seen.errors, block, soft), seen

        # Without a randomiser zeros are a clean block; then the marker must be there.
        if not alike and (
            self.mode.randomiser == "none" or not self._is_known(block) or self._marker_beside(position)
        ):
            return outcome(_failed(block))
        # Where nothing was expected, a second try is worth its time at a sure marker only.
        worth = block.proven_words or (seen.is_alike(EXPECTED_DISTANCE) if expected else seen.is_sure)
        if not block.proven and worth and self._soft is not None:
            block = self._second_try(block, start, inverted=inverted)
        if block.proven and not self._is_known(block):
            if self._is_shifted(position, seen):
                return outcome(_failed(block))
            self._headers.add(self._header(block))
        return outcome(block)

    def _look(self, position: int) -> SeenMarker:
        start, end = position - self._base, position - self._base + self._marker.bits
        soft = None if self._soft is None else self._soft[2 * start : 2 * end]
        return self._marker.look(self._bits[start:end], soft)

    def _soft_of(self, position: int) -> SoftBits | None:
        if self._soft is None:
            return None
        start = position - self._base
        return self._soft[2 * start : 2 * (start + self._length)]

    def _stands_on_its_head(self, block: CodeBlock) -> bool:
        """Whether a proven block without a marker is inverted: the inverse of a codeword is a codeword."""
        return block.proven and self._header(block)[0] >> 6 == ~VERSION & 3

    def _header(self, block: CodeBlock) -> bytes:
        """The first two bytes; byte k of a block is byte k // interleave of codeword k mod interleave."""
        interleave = self.mode.rs_interleave
        first = bytes((block.words[0, 0], block.words[1 % interleave, 1 // interleave]))
        return first.translate(_TO_DUAL) if self.mode.rs_basis == "dual" else first

    def _is_known(self, block: CodeBlock) -> bool:
        """Whether a frame with this header was proven behind a marker."""
        return self._header(block) in self._headers

    def _is_shifted(self, position: int, seen: SeenMarker) -> bool:
        """Whether a marker beside the frame's first or last bit tells that its block is shifted.

        Then bytes were lost or doubled before the marker, and what stands in its place looks like one; or
        just behind it, so that a right marker stands before a shifted block.
        """
        if not seen.is_sure and self._marker_beside(position):
            return True
        end = position + self._length
        if self._base + self._bits.size < end + self._marker.bits:
            return False
        return not self._look(end).is_sure and self._marker_beside(end)

    def _marker_beside(self, position: int) -> bool:
        """Whether a marker stands some bytes away from where one is expected.

        Reed-Solomon codes are cyclic: a block cut out up to 16 bytes per codeword too early or too late is
        corrected to the cyclic shift of what was sent, in every codeword, and so is every frame behind a slip
        of that many bytes. Only the marker tells (and, where a slip destroyed that as well, the header, which
        must be one that was seen behind a marker). Random bits look like a marker once in 70 frames.
        """
        start = position - self._base
        first = max(start - 8 * BESIDE_BYTES, start % 8)
        window = self._bits[first : start + 8 * BESIDE_BYTES + self._marker.bits]
        distance = self._marker.distance(window)[::8].astype(int)
        if (start - first) // 8 < distance.size:
            distance[(start - first) // 8] = self._marker.bits
        return bool((distance <= BESIDE_DISTANCE).any())

    def _second_try(self, block: CodeBlock, start: int, *, inverted: bool) -> CodeBlock:
        assert self._soft is not None  # noqa: S101 - said by the caller
        self._allowance.reach(self._base + start)
        first = max(0, start - CONTEXT_BITS)
        end = min(self._bits.size, start + self._length + CONTEXT_BITS)
        soft = self._soft[2 * first : 2 * end]
        known = np.full(end - first, UNKNOWN, dtype=np.uint8)
        known[start - first : start - first + self._marker.bits] = self._marker.pattern
        return second_try(
            block,
            negative(soft) if inverted else soft,
            known,
            start - first + self._marker.bits,
            self.mode,
            allowance=self._allowance,
        )

    def _forget(self) -> None:
        """Keep what a second try or a look back may read."""
        back = AROUND_BITS + (LOOK_BACK_FRAMES * self._length if self._expected is None else 0)
        drop = min(self._position - back - self._base, self._bits.size)
        if drop > 0:
            self._bits = self._bits[drop:].copy()
            if self._soft is not None:
                self._soft = self._soft[2 * drop :].copy()
            self._base += drop


def _failed(block: CodeBlock) -> CodeBlock:
    return replace(block, corrected=(FAILED,) * len(block.corrected))
