"""A recording of many files is one stream, live and afterwards; a resumed one is waited for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr.errors import RecordingError
from sdr.follow import IndexedSource
from sdr.index import IndexReader
from sdr.index_line import CONTINUED, Gap, IndexHeader, commit_line
from sdr.recording import SampleReader, open_recording
from sdr.recording_files import segment_stem
from sdr.segments import SegmentedSource

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
LENGTHS = (1000, 2500, 700)


class Recorder:
    """Writes segments by hand, so that every order of events can be had; sample n is the number n."""

    def __init__(self, stem: Path, rate: float = 250e3) -> None:
        self.stem, self.rate, self.number, self.total, self.here = stem, rate, 0, 0, 0

    def path(self, kind: str) -> Path:
        stem = segment_stem(self.stem, self.number)
        return stem.with_name(f"{stem.name}.sigmf-{kind}")

    def begin(self, **header: Any) -> None:
        words = {"segment": self.number, "first_sample": self.total} | header
        made = IndexHeader("cs16", self.rate, 137.5e6, START, **words)
        self.path("data").touch()
        self.path("index").write_bytes(made.to_line())
        self.here = 0

    def write(self, count: int, gap: Gap | None = None) -> None:
        samples = np.arange(self.total, self.total + count, dtype="<u4")
        with self.path("data").open("ab") as file:
            file.write(samples.tobytes())
        self.total, self.here = self.total + count, self.here + count
        self.line(gap=gap)

    def line(self, **words: Any) -> None:
        with self.path("index").open("ab") as file:
            file.write(commit_line(self.here, 0.0, **words))

    def roll(self) -> None:
        self.line(end=CONTINUED)
        self.number += 1

    def all(self, first: int = 0) -> None:
        for length in LENGTHS[first:]:
            if self.total:
                self.roll()
            self.begin()
            self.write(length // 2)
            self.write(length - length // 2)
        self.line(end="finished")


def numbers(reader: SampleReader, block: int = 333) -> np.ndarray:
    parts = (np.concatenate(list(reader.blocks(block))) * 32768).view(np.float32).astype("<i2")
    return parts.view("<u4").astype(np.int64)


def test_all_segments_are_one_stream(tmp_path: Path) -> None:
    Recorder(tmp_path / "day").all()
    with open_recording(tmp_path / "day") as reader:
        assert reader.info.sample_count == sum(LENGTHS)
        reader.hash_while_reading()
        assert np.array_equal(numbers(reader), np.arange(sum(LENGTHS)))
        assert (reader.info.end, reader.notes, reader.info.sample_count) == ("finished", (), sum(LENGTHS))
        digest = reader.sha256()
    names = ("day", "day-0001", "day-0002")
    data = b"".join((tmp_path / f"{name}.sigmf-data").read_bytes() for name in names)
    assert digest == hashlib.sha256(data).hexdigest()
    with open_recording(tmp_path / "day") as reader:  # the hash does not need the reading
        reader.read(10)
        assert reader.sha256() == digest


def test_reading_begins_with_any_segment_or_the_oldest_that_is_left(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.all()
    with open_recording(tmp_path / "day-0001.sigmf-data") as reader:
        assert np.array_equal(numbers(reader), np.arange(LENGTHS[0], sum(LENGTHS)))
    for kind in ("data", "index"):
        (tmp_path / f"day.sigmf-{kind}").unlink()
    with open_recording(tmp_path / "day") as reader:
        assert reader.info.sample_count == sum(LENGTHS[1:])
        assert np.array_equal(numbers(reader), np.arange(LENGTHS[0], sum(LENGTHS)))


def test_gaps_keep_their_place_in_the_stream(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.begin()
    recorder.write(100, Gap(50, 10, "overflow"))
    recorder.roll()
    recorder.begin()
    recorder.write(100, Gap(20, 30, "recorder killed", 7))
    recorder.line(end="finished")
    with open_recording(tmp_path / "day") as reader:
        got = numbers(reader)
        assert reader.info.gaps == (Gap(50, 10, "overflow"), Gap(120, 30, "recorder killed", 7))
    wanted = np.arange(200)
    wanted[50:60] = wanted[120:150] = 0
    assert np.array_equal(got, wanted)


def test_another_recording_of_such_a_name_is_no_segment(tmp_path: Path) -> None:
    Recorder(tmp_path / "noaa19-2025").all()
    with pytest.raises(RecordingError, match="noaa19"):
        open_recording(tmp_path / "noaa19")


def test_a_follower_goes_on_into_the_next_segment(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.begin()
    recorder.write(1)
    got: list[np.ndarray] = []

    def follow() -> None:
        with open_recording(tmp_path / "day", follow=True, stale_after_s=30) as reader:
            got.append(numbers(reader))

    follower = threading.Thread(target=follow)
    follower.start()
    recorder.write(999)
    recorder.roll()
    recorder.begin()
    recorder.write(500)
    recorder.roll()
    recorder.begin()
    recorder.write(3)
    recorder.line(end="finished")
    follower.join(30)
    assert np.array_equal(got[0], np.arange(1503))


class Clock:
    """Only the sleeper moves it; at given times something happens."""

    def __init__(self, events: dict[float, Callable[[], None]]) -> None:
        self.now, self.events = 0.0, events

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in sorted(due for due in self.events if due <= self.now):
            self.events.pop(due)()


def followed(stem: Path, clock: Clock) -> SegmentedSource:
    index = IndexReader(stem.with_name(stem.name + ".sigmf-index"))
    return SegmentedSource(stem, index, follow=True, monotonic=clock.monotonic, sleep=clock.sleep)


def test_a_segment_that_does_not_come_ends_the_reading_with_a_word(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.begin()
    recorder.write(100)
    recorder.roll()
    clock = Clock({})
    source = followed(tmp_path / "day", clock)
    assert len(source.read(4000)) == 400
    assert 5.0 <= clock.now < 5.1
    assert (source.sample_count, source.end) == (100, CONTINUED)
    assert "goes on in day-0001, but it is not there" in source.notes[0]
    source.close()
    with open_recording(tmp_path / "day") as reader:
        assert len(reader.read(4000)) == reader.info.sample_count == 100
        assert "day-0001" in reader.notes[0]


@pytest.mark.parametrize(
    ("header", "word"), [({"first_sample": 160}, "instead of 100"), ({"segment": 1}, ""), ({}, "samples/s")]
)
def test_a_segment_that_does_not_fit_is_not_read(tmp_path: Path, header: dict[str, int], word: str) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.begin()
    recorder.write(100)
    recorder.roll()
    recorder.rate = 250e3 if header else 300e3
    recorder.begin(**header)
    recorder.write(100)
    recorder.line(end="finished")
    with open_recording(tmp_path / "day") as reader:
        got = numbers(reader)
        assert len(got) == (100 if word else 200)
        assert word in "".join(reader.notes)


def test_a_recorder_killed_and_begun_again_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times the lock is gone for up to 4.8 s, once it is held in silence for 20: the follower stays."""
    recorder = Recorder(tmp_path / "pass")
    recorder.begin()
    recorder.write(100)
    held = [True]
    monkeypatch.setattr("sdr.follow.writer_holds_lock", lambda _: held[0])

    def lock(*, is_held: bool) -> Callable[[], None]:
        return lambda: held.__setitem__(0, is_held)

    def resumed() -> None:
        held[0] = True
        recorder.write(100, Gap(recorder.here, 50, "recorder killed", 12))

    clock = Clock(
        {
            1.0: lock(is_held=False), 3.0: resumed,
            23.0: lock(is_held=False), 27.0: lock(is_held=True), 28.0: lambda: recorder.write(100),
            29.0: lock(is_held=False), 33.8: resumed, 34.0: lambda: recorder.line(end="finished"),
        }
    )  # fmt: skip
    source = followed(tmp_path / "pass", clock)
    assert len(source.read(10_000)) == 1600
    assert 34 <= clock.now < 34.1
    assert source.notes == ()
    assert [gap.uncertainty for gap in source.gaps] == [12, 12]
    source.close()


