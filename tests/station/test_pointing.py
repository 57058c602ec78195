"""The rotator beside a recording: against real rotctld, its dummy rotator; what forbids motion is obeyed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from hardware.errors import HardwareError
from hardware.following import FollowReport
from hardware.rotctld import Rotctld
from hardware.safety import Inhibit
from scheduler.elements import load_elements
from scheduler.frames import Site, elevation
from scheduler.passes import find_passes
from scheduler.track import track, track_at
from station.alone import alone_in
from station.config import AntennaSection, RotatorSection, StationConfig, parse_config
from station.motion_word import Word, inhibit_of
from station.pointing import Pointing, begin_pointing, connected, follow_pass, outcome_of, planned
from station.rotator_lock import held_by_recorder
from station.safety import SafetyWatch
from tests.station.conftest import ELEMENTS, START, Run, station_file, station_table
from tests.station.desk import up_now
from tests.waiting import free_port, listens, wait_for

SITE = Site("Lai Châu", 22.4, 103.45, 900)


@pytest.fixture
def rotctld() -> Iterator[int]:
    """The port of a rotctld with the dummy rotator, 6 degrees a second."""
    if shutil.which("rotctld") is None:
        assert "TRAMTHU_CI" not in os.environ, "CI must have rotctld (libhamlib-utils)"
        pytest.skip("rotctld (libhamlib-utils) is not installed")
    port = free_port()
    command = ["rotctld", "-m", "1", "-T", "127.0.0.1", "-t", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: listens(port), "rotctld does not come up")
        yield port
        process.kill()


def _antenna(port: int, **rotator: object) -> AntennaSection:
    section = RotatorSection(port=port, azimuth_max_deg=450, resolution_deg=0.1, **rotator)  # type: ignore[arg-type]
    return AntennaSection(name="dish", diameter_m=1.2, frequency_ranges_hz=((1.6e9, 1.8e9),), rotator=section)


def _pointing(antenna: AntennaSection, minutes: float = 3.0) -> Pointing:
    now = datetime.now(UTC)
    elements = up_now(4)
    return Pointing(antenna, 1.7e9, elements, SITE, now, now + timedelta(minutes=minutes))


def _off_deg(port: int, wanted: Pointing) -> float:
    """Between the rotator and the satellite now, elevation and azimuth modulo a turn."""
    rotator = connected(_antenna(port).rotator)  # type: ignore[arg-type]
    try:
        azimuth, height = rotator.position()
    finally:
        rotator.close()
    curve = track_at(wanted.elements, SITE, np.array([time.time()]))
    across = abs((azimuth - float(curve.azimuth_deg[0]) + 180) % 360 - 180)
    return max(across, abs(height - max(float(curve.elevation_deg[0]), 0.0)))


@pytest.mark.slow
def test_the_antenna_gets_to_the_satellite_and_stays_on_it(rotctld: int) -> None:
    wanted, stop = _pointing(_antenna(rotctld)), threading.Event()
    plans = []
    thread = threading.Thread(target=lambda: follow_pass(wanted, stop, told=plans.append), daemon=True)
    thread.start()
    try:
        wait_for(lambda: _off_deg(rotctld, wanted) < 2.0, timeout_s=100)
        assert _off_deg(rotctld, wanted) < 2.0
    finally:
        stop.set()
        thread.join(20)
    assert plans[0].time[-1] == pytest.approx(wanted.end.timestamp(), abs=1)


def test_the_wrong_rotator_is_not_moved(rotctld: int) -> None:
    wanted = _pointing(_antenna(rotctld, model="GS-232B"), minutes=0.02)
    with pytest.raises(HardwareError, match="GS-232B"):
        follow_pass(wanted, threading.Event())
    rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
    assert rotator.position() == (0.0, 0.0)
    rotator.close()


@pytest.mark.slow
def test_what_is_forbidden_ends_the_following_and_parks(rotctld: int, tmp_path: Path) -> None:
    told = tmp_path / "inhibit.json"
    told.write_text(json.dumps({"reason": "wind 21 m/s, limit 15", "since": time.time(), "park": True}))
    wanted = _pointing(_antenna(rotctld), minutes=0.4)  # it stays parked until the pass is over
    report = follow_pass(wanted, threading.Event(), inhibit_of(told))
    assert report.inhibited == "wind 21 m/s, limit 15"
    rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
    wait_for(lambda: abs(rotator.position()[1] - 90) < 0.5)  # parked: straight up
    rotator.close()


def _config(tmp_path: Path, port: int) -> StationConfig:
    return parse_config(
        station_table(tmp_path)
        | {
            "rotator": {"port": port, "azimuth_max_deg": 450},
            "safety": {
                "rule": [{"name": "door", "source": "flag", "file": str(tmp_path / "door"), "park": True}]
            },
        }
    )


@pytest.mark.slow
def test_between_passes_the_daemon_itself_lays_the_antenna_to_rest(rotctld: int, tmp_path: Path) -> None:
    told, driven = tmp_path / "inhibit.json", ["antenna"]
    watch = SafetyWatch(_config(tmp_path, rotctld), told, lambda name: name in driven)
    rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
    watch.start()
    try:
        assert inhibit_of(told)() is None
        (tmp_path / "door").touch()
        wait_for(lambda: inhibit_of(told)() is not None)
        assert "door" in inhibit_of(told)().reason  # type: ignore[union-attr]
        time.sleep(1.5)
        assert rotator.position() == (0.0, 0.0)  # a recorder drives it: that one sees to it
        driven.clear()
        wait_for(lambda: rotator.position()[1] > 80)
    finally:
        watch.close()
        rotator.close()


@pytest.mark.slow
def test_a_recorder_turns_its_antenna_before_it_records(rotctld: int, tmp_path: Path) -> None:
    with _recorder(tmp_path, _pointing(_antenna(rotctld)), 45.0, 4.0) as recorder:
        start = datetime.fromisoformat(json.loads((tmp_path / "observation.json").read_text())["start"])
        rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
        wait_for(lambda: rotator.position()[0] > 0.5 or rotator.position()[1] > 0.5)
        moved_at = datetime.now(UTC)
        recorded = list(tmp_path.glob("recording.sigmf-data"))
        rotator.close()
        _, said = recorder.communicate(timeout=120)
    assert moved_at < start, "the machine was too slow for this test"
    assert recorded == []
    assert recorder.returncode == 0, said
    assert "dB lost" in said
    assert (tmp_path / "recording.sigmf-data").stat().st_size > 250_000


def test_a_plan_on_paper_needs_no_rotator() -> None:
    wanted = _pointing(_antenna(1))
    plan = planned(wanted, (10.0, 90.0), None)
    assert plan.start_by < plan.time[0]
    above = elevation(SITE, wanted.elements, plan.time)[1]
    assert above.max() > 0
    with pytest.raises(HardwareError, match="outside its limits"):
        planned(wanted, (500.0, 10.0), None)


def _twice_reachable() -> Pointing:
    """A pass in the north-east, which a rotator of 450 degrees can follow by either turn of its cable."""
    for elements in load_elements(ELEMENTS):
        for seen in find_passes(elements, SITE, START, START + timedelta(days=10)):
            curve = track(elements, SITE, seen.aos, seen.los)
            if curve.azimuth_deg.min() > 5 and curve.azimuth_deg.max() < 85:
                return Pointing(_antenna(1), 1.7e9, elements, SITE, seen.aos, seen.los)
    raise AssertionError("no such pass")


def test_the_recorder_takes_the_turn_of_the_cable_that_was_booked() -> None:
    wanted = _twice_reachable()
    early, late = (wanted.start - timedelta(seconds=s) for s in (300, 20))
    near = planned(wanted, (400.0, 90.0), early)
    azimuth, elevation_deg = near.start
    assert azimuth > 360
    booked = replace(wanted, start_direction=(azimuth - 360, elevation_deg))
    plan = planned(booked, (400.0, 90.0), early)
    assert plan.start[0] == pytest.approx(azimuth - 360, abs=1)
    assert plan.worst_loss_db < 0.5
    assert plan.move_s > 50  # from 400 to below 90 degrees at 6 degrees a second
    assert plan.start_by == pytest.approx(plan.time[0] - plan.move_s)
    assert plan.command_time[0] == plan.start_by
    # Too late for it, or of a rotator that was exchanged: what can be followed from here.
    assert planned(booked, (400.0, 90.0), late).start[0] > 360
    nonsense = replace(wanted, start_direction=(-700.0, 10.0))
    assert planned(nonsense, (400.0, 90.0), early).start == near.start


def _by_hand(tmp_path: Path, port: int, *words: str) -> list[str]:
    """A command for the rotator of a station where a file forbids motion."""
    (tmp_path / "elements.json").write_text(json.dumps([up_now(4).to_omm()]))
    wind = {"name": "wind", "source": "file", "file": "wind", "unit": "m/s", "inhibit_at": 15}
    path = station_file(
        tmp_path,
        receiver={"type": "rtl_tcp"},
        elements={"files": ["elements.json"]},
        rotator={"port": port, "azimuth_max_deg": 450},
        satellite=[{"name": "METEOR-M2 4", "min_elevation_deg": 0}],
        safety={"rule": [wind, {"name": "operator", "source": "flag", "file": "mast", "park": False}]},
    )
    (tmp_path / "wind").write_text("3")
    (tmp_path / "data").mkdir(exist_ok=True)
    return [sys.executable, "-m", "station.cli", "track", "-c", str(path), *words]


def test_by_hand_nothing_is_moved_that_is_forbidden(rotctld: int, tmp_path: Path, tramthu: Run) -> None:
    command = _by_hand(tmp_path, rotctld)
    (tmp_path / "mast").touch()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    parked, _, said = tramthu(*command[3:], "--park")
    assert (ended.returncode, parked) == (3, 3)
    assert "operator" in ended.stderr
    assert "is not moved: operator" in said
    rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
    assert rotator.position() == (0.0, 0.0)
    (tmp_path / "mast").unlink()
    (tmp_path / "wind").write_text("20")  # what an antenna may be parked in
    assert tramthu(*command[3:], "--park")[0] == 0
    wait_for(lambda: rotator.position()[1] > 1)
    rotator.close()


def test_by_hand_a_rotator_that_a_recording_drives_is_only_stopped(
    rotctld: int, tmp_path: Path, tramthu: Run
) -> None:
    command = _by_hand(tmp_path, rotctld)
    section = _antenna(rotctld).rotator
    assert section is not None
    with held_by_recorder(section, "the recording of METEOR-M2 4", lambda: True):
        for words in ((), ("--park",)):
            status, _, said = tramthu(*command[3:], *words)
            assert status == 3
            assert "is taken by the recording of METEOR-M2 4" in said
        assert tramthu(*command[3:], "--stop")[0] == 0


@pytest.mark.slow
def test_by_hand_it_gives_way_to_a_recording(rotctld: int, tmp_path: Path) -> None:
    section = _antenna(rotctld).rotator
    assert section is not None
    rotator = connected(section)
    with subprocess.Popen(_by_hand(tmp_path, rotctld), stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: max(rotator.position()) > 0.5, "it does not follow")
        with held_by_recorder(section, "recording", lambda: False):
            assert _rests(rotator)
        _, said = process.communicate(timeout=60)
    rotator.close()
    assert process.returncode == 3
    assert "left to a recording" in said


def _rests(rotator: Rotctld) -> bool:
    before = rotator.position()
    time.sleep(2)
    return rotator.position() == before


@pytest.mark.slow
@pytest.mark.parametrize("daemon", [False, True])
def test_by_hand_the_following_rests_while_it_is_forbidden(
    rotctld: int, tmp_path: Path, daemon: bool
) -> None:
    command, data = _by_hand(tmp_path, rotctld), tmp_path / "data"
    word = Word(data / "inhibit.json")

    def follows() -> bool:
        if daemon:
            word.tell(None, {})
        return max(rotator.position()) > 0.5

    with contextlib.ExitStack() as stack:
        if daemon:
            stack.enter_context(alone_in(data))
            word.tell(None, {})
        process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        rotator = connected(_antenna(rotctld).rotator)  # type: ignore[arg-type]
        wait_for(follows, "it does not follow")
        if daemon:  # its word counts, and the rules are not asked a second time
            word.tell(Inhibit("wind 20", 0, park=False), {})
        else:
            (tmp_path / "wind").write_text("20")
        wait_for(lambda: _rests(rotator))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert "wind 20" in said
        rotator.close()


class SlowRotctld:
    """Takes every command at once and goes there at once; answers a little late, as a slow line does."""

    def __init__(self, answer_s: float = 0.3) -> None:
        self.answer_s, self.at, self.log = answer_s, (0.0, 0.0), []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), client.makefile("rb") as lines:
            for line in lines:
                command = line.decode().strip().lstrip("+")
                client.sendall(self._answer(command).encode())

    def _answer(self, command: str) -> str:
        if command == "\\dump_state":
            return "dump_state:\nRotor Model: 901\nRPRT 0\n"
        if command == "1":
            return "dump_caps:\nModel name: Rot2Prog\nRPRT 0\n"
        self.log.append(command)
        time.sleep(self.answer_s)
        if command.startswith("P "):
            azimuth, elevation = map(float, command.split()[1:])
            self.at = azimuth, elevation
        names = {"p": f"get_pos:\nAzimuth: {self.at[0]}\nElevation: {self.at[1]}", "S": "stop:"}
        return f"{names.get(command, 'set_pos: ')}\nRPRT 0\n"


@contextlib.contextmanager
def _recorder(
    tmp_path: Path, wanted: Pointing, starts_in_s: float, lasts_s: float, **more: bool
) -> Iterator[subprocess.Popen[str]]:
    samples = int(250_000 * (lasts_s + 1))
    np.random.default_rng(1).integers(0, 256, 2 * samples, dtype=np.uint8).tofile(tmp_path / "noise.cu8")
    start = datetime.now(UTC) + timedelta(seconds=starts_in_s)
    description = {
        "satellite": "METEOR-M2 4",
        "frequency_hz": 1.7e9,
        "site": asdict(SITE),
        "elements": wanted.elements.to_omm(),
        "start": start.isoformat(),
        "end": (start + timedelta(seconds=lasts_s)).isoformat(),
        "receiver": {
            "type": "playback",
            "file": str(tmp_path / "noise.cu8"),
            "format": "cu8",
            "sample_rate": 250_000,
            "realtime": True,
        },
        "antenna": wanted.antenna.model_dump(mode="json"),
    }
    (tmp_path / "observation.json").write_text(json.dumps(description | more))
    command = [sys.executable, "-m", "station.record", str(tmp_path / "observation.json")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as recorder:
        yield recorder
        recorder.kill()


@pytest.mark.slow
def test_a_recorder_parks_its_antenna_and_says_how_it_followed(tmp_path: Path) -> None:
    rotator = SlowRotctld()
    wanted = _pointing(_antenna(rotator.port))
    # Wherever it rises now: a start that is too far off to be reached is not followed.
    rotator.at = float(track_at(wanted.elements, SITE, np.array([time.time()])).azimuth_deg[0]), 0.0
    with _recorder(tmp_path, wanted, 8.0, 4.0, park_after=True) as recorder:
        _, said = recorder.communicate(timeout=120)
    rotator.close()
    assert [one for one in rotator.log if one.startswith("P")][-1].startswith("P 0.0")
    assert "it is parked at 0.0, 90.0" in said
    assert "off at worst" in said


@pytest.mark.slow
def test_a_recorder_that_is_ended_has_stopped_its_antenna(tmp_path: Path) -> None:
    rotator = SlowRotctld(answer_s=0.7)
    with _recorder(tmp_path, _pointing(_antenna(rotator.port)), 8.0, 60.0, park_after=True) as recorder:
        wait_for(lambda: any(one.startswith("P") for one in rotator.log))
        time.sleep(1.0)
        recorder.terminate()
        recorder.communicate(timeout=60)
    rotator.close()
    assert "S" in rotator.log
    assert rotator.log[-1] == "p"  # and was seen to stand


def test_what_the_log_says_of_a_pass() -> None:
    good = FollowReport(120, 0.8, 0.0, "", (), "", arrived=True)
    assert outcome_of(good) == "120 commands, 0.8 degrees off at worst"
    late = replace(good, arrived=False, worst_error_deg=88.0, away_s=12.0)
    assert "not at its start in time, 88.0 degrees off at worst; without contact for 12 s" in outcome_of(late)
    assert "never seen" in outcome_of(replace(good, worst_error_deg=float("nan"), commands=0))
    assert "taking commands for 300 s" in outcome_of(replace(good, refused_s=300.0))


def test_a_fault_of_ours_is_logged_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    with mock.patch("station.pointing.follow_pass", side_effect=ZeroDivisionError("a bug")):
        begin_pointing(_pointing(_antenna(1)), threading.Event()).join(10)
    assert "ZeroDivisionError: a bug" in caplog.text


def test_what_the_configuration_says_of_turns_outranks_the_driver() -> None:
    assert RotatorSection().tells_turns(True)
    assert not RotatorSection().tells_turns(False)
    assert not RotatorSection(shows_turns=False).tells_turns(True)
    assert RotatorSection(shows_turns=True).tells_turns(False)
