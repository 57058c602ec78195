"""The rotctld client against the real rotctld (dummy rotator) and against a fake one that misbehaves."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from unittest import mock

import numpy as np
import pytest

from hardware.errors import RotatorError
from hardware.follow import follow
from hardware.limits import Limits, angle_between_deg
from hardware.motion import Axis
from hardware.rotator_model import RotatorModel
from hardware.rotctld import Rotctld
from hardware.track import plan_track
from hardware.watch import MotionWatch
from tests.waiting import free_port, listens, wait_for

LIMITS = Limits(0, 450, 0, 90)
START = ["rotctld", "-m", "1", "-T", "127.0.0.1", "-t"]


def start_rotctld(port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([*START, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port), "rotctld did not start")
    except AssertionError:
        process.kill()
        process.wait()
        raise
    return process


@pytest.fixture
def port() -> Iterator[int]:
    if shutil.which("rotctld") is None:
        pytest.skip("needs rotctld: apt-get install libhamlib-utils")
    number = free_port()
    process = start_rotctld(number)
    yield number
    process.kill()
    process.wait()


@pytest.fixture
def rotator(port: int) -> Iterator[Rotctld]:
    client = Rotctld(port=port, limits=LIMITS)
    assert client.open() == "Hamlib Dummy (Hamlib model 1)"
    yield client
    client.close()


def wait_until_at(rotator: Rotctld, azimuth_deg: float, elevation_deg: float) -> None:
    def is_there() -> bool:
        at = rotator.position()
        return max(angle_between_deg(at[0], azimuth_deg), abs(at[1] - elevation_deg)) < 0.1

    wait_for(is_there, f"it does not come to {azimuth_deg}, {elevation_deg}")


def test_it_goes_where_it_is_sent_and_stops(rotator: Rotctld) -> None:
    assert rotator.position() == (0, 0)
    rotator.point(9, 6)
    wait_until_at(rotator, 9, 6)  # 6 degrees a second
    rotator.point(200, 60)
    time.sleep(0.5)
    rotator.stop()
    stopped = rotator.position()
    time.sleep(0.5)
    assert rotator.position() == stopped
    assert 9 < stopped[0] < 30
    rotator.park()
    wait_until_at(rotator, 0, 0)


def test_our_limits_hold_before_anything_is_sent(port: int) -> None:
    client = Rotctld(port=port, limits=Limits(0, 360, 5, 80))
    client.open()
    for direction in ((-1, 20), (361, 20), (10, 4.9), (10, 80.1), (float("nan"), 20), (10, float("inf"))):
        with pytest.raises(RotatorError, match="outside azimuth 0 to 360, elevation 5 to 80"):
            client.point(*direction)
    assert client.position() == (0, 0)
    client.close()


def test_limits_wider_than_the_rotators_own_are_refused(port: int) -> None:
    client = Rotctld(port=port, limits=Limits(-180, 540, 0, 90))
    with pytest.raises(RotatorError, match="wider than the rotator's own azimuth -180 to 450"):
        client.open()
    client.close()


def test_the_rotators_own_refusal_is_told(port: int, rotator: Rotctld) -> None:
    """Somebody narrows the limits in rotctld while we are connected."""
    with socket.create_connection(("127.0.0.1", port)) as other:
        other.sendall(b"+C max_el 45\n")
        assert other.recv(100).endswith(b"RPRT 0\n")
    with pytest.raises(RotatorError, match=r"refuses 'P 10.00 60.00': Hamlib error -1, invalid parameter"):
        rotator.point(10, 60)
    assert rotator.position() == (0, 0)  # the connection still stands


@pytest.mark.parametrize("model", ["", "1", "Dummy", "hamlib dummy"])
def test_the_expected_model_is_taken(port: int, model: str) -> None:
    client = Rotctld(port=port, limits=LIMITS, model=model)
    client.open()
    client.close()


@pytest.mark.parametrize("model", ["603", "GS-232B", "11", "0"])
def test_another_model_is_named_and_not_moved(port: int, model: str) -> None:
    client = Rotctld(port=port, limits=LIMITS, model=model)
    with pytest.raises(
        RotatorError, match=rf"drives Hamlib Dummy .*expects '{model}'; the rotator was not moved"
    ):
        client.point(10, 10)
    client.close()
    other = Rotctld(port=port, limits=LIMITS)
    assert other.position() == (0, 0)
    other.close()


def test_an_unknown_long_command_gets_no_answer_and_the_connection_recovers(port: int) -> None:
    now = [0.0]
    client = Rotctld(port=port, limits=LIMITS, timeout_s=1.0, monotonic=lambda: now[0])
    client.open()
    with pytest.raises(RotatorError, match="does not answer"):
        client._ask("\\nope", "nope")
    now[0] = 2.0
    assert client.position() == (0, 0)
    client.close()


def test_it_comes_back_after_rotctld_was_killed() -> None:
    if shutil.which("rotctld") is None:
        pytest.skip("needs rotctld: apt-get install libhamlib-utils")
    number = free_port()
    process = start_rotctld(number)
    client = Rotctld(port=number, limits=LIMITS)
    client.open()
    process.kill()
    process.wait()
    with pytest.raises(RotatorError):
        client.position()
    began, again = time.monotonic(), start_rotctld(number)
    try:
        while True:
            with suppress(RotatorError):
                client.position()
                break
            assert time.monotonic() - began < 5
            time.sleep(0.05)
    finally:
        client.close()
        again.kill()
        again.wait()


@pytest.mark.slow
def test_following_a_pass_over_north_in_real_time(port: int) -> None:
    """Six seconds at 4 deg/s from 352 over north to 16 degrees, on the turn that needs no unwinding."""
    axis = Axis(6.0, 100.0)
    model = RotatorModel(Limits(-180, 450, 0, 90), axis, axis, command_interval_s=0.2)
    rotator = Rotctld(port=port, limits=model.limits)
    rotator.open()
    times = time.time() + 3 + np.arange(7.0)  # time to reach the start
    azimuth = (352 + 4 * np.arange(7.0)) % 360
    plan = plan_track(times, azimuth, np.full(7, 8.0), model, 10.0, from_direction=rotator.position())
    assert plan.start == pytest.approx((-8, 8), abs=1)
    report = follow(rotator, plan, watch=MotionWatch.of(model), interval_s=0.1)
    assert (report.fault, report.notes, report.away_s, report.arrived) == ("", (), 0, True)
    assert report.commands >= 15
    assert report.worst_error_deg < 2.5
    assert rotator.position()[0] == pytest.approx(16, abs=1.5)
    rotator.close()


STATE = (
    "dump_state:\nrotctld Protocol Ver: 1\nRotor Model: {model}\nMinimum Azimuth: -180.000000\n"
    "Maximum Azimuth: 450.000000\nMinimum Elevation: 0.000000\nMaximum Elevation: 180.000000\ndone\nRPRT 0\n"
)
HANDSHAKE = {
    b"+\\dump_state\n": STATE.format(model=1).encode(),
    b"+1\n": b"dump_caps:\nModel name:\t\tDummy\nMfg name:\t\tHamlib\nRPRT 0\n",
}


@contextmanager
def fake(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """A server that answers every line as told; None closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                reply = HANDSHAKE.get(line) or answer(line)
                if reply is None:
                    return
                connection.sendall(reply)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"\x00\xff\xfe garbage\n", "does not answer"),
        (b"", "does not answer"),
        (None, "closed the connection"),
        (b"x" * 10_000, "does not end its answer"),
        (b"RPRT 0\n", "answers get_pos with"),
        (b"set_pos: 1 2\nRPRT 0\n", "answers get_pos with"),
        (b"get_pos:\nAzimuth: abc\nElevation: 0\nRPRT 0\n", "a position that is none"),
        (b"get_pos:\nAzimuth: nan\nElevation: 0\nRPRT 0\n", "a position that is none"),
        (b"get_pos:\nAzimuth: 3\nRPRT 0\n", "a position that is none"),
        (b"get_pos:\nRPRT -6\n", "no sense from the rotator's controller"),
        (b"get_pos:\nRPRT -5\n", "no sense from the rotator's controller"),
        (b"get_pos:\nRPRT -11\n", "Hamlib error -11"),
    ],
)
def test_bad_answers(reply: bytes | None, message: str) -> None:
    with fake(lambda _: reply) as number:
        timeout_s = 0.5 if message == "does not answer" else 60.0
        client = Rotctld(port=number, limits=LIMITS, timeout_s=timeout_s)
        with pytest.raises(RotatorError, match=message):
            client.position()
        client.close()


