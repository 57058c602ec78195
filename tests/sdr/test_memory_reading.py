"""What is read of a recording that still changes: from memory, of an unknown start, behind the commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sdr.index_line import Gap
from sdr.memory_writer import MemoryWriter, memory_index_path
from sdr.recording import RecordingWriter, open_recording, recording_sha256
from sdr.ring import Ring, ring_path
from sdr.ring_source import RingSource
from tests.sdr.test_resume import abandon

START = datetime(2026, 3, 24, tzinfo=UTC)
RING = 1 << 20  # bytes, the smallest


@pytest.fixture
def stem(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "a"
    ring_path(tmp_path / "a").unlink(missing_ok=True)
    memory_index_path(tmp_path / "a").unlink(missing_ok=True)


def begun(stem: Path, fmt: str = "cu8", start: datetime | None = START) -> RecordingWriter:
    return RecordingWriter(stem, format=fmt, sample_rate=250e3, center_frequency_hz=1e8, start=start)


def left_for_memory(
    stem: Path, raw: bytes, start: datetime | None = START
) -> tuple[RecordingWriter, Ring, MemoryWriter]:
    writer, ring = begun(stem, start=start), Ring.create(ring_path(stem), RING)
    ring.put(raw)
    writer.write_raw(raw)
    writer.leave("the disk is full")
    ring.release(len(raw), writer.committed, 0)
    return writer, ring, MemoryWriter(writer, ring, len(raw), "the disk is full")


def test_what_is_overwritten_in_memory_before_it_is_read_is_a_gap(stem: Path) -> None:
    """In cu8 no byte is zero: the reader must know of the gap to make zeros."""
    writer, ring, memory = left_for_memory(stem, bytes([200]) * 2000)
    piece = 100_000  # bytes
    with open_recording(stem, follow=True) as reader:
        assert len(reader.read(1000)) == 1000
        for number in range(1, 21):
            ring.put(bytes([200]) * piece)
            memory.write_raw(bytes([200]) * piece)
            if number == 2:
                memory.gap(500, "overflow")  # is overwritten too, and stays a gap of its own
                ring.put_gap(Gap(0, 500, "overflow"))
            memory.commit()
            ring.release(2000 + piece * number, 0, int(number >= 2))
        memory.close()
        samples, info, notes = np.concatenate(list(reader.blocks(7777))), reader.info, reader.notes
    writer.close()
    ring.close(remove=True)
    lost = np.flatnonzero(samples == 0) + 1000
    marked = np.concatenate([np.arange(g.sample_index, g.sample_index + g.sample_count) for g in info.gaps])
    assert np.array_equal(lost, marked)
    assert len(samples) == 20 * piece // 2 + 500
    assert {gap.cause for gap in info.gaps} == {"overflow", "overwritten in memory before they were read"}
    assert list(info.gaps) == sorted(info.gaps, key=lambda gap: gap.sample_index)
    told = sum(gap.sample_count for gap in info.gaps if gap.cause != "overflow")
    assert told > 0
    assert any(f"{told} samples were overwritten in memory" in note for note in notes)


def test_who_comes_after_the_end_reads_what_is_still_in_memory(stem: Path) -> None:
    first, more = bytes([200]) * 2000, bytes([90]) * 3000
    writer, ring, memory = left_for_memory(stem, first)
    ring.put(more)
    memory.write_raw(more)
    memory.close("over")
    writer.close("over; the disk is full")
    with open_recording(stem, follow=True) as reader:
        assert reader._source.read(9000) == first + more
        assert reader.read(1).size == 0
        assert any("in memory only" in note for note in reader.notes)
    with open_recording(stem) as reader:
        assert reader._source.read(9000) == first
    ring.close()


def test_an_index_in_memory_speaks_of_one_ring(stem: Path) -> None:
    writer, ring, memory = left_for_memory(stem, bytes(2000))
    memory.commit()
    source = RingSource.of(stem, 2)
    assert source is not None
    source.close()
    later = Ring.create(ring_path(stem), RING)  # another recorder's, at the same path
    assert RingSource.of(stem, 2) is None
    for one in (ring, later):
        one.close(remove=True)
    memory.close()
    writer.close()


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_follower_that_came_before_the_first_sample_learns_the_start(stem: Path, in_memory: bool) -> None:
    if in_memory:
        writer, ring, memory = left_for_memory(stem, b"", start=None)
    else:
        writer = begun(stem, start=None)
    other = START.replace(year=2025)
    with open_recording(stem, follow=True) as reader, open_recording(stem, follow=True, start=other) as told:
        assert reader.info.start is None
        if in_memory:
            ring.put(bytes(2000))
            memory.set_start(START)
            memory.write_raw(bytes(2000))
            memory.close()
        else:
            writer.set_start(START)
            writer.write_raw(bytes(2000))
        writer.close()
        assert len(reader.read(2000)) == len(told.read(2000)) == 1000
        assert (reader.info.start, told.info.start) == (START, other)
    if in_memory:
        ring.close(remove=True)


def test_what_was_never_committed_is_not_read_ahead(stem: Path) -> None:
    """A recorder that goes on without the dead one's ring cuts it off, and writes other samples there."""
    writer = begun(stem, "cs16")
    writer.commits_itself = False
    writer.write_raw(np.arange(1000, dtype="<u4").tobytes())
    writer.commit()
    writer.write_raw(np.arange(1000, 4000, dtype="<u4").tobytes())
    with open_recording(stem, follow=True) as reader:
        reader.hash_while_reading()
        reader.read(900)
        abandon(writer)
        again = RecordingWriter.resume(stem)
        again.gap(20, "the recorder died")
        again.write_raw(np.arange(20_000, 23_000, dtype="<u4").tobytes())
        again.close()
        got = np.concatenate(list(reader.blocks(777)))
        assert reader.sha256() == recording_sha256(stem.with_name("a.sigmf-data"))
        assert not reader.notes
    with open_recording(stem) as reader:
        assert np.array_equal(got, reader.read(10_000)[900:])
