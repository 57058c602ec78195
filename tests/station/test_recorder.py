"""The supervision of the recorder: begun again with pauses that grow only where it does not work."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from sdr.index_line import IndexHeader
from sdr.memory_writer import memory_index_path
from station.catalogue import Booking, Catalogue, Observation
from station.config import PlaybackReceiver, RtlTcpReceiver, SimulatorReceiver
from station.errors import CatalogueError
from station.processes import Worker
from station.recorder import Pauses, Recorder, _Look, keeps_the_pace_of_life
from tests.station.conftest import ModuleOf, entered
from tests.station.desk import workers_of

# Leaves a line at each start; what its first argument's folder says of how it ends.
_FAKE = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1]).parent
if "--spare" in sys.argv and not sys.stdin.readline():  # it was not needed
    sys.exit()
with (folder / "starts").open("a") as file:
    file.write(f"{time.monotonic()}\\n")
starts = len((folder / "starts").read_text().split())
plan = (folder / "plan").read_text().split()
act = plan[min(starts, len(plan)) - 1]
if act == "kill":
    os.kill(os.getpid(), 9)
if act == "hang":
    time.sleep(600)
if act == "memory":
    from sdr.index_line import IndexHeader, commit_line
    from sdr.memory_writer import memory_index_path
    path = memory_index_path(folder / "recording")
    path.write_bytes((folder / "head").read_bytes() + commit_line(2000, time.time(), ring="disk full"))
    time.sleep(600)
if act in ("end", "stall"):
    from datetime import UTC, datetime
    from sdr.writer import RecordingWriter
    writer = RecordingWriter(folder / "recording", format="cu8", sample_rate=1e3, center_frequency_hz=None,
        start=datetime(2026, 1, 1, tzinfo=UTC), durable=False)
    time.sleep(0.3)
    writer.write_raw(bytes(2000))
    writer.commit()
    if act == "stall":
        time.sleep(600)
    writer.close()
sys.exit(int(act) if act.isdigit() else 0)
"""


class Killable:
    kills = 0

    def kill(self) -> None:
        self.kills += 1


LIVE = RtlTcpReceiver(type="rtl_tcp")


@pytest.fixture
def observation(
    catalogue: Catalogue,
    booking: Booking,
    module_of: ModuleOf,
    monkeypatch: pytest.MonkeyPatch,
) -> Observation:
    """An observation that lasts another minute, recorded by a module of its own."""
    monkeypatch.setattr("station.recorder._MODULE", module_of("fake_recorder", _FAKE))
    return entered(catalogue, replace(booking, end=datetime.now(UTC) + timedelta(minutes=2)))


def _recorder(observation: Observation, plan: str) -> Recorder:
    (observation.folder / "plan").write_text(plan)
    return Recorder(observation, LIVE, lambda: False, 600.0)


def _starts(observation: Observation) -> list[float]:
    return [float(line) for line in (observation.folder / "starts").read_text().split()]


def test_a_recorder_that_dies_is_begun_again_until_the_recording_has_its_end(
    observation: Observation,
) -> None:
    recorder = _recorder(observation, "kill kill 3 end kill")
    assert recorder.run(lambda: None).reason == ""
    assert len(_starts(observation)) == 4
    assert [death[:16] for death in recorder.deaths] == [
        "ended by SIGKILL",
        "ended by SIGKILL",
        "exit status 3, s",
    ]


