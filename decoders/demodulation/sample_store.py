"""Samples that wait for their demodulation, numbered from the first one received."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e6  # full scale is 1, unscaled 16-bit integers are still taken


def usable(samples: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], int]:
    """Samples with zero in place of NaN, infinite and absurdly large ones, and how many those were."""
    samples = np.ascontiguousarray(samples, np.complex64)
    parts = samples.view(np.float32)
    # Never true of NaN, which the extremes pass on.
    if not len(parts) or (parts.max() <= LARGEST and parts.min() >= -LARGEST):
        return samples, 0
    good = (np.abs(samples.real) <= LARGEST) & (np.abs(samples.imag) <= LARGEST)
    return np.where(good, samples, np.complex64(0)), len(good) - int(np.count_nonzero(good))


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
        """The samples from number `origin` on; they move with the next `append`."""
        return self._room[self._begin : self._end]

    @property
    def end(self) -> int:
        """Number of the sample that comes next."""
        return self.origin + self._end - self._begin

    def append(self, samples: NDArray[np.complex64]) -> None:
        """Takes more samples."""
        if self._end + len(samples) > len(self._room):
            held = self.held
            needed = len(held) + len(samples)
            # Room for twice as much, so that what is held does not move each time; and when it grows, by more
            # than that, so that it seldom does: pages that are new cost several times what used ones do.
            room = self._room if 2 * needed <= len(self._room) else np.empty(3 * needed, np.complex64)
            room[: len(held)] = held
            self._room, self._begin, self._end = room, 0, len(held)
        self._room[self._end : self._end + len(samples)] = samples
        self._end += len(samples)

    def forget(self, before: int) -> None:
        """Drops the samples before number `before`."""
        drop = min(max(before - self.origin, 0), self._end - self._begin)
        self._begin += drop
        self.origin += drop
