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
from sim.errors import SimulationError
from sim.impairment_table import impairments_from
from sim.impairments import Crystal, Delivery, Gaps, Impairments
from sim.live_pass import LivePass
from sim.packet_source import FillSource
from sim.pass_signal import PassSignal
from sim.receiver import SimulatedReceiver
from sim.request import PassSimulation
from sim.rtl_tcp_server import Command, RtlTcpServer
from sim.sample_flow import Pace, SampleFlow
from sim.simulate import simulate

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


# What a dongle and its cable do wrong.


class Watched(RtlTcpServer):
    """Remembers what it let its clients hear."""

    def flow(self, request: PassSimulation) -> SampleFlow | None:
        flow = super().flow(request)
        self.heard = [*getattr(self, "heard", []), flow.request if flow else None]
        return flow


def _on_air(request: PassSimulation) -> tuple[bytes, list[dict[str, object]]]:
    """The samples that come through, and the losses as the log has them."""
    signal = PassSignal(request, FillSource())
    raw = b"".join(from_samples(block.samples, "cu8") for block in signal.blocks())
    return raw, [{"event": "lost", "first": gap.first, "count": gap.count} for gap in signal.lost]


def _lost(log: Path) -> list[dict[str, object]]:
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "lost"]


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(queue_s=60),
        Delivery(queue_s=60, piece_bytes=4097, jitter_s=0.05),
        Delivery(queue_s=60, stalls=((1.0, 1.0),)),
    ],
    ids=["prompt", "odd pieces", "stall"],
)
def test_losses_are_logged_and_nothing_else_is_lost(tmp_path: Path, delivery: Delivery) -> None:
    gaps = Gaps(at=((1.3, 0.2), (2.0, 0.1)), marked=False)
    request = _request(3.0, impairments=Impairments(gaps=gaps, delivery=delivery))
    began = time.monotonic()
    with (
        Watched(request, source=FillSource(), log=tmp_path / "log") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as client,
    ):
        data = _receive(client, 10_000_000)
        expected, lost = _on_air(server.heard[0])
    assert data[12:] == expected
    assert _lost(tmp_path / "log") == lost
    # As long as the last sample is on air, time goes on in the gaps too.
    assert time.monotonic() - began > 2.9
    assert lost


def test_a_cut_connection_is_refused_until_the_device_is_back(tmp_path: Path) -> None:
    request = _request(60.0, impairments=Impairments(delivery=Delivery(cuts=((1.5, 1.0),))))
    with Watched(request, source=FillSource(), log=tmp_path / "log") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            assert len(_receive(client, 10**9)) < 10**9  # the server hangs up
        cut_s = server.live.elapsed_s
        refused = False
        while len(server.heard) < 2:
            try:
                with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
                    _receive(client, 50_000)
            except OSError:
                refused = True
                time.sleep(0.01)
        assert refused or cut_s > 2.3
        assert server.heard[1].start - START > timedelta(seconds=2.5)


def test_a_device_takes_another_rate_than_it_was_asked_for() -> None:
    request = _request(60.0, impairments=Impairments(delivery=Delivery(rate_factor=1.25)))
    with (
        Watched(request, source=FillSource()) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as client,
    ):
        client.sendall(struct.pack(">BI", 2, 300_000))
        assert len(_receive(client, 50_000)) == 50_000
        assert server.heard[0].sample_rate == 375_000


def test_the_crystal_makes_samples_come_faster() -> None:
    request = _request(60.0, impairments=Impairments(crystal=Crystal(offset_ppm=1000)))
    live = LivePass(request, source=FillSource())
    flow = live.flow(request)
    assert flow is not None
    assert flow._pace.factor == pytest.approx(1.001)


def test_what_a_client_does_not_read_is_lost_in_the_queue(tmp_path: Path) -> None:
    request = _request(600.0, sample_rate=2.4e6, impairments=Impairments(delivery=Delivery(queue_s=0.1)))
    with (
        Watched(request, source=FillSource(), log=tmp_path / "log") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as client,
    ):
        received = len(_receive(client, 12)) - 12
        ends = time.monotonic() + 120
        while not (lost := _lost(tmp_path / "log") if (tmp_path / "log").exists() else []):
            assert time.monotonic() < ends
            time.sleep(1.0)
            received += len(_receive(client, 400_000))
        assert 0 < lost[0]["first"] <= received // 2 + 4_000_000
        assert lost[0]["count"] > 0


def test_delivery_belongs_to_what_is_served(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="serve the pass"):
        simulate(_request(1.0, impairments=Impairments(delivery=Delivery())), tmp_path / "x")
    for table, says in (
        ({"stalls": [[1, -1]]}, "0 or more"),
        ({"stals": []}, "did you mean 'stalls'"),
        ({"rate_factor": 3}, "from 0.5 to 2"),
        ({"piece_bytes": 1.5}, "whole number"),
        ({"piece_bytes": -1}, "0 or more"),
        ({"queue_s": 0}, "above 0"),
    ):
        with pytest.raises(SimulationError, match=says):
            impairments_from({"delivery": table})


# The receiver without a device.


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
