"""Writes a recording so that a power cut or a kill at any byte leaves it readable.

Order of every commit: samples, then fdatasync, then a line of the index. The SigMF metadata are written at
the start and, with the gaps and the hash, at the end (new file, then rename). A recording whose writer died
is taken up by `RecordingWriter.resume`, or ended by `finish_interrupted`. Nothing that was committed is ever
overwritten.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from sdr.disk import give_back_room, reserve_room
from sdr.errors import DeviceError, RecordingError
from sdr.formats import bytes_per_sample, from_samples, zero_bytes
from sdr.index import IndexReader
from sdr.index_line import Gap, IndexHeader, Level, commit_line
from sdr.level_meter import LevelMeter
from sdr.recording_files import (
    beside,
    disk_refuses,
    lock,
    open_file,
    refuse_existing,
    replace_file,
    sync_folder,
    write_all,
    write_what_fits,
)
from sdr.recording_hash import TrailingHash, WrittenHash
from sdr.salvage import forget, salvage
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX, build_metadata
from sdr.taken_up import TakenUp, take_up

_ZERO_BLOCK = 1 << 18
COMMIT_S = 0.1
"""Samples older than this are committed at the next write; a live decoder sees them no later."""
COMMIT_BYTES = 8 << 20
_HASH_S = 1.0  # the ring in memory lasts 12 s
_BACK = "the disk takes samples again"


class RecordingWriter:
    """STEM.sigmf-data, STEM.sigmf-meta and STEM.sigmf-index, growing.

    Args:
        path_stem: path without suffix; its folder exists, none of the three files does.
        format: one of `sdr.formats.FORMATS`.
        sample_rate: Hz, as the device really delivers.
        center_frequency_hz: tuned frequency, or None.
        start: aware time of the first sample, or None until `set_start`.
        metadata: JSON values; description, author, hw, license, geolocation become SigMF core fields.
        clock_quality: `sdr.clock_quality.ClockQuality.to_mapping()`, where it was asked for.
        segment: number of the file in a recording of many.
        first_sample: of the whole recording, with which this file begins.
        commit_interval_s: samples older than this are committed at the next write.
        durable: wait for the disk at every commit; False where a power cut does not matter (simulation).
        clock: POSIX seconds, for the index.

    Attributes:
        sample_count: samples of the file so far, gaps included.
        gaps: of the file, in order.
        lost_samples: in them.
        committed: samples that the index speaks of, and that outlive a power cut.
        start: aware time of the first sample of the file.
        level: of the newest whole second.
        resumed: whether another process began this recording.
        stamp: of a resumed recording, a sample and its POSIX time, where the dead recorder left them.
        durable: whether it waits for the disk at every commit.
        commits_itself: when it is due; False leaves that to the caller.

    Raises:
        RecordingError: one of the files exists, the folder does not, or the format is unknown.
        DeviceError: the disk refuses.
    """

    def __init__(
        self,
        path_stem: Path | str,
        *,
        format: str,  # noqa: A002 the word of the command line
        sample_rate: float,
        center_frequency_hz: float | None,
        start: datetime | None,
        metadata: Mapping[str, Any] | None = None,
        clock_quality: Mapping[str, Any] | None = None,
        segment: int = 0,
        first_sample: int = 0,
        commit_interval_s: float = COMMIT_S,
        durable: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        stem = Path(path_stem)
        header = IndexHeader(
            format,
            float(sample_rate),
            center_frequency_hz,
            start,
            dict(metadata or {}),
            dict(clock_quality or {}),
            segment,
            first_sample,
        )
        first_line, _ = header.to_line(), bytes_per_sample(format)  # refuse before any file is made
        refuse_existing(stem)
        forget(stem)
        self.resumed = False
        self._hash: WrittenHash | TrailingHash = WrittenHash()
        index = open_file(beside(stem, INDEX_SUFFIX), new=True)
        self._begin(stem, TakenUp(header, start, (), 0, index, 0, -1), commit_interval_s, durable, clock)
        try:
            lock(index, beside(stem, INDEX_SUFFIX))
            self._append(first_line)
            self._data = open_file(self.data_path, new=True)
            self._write_metadata(None)
            if durable:
                sync_folder(stem.parent)
        except BaseException:
            self.let_go()
            raise

    @classmethod
    def resume(
        cls,
        path_stem: Path | str,
        *,
        reason: str = "the recorder died",
        ring: bool = True,
        commit_interval_s: float = COMMIT_S,
        durable: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> RecordingWriter:
        """Go on with a recording whose writer died: no lock, no end mark.

        What was committed is kept, what hangs behind it is cut off; what the dead one's ring in memory still
        holds is appended. The lock is held from now on, so that a follower waits. The time in between is the
        caller's to mark with `gap`: `stamp` tells from when.

        Args:
            path_stem: as it was given to the first writer.
            reason: for the index.
            ring: look for what the dead one left in memory; False leaves that to the caller.
            commit_interval_s: as for a new recording.
            durable: as for a new recording.
            clock: as for a new recording.

        Raises:
            RecordingError: there is none, it is finished, or another process is writing it.
            DeviceError: the disk refuses.
        """
        self = cls.__new__(cls)
        self._take_up(Path(path_stem), commit_interval_s, durable, clock, resumed=reason)
        self.resumed = True
        try:
            if ring:
                self.stamp = salvage(self.path_stem, self)
            else:
                self.commit()
        except BaseException:
            self.let_go()
            raise
        return self

    def come_back(self, left: str, until: int) -> None:  # noqa: ARG002 segments need it
        """Go on after `leave`: the files are opened anew, as a disk may have been put in again.

        Args:
            left: why it was left, for the index, which may not have taken it then.
            until: samples of the file that followers of what is in memory may have read.

        Raises:
            DeviceError: the disk refuses still; this may be tried again.
            RecordingError: somebody else has taken it up, or ended it.
        """
        self.let_go()
        self._take_up(self.path_stem, self._interval_s, self.durable, self._clock, ring=left, resumed=_BACK)

    def _take_up(
        self,
        stem: Path,
        commit_interval_s: float,
        durable: bool,
        clock: Callable[[], float],
        *,
        resumed: str,
        ring: str | None = None,
    ) -> None:
        """Open the files as they lie there, and cut off what hangs behind the last commit."""
        taken = take_up(stem)
        self._begin(stem, taken, commit_interval_s, durable, clock)
        self._hash = TrailingHash(taken.data, lambda: self.sample_count * self.bytes_per_sample)
        try:
            self._append(
                commit_line(taken.sample_count, clock(), start=taken.start, ring=ring, resumed=resumed)
            )
            if taken.lost:
                self.gap(taken.lost, "lost by the disk")
        except BaseException:
            self.let_go()
            raise

    def _begin(
        self, stem: Path, taken: TakenUp, commit_interval_s: float, durable: bool, clock: Callable[[], float]
    ) -> None:
        self.path_stem, self.header, self.start = stem, taken.header, taken.start
        self.sample_count, self.gaps = taken.sample_count, list(taken.gaps)
        self.lost_samples = sum(gap.sample_count for gap in taken.gaps)
        self.level: Level | None = None
        self.closed, self._doubtful = False, ""
        self.stamp: tuple[int, float] | None = None
        self.bytes_per_sample = bytes_per_sample(taken.header.format)
        self._index, self._index_bytes, self._data = taken.index, taken.index_bytes, taken.data
        self._interval_s, self.durable, self._clock = commit_interval_s, durable, clock
        self._committed_at, self.committed = time.monotonic(), taken.sample_count
        self._new_gaps: list[Gap] = []
        self.commits_itself = True
        self._meter = LevelMeter(taken.header.format, taken.header.sample_rate, taken.sample_count)
        self._levels: list[Level] = []

    @property
    def current(self) -> RecordingWriter:
        """The file that is written: this one (a recording in segments has many)."""
        return self

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

    def set_start(self, start: datetime) -> None:
        """State the exact time of the first sample, once it is known."""
        self.start = start
        self._append(commit_line(self.committed, self._clock(), start=start))

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
        now, gaps, levels = self._clock(), self._new_gaps, self._levels
        # Each gap lies among the samples that its own line commits, so that a follower never read it before.
        lines = [commit_line(gap.sample_index + gap.sample_count, now, gap=gap) for gap in gaps]
        lines += [commit_line(self.sample_count, now, level=level) for level in levels]
        if not levels and not (gaps and gaps[-1].sample_index + gaps[-1].sample_count == self.sample_count):
            lines.append(commit_line(self.sample_count, now))
        self._append(b"".join(lines))
        self._new_gaps, self._levels = [], []
        self.level = levels[-1] if levels else self.level
        self._committed_at, self.committed = time.monotonic(), self.sample_count

    def leave(self, reason: str) -> None:
        """The disk takes no more: the recording on it ends with what it holds; say so if it lets us.

        After a sync that failed, what was written since the last commit is not held to be there.
        """
        with contextlib.suppress(DeviceError):
            self.commit()
        self.sample_count = self.committed
        self.gaps = [gap for gap in self.gaps if gap.sample_index < self.committed]
        self.lost_samples = sum(gap.sample_count for gap in self.gaps)
        self._new_gaps, self._levels = [], []
        self._meter = LevelMeter(self.header.format, self.header.sample_rate, self.committed)
        self._hash.stop()
        self._hash = TrailingHash(self._data, lambda: self._written_bytes)
        with contextlib.suppress(DeviceError):
            self._append(commit_line(self.committed, self._clock(), ring=reason))

    def room_for(self, size: int) -> int:
        """Bytes that the disk must have free for a recording of that many."""
        return max(size - self._written_bytes, 0)

    def reserve(self, size: int) -> int:
        """Have the disk keep room for a file of that many bytes; what is not used is given back at the end.

        Returns:
            Up to how many bytes of the recording there is room now; 0 when the disk has it not, or cannot.
        """
        return size if reserve_room(self._data, size) else 0

    def close(self, reason: str = "finished", *, whole_hash: bool = False) -> None:
        """End the recording: last commit, final metadata, end mark with the hash. May be called again.

        Args:
            reason: for the index.
            whole_hash: of a resumed recording, read all that another process wrote; False leaves the hash out
                where that takes more than an instant, for the next samples wait.
        """
        if self.closed:
            return
        self.closed = True
        try:
            # A write that the disk cut short may have left part of a sample that was never counted.
            os.ftruncate(self._data, self._written_bytes)
            give_back_room(self._data, self._written_bytes)
            self._levels += self._meter.flush()
            self.commit()
            sha256 = self._sha256(math.inf if whole_hash else _HASH_S)
            self._write_metadata(sha256)
            self._append(commit_line(self.sample_count, self._clock(), end=reason, sha256=sha256))
        except OSError as error:
            raise disk_refuses(self.data_path, error) from error
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Let the files alone, as a kill does: without an end mark, for another writer to take up."""
        self.closed = True
        self._hash.stop()
        for descriptor in (self._data, self._index):
            if descriptor >= 0:
                with contextlib.suppress(OSError):  # of a disk that is gone
                    os.close(descriptor)
        self._data = self._index = -1  # another file may get these numbers

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("finished" if error is None else f"stopped by {type(error).__name__}")

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
        zero = zero_bytes(1, self.header.format)
        if not any(zero):
            try:
                os.ftruncate(self._data, self._written_bytes + sample_count * self.bytes_per_sample)
            except OSError as error:
                raise disk_refuses(self.data_path, error) from error
            self._hash.zeros(sample_count * self.bytes_per_sample)
            return
        for done in range(0, sample_count, _ZERO_BLOCK):
            raw = zero * min(_ZERO_BLOCK, sample_count - done)
            write_all(self._data, raw, self._written_bytes + done * self.bytes_per_sample, self.data_path)
            self._hash.update(raw)

    def _sha256(self, patience_s: float) -> str | None:
        with contextlib.suppress(OSError):  # what cannot be read again has no hash
            return self._hash.finish(self._written_bytes, patience_s)
        return None

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

    def _write_metadata(self, sha256: str | None) -> None:
        text = metadata_text(self.header, self.start, tuple(self.gaps), sha256)
        replace_file(beside(self.path_stem, META_SUFFIX), text)


def metadata_text(
    header: IndexHeader, start: datetime | None, gaps: tuple[Gap, ...], sha256: str | None = None
) -> bytes:
    """The bytes of the .sigmf-meta file; RecordingError for a value that it cannot hold."""
    try:
        values = build_metadata(header, start, gaps, sha256)
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, OverflowError) as error:
        raise RecordingError(f"metadata that cannot be written: {error}") from None
    return text.encode(errors="replace") + b"\n"


def finish_interrupted(path_stem: Path, reason: str = "the recorder died") -> None:
    """End a recording whose writer died: what it committed, its hash, its metadata, an end mark.

    A recording that has its end mark keeps it.

    Raises:
        RecordingError: no usable index, or another process is writing it.
        DeviceError: the disk refuses.
    """
    if IndexReader(beside(path_stem, INDEX_SUFFIX)).end is None:
        RecordingWriter.resume(path_stem, reason=reason).close(reason, whole_hash=True)
