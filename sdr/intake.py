"""What the reading thread does with samples: into the ring, and what does not fit is counted."""

from __future__ import annotations

from sdr.index_line import Gap
from sdr.ring import Ring

STALLED = "disk stalled"
# A ring that was full takes samples again when that share of it is free: few long gaps, not many short ones.
_FREE_AGAIN = 0.25


class Intake:
    """Never waits for the disk.

    Args:
        ring: to be filled.
        bytes_per_sample: of the recording's format.
        count: samples of the recording before these.

    Attributes:
        count: samples of the recording so far, lost ones included.
        stalled: of these, lost because the ring was full, and not yet entered as a gap.
        lost: of these, lost for any cause.
    """

    def __init__(self, ring: Ring, bytes_per_sample: int, count: int, lost: int = 0) -> None:
        self._ring, self._bytes_per_sample = ring, bytes_per_sample
        self.count, self.stalled, self.lost = count, 0, lost
        self._uncertainty = 0

    def take(self, raw: bytes | memoryview) -> None:
        """Whole samples as the receiver gave them."""
        samples = len(raw) // self._bytes_per_sample
        if self.stalled and self._ring.free() >= self._ring.capacity * _FREE_AGAIN:
            self.settle()
        if self.stalled or not self._ring.put(raw):
            self.stalled += samples
            self.lost += samples
        self.count += samples

    def lose(self, sample_count: int, cause: str, uncertainty: int) -> None:
        """Samples that the receiver lost."""
        gap = Gap(self.count, sample_count, cause, uncertainty)
        if self.stalled or not self._ring.put_gap(gap):
            self.stalled += sample_count
            self._uncertainty += uncertainty
        self.count += sample_count
        self.lost += sample_count

    def settle(self) -> bool:
        """Enter what was lost in a stall as a gap; False when there is no room even for that."""
        gap = Gap(self.count - self.stalled, self.stalled, STALLED, self._uncertainty)
        if self.stalled and not self._ring.put_gap(gap):
            return False
        self.stalled = self._uncertainty = 0
        return True
