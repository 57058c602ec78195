"""The packets of MSU-MR on LRPT: what stands before the image data, and which of it is plausible.

Nothing but its form protects such a packet (no check word), so every field with a fixed value must have it.
Layout of the packet data, as the decoders SatDump, meteor_decode, MeteorDemod and LeanHRPT agree on it:

    0   2  day: METEOR-M2 0; M2-2, -3, -4 day 1 = 2001-01-01 UTC
    2   4  millisecond of the day: METEOR-M2 Moscow time (UTC+3), the later ones UTC
    6   2  microsecond of the millisecond
    8   1  number of the first block in the strip: 0, 14, 28 … 182
    9   1  quantiser table 0
    10  1  DC table 0 (high nibble), AC table 0 (low nibble)
    11  2  quality factor marker 0xFFF0
    13  1  quality factor, 1 to 100
    14  n  entropy-coded blocks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from decoders.framing.packets import Packet

FIRST_IMAGE_APID: Final = 64  # channel 1
LAST_IMAGE_APID: Final = 69  # channel 6
SERVICE_APID: Final = 70
TIME_BYTES: Final = 8
IMAGE_HEADER_BYTES: Final = 14
LAST_BLOCK_NUMBER: Final = 182
FIXED_FIELDS: Final = bytes.fromhex("0000fff0")  # tables 0, quality factor marker
DAY_MILLISECONDS: Final = 86_400_000
DAY_SECONDS: Final = 86_400
DAY_ZERO: Final = 11_322  # days from 1970-01-01 to day 0 of M2-2, -3, -4 (2000-12-31)
MOSCOW_SECONDS: Final = 3 * 3600


@dataclass(frozen=True, slots=True)
class OnboardTime:
    """A packet's time as sent."""

    day: int
    millisecond: int
    microsecond: int

    @property
    def second_of_day(self) -> float:
        """Seconds since the satellite's own midnight."""
        return self.millisecond / 1e3 + self.microsecond / 1e6


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What stands before the blocks of one image packet."""

    channel: int
    time: OnboardTime | None
    first_block: int
    quality: int


def onboard_time(data: bytes) -> OnboardTime | None:
    """The time at the head of a packet's data; None when it is cut off or no time of day."""
    if len(data) < TIME_BYTES:
        return None
    millisecond = int.from_bytes(data[2:6], "big")
    microsecond = int.from_bytes(data[6:8], "big")
    if millisecond >= DAY_MILLISECONDS or microsecond >= 1000:
        return None
    return OnboardTime(int.from_bytes(data[:2], "big"), millisecond, microsecond)


def image_header(packet: Packet) -> ImageHeader | None:
    """The header of an image packet; None when this is none, or a field has a value it cannot have."""
    data = packet.data
    if not FIRST_IMAGE_APID <= packet.apid <= LAST_IMAGE_APID or len(data) <= IMAGE_HEADER_BYTES:
        return None
    first_block, quality = data[8], data[13]
    if data[9:13] != FIXED_FIELDS or first_block > LAST_BLOCK_NUMBER or first_block % 14:
        return None
    if not 1 <= quality <= 100:
        return None
    return ImageHeader(packet.apid - FIRST_IMAGE_APID + 1, onboard_time(data), first_block, quality)


def utc_seconds(time: OnboardTime) -> float:
    """POSIX seconds of a time that carries its day (M2-2 and later, UTC)."""
    return (time.day + DAY_ZERO) * DAY_SECONDS + time.second_of_day


def moscow_seconds(time: OnboardTime, near: float) -> float:
    """POSIX seconds of a Moscow time of day (METEOR-M2), on the day that brings it nearest to `near`."""
    utc_of_day = time.second_of_day - MOSCOW_SECONDS
    return utc_of_day + DAY_SECONDS * round((near - utc_of_day) / DAY_SECONDS)
