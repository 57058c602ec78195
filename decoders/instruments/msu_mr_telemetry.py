"""The service packet of MSU-MR (APID 70): one per strip, the head of the instrument's own line frame.

Offsets in the packet data, where SatDump, MeteorDemod and LeanHRPT agree:

    0   8   time, as in image packets
    8   8   line frame synchronisation 02 18 A7 A3 92 DD 9A BF on METEOR-M2; on M2-3 a time of some day before
    16  4   hour, minute, second, 1/255 second of the instrument (Moscow time)
    20  1   serial number of the instrument (high nibble); 0000 primary, 1111 backup set (low nibble)
    21  1   low nibble 1111 analogue, 0000 digital telemetry
    22  21  telemetry
    43  15  twelve words of 10 bits, two for each of the channels 1 to 6
    58  64  M2-3 only, the satellite's navigation (below)

Navigation, found by the pass of 2026-02-14. With the time at 90 the positions lie on a smooth orbit of 98.6
degrees within some metres; with the time at 70 the quaternion keeps the satellite's axes within 0.05 degrees
of the orbit's. A time is 86400 x day + second of the day, Moscow time, and is 1 to 3 s old:

    58  4   time of something else
    62  2   year, first of the four years in which days are counted (2024)
    64  2   day, 1 = 1 January of that year
    66  4   time of the position again
    70  4   time of the quaternion
    74  16  unit quaternion, four numbers of 32 bits, scalar first: turns x along track, y along the orbit's
            normal, z up into inertial axes of date
    90  4   time of the position
    94  24  position, three numbers of 64 bits: Earth-fixed x, y, z in metres
    118 4   0

The scale of the black bodies' temperatures was found by others by comparison (SatDump, msumr_tlm.h).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoders.framing.packets import Packet
from decoders.instruments.msu_mr_packets import (
    DAY_SECONDS,
    MOSCOW_SECONDS,
    SERVICE_APID,
    OnboardTime,
    onboard_time,
)

TELEMETRY_BYTES: Final = 21
WORDS: Final = slice(43, 58)
SERVICE_BYTES: Final = 58
# Byte numbers within the 21: bodies 1, 2, 3 are sent in the order 3, 2, 1.
COLD_BODIES: Final = (10, 9, 8)
HOT_BODIES: Final = (13, 12, 11)
# METEOR-M2 2's cold bodies read 40 K low (SatDump, msumr_tlm.h).
COLD_BODY_CORRECTION_K: Final = {2: 40.0}

# Serial number of the instrument to satellite name and catalogue number; serial 1 was lost at launch.
SATELLITES: Final = {
    0: ("METEOR-M2", 40069),
    2: ("METEOR-M2 2", 44387),
    3: ("METEOR-M2 3", 57166),
    4: ("METEOR-M2 4", 59051),
}


# What may stand before a position: the layout is known from one satellite only, so anything else is none.
NAVIGATION: Final = struct.Struct(">IHHII4fI3dI")
NAVIGATION_YEARS: Final = range(2020, 2100, 4)
ORBIT_RADIUS_M: Final = (6.8e6, 7.6e6)
UNIT_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Navigation:
    """Where the satellite says it is and how it is turned.

    Attributes:
        time_s: POSIX seconds of the position.
        position_m: Earth-fixed x, y, z.
        attitude_time_s: POSIX seconds of the attitude.
        attitude: unit quaternion, scalar first, from the satellite's axes (x along track, y along the orbit's
            normal, z up) to inertial axes of date.
    """

    time_s: float
    position_m: tuple[float, float, float]
    attitude_time_s: float
    attitude: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One service packet.

    Attributes:
        time: the satellite's time of the strip.
        serial: serial number of the instrument, see `SATELLITES`.
        backup_set: the backup half works; None when the nibble is neither 0000 nor 1111.
        is_analog: the 21 bytes hold analogue (True) or digital (False) telemetry; None for neither.
        telemetry: the 21 bytes.
        words: uint16 [6, 2], calibration views by channel: cold (space) or black, then hot or white.
        tail: what follows the words, as sent.
    """

    time: OnboardTime
    serial: int
    backup_set: bool | None
    is_analog: bool | None
    telemetry: bytes
    words: NDArray[np.uint16]
    tail: bytes

    @property
    def cold_bodies_k(self) -> tuple[float, float, float] | None:
        """Temperatures of the cold bodies 1, 2, 3 in kelvin; None in digital telemetry."""
        correction = COLD_BODY_CORRECTION_K.get(self.serial, 0.0)
        found = self._temperatures_k(COLD_BODIES)
        return found and (found[0] + correction, found[1] + correction, found[2] + correction)

    @property
    def hot_bodies_k(self) -> tuple[float, float, float] | None:
        """Temperatures of the hot bodies 1, 2, 3 in kelvin; None in digital telemetry."""
        return self._temperatures_k(HOT_BODIES)

    @property
    def navigation(self) -> Navigation | None:
        """The satellite's own position; None where the packet holds none."""
        if len(self.tail) < NAVIGATION.size:
            return None
        _, year, day, _, turned, *attitude, seconds, x, y, z, _ = NAVIGATION.unpack_from(self.tail)
        radius_m = math.hypot(x, y, z)
        if year not in NAVIGATION_YEARS or not 1 <= day <= 1461 or seconds // DAY_SECONDS != day:
            return None
        if not ORBIT_RADIUS_M[0] <= radius_m <= ORBIT_RADIUS_M[1]:  # false for NaN as well
            return None
        if abs(turned - seconds) > DAY_SECONDS or not abs(math.hypot(*attitude) - 1) < UNIT_TOLERANCE:
            return None
        zero_s = datetime(year, 1, 1, tzinfo=UTC).timestamp() - DAY_SECONDS - MOSCOW_SECONDS
        w, i, j, k = attitude
        return Navigation(zero_s + seconds, (x, y, z), zero_s + turned, (w, i, j, k))

    def _temperatures_k(self, places: tuple[int, int, int]) -> tuple[float, float, float] | None:
        if not self.is_analog:
            return None
        first, second, third = (273.15 - 0.5 * _signed(self.telemetry[place]) for place in places)
        return first, second, third


def service_record(packet: Packet) -> ServiceRecord | None:
    """Reads a service packet; None when it is another packet, cut off, or without a time of day."""
    data = packet.data
    if packet.apid != SERVICE_APID or len(data) < SERVICE_BYTES:
        return None
    time = onboard_time(data)
    if time is None:
        return None
    return ServiceRecord(
        time=time,
        serial=data[20] >> 4,
        backup_set={0x0: False, 0xF: True}.get(data[20] & 0x0F),
        is_analog={0x0: False, 0xF: True}.get(data[21] & 0x0F),
        telemetry=data[22 : 22 + TELEMETRY_BYTES],
        words=ten_bit_words(data[WORDS]).reshape(6, 2),
        tail=data[SERVICE_BYTES:],
    )


def ten_bit_words(octets: bytes) -> NDArray[np.uint16]:
    """Splits into words of 10 bits, most significant bit first; bits left over at the end are dropped."""
    bits = np.unpackbits(np.frombuffer(octets, np.uint8)).astype(np.uint16)
    whole = bits[: len(bits) // 10 * 10].reshape(-1, 10)
    words: NDArray[np.uint16] = whole @ (1 << np.arange(9, -1, -1, dtype=np.uint16))
    return words


def _signed(octet: int) -> int:
    return octet - 256 if octet > 127 else octet
