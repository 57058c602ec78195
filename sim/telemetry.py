"""Headers, times and the service packet (APID 70) of MSU-MR on LRPT.

Service packet, bytes of its data field (METEOR-M2 3, received 2026-02-14; METEOR-M2, 2022-12-20):
     0   8  time of the strip
     8   8  METEOR-M2: the sync of the MSU-MR line; M2-x: a second time, constant in a pass
    16   4  hour, minute, second of Moscow and 1/255 of a second, the instrument's own clock
    20   1  number of the instrument (high), 0 main or 15 backup set (low)
    21   1  what follows: 0x0F analog; digital 0x00 (METEOR-M2), 0x17 0x21 0x29 0x33 0x3B 0x05 in turn (M2-x)
    22  21  analog: temperatures and currents; digital: states
    43  15  calibration words, 12 of 10 bits, two a channel: lamp and dark (1-3), cold and hot (4-6)
    58  64  M2-x only: position and attitude (`_orbit`)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.errors import SatelliteError
from scheduler.satellites import satellite
from sim.errors import SimulationError
from sim.geometry import Attitude
from sim.radiometry import (
    COLD_BODY_K,
    COLD_COUNT10,
    DARK_COUNT10,
    HOT_BODY_K,
    HOT_COUNT10,
    LAMP_COUNT10,
    SOLAR_CHANNELS,
)

SERVICE_APID = 70
FIRST_IMAGE_APID = 64
_MOSCOW_S = 3 * 3600
_DAY_S = 86400
_LAST_DAY_OF_2000 = 11322  # days since 1970-01-01; day 1 is 2001-01-01
_SYNC = bytes.fromhex("0218a7a392dd9abf")
_ANALOG, _M2_DIGITAL = 0x0F, 0x00
_M2X_CYCLE = (_ANALOG, 0x17, 0x21, 0x29, 0x33, 0x3B, 0x05)

# Analog bytes as METEOR-M2 3 sent them, bodies aside: base plate, detector 3, VK2, VK1, IR lens, lamps 3, 2,
# 1 ... detectors.
_ANALOG_HEAD = bytes.fromhex("ccce6257598c8a90")
_ANALOG_TAIL = bytes.fromhex("8daf6365a80343")
_M2X_DIGITAL = bytes.fromhex("2e0be2d0bf2ccc02d8bd2d8be2e4bd2dcbd2e0ba43")
_M2_DIGITAL_BYTES = bytes.fromhex("00556566aa001d0007ab8fbf040002003fc5780920")


LEVEL = Attitude()


@dataclass(frozen=True)
class Craft:
    """What differs from satellite to satellite in the packets, and how the instrument sits on it.

    Attributes:
        serial: of the instrument.
        time: "utc": day 1 is 2001-01-01; "moscow-no-day": Moscow's time of day, day 0.
        backup_set: which half of the instrument works.
        attitude: of the instrument on the satellite, whose body itself flies level.
        stamps_ahead_s: by how much the time stamps are ahead of the moment that was seen.
    """

    serial: int
    time: str
    backup_set: bool = True
    attitude: Attitude = LEVEL
    stamps_ahead_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no satellite has."""
        if not 0 <= self.serial <= 15 or self.time not in ("utc", "moscow-no-day"):
            raise SimulationError(
                f"serial {self.serial} and time {self.time!r}; allowed: 0 ... 15, and utc or moscow-no-day"
            )

    @property
    def is_first_series(self) -> bool:
        """METEOR-M2, whose packets are of an older form."""
        return self.time == "moscow-no-day"


@dataclass(frozen=True)
class Pose:
    """The satellite's own account: Earth-fixed position at a full second, attitude of the second before."""

    second: int  # POSIX
    position_km: NDArray[np.float64]  # [3]
    quaternion: NDArray[np.float64]  # [4], scalar first; from the body (x ahead, y left, z up) to TEME


# How the instruments really sit. METEOR-M2 3: its picture of 2026-02-14 on the shores of the Red Sea
# (tests/sim/test_real_shore.py). METEOR-M2: by the control points that others made of its pass of 2022-12-20
# it looks 2 degrees to the left; SatDump's author found 2.3. The others have not been measured: they look
# straight down.
CRAFTS = {
    "METEOR-M2": Craft(0, "moscow-no-day", backup_set=False, attitude=Attitude(roll_deg=-2.01)),
    "METEOR-M2 2": Craft(2, "utc"),
    "METEOR-M2 3": Craft(3, "utc", attitude=Attitude(roll_deg=0.49), stamps_ahead_s=0.23),
    "METEOR-M2 4": Craft(4, "utc"),
}


