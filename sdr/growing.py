"""Appends to a recording so that a power cut or a kill at any byte leaves it readable.

Order of every commit: samples, then fdatasync, then a line of the index. Nothing that was committed is ever
overwritten.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sdr.disk import reserve_room
from sdr.errors import DeviceError, RecordingError
from sdr.formats import bytes_per_sample, from_samples, zero_bytes
from sdr.index_line import Gap, Level, commit_line
from sdr.level_meter import LevelMeter
from sdr.recording_files import beside, disk_refuses, write_all, write_what_fits
from sdr.recording_hash import TrailingHash, WrittenHash
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX
from sdr.taken_up import TakenUp

_ZERO_BLOCK = 1 << 18
_ZEROS_AHEAD = 1 << 20  # samples that are written and synced at once
COMMIT_S = 0.1
"""Samples older than this are committed at the next write; a live decoder sees them no later."""
COMMIT_BYTES = 8 << 20


class GrowingRecording:
    """The open, locked files of a recording that samples are appended to; `sdr.writer` begins and ends them.

    Attributes:
        path_stem: path without suffix.
        header: of the index.
        sample_count: samples of the file so far, gaps included.
        gaps: of the file, in order.
        lost_samples: in them.
        committed: samples that the index speaks of, and that outlive a power cut.
        start: aware time of the first sample of the file.
        level: of the newest whole second.
        closed: whether the files are let alone.
        stamp: of a resumed recording, a sample and its POSIX time, where the dead recorder left them.
        durable: whether it waits for the disk at every commit.
        commits_itself: when it is due; False leaves that to the caller.
    """

    _hash: WrittenHash | TrailingHash

    def _begin(self, stem: Path, taken: TakenUp, commit_interval_s: float, durable: bool) -> None:
        self.path_stem, self.header, self.start = stem, taken.header, taken.start
        self.sample_count, self.gaps = taken.sample_count, list(taken.gaps)
        self.lost_samples = sum(gap.sample_count for gap in taken.gaps)
        self.level: Level | None = None
        self.closed, self._doubtful = False, ""
        self.stamp: tuple[int, float] | None = None
        self.bytes_per_sample = bytes_per_sample(taken.header.format)
        self._index, self._index_bytes, self._data = taken.index, taken.index_bytes, taken.data
        self._interval_s, self.durable = commit_interval_s, durable
        self._committed_at, self.committed = time.monotonic(), taken.sample_count
        self._new_gaps: list[Gap] = []
        self._zeros_until = 0  # bytes: from the end of the samples to there the file holds zero samples
        self.commits_itself = True
        self._meter = LevelMeter(taken.header.format, taken.header.sample_rate, taken.sample_count)
        self._levels: list[Level] = []

    @property
    def gaps_are_holes(self) -> bool:
        """Whether gaps take no room on the disk, and no time, as in most formats."""
        return not any(zero_bytes(1, self.header.format))

    @property
    def data_path(self) -> Path:
        """The file of samples."""
        return beside(self.path_stem, DATA_SUFFIX)

    def write(self, samples: npt.NDArray[np.complexfloating]) -> None:
        """Append complex samples, full scale ±1, rounded to the recording's format."""
        self.write_raw(from_samples(samples, self.header.format))

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Append a whole number of samples in the recording's format."""
        if len(raw) % self.bytes_per_sample:
            raise RecordingError(f"{len(raw)} bytes are no whole number of {self.header.format} samples")
        self._zeros_until = 0  # part of a sample may come to lie there
        written, error = write_what_fits(self._data, raw, self._written_bytes)
        taken = memoryview(raw)[: written // self.bytes_per_sample * self.bytes_per_sample]
        self._hash.update(taken)
        self._levels += self._meter.add(taken)
        self.sample_count += len(taken) // self.bytes_per_sample
        if error is not None:
            raise disk_refuses(self.data_path, error) from error
        if self._commit_is_due():
            self.commit()

    def gap(self, sample_count: int, cause: str, uncertainty: int = 0) -> None:
        """Samples were lost here: put that many zeros and say why.

        Args:
            sample_count: at least 1.
            cause: in a few words.
            uncertainty: of place and length, ± samples at 95 %; 0 where the device counted them.
        """
        if sample_count <= 0:
            raise RecordingError(f"a gap of {sample_count} samples; it has at least 1")
        gap = Gap(self.sample_count, int(sample_count), cause, int(uncertainty))
        self._zeros(gap.sample_count)
        self._levels += self._meter.skip(gap.sample_count)
        self.sample_count += gap.sample_count
        self.lost_samples += gap.sample_count
        self.gaps.append(gap)
        self._new_gaps.append(gap)
        if self._commit_is_due():
            self.commit()

    def zeros_ahead(self, sample_count: int, patience_s: float) -> bool:
        """Write, for so long, what a gap to come is made of; whether all of that is there.

        Nothing of it is counted: it goes with whatever ends this writing.
        """
        if self.gaps_are_holes:
            return True
        deadline = time.monotonic() + patience_s
        end = self._written_bytes + sample_count * self.bytes_per_sample
        raw = zero_bytes(_ZEROS_AHEAD, self.header.format)
        self._zeros_until = max(self._zeros_until, self._written_bytes)
        while self._zeros_until < end:
            write_all(self._data, raw, self._zeros_until, self.data_path)
            self._sync(self._data)
            self._zeros_until += len(raw)
            if time.monotonic() >= deadline:
                break
        return self._zeros_until >= end

    def set_start(self, start: datetime) -> None:
        """State the exact time of the first sample, once it is known."""
        self.start = start
        self._append(commit_line(self.committed, time.time(), start=start))

    def commit(self) -> None:
        """Bring all samples to the disk and enter them in the index; also an idle recorder's heartbeat."""
        if self._doubtful and self.sample_count > self.committed:
            raise DeviceError(self._doubtful)
        try:
            self._sync(self._data)
        except DeviceError as error:
            # Linux tells it once, drops what it could not write, and the next sync succeeds.
            self._doubtful = str(error)
            raise
        now, gaps, levels = time.time(), self._new_gaps, self._levels
        # Each gap lies among the samples that its own line commits, so that a follower never read it before.
        lines = [commit_line(gap.end, now, gap=gap) for gap in gaps]
        lines += [commit_line(self.sample_count, now, level=level) for level in levels]
        if not levels and not (gaps and gaps[-1].end == self.sample_count):
            lines.append(commit_line(self.sample_count, now))
        self._append(b"".join(lines))
        self._new_gaps, self._levels = [], []
        self.level = levels[-1] if levels else self.level
        self._committed_at, self.committed = time.monotonic(), self.sample_count

    def room_for(self, size: int) -> int:
        """Bytes that the disk must have free for a recording of that many."""
        return max(size - self._written_bytes, 0)

    def reserve(self, size: int) -> int:
        """Have the disk keep room for a file of that many bytes; what is not used is given back at the end.

        Returns:
            Up to how many bytes of the recording there is room now; 0 when the disk has it not, or cannot.
        """
        return size if reserve_room(self._data, size, self._written_bytes) else 0

    def let_go(self) -> None:
        """Let the files alone, as a kill does: without an end mark, for another writer to take up."""
        self.closed = True
        self._hash.stop()
        for descriptor in (self._data, self._index):
            if descriptor >= 0:
                with contextlib.suppress(OSError):  # of a disk that is gone
                    os.close(descriptor)
        self._data = self._index = -1  # another file may get these numbers

    @property
    def _written_bytes(self) -> int:
        return self.sample_count * self.bytes_per_sample

    def _commit_is_due(self) -> bool:
        if not self.commits_itself:
            return False
        waiting = (self.sample_count - self.committed) * self.bytes_per_sample
        return waiting >= COMMIT_BYTES or time.monotonic() - self._committed_at >= self._interval_s

    def _zeros(self, sample_count: int) -> None:
        """Zero samples; where these are zero bytes, a hole in the file does."""
        if self.gaps_are_holes:
            try:
                os.ftruncate(self._data, self._written_bytes + sample_count * self.bytes_per_sample)
            except OSError as error:
                raise disk_refuses(self.data_path, error) from error
            self._hash.zeros(sample_count * self.bytes_per_sample)
            return
        zero = zero_bytes(1, self.header.format)
        for done in range(0, sample_count, _ZERO_BLOCK):
            raw = zero * min(_ZERO_BLOCK, sample_count - done)
            at = self._written_bytes + done * self.bytes_per_sample
            if at + len(raw) > self._zeros_until:
                write_all(self._data, raw, at, self.data_path)
            self._hash.update(raw)

    def _append(self, lines: bytes) -> None:
        write_all(self._index, lines, self._index_bytes, beside(self.path_stem, INDEX_SUFFIX))
        self._index_bytes += len(lines)
        self._sync(self._index)

    def _sync(self, descriptor: int) -> None:
        if self.durable:
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                raise disk_refuses(self.data_path, error) from error
