"""Service packets: those of METEOR-M2 3, read by a parser of this test, and the simulator's beside them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from sim.errors import SimulationError
from sim.geometry import EARTH_RATE_RAD_S, Attitude, axes
from sim.radiometry import COLD_BODY_K, HOT_BODY_K
from sim.space_packets import space_packet
from sim.sun import greenwich_sidereal_angle
from sim.telemetry import CRAFTS, Craft, Pose, craft_for, service_data, time_stamp

NOON = datetime(2026, 2, 14, 12, 0, 0, 123456, tzinfo=UTC).timestamp()
_CLOCK_START = int(datetime(2023, 12, 31, tzinfo=UTC).timestamp()) - 3 * 3600
POSE = Pose(int(NOON) - 1, np.array([5363.3, 3749.7, 2981.2]), np.array([0.5, -0.5, 0.5, 0.5]))


@dataclass(frozen=True)
class Service:
    """What a service packet of M2-x says."""

    time: float
    clock: str
    number: int
    backup: bool
    kind: int
    analog: bytes
    words: list[int]
    second: int
    attitude_second: int
    quaternion: tuple[float, ...]
    position_m: tuple[float, ...]


def _parse(data: bytes) -> Service:
    day, ms, us = struct.unpack(">HIH", data[:8])
    hour, minute, second, _, number, kind = data[16:22]
    bits = int.from_bytes(data[43:58], "big")
    seconds, year, days, _, attitude = struct.unpack(">IHHII", data[58:74])
    *quaternion, clock, x, y, z, _ = struct.unpack(">4fI3dI", data[74:122])
    # The day in Moscow, told twice: in seconds and in days.
    assert year == 2024
    assert seconds // 86400 == days
    return Service(
        time=(day + 11322) * 86400 + ms / 1e3 + us / 1e6,
        clock=f"{hour:02}:{minute:02}:{second:02}",
        number=number >> 4,
        backup=number & 15 == 15,
        kind=kind,
        analog=data[22:43],
        words=[bits >> (110 - 10 * index) & 1023 for index in range(12)],
        second=clock + _CLOCK_START,
        attitude_second=attitude + _CLOCK_START,
        quaternion=tuple(quaternion),
        position_m=(x, y, z),
    )


def _packets(frames: bytes) -> Iterator[bytes]:
    """Whole packets of 1024-byte frames of VCID 5, packets that touch a lost frame left out."""
    rest, last = None, None
    for start in range(0, len(frames), 1024):
        frame = frames[start + 4 : start + 896]
        counter, first = int.from_bytes(frame[2:5], "big"), int.from_bytes(frame[8:10], "big") & 2047
        rest = rest if last is not None and counter == (last + 1) % (1 << 24) else None
        last = counter
        if rest is None and first == 2047:
            continue
        rest = frame[10 + first :] if rest is None else rest + frame[10:]
        while len(rest) >= 6 and len(rest) >= (size := int.from_bytes(rest[4:6], "big") + 7):
            yield rest[:size]
            rest = rest[size:]


@pytest.fixture(scope="module")
def received(shared_data: Path) -> list[bytes]:
    """Data fields of the service packets of METEOR-M2 3 on 2026-02-14."""
    frames = (shared_data / "lrpt" / "meteor-m2-3_2026-02-14" / "meteor_m2-x_lrpt.cadu").read_bytes()
    return [
        packet[6:]
        for packet in _packets(frames)
        if int.from_bytes(packet[:2], "big") & 2047 == 70 and len(packet) == 128
    ]


def test_ours_have_the_form_of_the_satellites_own(received: list[bytes]) -> None:
    theirs = [_parse(data) for data in received]
    assert len(theirs) > 80
    start = theirs[0].time
    for real in theirs:
        strip = round((real.time - start) * 6.498 / 8)
        position = np.array(real.position_m) / 1e3
        pose = Pose(real.second, position, np.array(real.quaternion))
        data = service_data(real.time, strip, CRAFTS["METEOR-M2 3"], pose, start)
        ours = _parse(data)
        assert abs(ours.time - real.time) < 1e-6
        assert (ours.clock, ours.number, ours.backup, ours.kind) == (
            real.clock,
            real.number,
            real.backup,
            real.kind,
        )
        assert abs(ours.attitude_second - real.attitude_second) <= 1  # one packet is late with it
        assert (ours.second, ours.quaternion, ours.position_m) == (
            real.second,
            real.quaternion,
            pytest.approx(real.position_m, abs=1e-6),
        )
        assert np.abs(np.array(ours.words) - real.words).max() <= 5  # they wander by as much
        if real.kind == 0x0F:
            # Bodies: cold 3, 2, 1, hot 3, 2, 1; the sensor of hot 3 is broken on METEOR-M2 3 (222 K).
            bodies = [8, 9, 10, 12, 13]
            ours_k, real_k = (
                np.frombuffer(part.analog, np.int8)[bodies].astype(int) for part in (ours, real)
            )
            assert np.abs(ours_k - real_k).max() <= 3  # 1.5 K


def test_the_satellites_own_attitude_is_the_one_simulated(received: list[bytes]) -> None:
    """METEOR-M2 3 flies along its inertial velocity, geocentric, without yaw steering: constant to 0.02
    degrees.

    Position (Earth-fixed) and quaternion (body x ahead, y left, z up to inertial axes of date) are its own;
    velocity is the slope of the positions.
    """
    told = list(map(_parse, received))
    place = {service.second: service.position_m for service in told}
    second = np.array(sorted(place), float)
    fits = [
        np.polynomial.Polynomial.fit(second, part, 7)
        for part in np.array([place[int(moment)] for moment in second]).T / 1e3
    ]
    assert max(np.abs(fits[0](second) - [place[int(moment)][0] / 1e3 for moment in second])) < 0.01
    time = np.array([service.attitude_second for service in told], float)
    position = np.stack([fit(time) for fit in fits], axis=1)
    fixed = np.stack([fit.deriv()(time) for fit in fits], axis=1)
    carried = np.stack([-position[:, 1], position[:, 0], 0 * time], axis=1) * EARTH_RATE_RAD_S
    sent = Rotation.from_quat(np.array([service.quaternion for service in told]), scalar_first=True)
    drift = {}
    for nadir in ("geocentric", "geodetic"):
        ahead, right, down = axes(position, fixed + carried, Attitude(nadir=nadir))
        orbit = Rotation.from_matrix(np.stack([ahead, -right, -down], axis=2))
        inertial = Rotation.from_euler("z", greenwich_sidereal_angle(time)[:, None]) * orbit
        turn: NDArray[np.float64] = (inertial.inv() * sent).as_rotvec(degrees=True)
        drift[nadir] = np.ptp(turn, axis=0)
        if nadir == "geocentric":
            assert np.abs(turn).max() < 0.05
    assert drift["geocentric"].max() < 0.02
    assert drift["geodetic"].max() > 0.03


def test_body_temperatures_read_back() -> None:
    """T = 273.15 - value / 2 for bytes 8 to 13."""
    analog = _parse(service_data(NOON, 0, CRAFTS["METEOR-M2 4"], POSE, NOON)).analog
    kelvin = 273.15 - 0.5 * np.frombuffer(analog[8:14], np.int8).astype(float)
    assert np.allclose(kelvin[:3], COLD_BODY_K, atol=0.25)
    assert np.allclose(kelvin[3:], HOT_BODY_K, atol=0.25)


def test_the_kind_of_telemetry_goes_round_in_seven_strips() -> None:
    kinds = [_parse(service_data(NOON, strip, CRAFTS["METEOR-M2 4"], POSE, NOON)).kind for strip in range(14)]
    assert kinds == [0x0F, 0x17, 0x21, 0x29, 0x33, 0x3B, 0x05] * 2


def test_meteor_m2_sends_the_old_form() -> None:
    """64 bytes with the sync of the line, Moscow's time without a day, main set (recording of 2022-12-20)."""
    data = service_data(NOON, 0, CRAFTS["METEOR-M2"], POSE, NOON)
    assert len(space_packet(70, 3, 0, data)) == 64
    assert data[:8] == struct.pack(">HIH", 0, 15 * 3600_000 + 123, 0)
    assert data[8:22] == bytes.fromhex("0218a7a392dd9abf 0f 00 00 1f 00 00".replace(" ", ""))