def test_what_fails_beside_it_does_not_end_a_recording(
    observation: Observation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and tried again."""
    monkeypatch.setattr("station.untiring._AGAIN_AFTER_S", 0.0)
    looks: list[None] = []

    def full() -> None:
        looks.append(None)
        raise CatalogueError("database or disk is full") if len(looks) < 3 else KeyError("frames")

    assert _recorder(observation, "kill end").run(full).reason == ""
    assert len(looks) > 3
    assert caplog.text.count("database or disk is full; it is tried again") == 1
    assert caplog.text.count("KeyError: 'frames'; please report it; it is tried again") == 1


def test_a_recorder_that_is_minded_no_more_is_ended(observation: Observation) -> None:
    def breaks() -> bool:
        raise RuntimeError("a bug")

    (observation.folder / "plan").write_text("hang")
    with pytest.raises(RuntimeError, match="a bug"):
        Recorder(observation, LIVE, breaks, 600.0).run(lambda: None)
    assert workers_of(observation.folder, b"fake_recorder") == []


def test_what_is_wrongly_configured_is_said_at_once(observation: Observation) -> None:
    recorder = _recorder(observation, "2")
    assert recorder.run(lambda: None).status == 2
    assert len(_starts(observation)) == 1


def test_after_the_pass_nothing_is_begun_again(observation: Observation) -> None:
    over = replace(observation, end=datetime.now(UTC) + timedelta(seconds=2))
    recorder = _recorder(over, "kill")
    assert recorder.run(lambda: None).status == -9
    assert datetime.now(UTC) >= over.end


def test_a_recorder_that_hangs_without_a_sample_is_ended_with_the_pass(
    observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.recorder._AFTER_THE_PASS_S", 0.5)
    over = replace(observation, end=datetime.now(UTC) + timedelta(seconds=1))
    assert _recorder(over, "hang").run(lambda: None).timed_out


def test_a_recorder_that_stands_still_is_killed(
    observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index has no heartbeat any more."""
    monkeypatch.setattr("station.recorder._STANDS_STILL_S", 1.0)
    (observation.folder / "plan").write_text("stall")
    recorder = Recorder(observation, LIVE, lambda: bool(recorder.deaths), 600.0)
    recorder.run(lambda: None)
    assert recorder.deaths[0].startswith("ended by SIGKILL")


def test_one_that_records_in_memory_only_and_stands_still_is_killed(
    observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: no file of the recording grows, nor is its index written."""
    monkeypatch.setattr("station.recorder._STANDS_STILL_S", 1.0)
    prepared: list[bool] = []
    monkeypatch.setattr("station.spare.Spare.prepare", lambda _: prepared.append(True))
    head = IndexHeader("cu8", 1e3, None, datetime(2026, 1, 1, tzinfo=UTC), metadata={"ring_sample": 0})
    (observation.folder / "head").write_bytes(head.to_line())
    (observation.folder / "plan").write_text("memory")
    recorder = Recorder(observation, LIVE, lambda: bool(recorder.deaths), 600.0)
    try:
        recorder.run(lambda: None)
    finally:
        memory_index_path(observation.recording).unlink(missing_ok=True)
    assert prepared
    assert recorder.deaths[0].startswith("ended by SIGKILL")


def test_one_whose_disk_got_full_is_heard_by_its_index_in_memory(observation: Observation) -> None:
    worker = Killable()
    for name in ("recording.sigmf-index", "recording.sigmf-data"):
        (observation.folder / name).write_bytes(b"")
    in_memory = memory_index_path(observation.recording)
    try:
        with pytest.MonkeyPatch.context() as patch:
            seconds = iter(range(200))
            patch.setattr("station.recorder.time.monotonic", lambda: next(seconds))
            look = _Look(cast("Worker", worker), observation, lambda: False)
            (observation.folder / "recording.sigmf-data").write_bytes(bytes(2))
            for second in range(150):
                in_memory.touch()
                os.utime(in_memory, (1e9 + second, 1e9 + second))
                os.utime(observation.folder / "recording.sigmf-index", (9e8, 9e8))
                look()
    finally:
        in_memory.unlink(missing_ok=True)
    assert look.receives
    assert worker.kills == 0


def test_pauses_grow_only_while_nothing_is_received() -> None:
    pauses = Pauses()
    in_vain = [pauses.after_a_death(worked=False) for _ in range(10)]
    assert in_vain[:4] == [0.25, 0.5, 1.0, 2.0]
    assert in_vain[-2:] == [30.0, 30.0]
    assert [pauses.after_a_death(worked=True), pauses.after_a_death(worked=False)] == [0.0, 0.25]


def test_a_satellite_waits_for_a_simulation_only() -> None:
    assert keeps_the_pace_of_life(LIVE)
    assert not keeps_the_pace_of_life(SimulatorReceiver(type="simulator"))
    file = Path("x.cu8")
    assert keeps_the_pace_of_life(PlaybackReceiver(type="playback", file=file, realtime=True))
    assert not keeps_the_pace_of_life(PlaybackReceiver(type="playback", file=file))