def craft_for(name: str) -> Craft:
    """The satellite's habits by any name the scheduler knows; an unknown one behaves like METEOR-M2 4."""
    try:
        return CRAFTS[satellite(name).name]
    except (SatelliteError, KeyError):
        return CRAFTS["METEOR-M2 4"]


def time_stamp(time: float, craft: Craft) -> bytes:
    """The 8 bytes of time at the head of every packet: day, millisecond of day, microsecond."""
    shift = _MOSCOW_S if craft.is_first_series else 0
    microseconds = round((time + shift) * 1e6)
    day, rest = divmod(microseconds, _DAY_S * 1_000_000)
    if craft.is_first_series:
        return struct.pack(">HIH", 0, rest // 1000, 0)
    day -= _LAST_DAY_OF_2000
    if not 0 <= day <= 0xFFFF:
        raise SimulationError(
            f"the packets cannot tell day {day} since 2001; choose a date between 2001 and 2180"
        )
    return struct.pack(">HIH", day, rest // 1000, rest % 1000)


def calibration_words() -> bytes:
    """Twelve words of 10 bits, two for each channel."""
    bits = 0
    for channel in range(1, 7):
        first, second = (
            (LAMP_COUNT10[channel], DARK_COUNT10[channel])
            if channel in SOLAR_CHANNELS
            else (COLD_COUNT10[channel], HOT_COUNT10[channel])
        )
        bits = bits << 20 | first << 10 | second
    return bits.to_bytes(15, "big")


def _body_byte(temperature_k: float) -> int:
    """T = 273.15 K - value / 2, the value a signed byte."""
    return round((273.15 - temperature_k) * 2) & 0xFF


def _analog() -> bytes:
    cold, hot = _body_byte(COLD_BODY_K), _body_byte(HOT_BODY_K)
    return _ANALOG_HEAD + bytes([cold] * 3 + [hot] * 3) + _ANALOG_TAIL


def _line_head(time: float, strip: int, craft: Craft) -> bytes:
    """Bytes 16 ... 57: the instrument's clock, numbers, telemetry and calibration words."""
    moscow = datetime.fromtimestamp(0, UTC) + timedelta(seconds=time + _MOSCOW_S)
    fraction = moscow.microsecond * 255 // 1_000_000
    kind = _M2_DIGITAL if craft.is_first_series else _M2X_CYCLE[strip % len(_M2X_CYCLE)]
    digital = _M2_DIGITAL_BYTES if craft.is_first_series else _M2X_DIGITAL
    number = craft.serial << 4 | (15 if craft.backup_set else 0)
    clock = bytes([moscow.hour, moscow.minute, moscow.second, fraction, number, kind])
    return clock + (_analog() if kind == _ANALOG else digital) + calibration_words()


def _orbit(pose: Pose) -> bytes:
    """Clock, year, day, two clocks, quaternion (4 float32), clock, position (3 float64, m).

    The clocks count the seconds of Moscow time since the last day of 2023; day 1 is 2024-01-01. Found on
    METEOR-M2 3: the last clock is the position's and the one before the quaternion its own; the position
    moves with the turning Earth and obeys the orbit, and the quaternion turns the orbit's own axes into
    inertial ones of date (tests/sim/test_telemetry.py).
    """
    year = 2024
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - _DAY_S
    seconds = (pose.second + _MOSCOW_S - start) & 0x7FFFFFFF
    clocks = struct.pack(">IHHII", seconds, year, (seconds // _DAY_S) & 0xFFFF, seconds + 1, seconds - 1)
    return clocks + struct.pack(">4fI3dI", *pose.quaternion, seconds, *(1000.0 * pose.position_km), 0)


def service_data(time: float, strip: int, craft: Craft, pose: Pose, switched_on: float) -> bytes:
    """Data field of the service packet of a strip: 58 bytes on METEOR-M2, 122 on M2-x."""
    stamp = time_stamp(time, craft)
    head = _line_head(time, strip, craft)
    if craft.is_first_series:
        return stamp + _SYNC + head
    return stamp + time_stamp(switched_on, craft) + head + _orbit(pose)
