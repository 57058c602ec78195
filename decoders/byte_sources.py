"""Frames from files of soft and hard bits, and what all files below the level of samples share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from decoders.downlink import Downlink, Mode
from decoders.framing.frame import Frame
from decoders.framing.frames import Tap
from decoders.mode_search import ModeSearch
from decoders.report import InputFacts
from sdr.bytestream import ByteStream
from sdr.recording import recording_sha256

READ_BYTES = 1 << 16
HARD_LEVEL = 64  # soft bit of a hard decision


class ByteSource:
    """What the levels below samples share: a file of bytes, read to its end."""

    level = ""
    lag_s = None  # a file that is over

    def __init__(self, path: Path, stream: ByteStream, downlink: Downlink, *, start: datetime | None) -> None:
        self.path = path
        self._stream = stream
        self._start = start
        self._read = 0
        self.notes: list[str] = []
        self.mode: Mode | None = downlink.modes[0] if len(downlink.modes) == 1 else None

    @property
    def facts(self) -> InputFacts:
        """What is known about the file."""
        notes = (self._stream.note,) if self._stream.note else ()
        return InputFacts(format=self.level, start=self._start, notes=(*notes, *self.notes))

    @property
    def fraction(self) -> float | None:
        """Bytes read, of all."""
        return self._read / self._stream.size if self._stream.size else None

    def sha256(self) -> str:
        """Hash of the file."""
        return recording_sha256(self.path)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """The file's bytes in pieces."""
        while raw := self._stream.read(READ_BYTES):
            self._read += len(raw)
            yield np.frombuffer(raw, dtype=np.uint8)


class BitSource(ByteSource):
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
        for block in self.blocks():
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
            self.notes.append("every byte of the input is zero")
