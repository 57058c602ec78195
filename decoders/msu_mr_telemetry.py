"""The service packet of MSU-MR (APID 70): one per strip, the head of the instrument's own line frame.

Offsets in the packet data, where SatDump, MeteorDemod and LeanHRPT agree:

    0   8   time, as in image packets
    8   8   line frame synchronisation 02 18 A7 A3 92 DD 9A BF on METEOR-M2; other content on M2-3
    16  4   hour, minute, second, 1/255 second of the instrument (Moscow time)
    20  1   serial number of the instrument (high nibble); 0000 primary, 1111 backup set (low nibble)
    21  1   low nibble 1111 analogue, 0000 digital telemetry
    22  21  telemetry
    43  15  twelve words of 10 bits, two for each of the channels 1 to 6
    58  …   0 bytes on METEOR-M2; 64 bytes on M2-3, kept but not interpreted

The scale of the black bodies' temperatures was found by others by comparison (SatDump, msumr_tlm.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoders.msu_mr_packets import SERVICE_APID, OnboardTime, onboard_time
from decoders.packets import Packet

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
        tail: what follows the words, not interpreted.
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
