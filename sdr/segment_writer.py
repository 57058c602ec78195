"""A recording without end in files of one length, STEM, STEM-0001, STEM-0002 …; the oldest ones may go.

The next file is there, and locked, before the one before it gets its end mark, and begins with the sample
behind its last one. `sdr.segments` reads them as one stream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sdr.errors import DeviceError, RecordingError
from sdr.index import IndexReader
from sdr.index_line import CONTINUED, Gap, IndexHeader, Level
from sdr.recording_files import beside, remove_stillborn, segment_stem
from sdr.salvage import salvage
from sdr.segment_files import data_bytes, newest_segment, numbers_of, remove_files, remove_needless
from sdr.sigmf import INDEX_SUFFIX
from sdr.writer import RecordingWriter

_log = logging.getLogger(__name__)

_LEAST_SAMPLES = 1000
_LEAST_KEPT = 2  # the growing file, and the one whose end is decoded with it


class SegmentWriter:
    """The verbs of a RecordingWriter; sample numbers are those of the whole recording.

    Args:
        current: writer of the newest file; its start is that of the file.
        stem: of the first file.
        segment_s: length of a file.
        keep_segments: so many files are left, the growing one among them; None keeps all.
        may_go: of a file's number, whether nobody needs it any more. Others stay beyond `keep_segments`, for
            as long as the disk has room. None lets any go.

    Attributes:
        heard: a sample and its POSIX time, the newest that is known: the start of the next file is counted
            from there, as crystals are wrong by seconds a day; None counts on from the file before.

    Raises:
        RecordingError: a length or a number that makes no sense.
    """

    def __init__(
        self,
        current: RecordingWriter,
        stem: Path,
        segment_s: float,
        keep_segments: int | None = None,
        may_go: Callable[[int], bool] | None = None,
    ) -> None:
        rate = current.header.sample_rate
        self._length = self._until = round(segment_s * rate)
        if self._length < _LEAST_SAMPLES or (keep_segments is not None and keep_segments < _LEAST_KEPT):
            raise RecordingError(
                f"segments of {segment_s:g} s of which {keep_segments} are kept; a segment holds at least "
                f"{_LEAST_SAMPLES} samples, and at least {_LEAST_KEPT} are kept"
            )
        self.current, self.path_stem, self._keep = current, stem, keep_segments
        self._lost_before = 0
        self._commits_itself = True
        self.may_go = may_go or (lambda _: True)
        self.stamp: tuple[int, float] | None = None
        self.heard: tuple[int, float] | None = None
        self._began: datetime | None = None

    @classmethod
    def resume(
        cls,
        stem: Path,
        segment_s: float,
        keep_segments: int | None = None,
        may_go: Callable[[int], bool] | None = None,
    ) -> SegmentWriter:
        """Go on with the newest file of a recording whose writer died; see `RecordingWriter.resume`.

        Raises:
            RecordingError: there is none, it is finished, or another process is writing it.
            DeviceError: the disk refuses.
        """
        number = newest_segment(stem)
        while number and remove_stillborn(segment_stem(stem, number)):
            number -= 1
        if number:
            _end(segment_stem(stem, number - 1))
        current = RecordingWriter.resume(segment_stem(stem, number), ring=False)
        try:
            self = cls(current, stem, segment_s, keep_segments, may_go)
        except RecordingError:
            current.let_go()
            raise
        try:
            self.stamp = salvage(stem, self)
        except BaseException:
            self.let_go()
            raise
        return self

    @property
    def header(self) -> IndexHeader:
        """Of the newest file."""
        return self.current.header

    @property
    def start(self) -> datetime | None:
        """Aware time of the first sample of the recording."""
        start, head = self.current.start, self.current.header
        if self._began is not None:
            return self._began
        return None if start is None else start - timedelta(seconds=head.first_sample / head.sample_rate)

    @property
    def sample_count(self) -> int:
        """Samples of the recording so far, gaps included."""
        return self.header.first_sample + self.current.sample_count

    @property
    def committed(self) -> int:
        """Of these, safe on the disk."""
        return self.header.first_sample + self.current.committed

    @property
    def lost_samples(self) -> int:
        """Samples in gaps, of the files that this process wrote."""
        return self._lost_before + self.current.lost_samples

    @property
    def gaps(self) -> list[Gap]:
        """Gaps of the newest file."""
        first = self.header.first_sample
        return [replace(gap, sample_index=gap.sample_index + first) for gap in self.current.gaps]

    @property
    def level(self) -> Level | None:
        """Of the newest whole second."""
        return self.current.level

    @property
    def bytes_per_sample(self) -> int:
        """Of the recording's format."""
        return self.current.bytes_per_sample

    @property
    def resumed(self) -> bool:
        """Whether another process began this recording."""
        return self.current.resumed or self.stamp is not None

    @property
    def commits_itself(self) -> bool:
        """When it is due; False leaves that to the caller."""
        return self._commits_itself

    @commits_itself.setter
    def commits_itself(self, value: bool) -> None:
        self._commits_itself = self.current.commits_itself = value

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Append a whole number of samples in the recording's format."""
        view, size = memoryview(raw), self.bytes_per_sample
        while view:
            room = self._room() * size
            self.current.write_raw(view[:room])
            view = view[room:]

    def gap(self, sample_count: int, cause: str, uncertainty: int = 0) -> None:
        """Samples were lost here; a gap across a joint lies in both files."""
        while sample_count:
            part = min(sample_count, self._room())
            self.current.gap(part, cause, uncertainty)
            sample_count -= part

    def set_start(self, start: datetime) -> None:
        """State the exact time of the first sample of the recording, once it is known."""
        head = self.current.header
        self.current.set_start(start + timedelta(seconds=head.first_sample / head.sample_rate))

    def commit(self) -> None:
        """Bring all samples to the disk and enter them in the index."""
        self.current.commit()

    def room_for(self, size: int) -> int:
        """Bytes that the disk must have free for a recording of that many, of which only some are kept."""
        left = max(size - self.sample_count * self.bytes_per_sample, 0)
        if self._keep is None:
            return left
        older = (segment_stem(self.path_stem, number) for number in self._older())
        there = sum(map(data_bytes, older))  # they go as others come
        return min(left, max((self._keep + 1) * self._length * self.bytes_per_sample - there, 0))

    def tidy(self) -> None:
        """Remove what nobody needs any more of what is not to be kept."""
        if self._keep is not None:
            remove_needless(self.path_stem, self._keep, self._may_go)

    def make_room(self) -> int:
        """Remove the oldest file, needed or not, as the disk is short; bytes that went, 0 where none can."""
        older = self._older()
        if self._keep is None or len(older) < _LEAST_KEPT:
            return 0
        need = "" if self._may_go(older[0]) else ", which somebody needed still"
        _log.warning("the disk is short: segment %d is removed%s", older[0], need)
        return remove_files(segment_stem(self.path_stem, older[0]))

    def reserve(self, size: int) -> int:
        """Have the disk keep room for this file, whatever the length of the recording."""
        before = self.header.first_sample * self.bytes_per_sample
        kept = self.current.reserve(min(size - before, self._length * self.bytes_per_sample))
        return before + kept if kept else 0

    def leave(self, reason: str) -> None:
        """The disk takes no more."""
        if not self.current.closed:  # else it did not even take an end mark at a joint
            self.current.leave(reason)

    def reach(self, sample: int) -> None:
        """There is to be no joint before that sample of this file, as followers counted on in memory."""
        self._until = max(self._until, sample)

    def close(self, reason: str = "finished") -> None:
        """End the recording; may be called again."""
        self.current.close(reason)

    def let_go(self) -> None:
        """Let the files alone, without an end mark, for another writer to take up."""
        if not self.current.closed:
            self.current.let_go()

    def _room(self) -> int:
        """Samples that the newest file still takes; a new one is begun when it is full."""
        if self.current.sample_count >= self._until:
            self._roll()
        return self._until - self.current.sample_count

    def _roll(self) -> None:
        """Begin the next file, then end the full one; where that fails, the full one stays the newest."""
        full, self._began = self.current, self.start
        full.commit()
        following = self._following(full)
        try:
            full.close(CONTINUED)
        except DeviceError:
            _discard(following)
            raise
        following.reserve(
            self._length * self.bytes_per_sample
        )  # what the full one had not used is free again
        self.current, self._until = following, self._length
        self._lost_before += full.lost_samples
        self.tidy()

    def _following(self, full: RecordingWriter) -> RecordingWriter:
        head, number = full.header, full.header.segment + 1
        first = head.first_sample + full.sample_count
        try:
            following = RecordingWriter(
                segment_stem(self.path_stem, number),
                format=head.format,
                sample_rate=head.sample_rate,
                center_frequency_hz=head.center_frequency_hz,
                start=self._start_of(first, full),
                metadata=head.metadata,
                clock_quality=head.clock,
                segment=number,
                first_sample=first,
                durable=full.durable,
            )
        except (RecordingError, OSError) as error:  # as somebody else's file lies there: no reason to end
            raise DeviceError(str(error)) from error
        following.commits_itself = self._commits_itself
        return following

    def _start_of(self, first: int, full: RecordingWriter) -> datetime | None:
        """Time of the first sample of the next file."""
        if full.start is None:
            return None
        if self.heard is None:
            return full.start + timedelta(seconds=full.sample_count / full.header.sample_rate)
        sample, time_s = self.heard
        return datetime.fromtimestamp(time_s + (first - sample) / full.header.sample_rate, UTC)

    def _may_go(self, number: int) -> bool:
        try:
            return self.may_go(number)
        except Exception:  # noqa: BLE001 it is the caller's
            _log.exception("whether segment %d is still needed cannot be told: it stays", number)
            return False

    def _older(self) -> list[int]:
        """Numbers of the files that are there before the newest one."""
        return [number for number in numbers_of(self.path_stem) if number < self.header.segment]


Writer = RecordingWriter | SegmentWriter


def _discard(unused: RecordingWriter) -> None:
    unused.let_go()
    remove_files(unused.path_stem)


def _end(stem: Path) -> None:
    """A file that another one follows has its end mark, unless its writer died in between."""
    index = beside(stem, INDEX_SUFFIX)
    if index.exists() and IndexReader(index).end is None:
        RecordingWriter.resume(stem, ring=False).close(CONTINUED)
