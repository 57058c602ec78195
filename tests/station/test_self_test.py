"""The self test at the station: its past, its command through the real driver path, its place in time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from scheduler.satellites import satellite
from sdr.formats import from_samples
from sim.soapy import environment
from station import self_testing
from station.catalogue import Booking, Catalogue
from station.config import StationConfig, parse_config
from station.health import health_record
from station.self_test import Wanted, can_be_tested, self_test, wanted_of
from station.self_test_history import (
    HISTORY_NAME,
    accept,
    append,
    newest,
    read_history,
    usual_for,
)
from station.self_testing import AHEAD, FREE_BEFORE, SelfTests
from tests.station.conftest import START, renamed, station_file, station_table

RATE = 256_000
ON, OFF, CUT = -20.0, -32.0, -29.0
HEARD = satellite("METEOR-M2 4"), satellite("METEOR-M2 4").downlink()


def _record(floor: float, verdict: str = "ok", codes: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "time": START.isoformat(),
        "key": "k",
        "receiver": "vhf",
        "verdict": verdict,
        "findings": [{"code": code, "words": {"en": code, "vi": code}} for code in codes],
        "on": {"floor_dbfs_hz": floor, "shape_db": [], "peaks": []},
        "bias_gain_db": 12.0,
        "carriers": [],
    } | more


def test_what_is_usual_is_learned_from_tests_that_doubted_nothing(tmp_path: Path) -> None:
    for floor in (-80.0, -81.0, -79.0):
        append(tmp_path, _record(floor))
    for _ in range(100):  # an antenna that is gone for weeks
        append(tmp_path, _record(-95.0, "suspicious", ("floor_low",)))
    append(tmp_path, _record(-60.0, "fault", ("constant",)))
    append(tmp_path, _record(-20.0, key="another"))
    append(tmp_path, _record(-80.5, "suspicious", ("interference",)))  # says nothing of the antenna
    usual = usual_for(read_history(tmp_path), "k")
    assert (usual.count, usual.floor_dbfs_hz, usual.bias_gain_db) == (4, -80.25, 12.0)
    assert usual_for(read_history(tmp_path), "unknown").count == 0


def test_a_changed_station_begins_anew_on_the_operators_word(tmp_path: Path) -> None:
    append(tmp_path, _record(-80.0))
    accept(tmp_path, "k", START)
    assert usual_for(read_history(tmp_path), "k").count == 0
    append(tmp_path, _record(-70.0))
    assert usual_for(read_history(tmp_path), "k").floor_dbfs_hz == -70.0


def test_half_lines_and_foreign_records_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, _record(-80.0))
    path = tmp_path / HISTORY_NAME
    path.write_bytes(path.read_bytes() + b'{"key": "k", "verd')
    append(tmp_path, _record(-82.0))
    with path.open("a") as file:
        file.write('[]\n{"key": 3}\n\xff\n{"key": "k", "verdict": "ok", "on": 5}\n')
    history = read_history(tmp_path)
    assert len(history) == 3
    assert usual_for(history[:2], "k").floor_dbfs_hz == -81.0
    assert usual_for(history, "k").count == 0  # unreadable is no past, and no crash


def test_the_history_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.self_test_history._TOO_MANY", 20)
    monkeypatch.setattr("station.self_test_history._KEPT", 10)
    for floor in range(45):
        append(tmp_path, _record(-float(floor)))
    history = read_history(tmp_path)
    assert 10 <= len(history) <= 20
    assert history[-1]["on"]["floor_dbfs_hz"] == -44.0


def test_the_newest_of_each_receiver_is_told(tmp_path: Path) -> None:
    append(tmp_path, _record(-80.0, "suspicious", ("floor_low",)))
    append(tmp_path, _record(-80.0, time=(START + timedelta(hours=1)).isoformat()))
    append(tmp_path, _record(-80.0, "fault", receiver="wide", time=(START - timedelta(days=2)).isoformat()))
    append(tmp_path, _record(-80.0, receiver="odd", findings=[5]))
    found = newest(tmp_path, START - timedelta(days=1))
    assert {name: one["verdict"] for name, one in found.items()} == {"vhf": "ok"}
    assert newest(tmp_path / "absent", START) == {}


def test_what_was_found_stands_in_the_health_file(tmp_path: Path) -> None:
    append(tmp_path, _record(-90.0, "suspicious", ("floor_low",)))
    record = health_record(
        START,
        state="running",
        observations=[],
        problems=[],
        data_dir=tmp_path,
        ages_days={},
        decoder_lags_s={},
        self_tests=newest(tmp_path, START - timedelta(days=1)),
    )
    assert not record["ok"]
    assert record["problems"] == ["vhf: floor_low"]
    assert record["self_test"]["vhf"]["verdict"] == "suspicious"
    assert "on" not in record["self_test"]["vhf"]


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station at a simulated radio: quiet without bias tee, 12 dB louder with it."""
    rng = np.random.default_rng(1)
    for name, dbfs in (("on", ON), ("off", OFF), ("cut", CUT)):
        noise = rng.standard_normal(4 * RATE) + 1j * rng.standard_normal(4 * RATE)
        (tmp_path / name).write_bytes(from_samples(np.sqrt(10 ** (dbfs / 10) / 2) * noise, "cs8"))
    (tmp_path / "still").write_bytes(bytes(8 * RATE))
    return _write(tmp_path, "on")


