"""The committed samples of a recording with an index; waits for more while the recording grows."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from io import FileIO
from pathlib import Path

from sdr.errors import RecordingError
from sdr.hashed_file import HashedFile
from sdr.index import Gap, IndexReader
from sdr.ring_source import RingSource
from sdr.sigmf import INDEX_SUFFIX

_POLL_S = 0.02
_MEMORY_LOOK_S = 0.25
_STALLED_S = 60.0  # with the writer's lock held, silence for that long ends the reading too
_PASS_BYTES = 1 << 18
_LOOK_SHARE = 0.02
"""Of the patience: so often it is seen whether the writer of a silent recording lives."""


class IndexedSource:
    """Bytes of the data file as far as the index says they are committed.

    Args:
        data_path: the data file.
        index: its index.
        bytes_per_sample: of the recording's format.
        follow: wait for more until the end mark.
        stale_after_s: without the writer's lock and without a new line for that long, the writer is dead and
            nobody goes on in its place.
        monotonic: seconds, and `sleep`: both for tests.
    """

    def __init__(
        self,
        data_path: Path,
        index: IndexReader,
        bytes_per_sample: int,
        *,
        follow: bool,
        stale_after_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            # Unbuffered: what lies behind the committed samples may be cut off and written anew.
            self._file: FileIO | HashedFile = data_path.open("rb", buffering=0)
        except OSError as error:
            raise RecordingError(
                f"{data_path}: the file of samples cannot be read: {error.strerror}"
            ) from None
        self._index, self._bytes_per_sample = index, bytes_per_sample
        self._stale_after_s = stale_after_s
        self._monotonic, self._sleep = monotonic, sleep
        self._heard_at = self._lived_at = self._looked_at = monotonic()
        self._memory_looked_at = -_MEMORY_LOOK_S
        self._position = self._file_position = 0
        self._memory: RingSource | None = None
        self._outlived: tuple[Gap, ...] = ()  # gaps up to where an earlier recorder's memory ended
        self._outlived_until = 0
        self.while_waiting: Callable[[], None] | None = None
        self._ended = not follow or index.end is not None
        self._follow = not self._ended
        self._notes: list[str] = []
        if follow and self._ended and index.ring is not None:  # its end is in memory only, for a while
            self._look_into_memory()
        if not follow and index.end is None:
            self._notes.append(
                f"the recording has no end mark; the {index.committed} samples committed so far are used"
            )

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps known so far, in order."""
        gaps = self._index.gaps
        if self._memory is not None:
            begins = self._memory.begins  # what the disk says of later samples is another recorder's
            if gaps and gaps[-1].sample_index >= begins:
                gaps = tuple(gap for gap in gaps if gap.sample_index < begins)
            gaps += self._memory.gaps
        return gaps if not self._outlived_until else self._outlived + _from(gaps, self._outlived_until)

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""
        return self._notes if self._memory is None else (*self._notes, *self._memory.notes)

    @property
    def start(self) -> datetime | None:
        """Aware time of the first sample, as exactly as it is known by now."""
        return self._index.start if self._memory is None else self._memory.index.start or self._index.start

    @property
    def end(self) -> str | None:
        """Why the recording ended, as its end mark says."""
        return self._index.end

    @property
    def sample_count(self) -> int | None:
        """Committed samples once the recording is over, None while it grows."""
        return self._committed if self._ended else None

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end; waits while the recording grows."""
        raw = b""
        while not self._ended and self._committed_bytes() - self._position < count - len(raw):
            if self._heard():
                pass
            elif self._memory is not None and self._memory.forsaken and not self._memory.index.poll():
                raw += self._there(count - len(raw))
                self._outlive(self._memory)
            elif self._writer_is_gone():
                self._ended = True
            else:
                if self.while_waiting is not None:
                    self.while_waiting()
                self._sleep(_POLL_S)
        raw += self._there(count - len(raw))
        if len(raw) < count and self._position < self._committed_bytes():
            missing = (self._committed_bytes() - self._position) // self._bytes_per_sample
            note = (
                f"the file of samples is shorter than its index says: the last {missing} samples are missing"
            )
            self._notes += [note] if note not in self._notes else []
        return raw

    def skip(self, count: int) -> None:
        """Pass over bytes that are committed, before any are hashed."""
        self._file.seek(count, os.SEEK_CUR)  # type: ignore[union-attr]
        self._position += count
        self._file_position += count

    def _there(self, count: int) -> bytes:
        """Up to that many bytes, of those that are there."""
        on_disk = self._index.committed if self._memory is None else self._memory.begins
        raw = self._from_disk(min(count, on_disk * self._bytes_per_sample - self._position))
        self._position += len(raw)
        if self._memory is not None and self._position >= on_disk * self._bytes_per_sample:
            more = self._memory.read((count - len(raw)) // self._bytes_per_sample)
            self._position += len(more)
            raw += more
        return raw

    def _from_disk(self, count: int) -> bytes:
        """Bytes of the file at this position; in place of some before it others were read from memory."""
        if count <= 0:
            return b""
        while (behind := self._position - self._file_position) > 0:
            passed = self._file.read(min(behind, _PASS_BYTES))
            self._file_position += len(passed)
            if not passed:
                return b""
        raw = self._file.read(count)
        self._file_position += len(raw)
        return raw

    def _outlive(self, memory: RingSource) -> None:
        """All that a dead recorder left in memory is read: the next one goes on, there or on the disk."""
        until = self._position // self._bytes_per_sample
        self._outlived, self._outlived_until = self.gaps, until
        self._notes += memory.notes
        self._memory = None
        memory.close()

    def waiting_bytes(self) -> int | None:
        """Bytes that are committed and not yet read; None when the recording was over before it was read."""
        if not self._follow:
            return None
        if not self._ended:
            self._heard()
        return max(self._committed_bytes() - self._position, 0)

    def hash_while_reading(self, digest: hashlib._Hash | None = None) -> None:
        """From now on `sha256` costs no second reading; it goes on with a digest of earlier files."""
        self._file = HashedFile(self._file, digest)  # type: ignore[arg-type]

    def sha256(self) -> str:
        """SHA-256 (hex) of the data file as it lies on the disk; nothing can be read afterwards."""
        if not isinstance(self._file, HashedFile):
            self.hash_while_reading()
        return self._file.sha256()  # type: ignore[union-attr]

    def close(self) -> None:
        """Close the data file."""
        self._file.close()
        if self._memory is not None:
            self._memory.close()

    @property
    def _committed(self) -> int:
        known = self._index.committed if self._memory is None else self._memory.index.committed
        return max(known, self._position // self._bytes_per_sample)

    def _committed_bytes(self) -> int:
        return self._committed * self._bytes_per_sample

    def _heard(self) -> bool:
        """Take in what the recorder has told since, on the disk or, where that takes no more, in memory."""
        heard = self._index.poll()
        if self._memory is None and (self._index.ring is not None or (not heard and self._is_due())):
            self._look_into_memory()
        if self._memory is not None:
            heard = self._memory.index.poll() or heard
            self._ended = self._memory.index.end is not None
        else:
            self._ended = self._index.end is not None
        if heard:
            self._heard_at = self._monotonic()
        return heard

    def _is_due(self) -> bool:
        """Whether to see, some times a second, if a recorder that could not even say so goes on in memory."""
        due = self._monotonic() - self._memory_looked_at >= _MEMORY_LOOK_S
        if due:
            self._memory_looked_at = self._monotonic()
        return due

    def _look_into_memory(self) -> None:
        stem = self._index.path.with_name(self._index.path.name.removesuffix(INDEX_SUFFIX))
        self._memory = RingSource.of(stem, self._bytes_per_sample)
        if self._memory is not None:
            self._memory.wanted = self._position // self._bytes_per_sample
            reason = self._memory.index.ring
            self._notes.append(f"{reason}; from sample {self._index.committed} on they are in memory only")

    def _writer_is_gone(self) -> bool:
        """Counts from when the writer was last seen alive: another may take up what a killed one left."""
        now = self._monotonic()
        silent_s = now - self._heard_at
        if now - max(self._looked_at, self._heard_at) < self._stale_after_s * _LOOK_SHARE:
            return False
        self._looked_at = now
        if writer_holds_lock(self._index.path):
            self._lived_at = now
            if silent_s < _STALLED_S:
                return False
            self._notes.append(f"the recorder has stood still for {silent_s:.0f} s; the reading ends here")
            return True
        if now - max(self._heard_at, self._lived_at) < self._stale_after_s:
            return False
        if self._index.poll():  # it may have finished between the last look and the lock
            return self._index.end is not None
        self._notes.append(
            f"the recorder died without end mark; the {self._index.committed} samples it committed are used"
        )
        return True


def _from(gaps: tuple[Gap, ...], sample: int) -> tuple[Gap, ...]:
    """What of the gaps lies from a sample on."""
    firsts = ((gap, max(gap.sample_index, sample)) for gap in gaps if gap.end > sample)
    return tuple(replace(gap, sample_index=first, sample_count=gap.end - first) for gap, first in firsts)


def writer_holds_lock(index_path: Path) -> bool:
    """Whether a process still writes this recording (the kernel frees the lock of a killed one)."""
    with index_path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
