"""What is asked of a recording under way, and what it tells."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

SILENT = "no more samples came"
"""Stands in the end of a recording whose receiver was silent or away then."""
_PATIENCE_S = 10.0


class StopFlag(Protocol):
    """A threading.Event, or anything that can be asked like one."""

    def is_set(self) -> bool:
        """Whether the recording shall end now."""


@dataclass(frozen=True)
class RecordProgress:
    """How a recording stands; level and clipping are of the newest block.

    Attributes:
        sample_count: samples so far, gaps included.
        lost_samples: of these, lost.
        level_dbfs: mean power below full scale.
        clipped: share of samples with I or Q at full scale.
        free_bytes: room left on the disk.
        note: what just happened, or empty.
    """

    sample_count: int
    lost_samples: int
    level_dbfs: float
    clipped: float
    free_bytes: int
    note: str = ""


@dataclass(frozen=True)
class Limit:
    """When a recording ends, by the time of its samples."""

    duration_s: float | None
    stop_at: datetime | None

    def samples(self, start: datetime | None, sample_rate: float) -> int | None:
        """How long the recording may become; None without limit, and while its start is unknown."""
        lengths = [] if self.duration_s is None else [self.duration_s]
        if self.stop_at is not None and start is not None:
            lengths.append((self.stop_at - start).total_seconds())
        return round(max(min(lengths), 0.0) * sample_rate) if lengths else None

    def expected(self, start: datetime | None, sample_rate: float) -> int | None:
        """How long it will become as far as can be told before the first sample."""
        return self.samples(start or datetime.now(UTC), sample_rate)


class Teller:
    """Tells progress in a thread of its own, so that no listener can hold up the reading."""

    def __init__(self, progress: Callable[[RecordProgress], None] | None) -> None:
        self._progress, self._states = progress, queue.SimpleQueue[RecordProgress | None]()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        if progress is not None:
            self._thread.start()

    def tell(self, state: RecordProgress) -> None:
        """Queue it."""
        if self._progress is not None:
            self._states.put(state)

    def close(self) -> None:
        """Let it tell the rest, if it does not take long."""
        self._states.put(None)
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while (state := self._states.get()) is not None:
            with contextlib.suppress(Exception):  # no listener may ever stop a recording
                if self._progress is not None:
                    self._progress(state)
