"""Receivers: SoapySDR and its modules, each configured device, rtl_tcp, playback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sdr.soapy_drivers import driver as known_driver
from sdr.soapy_drivers import no_module
from station.alone import daemon_works_in
from station.config import PlaybackReceiver, ReceiverSection, RtlTcpReceiver, SoapyReceiver, StationConfig
from station.doctor.check import Check, Places
from station.doctor.usb import link_checks, memory_check, television_check, why_closed

_PROBE_S = 30.0
_TCP_S = 2.0
_MAGIC = b"RTL0"
_TUNERS = {1: "E4000", 2: "FC0012", 3: "FC0013", 4: "FC2580", 5: "R820T", 6: "R828D"}
_RTL_WIRE_BYTES = 2  # of a sample on the cable; other radios send up to 4
_WIRE_BYTES = 4

Probe = Callable[[Sequence[SoapyReceiver]], dict[str, Any]]


def receiver_checks(
    config: StationConfig | None, places: Places, probe: Probe | None = None
) -> Iterator[Check]:
    """All receivers of the configuration, and what they need of this machine."""
    receivers = config.receivers if config else ()
    radios = [r for r in receivers if isinstance(r, SoapyReceiver)]
    # An rtl_tcp of this very machine has its dongle here.
    near = [
        r for r in receivers if isinstance(r, RtlTcpReceiver) and r.host in ("127.0.0.1", "localhost", "::1")
    ]
    yield television_check(places, radio=any(r.driver == "rtlsdr" for r in radios) or bool(near))
    answer = (probe or ask_soapy)(radios)
    yield from _library(answer, needed=bool(radios))
    works = config is not None and daemon_works_in(config.station.data_dir)
    for receiver, found in zip(radios, answer.get("devices") or [None] * len(radios), strict=False):
        yield _radio(receiver, found, answer, places, daemon_works=works)
        yield from link_checks(receiver.name, receiver.driver, receiver.serial, _wire(receiver), places)
    for one in receivers:
        if not isinstance(one, SoapyReceiver):
            yield _other(one, daemon_works=works)
    on_usb = [_wire(r) for r in radios if known_driver(r.driver).usb]
    if (memory := memory_check(on_usb, places)) is not None:
        yield memory


def ask_soapy(radios: Sequence[SoapyReceiver]) -> dict[str, Any]:
    """The answer of `sdr.soapy_probe`; `missing` or `crashed` says why there is none."""
    asked = [
        {"driver": r.driver, "filters": ({"serial": r.serial} if r.serial else {}) | r.args} for r in radios
    ]
    command = [sys.executable, "-m", "sdr.soapy_probe", json.dumps(asked)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"crashed": f"SoapySDR hangs for {_PROBE_S:g} s while it looks for devices"}
    try:
        answer = json.loads((done.stdout.strip().splitlines() or [""])[-1])
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return {"crashed": f"SoapySDR crashes while it loads its modules: {last}"}
    return answer if isinstance(answer, dict) else {"crashed": "SoapySDR gives no answer"}


def _library(answer: dict[str, Any], *, needed: bool) -> Iterator[Check]:
    subject, state = "SoapySDR", "wrong" if needed else "warn"
    if "missing" in answer:
        mend = (
            "sudo apt-get install libsoapysdr0.8 and the module of your radio, such as soapysdr-module-rtlsdr"
        )
        yield Check(subject, state, f"its library is not there: {answer['missing']}", mend)
        return
    if "crashed" in answer:
        mend = "SoapySDRUtil --info shows which module; remove its package or build it anew for this SoapySDR"
        yield Check(subject, state, answer["crashed"], mend)
        return
    modules = answer["modules"]
    good = [name for name, error in answer["drivers"].items() if not error]
    said = f"{answer['library']}, ABI {answer['abi']}, drivers: {', '.join(sorted(good)) or 'none'}"
    if modules or not needed:
        yield Check(subject, "ok", said)
    else:
        folders = ", ".join(folder["path"] for folder in answer["folders"]) or "nowhere"
        mend = "it is said below of each receiver"
        yield Check(subject, "wrong", f"{said}; no module was found in {folders}", mend)
    for module in modules:
        if module["error"] and "already loaded" not in module["error"]:
            yield Check(
                "SoapySDR module", state, f"{module['path']}: {_short(module['error'])}", _anew(module)
            )
    for name, error in answer["drivers"].items():
        if error:
            yield Check("SoapySDR module", "warn", f"driver {name}: {error}", "remove one of the two modules")


def _anew(module: dict[str, str]) -> str:
    if "ABI" in module["error"]:
        return "it was built for another SoapySDR: install the module of the same release, or build it anew"
    return "install the library that it misses (ldd FILE shows which), install it anew, or remove it"


def _short(error: str) -> str:
    return " ".join(error.split())


def _radio(
    receiver: SoapyReceiver, found: dict[str, Any] | None, answer: dict[str, Any], places: Places, *,
    daemon_works: bool,
) -> Check:  # fmt: skip
    """One configured device: there once, and may be opened."""
    name = receiver.name
    if found is None:
        return Check(
            "receiver", "wrong", f"{name}: cannot be looked for without SoapySDR", "see SoapySDR above"
        )
    if not found["error"]:
        serial = found["found"][0].get("serial") if found["found"] else None
        said = f"{name}: {receiver.driver}" + (f", serial {serial}" if serial else "") + ", opens"
        return Check("receiver", "ok", said)
    if receiver.driver not in (drivers := answer.get("drivers", {})):
        said, mend = no_module(receiver.driver, drivers)
        return Check("receiver", "wrong", f"{name}: {said}", mend)
    if found["found"] and daemon_works:
        return Check("receiver", "ok", f"{name}: in use, as the daemon works")
    if (known := why_closed(receiver.driver, receiver.serial, places)) is not None:
        return Check("receiver", "wrong", f"{name}: {known[0]}", known[1])
    if len(found["found"]) > 1:
        return Check(
            "receiver", "wrong", f"{name}: {found['error']}", "say in [receiver] serial = … which one"
        )
    mend = "plug it in; end the program that uses it; see SoapySDRUtil --probe"
    return Check("receiver", "wrong", f"{name}: {found['error']}", mend)


def _wire(receiver: SoapyReceiver) -> float:
    size = _RTL_WIRE_BYTES if receiver.driver in ("rtlsdr", "hackrf") else _WIRE_BYTES
    return size * receiver.sample_rate


def _other(receiver: ReceiverSection, *, daemon_works: bool) -> Check:
    if isinstance(receiver, RtlTcpReceiver):
        return _rtl_tcp(receiver, daemon_works=daemon_works)
    if isinstance(receiver, PlaybackReceiver):
        found = receiver.file.exists()
        mend = "" if found else "correct file in [receiver]: it is not there"
        return Check(
            "receiver", "ok" if found else "wrong", f"{receiver.name}: playback of {receiver.file}", mend
        )
    return Check("receiver", "ok", f"{receiver.name}: simulated, nothing is received")


def _rtl_tcp(receiver: RtlTcpReceiver, *, daemon_works: bool) -> Check:
    """It greets each client with RTL0 and its tuner; it serves one client at a time."""
    address = f"{receiver.host}:{receiver.port}"
    start = f"rtl_tcp -a {receiver.host} -p {receiver.port} on the machine with the dongle"
    try:
        with socket.create_connection((receiver.host, receiver.port), timeout=_TCP_S) as line:
            line.settimeout(_TCP_S)
            greeting = _twelve(line)
    except TimeoutError:
        greeting = None
    except OSError as error:
        said = f"{receiver.name}: no answer at {address}: {error.strerror or error}"
        return Check("receiver", "wrong", said, f"start {start}")
    if greeting is None and daemon_works:
        return Check(
            "receiver", "ok", f"{receiver.name}: rtl_tcp at {address} is in use, as the daemon works"
        )
    if greeting is None:
        said = f"{receiver.name}: {address} answers but says nothing: it serves somebody else, or hangs"
        return Check("receiver", "wrong", said, f"end its other client; else restart {start}")
    if greeting[:4] != _MAGIC:
        said = f"{receiver.name}: what answers at {address} is no rtl_tcp"
        return Check("receiver", "wrong", said, f"correct host and port in [receiver]; start {start}")
    tuner = _TUNERS.get(int.from_bytes(greeting[4:8], "big"), "unknown")
    return Check("receiver", "ok", f"{receiver.name}: rtl_tcp answers at {address}, tuner {tuner}")


def _twelve(line: socket.socket) -> bytes | None:
    """The greeting; None where nothing came, or not all of it."""
    got = b""
    while len(got) < 12:
        more = line.recv(12 - len(got))
        if not more:
            return got or None
        got += more
    return got
