"""Rolling segments: no sample lost at a joint, the oldest go, a killed writer's file is gone on with."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import recording_hash
from sdr import writer as writer_module
from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError, RecordingError
from sdr.index import CONTINUED, Gap, IndexReader
from sdr.memory_writer import memory_index_path
from sdr.receiver import Block, Opened, Tuning
from sdr.record import record, take_up
from sdr.recording import RecordingWriter, open_recording
from sdr.recording_hash import TrailingHash
from sdr.ring import Ring, ring_path
from sdr.segment_files import newest_segment
from sdr.segment_writer import SegmentWriter

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
RATE = 10_000.0


def segmented(stem: Path, segment_s: float, keep_segments: int | None = None, **words: Any) -> SegmentWriter:
    return SegmentWriter(RecordingWriter(stem, **words), stem, segment_s, keep_segments)


def new(stem: Path, keep: int | None = None, segment_s: float = 0.5) -> SegmentWriter:
    return segmented(
        stem, segment_s, keep, format="cs16", sample_rate=RATE, center_frequency_hz=1e8, start=START
    )


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


def read(stem: Path) -> tuple[bytes, tuple[Gap, ...]]:
    with open_recording(stem) as reader:
        raw = b"".join(iter(lambda: reader._source.read(1 << 16), b""))
        return raw, reader.info.gaps


@pytest.mark.parametrize("block", [7, 1000, 4999, 5000, 12_345])
def test_no_sample_is_lost_at_a_joint(tmp_path: Path, block: int) -> None:
    writer = new(tmp_path / "a")
    for first in range(0, 23_000, block):
        writer.write_raw(numbers(first, min(block, 23_000 - first)))
    assert (writer.sample_count, writer.start) == (23_000, START)
    writer.close()
    assert read(tmp_path / "a") == (numbers(0, 23_000), ())
    heads = [IndexReader(path) for path in sorted(tmp_path.glob("*.sigmf-index"))]
    assert [path.name for path in sorted(tmp_path.glob("*.sigmf-data"))] == [
        "a-0001.sigmf-data", "a-0002.sigmf-data", "a-0003.sigmf-data", "a-0004.sigmf-data", "a.sigmf-data",
    ]  # fmt: skip
    by_number = {index.header.segment: index for index in heads}
    assert [by_number[k].header.first_sample for k in range(5)] == [0, 5000, 10_000, 15_000, 20_000]
    assert [by_number[k].end for k in range(5)] == [*[CONTINUED] * 4, "finished"]
    assert by_number[3].start == START + timedelta(seconds=1.5)


def test_a_gap_across_joints_lies_in_each_file(tmp_path: Path) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 4000))
    writer.gap(8000, "overflow", 3)
    writer.write_raw(numbers(12_000, 500))
    assert writer.lost_samples == 8000
    writer.close()
    raw, gaps = read(tmp_path / "a")
    assert raw == numbers(0, 4000) + bytes(32_000) + numbers(12_000, 500)
    assert gaps == (
        Gap(4000, 1000, "overflow", 3),
        Gap(5000, 5000, "overflow", 3),
        Gap(10_000, 2000, "overflow", 3),
    )


def test_the_oldest_go(tmp_path: Path) -> None:
    writer = new(tmp_path / "a", keep=3)
    for first in range(0, 42_000, 1000):
        writer.write_raw(numbers(first, 1000))
    writer.close()
    assert sorted({path.name.partition(".")[0] for path in tmp_path.iterdir()}) == [
        "a-0006",
        "a-0007",
        "a-0008",
    ]
    raw, _ = read(tmp_path / "a-0006.sigmf-index")
    assert raw == numbers(30_000, 12_000)


def segments(folder: Path) -> list[int]:
    names = (path.name.partition(".")[0] for path in folder.glob("*.sigmf-index"))
    return sorted(int(name.partition("-")[2] or 0) for name in names)


def test_what_somebody_needs_still_stays(tmp_path: Path) -> None:
    writer = new(tmp_path / "a", keep=3)
    needed = 2
    writer.may_go = lambda number: number < needed
    writer.write_raw(numbers(0, 32_000))
    assert segments(tmp_path) == [2, 3, 4, 5, 6]
    needed = 4
    writer.tidy()
    assert segments(tmp_path) == [4, 5, 6]
    needed = 9
    writer.write_raw(numbers(32_000, 5000))
    assert segments(tmp_path) == [5, 6, 7]
    writer.close()


def test_a_short_disk_takes_the_oldest_first_and_leaves_what_is_decoded_next(tmp_path: Path) -> None:
    writer = new(tmp_path / "a", keep=4)
    writer.may_go = lambda _: False
    writer.write_raw(numbers(0, 22_000))
    assert segments(tmp_path) == [0, 1, 2, 3, 4]
    held = (tmp_path / "a.sigmf-data").stat().st_blocks * 512
    gone = [writer.make_room() for _ in range(4)]
    assert [count > held for count in gone] == [True, True, True, False]  # with the index and the metadata
    assert segments(tmp_path) == [3, 4]
    writer.close()
    assert read(tmp_path / "a-0003")[0] == numbers(15_000, 7000)


def test_a_recording_of_which_all_is_kept_gives_nothing_away(tmp_path: Path) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 22_000))
    assert not writer.make_room()
    writer.close()


@pytest.mark.parametrize(("length", "keep"), [(0.0, None), (1.0, 1), (0.01, None)])
def test_segments_that_make_no_sense_are_refused(tmp_path: Path, length: float, keep: int | None) -> None:
    with pytest.raises(RecordingError, match=r"segments of .* are kept"):
        new(tmp_path / "a", keep, length)


def killed(writer: RecordingWriter) -> None:
    import os

    os.close(writer._data)
    os.close(writer._index)


@pytest.mark.parametrize("at", [3000, 5000, 7500])
def test_a_killed_writer_is_gone_on_with(tmp_path: Path, at: int) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, at))
    writer.commit()
    killed(writer.current)
    again = take_up(tmp_path / "a", segment_s=0.5)
    assert isinstance(again, SegmentWriter)
    assert (again.sample_count, again.resumed, again.start) == (at, True, START)
    again.write_raw(numbers(at, 9000))
    again.close()
    assert read(tmp_path / "a") == (numbers(0, at + 9000), ())


@pytest.mark.parametrize("torn", [True, False])
def test_killed_between_two_files(tmp_path: Path, torn: bool) -> None:
    """The next one is there, the one before it has no end mark yet; or the next one is not whole."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 5000))
    writer.commit()
    if torn:
        (tmp_path / "a-0001.sigmf-index").write_bytes(b'{"tramthu_in')
    else:
        first = writer.current
        first.close = lambda _reason: None
        writer.write_raw(numbers(5000, 10))
        writer.commit()
        killed(writer.current)
        writer.current = first
    killed(writer.current)
    again = SegmentWriter.resume(tmp_path / "a", 0.5)
    count = 5000 if torn else 5010
    assert again.sample_count == count
    again.write_raw(numbers(count, 2000))
    again.close()
    assert read(tmp_path / "a") == (numbers(0, count + 2000), ())
    assert newest_segment(tmp_path / "a") == 1


