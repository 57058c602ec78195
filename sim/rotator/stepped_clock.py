"""A clock that somebody winds on: a day of passes in a minute, the same way every time."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SteppedClock:
    """POSIX seconds. `now` and `sleep` stand in for those of the module time.

    Attributes:
        watchers: called with the new time after each step.
    """

    def __init__(self, start: float) -> None:
        self._time = start
        self._lock = threading.RLock()
        self.watchers: list[Callable[[float], None]] = []

    def now(self) -> float:
        """Seconds."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Wind on."""
        with self._lock:
            self._time += max(seconds, 0.0)
            for watcher in self.watchers:
                watcher(self._time)
