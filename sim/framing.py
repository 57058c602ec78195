"""Packets to transfer frames: M_PDU, VCDU with insert zone, Reed-Solomon parity, marker; one CADU per slot.

Layout (CCSDS 701.0-B); the sizes stand in the mode, those of LRPT and MetOp are

    marker 1ACFFC1D | header 6 | insert zone 2 | first header pointer 2 | packet zone 882 | parity 4 x 32

As in life a virtual channel sends a frame only when it has a full packet zone; a slot for which none has is
filled by an idle frame of virtual channel 63.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim.coding import add_parity
from sim.mode import Mode
from sim.modes import MODES

MARKER = bytes.fromhex("1acffc1d")
DATA_VCID = 5  # of LRPT
IDLE_VCID = 63
NO_HEADER = 2047  # first header pointer: no packet starts in this zone
IDLE_ONLY = 2046  # first header pointer: the zone holds idle data only
COUNTER_PERIOD = 1 << 24
LRPT = MODES["72k"]
ZONE_BYTES = LRPT.zone_bytes


@dataclass(frozen=True)
class SentFrame:
    """One frame as sent.

    Attributes:
        cadu: as its file holds it: a CADU with marker and parity, derandomised, or 16-bit words big-endian.
        vcid: 0 where there are no virtual channels.
        counter: of its virtual channel, or of all frames.
    """

    cadu: bytes
    vcid: int
    counter: int


@dataclass(frozen=True)
class Slot:
    """What one slot carries: `vcdu` is the frame without marker and parity."""

    vcid: int
    counter: int
    vcdu: bytes


@dataclass(frozen=True)
class TimedPackets:
    """Packets that are ready for sending at `time`, seconds from the start of the recording.

    Attributes:
        time: when.
        packets: whole space packets.
        vcid: virtual channel.
        ends: what is left of the last packet zone is filled with zeros and sent at once.
    """

    time: float
    packets: tuple[bytes, ...]
    vcid: int = DATA_VCID
    ends: bool = False


def vcdu_header(scid: int, vcid: int, counter: int) -> bytes:
    """Version 01, spacecraft, virtual channel, 24-bit counter, replay and spare bits zero."""
    word = (1 << 14) | ((scid & 0xFF) << 6) | (vcid & 0x3F)
    return word.to_bytes(2, "big") + (counter % COUNTER_PERIOD).to_bytes(3, "big") + b"\0"


class PacketZones:
    """Cuts a stream of packets into packet zones with their first header pointers."""

    def __init__(self, zone_bytes: int = ZONE_BYTES) -> None:
        self._size = zone_bytes
        self._bytes = bytearray()
        self._starts: deque[int] = (
            deque()
        )  # places, counted from the stream's first byte, of packets' beginnings
        self._sent = 0

    def push(self, packet: bytes) -> None:
        """Append one whole space packet."""
        self._starts.append(self._sent + len(self._bytes))
        self._bytes += packet

    def pad(self) -> None:
        """Fill the last zone with zeros."""
        self._bytes += bytes(-len(self._bytes) % self._size)

    @property
    def waiting_bytes(self) -> int:
        """Bytes not sent yet."""
        return len(self._bytes)

    @property
    def full(self) -> bool:
        """Whether a zone can be sent."""
        return len(self._bytes) >= self._size

    def pop(self) -> tuple[int, bytes] | None:
        """The next full zone as (first header pointer, zone), or None while it is not full."""
        if not self.full:
            return None
        zone = bytes(self._bytes[: self._size])
        del self._bytes[: self._size]
        begin, self._sent = self._sent, self._sent + self._size
        pointer = self._starts[0] - begin if self._starts and self._starts[0] < self._sent else NO_HEADER
        while self._starts and self._starts[0] < self._sent:
            self._starts.popleft()
        return pointer, zone


class FrameMaker:
    """Fills one slot after the other with a data frame, or an idle frame when no data is waiting.

    Args:
        mode: gives the layout.
        scid: spacecraft identifier, 8 bits; None for the mode's.
        data_counter: of the first frame of every data channel, so that a stream can start in the middle.
        idle_counter: counter of the first idle frame.
    """

    def __init__(
        self, *, mode: Mode = LRPT, scid: int | None = None, data_counter: int = 0, idle_counter: int = 0
    ) -> None:
        self.mode, self.scid = mode, mode.scid if scid is None else scid
        self._zones: dict[int, PacketZones] = {}
        self._first = data_counter
        self._counters = {IDLE_VCID: idle_counter}

    def push(self, packet: bytes, vcid: int = DATA_VCID) -> None:
        """Queue one whole space packet for sending."""
        self._channel(vcid).push(packet)

    def end(self, vcid: int) -> None:
        """Fill up the last packet zone of a channel, so that nothing of it waits."""
        self._channel(vcid).pad()

    @property
    def waiting_bytes(self) -> int:
        """Packet bytes queued and not sent yet."""
        return sum(zones.waiting_bytes for zones in self._zones.values())

    def slot(self) -> Slot:
        """What goes into the next slot: a frame of the channel that has waited longest for its turn."""
        vcid = next((vcid for vcid, zones in self._zones.items() if zones.full), IDLE_VCID)
        pointer, zone = self._take_turn(vcid) or (IDLE_ONLY, bytes(self.mode.zone_bytes))
        counter = self._counters.get(vcid, self._first)
        self._counters[vcid] = (counter + 1) % COUNTER_PERIOD
        insert_zone = bytes(self.mode.insert_zone_bytes)  # LRPT: encryption flag and key number: none
        header = vcdu_header(self.scid, vcid, counter) + insert_zone + pointer.to_bytes(2, "big")
        return Slot(vcid, counter, header + zone + bytes(self.mode.trailer_bytes))

    def _take_turn(self, vcid: int) -> tuple[int, bytes] | None:
        if vcid not in self._zones:
            return None
        self._zones[vcid] = zones = self._zones.pop(vcid)  # to the end of the queue
        return zones.pop()

    def _channel(self, vcid: int) -> PacketZones:
        return self._zones.setdefault(vcid, PacketZones(self.mode.zone_bytes))


def close_frames(slots: Sequence[Slot], mode: Mode = LRPT) -> list[SentFrame]:
    """Add parity and marker."""
    blocks = add_parity([slot.vcdu for slot in slots], mode.rs_interleave, dual=mode.rs_dual)
    return [
        SentFrame(MARKER + block, slot.vcid, slot.counter) for slot, block in zip(slots, blocks, strict=True)
    ]


class CaduFrames:
    """Frames of a mode of CADUs, of packets as they become ready.

    Args:
        mode: gives the layout.
        packets: what is to be sent, times rising.
        data_counter: see `FrameMaker`.
        idle_counter: likewise.
    """

    def __init__(
        self, mode: Mode, packets: Iterator[TimedPackets], data_counter: int, idle_counter: int
    ) -> None:
        self._mode, self._packets = mode, packets
        self._maker = FrameMaker(mode=mode, data_counter=data_counter, idle_counter=idle_counter)
        self._ahead: TimedPackets | None = next(packets, None)

    def take(self, times: Sequence[float]) -> list[SentFrame]:
        """Frames of the next slots, which begin at `times`, seconds from the start of the recording."""
        slots = []
        for time in times:
            self._take_packets(time)
            slots.append(self._maker.slot())
        return close_frames(slots, self._mode)

    def _take_packets(self, until: float) -> None:
        while self._ahead is not None and self._ahead.time <= until:
            for packet in self._ahead.packets:
                self._maker.push(packet, self._ahead.vcid)
            if self._ahead.ends:
                self._maker.end(self._ahead.vcid)
            self._ahead = next(self._packets, None)
