"""What was decoded of samples in memory only is never thrown away, and the best of it is the result."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.elements import load_elements
from sdr.memory_writer import memory_index_path
from sdr.writer import RecordingWriter
from station.attempts import attempts_in, folder_of_attempt, named, settle
from station.catalogue import Catalogue, Observation, sha256_of
from station.config import parse_config
from station.observation import Crew, decode
from station.processes import Ended
from station.resume import resume
from tests.station.conftest import ELEMENTS, station_table


@pytest.fixture
def writer(observation: Observation) -> RecordingWriter:
    return RecordingWriter(
        observation.recording,
        format="cs16",
        sample_rate=250e3,
        center_frequency_hz=137.9e6,
        start=datetime(2026, 3, 24, tzinfo=UTC),
    )


def attempt(observation: Observation) -> str:
    folder = folder_of_attempt(observation)
    folder.mkdir()
    (folder / "frames.cadu").write_bytes(folder.name.encode())
    return folder.name


def test_what_can_be_decoded_again_makes_room(observation: Observation, writer: RecordingWriter) -> None:
    assert [attempt(observation) for _ in range(3)] == ["decoded"] * 3
    writer.close()
    assert attempt(observation) == "decoded"


def test_what_was_in_memory_only_stays(observation: Observation, writer: RecordingWriter) -> None:
    assert attempt(observation) == "decoded"
    writer.leave("the disk is full")
    assert [attempt(observation) for _ in range(2)] == ["decoded-2", "decoded-3"]
    writer.close()
    assert attempt(observation) == "decoded-4"
    assert (observation.folder / "decoded/frames.cadu").read_bytes() == b"decoded"


def test_it_stays_although_there_is_room_again(observation: Observation, writer: RecordingWriter) -> None:
    writer.leave("the disk is full")
    assert attempt(observation) == "decoded"
    writer._append(b'{"samples":0,"resumed":"the recorder died"}\n')
    assert attempt(observation) == "decoded-2"
    writer.close()


def test_a_disk_that_could_not_even_say_so(observation: Observation, writer: RecordingWriter) -> None:
    memory = memory_index_path(observation.recording)
    memory.touch()
    try:
        assert [attempt(observation) for _ in range(2)] == ["decoded", "decoded-2"]
    finally:
        memory.unlink()
        writer.close()


KILLED, DONE = Ended(-9, 1.0, 1.0, ""), Ended(0, 1.0, 1.0, "")


def whole(folder: Path, good: int) -> None:
    """As a decoder leaves it that came to its end."""
    folder.mkdir(parents=True)
    (folder / "frames.cadu").write_bytes(bytes(1024 * good))
    report = {"frames": {"good": good}, "columns": {"good": [True] * good}}
    (folder / "report.json").write_text(json.dumps(report))


def killed(folder: Path, good: int) -> None:
    folder.mkdir(parents=True)
    (folder / "frames.cadu.part").write_bytes(bytes(1024 * good + 100))


def settled(observation: Observation, ended: Ended) -> tuple[Ended, str]:
    """With a decoder that finds every frame in a file of frames."""

    def complete(frames: Path) -> Ended:
        whole(folder_of_attempt(observation), frames.stat().st_size // 1024)
        return DONE

    return settle(observation, ended, complete)


def test_the_most_frames_count_and_of_equals_the_newest(observation: Observation) -> None:
    for number, good in enumerate((30, 80, 80, 20), start=1):
        whole(observation.folder / (f"decoded-{number}" if number > 1 else "decoded"), good)
    assert settled(observation, DONE) == (DONE, "decoded-3")
    found = attempts_in(observation.folder)
    assert [(a.folder.name, a.frames_good) for a in found[:2]] == [("decoded-3", 80), ("decoded-2", 80)]
    words = named(found, "decoded-3")
    assert "of 4 attempts decoded-3 has the most frames (80)" in words
    assert words.endswith("decoded (30), decoded-2 (80), decoded-4 (20)")


def test_a_newest_attempt_that_failed_does_not_hide_the_one_before(observation: Observation) -> None:
    whole(observation.folder / "decoded", 30)
    (observation.folder / "decoded-2").mkdir()
    ended, result = settled(observation, KILLED)
    assert (ended.reason, result) == ("", "decoded")


def test_the_frames_of_one_that_was_killed_are_decoded_where_they_are_the_most(
    observation: Observation, writer: RecordingWriter
) -> None:
    writer.leave("the disk is full")
    killed(observation.folder / "decoded", 300)
    whole(observation.folder / "decoded-2", 200)
    assert settled(observation, DONE) == (DONE, "decoded-3")
    assert named(attempts_in(observation.folder), "decoded-3").endswith("decoded (300), decoded-2 (200)")
    writer.close()


def test_the_frames_of_one_whose_report_did_not_fit_count_as_well(
    observation: Observation, writer: RecordingWriter
) -> None:
    writer.leave("the disk is full")
    killed(observation.folder / "decoded", 300)
    (observation.folder / "decoded/frames.cadu.part").rename(observation.folder / "decoded/frames.cadu")
    whole(observation.folder / "decoded-2", 200)
    assert settled(observation, DONE) == (DONE, "decoded-3")
    writer.close()


def test_they_are_left_where_another_one_has_more(observation: Observation) -> None:
    killed(observation.folder / "decoded", 200)
    whole(observation.folder / "decoded-2", 300)
    assert settled(observation, DONE) == (DONE, "decoded-2")
    assert not (observation.folder / "decoded-3").exists()


def test_without_a_frame_anywhere_it_stays_as_it_ended(observation: Observation) -> None:
    assert settled(observation, KILLED) == (KILLED, "decoded")
    killed(observation.folder / "decoded", 0)
    whole(observation.folder / "decoded-2", 0)
    nothing = Ended(1, 1.0, 1.0, "no signal")
    assert settled(observation, nothing) == (nothing, "decoded-2")


def test_one_attempt_needs_no_words(observation: Observation) -> None:
    whole(observation.folder / "decoded", 30)
    assert named(attempts_in(observation.folder), "decoded") == ""


def test_the_observation_takes_the_frames_of_a_decoder_that_was_killed(
    observation: Observation, writer: RecordingWriter, catalogue: Catalogue, tmp_path: Path, shared_data: Path
) -> None:
    """By the real decoder, which finds no sample any more."""
    sent = (shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu").read_bytes()
    elements = [load_elements(ELEMENTS)[1].to_omm()]
    (observation.folder / "elements.json").write_text(json.dumps(elements))
    writer.leave("the disk is full")
    writer.close()
    (observation.folder / "decoded").mkdir()
    (observation.folder / "decoded/frames.cadu.part").write_bytes(sent + sent[:500])
    whole(observation.folder / "decoded-2", 5)
    for step in ("record", "decode"):
        catalogue.begin(observation.name, step)
    decode(observation, Crew(parse_config(station_table(tmp_path / "data")), catalogue))
    entered = catalogue.observation(observation.name)
    job = entered.job("decode")
    assert (job.state, (job.result or {})["folder"]) == ("done", "decoded-4"), job
    assert (job.result or {})["report"]["frames"]["good"] == len(sent) // 1024
    assert job.reason.endswith("decoded (14), decoded-2 (5), decoded-3 (0)")
    frames = observation.folder / "decoded-4/frames.cadu"
    assert frames.read_bytes() == sent
    assert {file.path: file.sha256 for file in entered.files}[frames] == sha256_of(frames)


def test_they_outlive_a_station_that_comes_back_after_the_pass(
    observation: Observation, writer: RecordingWriter, catalogue: Catalogue
) -> None:
    """Not one sample reached the disk; the frames of the live decoder did."""
    writer.leave("the disk is full")
    writer.let_go()
    killed(observation.folder / "decoded", 300)
    for step in ("record", "decode"):
        catalogue.begin(observation.name, step)
    (left,) = resume(catalogue, observation.end, lambda _: True)
    assert [left.job(step).state for step in ("record", "decode")] == ["done", "due"], left.jobs
    assert settled(left, DONE) == (DONE, "decoded-2")
