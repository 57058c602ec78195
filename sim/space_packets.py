"""Space packets and the times in them (CCSDS 133.0-B, 301.0-B)."""

from __future__ import annotations

import struct

COUNTER_MODULUS = 1 << 14
FIRST, MIDDLE, LAST, ALONE = 1, 0, 2, 3  # sequence flags
DAY_S = 86_400
DAYS_TO_1958, DAYS_TO_2000 = -4383, 10_957  # from 1970-01-01


def space_packet(apid: int, flags: int, counter: int, data: bytes, *, second_header: bool = True) -> bytes:
    """A packet of telemetry, its data with or without a secondary header ahead (4.1.3)."""
    word = flags << 14 | counter % COUNTER_MODULUS
    return struct.pack(">HHH", second_header << 11 | apid, word, len(data) - 1) + data


def cds_time(posix: float, days_to_epoch: int) -> bytes:
    """Day, millisecond of the day, microsecond of the millisecond.

    Args:
        posix: seconds since 1970.
        days_to_epoch: first day of the clock, `DAYS_TO_1958` or `DAYS_TO_2000`.
    """
    day, rest = divmod(round(posix * 1e6), DAY_S * 1_000_000)
    return struct.pack(">HIH", day - days_to_epoch, *divmod(rest, 1000))
