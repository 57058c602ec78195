"""The SHA-256 of a data file, taken while it is written."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable

_ZEROS = bytes(1 << 18)
_CHUNK = 1 << 20
_NICENESS = 10
_PAUSE_S = 0.2


class WrittenHash:
    """Of a file that is written from its beginning: each piece is hashed as it goes by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, raw: bytes | memoryview) -> None:
        """Further bytes of the file."""
        self._digest.update(raw)

    def zeros(self, count: int) -> None:
        """Further zero bytes of the file."""
        view = memoryview(_ZEROS)
        for left in range(count, 0, -len(_ZEROS)):
            self._digest.update(view[:left])

    def finish(self, size: int, patience_s: float = math.inf) -> str:  # noqa: ARG002 the other one needs it
        """The hash (hex) of the file of that many bytes."""
        return self._digest.hexdigest()

    def stop(self) -> None:
        """Nothing is under way."""


class TrailingHash:
    """Of a file whose first part another process wrote: a thread of low priority reads it from the disk.

    Args:
        descriptor: of the file, open for reading until `finish` has returned.
        size: tells how many bytes of it are written by now.
    """

    def __init__(self, descriptor: int, size: Callable[[], int]) -> None:
        self._digest, self._descriptor, self._size = hashlib.sha256(), descriptor, size
        self._done, self._final = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, name="hash", daemon=True)
        self._thread.start()

    def update(self, raw: bytes | memoryview) -> None:
        """Is read from the file."""

    def zeros(self, count: int) -> None:
        """Is read from the file."""

    def finish(self, size: int, patience_s: float = math.inf) -> str | None:
        """The hash of the file.

        Args:
            size: of the file, bytes.
            patience_s: with what is still to be read of it.

        Returns:
            Hex; None when that takes longer.

        Raises:
            OSError: it cannot be read.
        """
        self.stop()
        deadline = time.monotonic() + patience_s
        self._advance(min(size, self._done + _CHUNK))  # of a short file there is a hash on any machine
        self._advance(size, lambda: time.monotonic() >= deadline)
        if self._done != size and time.monotonic() >= deadline:
            return None
        if self._done != size:
            raise OSError(f"the file holds {self._done} bytes instead of {size}")
        return self._digest.hexdigest()

    def stop(self) -> None:
        """Let the file alone."""
        self._final.set()
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # of this thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        with contextlib.suppress(OSError):  # told by finish
            while not self._final.is_set():
                self._advance(self._size(), self._final.is_set)
                self._final.wait(_PAUSE_S)

    def _advance(self, size: int, stop: Callable[[], bool] = lambda: False) -> None:
        while self._done < size and not stop():
            raw = os.pread(self._descriptor, min(_CHUNK, size - self._done), self._done)
            if not raw:
                return
            self._digest.update(raw)
            self._done += len(raw)
