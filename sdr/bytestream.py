"""Bytes of a file in order, inflated on the way when it is gzip'd (its first bytes say so, not its name)."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

from sdr.errors import RecordingError
from sdr.hashed_file import HashedFile

GZIP_MAGIC = b"\x1f\x8b\x08"  # two magic bytes, then deflate (RFC 1952 2.3.1): raw samples seldom begin so
_CHUNK = 1 << 18


class ByteStream:
    """A file read forward.

    `size` is its length in bytes, None where it is compressed; `note` says what was wrong with its end.
    """

    def __init__(self, file: BinaryIO, size: int | None = None) -> None:
        self._file = file
        self._left: int | None = None
        self._hashed: HashedFile | None = None
        self.size = size
        self.note = ""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        if self._left is not None:
            count = min(count, self._left)
        raw = self._file.read(count)
        if self._left is not None:
            self._left -= len(raw)
            if len(raw) < count:
                self.note = f"the file ends {self._left} bytes before its header says"
        return raw

    def skip(self, count: int) -> bool:
        """Pass over bytes; False when the file ends before."""
        while count > 0:
            chunk = len(self.read(min(count, _CHUNK)))
            if not chunk:
                return False
            count -= chunk
        return True

    def limit(self, count: int | None) -> None:
        """Let the stream end after that many more bytes."""
        self._left = count

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading."""
        self._file = self._hashed = HashedFile(self._file)  # type: ignore[assignment]  # as far as it is used

    def sha256(self) -> str:
        """SHA-256 (hex) of the file as it lies on the disk; nothing can be read afterwards."""
        if self._hashed is None:
            self.hash_while_reading()
        assert self._hashed is not None  # noqa: S101 - made above
        return self._hashed.sha256()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _GzipFile:
    """The read half of a gzip file that yields every byte before a cut or an error.

    (gzip.GzipFile raises from within a buffered read and takes the last good bytes with it.)
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._done = False
        self._position = 0
        self.note = ""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        """To the beginning only."""
        assert position == 0  # noqa: S101 - what `HashedFile` does
        self._file.seek(0)
        self.__init__(self._file)  # type: ignore[misc]

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count and not self._done:
            self._fill()
        raw = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._position += len(raw)
        return raw

    def _fill(self) -> None:
        if self._inflate.eof and not self._next_member():
            self._done = True
            return
        rest = self._rest or self._inflate.unconsumed_tail or self._file.read(_CHUNK)
        self._rest = b""
        before = self._inflate.copy()
        try:
            raw = self._inflate.decompress(rest, 4 * _CHUNK)
        except zlib.error as error:
            self.note, self._done = f"the gzip file is damaged ({error}); what lies before is used", True
            raw = _up_to_the_error(before, rest)
        self._buffer += raw
        if self._done:
            return
        if not rest and not raw and not self._inflate.eof:
            self.note, self._done = "the gzip file is cut off; what is there is used", True

    def _next_member(self) -> bool:
        """Whether another gzip member follows; anything else behind a member is padding."""
        rest = self._inflate.unused_data
        if len(rest) < len(GZIP_MAGIC):
            rest += self._file.read(_CHUNK)
        self._rest = rest
        self._inflate = zlib.decompressobj(wbits=31)
        return rest.startswith(GZIP_MAGIC)

    def hash_while_reading(self) -> HashedFile:
        self._file = hashed = HashedFile(self._file)  # type: ignore[assignment]  # as far as it is used
        return hashed

    def close(self) -> None:
        self._file.close()


def _up_to_the_error(inflate: zlib._Decompress, packed: bytes) -> bytes:
    """What a damaged chunk still gives, byte by byte: the failing call as a whole gives nothing."""
    raw = bytearray()
    try:
        for at in range(len(packed)):
            raw += inflate.decompress(packed[at : at + 1])
    except zlib.error:
        pass
    return bytes(raw)


class _GzipStream(ByteStream):
    """A ByteStream over a gzip'd file."""

    def __init__(self, file: BinaryIO, *, hash_inflated: bool) -> None:
        self._gzip = _GzipFile(file)
        self._hash_inflated = hash_inflated
        super().__init__(self._gzip)  # type: ignore[arg-type]  # only read and close are used

    def read(self, count: int) -> bytes:
        raw = super().read(count)
        self.note = self._gzip.note or self.note
        return raw

    def hash_while_reading(self) -> None:
        if self._hash_inflated:
            super().hash_while_reading()
        else:
            self._hashed = self._gzip.hash_while_reading()


def open_bytes(path: Path, *, hash_inflated: bool = False) -> ByteStream:
    """Open a file for reading forward, through gzip when it is gzip'd.

    Args:
        path: the file.
        hash_inflated: let `sha256` be that of the bytes before they were compressed.

    Raises:
        RecordingError: no such file, a folder, empty, or not readable.
    """
    if path.is_dir():
        raise RecordingError(f"{path} is a folder; name a recording in it")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RecordingError(f"{path}: no such file") from None
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from None
    magic = file.read(len(GZIP_MAGIC))
    file.seek(0)
    if not magic:
        file.close()
        raise RecordingError(f"{path} is empty; nothing was recorded")
    return (
        _GzipStream(file, hash_inflated=hash_inflated)
        if magic == GZIP_MAGIC
        else ByteStream(file, path.stat().st_size)
    )
