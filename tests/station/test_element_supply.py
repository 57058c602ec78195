"""Elements for the daemon: nothing bad gets in, and no server holds anything up."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from pathlib import Path

from station.config import StationConfig, parse_config
from station.element_supply import ElementSupply
from tests.station.conftest import ELEMENTS, START, station_table
from tests.waiting import wait_for


def _config(tmp_path: Path, **elements: object) -> StationConfig:
    return parse_config(station_table(tmp_path / "data") | {"elements": elements})


def test_a_stick_is_read_and_kept_when_it_is_pulled(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "meteor.txt").write_bytes(ELEMENTS.read_bytes())
    config = _config(tmp_path, sources=[str(stick)])
    sets, problems = ElementSupply(config).elements(START)
    assert {e.norad_id for e in sets} == {57166, 59051}
    assert problems == ()
    (stick / "meteor.txt").unlink()
    kept, _ = ElementSupply(config).elements(START + timedelta(days=1))
    assert kept == sets


def test_what_is_bad_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "weather.txt"
    file.write_bytes(ELEMENTS.read_bytes())
    supply = ElementSupply(_config(tmp_path, files=[str(file)]))
    good, _ = supply.elements(START)
    for content in (
        b"",
        b"<html>429 Too Many Requests</html>",
        ELEMENTS.read_bytes()[:100],
        b"\x00\xff" * 64,
    ):
        file.write_bytes(content)
        sets, problems = supply.elements(START + timedelta(minutes=10))
        assert sets == good
        assert problems


def test_a_server_that_never_answers_holds_nothing_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/gp.php"
        supply = ElementSupply(_config(tmp_path, files=[str(ELEMENTS)], sources=[url]))
        first, _ = supply.elements(START)
        assert len(first) == 2
        wait_for(lambda: any(t.name == "elements" for t in threading.enumerate()))
        for _ in range(5):
            again, _ = supply.elements(START)
            assert again == first
            assert any(t.name == "elements" for t in threading.enumerate()), "it did not wait for the server"


def test_a_clock_years_behind_is_said(tmp_path: Path) -> None:
    supply = ElementSupply(_config(tmp_path, files=[str(ELEMENTS)]))
    supply.elements(START - timedelta(days=3 * 365))
    _, problems = supply.elements(START - timedelta(days=3 * 365, minutes=-10))
    assert supply.clock is not None
    assert supply.clock.state.value == "behind"
    assert supply.clock.said in problems
