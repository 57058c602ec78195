"""What a killed recorder had received and not yet brought to the disk: taken from its ring in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sdr.memory_writer import memory_index_path
from sdr.ring import Ring, ring_path

if TYPE_CHECKING:
    from sdr.segment_writer import Writer

_PIECE = 4 << 20


def forget(stem: Path) -> None:
    """Remove what an earlier recording of that name left in memory."""
    memory_index_path(stem).unlink(missing_ok=True)
    ring_path(stem).unlink(missing_ok=True)


def salvage(stem: Path, writer: Writer) -> tuple[int, float] | None:
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


def _replay(ring: Ring, writer: Writer) -> None:
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
