"""The doctor's look at receivers: a false USB in /sys, true SoapySDR modules good and broken, rtl_tcp."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.soapy import plugin_folder
from station.alone import alone_in
from station.config import StationConfig, parse_config
from station.doctor.check import Check, Places
from station.doctor.receivers import ask_soapy, receiver_checks
from station.doctor.usb import link_checks, memory_check, television_check, why_closed
from tests.station.conftest import station_table

RTL = ("0bda", "2838")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "sys", tmp_path / "proc", tmp_path / "dev")
    (made.sys / "bus/usb/devices").mkdir(parents=True)
    made.proc.mkdir()
    return made


def _plug(
    places: Places, serial: str = "00000001", *, number: int = 4, speed: str = "480", **files: str
) -> Path:
    """An RTL dongle; its device file is one that we may write."""
    device = places.sys / f"bus/usb/devices/1-{number}"
    device.mkdir()
    texts = {"idVendor": RTL[0], "idProduct": RTL[1], "serial": serial, "busnum": "1", "devnum": str(number),
             "speed": speed} | files  # fmt: skip
    for name, text in texts.items():
        path = device / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"{text}\n")
    node = places.dev / f"bus/usb/001/{number:03d}"
    node.parent.mkdir(parents=True, exist_ok=True)
    node.touch()
    return device


def test_a_radio_that_is_not_plugged_in(places: Places) -> None:
    found = why_closed("rtlsdr", None, places)
    assert found is not None
    assert "no rtlsdr is plugged in: the USB has no device 0bda:2832 or 0bda:2838" in found[0]
    assert why_closed("a driver nobody knows", None, places) is None


def test_a_serial_number_that_is_not_there_or_there_twice(places: Places) -> None:
    _plug(places, "00000007", number=4)
    found = why_closed("rtlsdr", "00000001", places)
    assert found is not None
    assert "none has the serial number 00000001; plugged in: 00000007" in found[0]
    _plug(places, "00000007", number=5)
    found = why_closed("rtlsdr", "00000007", places)
    assert found is not None
    assert "2 have the serial number" in found[0]
    assert "rtl_eeprom -s" in found[1]


def test_the_television_driver_is_named_and_how_it_goes(places: Places) -> None:
    device = _plug(places)
    (device / "1-4:1.0").mkdir()
    (device / "1-4:1.0/uevent").write_text("DEVTYPE=usb_interface\nDRIVER=dvb_usb_rtl28xxu\n")
    found = why_closed("rtlsdr", None, places)
    assert found is not None
    assert "television" in found[0]
    assert "blacklist dvb_usb_rtl28xxu" in found[1]


def test_a_device_file_that_may_not_be_written(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    _plug(places)
    true_access = os.access
    monkeypatch.setattr(
        "os.access", lambda path, mode: "bus/usb" not in str(path) and true_access(path, mode)
    )
    found = why_closed("rtlsdr", "00000001", places)
    assert found is not None
    assert "this user may not open" in found[0]
    assert "usermod -aG plugdev" in found[1]
    assert 'ATTRS{idVendor}=="0bda", ATTRS{idProduct}=="2838"' in found[1]


def test_the_program_that_holds_it_is_named(places: Places) -> None:
    _plug(places)
    assert why_closed("rtlsdr", None, places) is None
    handles = places.proc / "4711/fd"
    handles.mkdir(parents=True)
    (places.proc / "4711/comm").write_text("rtl_fm\n")
    (handles / "5").symlink_to(places.dev / "bus/usb/001/004")
    found = why_closed("rtlsdr", None, places)
    assert found is not None
    assert "process 4711 (rtl_fm)" in found[0]
    assert found[1] == "end it: kill 4711"


@pytest.mark.parametrize(
    ("speed", "rate", "state"),
    [("480", 2e6, "ok"), ("12", 2e6, "wrong"), ("480", 20e6, "wrong"), ("5000", 20e6, "ok")],
)
def test_a_port_that_is_too_slow(places: Places, speed: str, rate: float, state: str) -> None:
    _plug(places, speed=speed)
    found = list(link_checks("vhf", "rtlsdr", "00000001", 2 * rate, places))
    assert [(c.subject, c.state) for c in found] == [("USB speed", state)]


def test_power_saving_of_the_port(places: Places) -> None:
    _plug(places, power__control="auto")
    found = [c for c in link_checks("vhf", "rtlsdr", None, 1e6, places) if c.subject == "USB power saving"]
    assert found[0].state == "warn"
    assert f"echo on | sudo tee {places.sys}/bus/usb/devices/1-4/power/control" in found[0].mend
    (places.sys / "bus/usb/devices/1-4/power/control").write_text("on\n")
    assert len(list(link_checks("vhf", "rtlsdr", None, 1e6, places))) == 1


@pytest.mark.parametrize(
    ("limit", "radios", "state"), [("16", 1, "ok"), ("16", 5, "warn"), ("0", 50, "ok"), (None, 5, None)]
)
def test_the_kernels_memory_for_usb(
    places: Places, limit: str | None, radios: int, state: str | None
) -> None:
    if limit is not None:
        path = places.sys / "module/usbcore/parameters/usbfs_memory_mb"
        path.parent.mkdir(parents=True)
        path.write_text(f"{limit}\n")
    found = memory_check([2e6] * radios, places)
    assert (found.state if found else None) == state
    if state == "warn":
        assert found is not None
        assert "echo 64 | sudo tee /sys/module/usbcore" in found.mend


def test_the_television_driver_is_wrong_only_with_a_radio(places: Places) -> None:
    assert television_check(places, radio=True).state == "ok"
    (places.proc / "modules").write_text("dvb_usb_rtl28xxu 32768 0 - Live 0x0\n")
    assert television_check(places, radio=False).state == "warn"
    assert television_check(places, radio=True).state == "wrong"


def _soapy(folder: Path, driver: str = "tramthu_sim", **more: Any) -> StationConfig:
    return parse_config(station_table(folder / "data", type="soapy", driver=driver, name="vhf", **more))


def _named(checks: list[Check], subject: str) -> list[Check]:
    assert all(check.mend for check in checks if check.state != "ok")
    return [check for check in checks if check.subject == subject]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with our module and one that is none."""
    folder = tmp_path / "modules"
    shutil.copytree(plugin_folder(), folder)
    monkeypatch.setenv("SOAPY_SDR_PLUGIN_PATH", str(folder))
    return folder


