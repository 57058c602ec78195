"""An independent program at our two devices: Debian's rtl_433 finds them, tunes them and reads a thermometer
out of their samples. It streams SoapySDR and rtl_tcp by code that has nothing in common with ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr.formats import from_samples
from sim.packet_source import FillSource
from sim.request import PassSimulation
from sim.rtl_tcp_server import Command, RtlTcpServer
from sim.sample_flow import FlowPart, Pace, SampleFlow
from sim.soapy import device_args, device_string, environment, events, lost, settings_of
from tests.sim.weather_sensor import RATE, TOLD, sensor_samples

START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 120


@pytest.fixture
def rtl_433() -> str:
    program = shutil.which("rtl_433")
    if program is None:
        assert "TRAMTHU_CI" not in os.environ, "CI must have rtl_433 (rtl-433)"
        pytest.skip("needs rtl_433 (apt-get install rtl-433)")
    return program


@pytest.fixture(scope="module")
def soapy_environment() -> dict[str, str]:
    if not Path("/usr/include/SoapySDR/Device.hpp").exists():
        assert "TRAMTHU_CI" not in os.environ, "CI must have SoapySDR's headers (libsoapysdr-dev)"
        pytest.skip("needs SoapySDR's headers (apt-get install libsoapysdr-dev)")
    return environment()


def heard_by(program: str, device: str, environment: dict[str, str] | None = None) -> tuple[list[dict], str]:
    """What rtl_433 reads, until the first reading, and what it says besides."""
    done = subprocess.run(
        [program, "-d", device, "-f", "433920000", "-s", str(RATE), "-g", "30", "-R", "19", "-F", "json",
         "-E", "quit", "-T", str(PATIENCE_S // 2)],
        env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("fmt", ["cs16", "cs8", "cf32"])
def test_it_reads_a_thermometer_through_soapysdr(
    rtl_433: str, soapy_environment: dict[str, str], tmp_path: Path, fmt: str
) -> None:
    # rtl_433 22.11 takes CU8 of SoapySDR for CS16, so that format is left out.
    (tmp_path / "raw").write_bytes(from_samples(sensor_samples(), fmt))
    args = device_args(tmp_path, file=tmp_path / "raw", format=fmt.upper(), rate=RATE, loop=True)
    readings, said = heard_by(rtl_433, device_string(args), soapy_environment)
    assert readings, said
    assert {key: readings[0].get(key) for key in TOLD} == TOLD
    log = Path(args["log"])
    settings = settings_of(log)
    assert settings["sample rate"] == RATE
    assert settings["frequency"] == 433.92e6
    assert sum(settings[f"gain {name}"] for name in ("LNA", "MIX", "VGA")) == 30
    assert [e["event"] for e in events(log)][-1] == "closed"


def test_it_hears_nothing_of_a_device_whose_samples_are_spoilt(
    rtl_433: str, soapy_environment: dict[str, str], tmp_path: Path
) -> None:
    """The proof above fails when samples go missing: 4 ms of every 20, of messages of 72 ms."""
    (tmp_path / "raw").write_bytes(from_samples(sensor_samples(), "cs16"))
    losses = [(first, 1000) for first in range(4000, RATE * PATIENCE_S, 5000)]
    args = device_args(tmp_path, losses, file=tmp_path / "raw", rate=RATE, loop=True, mtu=4096)
    done = subprocess.run(
        [rtl_433, "-d", device_string(args), "-s", str(RATE), "-R", "19", "-F", "json", "-n", str(2 * RATE)],
        env=soapy_environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    assert sum(count for _, count in lost(Path(args["log"]))) > 0.15 * 2 * RATE


class SensorFlow(SampleFlow):
    """The thermometer in place of a satellite."""

    def __init__(self, rate: float) -> None:
        raw = from_samples(sensor_samples(), "cu8")
        self.request = PassSimulation(
            None, None, START, START + timedelta(days=1), sample_rate=rate, ebn0_db=10.0
        )
        self._pace, self._began, self._ready, self._width = Pace(1.0), None, None, 2
        self._parts = (FlowPart(n * (len(raw) // 2), raw) for n in range(1000))

    def close(self) -> None:
        """Nothing is logged."""


class SensorServer(RtlTcpServer):
    """rtl_tcp with the thermometer on air."""

    def flow(self, request: PassSimulation) -> SampleFlow:
        return SensorFlow(request.sample_rate)


def test_it_reads_a_thermometer_through_rtl_tcp(rtl_433: str) -> None:
    request = PassSimulation(
        None, None, START, START + timedelta(seconds=PATIENCE_S), ebn0_db=10.0, sample_rate=RATE
    )
    with SensorServer(request, source=FillSource()) as server:
        readings, said = heard_by(rtl_433, f"rtl_tcp:127.0.0.1:{server.port}")
        assert readings, said
        assert {key: readings[0].get(key) for key in TOLD} == TOLD
        assert Command(2, RATE) in server.commands
        assert Command(1, 433_920_000) in server.commands
        assert Command(4, 300) in server.commands  # gain in tenths of a decibel


def test_it_takes_the_samples_of_a_simulated_pass(rtl_433: str, tmp_path: Path) -> None:
    out = tmp_path / "heard.cu8"
    request = PassSimulation(None, None, START, START + timedelta(seconds=PATIENCE_S), ebn0_db=10.0)
    with RtlTcpServer(request, source=FillSource()) as server:
        done = subprocess.run(
            [rtl_433, "-d", f"rtl_tcp:127.0.0.1:{server.port}", "-f", "137900000", "-s", "250000", "-R", "0",
             "-n", "500000", "-w", str(out)],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert Command(2, 250_000) in server.commands, done.stderr
        assert Command(1, 137_900_000) in server.commands
    heard = np.fromfile(out, np.uint8).astype(float) - 127.5
    assert heard.size > 250_000
    # Noise at -26 dBFS and 4.6 dB more of signal: 0.070 of full scale in each of I and Q.
    assert np.std(heard) / 127.5 == pytest.approx(0.070, rel=0.03)