def test_nothing_begun_is_nothing_to_take_up(tmp_path: Path) -> None:
    assert take_up(tmp_path / "a") is None
    (tmp_path / "a.sigmf-index").write_bytes(b'{"tramthu_ind')
    assert take_up(tmp_path / "a") is None
    with new(tmp_path / "a").current as writer:
        writer.write_raw(numbers(0, 10))
    with pytest.raises(RecordingError, match="has ended"):
        take_up(tmp_path / "a")


def test_a_name_whose_first_files_were_let_go_is_not_taken_anew(tmp_path: Path) -> None:
    """It would unlink the living recorder's ring, and meet the old files at a joint."""
    writer = new(tmp_path / "a", keep=2)
    writer.write_raw(numbers(0, 23_000))
    assert not (tmp_path / "a.sigmf-index").exists()
    ring = Ring.create(ring_path(tmp_path / "a"), 1 << 20)
    with pytest.raises(RecordingError, match=r"a-0003\.sigmf-data exists"):
        new(tmp_path / "a", keep=2)
    assert ring.path.exists()
    ring.close(remove=True)
    writer.close()
    (tmp_path / "a-0003.sigmf-index").unlink()  # whatever is left of a segment counts
    (tmp_path / "a-0004.sigmf-index").unlink()
    with pytest.raises(RecordingError, match="never overwritten"):
        new(tmp_path / "a", keep=2)


def test_a_recording_that_is_only_called_like_a_segment_is_none(tmp_path: Path) -> None:
    new(tmp_path / "a-2025").close()
    (tmp_path / "a-12.sigmf-index").touch()
    assert newest_segment(tmp_path / "a") == 0
    assert take_up(tmp_path / "a") is None
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 12_000))
    writer.close()
    assert newest_segment(tmp_path / "a") == 2


