"""The daemon's watch and its word: what is not known forbids, the operator's stop waits for nobody."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import station.pointing
from hardware.errors import RotatorError
from hardware.safety import Inhibit, Rule
from station import motion_word
from station.alone import alone_in
from station.config import StationConfig, parse_config
from station.motion_word import Word, held_before, inhibit_of
from station.safety import SafetyWatch, word_on_motion
from tests.station.conftest import station_table
from tests.waiting import wait_for

WIND = Inhibit("wind 21 m/s, limit 15", 1000.0, park=True)
WIND_RULE = Rule("wind", "m/s", 15.0, 10.0)


class Rotator:
    """A rotator that takes its time to park, and remembers what it was told."""

    park_position = (0.0, 90.0)
    driver = SimpleNamespace(shows_turns=True)

    def __init__(self) -> None:
        self.told: list[str] = []
        self.at = (0.0, 0.0)
        self.asked, self.answers = threading.Event(), threading.Event()
        self.answers.set()

    def open(self) -> str:
        return "test"

    def position(self) -> tuple[float, float]:
        return self.at

    def park(self) -> None:
        self.asked.set()
        if not self.answers.wait(20):
            raise RotatorError("no answer")
        self.told.append("park")

    def stop(self) -> None:
        self.told.append("stop")

    def close(self) -> None:
        pass


@pytest.fixture
def rotator(monkeypatch: pytest.MonkeyPatch) -> Rotator:
    one = Rotator()
    monkeypatch.setattr(station.pointing, "connected", lambda _section: one)
    return one


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    (tmp_path / "wind").write_text("3")
    (tmp_path / "data").mkdir()
    rules: list[dict[str, Any]] = [
        {
            "name": "wind",
            "source": "file",
            "file": str(tmp_path / "wind"),
            "inhibit_at": 15,
            "release_at": 10,
        },
        {"name": "operator", "source": "flag", "file": str(tmp_path / "mast"), "calm_s": 0},
    ]
    table = station_table(tmp_path) | {
        "rotator": {"port": 1, "azimuth_max_deg": 450},
        "safety": {"rule": rules},
    }
    table["station"] = table["station"] | {"data_dir": str(tmp_path / "data")}
    return parse_config(table)


Begun = Callable[[Callable[[str], bool]], SafetyWatch]


@pytest.fixture
def begun(config: StationConfig, tmp_path: Path) -> Iterator[Begun]:
    watches: list[SafetyWatch] = []

    def begin(busy: Callable[[str], bool]) -> SafetyWatch:
        watches.append(SafetyWatch(config, tmp_path / "data" / "inhibit.json", busy))
        watches[-1].start()
        return watches[-1]

    yield begin
    for watch in watches:
        watch.close()


def idle(_antenna: str) -> bool:
    return False


def test_the_word_goes_from_the_daemon_to_a_recorder(tmp_path: Path) -> None:
    word, asked = Word(tmp_path / "inhibit.json"), inhibit_of(tmp_path / "inhibit.json")
    word.tell(None, {})
    assert asked() is None
    word.tell(WIND, {"wind": WIND})
    assert asked() == WIND
    word.tell(None, {})
    assert asked() is None
    (tmp_path / "inhibit.json").unlink()
    word.tell(None, {})
    assert inhibit_of(tmp_path / "inhibit.json")() is None


def test_without_safety_there_is_no_file_and_nothing_is_forbidden() -> None:
    assert inhibit_of(None)() is None


@pytest.mark.parametrize("text", [None, "", '{"reason": "wi', "[]", "{}", "null", '{"may_move": false}'])
def test_a_word_that_is_none_forbids(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "inhibit.json"
    if text is not None:
        path.write_text(text)
    found = inhibit_of(path)()
    assert found is not None
    assert not found.park  # somebody may be on the mast


def test_a_word_grows_old_for_one_who_asks_first_and_for_one_who_asks_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "inhibit.json"
    word, asked = Word(path), inhibit_of(path)
    word.tell(None, {})
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert "no word of the daemon" in inhibit_of(path)().reason  # type: ignore[union-attr]
    word.tell(None, {})
    assert asked() is None
    path.rename(tmp_path / "away")  # one look that fails
    assert asked() is None
    (tmp_path / "away").rename(path)
    later = time.monotonic() + 11
    monkeypatch.setattr(motion_word.time, "monotonic", lambda: later)
    assert asked() is not None
    word.tell(None, {})  # the daemon is back
    assert asked() is None


def test_the_clock_may_be_set_while_a_recorder_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "inhibit.json"
    word, asked = Word(path), inhibit_of(path)
    word.tell(None, {})
    assert asked() is None
    word.tell(None, {})
    os.utime(path, (1000, 1000))
    assert asked() is None
    then = time.time() + 86_400
    monkeypatch.setattr(motion_word.time, "time", lambda: then)
    assert asked() is None


def test_what_forbids_holds_although_the_daemon_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "inhibit.json"
    Word(path).tell(WIND, {"wind": WIND})
    os.utime(path, (1000, 1000))
    assert inhibit_of(path)() == WIND


def test_a_calm_under_way_outlives_a_restart_but_not_a_day(tmp_path: Path) -> None:
    path = tmp_path / "inhibit.json"
    assert held_before(path, [WIND_RULE]) == {}
    Word(path).tell(WIND, {"wind": WIND, "gone": WIND})
    assert held_before(path, [WIND_RULE]) == {"wind": WIND}
    os.utime(path, (time.time() - 599, time.time() - 599))
    assert held_before(path, [WIND_RULE]) == {"wind": WIND}
    os.utime(path, (time.time() - 601, time.time() - 601))
    assert held_before(path, [WIND_RULE]) == {}
    path.write_text("half a")
    assert held_before(path, [WIND_RULE]) == {}


def test_a_daemon_that_is_started_again_waits_for_the_calm(
    config: StationConfig, rotator: Rotator, begun: Begun, tmp_path: Path
) -> None:
    Word(tmp_path / "data" / "inhibit.json").tell(WIND, {"wind": WIND})
    assert begun(idle).inhibit == WIND
    assert inhibit_of(tmp_path / "data" / "inhibit.json")() == WIND


def test_wind_parks_and_the_operator_stops_although_it_was_parked(
    rotator: Rotator, begun: Begun, tmp_path: Path
) -> None:
    begun(idle)
    (tmp_path / "wind").write_text("25")
    wait_for(lambda: "park" in rotator.told)
    (tmp_path / "mast").touch()
    wait_for(lambda: "stop" in rotator.told)
    (tmp_path / "mast").unlink()
    wait_for(lambda: rotator.told[-1] == "park")  # the wind is still there


def test_a_stop_does_not_wait_for_a_park_that_gets_no_answer(
    rotator: Rotator, begun: Begun, tmp_path: Path
) -> None:
    rotator.answers.clear()
    begun(idle)
    (tmp_path / "wind").write_text("25")
    wait_for(rotator.asked.is_set)
    (tmp_path / "mast").touch()
    wait_for(lambda: rotator.told, "the stop waits for the park", timeout_s=10)
    assert rotator.told == ["stop"]
    rotator.answers.set()  # the park got through after all: it is stopped once more
    wait_for(lambda: "park" in rotator.told)
    wait_for(lambda: rotator.told[-1] == "stop")


def test_a_full_disk_hinders_no_parking(
    rotator: Rotator, begun: Begun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    watch = begun(idle)
    monkeypatch.setattr(Word, "tell", full)
    (tmp_path / "wind").write_text("25")
    wait_for(lambda: "park" in rotator.told)
    assert watch.inhibit is not None
    begun(idle)  # nor does it keep a daemon from beginning


def test_an_antenna_of_which_nobody_knows_whether_it_is_driven_comes_to_rest(
    rotator: Rotator, begun: Begun, tmp_path: Path
) -> None:
    def unknown(_antenna: str) -> bool:
        raise OSError("the catalogue cannot be read")

    begun(unknown)
    (tmp_path / "wind").write_text("25")
    wait_for(lambda: "park" in rotator.told)


def test_what_a_recorder_drives_is_its_own_affair_until_it_ends(
    rotator: Rotator, begun: Begun, tmp_path: Path
) -> None:
    driven = threading.Event()
    driven.set()
    watch = begun(lambda _antenna: driven.is_set())
    (tmp_path / "wind").write_text("25")
    wait_for(lambda: watch.inhibit)
    time.sleep(1.2)
    assert rotator.told == []
    driven.clear()
    wait_for(lambda: "park" in rotator.told)


def test_a_watch_that_hangs_forbids(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = begun(idle)
    assert watch.inhibit is None
    later = time.monotonic() + 11
    monkeypatch.setattr("station.safety.time.monotonic", lambda: later)
    assert "not looked at" in watch.inhibit.reason  # type: ignore[union-attr]


def test_by_hand_a_daemon_of_a_station_without_safety_forbids_nothing(tmp_path: Path) -> None:
    table = station_table(tmp_path)
    plain = parse_config(table)
    plain.station.data_dir.mkdir(exist_ok=True)
    with alone_in(plain.station.data_dir), word_on_motion(plain) as asked:
        assert asked() is None


def test_by_hand_the_word_of_a_daemon_that_says_nothing_forbids(config: StationConfig) -> None:
    with alone_in(config.station.data_dir), word_on_motion(config) as asked:
        assert asked() is not None


def test_by_hand_the_first_value_of_a_sensor_is_waited_for(config: StationConfig, tmp_path: Path) -> None:
    (tmp_path / "wind").unlink()
    speaks = threading.Timer(0.5, (tmp_path / "wind").write_text, ("3",))
    speaks.start()
    with word_on_motion(config) as asked:
        assert asked() is None
    speaks.join()


def test_an_operators_flag_stops_unless_it_is_told_to_park(config: StationConfig) -> None:
    assert [section.rule.park for section in config.safety.rule] == [True, False]
    given = config.safety.rule[1].model_copy(update={"park": True})
    assert given.rule.park


def test_the_file_says_what_it_says(tmp_path: Path) -> None:
    Word(tmp_path / "inhibit.json").tell(WIND, {})
    assert json.loads((tmp_path / "inhibit.json").read_text()) == {
        "may_move": False,
        "reason": "wind 21 m/s, limit 15",
        "since": 1000.0,
        "park": True,
        "rules": {},
    }
