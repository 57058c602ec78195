"""A recording of many files, STEM, STEM-0001, STEM-0002 …, read as one stream.

The recorder marks the end of a file that another one follows as "continued"; each says with which sample of
the whole recording it begins. Reading may begin with any of them: the oldest ones may be gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sdr.errors import RecordingError
from sdr.follow import IndexedSource
from sdr.formats import bytes_per_sample
from sdr.index import CONTINUED, Gap, IndexHeader, IndexReader
from sdr.recording_files import beside, first_stem, segment_numbers, segment_stem
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX

_POLL_S = 0.02


def oldest_segment(stem: Path) -> Path | None:
    """The stem of the first file that is left of a recording whose oldest ones were let go, or None."""
    numbers = segment_numbers(stem)
    return segment_stem(stem, numbers[0]) if numbers else None


class SegmentedSource:
    """Bytes of all segments from one on, as `sdr.follow.IndexedSource` gives those of one.

    Args:
        stem: of the first segment to read.
        index: of it.
        follow: wait for more, and for further segments, until the end mark.
        stale_after_s: so long a segment is waited for that the last one announced.
        monotonic: seconds, and `sleep`: both for tests.
    """

    def __init__(
        self,
        stem: Path,
        index: IndexReader,
        *,
        follow: bool,
        stale_after_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._follow, self._stale_after_s = follow, stale_after_s
        self._monotonic, self._sleep = monotonic, sleep
        self._first, self._index = index.header, index
        self._base = first_stem(stem, index.header)
        self._bytes_per_sample = bytes_per_sample(index.header.format)
        self._current = self._opened(stem, index)
        self._before = 0  # samples of the segments that are done
        self._here = 0  # bytes read of the present one
        self._owed = 0  # zero bytes to be read first: what the file before had lost
        self._gaps: tuple[Gap, ...] = ()  # of the segments that are done
        self._start: datetime | None = None  # of the first one, once it is done
        self._notes: list[str] = []
        self._digest = sha256()
        self._hashing = self._over = False
        self._announced = None if follow else self._count_ahead()

    while_waiting: Callable[[], None] | None = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps known so far, in order."""
        if not self._before:
            return self._current.gaps
        moved = (replace(gap, sample_index=gap.sample_index + self._before) for gap in self._current.gaps)
        return (*self._gaps, *moved)

    @property
    def start(self) -> datetime | None:
        """Aware time of the first sample read from, as exactly as it is known by now."""
        return self._current.start if self._index.header is self._first else self._start

    @property
    def end(self) -> str | None:
        """Why the recording ended, as its last end mark says."""
        return self._current.end

    @property
    def sample_count(self) -> int | None:
        """Committed samples once the recording is over, None while it grows."""
        if self._announced is not None and not self._over:
            return self._announced
        count = self._current.sample_count
        grows = count is None or (self._current.end == CONTINUED and not self._over)
        return None if grows or count is None else self._before + count

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""
        return (*self._notes, *self._current.notes)

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end; waits while the recording grows."""
        raw = self._read(count)
        while len(raw) < count and self._next():
            raw += self._read(count - len(raw))
        return raw

    def _read(self, count: int) -> bytes:
        zeros = bytes(min(count, self._owed))
        self._owed -= len(zeros)
        self._current.while_waiting = self.while_waiting
        raw = self._current.read(count - len(zeros))
        self._here += len(raw)
        return zeros + raw

    def skip(self, count: int) -> None:
        """Pass over bytes of this segment, before it is read."""
        self._current.skip(count)
        self._here += count

    def waiting_bytes(self) -> int | None:
        """Bytes of this segment that are committed and not yet read; None where nothing grows."""
        if self._follow and self._current.end == CONTINUED and not self._over:
            return self._index.committed * self._bytes_per_sample - self._here
        return self._current.waiting_bytes() if self._follow else None

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading."""
        self._hashing = True
        self._current.hash_while_reading(self._digest)

    def sha256(self) -> str:
        """SHA-256 (hex) of the data files as they lie on the disk, one behind the other."""
        if not self._hashing:
            self.hash_while_reading()
        self._current.sha256()
        while self._next():
            self._current.sha256()
        found, told = self._digest.hexdigest(), self._index.sha256
        if told not in (None, found) and not self._before:
            self._notes.append(
                "the file of samples is no longer what its recorder wrote: its SHA-256 differs"
            )
        return found

    def close(self) -> None:
        """Close the data file."""
        self._current.close()

    def _opened(self, stem: Path, index: IndexReader) -> IndexedSource:
        return IndexedSource(
            beside(stem, DATA_SUFFIX), index, self._bytes_per_sample,
            follow=self._follow, stale_after_s=self._stale_after_s,
            monotonic=self._monotonic, sleep=self._sleep,
        )  # fmt: skip

    def _next(self) -> bool:
        """Go on with the next segment; False when this was the last one."""
        if self._over or self._current.end != CONTINUED:
            return False
        found = self._awaited()
        if found is None:
            self._over = True
            return False
        if self._hashing:
            self._current.sha256()
        self._start, self._gaps = self.start, self._with_what_is_missing(self.gaps)
        self._before += self._index.committed
        self._notes += self._current.notes
        self._current.close()
        self._index, self._current = found
        self._here = 0
        if self._hashing:
            self._current.hash_while_reading(self._digest)
        return True

    def _with_what_is_missing(self, gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
        """What this segment's file has lost at its end becomes a gap: all behind it keeps its place."""
        committed = self._index.committed
        self._owed = max(committed * self._bytes_per_sample - self._here, 0)
        lost = -(-self._owed // self._bytes_per_sample)  # of the torn sample nothing is left
        if not lost:
            return gaps
        first = self._before + committed - lost
        kept = (
            replace(gap, sample_count=min(gap.sample_count, first - gap.sample_index))
            for gap in gaps
            if gap.sample_index < first
        )
        return (*kept, Gap(first, lost, "the file of samples was cut off here"))

    def _awaited(self) -> tuple[IndexReader, IndexedSource] | None:
        """The next segment, as soon as it is there; None, and a note, when it does not come or fit."""
        number, due = self._index.header.segment + 1, self._before + self._index.committed
        stem = segment_stem(self._base, number)
        deadline = self._monotonic() + (self._stale_after_s if self._follow else 0.0)
        while True:
            try:
                index = IndexReader(beside(stem, INDEX_SUFFIX))
                if (why := self._misfit(index.header, number, due)) is not None:
                    break
                return index, self._opened(stem, index)
            except (RecordingError, OSError):
                why = "it is not there"
            if self._monotonic() >= deadline:
                break
            if self.while_waiting is not None:
                self.while_waiting()
            self._sleep(_POLL_S)
        self._notes.append(f"the recording goes on in {stem.name}, but {why}; what lies before is used")
        return None

    def _misfit(self, there: IndexHeader, number: int, before: int) -> str | None:
        """Why it is not the segment of that number, which so many samples lie before."""
        here = self._first
        due = here.first_sample + before
        if there.segment != number:
            return f"that calls itself number {there.segment}"
        if (there.format, there.sample_rate) != (here.format, here.sample_rate):
            return f"that is of {there.sample_rate:.0f} samples/s in {there.format}"
        if there.first_sample != due:
            return f"that begins with sample {there.first_sample} instead of {due}"
        return None

    def _count_ahead(self) -> int:
        """Samples of this and all further segments."""
        total, index = self._index.committed, self._index
        while index.end == CONTINUED:
            number = index.header.segment + 1
            try:
                index = IndexReader(beside(segment_stem(self._base, number), INDEX_SUFFIX))
            except (RecordingError, OSError):
                break
            if self._misfit(index.header, number, total) is not None:
                break
            total += index.committed
        return total
