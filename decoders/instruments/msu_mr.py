"""The imager MSU-MR on LRPT: packets to counts by channel, line and column, with line times and a mask.

A strip is 8 lines by 1568 columns of one channel, sent as 14 packets. Counts are never invented: what did not
come is missing, what came broken is damaged, and both are 0 in the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from decoders.framing.packets import Packet
from decoders.instruments.msu_mr_codec import BLOCK_SIDE, BLOCKS_PER_PACKET, PACKET_COLUMNS, decode_packet
from decoders.instruments.msu_mr_image import (
    COLUMNS,
    DAMAGED,
    FROM_FIT,
    FROM_PACKET,
    GOOD,
    MISSING,
    MsuMrImage,
    MsuMrReport,
    Telemetry,
    telemetry_table,
)
from decoders.instruments.msu_mr_packets import (
    FIRST_IMAGE_APID,
    IMAGE_HEADER_BYTES,
    LAST_IMAGE_APID,
    SERVICE_APID,
    ImageHeader,
    OnboardTime,
    image_header,
    moscow_seconds,
    utc_seconds,
)
from decoders.instruments.msu_mr_strips import COUNT_MODULUS, StripKey, number_strips
from decoders.instruments.msu_mr_telemetry import ServiceRecord, service_record
from decoders.instruments.msu_mr_times import LINES_PER_STRIP, StripTimes, line_times

__all__ = ["DAMAGED", "GOOD", "MISSING", "MsuMrAssembler", "MsuMrImage", "MsuMrReport", "Telemetry"]

PACKETS_PER_STRIP: Final = COLUMNS // PACKET_COLUMNS
# Bits behind the last block: 0 to 15 in all 5692 whole packets of the two real passes at hand.
SPARE_BITS: Final = 32
CREDIBLE_START_S: Final = 43_200.0  # a stamp further than this from the recording's start is not believed
NOTABLE_START_S: Final = 3600.0  # no pass lasts so long: clock or start is wrong
NOON_1970: Final = 43_200.0

TimeKind = Literal["utc", "moscow-no-day", "auto"]


@dataclass(frozen=True, slots=True)
class _Segment:
    """One decoded image packet: 8 x 112 counts of which `blocks` x 8 columns are good."""

    header: ImageHeader
    counts: NDArray[np.uint8]
    blocks: int


class MsuMrAssembler:
    """Collects the packets of one pass; at the end, when counter and clock are known, makes the picture.

    Holds 8 x 112 bytes for each packet, about 16 MB for a pass of 12 minutes.
    """

    def __init__(self, time: TimeKind = "auto", start: datetime | None = None) -> None:
        """Prepares for one pass.

        Args:
            time: how the satellite sends time; "auto" goes by the day, which METEOR-M2 sends as 0.
            start: begin of the recording, aware; needed where the satellite sends no day.

        Raises:
            ValueError: `time` is another word, or `start` has no time zone.
        """
        if time not in ("utc", "moscow-no-day", "auto"):
            raise ValueError(f"time is {time!r}; it must be 'utc', 'moscow-no-day' or 'auto'")
        if start is not None and start.tzinfo is None:
            raise ValueError("start has no time zone; give it in UTC")
        self._time_kind: TimeKind = time
        self._start = start
        self._order: list[
            tuple[int, int, OnboardTime | None]
        ] = []  # APID, phase, time of each plausible packet
        self._content: list[_Segment | ServiceRecord] = []
        self._packets: dict[int, int] = {}
        self._implausible = 0

    def process(self, packets: Iterable[Packet]) -> None:
        """Takes the next packets, of any APID; those of other sources are passed over."""
        for packet in packets:
            if FIRST_IMAGE_APID <= packet.apid <= LAST_IMAGE_APID:
                self._packets[packet.apid] = self._packets.get(packet.apid, 0) + 1
                self._image_packet(packet)
            elif packet.apid == SERVICE_APID:
                self._packets[packet.apid] = self._packets.get(packet.apid, 0) + 1
                self._service_packet(packet)

    def flush(self) -> MsuMrImage | None:
        """The same as `finish`."""
        return self.finish()

    def finish(self) -> MsuMrImage | None:
        """Puts the picture together; None when no image packet could be placed or no time be told."""
        seconds = self._seconds([time for _, _, time in self._order])
        keys = [
            StripKey(apid, phase, second)
            for (apid, phase, _), second in zip(self._order, seconds, strict=True)
        ]
        numbering = number_strips(keys)
        placed, stray = _without_strays(
            [
                (number, segment)
                for number, segment in zip(numbering.numbers, self._content, strict=True)
                if number is not None and isinstance(segment, _Segment)
            ]
        )
        if not placed:
            return None
        first = min(number for number, _ in placed)
        strip_count = max(number for number, _ in placed) - first + 1
        times = self._times(numbering.numbers, seconds, first, strip_count)
        if times is None:
            return None
        picture = _Picture(sorted({segment.header.channel for _, segment in placed}), strip_count)
        for number, segment in placed:
            picture.place(number - first, segment)
        source = np.where(times.stamped, FROM_PACKET, FROM_FIT).astype(np.uint8)
        misplaced = stray + sum(number is None for number in numbering.numbers)
        return MsuMrImage(
            channels=tuple(picture.counts),
            counts=picture.counts,
            quality=picture.quality,
            line_time_s=times.line_time_s,
            line_time_source=np.repeat(source, LINES_PER_STRIP),
            telemetry=self._telemetry(numbering.numbers, seconds, first, strip_count),
            report=MsuMrReport(
                packets=dict(sorted(self._packets.items())),
                implausible=self._implausible,
                misplaced=misplaced,
                repeated=picture.repeated,
                damaged=int(
                    sum((best[best >= 0] < BLOCKS_PER_PACKET).sum() for best in picture.best.values())
                ),
                strips=strip_count,
                strips_lost=int(
                    np.logical_and.reduce([(best < 0).all(1) for best in picture.best.values()]).sum()
                ),
                counts_per_strip=numbering.periods,
                clock=times.pieces,
                clock_outliers=times.outliers,
                date_known=self._sends_day() or self._start is not None,
                notes=self._notes(times, misplaced),
            ),
        )

    def _image_packet(self, packet: Packet) -> None:
        header = image_header(packet)
        if header is None:
            self._implausible += 1
            return
        counts = np.zeros((BLOCK_SIDE, PACKET_COLUMNS), np.uint8)
        scan = packet.data[IMAGE_HEADER_BYTES:]
        blocks, bits = decode_packet(scan, header.quality, counts)
        if blocks == BLOCKS_PER_PACKET and packet.missing_bytes == 0 and len(scan) * 8 - bits >= SPARE_BITS:
            blocks = 0  # the code lost its way somewhere and found an end by chance
            counts[:] = 0
        phase = (packet.count - header.first_block // BLOCKS_PER_PACKET) % COUNT_MODULUS
        self._order.append((packet.apid, phase, header.time))
        self._content.append(_Segment(header, counts, blocks))

    def _service_packet(self, packet: Packet) -> None:
        record = service_record(packet)
        if record is None:
            self._implausible += 1
            return
        self._order.append((packet.apid, packet.count, record.time))
        self._content.append(record)

    def _sends_day(self) -> bool:
        if self._time_kind != "auto":
            return self._time_kind == "utc"
        days = [time.day for _, _, time in self._order if time is not None]
        return sum(day != 0 for day in days) * 2 > len(days)

    def _seconds(self, times: Sequence[OnboardTime | None]) -> list[float | None]:
        """POSIX seconds of packet times."""
        if self._sends_day():
            return [None if time is None else utc_seconds(time) for time in times]
        if self._start is not None:
            near = self._start.timestamp()
        else:  # no day at all: the first packet's time of day on 1970-01-01, the others beside it
            first = next((time for time in times if time is not None), None)
            near = 0.0 if first is None else moscow_seconds(first, NOON_1970)
        return [None if time is None else moscow_seconds(time, near) for time in times]

    def _times(
        self, numbers: Sequence[int | None], seconds: Sequence[float | None], first: int, strip_count: int
    ) -> StripTimes | None:
        stamps: dict[int, list[float]] = {}
        for number, second in zip(numbers, seconds, strict=True):
            if number is not None and second is not None and 0 <= number - first < strip_count:
                stamps.setdefault(number - first, []).append(second)
        strips = np.array(sorted(stamps), np.int64)
        stamps_s = np.array([np.median(stamps[strip]) for strip in strips.tolist()], np.float64)
        if self._start is not None:
            near = np.abs(stamps_s - self._start.timestamp()) <= CREDIBLE_START_S
            stamps_s = np.where(near | ~near.any(), stamps_s, np.nan)
        return line_times(strips, stamps_s, strip_count)

    def _telemetry(
        self, numbers: Sequence[int | None], seconds: Sequence[float | None], first: int, strip_count: int
    ) -> Telemetry:
        rows = []
        for number, second, record in zip(numbers, seconds, self._content, strict=True):
            if isinstance(record, ServiceRecord) and second is not None and number is not None:
                inside = 0 <= number - first < strip_count
                rows.append((second, number - first if inside else -1, record))
        rows.sort(key=lambda row: row[0])
        return telemetry_table(rows)

    def _notes(self, times: StripTimes, misplaced: int) -> tuple[str, ...]:
        notes = []
        if misplaced:
            notes.append(
                f"{misplaced} packets fit neither the counter nor the clock of this pass and are left out"
            )
        if not self._sends_day() and self._start is None:
            notes.append("the satellite sends no day and no start was given: the date is not known")
        if self._start is not None:
            apart_s = float(times.line_time_s[0]) - self._start.timestamp()
            if abs(apart_s) > NOTABLE_START_S:
                notes.append(f"the satellite's clock is {apart_s:+.0f} s from the start of the recording")
        for before, after in zip(times.pieces, times.pieces[1:], strict=False):
            step_s = float(after.time_s - before.at(float(after.first)))
            notes.append(f"the satellite's clock steps by {step_s:+.3f} s at strip {after.first}")
        return tuple(notes)


def _without_strays(placed: Sequence[tuple[int, _Segment]]) -> tuple[list[tuple[int, _Segment]], int]:
    """Leaves out channels that are not on air: a few packets in a long pass whose source number is broken."""
    packets = Counter(segment.header.channel for _, segment in placed)
    least = min(PACKETS_PER_STRIP, max(packets.values(), default=0) // 100)
    kept = [(number, segment) for number, segment in placed if packets[segment.header.channel] >= least]
    return kept, len(placed) - len(kept)


class _Picture:
    """Counts and mask of all channels; of two packets for one place the one with more good blocks stays."""

    def __init__(self, channels: Sequence[int], strip_count: int) -> None:
        shape = (strip_count * LINES_PER_STRIP, COLUMNS)
        self.counts = {channel: np.zeros(shape, np.uint8) for channel in channels}
        self.quality = {channel: np.full(shape, MISSING, np.uint8) for channel in channels}
        self.best = {channel: np.full((strip_count, PACKETS_PER_STRIP), -1, np.int8) for channel in channels}
        self.repeated = 0

    def place(self, strip: int, segment: _Segment) -> None:
        channel, packet = segment.header.channel, segment.header.first_block // BLOCKS_PER_PACKET
        held = int(self.best[channel][strip, packet])
        if held >= 0:
            self.repeated += 1
        if segment.blocks <= held:
            return
        self.best[channel][strip, packet] = segment.blocks
        rows = slice(strip * LINES_PER_STRIP, (strip + 1) * LINES_PER_STRIP)
        start = packet * PACKET_COLUMNS
        good = start + segment.blocks * BLOCK_SIDE
        self.counts[channel][rows, start : start + PACKET_COLUMNS] = segment.counts
        self.quality[channel][rows, start:good] = GOOD
        self.quality[channel][rows, good : start + PACKET_COLUMNS] = DAMAGED
