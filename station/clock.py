"""Time as an argument: the daemon asks a clock, so that a test runs a day in seconds."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the daemon wants of time."""

    def now(self) -> datetime:
        """Aware UTC."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let that much time pass, or less when `stop` is set; whether it is."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Sleep; ends at once when `stop` is set."""
        return stop.wait(max(seconds, 0.0))