def test_a_file_in_the_way_of_the_next_segment_leaves_the_recording_to_memory(tmp_path: Path) -> None:
    writer = new(tmp_path / "a")
    (tmp_path / "a-0001.sigmf-meta").write_bytes(b"{}")
    with pytest.raises(DeviceError, match=r"a-0001\.sigmf-meta exists"):
        writer.write_raw(numbers(0, 6000))
    writer.leave("it is in the way")
    assert (writer.committed, writer.current.path_stem) == (5000, tmp_path / "a")
    writer.close("finished")
    assert IndexReader(tmp_path / "a.sigmf-index").end == "finished"
    assert not (tmp_path / "a-0001.sigmf-index").exists()


def test_a_full_file_that_takes_no_end_mark_stays_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in memory goes on under its name, where a follower is; a later recorder takes it up."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 4000))

    def refuse(_self: RecordingWriter, sha256: str | None) -> None:
        if sha256 is not None:
            raise DeviceError("no space for the metadata")

    with monkeypatch.context() as patched:
        patched.setattr(RecordingWriter, "_write_metadata", refuse)
        with pytest.raises(DeviceError, match="no space"):
            writer.write_raw(numbers(4000, 2000))
        writer.leave("no space")
        assert (writer.committed, writer.current.path_stem) == (5000, tmp_path / "a")
        writer.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.sigmf-data",
        "a.sigmf-index",
        "a.sigmf-meta",
    ]
    again = SegmentWriter.resume(tmp_path / "a", 0.5)
    again.write_raw(numbers(5000, 3000))
    again.close()
    assert read(tmp_path / "a") == (numbers(0, 8000), ())


def test_what_a_killed_recorder_left_in_memory_is_taken_with_its_time(tmp_path: Path) -> None:
    """It died before the disk had anything; what a segment had in memory only is forgotten."""
    stem = tmp_path / "a"
    writer = segmented(stem, 0.5, format="cs16", sample_rate=RATE, center_frequency_hz=1e8, start=None)
    ring = Ring.create(ring_path(stem), 1 << 20)
    began = time.time() - 100.0
    ring.put(numbers(0, 4000))
    ring.put_gap(Gap(4000, 2000, "overflow"))
    ring.put(numbers(6000, 1000))
    ring.stamp(6000, began + 0.6)
    ring.close()
    killed(writer.current)
    memory_index_path(stem.with_name("a-0001")).touch()
    again = take_up(stem, segment_s=0.5)
    assert isinstance(again, SegmentWriter)
    assert again.start is not None
    assert again.start.timestamp() == pytest.approx(began, abs=0.05)
    assert again.sample_count == 7000
    assert not memory_index_path(stem.with_name("a-0001")).exists()
    assert not ring_path(stem).exists()
    again.close()
    gaps = (Gap(4000, 1000, "overflow"), Gap(5000, 1000, "overflow"))
    assert read(stem) == (numbers(0, 4000) + bytes(8000) + numbers(6000, 1000), gaps)


def test_a_kill_in_mid_gap_at_a_joint_costs_nothing(tmp_path: Path) -> None:
    stem = tmp_path / "a"
    writer = new(stem)
    ring = Ring.create(ring_path(stem), 1 << 20)
    ring.put(numbers(0, 4000))
    ring.put_gap(Gap(4000, 3000, "overflow", 5))
    ring.put(numbers(7000, 1000))
    ring.close()
    writer.write_raw(numbers(0, 4000))
    writer.gap(1000, "overflow", 5)
    writer.commit()  # the joint; then it is killed
    killed(writer.current)
    again = take_up(stem, segment_s=0.5)
    assert again is not None
    assert again.sample_count == 8000
    again.close()
    gaps = (Gap(4000, 1000, "overflow", 5), Gap(5000, 2000, "overflow", 5))
    assert read(stem) == (numbers(0, 4000) + bytes(12_000) + numbers(7000, 1000), gaps)


def test_a_disk_that_refuses_while_segments_are_taken_up_keeps_the_ring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = tmp_path / "a"
    writer = new(stem)
    ring = Ring.create(ring_path(stem), 1 << 20)
    ring.put(numbers(0, 4000))
    ring.close()
    killed(writer.current)

    def refuse(_self: RecordingWriter) -> None:
        raise DeviceError("the disk refuses")

    with monkeypatch.context() as patched:
        patched.setattr(RecordingWriter, "write_raw", lambda self, _raw: refuse(self))
        with pytest.raises(DeviceError, match="refuses"):
            take_up(stem, segment_s=0.5)
    again = take_up(stem, segment_s=0.5)  # the lock is free, the ring is there
    assert again is not None
    assert again.sample_count == 4000
    again.close()


