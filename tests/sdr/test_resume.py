"""Going on with a recording whose recorder was killed, and what a power cut leaves, byte by byte."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import RecordingError
from sdr.index import Gap, IndexReader, read_levels
from sdr.recording import RecordingWriter, finish_interrupted, open_recording, recording_sha256
from tests.waiting import wait_for

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
RATE = 250_000.0


def new_writer(stem: Path, fmt: str = "cs16", **options: object) -> RecordingWriter:
    return RecordingWriter(
        stem, format=fmt, sample_rate=RATE, center_frequency_hz=137.9e6, start=START, **options
    )


def numbers(first: int, count: int) -> bytes:
    """Sample n is the 32-bit number n."""
    return np.arange(first, first + count, dtype="<u4").tobytes()


def abandon(writer: RecordingWriter) -> None:
    """As kill -9 does: the descriptors go, with them the lock, and nothing more is written."""
    import os

    os.close(writer._data)
    os.close(writer._index)


def died_at(stem: Path, committed: int, beyond: int = 0, fmt: str = "cs16") -> None:
    writer = new_writer(stem, fmt, commit_interval_s=1e9)
    writer.write_raw(numbers(0, committed) if fmt == "cs16" else bytes(committed * writer.bytes_per_sample))
    writer.commit()
    writer.write_raw(b"\x55" * (beyond * writer.bytes_per_sample))
    abandon(writer)


@pytest.mark.parametrize("fmt", ["cs16", "cu8", "cf32", "cs8"])
def test_it_goes_on_in_the_same_files(tmp_path: Path, fmt: str) -> None:
    died_at(tmp_path / "a", 1000, 77, fmt)
    writer = RecordingWriter.resume(tmp_path / "a")
    assert (writer.sample_count, writer.start, writer.resumed) == (1000, START, True)
    assert (writer.header.format, writer.header.sample_rate) == (fmt, RATE)
    writer.gap(500, "the recorder died", 25)
    writer.write_raw(b"\x33" * (100 * writer.bytes_per_sample))
    writer.close()
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.gaps == (Gap(1000, 500, "the recorder died", 25),)
        assert reader.info.end == "finished"
        samples = reader.read(5000)
    assert len(samples) == 1600
    assert not samples[1000:1500].any()
    assert samples[1500:].all()
    index = IndexReader(tmp_path / "a.sigmf-index")
    assert (index.resumed, index.bad_lines) == (1, 0)
    values = json.loads((tmp_path / "a.sigmf-meta").read_bytes())
    assert values["annotations"][0]["tramthu:uncertainty"] == 25
    digest = hashlib.sha256((tmp_path / "a.sigmf-data").read_bytes()).hexdigest()
    assert index.sha256 == values["global"]["tramthu:sha256"] == digest == recording_sha256(tmp_path / "a")


def test_a_follower_waits_while_nobody_has_the_device_yet(tmp_path: Path) -> None:
    """From the lock on the recorder counts as alive, although no sample comes."""
    died_at(tmp_path / "a", 1000)
    got: list[np.ndarray] = []
    with open_recording(tmp_path / "a", follow=True, stale_after_s=1.0) as reader:
        thread = threading.Thread(target=lambda: got.extend(reader.blocks(500)))
        thread.start()
        wait_for(lambda: len(got) == 2)
        writer = RecordingWriter.resume(tmp_path / "a")
        time.sleep(1.5)  # longer than a dead recorder is waited for
        writer.write_raw(numbers(1000, 250))
        writer.close()
        thread.join(20)
        assert [len(block) for block in got] == [500, 500, 250]
        assert reader.notes == ()


def test_what_cannot_be_gone_on_with_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        RecordingWriter.resume(tmp_path / "none")
    with new_writer(tmp_path / "a") as writer:
        writer.write_raw(numbers(0, 10))
        with pytest.raises(RecordingError, match="another process is still writing"):
            RecordingWriter.resume(tmp_path / "a")
    with pytest.raises(RecordingError, match=r"has ended .*choose another name"):
        RecordingWriter.resume(tmp_path / "a")


def test_an_interrupted_recording_is_ended_with_hash_and_end_mark(tmp_path: Path) -> None:
    died_at(tmp_path / "a", 1000, 77)
    for _ in range(2):  # the second time there is nothing to do
        finish_interrupted(tmp_path / "a")
        index = IndexReader(tmp_path / "a.sigmf-index")
        assert (index.end, index.committed) == ("the recorder died", 1000)
        assert index.sha256 == hashlib.sha256(numbers(0, 1000)).hexdigest()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int]]]:
    """A recording without end mark, and after each commit the size of its index and its samples."""
    stem = tmp_path_factory.mktemp("cut") / "a"
    writer, marks = new_writer(stem, commit_interval_s=1e9, durable=False), []
    index = stem.with_name("a.sigmf-index")
    for k in range(12):
        writer.write_raw(numbers(writer.sample_count, 100 + k))
        if k % 4 == 3:
            writer.gap(50, "overflow", 5)
        writer.commit()
        marks.append((index.stat().st_size, writer.sample_count))
    abandon(writer)
    return stem, marks


def expected(count: int, gaps: tuple[Gap, ...]) -> bytes:
    values = np.arange(count, dtype="<u4")
    for gap in gaps:
        values[gap.sample_index : gap.sample_index + gap.sample_count] = 0
    return values.tobytes()


TAILS = (b"", bytes(300), b'\n\x00\xff{"samples": 5\n\n[1]\n' * 20)


def test_a_power_cut_at_any_byte_of_the_index_leaves_what_was_committed(
    recorded: tuple[Path, list[tuple[int, int]]], tmp_path: Path
) -> None:
    """At every byte; the data behind the last commit may be anything, or missing; then it goes on."""
    stem, marks = recorded
    whole = stem.with_name("a.sigmf-index").read_bytes()
    data = stem.with_name("a.sigmf-data").read_bytes()
    rng = np.random.default_rng(5)
    first_line = whole.index(b"\n") + 1
    for cut in range(first_line, len(whole) + 1):
        tail = TAILS[cut % 3]
        known = cut + tail.startswith(b"\n")  # a newline in what follows makes a line whole
        committed = max((count for size, count in marks if size <= known), default=0)
        (tmp_path / "b.sigmf-index").write_bytes(whole[:cut] + tail)
        more = int(rng.integers(0, len(data) - 4 * committed + 1))
        junk = rng.integers(0, 256, more, np.uint8).tobytes() if cut % 2 else bytes(more)
        (tmp_path / "b.sigmf-data").write_bytes(data[: 4 * committed] + junk)
        gaps = IndexReader(tmp_path / "b.sigmf-index").gaps
        if committed:
            with open_recording(tmp_path / "b.sigmf-index") as reader:
                assert reader._source.read(1 << 20) == expected(committed, gaps), cut
        writer = RecordingWriter.resume(tmp_path / "b", durable=False)
        writer.write_raw(numbers(committed, 7))
        writer.close()
        with open_recording(tmp_path / "b") as reader:
            assert reader._source.read(1 << 20) == expected(committed + 7, gaps), cut
        assert IndexReader(tmp_path / "b.sigmf-index").sha256 == recording_sha256(tmp_path / "b")
        (tmp_path / "b.sigmf-meta").unlink()


@pytest.mark.parametrize("seed", range(60))
def test_index_and_data_cut_anywhere_are_read_and_gone_on_with(
    recorded: tuple[Path, list[tuple[int, int]]], tmp_path: Path, seed: int
) -> None:
    """Also where the disk lost samples that it had confirmed: never more than is there, never a crash."""
    stem, marks = recorded
    whole = stem.with_name("a.sigmf-index").read_bytes()
    data = stem.with_name("a.sigmf-data").read_bytes()
    rng = np.random.default_rng(seed)
    cut = int(rng.integers(whole.index(b"\n") + 1, len(whole) + 1))
    there = int(rng.integers(0, len(data) + 1))
    (tmp_path / "b.sigmf-index").write_bytes(whole[:cut] + rng.integers(0, 256, 50, np.uint8).tobytes())
    (tmp_path / "b.sigmf-data").write_bytes(data[:there])
    index = IndexReader(tmp_path / "b.sigmf-index")
    committed, gaps = index.committed, index.gaps
    assert committed <= max((count for size, count in marks if size <= cut + 1), default=0)
    kept = expected(committed, gaps)[: there // 4 * 4]
    if committed:
        with open_recording(tmp_path / "b.sigmf-index") as reader:
            samples = reader.read(1 << 20)
        assert len(samples) * 4 == len(kept)
    writer = RecordingWriter.resume(tmp_path / "b", durable=False)
    assert writer.sample_count == committed
    writer.close()
    assert (tmp_path / "b.sigmf-data").read_bytes() == kept + bytes(4 * committed - len(kept))


def test_a_cut_within_the_first_line_is_nothing_recorded(
    recorded: tuple[Path, list[tuple[int, int]]], tmp_path: Path
) -> None:
    stem, _ = recorded
    whole = stem.with_name("a.sigmf-index").read_bytes()
    shutil.copy(stem.with_name("a.sigmf-data"), tmp_path / "b.sigmf-data")
    for cut in range(whole.index(b"\n") + 1):
        (tmp_path / "b.sigmf-index").write_bytes(whole[:cut])
        with pytest.raises(RecordingError, match="nothing was recorded"):
            open_recording(tmp_path / "b.sigmf-index")


def test_a_disk_that_lost_what_it_had_confirmed_gives_zeros_there(tmp_path: Path) -> None:
    died_at(tmp_path / "a", 1000)
    with (tmp_path / "a.sigmf-data").open("r+b") as file:
        file.truncate(4 * 600 + 3)
    writer = RecordingWriter.resume(tmp_path / "a")
    assert writer.sample_count == 1000
    writer.close()
    data = (tmp_path / "a.sigmf-data").read_bytes()
    assert data == numbers(0, 600) + bytes(1600)


KILLED = """
import sys, time, numpy as np
from datetime import datetime, UTC
from sdr.recording import RecordingWriter
stem = sys.argv[1]
import pathlib
if pathlib.Path(stem + ".sigmf-index").exists():
    writer = RecordingWriter.resume(stem)
