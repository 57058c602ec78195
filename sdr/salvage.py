"""What a killed recorder had received and not yet brought to the disk: taken from its ring in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sdr.index_line import IndexHeader
from sdr.memory_writer import memory_index_path
from sdr.ring import Ring, ring_path

_PIECE = 4 << 20


class HasStem(Protocol):
    """A file of a recording."""

    @property
    def path_stem(self) -> Path:
        """Its path without suffix."""


class Appendable(Protocol):
    """A recording that is gone on with."""

    @property
    def sample_count(self) -> int:
        """Samples so far."""

    @property
    def bytes_per_sample(self) -> int:
        """Of its format."""

    @property
    def header(self) -> IndexHeader:
        """Of its newest file."""

    @property
    def start(self) -> datetime | None:
        """Aware time of its first sample."""

    @property
    def current(self) -> HasStem:
        """The file that is written."""

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Whole samples."""

    def gap(self, sample_count: int, cause: str, uncertainty: int = 0) -> None:
        """Lost samples."""

    def set_start(self, start: datetime) -> None:
        """The time of the first sample."""

    def commit(self) -> None:
        """Bring all of it to the disk."""


def forget(stem: Path) -> None:
    """Remove what an earlier recording of that name left in memory."""
    memory_index_path(stem).unlink(missing_ok=True)
    ring_path(stem).unlink(missing_ok=True)


def salvage(stem: Path, writer: Appendable) -> tuple[int, float] | None:
    """Append what the dead recorder's ring holds beyond the recording, commit it, and take the ring away.

    Whatever goes wrong before all of it is safe on the disk: the ring stays for the next try.

    Args:
        stem: as it was given to the first writer; the ring is of that name.
        writer: of what is on the disk.

    Returns:
        A sample of the recording and its POSIX time, as that recorder knew them; None after a power cut.
    """
    ring, stamp = Ring.attach(ring_path(stem)), None
    try:
        if ring is not None:
            if ring.word("tail_sample") <= writer.sample_count:
                _replay(ring, writer)
            stamp = ring.stamped
        if writer.start is None and stamp is not None:
            sample, time_s = stamp
            writer.set_start(datetime.fromtimestamp(time_s - sample / writer.header.sample_rate, UTC))
        writer.commit()
    finally:
        if ring is not None:
            ring.close()
    forget(stem)
    forget(writer.current.path_stem)
    return stamp


def _replay(ring: Ring, writer: Appendable) -> None:
    """From the end of the recording on, which may lie behind what the ring was told of."""
    position, place, rest = ring.place_of(writer.sample_count, writer.bytes_per_sample)
    if rest is not None:
        writer.gap(rest.sample_count, rest.cause, rest.uncertainty)
    head = ring.word("head")
    while True:
        event = ring.event(place)
        if event is not None and event.position == position:
            writer.gap(event.sample_count, event.cause, event.uncertainty)
            place += 1
            continue
        end = head if event is None else min(event.position, head)
        if end <= position:
            return
        with ring.piece(position, min(end - position, _PIECE)) as piece:
            writer.write_raw(piece)
            position += len(piece)
