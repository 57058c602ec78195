"""Frames in a stream of decoded bits: found by their marker, kept by the flywheel, proven by Reed-Solomon.

Every place that looks like a marker is tried, and so is every place where the last frame lets one expect it;
only Reed-Solomon decides. So a lost bit costs no more than its frame, and a destroyed marker nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from . import _fec
from .ambiguity import negative
from .codeblock import CodeBlock, decode_codeblock, second_try
from .downlink import Mode
from .reed_solomon import FAILED, join_block
from .siso import UNKNOWN
from .viterbi import Bits, SoftBits

MARKER_BITS = 32
VERSION = 1  # AOS transfer frame (CCSDS 732.0-B-4 section 4.1.2)
# Bits that may differ: where a marker is looked for (random bits pass once in 1e5 places), where one is
# expected (once in 300), and where a second try is worth its time although nothing was expected.
SEARCH_DISTANCE, EXPECTED_DISTANCE, SURE_DISTANCE = 4, 8, 2
FLYWHEEL_FRAMES = 8
# A marker this alike, so near to a place without one, is the frame's: see `_marker_beside`.
BESIDE_DISTANCE, BESIDE_BYTES = 5, 128
# Bits around a frame that the second try reads to settle its trellis; and those before and behind it in which
# a marker is looked for.
CONTEXT_BITS = 128
AROUND_BITS = 8 * BESIDE_BYTES + MARKER_BITS
LOOK_BACK_FRAMES = 2


@dataclass(frozen=True)
class FoundFrame:
    """A frame located in the stream, its marker's first bit number, and what came of its block.

    `soft` are the soft bits of the whole frame in the encoder's order, shape (2 * frame_bits,), or None.
    """

    bit_index: int
    inverted: bool
    marker_errors: int
    block: CodeBlock
    soft: SoftBits | None


def marker_distance_plain(bits: Bits, marker: int) -> npt.NDArray[np.uint8]:
    """The specification of `_fec.marker_distance`: differing bits of every 32-bit window, shape (n - 31,)."""
    pattern = np.array([marker >> (31 - k) & 1 for k in range(MARKER_BITS)], dtype=np.uint8)
    if bits.size < MARKER_BITS:
        return np.zeros(0, dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(bits, MARKER_BITS)
    distance: npt.NDArray[np.uint8] = (windows != pattern).sum(axis=1).astype(np.uint8)
    return distance


class FrameFinder:
    """Find frames in bits as they come."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self._length = mode.frame_bits
        self._marker = mode.marker_value
        self._may_be_inverted = mode.differential == "none"
        self._bits = np.zeros(0, dtype=np.uint8)
        self._soft: SoftBits | None = None
        self._base = 0  # number of the first bit kept
        self._position = 0  # nothing begins before, or it has been tried
        self._floor = 0  # end of the last proven frame
        self._expected: int | None = None
        self._missed = 0
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
            self._soft = soft if self._soft is None else np.concatenate([self._soft, soft])
        found = self._search(self._base + self._bits.size - self._length - AROUND_BITS)
        self._forget()
        return found

    def flush(self) -> list[FoundFrame]:
        """Frames up to the very end."""
        return self._search(self._base + self._bits.size - self._length)

    def _search(self, last: int) -> list[FoundFrame]:
        found: list[FoundFrame] = []
        if last < self._position:
            return found
        places = self._places(last)
        while True:
            position = self._next_place(places, last)
            if position is None:
                self._position = max(self._position, last + 1)
                return found
            found.extend(self._try(position))

    def _places(self, last: int) -> npt.NDArray[np.int64]:
        """Where a marker seems to begin, in order."""
        start = self._position - self._base
        window = self._bits[start : last - self._base + MARKER_BITS]
        distance = _fec.marker_distance(np.ascontiguousarray(window), self._marker)
        alike = distance <= SEARCH_DISTANCE
        if self._may_be_inverted:
            alike |= distance >= MARKER_BITS - SEARCH_DISTANCE
        return np.flatnonzero(alike) + self._position

    def _next_place(self, places: npt.NDArray[np.int64], last: int) -> int | None:
        index = int(np.searchsorted(places, self._position))
        seen = int(places[index]) if index < places.size else None
        expected = self._expected if self._expected is not None and self._expected <= last else None
        candidates = [place for place in (seen, expected) if place is not None]
        return min(candidates) if candidates else None

    def _try(self, position: int) -> Iterator[FoundFrame]:
        expected = position == self._expected
        frame = self._decode(position, expected=expected)
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
            located = frame.marker_errors <= EXPECTED_DISTANCE
        if located:
            yield frame

    def _look_back(self, position: int) -> list[FoundFrame]:
        """Frames before the first proven one whose markers were not recognised."""
        found: list[FoundFrame] = []
        start = max(self._floor, position - LOOK_BACK_FRAMES * self._length)
        while position - self._length >= start:
            position -= self._length
            frame = self._decode(position, expected=True)
            if not frame.block.proven and not frame.block.proven_words:
                break
            found.insert(0, frame)
        return found

    def _decode(self, position: int, *, expected: bool) -> FoundFrame:
        start = position - self._base
        bits: Bits = self._bits[start : start + self._length]
        errors = int(_fec.marker_distance(np.ascontiguousarray(bits[:MARKER_BITS]), self._marker)[0])
        inverted = self._may_be_inverted and errors > MARKER_BITS // 2
        if inverted:
            bits, errors = bits ^ np.uint8(1), MARKER_BITS - errors
        block = decode_codeblock(bits[MARKER_BITS:], self.mode)
        if self._may_be_inverted and errors > EXPECTED_DISTANCE and self._stands_on_its_head(block):
            inverted, bits = not inverted, bits ^ np.uint8(1)
            block = decode_codeblock(bits[MARKER_BITS:], self.mode)
        # Without a randomiser zeros are a clean block; then the marker must be there.
        doubtful = (
            self.mode.randomiser == "none" or not self._is_known(block) or self._marker_beside(position)
        )
        if errors > EXPECTED_DISTANCE and doubtful:
            return FoundFrame(position, inverted, errors, _failed(block), None)
        worth = block.proven_words or errors <= (EXPECTED_DISTANCE if expected else SURE_DISTANCE)
        if not block.proven and worth and self._soft is not None:
            block = self._second_try(block, start, inverted=inverted)
        if block.proven and not self._is_known(block):
            if self._is_shifted(position, errors):
                return FoundFrame(position, inverted, errors, _failed(block), None)
            self._headers.add(self._header(block))
        soft = None if self._soft is None else self._soft[2 * start : 2 * (start + self._length)]
        if soft is not None and inverted:
            soft = negative(soft)
        return FoundFrame(position, inverted, errors, block, soft)

    def _stands_on_its_head(self, block: CodeBlock) -> bool:
        """Whether a proven block without a marker is inverted: the inverse of a codeword is a codeword."""
        first_byte = int(join_block(block.words, basis=self.mode.rs_basis)[0])
        return block.proven and first_byte >> 6 == ~VERSION & 3

    def _header(self, block: CodeBlock) -> bytes:
        return join_block(block.words, basis=self.mode.rs_basis)[:2].tobytes()

    def _is_known(self, block: CodeBlock) -> bool:
        """Whether a frame with this header was proven behind a marker."""
        return self._header(block) in self._headers

    def _is_shifted(self, position: int, marker_errors: int) -> bool:
        """Whether a marker beside the frame's first or last bit tells that its block is shifted.

        Then bytes were lost or doubled before the marker, and what stands in its place looks like one; or
        just behind it, so that a right marker stands before a shifted block.
        """
        if marker_errors > SURE_DISTANCE and self._marker_beside(position):
            return True
        end = position + self._length
        window = self._bits[end - self._base : end - self._base + MARKER_BITS]
        if window.size < MARKER_BITS:
            return False
        errors = int(_fec.marker_distance(np.ascontiguousarray(window), self._marker)[0])
        if self._may_be_inverted:
            errors = min(errors, MARKER_BITS - errors)
        return errors > SURE_DISTANCE and self._marker_beside(end)

    def _marker_beside(self, position: int) -> bool:
        """Whether a marker stands some bytes away from where one is expected.

        Reed-Solomon codes are cyclic: a block cut out up to 16 bytes per codeword too early or too late is
        corrected to the cyclic shift of what was sent, in every codeword, and so is every frame behind a slip
        of that many bytes. Only the marker tells (and, where a slip destroyed that as well, the header, which
        must be one that was seen behind a marker). Random bits look like a marker once in 70 frames.
        """
        start = position - self._base
        first = max(start - 8 * BESIDE_BYTES, start % 8)
        window = self._bits[first : start + 8 * BESIDE_BYTES + MARKER_BITS]
        distance = _fec.marker_distance(np.ascontiguousarray(window), self._marker)[::8].astype(int)
        if self._may_be_inverted:
            distance = np.minimum(distance, MARKER_BITS - distance)
        if (start - first) // 8 < distance.size:
            distance[(start - first) // 8] = MARKER_BITS
        return bool((distance <= BESIDE_DISTANCE).any())

    def _second_try(self, block: CodeBlock, start: int, *, inverted: bool) -> CodeBlock:
        assert self._soft is not None  # noqa: S101 - said by the caller
        first = max(0, start - CONTEXT_BITS)
        end = min(self._bits.size, start + self._length + CONTEXT_BITS)
        soft = self._soft[2 * first : 2 * end]
        known = np.full(end - first, UNKNOWN, dtype=np.uint8)
        known[start - first : start - first + MARKER_BITS] = self.mode.marker_pattern
        return second_try(
            block,
            negative(soft) if inverted else soft,
            known,
            start - first + MARKER_BITS,
            self.mode,
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