else:
    writer = RecordingWriter(stem, format="cs16", sample_rate=250000, center_frequency_hz=None,
                             start=datetime(2026, 3, 24, tzinfo=UTC))
print("ready", flush=True)
while True:
    first = writer.sample_count
    writer.write_raw(np.arange(first, first + 1250, dtype="<u4").tobytes())
    time.sleep(0.002)
"""


def test_killed_again_and_again_one_recording_is_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "a")], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0.02, 0.3)))
            process.send_signal(signal.SIGKILL)
    finish_interrupted(tmp_path / "a")
    index = IndexReader(tmp_path / "a.sigmf-index")
    data = (tmp_path / "a.sigmf-data").read_bytes()
    assert (index.resumed, index.bad_lines) == (5, 0)
    assert data == numbers(0, index.committed)
    assert index.sha256 == hashlib.sha256(data).hexdigest()


def test_levels_are_in_the_index_second_by_second(tmp_path: Path) -> None:
    with new_writer(tmp_path / "a") as writer:
        half = np.full((200_000, 2), 16384, "<i2")
        writer.write_raw(half.tobytes())
        writer.gap(400_000, "overflow")
        full = np.full((200_000, 2), 32767, "<i2")
        writer.write_raw(full.tobytes())
    levels = list(read_levels(tmp_path / "a.sigmf-index"))
    assert [level.second for level in levels] == [0, 2, 3]
    assert levels[0].dbfs == pytest.approx(10 * np.log10(0.5), abs=0.01)
    assert (levels[0].clipped, levels[1].clipped) == (0, 1)
    assert levels[1].dbfs == pytest.approx(10 * np.log10(2), abs=0.01)
    assert levels[0].dc == pytest.approx(0.5 + 0.5j)
