"""The folder of results: every file appears under its name only when it is whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from decoders.errors import DecoderError, OutputError
from decoders.frame_table import FrameTable

UNFINISHED = ".part"
# Joints that `--tap` writes, and what the file is called behind `tap.STAGE`.
TAPS = {
    "samples": ".cf32",  # complex64 as read
    "tracks": ".csv",  # every 0.1 s: seconds, carrier off the centre in Hz, clock in ppm, Eb/N0 in dB, locked
    "constellation": ".cf32",  # complex64[128] of each of these rows, one rail [256]: symbols of mean power 1
    "eye": ".cf32",  # complex64[32 * 16] of each row: 32 symbols of the matched filter, 16 values to each
    "soft": ".s",  # int8 out of the demodulator
    "deinterleaved": ".s",  # int8 into the Viterbi decoder
    "bits": ".bits",  # decoded bits, differential code undone, packed, most significant first
    "located": ".cadu",  # every located frame, good or not
    "packets": ".ccsds",  # space packets
}


def tap_name(joint: str) -> str:
    """The file of a joint."""
    return f"tap.{joint}{TAPS[joint]}"


class Results:
    """Files being written into a folder."""

    def __init__(self, folder: Path, taps: tuple[str, ...] = ()) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made or written.
            DecoderError: a file stands in its place, or another one writes into it.
        """
        self.folder = folder
        self.taps = taps
        self._open: dict[str, BinaryIO] = {}
        self._bits = np.zeros(0, dtype=np.uint8)
        self.files: dict[str, dict[str, Any]] = {}
        with self._guard("."):
            _make(folder)
            self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._unlock()
            raise DecoderError(
                f"another decoder writes into {folder}; give another --out, or wait until it is done"
            ) from None
        except OSError:  # a file system without locks
            self._unlock()

    def append(self, name: str, content: bytes) -> None:
        """Append to a file that appears when the run is finished."""
        with self._guard(name):
            if name not in self._open:
                self._open[name] = (self.folder / (name + UNFINISHED)).open("wb")
            self._open[name].write(content)

    def tap(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        """Append what passed a joint to its file, when that joint was asked for."""
        if joint not in self.taps:
            return
        if joint == "bits":
            bits = np.concatenate([self._bits, passed.astype(np.uint8)])
            whole = bits.size - bits.size % 8
            self._bits, passed = bits[whole:], np.packbits(bits[:whole])
        self.append(tap_name(joint), passed.tobytes())

    def finish(self) -> None:
        """Give every file its name."""
        if self._bits.size:
            self.append(tap_name("bits"), np.packbits(self._bits).tobytes())
        for name, file in self._open.items():
            with self._guard(name):
                file.close()
                (self.folder / (name + UNFINISHED)).replace(self.folder / name)
            self.note(name)
        self._open = {}

    def note(self, name: str) -> None:
        """Enter a finished file."""
        path = self.folder / name
        with self._guard(name), path.open("rb") as file:
            self.files[name] = {
                "bytes": path.stat().st_size,
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            }

    def write_json(self, name: str, table: Mapping[str, Any]) -> None:
        """Write a table at once; a `FrameTable` in it column by column, each on a line."""
        with self._guard(name):
            unfinished = self.folder / (name + UNFINISHED)
            try:
                with unfinished.open("w", encoding="utf-8") as file:
                    for piece in _json_pieces(table):
                        file.write(piece)
                unfinished.replace(self.folder / name)
            finally:
                unfinished.unlink(missing_ok=True)

    def abandon(self, *, keep_frames: bool = False) -> None:
        """Remove what is unfinished, and let go of the folder.

        Args:
            keep_frames: leave those that came so far, as FRAMES.part.
        """
        for name, file in self._open.items():
            with suppress(OSError):  # closing writes what is left: a full disk refuses that too
                file.close()
            unfinished = self.folder / (name + UNFINISHED)
            with suppress(OSError):
                if not (keep_frames and name.startswith("frames.") and unfinished.stat().st_size):
                    unfinished.unlink(missing_ok=True)
        self._open = {}
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    @contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = self.folder if name == "." else self.folder / name
            full = "free space there or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise OutputError(
                f"{where} cannot be written: {error.strerror or error}; {full}choose another --out"
            ) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
        raise DecoderError(
            f"no folder {folder} can be made: {file} is a file; give another --out, or move that away"
        ) from None


def _json_pieces(table: Mapping[str, Any]) -> Iterator[str]:
    """The text of a table, little of it at a time: there may be a million frames."""
    lead = "{"
    for key, value in table.items():
        yield f"{lead}\n {json.dumps(key)}: "
        if isinstance(value, FrameTable):
            yield from _column_pieces(value)
        else:
            yield _json(value, indent=1).replace("\n", "\n ")
        lead = ","
    yield "\n}\n" if table else "{}\n"


def _column_pieces(columns: FrameTable) -> Iterator[str]:
    lead = "{"
    for name in columns:
        yield f"{lead}\n  {json.dumps(name)}: ["
        for number, part in enumerate(columns.parts(name)):
            text = json.dumps(part, ensure_ascii=False, allow_nan=False)
            yield (", " if number else "") + text[1:-1]
        yield "]"
        lead = ","
    yield "\n }"


def _json(value: Any, *, indent: int | None = None) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """The value in the types of JSON; numbers that are not finite become None, since JSON has none."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
