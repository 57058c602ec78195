"""Reading while another process writes, finishes, stalls or is killed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdr.errors import DeviceError, RecordingError, SdrError
from sdr.follow import IndexedSource, writer_holds_lock
from sdr.formats import from_samples
from sdr.index import IndexReader
from sdr.recording import Gap, RecordingWriter, finish_interrupted, open_recording
from tests.waiting import wait_for

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
RATE = 250_000.0

# Sample n is the 32-bit number n, so that a reader can tell every sample that it got.
WRITER = """
import sys, time, numpy as np
from datetime import datetime, UTC
from sdr.recording import RecordingWriter
start = datetime(2026, 3, 24, tzinfo=UTC)
with RecordingWriter(sys.argv[1], format="cs16", sample_rate=250000, center_frequency_hz=None, start=start,
                     commit_interval_s=0.02) as writer:
    while True:
        first = writer.sample_count
        writer.write_raw(np.arange(first, first + 2500, dtype="<u4").tobytes())
        if first == 100_000:
            writer.gap(5000, "overflow")
        time.sleep(0.002)
"""


def open_writer(stem: Path, **options: object) -> RecordingWriter:
    return RecordingWriter(
        stem, format="cs16", sample_rate=RATE, center_frequency_hz=None, start=START, **options
    )


def numbers(first: int, count: int) -> np.ndarray:
    return (
        np.arange(first, first + count, dtype="<u4").view("<i2").astype(np.float32).view(np.complex64) / 32768
    )


def test_a_follower_gets_every_sample_in_the_same_blocks(tmp_path: Path) -> None:
    def write() -> None:
        with writer:
            for k in range(40):
                writer.write_raw(np.arange(1000 * k, 1000 * k + 1000, dtype="<u4").tobytes())
                if k % 10 == 0:
                    writer.commit()
                    time.sleep(0.02)

    writer = open_writer(tmp_path / "a", commit_interval_s=0.005)
    thread = threading.Thread(target=write)
    with open_recording(tmp_path / "a", follow=True) as reader:
        assert reader.info.sample_count is None
        thread.start()
        live = list(reader.blocks(777))
        assert reader.info.sample_count == 40_000
        assert (reader.info.end, reader.notes) == ("finished", ())
    thread.join()
    with open_recording(tmp_path / "a") as reader:
        replay = list(reader.blocks(777))
    assert [block.tobytes() for block in live] == [block.tobytes() for block in replay]
    assert np.array_equal(np.concatenate(live), numbers(0, 40_000))


def test_only_committed_samples_are_read(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a", commit_interval_s=1e9)
    writer.write_raw(bytes(400))
    writer.commit()
    writer.write_raw(bytes(4000))
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(5000)) == 100
        assert "no end mark" in reader.notes[0]
    writer.close()
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(5000)) == 1100


def test_gaps_appear_while_it_grows(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a")
    writer.write_raw(b"\x01" * 400)
    writer.commit()
    with open_recording(tmp_path / "a", follow=True) as reader:
        assert reader.info.gaps == ()
        assert len(reader.read(100)) == 100
        writer.gap(50, "overflow")
        writer.write_raw(b"\x01" * 400)
        writer.close()
        assert not reader.read(50).any()
        assert reader.read(1000).all()
        assert reader.info.gaps == (Gap(100, 50, "overflow"),)


@pytest.mark.parametrize("gap", [[-5, 3], [50, -20], [50, 0], [0, 900], [99, 1], [150, 51]])
def test_a_gap_that_its_line_cannot_speak_of_is_passed_over(tmp_path: Path, gap: list[int]) -> None:
    """It lies among the samples that its own line commits: only so live and replay blank the same ones."""
    with open_writer(tmp_path / "a") as writer:
        writer.write_raw(b"\x01" * 400)
        writer.commit()
        index = tmp_path / "a.sigmf-index"
        with index.open("a") as file:
            file.write(json.dumps({"samples": 200, "utc": 0, "gap": [*gap, "crafted"]}) + "\n")
        writer.write_raw(b"\x01" * 400)
        writer.gap(50, "overflow")
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.gaps == (Gap(200, 50, "overflow"),)
        got = reader.read(1000)
    assert got[:200].all()
    assert len(got) == 250


@pytest.mark.parametrize(
    "torn", [b"", b'{"samples":99', b'{"samples":', b'{"samples":9}\n{"sam', b"\xff\xfe\n"]
)
def test_a_torn_index_line_costs_nothing_that_was_committed(tmp_path: Path, torn: bytes) -> None:
    with open_writer(tmp_path / "a") as writer:
        writer.write_raw(np.arange(1000, dtype="<u4").tobytes())
        writer.commit()
    index = tmp_path / "a.sigmf-index"
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join(lines[:-1]) + torn)  # without the end mark
    with open_recording(tmp_path / "a", follow=True, stale_after_s=0.1) as reader:
        assert np.array_equal(reader.read(5000), numbers(0, 1000))
        assert "died without end mark" in reader.notes[0]


def test_every_cut_of_the_index_can_be_read(tmp_path: Path) -> None:
    """A power cut at any byte of the index leaves whole blocks, or says that nothing was recorded."""
    with open_writer(tmp_path / "a", commit_interval_s=0) as writer:
        for k in range(3):
            writer.write_raw(np.arange(100 * k, 100 * k + 100, dtype="<u4").tobytes())
    index = tmp_path / "a.sigmf-index"
    whole, seen = index.read_bytes(), set()
    for cut in range(len(whole)):
        index.write_bytes(whole[:cut])
        try:
            with open_recording(tmp_path / "a") as reader:
                got = reader.read(1000)
        except RecordingError:
            continue
        assert np.array_equal(got, numbers(0, len(got)))
        seen.add(len(got))
    assert seen == {100, 200, 300}


def test_a_data_file_shorter_than_its_index_is_noted(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a") as writer:
        writer.write_raw(bytes(4000))
    os.truncate(tmp_path / "a.sigmf-data", 2002)
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(1000)) == 500
        assert any("shorter than its index" in note for note in reader.notes)


@pytest.mark.parametrize("at_s", [0.35, 0.6, 0.9])
def test_kill_9_of_the_writer(tmp_path: Path, at_s: float) -> None:
    kill_writer_and_read(tmp_path, at_s)


@pytest.mark.slow
def test_kill_9_at_many_moments(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    for number, at_s in enumerate(rng.uniform(0.2, 1.2, 60)):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_writer_and_read(folder, float(at_s))


def kill_writer_and_read(tmp_path: Path, at_s: float) -> None:
    stem = tmp_path / "pass"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(stem)])
    try:
        wait_for((tmp_path / "pass.sigmf-meta").exists)
        with open_recording(stem, follow=True, stale_after_s=0.3) as reader:
            assert writer_holds_lock(tmp_path / "pass.sigmf-index")
            threading.Timer(at_s, lambda: os.kill(process.pid, signal.SIGKILL)).start()
            got = np.concatenate(list(reader.blocks(10_000)))
            assert "died without end mark" in reader.notes[0]
            gaps = reader.info.gaps
    finally:
        process.kill()
        process.wait()
    expected = numbers(0, len(got))
    for gap in gaps:
        expected[gap.sample_index : gap.sample_index + gap.sample_count] = 0
    assert len(got) >= 2500
    assert np.array_equal(got, expected)
    # What lay in the file but was not committed is at most the commit interval and one block.
    in_file = (tmp_path / "pass.sigmf-data").stat().st_size // 4
    assert in_file - len(got) <= 0.25 * RATE
    finish_interrupted(stem)
    (tmp_path / "pass.sigmf-index").unlink()
    with open_recording(stem) as reader:
        assert reader.info.gaps == gaps


class Clock:
    """A clock that only the sleeper moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_writer_that_stands_still_does_not_hold_the_reader_for_ever(tmp_path: Path) -> None:
    writer, clock = open_writer(tmp_path / "a"), Clock()
    source = IndexedSource(
        tmp_path / "a.sigmf-data", IndexReader(tmp_path / "a.sigmf-index"), 4,
        follow=True, monotonic=clock.monotonic, sleep=clock.sleep,
    )  # fmt: skip
    assert source.read(4) == b""
    assert 60 <= clock.now < 61
    assert "stood still" in source.notes[0]
    source.close()
    writer.close()