def test_patience_ends_when_nobody_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "pass")
    recorder.begin()
    recorder.write(100)
    held = [True]
    monkeypatch.setattr("sdr.follow.writer_holds_lock", lambda _: held[0])
    clock = Clock({10.0: lambda: held.__setitem__(0, False)})
    source = followed(tmp_path / "pass", clock)
    assert len(source.read(10_000)) == 400
    assert 14.5 <= clock.now < 15.6
    assert "died without end mark" in source.notes[0]
    source.close()


def test_whoever_waits_is_called(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "pass")
    recorder.begin()
    clock = Clock({2.0: lambda: recorder.line(end="finished")})
    source = followed(tmp_path / "pass", clock)
    calls: list[float] = []
    source.while_waiting = lambda: calls.append(clock.now)
    assert source.read(10) == b""
    assert len(calls) >= 50
    assert max(np.diff(calls)) <= 0.05
    source.close()


def test_one_file_is_read_as_ever(tmp_path: Path) -> None:
    """An index of before there were segments."""
    recorder = Recorder(tmp_path / "old")
    recorder.begin()
    head = json.loads(recorder.path("index").read_bytes())
    old = {key: value for key, value in head.items() if key not in ("segment", "first_sample", "clock")}
    recorder.path("index").write_text(json.dumps(old) + "\n")
    recorder.write(100)
    recorder.line(end="finished")
    index = IndexReader(recorder.path("index"))
    with open_recording(tmp_path / "old") as reader:
        assert np.array_equal(numbers(reader), np.arange(100))
    plain = IndexedSource(recorder.path("data"), index, 4, follow=False)
    assert len(plain.read(1000)) == 400
    plain.close()


def test_a_file_that_is_not_what_was_recorded_is_noted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a")
    recorder.begin()
    recorder.write(100)
    data = recorder.path("data").read_bytes()
    recorder.line(end="finished", sha256=hashlib.sha256(data).hexdigest())
    for changed, notes in ((data, 0), (b"\x01" + data[1:], 1)):
        recorder.path("data").write_bytes(changed)
        with open_recording(tmp_path / "a") as reader:
            reader.hash_while_reading()
            assert reader.sha256() == hashlib.sha256(changed).hexdigest()
            assert len(reader.notes) == notes
            assert all("its SHA-256 differs" in note for note in reader.notes)
