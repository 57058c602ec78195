"""What was decoded of samples in memory only is never thrown away for another attempt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sdr.memory_writer import memory_index_path
from sdr.writer import RecordingWriter
from station.catalogue import Booking, Catalogue, Observation
from station.live_decoder import folder_of_attempt


@pytest.fixture
def observation(catalogue: Catalogue, booking: Booking) -> Observation:
    made = catalogue.book(booking)
    assert made is not None
    made.folder.mkdir(parents=True)
    return made


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
