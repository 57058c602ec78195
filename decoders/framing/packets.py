"""Space packets out of the packet zones of transfer frames (M_PDU service).

CCSDS 732.0-B-2 (AOS), sections 4.1.2 (frame header) and 4.1.4.2 (M_PDU); CCSDS 133.0-B-1, section 4.1.2.

Frame:    version(2)=01 | spacecraft(8) | VCID(6) | counter(24) | signalling(8) | insert zone | M_PDU
M_PDU:    spare(5) | first header pointer(11) | packet zone
Packet:   version(3)=000 | type(1) | secondary header flag(1) | APID(11) | flags(2) | count(14) | length-1(16)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

VCDU_BYTES = 892
FRAME_HEADER_BYTES = 6
POINTER_BYTES = 2
PACKET_HEADER_BYTES = 6
IDLE_VCID = 63
IDLE_APID = 2047
NO_HEADER = 2047  # first header pointer: no packet begins in this zone
IDLE_ZONE = 2046  # first header pointer: idle data only
COUNTER_MODULUS = 1 << 24


@dataclass(frozen=True, slots=True)
class Packet:
    """One space packet.

    Attributes:
        apid: application process identifier, 0 to 2046.
        count: the sequence count, 0 to 16383.
        flags: the sequence flags, 0 to 3.
        data: what follows the 6-byte primary header, shorter than announced by `missing_bytes`.
        has_secondary_header: the flag of the primary header.
        vcid: the virtual channel that carried it.
        frame_counter: counter of the frame in which it begins, 0 to 2**24 - 1.
        missing_bytes: bytes at the end that were lost with a frame; 0 for a whole packet.
    """

    apid: int
    count: int
    flags: int
    data: bytes
    has_secondary_header: bool = True
    vcid: int = 0
    frame_counter: int = 0
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FrameGap:
    """A break in a virtual channel's counter after the frame `after`; `lost` frames, 0 where it went back."""

    vcid: int
    after: int
    lost: int


@dataclass(frozen=True, slots=True)
class PacketReport:
    """What the assembler saw; nothing is dropped without being counted here."""

    frames: int = 0
    frames_idle: int = 0
    frames_repeated: int = 0
    frames_refused: int = 0
    packets: int = 0
    packets_idle: int = 0
    packets_cut: int = 0
    bytes_skipped: int = 0
    gaps: tuple[FrameGap, ...] = ()

    @property
    def frames_lost(self) -> int:
        """Frames missing between the first and the last one, by the counters."""
        return sum(gap.lost for gap in self.gaps)


@dataclass(slots=True)
class _VirtualChannel:
    """Where one virtual channel stands: its last counter and the packet that is not complete yet."""

    counter: int | None = None
    pending: bytearray = field(default_factory=bytearray)
    pending_counter: int = 0