def test_heartbeats_keep_the_reader_waiting(tmp_path: Path) -> None:
    writer, clock = open_writer(tmp_path / "a", durable=False), Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now < 300:
            writer.commit()
        elif not writer.closed:
            writer.write_raw(bytes(400))
            writer.close()

    source = IndexedSource(
        tmp_path / "a.sigmf-data", IndexReader(tmp_path / "a.sigmf-index"), 4,
        follow=True, monotonic=clock.monotonic, sleep=sleep,
    )  # fmt: skip
    assert len(source.read(1000)) == 400
    assert source.notes == []
    source.close()


def test_a_disk_that_refuses_leaves_what_was_written(tmp_path: Path) -> None:
    """/dev/full takes the place of the data file: the first write fails as on a full disk."""
    writer = open_writer(tmp_path / "a")
    writer.write_raw(np.arange(1000, dtype="<u4").tobytes())
    writer.commit()
    good = writer._data
    writer._data = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(DeviceError, match=r"disk refuses.*No space left"):
        writer.write_raw(bytes(4000))
    os.close(writer._data)
    writer._data = good
    writer.close("disk full")
    with open_recording(tmp_path / "a") as reader:
        assert np.array_equal(reader.read(5000), numbers(0, 1000))
        assert reader.info.end == "disk full"


