"""The thread that empties the ring: what it does when the disk is left, when nothing comes, at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import disk_thread
from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError
from sdr.index import Gap, IndexReader
from sdr.memory_writer import memory_index_path
from sdr.recording import RecordingWriter
from sdr.ring import Ring, ring_path

RING = 1 << 20  # bytes, the smallest
START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    made = Ring.create(ring_path(tmp_path / "a"), RING)
    yield made
    made.close(remove=True)
    memory_index_path(tmp_path / "b").unlink(missing_ok=True)


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


def new_writer(stem: Path) -> RecordingWriter:
    return RecordingWriter(stem, format="cs16", sample_rate=10_000.0, center_frequency_hz=None, start=None)


def test_a_disk_that_is_left_within_a_gap_leaves_the_rest_of_it_to_memory(tmp_path: Path, ring: Ring) -> None:
    """As at a joint of two segments: part of a gap is committed, then the disk refuses."""
    writer = new_writer(tmp_path / "b")
    ring.put(numbers(0, 1000))
    ring.put_gap(Gap(1000, 300, "overflow", 7))
    ring.put(numbers(1300, 500))
    whole = writer.gap

    def part(sample_count: int, cause: str, uncertainty: int = 0) -> None:
        whole(sample_count - 200, cause, uncertainty)
        writer.commit()
        raise DeviceError("the disk is full")

    writer.gap = part  # type: ignore[method-assign]
    disk = DiskThread(writer, ring, 0)
    disk._work(last=True)
    assert (disk.left, disk.sample_count) == ("the disk is full", 1800)
    index = IndexReader(memory_index_path(tmp_path / "b"))
    assert index.gaps == (Gap(1100, 200, "overflow", 7),)
    assert (index.header.metadata["ring_sample"], index.committed) == (1100, 1800)
    disk._close("finished")
    memory_index_path(tmp_path / "b").unlink()


def test_the_last_page_of_a_device_that_fell_silent_is_committed(tmp_path: Path, ring: Ring) -> None:
    """At the second look: the first one leaves a broken page to be filled."""
    with new_writer(tmp_path / "b") as writer:
        disk = DiskThread(writer, ring, 0)
        ring.put(numbers(0, 5000))
        disk._work(last=False)
        assert writer.committed == 4096
        disk._work(last=False)
        assert writer.committed == 5000


def test_a_recording_that_is_in_memory_only_has_its_start_on_the_disk_too(tmp_path: Path, ring: Ring) -> None:
    writer = new_writer(tmp_path / "b")
    disk = DiskThread(writer, ring, 0)
    disk._leave("no room")
    disk.set_start(START)
    disk._work(last=True)
    disk._close("finished")
    assert IndexReader(memory_index_path(tmp_path / "b")).start == START
    assert IndexReader(tmp_path / "b.sigmf-index").start == START


class Slow:
    """A thread that needs so many looks until it is done; each takes 40 s, and something is written in it."""

    def __init__(self, disk: DiskThread, looks: int, step: int) -> None:
        self.disk, self.looks, self.step, self.now_s = disk, looks, step, 1000.0

    def is_alive(self) -> bool:
        return self.looks > 0

    def join(self, _timeout_s: float) -> None:
        self.looks -= 1
        self.now_s += 40.0
        self.disk._position += self.step


@pytest.mark.parametrize("step", [0, 4096])
def test_a_slow_disk_is_waited_for_and_one_that_stands_still_is_not(
    tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with new_writer(tmp_path / "b") as writer:
        disk = DiskThread(writer, ring, 0)
        slow: Any = Slow(disk, 10, step)
        disk._thread = slow
        monkeypatch.setattr(disk_thread.time, "monotonic", lambda: slow.now_s)
        if step:
            disk.finish("finished", 60.0)
            assert slow.looks == 0
        else:
            with pytest.raises(DeviceError, match="has not answered for 60 s"):
                disk.finish("finished", 60.0)
            assert slow.looks == 8