def test_a_radio_that_works_and_a_module_that_does_not(tmp_path: Path, places: Places, modules: Path) -> None:
    (modules / "libbroken.so").write_text("no library")
    found = list(receiver_checks(_soapy(tmp_path), places))
    assert _named(found, "receiver")[0].state == "ok"
    assert "serial sim0, opens" in _named(found, "receiver")[0].said
    assert "ABI 0.8, drivers: tramthu_sim" in _named(found, "SoapySDR")[0].said
    broken = _named(found, "SoapySDR module")
    assert len(broken) == 1
    assert "libbroken.so" in broken[0].said
    assert "invalid ELF header" in broken[0].said or "file too short" in broken[0].said


@pytest.mark.parametrize(
    ("word", "more", "says"),
    [
        ("unplugged", {}, "no radio found"),
        ("busy", {}, "in use by another program"),
        ("plugged", {"serial": "sim7"}, "no radio found"),
        ("plugged", {"args": {"devices": "2"}}, "choose one by its serial"),
    ],
)
def test_a_radio_that_does_not_open(
    tmp_path: Path, places: Places, modules: Path, word: str, more: dict[str, Any], says: str
) -> None:
    assert modules.is_dir()
    control = tmp_path / "control"
    control.write_text(word)
    arguments = more.pop("args", {}) | {"control": str(control)}
    config = _soapy(tmp_path, args=arguments, **more)
    found = _named(list(receiver_checks(config, places)), "receiver")[0]
    assert found.state == "wrong"
    assert says in found.said
    if word == "busy":  # the recorder's own
        config.station.data_dir.mkdir()
        with alone_in(config.station.data_dir):
            assert _named(list(receiver_checks(config, places)), "receiver")[0].state == "ok"