def test_two_writers_never_share_a_name(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a") as writer:
        with pytest.raises(RecordingError, match="never overwritten"):
            open_writer(tmp_path / "a")
        writer.write(np.ones(10, np.complex64))
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(100)) == 10


def test_the_lock_is_free_after_the_end(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a"):
        assert writer_holds_lock(tmp_path / "a.sigmf-index")
    assert not writer_holds_lock(tmp_path / "a.sigmf-index")
    with (tmp_path / "a.sigmf-index").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_part_of_a_sample_is_refused(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a") as writer, pytest.raises(RecordingError, match="no whole number"):
        writer.write_raw(from_samples(np.ones(3, np.complex64), "cs16")[:-1])


def test_a_follower_may_come_before_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.sigmf-index").touch()

    def begin() -> None:
        time.sleep(0.2)
        (tmp_path / "a.sigmf-index").unlink()
        with open_writer(tmp_path / "a") as writer:
            writer.write_raw(bytes(400))

    thread = threading.Thread(target=begin)
    thread.start()
    with open_recording(tmp_path / "a.sigmf-index", follow=True) as reader:
        assert len(reader.read(1000)) == 100
    thread.join()


LIMITED = """
import resource, sys
from sdr.receiver import Block, Opened, Tuning
from sdr.record import open_writer, record

resource.setrlimit(resource.RLIMIT_FSIZE, (100_002, 100_002))  # ends within a sample
class Endless:
    def open(self, tuning): return Opened("endless", "cs16", 1e8, 250_000)
    def read(self, count, timeout_s): return Block(bytes(range(200)) * 20)
    def close(self): pass
receiver = Endless()
record(receiver, open_writer(receiver.open(None), sys.argv[1]), reserve_bytes=0)
"""


def test_a_file_that_may_not_grow_ends_the_recording_readably(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "a")], capture_output=True, text=True, check=False
    )
    assert "DeviceError" in done.stderr
    assert "the disk refuses to take more: File too large" in done.stderr
    with open_recording(tmp_path / "a") as reader:
        assert "File too large" in reader.info.end
        assert len(reader.read(1 << 20)) == reader.info.sample_count == 25_000
        assert reader.notes == ()
    (tmp_path / "a.sigmf-index").unlink()
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.sample_count == 25_000


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_index_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A good index with bytes changed, lines doubled or swapped gives at most what the data file holds."""
    folder = tmp_path_factory.getbasetemp() / "index_fuzz"
    if not folder.exists():
        folder.mkdir()
        with open_writer(folder / "good", commit_interval_s=0, durable=False) as writer:
            for _ in range(3):
                writer.write_raw(bytes(400))
                writer.gap(10, "x")
    lines = bytearray((folder / "good.sigmf-index").read_bytes()).splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=10))
    raw = bytearray(lines[0] + b"".join(lines[at] for at in order))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (folder / "bad.sigmf-index").write_bytes(raw)
    (folder / "bad.sigmf-data").write_bytes((folder / "good.sigmf-data").read_bytes())
    try:
        with open_recording(folder / "bad") as reader:
            assert sum(len(block) for block in reader.blocks(64)) <= 330 * 4
    except SdrError as error:
        assert str(error)  # noqa: PT017
