"""An antenna whose pointing ends in mid-pass is the daemon's again, although the recording goes on."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from station import pointing, rotator_lock, turning
from station.catalogue import Booking, Observation
from station.config import parse_config
from station.daemon import Daemon
from station.observation import Crew
from station.pointing import Pointing, begin_pointing
from tests.station.conftest import AtOnce, station_table
from tests.station.desk import SITE, up_now
from tests.waiting import wait_for

_PATIENCE_S = 60.0


class Rotator:
    """Remembers what it was told."""

    park_position = (0.0, 90.0)
    driver = SimpleNamespace(shows_turns=True)

    def __init__(self) -> None:
        self.told: list[str] = []

    def open(self) -> str:
        return "test"

    def position(self) -> tuple[float, float]:
        return (0.0, 0.0)

    def stop(self) -> None:
        self.told.append("stop")

    def close(self) -> None:
        pass


class Pass:
    """A recording that goes on after the thread that points its antenna has ended by a fault."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.points, self.breaks, self.over = threading.Event(), threading.Event(), threading.Event()
        monkeypatch.setattr(pointing, "follow_pass", self._follow)

    def _follow(self, *_arguments: object) -> None:
        self.points.set()
        self.breaks.wait(_PATIENCE_S)
        raise RuntimeError("a bug")

    def __call__(self, observation: Observation, crew: Crew) -> Observation:
        crew.catalogue.begin(observation.name, "record")
        antenna = crew.config.all_antennas[0]
        wanted = Pointing(antenna, 137.9e6, up_now(4), SITE, observation.start, observation.end)
        thread = begin_pointing(wanted, threading.Event())
        self.over.wait(2 * _PATIENCE_S)
        thread.join(_PATIENCE_S)
        crew.catalogue.fail(observation.name, "record", "over")
        return crew.catalogue.observation(observation.name)


def _table(tmp_path: Path) -> dict[str, Any]:
    rule = {"name": "operator", "source": "flag", "file": str(tmp_path / "mast"), "calm_s": 0}
    return station_table(tmp_path, type="rtl_tcp") | {
        "rotator": {"port": 1, "azimuth_max_deg": 450},
        "safety": {"rule": [rule]},
    }


def test_the_daemon_lays_it_to_rest_and_says_that_nothing_turns_it(
    tmp_path: Path, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locks").mkdir()
    monkeypatch.setattr(rotator_lock, "FOLDER", tmp_path / "locks")
    monkeypatch.setattr(turning, "BEGINS_WITHIN", timedelta(0))
    rotator, one = Rotator(), Pass(monkeypatch)
    monkeypatch.setattr(pointing, "connected", lambda _section: rotator)
    now = datetime.now(UTC)
    times = dict.fromkeys(("aos", "tca", "los", "end"), now + timedelta(hours=1))
    daemon = Daemon(parse_config(_table(tmp_path)), observe_one=one, planner=AtOnce(), tick_s=0.2)
    daemon.catalogue.book(replace(booking, start=now, **times))  # type: ignore[arg-type]

    def problems() -> str:
        return str(json.loads((tmp_path / "health.json").read_text())["problems"])

    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        assert one.points.wait(_PATIENCE_S)
        (tmp_path / "mast").touch()
        wait_for(lambda: "the antennas do not move: operator" in problems())
        time.sleep(2.5)  # two looks and more: the recorder drives it, and sees to it
        assert rotator.told == []
        wait_for(lambda: "nothing turns it" not in problems())
        one.breaks.set()
        wait_for(lambda: "stop" in rotator.told)
        words = f"antenna: nothing turns it while {booking.name} is recorded; its record.log says why"
        wait_for(lambda: words in problems())
    finally:
        one.breaks.set()
        one.over.set()
        daemon.stop.set()
        thread.join(_PATIENCE_S)
