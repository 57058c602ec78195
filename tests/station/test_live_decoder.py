"""A live decoder that dies is begun again, not too often, and its end is the recording's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from sdr.writer import RecordingWriter
from station.attempts import emptied
from station.catalogue import Observation
from station.errors import WRONG_USE
from station.live_decoder import MOST_AFTERWARDS, LiveDecoder
from station.processes import Ended, Worker

KILLED = Ended(-9, 1.0, 1.0, "")
DONE = Ended(0, 1.0, 1.0, "")


class FakeWorker:
    progress, lag_s = 0.5, 1.5

    def __init__(self, follow: bool) -> None:
        self.follow, self.ended = follow, None if follow else DONE

    def poll(self) -> Ended | None:
        return self.ended

    def wait(self, *_: Any) -> Ended:
        return self.ended or DONE


class Fakes:
    """Workers in the order they were begun, and seconds that pass by hand."""

    def __init__(self, *, killed_always: bool = False) -> None:
        self.begun: list[FakeWorker] = []
        self.time_s = 0.0
        self.killed_always = killed_always

    def begin(self, follow: bool) -> Worker:
        self.begun.append(FakeWorker(follow))
        if self.killed_always:
            self.begun[-1].ended = KILLED
        return cast("Worker", self.begun[-1])


@pytest.fixture
def writer(observation: Observation) -> RecordingWriter:
    return RecordingWriter(
        observation.recording,
        format="cu8",
        sample_rate=1000.0,
        center_frequency_hz=None,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        durable=False,
    )


def test_it_begins_with_the_first_samples_and_again_after_a_death(
    observation: Observation, writer: RecordingWriter
) -> None:
    fakes = Fakes()
    decoder = LiveDecoder(observation, fakes.begin, lambda: fakes.time_s)
    decoder.look()
    assert not fakes.begun  # nothing is recorded yet
    assert (decoder.progress, decoder.lag_s) == (None, None)
    writer.write_raw(bytes(2000))
    writer.commit()
    decoder.look()
    decoder.look()
    assert [w.follow for w in fakes.begun] == [True]
    assert (decoder.progress, decoder.lag_s) == (0.5, 1.5)
    for ended in (KILLED, DONE):  # one that took the recording for finished is as bad
        fakes.begun[-1].ended = ended
        decoder.look()
        fakes.time_s += 1.0
        decoder.look()
    assert [w.follow for w in fakes.begun] == [True] * 3
    writer.close()
    fakes.begun[-1].ended = DONE
    decoder.look()
    decoder.look()
    assert decoder.finish(1.0, lambda: None) == DONE
    assert len(fakes.begun) == 3


def test_what_dies_at_once_is_begun_more_and_more_seldom(
    observation: Observation, writer: RecordingWriter
) -> None:
    fakes = Fakes(killed_always=True)
    decoder = LiveDecoder(observation, fakes.begin, lambda: fakes.time_s)
    writer.write_raw(bytes(2000))
    writer.commit()
    counts = []
    for _ in range(3):
        for _ in range(4800):
            decoder.look()
            fakes.time_s += 0.125
        counts.append(len(fakes.begun))
    assert counts[0] <= 8 + 20  # ten minutes, at last every 30 s
    assert 15 <= counts[1] - counts[0] == counts[2] - counts[1] <= 20
    fakes.killed_always = False
    fakes.time_s += 30
    decoder.look()
    decoder.look()
    fakes.time_s += 11
    before = len(fakes.begun)
    fakes.begun[-1].ended = KILLED  # one that worked
    decoder.look()
    decoder.look()
    assert len(fakes.begun) == before + 1
    writer.close()


def test_what_is_wrongly_used_is_not_begun_again_before_the_end(
    observation: Observation, writer: RecordingWriter
) -> None:
    fakes = Fakes()
    decoder = LiveDecoder(observation, fakes.begin, lambda: fakes.time_s)
    writer.write_raw(bytes(2000))
    writer.commit()
    decoder.look()
    fakes.begun[-1].ended = Ended(WRONG_USE, 1.0, 1.0, "no such downlink")
    for _ in range(100):
        decoder.look()
        fakes.time_s += 60
    assert len(fakes.begun) == 1
    writer.close()
    decoder.look()
    assert decoder.finish(1.0, lambda: None) == DONE
    assert [w.follow for w in fakes.begun] == [True, False]


def test_without_a_living_recorder_none_is_begun(observation: Observation, writer: RecordingWriter) -> None:
    fakes = Fakes()
    decoder = LiveDecoder(observation, fakes.begin)
    writer.write_raw(bytes(2000))
    writer.close()
    decoder.look()
    assert not fakes.begun
    assert decoder.finish(1.0, lambda: None) == DONE
    assert [w.follow for w in fakes.begun] == [False]


def test_after_the_pass_it_is_not_begun_for_ever(observation: Observation, writer: RecordingWriter) -> None:
    writer.close()
    fakes = Fakes(killed_always=True)
    assert LiveDecoder(observation, fakes.begin).finish(1.0, lambda: None) == KILLED
    assert len(fakes.begun) == MOST_AFTERWARDS


def test_an_earlier_attempt_does_not_stay_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "decoded").mkdir()
    (tmp_path / "decoded/frames.cadu.part").write_bytes(b"half")
    assert emptied(tmp_path / "decoded") == tmp_path / "decoded"
    assert not (tmp_path / "decoded").exists()
    (tmp_path / "decoded").mkdir()
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # a file that the disk does not let go
    assert emptied(tmp_path / "decoded") == tmp_path / "decoded-2"
