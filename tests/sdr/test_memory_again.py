"""A recorder that had samples in memory only is killed and another one goes on: so does whoever follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sdr.index_line import Gap
from sdr.memory_writer import MemoryWriter, memory_index_path
from sdr.recording import RecordingWriter, SampleReader, finish_interrupted, open_recording, recording_sha256
from sdr.ring import NOT_KEPT, Ring, ring_path
from tests.sdr.test_resume import abandon, numbers

START = datetime(2026, 3, 24, tzinfo=UTC)
RING = 1 << 20  # bytes, the smallest
FULL = "the disk is full"
DIED = "the recorder died"


@pytest.fixture
def stem(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "a"
    ring_path(tmp_path / "a").unlink(missing_ok=True)
    memory_index_path(tmp_path / "a").unlink(missing_ok=True)


class InMemory:
    """A recorder whose disk is full."""

    def __init__(self, writer: RecordingWriter) -> None:
        self.writer, self.position = writer, 0
        writer.commits_itself = False
        writer.leave(FULL)
        self.ring = Ring.create(ring_path(writer.path_stem), RING, writer.sample_count)
        self.memory = MemoryWriter(writer, self.ring, 0, FULL)

    def receive(self, raw: bytes) -> None:
        assert self.ring.put(raw)
        self.memory.write_raw(raw)
        self.memory.commit()
        self.position += len(raw)
        self.ring.release(self.position, NOT_KEPT, 0)

    def die(self) -> None:
        self.ring.close()
        abandon(self.writer)

    def end(self) -> None:
        self.memory.close()
        self.writer.close()
        self.ring.close(remove=True)


def first_recorder(stem: Path) -> InMemory:
    """1000 samples on the disk, 4000 behind them in memory."""
    writer = RecordingWriter(stem, format="cs16", sample_rate=250e3, center_frequency_hz=1e8, start=START)
    writer.write_raw(numbers(0, 1000))
    writer.commit()
    recorder = InMemory(writer)
    recorder.receive(numbers(1000, 4000))
    return recorder


def read(reader: SampleReader, count: int) -> np.ndarray:
    got = reader.read(count)
    assert len(got) == count
    return (got * 32768).view(np.float32).astype("<i2").view("<u4")


@pytest.mark.parametrize("read_before", [500, 1000, 3000, 5000])
@pytest.mark.parametrize("block", [250, 8000])
def test_from_memory_into_memory(stem: Path, read_before: int, block: int) -> None:
    first = first_recorder(stem)
    with open_recording(stem, follow=True) as reader:
        parts = [read(reader, read_before)]
        reader.waiting  # noqa: B018 it hears of all that is there
        first.die()
        second = InMemory(RecordingWriter.resume(stem))
        second.memory.gap(5000, DIED, 30)  # from sample 1000, which the disk holds last
        second.receive(numbers(6000, 2000))
        parts += [read(reader, min(block, 8000 - at)) for at in range(read_before, 8000, block)]
        second.end()
        assert len(reader.read(1)) == 0
        info, notes = reader.info, reader.notes
    true = np.arange(8000)
    true[5000:6000] = 0
    assert np.array_equal(np.concatenate(parts), true)
    assert info.gaps == (Gap(5000, 1000, DIED, 30),)
    assert info.sample_count == 8000
    assert not any("gone" in note or "died without" in note for note in notes)


@pytest.mark.parametrize("hashed", [True, False])
def test_from_memory_back_to_the_disk(stem: Path, hashed: bool) -> None:
    first = first_recorder(stem)
    with open_recording(stem, follow=True) as reader:
        if hashed:
            reader.hash_while_reading()
        parts = [read(reader, 3000)]
        first.die()
        writer = RecordingWriter.resume(stem)
        writer.gap(5000, DIED, 30)
        writer.write_raw(numbers(6000, 2000))
        writer.gap(100, "overflow")
        writer.commit()
        parts += [read(reader, 2500), read(reader, 2600)]
        writer.close()
        assert len(reader.read(1)) == 0
        assert reader.info.gaps == (Gap(5000, 1000, DIED, 30), Gap(8000, 100, "overflow"))
        assert reader.sha256() == recording_sha256(stem.with_name("a.sigmf-data"))
    true = np.arange(8100)
    true[5000:6000] = true[8000:] = 0
    assert np.array_equal(np.concatenate(parts), true)


def test_what_is_left_in_memory_is_read_although_the_recording_was_ended(stem: Path) -> None:
    first = first_recorder(stem)
    with open_recording(stem, follow=True) as reader:
        parts = [read(reader, 3000)]
        first.die()
        finish_interrupted(stem)
        parts.append((reader.read(9000) * 32768).view(np.float32).astype("<i2").view("<u4"))
        assert reader.info.sample_count == 5000
        assert reader.info.end == DIED
    assert np.array_equal(np.concatenate(parts), np.arange(5000))
