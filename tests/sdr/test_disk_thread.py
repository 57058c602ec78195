"""The thread that empties the ring: what it does when the disk is left, when nothing comes, at the end."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import disk_return, disk_thread
from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError
from sdr.index import Gap, IndexReader
from sdr.memory_writer import memory_index_path
from sdr.recording import RecordingWriter
from sdr.ring import Ring, ring_path
from sdr.segment_writer import SegmentWriter
from tests.sdr.test_segment_writer import segmented
from tests.waiting import wait_for

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


def segments(stem: Path, keep: int = 3) -> SegmentWriter:
    """Five files, the last one growing, of which only the newest are to be kept and all are needed."""
    writer = segmented(
        stem, 0.5, keep, format="cs16", sample_rate=10_000.0, center_frequency_hz=None, start=None
    )
    writer.may_go = lambda _: False
    writer.write_raw(numbers(0, 22_000))
    writer.commit()
    return writer


@pytest.mark.parametrize("look", ["tidy", "make_room"])
def test_a_disk_that_answers_no_look_is_left_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """It is pulled out: what lists its folder fails before anything is written."""
    monkeypatch.setattr(disk_return, "LOOK_S", 0.02)
    monkeypatch.setattr(disk_thread, "_LOOK_S", 0.0)
    monkeypatch.setattr(disk_thread, "free_bytes", lambda _: 100 << 20)
    writer = segments(tmp_path / "b")
    made = Ring.create(ring_path(tmp_path / "b"), RING, writer.sample_count)
    disk = DiskThread(writer, made, 0)
    disk.begin(None)
    there = getattr(writer, look)

    def pulled_out() -> None:
        raise OSError(errno.EIO, "Input/output error")

    setattr(writer, look, pulled_out)
    if look == "make_room":
        monkeypatch.setattr(disk_thread, "free_bytes", lambda _: 0)
    wait_for(lambda: disk.left or disk.failure)
    assert disk.left == f"{tmp_path}: the disk refuses to take more: Input/output error"
    made.put(numbers(22_000, 500))
    setattr(writer, look, there)
    monkeypatch.setattr(disk_thread, "free_bytes", lambda _: 100 << 20)
    wait_for(lambda: not disk.left)
    disk.finish("over", 60.0)
    assert (disk.failure, writer.sample_count, writer.gaps) == (None, 22_500, [])
    made.close(remove=True)


def test_a_disk_that_answers_no_look_at_the_beginning_is_left(
    tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled_out(_: Path) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk_thread, "free_bytes", pulled_out)
    disk = DiskThread(new_writer(tmp_path / "b"), ring, 0)
    disk.begin(1000)
    assert disk.left == f"{tmp_path}: the disk refuses to take more: Input/output error"
    ring.put(numbers(0, 100))
    disk.finish("over", 60.0)
    assert (disk.failure, disk.sample_count) == (None, 100)


def test_who_cannot_tell_whether_a_segment_is_needed_ends_no_recording(tmp_path: Path) -> None:
    writer = segments(tmp_path / "b")

    def broken(number: int) -> bool:
        raise KeyError(number)

    writer.may_go = broken
    writer.tidy()
    assert (tmp_path / "b.sigmf-data").exists()
    assert writer.make_room()
    assert not (tmp_path / "b.sigmf-data").exists()


def test_a_segment_that_somebody_has_open_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives nothing free yet: the next one is not taken in its place, unless it stays open."""
    monkeypatch.setattr(disk_thread, "free_bytes", lambda _: 10 << 20)
    writer = segments(tmp_path / "b")
    made = Ring.create(ring_path(tmp_path / "b"), RING, writer.sample_count)
    disk = DiskThread(writer, made, 10 << 20)
    disk.free_bytes = 10 << 20
    assert disk._has_room((10 << 20) + 1)
    assert not (tmp_path / "b.sigmf-data").exists()
    assert (tmp_path / "b-0001.sigmf-data").exists()
    disk._coming_until = 0.0
    assert disk._has_room((10 << 20) + 1)
    assert not (tmp_path / "b-0001.sigmf-data").exists()
    made.close(remove=True)