def test_a_driver_without_module_and_no_module_at_all(
    tmp_path: Path, places: Places, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert modules.is_dir()
    found = _named(list(receiver_checks(_soapy(tmp_path, "airspy"), places)), "receiver")[0]
    assert "no module for driver 'airspy'" in found.said
    assert found.mend == "sudo apt-get install soapysdr-module-airspy"
    answer = {"library": "0.8.1", "abi": "0.8", "folders": [{"path": "/x", "exists": False}], "modules": [],
              "drivers": {}, "devices": [{"found": [], "error": "none"}]}  # fmt: skip
    checks = list(receiver_checks(_soapy(tmp_path), places, lambda _: answer))
    assert _named(checks, "SoapySDR")[0].state == "wrong"
    assert "no module was found in /x" in _named(checks, "SoapySDR")[0].said
    monkeypatch.setattr("station.doctor.receivers._PROBE_S", 0.01)
    assert "hangs" in ask_soapy([])["crashed"]


@pytest.mark.parametrize(
    "answer", [{"missing": "libSoapySDR.so.0.8 cannot be loaded"}, {"crashed": "it crashes"}]
)
def test_without_the_library_every_radio_is_wrong(
    tmp_path: Path, places: Places, answer: dict[str, Any]
) -> None:
    checks = list(receiver_checks(_soapy(tmp_path), places, lambda _: answer))
    assert _named(checks, "SoapySDR")[0].state == "wrong"
    assert _named(checks, "receiver")[0].state == "wrong"
    assert _named(list(receiver_checks(None, places, lambda _: answer)), "SoapySDR")[0].state == "warn"


def test_what_the_kernel_knows_comes_before_what_the_driver_says(tmp_path: Path, places: Places) -> None:
    answer: dict[str, Any] = {
        "library": "0.8.1",
        "abi": "0.8",
        "folders": [],
        "modules": [{"path": "m", "version": "", "error": ""}],
        "drivers": {"rtlsdr": ""},
        "devices": [{"found": [{"serial": "1"}], "error": "error -3"}],
    }
    checks = list(receiver_checks(_soapy(tmp_path, "rtlsdr"), places, lambda _: answer))
    assert "no rtlsdr is plugged in" in _named(checks, "receiver")[0].said
    answer["modules"] = [{"path": "m", "version": "", "error": "failed ABI check: Module ABI=0.7"}]
    checks = list(receiver_checks(_soapy(tmp_path, "rtlsdr"), places, lambda _: answer))
    assert "built for another SoapySDR" in _named(checks, "SoapySDR module")[0].mend


@contextlib.contextmanager
def _server(greeting: bytes | None) -> Iterator[int]:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                if greeting is not None:
                    line.sendall(greeting)
                    with contextlib.suppress(OSError):  # who has heard enough of a long one is gone already
                        line.shutdown(socket.SHUT_WR)
                done.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join(60)


@pytest.mark.parametrize(
    ("greeting", "state", "says"),
    [
        (b"RTL0\0\0\0\x05\0\0\0\x1d", "ok", "tuner R820T"),
        (b"SSH-2.0-OpenSSH_9", "wrong", "is no rtl_tcp"),
        (b"HTTP", "wrong", "is no rtl_tcp"),
        (b"", "wrong", "says nothing"),
        (None, "wrong", "says nothing"),
    ],
)
def test_what_answers_as_rtl_tcp(
    tmp_path: Path,
    places: Places,
    monkeypatch: pytest.MonkeyPatch,
    greeting: bytes | None,
    state: str,
    says: str,
) -> None:
    monkeypatch.setattr("station.doctor.receivers._TCP_S", 0.5 if greeting is None else 60.0)
    with _server(greeting) as port:
        config = parse_config(station_table(tmp_path, type="rtl_tcp", port=port, name="vhf"))
        found = _named(list(receiver_checks(config, places, lambda _: {"missing": "x"})), "receiver")[0]
    assert found.state == state
    assert says in found.said


def test_the_probe_answers_in_one_line_whatever_drivers_print(modules: Path) -> None:
    assert modules.is_dir()
    answer = ask_soapy([])
    assert json.loads(json.dumps(answer)) == answer
    assert answer["drivers"] == {"tramthu_sim": ""}
