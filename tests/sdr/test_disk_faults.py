"""Disks that stall, fill and refuse in mid-recording, recorders that are killed: what is recorded stays."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sdr import disk_thread
from sdr.errors import DeviceError
from sdr.index import IndexReader
from sdr.record import RecordProgress, open_writer, record
from sdr.recording import RecordingInfo, RecordingWriter, open_recording
from sdr.ring import Ring, ring_path
from tests.sdr.disks import BLOCK, RATE, RING, TUNING, Counting, Disk, Followed, Room, check


def start(receiver: Counting, stem: Path, **options: object) -> RecordingInfo:
    writer = open_writer(receiver.open(TUNING), stem)
    return record(receiver, writer, **({"ring_bytes": RING, "reserve_bytes": 0} | options))


def test_a_stall_that_the_ring_takes_costs_nothing(tmp_path: Path, disk: Disk) -> None:
    # 20 blocks of 32 KiB while it stands still, none lost of 31.
    receiver = Counting(31 * BLOCK, {5 * BLOCK: disk.turns.clear, 25 * BLOCK: disk.turns.set})
    info = start(receiver, tmp_path / "a")
    assert (info.sample_count, info.end) == (31 * BLOCK, "the source ended")
    assert check(tmp_path / "a", 31 * BLOCK) == ()
    assert not ring_path(tmp_path / "a").exists()


def test_a_longer_stall_is_one_counted_gap_and_never_holds_up_the_reading(tmp_path: Path, disk: Disk) -> None:
    def turn_again() -> None:
        disk.turns.set()
        time.sleep(0.5)  # the disk catches up

    receiver = Counting(300 * BLOCK, {10 * BLOCK: disk.turns.clear, 150 * BLOCK: turn_again})
    notes: list[str] = []
    info = start(receiver, tmp_path / "a", progress=lambda state: notes.append(state.note))
    assert info.sample_count == 300 * BLOCK
    gaps = check(tmp_path / "a", 300 * BLOCK)
    assert {gap.cause for gap in gaps} == {"disk stalled"}
    lost = sum(gap.sample_count for gap in gaps)
    # 140 blocks came meanwhile, the ring takes 32: lost is what does not fit, and some until it is free.
    assert lost >= (140 - 32 - 10) * BLOCK
    assert gaps[0].uncertainty == 0
    assert gaps[0].sample_index >= 10 * BLOCK
    assert "disk stalled: the ring in memory is full" in notes


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_is_left_and_reading_goes_on_in_memory(
    tmp_path: Path, disk: Disk, refusal: int
) -> None:
    """Nothing recorded is lost, a follower goes on from memory, and the end says it."""
    steps = {20 * BLOCK: disk.refusing(tmp_path / "a", 20, refusal)}
    recorded = Followed(tmp_path / "a", 70 * BLOCK, steps)
    notes: list[str] = []
    with pytest.raises(DeviceError, match=r"s are on the disk, the .* s after them were in memory only"):
        recorded.record(progress=lambda state: notes.append(state.note))
    assert any(os.strerror(refusal) in note and "in memory only" in note for note in notes)
    disk.refuses = 0
    if IndexReader(tmp_path / "a.sigmf-index").end is None:
        RecordingWriter.resume(tmp_path / "a").close("the disk is back")
    check(tmp_path / "a", 20 * BLOCK)


def test_a_disk_that_another_program_fills_is_left_before_it_is_full(tmp_path: Path, room: Room) -> None:
    receiver = Counting(50 * BLOCK, {20 * BLOCK: room.filling(tmp_path / "a", 20)})
    with pytest.raises(DeviceError, match="the disk is full but for the reserve of 10 MiB"):
        start(receiver, tmp_path / "a", reserve_bytes=10 << 20)
    index = IndexReader(tmp_path / "a.sigmf-index")
    assert index.ring == "the disk is full but for the reserve of 10 MiB"
    assert 20 * BLOCK <= index.committed < 50 * BLOCK
    check(tmp_path / "a", index.committed)


def test_a_disk_that_fills_in_a_later_segment_is_left_there(tmp_path: Path, room: Room) -> None:
    steps = {25 * BLOCK: room.filling(tmp_path / "a-0002", 5)}
    recorded = Followed(tmp_path / "a", 50 * BLOCK, steps, name="a.sigmf-index")
    with pytest.raises(DeviceError, match="after them were in memory only"):
        recorded.record(segment_s=10 * BLOCK / RATE, reserve_bytes=10 << 20)


def test_a_short_disk_takes_the_oldest_segments_before_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that somebody needs still: the recording goes on, on the disk."""

    def free(_: Path) -> int:
        there = sum(path.stat().st_size for path in tmp_path.glob("*.sigmf-data"))
        return (10 << 20) + 35 * BLOCK * 4 - there

    monkeypatch.setattr(disk_thread, "free_bytes", free)
    monkeypatch.setattr(disk_thread, "_LOOK_S", 0.0)
    receiver = Counting(100 * BLOCK)
    for number in range(100):  # the disk is looked at often enough
        receiver.steps[number * BLOCK] = lambda: time.sleep(0.01)
    writer = open_writer(
        receiver.open(TUNING),
        tmp_path / "a",
        segment_s=10 * BLOCK / RATE,
        keep_segments=8,
        may_go=lambda _: False,
    )
    info = record(receiver, writer, reserve_bytes=10 << 20, ring_bytes=RING)
    assert (info.sample_count, info.end) == (100 * BLOCK, "the source ended")
    assert not (tmp_path / "a.sigmf-index").exists()
    with open_recording(tmp_path / "a-0008.sigmf-index") as reader:
        raw = np.frombuffer(b"".join(iter(lambda: reader._source.read(1 << 20), b"")), "<u4")
    assert np.array_equal(raw, np.arange(80 * BLOCK, 100 * BLOCK))