class Once:
    """One block of samples, taken at that POSIX time."""

    def __init__(self, time_s: float | None) -> None:
        self.blocks = [Block(b"", ended=True), Block(numbers(0, 1000), time=time_s)]

    def open(self, tuning: Tuning) -> Opened:
        return Opened("once", "cs16", tuning.frequency_hz, RATE)

    def read(self, _count: int, _timeout_s: float) -> Block:
        return self.blocks.pop()

    def close(self) -> None:
        pass


def test_what_is_needed_stays_while_what_was_in_memory_is_written(tmp_path: Path) -> None:
    """Of a killed recorder a joint lay in its ring: the oldest segment would go, and is not decoded yet."""
    stem = tmp_path / "a"
    writer = new(stem, keep=2)
    writer.write_raw(numbers(0, 9000))
    writer.commit()
    ring = Ring.create(ring_path(stem), 1 << 20, 9000)
    ring.put(numbers(9000, 7000))
    ring.close()
    killed(writer.current)
    again = take_up(stem, segment_s=0.5, keep_segments=2, may_go=lambda _: False)
    assert again is not None
    again.close()
    assert read(stem) == (numbers(0, 16_000), ())


@pytest.mark.parametrize("timed", [True, False])
def test_a_gap_is_marked_although_nobody_knows_when_the_recording_began(tmp_path: Path, timed: bool) -> None:
    """The recorder died before the start was written, and its memory is gone: a break is one all the same."""
    stem = tmp_path / "a"
    writer = segmented(stem, 0.5, format="cs16", sample_rate=RATE, center_frequency_hz=1e8, start=None)
    writer.write_raw(numbers(0, 3000))
    writer.commit()
    killed(writer.current)
    again = take_up(stem, segment_s=0.5)
    assert again is not None
    now = time.time()
    info = record(Once(now if timed else None), again, reserve_bytes=0)
    (gap,) = [gap for gap in read(stem)[1] if gap.cause == "the recorder died"][:1]
    assert gap.sample_index == 3000
    if timed:
        assert info.start is not None
        first_s = now - (info.sample_count - 1000) / RATE
        assert again.start.timestamp() == pytest.approx(first_s, abs=1e-3)


def test_the_start_of_a_later_file_is_what_the_newest_stamp_says(tmp_path: Path) -> None:
    """A crystal that is wrong by 1 %: by the rate alone each file would begin 5 ms further off."""
    began, true_rate = time.time() - 60.0, RATE * 1.01
    writer = segmented(
        tmp_path / "a", 0.5, format="cs16", sample_rate=RATE, center_frequency_hz=1e8,
        start=datetime.fromtimestamp(began, UTC),
    )  # fmt: skip
    ring = Ring.create(ring_path(tmp_path / "a"), 1 << 20)
    disk = DiskThread(writer, ring, 0)
    for first in range(0, 41_000, 500):
        ring.stamp(first, began + first / true_rate)
        ring.put(numbers(first, 500))
        disk._work(last=True)
    assert writer.start == datetime.fromtimestamp(began, UTC)
    writer.close()
    ring.close(remove=True)
    for number in range(1, 9):
        header = IndexReader(tmp_path / f"a-{number:04d}.sigmf-index").header
        assert header.start is not None
        assert header.start.timestamp() == pytest.approx(began + header.first_sample / true_rate, abs=2e-3)


def test_a_joint_does_not_wait_for_the_hash_of_what_another_process_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples would be lost while a slow disk is read; the file then tells no hash."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 4000))
    writer.commit()
    killed(writer.current)
    monkeypatch.setattr(TrailingHash, "_run", lambda _self: None)  # a disk too slow to get anywhere
    monkeypatch.setattr(recording_hash, "_CHUNK", 1000)
    monkeypatch.setattr(writer_module, "_HASH_S", 0.0)
    again = take_up(tmp_path / "a", segment_s=0.5)
    assert again is not None
    again.write_raw(numbers(4000, 3000))
    again.close()
    heads = [IndexReader(tmp_path / f"{name}.sigmf-index") for name in ("a", "a-0001")]
    assert [(head.end, head.sha256 is None) for head in heads] == [(CONTINUED, True), ("finished", False)]
    monkeypatch.undo()
    assert read(tmp_path / "a") == (numbers(0, 7000), ())