def _write(folder: Path, heard: str) -> Path:
    args = {"file": f"{folder}/off", "bias_file": f"{folder}/{heard}", "format": "CS8", "loop": "1"}
    receiver = {"name": "vhf", "type": "soapy", "driver": "tramthu_sim", "sample_rate": RATE}
    receiver |= {"bias_tee": True, "args": args | {"control": f"{folder}/control"}}
    return station_file(folder, receiver=receiver, self_test={"seconds": 0.2})


def _selftest(config: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "station.cli", "selftest", "-c", str(config), *words]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_command_tells_a_lost_antenna_a_dead_preamplifier_and_a_dead_receiver(station: Path) -> None:
    folder = station.parent
    status, said = _selftest(station, "--json")
    assert status == 0, said
    record = json.loads(said)[0]
    assert record["on"]["floor_dbfs_hz"] == pytest.approx(ON - 10 * np.log10(RATE), abs=0.1)
    assert record["bias_gain_db"] == pytest.approx(ON - OFF, abs=0.2)
    for _ in range(2):
        append(folder / "data", record)
    status, said = _selftest(_write(folder, "cut"))
    assert status == 1
    assert "antenna seems disconnected: the noise floor is 9.0 dB below its usual" in said
    status, said = _selftest(_write(folder, "off"))
    assert status == 1
    assert "preamplifier is without power" in said
    status, said = _selftest(_write(folder, "still"))
    assert status == 3
    assert "constant samples" in said
    (folder / "control").write_text("unplugged")
    status, said = _selftest(station)
    assert status == 3
    assert "no radio found" in said
    assert len(read_history(folder / "data")) == 7


def test_what_has_no_antenna_is_not_tested(tmp_path: Path) -> None:
    config = parse_config(station_table(tmp_path / "data"))
    assert not can_be_tested(config.receivers[0])
    status, said = _selftest(station_file(tmp_path))
    assert status == 2
    assert "no receiver to be tested" in said


def test_a_carrier_of_an_unknown_receiver_is_refused(tmp_path: Path) -> None:
    carrier = {"name": "VOV 1", "frequency_hz": 100e6, "receiver": "uhf"}
    table = station_table(tmp_path) | {"self_test": {"carrier": [carrier]}}
    with pytest.raises(Exception, match="no receiver 'uhf'"):
        parse_config(table)


def _radio(tmp_path: Path) -> StationConfig:
    return parse_config(station_table(tmp_path / "data", type="rtl_tcp", port=1, name="vhf"))


def test_a_receiver_that_is_away_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    config = _radio(tmp_path)
    record = self_test(wanted_of(config, config.receivers[0], "helix", HEARD), tmp_path)
    assert record["verdict"] == "fault"
    assert "does not work" in record["findings"][0]["words"]["en"]
    assert read_history(tmp_path) == [record]


def test_what_is_wanted_survives_its_way_to_the_worker(tmp_path: Path) -> None:
    table = station_table(tmp_path, type="rtl_tcp", port=1, bias_tee=True, name="vhf")
    table["self_test"] = {"carrier": [{"name": "VOV 1", "frequency_hz": 100e6}]}
    config = parse_config(table)
    wanted = wanted_of(config, config.receivers[0], "helix", HEARD, observation="pass")
    assert Wanted.from_table(json.loads(json.dumps(wanted.to_table()))) == wanted


