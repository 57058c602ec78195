"""The simulated rotators: they move as mechanics does, and speak as the real ones and the real rotctld do."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import numpy as np
import pytest

from sim.rotator.gs232b import Gs232b
from sim.rotator.mechanics import STEP_S, Axis, AxisBuild, Mechanics
from sim.rotator.rotctld_server import Fault, Model, RotctldServer
from sim.rotator.serial_port import SerialPort
from sim.rotator.spid import Spid
from sim.rotator.stepped_clock import SteppedClock

BUILD = AxisBuild(-5, 455, rate_deg_s=6.0, acceleration_deg_s2=3.0, resolution_deg=0.1)


def rotator(build: AxisBuild = BUILD, at: float = 0.0, cable: tuple[float, float] = (-90, 500)) -> Mechanics:
    return Mechanics(Axis(build, at), Axis(AxisBuild(-3, 183), 0.0), 0.0, cable)


def test_an_axis_moves_by_its_rate_and_acceleration() -> None:
    """From rest to rest over 60 degrees: 60 / 6 + 6 / 3 = 12 s; never faster, never harder."""
    mechanics = rotator()
    mechanics.go(60.0, 0.0)
    mechanics.advance_to(30.0)
    time_s = np.array([sample.time for sample in mechanics.log])
    azimuth = np.array([sample.azimuth_deg for sample in mechanics.log])
    speed = np.diff(azimuth) / np.diff(time_s)
    assert azimuth[-1] == pytest.approx(60, abs=0.02)
    assert time_s[np.argmax(azimuth > 59.9)] == pytest.approx(12, abs=0.4)
    assert speed.max() <= 6.001
    assert np.abs(np.diff(speed) / np.diff(time_s)[1:]).max() <= 3.1
    assert azimuth.max() < 60.05


def test_a_stop_brakes_and_stays() -> None:
    mechanics = rotator()
    mechanics.go(60.0, 0.0)
    mechanics.advance_to(5.0)
    mechanics.stop()
    at = mechanics.azimuth.motor_deg
    mechanics.advance_to(20.0)
    assert mechanics.azimuth.motor_deg - at == pytest.approx(6**2 / (2 * 3), abs=0.2)
    assert not mechanics.log[-1].moving


def test_the_antenna_follows_with_play() -> None:
    build = AxisBuild(-5, 455, backlash_deg=1.0)
    mechanics = rotator(build)
    mechanics.go(20.0, 0.0)
    mechanics.advance_to(20.0)
    assert mechanics.log[-1].azimuth_deg == pytest.approx(19.5, abs=0.02)
    mechanics.go(10.0, 0.0)
    mechanics.advance_to(40.0)
    assert mechanics.log[-1].azimuth_deg == pytest.approx(10.5, abs=0.02)


def test_within_the_dead_band_nothing_moves() -> None:
    mechanics = rotator(AxisBuild(-5, 455, dead_band_deg=1.0))
    mechanics.go(0.9, 0.0)
    mechanics.advance_to(10.0)
    assert mechanics.azimuth.motor_deg == 0
    mechanics.go(1.1, 0.0)
    mechanics.advance_to(20.0)
    assert mechanics.azimuth.motor_deg == pytest.approx(1.1, abs=0.02)


def test_an_end_stop_holds_and_is_told() -> None:
    mechanics = rotator()
    mechanics.go(460.0, 0.0)
    mechanics.advance_to(120.0)
    assert mechanics.azimuth.motor_deg == 455
    assert [event.kind for event in mechanics.fatal()][:1] == ["end stop"]


def test_beyond_its_length_the_cable_tears() -> None:
    mechanics = rotator(AxisBuild(-np.inf, np.inf), cable=(-90, 300))
    mechanics.go(400.0, 0.0)
    mechanics.advance_to(120.0)
    assert [event.kind for event in mechanics.fatal()] == ["cable torn"]
    assert mechanics.azimuth.motor_deg == pytest.approx(300, abs=1)
    told = mechanics.read()
    mechanics.go(0.0, 0.0)
    mechanics.advance_to(240.0)
    assert mechanics.read() == told


@pytest.mark.parametrize("harm", ["jammed", "sensor_torn", "reversed_wires", "runs_away"])
def test_harm_does_what_it_says(harm: str) -> None:
    mechanics = rotator(at=100.0)
    mechanics.go(130.0, 0.0)
    mechanics.advance_to(4.0)
    motor, told = mechanics.azimuth.motor_deg, mechanics.read()[0]
    setattr(mechanics.azimuth, harm, 1 if harm == "runs_away" else True)
    mechanics.advance_to(20.0)
    moved, told_moved = mechanics.azimuth.motor_deg - motor, mechanics.read()[0] - told
    assert (moved > 0) == (harm in ("sensor_torn", "runs_away"))
    assert (abs(moved) > 0.01) == (harm != "jammed")
    assert (abs(told_moved) > 0.2) == (harm in ("reversed_wires", "runs_away"))


def test_gs232b_speaks_as_its_manual() -> None:
    mechanics = rotator(at=123.4)
    controller = Gs232b(mechanics)
    assert controller.receive(b"C2\r") == b"AZ=123  EL=000\r\n"
    assert controller.receive(b"W2") + controller.receive(b"00 045\r\r") == b""
    mechanics.advance_to(60.0)
    assert controller.receive(b"C2\r") == b"AZ=200  EL=045\r\n"
    assert controller.receive(b"W451 000\rW12 030\rQ\r") == b"?>\r\n" * 3
    assert mechanics.azimuth.target_deg == 200
    controller.receive(b"S\r")
    assert mechanics.azimuth.target_deg is None


def test_spid_speaks_as_its_protocol() -> None:
    """Frames worked out by hand: 123.4 + 360 = 483.4."""
    mechanics = rotator(at=123.4)
    controller = Spid(mechanics)
    status = b"W" + bytes(10) + b"\x1f "
    assert controller.receive(status[:5]) == b""
    assert controller.receive(status[5:]) == b"W\x04\x08\x03\x04\x0a\x03\x06\x00\x00\x0a "
    controller.receive(b"W4806\x0a3904\x0a\x2f ")
    assert mechanics.azimuth.target_deg == pytest.approx(120.6)
    assert mechanics.elevation.target_deg == pytest.approx(30.4)
    controller.receive(b"W48x6\x0a3904\x0a\x2f ")
    assert mechanics.azimuth.target_deg == pytest.approx(120.6)
    controller.receive(b"W" + bytes(10) + b"\x0f ")
    assert mechanics.azimuth.target_deg is None
    assert Spid(mechanics, has_elevation=False).receive(status) == b"W\x04\x08\x03 "


@contextlib.contextmanager
def real_rotctld(mechanics: Mechanics) -> Iterator[int]:
    if shutil.which("rotctld") is None:
        pytest.skip("needs rotctld: apt-get install libhamlib-utils")
    line = SerialPort(Gs232b(mechanics))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = ["rotctld", "-m", "603", "-r", line.path, "-T", "127.0.0.1", "-t", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()
        line.close()


def answers(port: int, commands: list[bytes]) -> list[bytes]:
    found = []
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rwb") as lines:
        for command in commands:
            lines.write(command)
            lines.flush()
            answer = b""
            while not answer.rpartition(b"\n")[0].rpartition(b"\n")[2].startswith(b"RPRT"):
                line = lines.readline()
                assert line, f"{command!r} is answered by {answer!r}"
                answer += line
            found.append(answer)
    return found


def test_our_rotctld_answers_as_the_real_one() -> None:
    commands = [b"+\\dump_state\n", b"+p\n", b"+P 20.00 45.00\n", b"+P 500 10\n", b"+S\n", b"+K\n", b"+_\n"]
    build = AxisBuild(-5, 455, resolution_deg=1.0)
    clock = SteppedClock(time.time())
    ours = RotctldServer(
        Mechanics(Axis(build, 10.0), Axis(build, 5.0), clock.now()),
        clock,
        model=Model(603, "GS-232B", "Yaesu", (-180, 450), (0, 180)),
    )
    with real_rotctld(Mechanics(Axis(build, 10.0), Axis(build, 5.0), time.time())) as port:
        for command in commands:
            assert answers(ours.port, [command]) == answers(port, [command])
        [real_caps] = answers(port, [b"+1\n"])
    [our_caps] = answers(ours.port, [b"+1\n"])
    said = [line for line in our_caps.splitlines() if line]
    assert len(said) >= 5
    assert set(said) <= set(real_caps.splitlines())
    ours.close()


def test_faults_come_and_go_on_the_clock() -> None:
    clock = SteppedClock(0.0)
    mechanics = rotator()
    faults = (Fault("killed", 10, 20), Fault("no device", 30, 40))
    server = RotctldServer(mechanics, clock, faults=faults)
    position = b"get_pos:\nAzimuth: 0.00\nElevation: 0.00\nRPRT 0\n"
    assert answers(server.port, [b"+p\n"]) == [position]
    clock.sleep(12)
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", server.port), 1)
    clock.sleep(10)
    assert answers(server.port, [b"+p\n"]) == [position]
    clock.sleep(10)
    assert answers(server.port, [b"+p\n"]) == [b"get_pos:\nRPRT -5\n"]
    server.close()
    server.close()


def test_a_line_drops_bytes_and_a_controller_is_switched_off() -> None:
    build = AxisBuild(-5, 455, resolution_deg=1.0)
    line = SerialPort(Gs232b(Mechanics(Axis(build), Axis(build), time.time())), drop_share=0.05)
    try:
        import os
        import select

        terminal = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
        whole = 0
        for _ in range(40):
            os.write(terminal, b"C2\r")
            ready, _, _ = select.select([terminal], [], [], 0.1)
            if ready:
                time.sleep(STEP_S)
                whole += os.read(terminal, 100) == b"AZ=000  EL=000\r\n"
        assert 5 < whole < 35
        line.silent = True
        os.write(terminal, b"C2\rC2\rC2\r")
        time.sleep(0.1)
        assert not select.select([terminal], [], [], 0.2)[0]
        os.close(terminal)
    finally:
        line.close()
