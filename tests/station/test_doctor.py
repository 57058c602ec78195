"""The doctor: what is wrong is found, with a way to mend it."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from station.config import parse_config
from station.doctor import Check, examine, machine
from tests.station.conftest import ELEMENTS, Run, station_table
from tests.waiting import free_port


def _by_subject(checks: Iterable[Check]) -> dict[str, list[Check]]:
    found = list(checks)
    return {check.subject: [c for c in found if c.subject == check.subject] for check in found}


def test_what_is_wrong_has_a_mend(tmp_path: Path) -> None:
    port = free_port()
    table = station_table(tmp_path, type="rtl_tcp", port=port) | {
        "rotator": {"port": port},
        "products": {"boundaries": str(tmp_path / "absent.geojson")},
    }
    found = _by_subject(examine(parse_config(table), quick=True))
    for subject in ("receiver", "rotator", "boundaries"):
        assert found[subject][0].state == "wrong"
        assert found[subject][0].mend
    assert all(check.state == "wrong" for check in found["elements"])  # of 2024
    assert "after their epoch" in found["elements"][0].said


def _greet(server: socket.socket) -> None:
    """As rtl_tcp greets."""
    line, _ = server.accept()
    with line:
        line.sendall(b"RTL0\0\0\0\x05\0\0\0\x1d")


def test_what_is_right_is_ok(tmp_path: Path) -> None:
    boundaries = tmp_path / "b.geojson"
    boundaries.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with socket.create_server(("127.0.0.1", 0)) as server:
        greeter = threading.Thread(target=_greet, args=(server,))
        greeter.start()
        table = station_table(tmp_path, type="rtl_tcp", port=server.getsockname()[1])
        found = _by_subject(
            examine(parse_config(table | {"products": {"boundaries": str(boundaries)}}), quick=True)
        )
        greeter.join(60)
    for subject in ("Python", "C++ kernels", "Python packages", "receiver", "boundaries", "data folder"):
        assert found[subject][0].state == "ok", found[subject]


def test_what_stands_outside_is_looked_at(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    flag, wind, sticks = tmp_path / "nobody-moves", tmp_path / "wind.json", tmp_path / "stick"
    flag.touch()
    wind.write_text('{"gust": 3.5}')
    os.utime(wind, (0, 0))
    sticks.mkdir()
    (sticks / "meteor.txt").write_bytes(ELEMENTS.read_bytes())
    table = station_table(tmp_path) | {
        "elements": {
            "files": [str(ELEMENTS)],
            "sources": [str(sticks), f"http://127.0.0.1:{port}/gp.php", "http://[::1"],
        },
        "areas": {"file": str(tmp_path / "absent.geojson")},
        "safety": {
            "webhook": {"token_file": str(tmp_path / "absent")},
            "rule": [
                {"name": "operator", "source": "flag", "file": str(flag)},
                {"name": "wind", "source": "file", "file": str(wind), "key": "gust", "inhibit_at": 15},
                {"name": "sky", "source": "mqtt", "host": "127.0.0.1", "port": port, "topic": "x"},
            ],
        },
    }
    found = _by_subject(examine(parse_config(table), quick=True))
    assert found["areas"][0].state == "wrong"
    assert (found["safety: operator"][0].state, found["safety: operator"][0].mend[:2]) == ("warn", "rm")
    assert found["safety: wind"][0].state == "wrong"
    assert "3.5" in found["safety: wind"][0].said
    assert found["safety: sky"][0].state == "wrong"
    assert found["safety: webhook"][0].state == "wrong"
    assert any(c.state == "ok" and "1 files" in c.said for c in found["elements"])
    assert any(c.state == "warn" and "no answer" in c.said for c in found["elements"])
    assert any(c.state == "wrong" and "http://[::1" in c.said for c in found["elements"])
    assert all(c.mend for checks in found.values() for c in checks if c.state != "ok")


def test_a_missing_kernel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_imports", lambda name: name != "decoders.coding._fec")
    kernels = _by_subject(examine(None))["C++ kernels"][0]
    assert kernels.state == "wrong"
    assert "decoders.coding._fec" in kernels.said
    assert kernels.mend == "make kernels"


def test_no_room_is_wrong(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"schedule": {"keep_free_gb": 1e6}}
    assert _by_subject(examine(parse_config(table), quick=True))["data folder"][0].state == "wrong"


def test_the_command_prints_what_can_be_copied(tramthu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    said = "wrong", "found", "echo " + "x" * 100 + " | sudo tee /etc/here"
    monkeypatch.setattr("station.doctor.examine", lambda *_, **__: [Check(said[0], "wrong", *said[1:])])
    status, out, err = tramthu("doctor")
    assert (status, err) == (3, "")
    assert f"to mend it: {said[2]}\n" in out
    assert "1 wrong, 0 to look at, 0 ok" in out
    assert json.loads(tramthu("doctor", "--json")[1]) == [
        {"subject": "wrong", "state": "wrong", "said": "found", "mend": said[2]}
    ]
