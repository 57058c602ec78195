"""The thread that brings samples from the ring to the disk; a disk that refuses is left.

Only this thread touches the files of a recording. A disk that stands still makes it wait, and nobody else.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from sdr.disk import free_bytes, kept_beyond, no_room
from sdr.disk_return import DiskProbe, KeptInRing
from sdr.errors import DeviceError, RecordingError
from sdr.growing import COMMIT_S
from sdr.memory_writer import MemoryWriter
from sdr.recording_files import beside, disk_refuses
from sdr.ring import Event, Ring
from sdr.ring_drain import RingDrain
from sdr.segment_writer import SegmentWriter, Writer

_LOOK_S = 1.0
_ALIVE_S = 0.1
_COMING_S = 10.0
_ZEROS_S = 0.2
_ROOM_AGAIN = 64 << 20  # at least so much is free before a disk that was left is taken for usable
_TRIAL_SUFFIX = ".sigmf-trial"
_LACKING = "in memory only, as the disk took no more"


class DiskThread(RingDrain):
    """Empties a ring into a recording until `finish`.

    Args:
        writer: of the recording; nobody else uses it until `finish` has returned.
        ring: begins with the next sample of the writer.
        reserve_bytes: of the disk, left free.

    Attributes:
        notes: what is to be told of a disk that was left.
        free_bytes: room left on the disk, as it was seen last.
        failure: what ended the thread against its will; a bug.
    """

    def __init__(self, writer: Writer, ring: Ring, reserve_bytes: int) -> None:
        super().__init__(writer, ring)
        self._reserve_bytes, self._folder = reserve_bytes, writer.path_stem.parent
        self._wake, self._end = threading.Event(), ""
        self._looked_at = 0.0
        self._room_kept, self._expected = 0, 0
        self._coming, self._coming_until = 0, 0.0  # bytes of segments that went and are not free yet
        self.notes = deque[str]()
        self._memory: MemoryWriter | None = None
        self._probe: DiskProbe | None = None
        self._is_open_again = False  # the disk that was left, for what it lacks
        self.failure: BaseException | None = None
        self.free_bytes = 0
        writer.commits_itself = False
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)

    def begin(self, expected_bytes: int | None) -> None:
        """Have the disk keep room for a recording of that many bytes, if that is known; then go to work.

        Without that room, samples go to memory only from the first one on.
        """
        try:
            lacking = self._lacking(expected_bytes)
        except OSError as error:
            lacking = str(disk_refuses(self._folder, error))
        if lacking:
            self._leave(lacking)
        self._thread.start()

    def _lacking(self, expected_bytes: int | None) -> str:
        """Have room kept; why there is none, or nothing."""
        self.free_bytes = free_bytes(self._folder)
        self._expected = expected_bytes or 0
        needed = self._writer.room_for(self._expected)
        if not self._has_room(needed + self._reserve_bytes + (expected_bytes is None)):
            return no_room(self._folder, self.free_bytes, needed, self._reserve_bytes)
        self._room_kept = self._writer.reserve(self._expected)
        return ""

    def wake(self) -> None:
        """There is much to write."""
        self._wake.set()

    def finish(self, reason: str, patience_s: float) -> None:
        """Write what is left, end the recording; DeviceError when the disk stands still for so long."""
        self._end = reason
        self._wake.set()
        seen, since = -1, 0.0
        while self._thread.is_alive():
            if self._position != seen:
                seen, since = self._position, time.monotonic()
            elif time.monotonic() - since >= patience_s:
                raise DeviceError(
                    f"the disk under {self._folder} has not answered for {patience_s:.0f} s; what it has not "
                    f"taken yet stays in {self.ring.path} until the recording is taken up again"
                )
            self._thread.join(min(patience_s, _ALIVE_S))

    def _run(self) -> None:
        try:
            while True:
                end = self._end
                self._work(last=bool(end))
                if end:
                    break
                self._wake.wait(COMMIT_S)
                self._wake.clear()
            self._close(end)
        except BaseException as error:  # noqa: BLE001 told by the reading thread
            self.failure = error

    def _work(self, *, last: bool) -> None:
        try:
            if self._probe is not None and not last and (self._is_open_again or self._probe.usable()):
                self._return()
            self._drain(last=last)
            self._look()
        except (DeviceError, OSError) as error:  # a disk that is pulled out answers nothing, not even a look
            if self.left:
                raise
            self._leave(str(disk_refuses(self._folder, error) if isinstance(error, OSError) else error))
            self._drain(last=last)

    def _look(self) -> None:
        """Once a second: is there still room? What was asked for beforehand is ours."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        self.ring.touch()
        if self.left:
            return
        if isinstance(self._writer, SegmentWriter):
            self._writer.tidy()
        self._see_room()
        if self._written_bytes() >= self._room_kept and not self._has_room(self._reserve_bytes + 1):
            self._leave(f"the disk is full but for the reserve of {self._reserve_bytes >> 20} MiB")

    def _has_room(self, wanted: int) -> bool:
        """Whether so many bytes are free, if need be by the oldest segments of this recording.

        What somebody reads still comes free when he is done: it is waited for before another one goes.
        """
        now = time.monotonic()
        if now >= self._coming_until:
            self._coming = 0
        while self.free_bytes + self._coming < wanted:
            gone = self._writer.make_room() if isinstance(self._writer, SegmentWriter) else 0
            if not gone:
                return False
            self._coming, self._coming_until = self._coming + gone, now + _COMING_S
            self._see_room()
        return True

    def _see_room(self) -> None:
        before, self.free_bytes = self.free_bytes, free_bytes(self._folder)
        self._coming = max(self._coming - max(self.free_bytes - before, 0), 0)

    def _leave(self, reason: str) -> None:
        """From what is committed on, samples stay in memory only, until the disk can be used again."""
        self.left = reason
        self.notes.append(f"{reason}; from here on samples are in memory only")
        self._writer.leave(reason)
        committed, size = self._writer.committed, self._writer.bytes_per_sample
        self._position, self._event, rest = self.ring.place_of(committed, size)
        self._memory = self._sink = MemoryWriter(self._writer.current, self.ring, self._position, reason)
        if (behind := self.ring.word("tail_sample") - committed) > 0:  # it was to be a gap on the disk
            rest = Event(self._position, behind, 0, _LACKING)
        if rest is not None:
            self._sink.gap(rest.sample_count, rest.cause, rest.uncertainty)
        self._kept = KeptInRing(self.ring, self._position, committed, self._event, rest)
        self._probe = DiskProbe(beside(self._writer.current.path_stem, _TRIAL_SUFFIX), self._has_room_again)

    def _has_room_again(self) -> bool:
        """For what the disk lacks and for the rest of the recording, besides the reserve."""
        self.free_bytes = free_bytes(self._folder)
        on_disk = self._writer.current.committed * self._writer.bytes_per_sample
        kept = kept_beyond(self._writer.current.data_path, on_disk)
        lacks = self._written_bytes() - on_disk
        rest = self._writer.room_for(self._expected) - lacks
        if self._kept is not None and self._writer.current.gaps_are_holes:
            lacks -= (self._kept.sample - self._writer.committed) * self._writer.bytes_per_sample
        return self.free_bytes + kept > self._reserve_bytes + lacks + max(rest, _ROOM_AGAIN)

    def _return(self) -> None:
        """The disk can be used again: what the ring still holds goes there, what it lacks is a gap.

        Where zeros must be written for that, memory takes what comes until they are there, turn by turn.
        """
        kept, memory = self._kept, self._memory
        assert kept is not None and memory is not None  # noqa: S101, PT018 for the type checker
        try:
            if not self._is_open_again:
                self._writer.current.come_back(self.left)
                self._writer.commits_itself, self._is_open_again = False, True
            has_room = self._has_room_again()
            lacking = kept.sample - self._writer.sample_count
            if has_room and not self._writer.current.zeros_ahead(lacking, _ZEROS_S):
                return
        except (DeviceError, RecordingError, OSError):
            has_room = False
        if not has_room:  # the next look may find it better
            if self._is_open_again:
                self._writer.leave(self.left)
            self._is_open_again = False
            return
        self._writer.reach(memory.sample_count)
        self.notes.append("the disk takes samples again")
        memory.forsake()
        kept.for_the_disk()
        self._position, self._event, self._sink = kept.position, kept.event, self._writer
        self._released = self._position
        self.left, self._memory, self._kept, self._probe = "", None, None, None
        self._is_open_again = False
        if self._writer.start is None and memory.start is not None:
            self._writer.set_start(memory.start)
        if lacking > 0:
            self._writer.gap(lacking, *(kept.lacking or (_LACKING, 0)))
        self._room_kept = self._writer.reserve(self._expected)

    def _close(self, reason: str) -> None:
        try:
            if self.left:
                self._sink.close(reason)
            if self._is_open_again:  # not all that the disk lacks was there in time
                self._writer.leave(self.left)
            self._writer.close(f"{reason}; {self.left}" if self.left else reason)
        except DeviceError as error:
            self.left = self.left or str(error)