def test_moscows_day_begins_before_ours() -> None:
    stamp = time_stamp(datetime(2026, 2, 14, 22, 0, tzinfo=UTC).timestamp(), CRAFTS["METEOR-M2"])
    assert stamp == struct.pack(">HIH", 0, 3600_000, 0)


def test_day_one_is_the_first_of_2001() -> None:
    stamp = time_stamp(datetime(2001, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp(), CRAFTS["METEOR-M2 3"])
    assert stamp == struct.pack(">HIH", 1, 1000, 0)


def test_a_date_before_the_epoch_is_refused() -> None:
    with pytest.raises(SimulationError, match="2001"):
        time_stamp(datetime(1999, 1, 1, tzinfo=UTC).timestamp(), CRAFTS["METEOR-M2 3"])


@pytest.mark.parametrize(
    ("name", "serial"),
    [
        ("METEOR-M2", 0),
        ("METEOR-M 2", 0),
        ("METEOR-M2 2", 2),
        ("METEOR-M2-3", 3),
        ("METEOR-M2 4", 4),
        ("NOAA 19", 4),
    ],
)
def test_satellites_are_known_by_their_names(name: str, serial: int) -> None:
    assert craft_for(name).serial == serial


def test_an_impossible_craft_is_refused() -> None:
    with pytest.raises(SimulationError, match="moscow-no-day"):
        Craft(3, "local")
    with pytest.raises(SimulationError, match=r"0 \.\.\. 15"):
        Craft(16, "utc")
