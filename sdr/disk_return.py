"""The way back to a disk that was left: whether it can be used again, and what the ring holds for it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sdr.ring import NOT_KEPT, Event, Ring

LOOK_S = 2.0
"""Between two looks at a disk that was left."""
_TRIAL_BYTES = 1 << 16
_KEPT_SHARE = 4  # of the ring, so that an outage of seconds costs nothing; the rest takes what comes


class DiskProbe:
    """Sees now and then whether a disk takes samples again, in a thread of its own: a disk may stand still.

    Args:
        path: of a file that is not there; it is made and removed for each look.
        has_room: whether there is enough on the disk; may raise OSError.
    """

    def __init__(self, path: Path, has_room: Callable[[], bool]) -> None:
        self._path, self._has_room = path, has_room
        self._due_at = time.monotonic() + LOOK_S
        self._thread: threading.Thread | None = None
        self._found = False

    def usable(self) -> bool:
        """Whether a look has found it so since it was asked last; begins the next look when that is due."""
        found, self._found = self._found, False
        now = time.monotonic()
        if not found and now >= self._due_at and (self._thread is None or not self._thread.is_alive()):
            self._due_at = now + LOOK_S
            self._thread = threading.Thread(target=self._look, name="disk probe", daemon=True)
            self._thread.start()
        return found

    def _look(self) -> None:
        with contextlib.suppress(OSError):
            self._found = self._has_room() and self._takes_bytes()

    def _takes_bytes(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._path.unlink()  # at once: whoever is killed leaves nothing
            written = os.pwrite(descriptor, bytes(_TRIAL_BYTES), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        return written == _TRIAL_BYTES


class KeptInRing:
    """The oldest samples that the ring keeps for the disk, while samples are in memory only.

    Args:
        ring: of the recording.
        position: in it, of the first sample that is in memory only.
        sample: of the recording, that it is.
        event: number of the next event in the ring from there on.
        rest: of a gap that lies before it and that the disk lacks too.

    Attributes:
        position, sample, event: as they are by now.
        lacking: why the disk lacks what lies before them: cause and uncertainty of the rest of a gap while
            nothing else is missing, else None.
    """

    def __init__(self, ring: Ring, position: int, sample: int, event: int, rest: Event | None) -> None:
        self._ring, self.position, self.event = ring, position, event
        self.sample = sample + (rest.sample_count if rest is not None else 0)
        self.lacking = (rest.cause, rest.uncertainty) if rest is not None else None

    def follow(self, newest: int, bytes_per_sample: int) -> None:
        """Let go what lies a quarter of the ring behind that position; followers need not have read it."""
        until = newest - self._ring.capacity // _KEPT_SHARE
        until -= until % bytes_per_sample
        while self.position < until:
            self.lacking = None
            event = self._ring.event(self.event)
            if event is not None and event.position == self.position:
                self.sample, self.event = self.sample + event.sample_count, self.event + 1
                continue
            end = until if event is None else min(event.position, until)
            self.sample += (end - self.position) // bytes_per_sample
            self.position = end
        # Nothing of this is for a later recorder: between the disk and here samples may be missing.
        self._ring.release(self.position, NOT_KEPT, self.event)

    def for_the_disk(self) -> None:
        """From now on it is what the recording lacks, for a later recorder too."""
        self._ring.release(self.position, self.sample, self.event)
