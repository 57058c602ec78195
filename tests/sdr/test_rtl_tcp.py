"""The rtl_tcp client against a real server on loopback that can also misbehave."""

from __future__ import annotations

import errno
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdr.errors import DeviceError
from sdr.loss_clock import NETWORK_PATIENCE_S, PATIENCE_S
from sdr.receiver import Block, Tuning
from sdr.record import open_writer, record
from sdr.recording import open_recording
from sdr.rtl_tcp import RtlTcp, patience_of
from sdr.rtl_tcp_protocol import commands, parse_greeting, real_sample_rate
from sim.impairments import Delivery, Gaps, Impairments
from sim.packet_source import FillSource
from sim.request import PassSimulation
from sim.rtl_tcp_server import RtlTcpServer
from tests.waiting import free_port

RATE = 250_000
GREETING = b"RTL0" + struct.pack(">II", 5, 29)
TUNING = Tuning(137_900_000, 250_000, gain_db=30.0, bias_tee=True, ppm=-3)


class Server:
    """Serves one client after the other; `behave(number, connection)` is what it does with each."""

    def __init__(self, behave: Callable[[int, socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.commands: list[tuple[int, int]] = []
        self.thread = threading.Thread(target=self._serve, args=(behave,), daemon=True)
        self.thread.start()

    def _serve(self, behave: Callable[[int, socket.socket], None]) -> None:
        for number in range(100):
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                behave(number, connection)

    def take_commands(self, connection: socket.socket, count: int) -> None:
        raw = b""
        while len(raw) < 5 * count:
            raw += connection.recv(5 * count - len(raw))
        self.commands += [struct.unpack_from(">Bi", raw, at) for at in range(0, len(raw), 5)]


@contextmanager
def serving(behave: Callable[[int, socket.socket], None]) -> Iterator[Server]:
    server = Server(behave)
    try:
        yield server
    finally:
        server.listener.close()


def test_tuning_and_samples() -> None:
    sent = np.random.default_rng(1).integers(0, 256, 50_001).astype(np.uint8).tobytes()

    def behave(number: int, connection: socket.socket) -> None:
        connection.sendall(GREETING[:7])
        time.sleep(0.05)  # a greeting in two parts
        connection.sendall(GREETING[7:])
        server.take_commands(connection, 7)
        for at in range(0, len(sent), 777):  # odd parts: I and Q arrive apart
            connection.sendall(sent[at : at + 777])
            time.sleep(0.01 if at < 10_000 else 0)
        time.sleep(0.5)

    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        opened = receiver.open(TUNING)
        got, first_time = b"", None
        while len(got) < 50_000:
            block = receiver.read(1000, 1.0)
            first_time = first_time or block.time
            assert len(block.raw) % 2 == 0
            assert len(block.raw) <= 2000
            got += block.raw
        receiver.close()
    assert got == sent[:50_000]
    assert opened.device.endswith("(R820T)")
    assert (opened.format, opened.frequency_hz, opened.gain_db) == ("cu8", 137_900_000, 29.7)
    assert opened.sample_rate == pytest.approx(250_000, abs=0.01)
    assert abs(first_time - time.time()) < 5
    assert dict(server.commands) == {1: 137_900_000, 2: 250_000, 3: 1, 4: 297, 5: -3, 8: 0, 14: 1}


def test_automatic_gain_sets_no_gain() -> None:
    def behave(number: int, connection: socket.socket) -> None:
        connection.sendall(GREETING)
        server.take_commands(connection, 6)

    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        assert receiver.open(Tuning(1e8, 250_000)).gain_db is None
        server.thread.join(0.3)
        receiver.close()
    assert dict(server.commands)[3] == 0
    assert 4 not in dict(server.commands)


@pytest.mark.parametrize(
    ("behaviour", "timeout_s", "message"),
    [
        (lambda line: line.sendall(b"HTTP/1.1 400 Bad\r\n"), 60, "no rtl_tcp: it begins with b'HTTP"),
        (lambda line: line.sendall(b"RTL"), 60, "hung up after b'RTL'"),
        (lambda line: line.recv(1), 0.3, "one client at a time, is another program connected"),
    ],
)
def test_what_is_no_rtl_tcp_is_said(
    behaviour: Callable[[socket.socket], None], timeout_s: float, message: str
) -> None:
    with (
        serving(lambda _, connection: behaviour(connection)) as server,
        pytest.raises(DeviceError, match=message),
    ):
        RtlTcp("127.0.0.1", server.port, connect_timeout_s=timeout_s).open(TUNING)


def test_a_server_that_hangs_up_at_once_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose connection was reset has no peer any more: an OSError, for which nobody opens anew."""

    def gone(_: socket.socket) -> tuple[str, int]:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    def behave(_: int, connection: socket.socket) -> None:
        connection.sendall(GREETING)
        connection.recv(1000)
        time.sleep(0.5)

    monkeypatch.setattr("socket.socket.getpeername", gone)
    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        with pytest.raises(DeviceError, match="does not answer"):
            receiver.open(TUNING)
        with pytest.raises(DeviceError, match="not connected"):
            receiver.read(1, 0.0)


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(DeviceError, match=f"127.0.0.1:{port} does not answer.*is it running"):
        RtlTcp("127.0.0.1", port).open(TUNING)


@pytest.mark.parametrize("rate", [225_000, 300_001, 900_000, 3_200_001, 48_000])
def test_rates_that_the_chip_cannot_give(rate: float) -> None:
    with pytest.raises(DeviceError, match="225001-300000, 900001-3200000"):
        real_sample_rate(rate)


# What librtlsdr prints: "Exact sample rate is: 1000000.026491 Hz".
@pytest.mark.parametrize(("asked", "exact"), [(1_000_000, 1_000_000.026491), (250_000, 250_000.000414)])
def test_rates_of_the_chip(asked: float, exact: float) -> None:
    assert real_sample_rate(asked) == pytest.approx(exact, abs=1e-6)


def test_a_dropped_connection_becomes_a_gap_of_the_right_length(tmp_path: Path) -> None:
    """The first client gets 0.4 s of samples, the next one the rest after 0.3 s; time is kept."""
    rate, part_s, begins = 250_000, 0.02, list[float]()

    def behave(number: int, connection: socket.socket) -> None:
        time.sleep(0.3 if number else 0)
        connection.sendall(GREETING)
        server.take_commands(connection, 7)
        began, sent_s = time.monotonic(), 0.0
        begins.append(began)
        while number > 0 or sent_s < 0.4:
            connection.sendall(b"\x90\x70" * round(rate * part_s))
            sent_s += part_s
            time.sleep(max(began + sent_s - time.monotonic(), 0))

    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        opened = receiver.open(TUNING)
        writer = open_writer(opened, tmp_path / "a")
        began = time.monotonic()
        info = record(receiver, writer, duration_s=1.5, tuning=TUNING, timeout_s=0.1, reserve_bytes=0)
        took_s = time.monotonic() - began
        receiver.close()
    assert info.sample_count == round(1.5 * opened.sample_rate)
    assert took_s == pytest.approx(1.5, abs=0.3)
    (gap,) = info.gaps
    assert "closed the connection" in gap.cause
    away_s = begins[1] - begins[0] - 0.4
    assert away_s > 0.25
    assert gap.sample_count == pytest.approx(away_s * rate, abs=0.1 * rate)
    assert 0 < gap.uncertainty < 0.2 * rate
    assert gap.sample_index == pytest.approx(0.4 * rate, abs=0.05 * rate)
    assert abs(info.start.timestamp() - (time.time() - took_s)) < 1
    with open_recording(tmp_path / "a") as reader:
        samples = reader.read(1 << 20)
    assert not samples[gap.sample_index : gap.sample_index + gap.sample_count].any()
    assert samples[: gap.sample_index].all()
    assert samples[gap.sample_index + gap.sample_count :].all()


def test_without_tuning_a_dropped_connection_ends_the_recording_readably(tmp_path: Path) -> None:
    def behave(number: int, connection: socket.socket) -> None:
        connection.sendall(GREETING)
        server.take_commands(connection, 7)
        connection.sendall(bytes(20_000))

    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        writer = open_writer(receiver.open(TUNING), tmp_path / "a")
        with pytest.raises(DeviceError, match=r"closed the connection|broke"):
            record(receiver, writer, duration_s=10, reserve_bytes=0)
        receiver.close()
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.end.startswith("stopped by DeviceError")
        assert len(reader.read(50_000)) == reader.info.sample_count


@given(st.binary(max_size=20))
def test_any_greeting_is_parsed_or_refused(raw: bytes) -> None:
    try:
        assert parse_greeting(raw).gain_count >= 0
        assert raw.startswith(b"RTL0")
    except DeviceError as error:
        assert "no rtl_tcp" in str(error)  # noqa: PT017


def test_a_server_that_falls_silent_is_noticed() -> None:
    """As after a cable was pulled: the connection stands, nothing comes."""
    silent = threading.Event()

    def behave(number: int, connection: socket.socket) -> None:
        connection.sendall(GREETING)
        server.take_commands(connection, 7)
        connection.sendall(bytes(20_000))
        silent.wait(30)

    with serving(behave) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        receiver.open(TUNING)
        receiver._silence_s = 0.3
        got: list[int] = []
        with pytest.raises(DeviceError, match=r"has sent nothing for .* and the network up"):
            read_on(receiver, got)
        assert sum(got) == 10_000  # what it had sent is not lost with it
        silent.set()
        receiver.close()


def read_on(receiver: RtlTcp, got: list[int]) -> None:
    """Read for ever; `got` counts the samples of each block."""
    while True:
        got.append(len(receiver.read(10_000, 0.1).raw) // 2)


def test_a_part_of_a_ppm_is_tuned_around() -> None:
    told = dict(commands(Tuning(137_900_000, 250_000, ppm=2.4), 30.0))
    assert told[5] == 2
    assert told[1] == round(137_900_000 / (1 + 0.4e-6))


def test_gains_by_element_are_refused() -> None:
    with pytest.raises(DeviceError, match="one overall gain, no gain LNA; give gain_db"):
        RtlTcp().open(Tuning(1e8, 250_000, gains_db={"LNA": 3}))


def test_losses_of_our_server_are_found_by_the_clock(tmp_path: Path) -> None:
    """The true path: our rtl_tcp loses 0.2 s without a word, stalls without losing, and is read late."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    request = PassSimulation(
        None,
        None,
        begin,
        begin + timedelta(seconds=8),
        mode="72k",
        ebn0_db=8.0,
        sample_rate=RATE,
        impairments=Impairments(
            gaps=Gaps(at=((2.5, 0.2),), marked=False),
            delivery=Delivery(stalls=((4.2, 0.4),), jitter_s=0.001),
        ),
    )
    log = tmp_path / "lost.jsonl"
    blocks: list[Block] = []
    with RtlTcpServer(request, source=FillSource(), log=log) as server:
        receiver = RtlTcp("127.0.0.1", server.port)
        receiver.open(Tuning(137.9e6, RATE))
        deadline = time.monotonic() + 60
        while sum(block.lost + len(block.raw) // 2 for block in blocks) < 5.5 * RATE:
            assert time.monotonic() < deadline
            blocks.append(receiver.read(25_000, 0.5))
        receiver.close()
    events = [json.loads(line) for line in log.read_text().splitlines()]
    (lost,) = [(event["first"], event["count"]) for event in events if event["event"] == "lost"]
    at, told = 0, []
    for block in blocks:
        if block.lost:
            told.append((at, block.lost, block.lost_uncertainty))
        at += block.lost + len(block.raw) // 2
    ((place, length, uncertainty),) = told
    assert lost[1] == 0.2 * RATE
    assert abs(length - lost[1]) <= uncertainty < 0.1 * RATE
    assert abs(place - lost[0]) <= uncertainty


@pytest.mark.parametrize(
    ("peer", "patience_s"),
    [
        ("127.0.0.1", PATIENCE_S),
        ("::1", PATIENCE_S),
        ("::ffff:127.0.0.1", PATIENCE_S),
        ("192.0.2.7", NETWORK_PATIENCE_S),
        ("fe80::1%eth0", NETWORK_PATIENCE_S),
    ],
)
def test_lateness_has_more_patience_where_a_network_lies_between(peer: str, patience_s: float) -> None:
    connection = cast("socket.socket", SimpleNamespace(getpeername=lambda: (peer, 1234)))
    assert patience_of(connection) == patience_s
