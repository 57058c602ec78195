"""The samples of a recording whose disk takes no more, read from the ring in memory while they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdr.errors import RecordingError
from sdr.index import IndexReader
from sdr.index_line import Gap
from sdr.memory_writer import memory_index_path
from sdr.ring import Ring

_OVERRUN = "overwritten in memory before they were read"


class RingSource:
    """Bytes by their place in the recording; make one with `of`.

    Attributes:
        index: of what is in memory; it begins with the samples that the disk holds.
        begins: the first sample that is in memory.
        wanted: the first sample that is to be read; those before it were read elsewhere.
        overrun: gaps of samples that were overwritten before they were read; they are zeros.
    """

    def __init__(
        self, index: IndexReader, descriptor: int, ring: Ring, begins: tuple[int, int], bytes_per_sample: int
    ) -> None:
        self.index, self._descriptor, self._ring = index, descriptor, ring
        self._bytes_per_sample = bytes_per_sample
        self._sample, self._position = begins
        self.begins = self.wanted = self._sample
        self._seen = 0  # gaps that lie before `_sample`
        self.overrun: list[Gap] = []

    @classmethod
    def of(cls, stem: Path, bytes_per_sample: int) -> RingSource | None:
        """What is in memory of the recording STEM.sigmf-*; None when nothing is."""
        try:
            descriptor = os.open(memory_index_path(stem), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            # This file, whatever comes to lie at its path.
            index = IndexReader(Path(f"/proc/self/fd/{descriptor}"))
            words = index.header.metadata
            begins = int(words["ring_sample"]), int(words["ring_position"])
            ring = _named(words)
        except (RecordingError, OSError, KeyError, ValueError, TypeError):
            ring = None
        if ring is None:
            os.close(descriptor)
            return None
        return cls(index, descriptor, ring, begins, bytes_per_sample)

    @property
    def forsaken(self) -> bool:
        """Whether its recorder is dead and another one has taken up the recording: nothing will come."""
        return os.fstat(self._descriptor).st_nlink == 0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps known so far, in order."""
        if not self.overrun:
            return self.index.gaps
        return tuple(sorted((*self.index.gaps, *self.overrun), key=lambda gap: gap.sample_index))

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""
        lost = sum(gap.sample_count for gap in self.overrun)
        return (f"{lost} samples were {_OVERRUN}; they are zeros",) if lost else ()

    def read(self, sample_count: int) -> bytes:
        """The next samples, of those that the index commits; gaps and what is overwritten are zeros."""
        while self._sample < (until := min(self.wanted, self.index.committed)):
            self._part(until - self._sample)
            self.overrun.clear()
        parts = []
        left = min(sample_count, self.index.committed - self._sample)
        while left > 0:
            parts.append(self._part(left))
            left -= len(parts[-1]) // self._bytes_per_sample
        return b"".join(parts)

    def _part(self, most: int) -> bytes:
        """Up to the next gap, or what is left of a gap."""
        gap = self._next_gap()
        if gap is not None and gap.sample_index <= self._sample:
            count = min(most, gap.end - self._sample)
            self._sample += count
            return bytes(count * self._bytes_per_sample)
        count = most if gap is None else min(most, gap.sample_index - self._sample)
        raw = self._ring.copied(self._position, count * self._bytes_per_sample)
        if raw is None:
            self._lose(count)
            raw = bytes(count * self._bytes_per_sample)
        self._sample += count
        self._position += len(raw)
        return raw

    def _lose(self, count: int) -> None:
        last = self.overrun[-1] if self.overrun else None
        if last is not None and last.end == self._sample:
            self.overrun[-1] = replace(last, sample_count=last.sample_count + count)
        else:
            self.overrun.append(Gap(self._sample, count, _OVERRUN))

    def _next_gap(self) -> Gap | None:
        gaps = self.index.gaps
        while self._seen < len(gaps) and gaps[self._seen].end <= self._sample:
            self._seen += 1
        return gaps[self._seen] if self._seen < len(gaps) else None

    def close(self) -> None:
        """Let the memory go."""
        self._ring.close()
        os.close(self._descriptor)


def _named(metadata: dict[str, Any]) -> Ring | None:
    """The ring that an index in memory speaks of; a later recorder's lies under the same name."""
    ring = Ring.attach(Path(metadata["ring"]))
    if ring is not None and ring.nonce != metadata["ring_nonce"]:
        ring.close()
        return None
    return ring