def test_an_answer_in_crumbs_is_put_together() -> None:
    text = b"get_pos:\nAzimuth: 12.50\nElevation: 3.25\nRPRT 0\n"
    queue = [text[at : at + 1] for at in range(len(text))]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for reply in HANDSHAKE.values():
                    connection.recv(100)
                    connection.sendall(reply)
                connection.recv(100)
                for part in queue:
                    connection.sendall(part)
                    time.sleep(0.002)
                connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        client = Rotctld(port=listener.getsockname()[1], limits=LIMITS)
        assert client.position() == (12.5, 3.25)
        client.close()


def test_a_late_answer_is_never_taken_for_another_command() -> None:
    """The first position comes too late; the one after the time-out must be the second."""
    count, given_up = [0], threading.Event()

    def answer(_: bytes) -> bytes:
        count[0] += 1
        told = f"get_pos:\nAzimuth: {count[0]}\nElevation: 0\nRPRT 0\n".encode()
        assert count[0] > 1 or given_up.wait(60)
        return told

    now = [0.0]
    with fake(answer) as number:
        client = Rotctld(port=number, limits=LIMITS, timeout_s=1.0, monotonic=lambda: now[0])
        with pytest.raises(RotatorError, match="does not answer"):
            client.position()
        given_up.set()
        time.sleep(0.3)
        now[0] = 10
        assert client.position() == (2, 0)
        client.close()


