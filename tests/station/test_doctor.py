"""The doctor: what is wrong is found, with a way to mend it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from station import doctor
from station.config import parse_config
from station.doctor import Check, examine
from tests.station.conftest import ELEMENTS, station_table


def _by_subject(found: list[Check]) -> dict[str, list[Check]]:
    return {check.subject: [c for c in found if c.subject == check.subject] for check in found}


def test_what_is_wrong_has_a_mend(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free_port = taken.getsockname()[1]
    table = station_table(tmp_path, type="rtl_tcp", port=free_port) | {
        "rotator": {"port": free_port},
        "products": {"boundaries": str(tmp_path / "absent.geojson")},
    }
    found = _by_subject(examine(parse_config(table)))
    for subject in ("receiver", "rotator", "boundaries"):
        assert found[subject][0].state == "wrong"
        assert found[subject][0].mend
    assert all(check.state == "wrong" for check in found["elements"])  # of 2024
    assert "after their epoch" in found["elements"][0].said


def test_what_is_right_is_ok(tmp_path: Path) -> None:
    boundaries = tmp_path / "b.geojson"
    boundaries.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with socket.create_server(("127.0.0.1", 0)) as server:
        table = station_table(tmp_path, type="rtl_tcp", port=server.getsockname()[1])
        found = _by_subject(examine(parse_config(table | {"products": {"boundaries": str(boundaries)}})))
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
    found = _by_subject(examine(parse_config(table)))
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
    monkeypatch.setattr(doctor, "_imports", lambda name: name != "decoders.coding._fec")
    kernels = _by_subject(examine(None))["C++ kernels"][0]
    assert kernels.state == "wrong"
    assert "decoders.coding._fec" in kernels.said
    assert kernels.mend == "make kernels"


def test_the_television_driver_is_wrong_only_with_a_radio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modules = tmp_path / "modules"
    modules.write_text("dvb_usb_rtl28xxu 32768 0 - Live 0x0\n")
    monkeypatch.setattr(doctor, "_MODULES", modules)
    assert _by_subject(examine(None))["television driver"][0].state == "warn"
    radio = parse_config(station_table(tmp_path, type="rtl_tcp", port=1))
    assert _by_subject(examine(radio))["television driver"][0].state == "wrong"


def test_no_room_is_wrong(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"schedule": {"keep_free_gb": 1e6}}
    assert _by_subject(examine(parse_config(table)))["data folder"][0].state == "wrong"
