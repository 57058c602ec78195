"""Frames from files of frames: CADUs, 10-bit words, VCDUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from decoders.byte_sources import HARD_LEVEL, ByteSource
from decoders.coding.codeblock import VARIED_BYTES, decode_codeblock
from decoders.coding.reed_solomon import LENGTH
from decoders.coding.viterbi import Bits
from decoders.downlink import Downlink, Mode
from decoders.errors import InputError
from decoders.framing.frame import IDLE_VCID, Frame, make_frame, make_unprotected_frame
from decoders.framing.frame_sync import VERSION, FoundFrame, FrameFinder
from decoders.framing.frames import cadu_bytes
from decoders.framing.minor_frames import WORD_BITS, pack_words, unpack_words
from decoders.framing.packets import IDLE_ZONE, NO_HEADER
from decoders.framing.uncoded_sync import UncodedFinder, UncodedFrame
from sdr.bytestream import ByteStream

# Frames kept until it is known whether they are randomised; behind so many that are not good they are given
# out as they are.
MOST_HELD = 256


class _Framing(Protocol):
    """Frames in the bits of a file."""

    def process(self, bits: Bits) -> list[Frame]:
        """Frames that are complete."""

    def flush(self) -> list[Frame]:
        """Frames up to the end."""


class CaduSource(ByteSource):
    """Frames with marker (and parity), randomised or not, anywhere in the file, even between its bytes.

    Frames of 10-bit words come as 16-bit words of either byte order.
    """

    level = "cadu"

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        super().__init__(path, stream, downlink, start=start)
        self._framing = one_framing(downlink)
        self._looked = False

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames as the file is read."""
        bits = self._bits()
        if not self._framing.protected:
            for frames in _all(_UnprotectedFraming(self._framing), bits):
                self._refuse_coded(frames)
                yield frames
            return
        guesses: dict[str, _Framing] = {"": _ProtectedFraming(replace(self._framing, randomiser="none"), "")}
        if self._framing.randomiser != "none":
            guesses["randomised"] = _ProtectedFraming(self._framing, "randomised")
        for guess, frames in _proven_guess(guesses, bits):
            if guess == "randomised":
                self.notes[:] = ["the frames of the input were still randomised"]
            yield frames

    def _refuse_coded(self, frames: list[Frame]) -> None:
        """Frames of 1024 bytes with the same marker, but with parity, are of another downlink."""
        first = next((frame for frame in frames if frame.good), None)
        if self._looked or first is None or self._framing.block_bytes != 4 * LENGTH:
            return
        if len(set(first.cadu)) < VARIED_BYTES:  # repeating bytes are codewords, too
            return
        self._looked = True
        bits = np.unpackbits(np.frombuffer(first.cadu[4:], dtype=np.uint8))
        for basis in ("conventional", "dual"):
            if decode_codeblock(
                bits, replace(self._framing, rs_basis=basis, rs_interleave=4, rs_parity=32)
            ).proven:
                raise InputError(
                    f"{self.path} holds frames with Reed-Solomon parity, which those of this downlink have "
                    "not: is it another --downlink?"
                )

    def _bits(self) -> Iterator[Bits]:
        if self._framing.framing != "raw16":
            yield from map(np.unpackbits, self.blocks())
            return
        pattern = self._framing.marker_pattern
        words = _Words(pack_words(pattern[: pattern.size // WORD_BITS * WORD_BITS]))
        for block in self.blocks():
            yield unpack_words(words.process(block))
        if not words.fits:
            raise InputError(
                f"{self.path} holds no frames of 10-bit words, each in 16 bits; is it another --level or "
                "--downlink?"
            )


class VcduSource(ByteSource):
    """Frames without marker and parity, back to back; nothing but the header vouches for them."""

    level = "vcdu"

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        super().__init__(path, stream, downlink, start=start)
        self._framing = one_framing(downlink)
        if not self._framing.protected:
            stream.close()
            raise InputError(
                f"frames of {downlink.name} have no parity: give them with their markers, --level cadu"
            )

    def frames(self) -> Iterator[list[Frame]]:
        """Frames as the file is read."""
        size, rest, number = self._framing.vcdu_bytes, b"", 0
        for block in self.blocks():
            rest += block.tobytes()
            if number == 0:
                self._refuse_others(rest)
            count = len(rest) // size
            yield [
                self._frame(rest[k * size : (k + 1) * size], 8 * size * (number + k)) for k in range(count)
            ]
            number, rest = number + count, rest[count * size :]
        if rest:
            self.notes.append(f"the last frame is cut off: {len(rest)} of its {size} bytes")

    def _frame(self, vcdu: bytes, bit_index: int) -> Frame:
        frame = make_frame(self._framing.marker_bytes + vcdu, (), bit_index=bit_index)
        if frame.good and not _plausible(vcdu, self._framing):
            return replace(frame, good=False, state="no plausible packet zone")
        return frame

    def _refuse_others(self, head: bytes) -> None:
        size, marker = self._framing.vcdu_bytes, self._framing.marker_bytes
        if head.startswith(marker) or head[:4096].count(marker) > 1:
            raise InputError(f"{self.path} holds frames with markers: give --level cadu")
        if _share_plausible(head, size, self._framing) >= 0.5:
            return
        block = self._framing.block_bytes
        for other, what in ((block, "its parity"), (block + len(marker), "marker and parity")):
            if _share_plausible(head, other, self._framing) >= 0.5:
                raise InputError(
                    f"{self.path} holds frames of {other} bytes; level vcdu takes {size}, so cut off {what}"
                )
        raise InputError(f"{self.path}: no frames of {size} bytes; is it another --level?")


class _ProtectedFraming:
    """CADUs whose randomiser has been undone or not."""

    def __init__(self, mode: Mode, state: str) -> None:
        self._mode, self._state = mode, state
        self._finder = FrameFinder(replace(mode, differential="none"))

    def process(self, bits: Bits) -> list[Frame]:
        return [self._frame(one) for one in self._finder.process(bits)]

    def flush(self) -> list[Frame]:
        return [self._frame(one) for one in self._finder.flush()]

    def _frame(self, found: FoundFrame) -> Frame:
        frame = make_frame(
            cadu_bytes(found.block, self._mode),
            found.block.corrected,
            bit_index=found.bit_index,
            state=self._state,
        )
        return replace(frame, marker_errors=found.marker_errors)


class _UnprotectedFraming:
    """Frames that nothing protects."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._finder = UncodedFinder(mode)

    def process(self, bits: Bits) -> list[Frame]:
        soft = np.where(bits > 0, HARD_LEVEL, -HARD_LEVEL).astype(np.int8)
        return [self._frame(one) for one in self._finder.process(soft)]

    def flush(self) -> list[Frame]:
        return [self._frame(one) for one in self._finder.flush()]

    def _frame(self, found: UncodedFrame) -> Frame:
        return make_unprotected_frame(found, self._mode)


class _Words:
    """16-bit words that hold 10 bits each; the markers tell the byte order and where a word begins."""

    LEAST_ALIKE = 4  # of the marker's six words; never in random ones
    MOST_KEPT = 1 << 18  # bytes in which a marker must be found

    def __init__(self, marker: npt.NDArray[np.uint16]) -> None:
        self._marker = marker
        self._rest = np.zeros(0, dtype=np.uint8)
        self._order: str | None = None

    @property
    def fits(self) -> bool:
        """Whether words were recognised."""
        return self._order is not None

    def process(self, block: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
        """Words that are complete, in the native byte order; none before they are recognised."""
        self._rest = np.concatenate([self._rest, block])
        if self._order is None:
            self._recognise()
        if self._order is None:
            return np.zeros(0, dtype=np.uint16)
        whole = self._rest.size // 2 * 2
        words: npt.NDArray[np.uint16] = self._rest[:whole].view(self._order).astype(np.uint16)
        self._rest = self._rest[whole:]
        return words & np.uint16((1 << WORD_BITS) - 1)

    def _recognise(self) -> None:
        for first in (0, 1):
            octets = self._rest[first:]
            for order in (">u2", "<u2"):
                words = octets[: octets.size // 2 * 2].view(order)
                count = words.size - self._marker.size + 1
                alike = sum(words[k : k + max(0, count)] == word for k, word in enumerate(self._marker))
                if count > 0 and np.max(alike) >= self.LEAST_ALIKE:
                    self._order, self._rest = order, octets
                    return
        if self._rest.size > self.MOST_KEPT:
            self._rest = self._rest[-2 * self._marker.size :]


def _all(framing: _Framing, bits: Iterator[Bits]) -> Iterator[list[Frame]]:
    for block in bits:
        yield framing.process(block)
    yield framing.flush()


def _proven_guess(guesses: dict[str, _Framing], bits: Iterator[Bits]) -> Iterator[tuple[str, list[Frame]]]:
    """Frames of the first guess that gives a good one, and from then on of that alone, with its name.

    The randomiser's sequence may itself be a codeword, so that Reed-Solomon proves a frame either way;
    whether it is good the version in its header decides, whose two bits the randomiser turns.
    """
    held: dict[str, list[Frame]] = {name: [] for name in guesses}
    for block in _with_end(bits):
        for name in held:
            framing = guesses[name]
            held[name] += framing.flush() if block is None else framing.process(block)
        sure = [name for name in held if any(frame.good for frame in held[name])]
        if len(held) > 1 and sure:
            held = {sure[0]: held[sure[0]]}
        most = max(held, key=lambda name: len(held[name]))
        if len(held) == 1 or block is None or len(held[most]) > MOST_HELD:
            yield most if sure else "", held[most]
            held = {name: [] for name in held}


def _with_end(bits: Iterator[Bits]) -> Iterator[Bits | None]:
    yield from bits
    yield None


def _plausible(vcdu: bytes, framing: Mode) -> bool:
    """Whether header and first header pointer of a frame are as they must be; nothing else vouches for it."""
    pointer_at = 6 + framing.insert_zone_bytes
    zone_bytes = framing.vcdu_bytes - pointer_at - 2
    if len(vcdu) < pointer_at + 2 or vcdu[0] >> 6 != VERSION:
        return False
    pointer = int.from_bytes(vcdu[pointer_at : pointer_at + 2], "big")  # five spare bits, then eleven
    return vcdu[1] & 0x3F == IDLE_VCID or pointer < zone_bytes or pointer in (IDLE_ZONE, NO_HEADER)


def _share_plausible(head: bytes, size: int, framing: Mode) -> float:
    count = len(head) // size
    return sum(_plausible(head[k * size : (k + 1) * size], framing) for k in range(count)) / max(1, count)


def one_framing(downlink: Downlink) -> Mode:
    """A mode whose framing all modes share.

    Raises:
        InputError: the modes frame differently, so that frames do not tell which it is.
    """

    def framing(mode: Mode) -> Sequence[object]:
        return (mode.frame_bits, mode.marker, mode.rs_basis, mode.rs_interleave, mode.insert_zone_bytes)

    if len({framing(mode) for mode in downlink.modes}) > 1:
        raise InputError(f"the modes of {downlink.name} frame differently; name the one it was")
    return downlink.modes[0]