def test_a_number_names_one_model_only() -> None:
    """Rot2Prog is not model 2."""
    caps = b"dump_caps:\nModel name:\t\tRot2Prog\nMfg name:\t\tSPID\nRPRT 0\n"
    with mock.patch.dict(HANDSHAKE, {b"+1\n": caps}), fake(lambda _: b"") as number:
        client = Rotctld(port=number, limits=LIMITS, model="2")
        with pytest.raises(RotatorError, match="expects '2'"):
            client.open()


def test_a_stop_does_not_wait_long_on_a_connection_that_is_half_open() -> None:
    stopped_at: list[float] = []

    def answer(_: bytes) -> bytes:
        stopped_at.append(time.monotonic())
        return b"stop:\nRPRT 0\n" if len(stopped_at) > 1 else b""

    with fake(answer) as number:
        client = Rotctld(port=number, limits=LIMITS, timeout_s=10.0)
        client.open()
        asked_at = time.monotonic()
        client.stop()
        assert stopped_at[1] - asked_at < 5  # not the whole timeout
        client.close()


def test_tries_are_further_and_further_apart() -> None:
    now, number = [100.0], free_port()
    client = Rotctld(port=number, limits=LIMITS, monotonic=lambda: now[0])
    waits = []
    for _ in range(6):
        with pytest.raises(RotatorError, match="no connection"):
            client.position()
        tried_at = now[0]
        while True:
            now[0] += 0.1
            try:
                client.position()
            except RotatorError as error:
                if "away" not in str(error):
                    break
        waits.append(round(now[0] - tried_at, 1))
        now[0] += 100
    assert waits[0] <= 1.1
    assert max(waits) <= 2.1
    with pytest.raises(RotatorError, match="stop did not get through"):
        client.stop()  # a stop is tried at once, whatever the back-off
