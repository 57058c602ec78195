"""A worker that is ready to begin: it has imported everything and waits for the word on its stdin.

What a recorder needs to start costs most of a second of a processor, and several on a busy machine; the
samples of that time would be lost. When its supervisor dies its stdin ends, and so does it, unless the
recorder has died as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from station.processes import Worker

_AGAIN_AFTER_S = 10.0  # one that dies while it waits would die again


class Spare:
    """At most one such worker.

    Args:
        begin: begins one that waits.
    """

    def __init__(self, begin: Callable[[], Worker]) -> None:
        self._begin = begin
        self._worker: Worker | None = None
        self._begun_at = -_AGAIN_AFTER_S

    def prepare(self) -> None:
        """Have one; may be called often."""
        now = time.monotonic()
        if self._worker is not None and self._worker.poll() is not None:
            self._worker = None
        if self._worker is None and now - self._begun_at >= _AGAIN_AFTER_S:
            self._begun_at = now
            self._worker = self._begin()

    def take(self) -> Worker | None:
        """Give it the word, though it may not be ready yet; None where there is none."""
        worker, self._worker = self._worker, None
        self._begun_at = -_AGAIN_AFTER_S
        return worker if worker is not None and worker.poll() is None and worker.go() else None

    def dismiss(self) -> None:
        """It is not needed any more."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None
