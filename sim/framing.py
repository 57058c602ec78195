"""Packets to transfer frames: M_PDU, VCDU with insert zone, Reed-Solomon parity, marker; one CADU per slot.

Layout of the 1024 bytes (CCSDS 701.0-B, with the insert zone of LRPT):

    marker 1ACFFC1D | header 6 | insert zone 2 | first header pointer 2 | packet zone 882 | parity 4 x 32

As in life the virtual channel of the instrument sends a frame only when it has a full packet zone; a slot
without one is filled by an idle frame of virtual channel 63.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.coding import add_parity

MARKER = bytes.fromhex("1acffc1d")
FRAME_BYTES = 1024
ZONE_BYTES = 882
DATA_VCID = 5
IDLE_VCID = 63
NO_HEADER = 2047  # first header pointer: no packet starts in this zone
IDLE_ONLY = 2046  # first header pointer: the zone holds idle data only
COUNTER_PERIOD = 1 << 24


@dataclass(frozen=True)
class SentFrame:
    """One frame as sent: `cadu` is 1024 bytes, derandomised, with parity."""

    cadu: bytes
    vcid: int
    counter: int


@dataclass(frozen=True)
class Slot:
    """What one slot carries: `vcdu` is 892 bytes."""

    vcid: int
    counter: int
    vcdu: bytes


def vcdu_header(scid: int, vcid: int, counter: int) -> bytes:
    """Version 01, spacecraft, virtual channel, 24-bit counter, replay and spare bits zero."""
    word = (1 << 14) | ((scid & 0xFF) << 6) | (vcid & 0x3F)
    return word.to_bytes(2, "big") + (counter % COUNTER_PERIOD).to_bytes(3, "big") + b"\0"


class PacketZones:
    """Cuts a stream of packets into packet zones of 882 bytes with their first header pointers."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._starts: list[int] = []  # offsets in `_bytes` at which a packet begins

    def push(self, packet: bytes) -> None:
        """Append one whole space packet."""
        self._starts.append(len(self._bytes))
        self._bytes += packet

    @property
    def waiting_bytes(self) -> int:
        """Bytes not sent yet."""
        return len(self._bytes)

    def pop(self) -> tuple[int, bytes] | None:
        """The next full zone as (first header pointer, 882 bytes), or None while it is not full."""
        if len(self._bytes) < ZONE_BYTES:
            return None
        zone = bytes(self._bytes[:ZONE_BYTES])
        del self._bytes[:ZONE_BYTES]
        pointer = self._starts[0] if self._starts and self._starts[0] < ZONE_BYTES else NO_HEADER
        self._starts = [start - ZONE_BYTES for start in self._starts if start >= ZONE_BYTES]
        return pointer, zone


class FrameMaker:
    """Fills one slot after the other with a data frame, or an idle frame when no data is waiting.

    Args:
        scid: spacecraft identifier, 8 bits.
        data_counter: counter of the first data frame, so that a stream can start in the middle.
        idle_counter: counter of the first idle frame.
    """

    def __init__(self, *, scid: int = 0, data_counter: int = 0, idle_counter: int = 0) -> None:
        self.scid = scid
        self._zones = PacketZones()
        self._counters = {DATA_VCID: data_counter, IDLE_VCID: idle_counter}

    def push(self, packet: bytes) -> None:
        """Queue one whole space packet for sending."""
        self._zones.push(packet)

    @property
    def waiting_bytes(self) -> int:
        """Packet bytes queued and not sent yet."""
        return self._zones.waiting_bytes

    def slot(self) -> Slot:
        """What goes into the next slot."""
        full = self._zones.pop()
        vcid = DATA_VCID if full else IDLE_VCID
        pointer, zone = full or (IDLE_ONLY, bytes(ZONE_BYTES))
        counter = self._counters[vcid]
        self._counters[vcid] = (counter + 1) % COUNTER_PERIOD
        insert_zone = b"\0\0"  # encryption flag and key number: none
        header = vcdu_header(self.scid, vcid, counter) + insert_zone + pointer.to_bytes(2, "big")
        return Slot(vcid, counter, header + zone)


def close_frames(slots: Sequence[Slot]) -> list[SentFrame]:
    """Add parity and marker."""
    blocks = add_parity([slot.vcdu for slot in slots])
    return [
        SentFrame(MARKER + block, slot.vcid, slot.counter) for slot, block in zip(slots, blocks, strict=True)
    ]
