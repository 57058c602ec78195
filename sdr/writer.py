"""Begins, takes up, leaves and ends the files of a recording; `sdr.growing` appends to them.

The SigMF metadata are written at the start and, with the gaps and the hash, at the end (new file, then
rename). A recording whose writer died is taken up by `RecordingWriter.resume`, or ended by
`finish_interrupted`.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sdr.disk import give_back_room
from sdr.errors import DeviceError
from sdr.formats import bytes_per_sample
from sdr.growing import COMMIT_S, GrowingRecording
from sdr.index import IndexReader
from sdr.index_line import IndexHeader, commit_line
from sdr.level_meter import LevelMeter
from sdr.recording_files import (
    beside,
    disk_refuses,
    lock,
    open_file,
    refuse_existing,
    replace_file,
    sync_folder,
)
from sdr.recording_hash import TrailingHash, WrittenHash
from sdr.salvage import forget, salvage
from sdr.sigmf import INDEX_SUFFIX, META_SUFFIX
from sdr.sigmf_build import metadata_text
from sdr.taken_up import TakenUp, take_up

_HASH_S = 1.0  # the ring in memory lasts 12 s
_DIED, _BACK = "the recorder died", "the disk takes samples again"


class RecordingWriter(GrowingRecording):
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

    Attributes:
        resumed: whether another process began this recording; the others are those of GrowingRecording.

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
        self._hash = WrittenHash()
        index = open_file(beside(stem, INDEX_SUFFIX), new=True)
        self._begin(stem, TakenUp(header, start, (), 0, index, 0, -1), commit_interval_s, durable)
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
    def resume(cls, path_stem: Path | str, *, ring: bool = True, durable: bool = True) -> RecordingWriter:
        """Go on with a recording whose writer died: no lock, no end mark.

        What was committed is kept, what hangs behind it is cut off; what the dead one's ring in memory still
        holds is appended. The lock is held from now on, so that a follower waits. The time in between is the
        caller's to mark with `gap`: `stamp` tells from when.

        Args:
            path_stem: as it was given to the first writer.
            ring: look for what the dead one left in memory; False leaves that to the caller.
            durable: as for a new recording.

        Raises:
            RecordingError: there is none, it is finished, or another process is writing it.
            DeviceError: the disk refuses.
        """
        self = cls.__new__(cls)
        self._take_up(Path(path_stem), COMMIT_S, durable, resumed=_DIED)
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

    def come_back(self, left: str) -> None:
        """Go on after `leave`: the files are opened anew, as a disk may have been put in again.

        Args:
            left: why it was left, for the index, which may not have taken it then.

        Raises:
            DeviceError: the disk refuses still; this may be tried again.
            RecordingError: somebody else has taken it up, or ended it.
        """
        self.let_go()
        self._take_up(self.path_stem, self._interval_s, self.durable, ring=left, resumed=_BACK)

    def _take_up(
        self,
        stem: Path,
        commit_interval_s: float,
        durable: bool,
        *,
        resumed: str,
        ring: str | None = None,
    ) -> None:
        """Open the files as they lie there, and cut off what hangs behind the last commit."""
        taken = take_up(stem)
        self._begin(stem, taken, commit_interval_s, durable)
        self._hash = TrailingHash(taken.data, lambda: self.sample_count * self.bytes_per_sample)
        try:
            self._append(
                commit_line(taken.sample_count, time.time(), start=taken.start, ring=ring, resumed=resumed)
            )
            if taken.lost:
                self.gap(taken.lost, "lost by the disk")
        except BaseException:
            self.let_go()
            raise

    @property
    def current(self) -> RecordingWriter:
        """The file that is written: this one (a recording in segments has many)."""
        return self

    def reach(self, sample: int) -> None:
        """There is to be no joint before that sample; a file of its own has none."""

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
            self._append(commit_line(self.committed, time.time(), ring=reason))

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
            self._append(commit_line(self.sample_count, time.time(), end=reason, sha256=sha256))
        except OSError as error:
            raise disk_refuses(self.data_path, error) from error
        finally:
            self.let_go()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("finished" if error is None else f"stopped by {type(error).__name__}")

    def _sha256(self, patience_s: float) -> str | None:
        with contextlib.suppress(OSError):  # what cannot be read again has no hash
            return self._hash.finish(self._written_bytes, patience_s)
        return None

    def _write_metadata(self, sha256: str | None) -> None:
        text = metadata_text(self.header, self.start, tuple(self.gaps), sha256)
        replace_file(beside(self.path_stem, META_SUFFIX), text)


def finish_interrupted(path_stem: Path) -> None:
    """End a recording whose writer died: what it committed, its hash, its metadata, an end mark.

    A recording that has its end mark keeps it.

    Raises:
        RecordingError: no usable index, or another process is writing it.
        DeviceError: the disk refuses.
    """
    if IndexReader(beside(path_stem, INDEX_SUFFIX)).end is None:
        RecordingWriter.resume(path_stem).close(_DIED, whole_hash=True)
