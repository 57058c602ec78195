"""The rtl_tcp server held by a plain client and an independent program; the receiver of the same samples."""

from __future__ import annotations

import json
import socket
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr.formats import from_samples
from sdr.receiver import Tuning
from sim.impairments import Gaps, Impairments
from sim.packet_source import FillSource
from sim.pass_signal import PassSignal
from sim.receiver import SimulatedReceiver
from sim.request import PassSimulation
from sim.rtl_tcp_server import Command, RtlTcpServer
from sim.sample_flow import Pace

START = datetime(2026, 1, 1, tzinfo=UTC)


def _request(seconds: float = 20.0, **changes: object) -> PassSimulation:
    return PassSimulation(None, None, START, START + timedelta(seconds=seconds), ebn0_db=10.0, **changes)


def _receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def _peak_hz(data: bytes, rate: float) -> float:
    """Frequency of the middle of the fourth power's strongest line, divided by four."""
    samples = np.frombuffer(data, np.uint8).astype(float) - 127.5
    spectrum = np.abs(np.fft.fft((samples[0::2] + 1j * samples[1::2]) ** 4))
    return float(np.fft.fftfreq(spectrum.size, 1 / rate)[spectrum.argmax()] / 4)


def test_header_commands_and_tuning() -> None:
    request = _request(mode="m2_72k")
    with (
        RtlTcpServer(request, source=FillSource()) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        client.sendall(struct.pack(">BI", 2, 300_000) + struct.pack(">BI", 1, 137_895_000)[:3])
        client.sendall(struct.pack(">BI", 1, 137_895_000)[3:])  # a command may come in two pieces
        header = _receive(client, 12)
        assert header == b"RTL0" + struct.pack(">II", 5, 29)
        began = time.monotonic()
        data = _receive(client, 2 * 300_000)
        assert 0.6 < time.monotonic() - began < 6.0  # a second of samples, paced by the clock
        assert server.commands == [Command(2, 300_000), Command(1, 137_895_000)]
        # QPSK to the fourth power has lines at four times the carrier's offset and a symbol rate beside it.
        line = _peak_hz(data, 300_000.0)
        assert min(abs(line - 5000 - k * 18_000) for k in (-1, 0, 1)) < 20


def test_an_impossible_rate_changes_nothing() -> None:
    with (
        RtlTcpServer(_request(), source=FillSource()) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as client,
    ):
        client.sendall(struct.pack(">BI", 2, 1000) + struct.pack(">BI", 200, 7))
        assert len(_receive(client, 12 + 50_000)) == 12 + 50_000
        assert server.commands == [Command(2, 1000), Command(200, 7)]


def test_nonsense_does_not_stop_the_server() -> None:
    rng = np.random.default_rng(3)
    with RtlTcpServer(_request(), source=FillSource()) as server:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(rng.bytes(int(rng.integers(1, 4000))))
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            assert len(_receive(client, 5000)) == 5000


def test_a_client_that_leaves_makes_room_for_the_next() -> None:
    with RtlTcpServer(_request(), source=FillSource()) as server:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                assert len(_receive(client, 5000)) == 5000


def test_receiver_gives_the_samples_of_the_pass() -> None:
    request = _request(1.0, sample_rate=200_000.0, tuned_hz=137.9e6)
    receiver = SimulatedReceiver(request, source=FillSource())
    opened = receiver.open(Tuning(137.9e6, 200_000.0))
    assert (opened.frequency_hz, opened.sample_rate, opened.format) == (137.9e6, 200_000.0, "cu8")
    raw, times = b"", []
    while not (block := receiver.read(7777, 1.0)).ended:
        times.append((len(raw) // 2, block.time))
        raw += block.raw
    whole = b"".join(from_samples(b.samples, "cu8") for b in PassSignal(request, FillSource()).blocks())
    assert raw == whole
    assert all(abs(t - START.timestamp() - n / 200_000) < 1e-6 for n, t in times)


@pytest.mark.parametrize("marked", [True, False])
def test_receiver_counts_marked_losses_only(marked: bool) -> None:
    gaps = Gaps(at=((0.0, 0.01), (0.3, 0.2), (0.9, 0.1)), marked=marked)
    request = _request(1.0, impairments=Impairments(gaps=gaps))
    receiver = SimulatedReceiver(request, source=FillSource())
    receiver.open(Tuning(137.9e6, 250_000.0))
    count = lost = 0
    while not (block := receiver.read(5000, 1.0)).ended:
        lost += block.lost
        # Nobody knows of a loss that is not marked: time is counted on.
        assert not block.raw or block.time == pytest.approx(
            START.timestamp() + (count + lost) / 250_000, abs=1e-6
        )
        count += len(block.raw) // 2
    assert count == 250_000 - 77_500
    assert lost == (77_500 if marked else 0)


def test_receiver_waits_for_its_clock() -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    receiver = SimulatedReceiver(
        _request(2.0), source=FillSource(), pace=Pace(1.0, monotonic=lambda: now[0], sleep=sleep)
    )
    receiver.open(Tuning(137.9e6, 250_000.0))
    assert receiver.read(25_000, 0.01).raw == b""  # a tenth of a second is not over yet
    assert now[0] == pytest.approx(100.01)
    assert len(receiver.read(25_000, 1.0).raw) == 50_000
    assert now[0] == pytest.approx(100.1)


def test_receiver_logs_what_was_sent(tmp_path: Path) -> None:
    receiver = SimulatedReceiver(_request(1.0), source=FillSource(), log_stem=tmp_path / "x")
    receiver.open(Tuning(137.9e6, 250_000.0))
    while not receiver.read(100_000, 1.0).ended:
        pass
    lines = [json.loads(line) for line in (tmp_path / "x.sent.jsonl").read_text().splitlines()]
    assert (tmp_path / "x.sent.cadu").stat().st_size == 1024 * len(lines)
    assert sum(line["complete"] for line in lines) >= 7  # 8.79 frames a second, two of them cut