class PacketAssembler:
    """Joins packet zones to packets, keeping each virtual channel apart.

    A packet that a lost frame cut off is handed on with its head and `missing_bytes`, because the head of an
    image packet still holds good blocks. The tail of a packet whose head was lost is skipped and counted.
    """

    def __init__(self, insert_zone_bytes: int = 2) -> None:
        zone_start = FRAME_HEADER_BYTES + insert_zone_bytes + POINTER_BYTES
        if not 0 <= insert_zone_bytes < VCDU_BYTES - FRAME_HEADER_BYTES - POINTER_BYTES:
            raise ValueError(
                f"insert_zone_bytes is {insert_zone_bytes}; it must leave room for a packet zone"
            )
        self._pointer_at = zone_start - POINTER_BYTES
        self._zone_start = zone_start
        self._channels: dict[int, _VirtualChannel] = {}
        self._counts: dict[str, int] = {}
        self._gaps: list[FrameGap] = []

    @property
    def report(self) -> PacketReport:
        """The counters so far."""
        return PacketReport(**self._counts, gaps=tuple(self._gaps))

    def process(self, vcdus: Iterable[bytes]) -> list[Packet]:
        """Takes whole frames in order of reception.

        Args:
            vcdus: frames of 892 bytes, without marker and parity.

        Returns:
            The packets that these frames completed, in order.

        Raises:
            ValueError: a frame has another length.
        """
        packets: list[Packet] = []
        for vcdu in vcdus:
            if len(vcdu) != VCDU_BYTES:
                raise ValueError(
                    f"a frame of {len(vcdu)} bytes; a VCDU has {VCDU_BYTES}: cut off marker and parity"
                )
            self._frame(bytes(vcdu), packets)
        return packets

    def flush(self) -> list[Packet]:
        """The heads of the packets that the end of the input cut off."""
        packets: list[Packet] = []
        for vcid, channel in self._channels.items():
            self._cut(vcid, channel, packets)
        return packets

    def _count(self, name: str, number: int = 1) -> None:
        self._counts[name] = self._counts.get(name, 0) + number

    def _frame(self, vcdu: bytes, packets: list[Packet]) -> None:
        self._count("frames")
        vcid, counter = vcdu[1] & 0x3F, int.from_bytes(vcdu[2:5], "big")
        if vcdu[0] >> 6 != 1:
            self._count("frames_refused")
            return
        if vcid == IDLE_VCID:
            self._count("frames_idle")
            return
        channel = self._channels.setdefault(vcid, _VirtualChannel())
        if counter == channel.counter:
            self._count("frames_repeated")
            return
        self._note_gap(vcid, channel, counter, packets)
        channel.counter = counter
        pointer = int.from_bytes(vcdu[self._pointer_at : self._zone_start], "big") & 0x7FF
        self._zone(vcid, channel, pointer, vcdu[self._zone_start :], packets)

    def _note_gap(self, vcid: int, channel: _VirtualChannel, counter: int, packets: list[Packet]) -> None:
        if channel.counter is None:
            return
        lost = (counter - channel.counter - 1) % COUNTER_MODULUS
        if lost:
            went_back = lost >= COUNTER_MODULUS // 2  # a repeated stretch, or another recording
            self._gaps.append(FrameGap(vcid, channel.counter, 0 if went_back else lost))
            self._cut(vcid, channel, packets)

    def _zone(
        self, vcid: int, channel: _VirtualChannel, pointer: int, zone: bytes, packets: list[Packet]
    ) -> None:
        if pointer == NO_HEADER:
            self._continue(vcid, channel, zone, packets)
            return
        if pointer == IDLE_ZONE:
            self._cut(vcid, channel, packets)
            return
        if pointer >= len(zone):
            self._count("frames_refused")
            self._cut(vcid, channel, packets)
            return
        # The pointer is trusted over the length in a packet header: it resynchronises after damage.
        self._continue(vcid, channel, zone[:pointer], packets)
        self._cut(vcid, channel, packets)
        self._walk(vcid, channel, zone, pointer, packets)

    def _continue(self, vcid: int, channel: _VirtualChannel, part: bytes, packets: list[Packet]) -> None:
        """Adds the continuation of the pending packet; what does not belong to one is skipped."""
        if not channel.pending:
            self._count("bytes_skipped", len(part))
            return
        channel.pending += part
        length = _packet_bytes(channel.pending)
        if length is not None and len(channel.pending) >= length:
            self._count("bytes_skipped", len(channel.pending) - length)
            self._emit(vcid, channel.pending_counter, bytes(channel.pending[:length]), 0, packets)
            channel.pending.clear()

    def _walk(
        self, vcid: int, channel: _VirtualChannel, zone: bytes, start: int, packets: list[Packet]
    ) -> None:
        """Takes the packets that begin in this zone one after the other; the last, unfinished one is kept."""
        assert channel.counter is not None  # noqa: S101 - set by the caller; for the type checker
        while start < len(zone):
            head = zone[start : start + PACKET_HEADER_BYTES]
            if not any(head) and not any(zone[start:]):  # zero fill up to the end of the zone
                self._count("packets_idle")
                return
            if head[0] >> 5:  # packet version 000 only: the chain of lengths is broken
                self._count("bytes_skipped", len(zone) - start)
                return
            length = _packet_bytes(head)
            if length is None or start + length > len(zone):
                channel.pending[:] = zone[start:]
                channel.pending_counter = channel.counter
                return
            self._emit(vcid, channel.counter, zone[start : start + length], 0, packets)
            start += length

    def _cut(self, vcid: int, channel: _VirtualChannel, packets: list[Packet]) -> None:
        """Ends the pending packet where it stands."""
        length = _packet_bytes(channel.pending)
        if length is not None:
            self._count("packets_cut")
            missing = length - len(channel.pending)
            self._emit(vcid, channel.pending_counter, bytes(channel.pending), missing, packets)
        else:
            self._count("bytes_skipped", len(channel.pending))
        channel.pending.clear()

    def _emit(self, vcid: int, counter: int, octets: bytes, missing: int, packets: list[Packet]) -> None:
        apid = int.from_bytes(octets[:2], "big") & 0x7FF
        if apid == IDLE_APID or not any(octets[:PACKET_HEADER_BYTES]):
            self._count("packets_idle")
            return
        self._count("packets")
        sequence = int.from_bytes(octets[2:4], "big")
        packets.append(
            Packet(
                apid=apid,
                count=sequence & 0x3FFF,
                flags=sequence >> 14,
                data=octets[PACKET_HEADER_BYTES:],
                has_secondary_header=bool(octets[0] & 0x08),
                vcid=vcid,
                frame_counter=counter,
                missing_bytes=missing,
            )
        )


def _packet_bytes(head: bytes | bytearray) -> int | None:
    """The whole length of the packet that begins with `head`; None while its header is not complete."""
    if len(head) < PACKET_HEADER_BYTES:
        return None
    return int.from_bytes(head[4:6], "big") + 1 + PACKET_HEADER_BYTES
