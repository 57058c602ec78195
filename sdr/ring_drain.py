"""Empties the ring in memory into a recording, or into the index of what is in memory only."""

from __future__ import annotations

import contextlib
from datetime import datetime

from sdr.disk_return import KeptInRing
from sdr.errors import DeviceError
from sdr.growing import COMMIT_BYTES
from sdr.index_line import Level
from sdr.memory_writer import MemoryWriter
from sdr.ring import Ring
from sdr.segment_writer import SegmentWriter, Writer

_WRITE_BYTES = 4 << 20
_PAGE = 4096


class RingDrain:
    """Brings samples and gaps to a sink, in large pieces of whole pages, and commits them.

    Args:
        writer: of the recording; the first sink.
        ring: begins with the next sample of the writer.

    Attributes:
        left: why the disk was left, empty while it takes what comes (again).
    """

    def __init__(self, writer: Writer, ring: Ring) -> None:
        self._writer, self.ring = writer, ring
        self._sink: Writer | MemoryWriter = writer
        self._position, self._event, self._released = 0, 0, 0
        self._seen = 0  # head of the ring when it was emptied last
        self._start: datetime | None = None
        self.left = ""
        self._kept: KeptInRing | None = None

    @property
    def level(self) -> Level | None:
        """Of the newest whole second."""
        return self._sink.level

    @property
    def sample_count(self) -> int:
        """Samples written by now, gaps included."""
        return self._sink.sample_count

    def set_start(self, start: datetime) -> None:
        """The exact time of the first sample, to be written with the next commit."""
        self._start = start

    def _drain(self, *, last: bool) -> None:
        """Write what the ring holds, in large pieces, and commit it."""
        if self._start is not None:
            self._sink.set_start(self._start)
            if self.left:  # the file on the disk holds no sample, perhaps, but can still tell of them
                with contextlib.suppress(DeviceError):
                    self._writer.set_start(self._start)
            self._start = None
        if isinstance(self._writer, SegmentWriter):
            self._writer.heard = self.ring.stamped or self._writer.heard
        head = self.ring.word("head")  # before the events: one that is seen later lies behind it
        whole = last or head == self._seen  # a device that fell silent: the last page gets no fuller
        self._seen = head
        while self._step(head, whole=whole):
            if self._position - self._released >= COMMIT_BYTES:
                self._commit()
        self._commit()

    def _step(self, head: int, *, whole: bool) -> bool:
        event = self.ring.event(self._event)
        if event is not None and event.position == self._position:
            self._sink.gap(event.sample_count, event.cause, event.uncertainty)
            self._event += 1
            return True
        end = head if event is None else min(event.position, head)
        if not whole and end == head:  # the last, broken page waits for the rest of it
            end -= (self._written_bytes() + head - self._position) % _PAGE
        if end <= self._position:
            return False
        piece = self.ring.piece(self._position, min(end - self._position, _WRITE_BYTES))
        self._sink.write_raw(piece)
        self._position += len(piece)
        piece.release()
        return True

    def _commit(self) -> None:
        self._sink.commit()
        if self._kept is not None:
            self._kept.follow(self._position, self._writer.bytes_per_sample)
        else:
            self.ring.release(self._position, self._sink.sample_count, self._event)
        self._released = self._position

    def _written_bytes(self) -> int:
        return self._sink.sample_count * self._writer.bytes_per_sample
