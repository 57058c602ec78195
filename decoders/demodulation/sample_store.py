"""Samples that wait for their demodulation, numbered from the first one received."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SampleStore:
    """A stretch of samples that grows at its end and is forgotten at its beginning, without being copied on
    every change.
    """

    def __init__(self) -> None:
        self._room = np.zeros(0, np.complex64)
        self._begin = 0
        self._end = 0
        self.origin = 0

    @property
    def held(self) -> NDArray[np.complex64]:
        """The samples from number `origin` on; they move with the next `room`."""
        return self._room[self._begin : self._end]

    @property
    def end(self) -> int:
        """Number of the sample that comes next."""
        return self.origin + self._end - self._begin

    def room(self, count: int) -> NDArray[np.complex64]:
        """Where the next samples go, at least `count` of them; `grow` then takes them."""
        if self._end + count > len(self._room):
            held = self.held
            needed = len(held) + count
            # Room for twice as much, so that what is held does not move each time; and when it grows, by more
            # than that, so that it seldom does: pages that are new cost several times what used ones do.
            room = self._room if 2 * needed <= len(self._room) else np.empty(3 * needed, np.complex64)
            room[: len(held)] = held
            self._room, self._begin, self._end = room, 0, len(held)
        return self._room[self._end :]

    def grow(self, count: int) -> None:
        """Takes samples that were written into the room."""
        self._end += count

    def forget(self, before: int) -> None:
        """Drops the samples before number `before`."""
        drop = min(max(before - self.origin, 0), self._end - self._begin)
        self._begin += drop
        self.origin += drop