def test_room_is_kept_beforehand_and_given_back(tmp_path: Path) -> None:
    blocks: list[int] = []

    def look() -> None:
        blocks.append((tmp_path / "a.sigmf-data").stat().st_blocks * 512)

    receiver = Counting(20 * BLOCK, {10 * BLOCK: look})
    start(receiver, tmp_path / "a", duration_s=60.0)
    assert blocks[0] >= 60 * RATE * 4
    data = (tmp_path / "a.sigmf-data").stat()
    assert data.st_size == 20 * BLOCK * 4
    assert data.st_blocks * 512 <= data.st_size + (1 << 16)


def test_rolling_segments_need_room_for_those_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day at 1 MB/s on a disk with 20 MB: two segments are kept."""
    monkeypatch.setattr(disk_thread, "free_bytes", lambda _: 20_000_000)
    receiver = Counting(100 * BLOCK)
    receiver.paced = False
    writer = open_writer(receiver.open(TUNING), tmp_path / "a", segment_s=1.0, keep_segments=2)
    info = record(receiver, writer, reserve_bytes=1 << 20, ring_bytes=RING, duration_s=86_400.0)
    assert (info.sample_count, info.end) == (100 * BLOCK, "the source ended")
    with open_recording(tmp_path / "a-0002.sigmf-index") as reader:
        raw = np.frombuffer(b"".join(iter(lambda: reader._source.read(1 << 20), b"")), "<u4")
    assert np.array_equal(raw, np.arange(2 * RATE, 100 * BLOCK))


def test_without_room_from_the_start_it_is_memory_only(tmp_path: Path) -> None:
    """A disk that has no room for the whole recording gets none of it; whoever follows gets all of it."""
    seen: list[RecordProgress] = []
    recorded = Followed(tmp_path / "a", 30 * BLOCK, {})
    with pytest.raises(DeviceError, match=r"no room to record in .*MiB are needed.*delete or move"):
        recorded.record(reserve_bytes=1 << 62, duration_s=100, progress=seen.append)
    assert any("in memory only" in state.note for state in seen)


KILLED = """
import sys, time, numpy as np
from datetime import datetime, UTC
from pathlib import Path
from sdr.receiver import Block, Opened, Tuning
from sdr.record import open_writer, record
from sdr.recording import RecordingWriter
stem = Path(sys.argv[1])
class Counting:
    def __init__(self, count): self.count = count
    def open(self, tuning): return Opened("counting", "cs16", 1e8, 250000.0)
    def read(self, count, timeout_s):
        first, self.count = self.count, self.count + 1250
        raw = np.arange(first, self.count, dtype="<u4").tobytes()
        time.sleep(0.005)
        sys.stdout.write(f"{first}\\n"); sys.stdout.flush()
        return Block(raw, time=time.time() - 0.005)
    def close(self): pass
