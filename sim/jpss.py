"""Instruments of Suomi-NPP and the JPSS satellites: VIIRS fills most of the channel.

A scan of a VIIRS band is a packet with a time and then one per detector; what these hold is random, as
compressed data looks. Sizes of packets are round figures, their rates share the channel evenly.
"""

from __future__ import annotations

import math
import struct

import numpy as np

from sim.instruments import Body, Instrument
from sim.space_packets import DAYS_TO_1958, cds_time

VIIRS_VCID, VIIRS_APIDS = 16, range(800, 824)
FINE_APIDS = (813, 817, 818, 819, 820)  # bands I1 … I5: 32 detectors, the others 16
VIIRS_SHARE = 0.8
DETECTOR_BYTES, HEAD_BYTES = 4_090, 74
ORBIT_S, RADIUS_M, SPEED_M_S = 6_088.0, 7.2e6, 7.4e3


def jpss(scid: int, bit_rate: float, zone_share: float) -> tuple[Instrument, ...]:
    """Instruments of a satellite whose link carries `bit_rate` bit/s, a share of them in packet zones."""
    per_second = VIIRS_SHARE * zone_share * bit_rate / 8 / DETECTOR_BYTES / len(VIIRS_APIDS)
    return (
        *(_viirs(apid, 33 if apid in FINE_APIDS else 17, per_second) for apid in VIIRS_APIDS),
        Instrument(0, 11, 71, 1.0, DAYS_TO_1958, _attitude(scid)),
        Instrument(0, 8, 400, 20.0, DAYS_TO_1958),
        Instrument(1, 528, 992, 40.0, DAYS_TO_1958),  # ATMS
        Instrument(6, 1340, 2_000, 40.0, DAYS_TO_1958),  # CrIS
        Instrument(11, 560, 1_200, 10.0, DAYS_TO_1958),  # OMPS
    )


def _viirs(apid: int, group: int, per_second: float) -> Instrument:
    def body(number: int, posix: float, rng: np.random.Generator) -> bytes:
        """Byte 8 of a scan's first packet tells how many follow, less two; byte 19 of these the detector."""
        place = number % group
        if place == 0:
            return cds_time(posix, DAYS_TO_1958) + bytes([group - 3]) + rng.bytes(HEAD_BYTES - 9)
        data = rng.bytes(DETECTOR_BYTES)
        return data[:19] + bytes([place - 1]) + data[20:]

    return Instrument(VIIRS_VCID, apid, 0, per_second, DAYS_TO_1958, body, group)


def _attitude(scid: int) -> Body:
    def body(_: int, posix: float, __: np.random.Generator) -> bytes:
        """Spacecraft, place (m) and speed (m/s) at a time, attitude at a time."""
        time, turn = cds_time(posix, DAYS_TO_1958), 2 * math.pi * posix / ORBIT_S
        place = (RADIUS_M * math.cos(turn), 0.0, RADIUS_M * math.sin(turn))
        speed = (-SPEED_M_S * math.sin(turn), 0.0, SPEED_M_S * math.cos(turn))
        orbit = bytes([scid]) + time + struct.pack(">6f", *place, *speed)
        return time + orbit + time + struct.pack(">4f", 0.0, 0.0, 0.0, 1.0)

    return body
