"""What a killed recorder had received and not yet brought to the disk: taken from its ring in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sdr.memory_writer import memory_index_path
from sdr.ring import Ring, ring_path

_PIECE = 4 << 20


class Appendable(Protocol):
    """A recording that is gone on with."""

    @property
    def sample_count(self) -> int:
        """Samples so far."""

    @property
    def bytes_per_sample(self) -> int:
        """Of its format."""

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Whole samples."""

    def gap(self, sample_count: int, cause: str, uncertainty: int = 0) -> None:
        """Lost samples."""


def forget(stem: Path) -> None:
    """Remove what an earlier recording of that name left in memory."""
    memory_index_path(stem).unlink(missing_ok=True)
    ring_path(stem).unlink(missing_ok=True)


def salvage(stem: Path, writer: Appendable) -> tuple[int, float] | None:
    """Append what the dead recorder's ring holds beyond the recording, and take the ring away.

    Returns:
        A sample of the recording and its POSIX time, as that recorder knew them; None after a power cut.
    """
    memory_index_path(stem).unlink(missing_ok=True)
    ring = Ring.attach(ring_path(stem))
    if ring is None:
        return None
    try:
        if ring.word("tail_sample") <= writer.sample_count:
            _replay(ring, writer)
        return ring.stamped
    finally:
        ring.close(remove=True)


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
        piece = ring.piece(position, min(end - position, _PIECE))
        writer.write_raw(piece)
        position += len(piece)
        piece.release()
