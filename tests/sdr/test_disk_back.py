"""A disk that is full or refuses for a while is used again; what the ring could not keep is a counted gap."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import numpy as np
import pytest

from sdr import disk_return, disk_thread, growing
from sdr.disk_return import KeptInRing
from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError
from sdr.index import Gap, IndexReader
from sdr.memory_writer import memory_index_path
from sdr.recording import RecordingWriter, open_recording, recording_sha256
from sdr.ring import NOT_KEPT, Ring, ring_path
from tests.sdr.disks import BLOCK, RATE, RING, Disk, Followed, Room, check, in_memory, on_disk, settled

LACKING = "in memory only, as the disk took no more"
KEPT = RING // 4 // 4  # samples of the ring for the disk


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_return, "LOOK_S", 0.02)


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("times", [1, 2])
def test_an_outage_that_the_ring_bridges_costs_nothing(
    tmp_path: Path, disk: Disk, refusal: int, times: int
) -> None:
    stem, steps = tmp_path / "a", {}
    for number in range(times):
        first = 21 + 30 * number
        steps |= {first * BLOCK: disk.refusing(stem, first, refusal), (first + 4) * BLOCK: disk.working(stem)}
    recorded = Followed(stem, 90 * BLOCK, steps)
    notes: list[str] = []
    info = recorded.record(progress=lambda state: notes.append(state.note))
    assert (info.sample_count, info.end, info.gaps) == (90 * BLOCK, "the source ended", ())
    assert check(stem, 90 * BLOCK) == ()
    assert not ring_path(stem).exists()
    index = IndexReader(tmp_path / "a.sigmf-index")
    assert (index.left, index.resumed, index.ring) == (times, times, None)
    assert "the disk takes samples again" in notes


def test_of_a_longer_outage_the_disk_lacks_what_the_ring_could_not_keep(tmp_path: Path, disk: Disk) -> None:
    stem = tmp_path / "a"
    steps = {21 * BLOCK: disk.refusing(stem, 21), 81 * BLOCK: disk.working(stem)}
    recorded = Followed(stem, 120 * BLOCK, steps)
    assert recorded.record().end == "the source ended"
    (gap,) = check(stem, 120 * BLOCK)
    assert (gap.cause, gap.uncertainty) == (LACKING, 0)
    assert gap.sample_index == 21 * BLOCK
    # What had come when the thread of the disk looked last, less what is kept.
    assert 81 * BLOCK - KEPT - 16 * BLOCK <= gap.sample_index + gap.sample_count <= 81 * BLOCK - KEPT


def test_room_is_kept_again_on_a_disk_that_is_back(tmp_path: Path, disk: Disk) -> None:
    """Opening the files anew let it go; what was lost is a hole as before, and takes none."""
    stem, blocks = tmp_path / "a", []

    def look() -> None:
        settled(stem, 90)
        blocks.append((tmp_path / "a.sigmf-data").stat().st_blocks * 512)

    steps = {21 * BLOCK: disk.refusing(stem, 21), 81 * BLOCK: disk.working(stem), 90 * BLOCK: look}
    recorded = Followed(stem, 120 * BLOCK, steps)
    assert recorded.record(duration_s=60.0).end == "the source ended"
    (gap,) = check(stem, 120 * BLOCK)
    expected = (60 * RATE - gap.sample_count) * 4
    assert expected - (1 << 16) <= blocks[0] <= expected + (1 << 16)


def begun(stem: Path) -> tuple[RecordingWriter, Ring, DiskThread]:
    """Samples without a zero byte, and the thread of their disk, which works when it is told."""
    writer = RecordingWriter(stem, format="cu8", sample_rate=RATE, center_frequency_hz=None, start=None)
    ring = Ring.create(ring_path(stem), RING)
    return writer, ring, DiskThread(writer, ring, 0)


class Usable:
    """A look that finds the disk usable."""

    def usable(self) -> bool:
        return True


def test_zeros_that_take_time_hold_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cu8 has no zero byte: what the disk lacks is written, while memory goes on to take what comes."""
    monkeypatch.setattr(growing, "_ZEROS_AHEAD", RING // 8)
    monkeypatch.setattr(disk_thread, "_ZEROS_S", 0.0)
    free = [1 << 30]
    monkeypatch.setattr(disk_thread, "free_bytes", lambda _: free[0])
    stem, count, size = tmp_path / "b", [0], RING // 16
    writer, ring, disk = begun(stem)
    sent = np.random.default_rng(3).integers(0, 256, 40 * RING, np.uint8).tobytes()

    def work(turns: int) -> None:
        for _ in range(turns):
            assert ring.put(sent[count[0] : count[0] + size])
            count[0] += size
            disk._work(last=False)

    work(3)
    disk._leave("a trial")
    work(16 * 4)
    disk._probe = Usable()  # type: ignore[assignment]
    free[0] = 65 << 20  # enough for what comes, but not for the zeros
    assert not disk._has_room_again()
    work(1)
    assert disk.left
    assert not disk._is_open_again
    free[0] = 1 << 30
    turns = 0
    while disk.left:
        assert memory_index_path(stem).exists()
        work(1)
        turns += 1
    assert 10 < turns < 100
    work(5)
    disk._work(last=True)
    disk._close("over")
    ring.close(remove=True)
    (gap,) = writer.gaps
    data = stem.with_name("b.sigmf-data").read_bytes()
    first, end = 2 * gap.sample_index, 2 * (gap.sample_index + gap.sample_count)
    assert (gap.cause, first) == (LACKING, 3 * size)
    assert data == sent[:first] + b"\x80" * (end - first) + sent[end : count[0]]
    assert IndexReader(stem.with_name("b.sigmf-index")).sha256 == recording_sha256(stem)


def test_a_recording_that_ends_before_the_zeros_are_there_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "_ZEROS_AHEAD", RING // 8)
    monkeypatch.setattr(disk_thread, "_ZEROS_S", 0.0)
    stem = tmp_path / "b"
    _, ring, disk = begun(stem)
    disk._leave("a trial")
    for turn in range(8):
        ring.put(bytes(RING // 4))
        disk._probe = Usable() if turn == 7 else disk._probe  # type: ignore[assignment]
        disk._work(last=False)
    assert disk._is_open_again
    disk._close("over")
    ring.close()
    with open_recording(stem, follow=True) as reader:
        assert len(reader._source.read(3 * RING)) == 2 * RING
    assert (tmp_path / "b.sigmf-data").stat().st_size == 0


def test_a_disk_that_refuses_the_zeros_is_left_again(tmp_path: Path) -> None:
    writer, ring, thread = begun(tmp_path / "b")
    thread._leave("a trial")
    for _ in range(8):
        ring.put(bytes(RING // 4))
        thread._work(last=False)
    thread._probe = Usable()  # type: ignore[assignment]
    whole = writer.zeros_ahead

    def refuses(sample_count: int, patience_s: float) -> bool:
        whole(sample_count, patience_s)
        raise DeviceError("the disk is full")

    writer.zeros_ahead = refuses  # type: ignore[method-assign]
    thread._work(last=False)
    assert thread.left == "a trial"
    index = IndexReader(tmp_path / "b.sigmf-index")
    assert (index.ring, index.left, index.resumed) == ("a trial", 2, 1)
    thread._close("over")
    ring.close(remove=True)
    assert (tmp_path / "b.sigmf-data").stat().st_size == 0


def test_a_disk_that_is_freed_is_used_again(tmp_path: Path, room: Room) -> None:
    stem, seen = tmp_path / "a", list[bool]()

    def free_too_little() -> None:
        room.free = 11 << 20
        time.sleep(0.3)
        seen.append(memory_index_path(stem).exists())

    def clear() -> None:
        room.free = 10 << 30
        on_disk(stem)

    steps = {20 * BLOCK: room.filling(stem, 20), 23 * BLOCK: free_too_little, 25 * BLOCK: clear}
    assert Followed(stem, 50 * BLOCK, steps).record(reserve_bytes=10 << 20).gaps == ()
    assert check(stem, 50 * BLOCK) == ()
    assert seen == [True]


def test_an_outage_across_a_joint_of_segments(tmp_path: Path, disk: Disk) -> None:
    """The file in which the disk was left reaches to where it came back; every sample is read once."""
    stem, second = tmp_path / "a", tmp_path / "a-0001"
    steps = {15 * BLOCK: disk.refusing(second, 4), 55 * BLOCK: disk.working(second)}
    Followed(stem, 100 * BLOCK, steps).record(segment_s=10 * BLOCK / RATE)
    with open_recording(stem) as reader:
        raw = b"".join(iter(lambda: reader._source.read(1 << 20), b""))
        (gap,) = reader.info.gaps
    expected = np.arange(100 * BLOCK, dtype="<u4")
    expected[gap.sample_index : gap.sample_index + gap.sample_count] = 0
    assert raw == expected.tobytes()
    assert gap.cause == LACKING
    found = sorted(map(IndexReader, tmp_path.glob("a*.sigmf-index")), key=lambda one: one.header.first_sample)
    lengths = [index.committed // BLOCK for index in found]
    assert 30 <= lengths[1] <= 55
    assert (sum(lengths), {10, *lengths[2:-1]}, lengths[0]) == (100, {10}, 10)


def test_a_disk_that_stands_still_after_it_refused_holds_up_nobody(tmp_path: Path, disk: Disk) -> None:
    """The look at it waits; whoever follows what is in memory does not."""
    stem = tmp_path / "a"

    def refuse() -> None:
        disk.refuses = errno.EIO

    def stand_still() -> None:
        in_memory(stem)
        disk.turns.clear()
        disk.refuses = 0

    def turn_again() -> None:
        disk.turns.set()
        on_disk(stem)

    recorded = Followed(
        stem, 90 * BLOCK, {21 * BLOCK: refuse, 25 * BLOCK: stand_still, 61 * BLOCK: turn_again}
    )
    recorded.record()
    assert [gap.cause for gap in check(stem, 90 * BLOCK)] == [LACKING]


def test_what_the_ring_keeps_is_counted_with_its_gaps(tmp_path: Path) -> None:
    ring = Ring.create(ring_path(tmp_path / "a"), RING)
    try:
        for _ in range(3):
            assert ring.put(bytes(4 * 30_000))
            assert ring.put_gap(Gap(0, 500, "overflow"))
        kept = KeptInRing(ring, 0, 7000, 0, None)
        kept.follow(RING // 4 + 4 * 30_000 + 2, 4)
        assert (kept.position, kept.sample, kept.event) == (4 * 30_000, 37_000, 0)
        kept.follow(RING // 4 + 4 * 30_001, 4)
        assert (kept.position, kept.sample, kept.event) == (4 * 30_001, 37_501, 1)
        assert ring.word("tail_sample") == NOT_KEPT
        kept.for_the_disk()
        assert [ring.word(name) for name in ("tail", "tail_sample", "event_tail")] == [120_004, 37_501, 1]
    finally:
        ring.close(remove=True)
