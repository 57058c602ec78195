"""The SHA-256 of a file, taken while it is read: so it is read once, and hashed is what was decoded."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

_CHUNK = 1 << 18


class HashedFile:
    """A file read forward; wraps one at any place of its reading.

    Args:
        file: opened for reading; what was read of it before is read again.
        digest: to go on with, where several files are hashed as one.
    """

    def __init__(self, file: BinaryIO, digest: hashlib._Hash | None = None) -> None:
        self._file = file
        self._digest = hashlib.sha256() if digest is None else digest
        before = file.tell()
        file.seek(0)
        while before > 0 and (raw := self.read(min(before, _CHUNK))):
            before -= len(raw)

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        raw = self._file.read(count)
        self._digest.update(raw)
        return raw

    def sha256(self) -> str:
        """The hash (hex) of the whole file; what was not asked for yet is read now."""
        while self.read(_CHUNK):
            pass
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