class _Worker:
    """Stands in for the process; remembers what it was asked."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, module: str, arguments: list[str], log: Path) -> None:
        assert module == "station.self_test"
        assert log.parent.is_dir()
        self.asked.append(json.loads(arguments[0]))

    def poll(self) -> None:
        """It runs on."""

    def wait(self, timeout_s: float) -> None:
        self.asked.append({"ended after": timeout_s})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    _Worker.asked = []
    monkeypatch.setattr(self_testing, "Worker", _Worker)
    return _Worker.asked


def test_each_pass_is_tested_for_once_before_the_recorder_needs_the_receiver(
    tmp_path: Path, catalogue: Catalogue, booking: Booking, asked: list[dict[str, Any]]
) -> None:
    tests = SelfTests(_radio(tmp_path))
    catalogue.book(booking)
    observations, start = catalogue.unfinished(), booking.start
    early = start - timedelta(minutes=1)
    assert tests.next_s(observations, early) == pytest.approx(60 - AHEAD.total_seconds())
    tests.look(observations, early)
    assert not asked
    for late in (0, 1, 2):
        tests.look(observations, start - AHEAD + timedelta(seconds=late))
    assert len(asked) == 1
    assert asked[0]["until"] == (start - FREE_BEFORE).timestamp()
    assert asked[0]["begin"] == (start - AHEAD).timestamp()
    assert asked[0]["wanted"]["frequency_hz"] == booking.frequency_hz
    assert tests.next_s(observations, start) is None


def test_a_daemon_that_ends_leaves_no_test_behind(
    tmp_path: Path, catalogue: Catalogue, booking: Booking, asked: list[dict[str, Any]]
) -> None:
    tests = SelfTests(_radio(tmp_path))
    catalogue.book(booking)
    tests.look(catalogue.unfinished(), booking.start - AHEAD)
    tests.look([], booking.start)  # its pass is over, but it still runs
    tests.dismiss()
    assert asked[1:] == [{"ended after": 0}]
    tests.dismiss()
    assert len(asked) == 2


def test_no_test_while_the_receiver_records(
    tmp_path: Path, catalogue: Catalogue, booking: Booking, asked: list[dict[str, Any]]
) -> None:
    before = renamed(
        booking,
        "before",
        start=booking.start - timedelta(minutes=10),
        end=booking.start - timedelta(seconds=6),
    )
    catalogue.book(before)
    catalogue.book(booking)
    catalogue.begin("before", "record")
    tests = SelfTests(_radio(tmp_path))
    tests.look(catalogue.unfinished(), booking.start - AHEAD)
    assert len(asked) == 1
    assert asked[0]["begin"] >= before.end.timestamp()


def test_without_time_without_a_device_or_unwanted_there_is_none(
    tmp_path: Path, catalogue: Catalogue, booking: Booking, asked: list[dict[str, Any]]
) -> None:
    catalogue.book(booking)
    observations, due = catalogue.unfinished(), booking.start - AHEAD
    SelfTests(_radio(tmp_path)).look(observations, booking.start - timedelta(seconds=3))
    SelfTests(parse_config(station_table(tmp_path / "data"))).look(observations, due)
    table = station_table(tmp_path / "data", type="rtl_tcp", port=1) | {"self_test": {"before_passes": False}}
    SelfTests(parse_config(table)).look(observations, due)
    near = renamed(
        booking, "near", start=booking.start - timedelta(minutes=9), end=booking.start - timedelta(seconds=3)
    )
    catalogue.book(near)
    catalogue.begin("near", "record")
    SelfTests(_radio(tmp_path)).look(catalogue.unfinished(), due)
    assert not asked


def test_two_passes_at_once_in_one_wide_recording_are_tested_for_once(
    tmp_path: Path, catalogue: Catalogue, booking: Booking, asked: list[dict[str, Any]]
) -> None:
    catalogue.book(booking)
    catalogue.book(renamed(booking, "z_same_time"))
    tests = SelfTests(_radio(tmp_path))
    tests.look(catalogue.unfinished(), booking.start - AHEAD)
    assert [one["wanted"]["observation"] for one in asked] == [booking.name]


def test_what_stands_still_is_no_interference_to_itself(tmp_path: Path) -> None:
    config = _radio(tmp_path)
    gk2a = satellite("GK-2A")
    assert wanted_of(config, config.receivers[0], "dish", (gk2a, gk2a.downlink())).sends_always
    assert not wanted_of(config, config.receivers[0], "dish", HEARD).sends_always


def _work(station: Path, until_s: float) -> subprocess.CompletedProcess[str]:
    config = parse_config(
        station_table(
            station.parent / "data", type="soapy", driver="tramthu_sim", sample_rate=RATE, bias_tee=True,
            name="vhf", args={"file": str(station.parent / "on"), "format": "CS8", "loop": "1",
                              "control": str(station.parent / "control")},
        )
    )  # fmt: skip
    wanted = replace(wanted_of(config, config.receivers[0], "helix", HEARD, observation="pass"), seconds=0.2)
    request = {
        "wanted": wanted.to_table(),
        "data_dir": str(station.parent / "data"),
        "folder": str(station.parent / "pass"),
        "begin": time.time(),
        "until": time.time() + until_s,
    }
    command = [sys.executable, "-m", "station.self_test", json.dumps(request)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=180, check=False
    )


def test_the_worker_leaves_its_result_beside_the_recording(station: Path) -> None:
    done = _work(station, 120.0)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((station.parent / "pass" / "self_test.json").read_text("utf-8"))
    assert (result["verdict"], result["observation"]) == ("suspicious", "pass")
    assert [one["code"] for one in result["findings"]] == ["bias_tee"]  # one file for both


def test_a_driver_that_hangs_does_not_hold_the_receiver_beyond_its_time(station: Path) -> None:
    (station.parent / "control").write_text("hung")
    done = _work(station, 2.0)
    assert done.returncode in (0, -14)  # SIGALRM; 0 where the machine was too slow to begin at all
    assert not (station.parent / "pass" / "self_test.json").exists()