receiver = Counting(0)
if len(sys.argv) > 2:
    writer = RecordingWriter.resume(stem)
    receiver.count = writer.sample_count + 250000 * 3600  # far from the numbers before
else:
    writer = open_writer(receiver.open(None), stem)
import sdr.disk_thread
if len(sys.argv) < 3:
    sdr.disk_thread.DiskThread._drain = lambda self, *, last: None  # a disk that takes nothing
record(receiver, writer, reserve_bytes=0, duration_s=float(sys.argv[2]) if len(sys.argv) > 2 else None)
"""


def test_what_a_killed_recorder_had_in_memory_is_taken_over(tmp_path: Path) -> None:
    """Its disk took nothing at all; every block that was read, but for the one in hand, is recorded still."""
    stem = tmp_path / "a"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(stem)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(40):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        delivered = 40 + len(process.stdout.readlines())
    assert IndexReader(tmp_path / "a.sigmf-index").committed == 0
    assert Ring.attach(ring_path(stem)) is not None
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(stem), "2.0"], stdout=subprocess.DEVNULL, check=True
    )
    assert done.returncode == 0
    with open_recording(stem) as reader:
        raw = np.frombuffer(b"".join(iter(lambda: reader._source.read(1 << 20), b"")), "<u4")
        (gap,) = reader.info.gaps
        assert reader.info.start is not None
    assert (delivered - 1) * 1250 <= gap.sample_index <= delivered * 1250
    assert np.array_equal(raw[: gap.sample_index], np.arange(gap.sample_index))
    assert gap.cause == "the recorder died"
    assert 0 < gap.uncertainty < RATE
    # The length is what the clock says; the first sample behind it tells when it was taken over.
    assert 0.1 * RATE < gap.sample_count < 2 * RATE
    assert not ring_path(stem).exists()


@pytest.mark.parametrize("seed", range(20))
def test_the_ring_gives_what_was_put_at_any_size(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ring = Ring.create(ring_path(tmp_path / "a"), RING)
    put, got = bytearray(), bytearray()
    for _ in range(200):
        raw = rng.integers(0, 256, int(rng.integers(1, RING // 3)), np.uint8).tobytes()
        room = ring.free()
        assert ring.put(raw) == (len(raw) <= room)
        if len(raw) <= room:
            put += raw
        while len(got) < len(put) and rng.random() < 0.8:
            got += ring.piece(len(got), int(rng.integers(1, RING)))
        ring.release(len(got), 0, 0)
        assert ring.free() == RING - (len(put) - len(got))
    assert got == put[: len(got)]
    newest = ring.copied(len(put) - 1000, 1000)
    assert newest == put[-1000:]
    assert ring.copied(len(put) - RING - 1, 1000) is None
    assert ring.copied(len(put) - 10, 11) is None
    ring.close(remove=True)


def test_a_played_recording_leaves_no_time_to_count_a_gap_from(tmp_path: Path) -> None:
    """Its times are years away from the clock; a gap of years must not follow from a restart."""
    seen: list[object] = []

    def look() -> None:
        ring = Ring.attach(ring_path(tmp_path / "a"))
        assert ring is not None
        seen.append(ring.stamped)
        ring.close()

    start(Counting(20 * BLOCK, {10 * BLOCK: look}), tmp_path / "a")
    assert seen == [None]
