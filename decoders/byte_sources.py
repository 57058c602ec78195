"""Frames from files below the level of samples: soft and hard bits, CADUs, VCDUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdr.bytestream import ByteStream
from sdr.recording import recording_sha256

from .codeblock import CodeBlock
from .downlink import Downlink, Mode
from .errors import InputError
from .frame_sync import VERSION, FrameFinder
from .frames import IDLE_VCID, Frame, Tap, cadu_bytes, make_frame
from .mode_search import ModeSearch
from .packets import IDLE_ZONE, NO_HEADER
from .randomiser import randomise
from .report import InputFacts

READ_BYTES = 1 << 16
HARD_LEVEL = 64  # soft bit of a hard decision


class _ByteSource:
    """What the levels below samples share: a file of bytes, read to its end."""

    level = ""

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        self._path = path
        self._stream = stream
        self._start = start
        self._read = 0
        self._notes: list[str] = []
        self.mode: Mode | None = downlink.modes[0] if len(downlink.modes) == 1 else None

    @property
    def facts(self) -> InputFacts:
        """What is known about the file."""
        notes = (self._stream.note,) if self._stream.note else ()
        return InputFacts(format=self.level, start=self._start, notes=(*notes, *self._notes))

    @property
    def fraction(self) -> float | None:
        """Bytes read, of all."""
        return self._read / self._stream.size if self._stream.size else None

    def sha256(self) -> str:
        """Hash of the file."""
        return recording_sha256(self._path)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        while raw := self._stream.read(READ_BYTES):
            self._read += len(raw)
            yield np.frombuffer(raw, dtype=np.uint8)


class BitSource(_ByteSource):
    """Soft bits (int8, serial, positive = 1) or hard bits (packed, most significant first)."""

    def __init__(
        self,
        path: Path,
        stream: ByteStream,
        downlink: Downlink,
        *,
        start: datetime | None,
        hard: bool,
        tap: Tap | None,
    ) -> None:
        super().__init__(path, stream, downlink, start=start)
        self.level = "hard" if hard else "soft"
        self._tap = tap
        self._search = ModeSearch(downlink.modes, tap=tap)
        self._any = False

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames as the file is read."""
        for block in self._blocks():
            soft = block.view(np.int8)
            if self.level == "hard":
                soft = np.where(np.unpackbits(block) > 0, HARD_LEVEL, -HARD_LEVEL).astype(np.int8)
            self._any = self._any or bool(block.any())
            if self._tap is not None:
                self._tap("soft", soft)
            yield self._search.process(soft)
            self.mode = self._search.mode
        yield self._search.flush()
        self.mode = self._search.mode
        if not self._any:
            self._notes.append("every byte of the input is zero")


class CaduSource(_ByteSource):
    """Frames with marker and parity, randomised or not, anywhere in the file, even between its bytes."""

    level = "cadu"

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        super().__init__(path, stream, downlink, start=start)
        self._framing = one_framing(downlink)
        self._randomised: bool | None = None

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames as the file is read."""
        # The randomiser's sequence is itself a codeword: Reed-Solomon proves a frame either way.
        finder = FrameFinder(replace(self._framing, differential="none", randomiser="none"))
        for block in self._blocks():
            yield [
                self._frame(found.block, found.bit_index) for found in finder.process(np.unpackbits(block))
            ]
        yield [self._frame(found.block, found.bit_index) for found in finder.flush()]
        if self._randomised:
            self._notes.append("the frames of the input were still randomised")

    def _frame(self, block: CodeBlock, bit_index: int) -> Frame:
        raw = cadu_bytes(block, self._framing)
        if self._randomised is None and block.proven:
            versions = [plain[4] >> 6 for plain in (raw, self._derandomised(raw))]
            if VERSION in versions:
                self._randomised = versions[0] != VERSION
        if self._randomised:
            raw = self._derandomised(raw)
        return make_frame(
            raw, block.corrected, bit_index=bit_index, state="randomised" * bool(self._randomised)
        )

    def _derandomised(self, cadu: bytes) -> bytes:
        block = randomise(np.frombuffer(cadu, dtype=np.uint8)[4:], self._framing.randomiser)
        return cadu[:4] + block.tobytes()


class VcduSource(_ByteSource):
    """Frames without marker and parity, back to back; nothing but the header vouches for them."""

    level = "vcdu"

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        super().__init__(path, stream, downlink, start=start)
        self._framing = one_framing(downlink)

    def frames(self) -> Iterator[list[Frame]]:
        """Frames as the file is read."""
        size, rest, number = self._framing.vcdu_bytes, b"", 0
        for block in self._blocks():
            rest += block.tobytes()
            if number == 0:
                self._refuse_others(rest)
            count = len(rest) // size
            yield [
                self._frame(rest[k * size : (k + 1) * size], 8 * size * (number + k)) for k in range(count)
            ]
            number, rest = number + count, rest[count * size :]
        if rest:
            self._notes.append(f"the last frame is cut off: {len(rest)} of its {size} bytes")

    def _frame(self, vcdu: bytes, bit_index: int) -> Frame:
        frame = make_frame(self._framing.marker_bytes + vcdu, (), bit_index=bit_index)
        if frame.good and not _plausible(vcdu, self._framing):
            return replace(frame, good=False, state="no plausible packet zone")
        return frame

    def _refuse_others(self, head: bytes) -> None:
        size, marker = self._framing.vcdu_bytes, self._framing.marker_bytes
        if head.startswith(marker) or head[:4096].count(marker) > 1:
            raise InputError(f"{self._path} holds frames with markers: give --level cadu")
        if _share_plausible(head, size, self._framing) >= 0.5:
            return
        for other, what in ((1020, "its parity"), (1024, "marker and parity")):
            if _share_plausible(head, other, self._framing) >= 0.5:
                raise InputError(
                    f"{self._path} holds frames of {other} bytes; level vcdu takes {size}, so cut off {what}"
                )
        raise InputError(f"{self._path}: no frames of {size} bytes; is it another --level?")


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
