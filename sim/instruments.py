"""Packets of whole satellites: which instrument sends how much on which virtual channel.

Sizes and rates of AVHRR (12 966 bytes, 6 a second) and MHS (1308 bytes) are the satellite's; the others are
round figures in proportion, their contents random behind a true time. Virtual channels and APIDs are those
that receivers in use know (SatDump, LeanHRPT).
"""

from __future__ import annotations

import heapq
import math
import struct
from binascii import crc_hqx
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.avhrr import avhrr_line
from sim.framing import TimedPackets
from sim.meteor_hrpt import pack_words

DAY_S = 86_400
DAYS_TO_1958, DAYS_TO_2000 = -4383, 10_957  # from 1970-01-01
FIRST, MIDDLE, LAST, ALONE = 1, 0, 2, 3  # sequence flags
AVHRR_WORDS = 10_355


def space_packet(
    apid: int, sequence: int, body: bytes, *, flags: int = ALONE, second_header: int = 1
) -> bytes:
    """A packet of telemetry (CCSDS 133.0-B)."""
    word = flags << 14 | sequence % 16_384
    return struct.pack(">HHH", second_header << 11 | apid, word, len(body) - 1) + body


def cds_time(posix: float, days_to_epoch: int) -> bytes:
    """Day, millisecond of the day, microsecond of the millisecond (CCSDS 301.0-B)."""
    microseconds = round(posix * 1e6)
    day, rest = divmod(microseconds, DAY_S * 1_000_000)
    return struct.pack(">HIH", day - days_to_epoch, *divmod(rest, 1000))


Body = Callable[[int, float, np.random.Generator], bytes]


@dataclass(frozen=True)
class Instrument:
    """Packets of one APID, evenly in time.

    Attributes:
        vcid: virtual channel.
        apid: of its packets.
        packet_bytes: with the header; of a `body` of its own unused.
        per_second: packets.
        days_to_epoch: of its clock, from 1970.
        body: makes a packet's data from number, POSIX seconds and random numbers; None: time, then noise.
    """

    vcid: int
    apid: int
    packet_bytes: int
    per_second: float
    days_to_epoch: int
    body: Body | None = None

    def data(self, number: int, posix: float, rng: np.random.Generator) -> bytes:
        """What follows the packet's header."""
        if self.body:
            return self.body(number, posix, rng)
        return cds_time(posix, self.days_to_epoch) + rng.bytes(self.packet_bytes - 14)


def avhrr_words(number: int) -> NDArray[np.uint16]:
    """uint16 [10355] of a line as MetOp packs it: space, Earth, thermometer, target."""
    line, words = avhrr_line(number, 103), np.zeros(AVHRR_WORDS, np.uint16)
    words[0:50] = line.space.reshape(-1)
    words[55:10_295] = line.earth.reshape(-1)
    words[10_297:10_300] = line.prt
    words[10_305:] = np.concatenate([line.space[:, :2], line.target], axis=1).reshape(-1)
    return words


def _avhrr(number: int, posix: float, _: np.random.Generator) -> bytes:
    data = cds_time(posix, DAYS_TO_2000) + bytes(6) + pack_words(avhrr_words(number))
    return data + crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _attitude(scid: int) -> Body:
    def body(_: int, posix: float, __: np.random.Generator) -> bytes:
        """APID 11: spacecraft, place and speed (m, m/s) at a time, attitude at a time."""
        time = cds_time(posix, DAYS_TO_1958)
        turn = 2 * math.pi * posix / 6088
        place = (7.2e6 * math.cos(turn), 0.0, 7.2e6 * math.sin(turn))
        speed = (-7.4e3 * math.sin(turn), 0.0, 7.4e3 * math.cos(turn))
        return time + bytes([scid]) + time + struct.pack(">6f", *place, *speed) + time + struct.pack(
            ">4f", 0.0, 0.0, 0.0, 1.0
        )  # fmt: skip

    return body


def _metop(
    vcid: int, apid: int, packet_bytes: int, per_second: float, body: Body | None = None
) -> Instrument:
    return Instrument(vcid, apid, packet_bytes, per_second, DAYS_TO_2000, body)


METOP = (
    _metop(9, 103, 12_966, 6.0, _avhrr),
    *(_metop(10, apid, 8_868, 5.0) for apid in (130, 135, 140, 145)),
    _metop(10, 150, 3_020, 3.0),
    _metop(10, 180, 7_200, 0.125),
    *(_metop(15, apid, 832, 1.75) for apid in range(208, 214)),
    _metop(24, 384, 18_732, 2.67),
    _metop(12, 34, 1_308, 0.375),
    _metop(3, 39, 2_098, 0.125),
    _metop(3, 40, 1_248, 0.125),
    _metop(3, 37, 650, 0.5),
    _metop(34, 6, 4_000, 0.0625),
)
VIIRS_SHARE = 0.8


def _jpss(scid: int, bit_rate: float) -> tuple[Instrument, ...]:
    """VIIRS fills most of the channel; housekeeping once a second."""
    apids = range(800, 824)
    bytes_s = VIIRS_SHARE * bit_rate / 8 * 884 / 1024
    viirs = [Instrument(16, apid, 4_096, bytes_s / 4_096 / len(apids), DAYS_TO_1958) for apid in apids]
    return (
        *viirs,
        Instrument(0, 11, 71, 1.0, DAYS_TO_1958, _attitude(scid)),
        Instrument(0, 8, 400, 20.0, DAYS_TO_1958),
        Instrument(1, 528, 62 * 16, 40.0, DAYS_TO_1958),
        Instrument(6, 1340, 2_000, 40.0, DAYS_TO_1958),
        Instrument(11, 560, 1_200, 10.0, DAYS_TO_1958),
    )


INSTRUMENTS = {"metop_ahrpt": METOP, "jpss_hrd": _jpss(159, 15e6), "noaa21_hrd": _jpss(177, 25e6)}


class InstrumentSource:
    """Packets of a satellite's instruments in order of time.

    Args:
        instruments: a tuple of `INSTRUMENTS`.
        epoch: POSIX seconds of the recording's start.
        seed: of contents and of each instrument's phase.
    """

    def __init__(
        self, instruments: tuple[Instrument, ...], epoch: float, seed: np.random.SeedSequence
    ) -> None:
        self._instruments, self._epoch = instruments, epoch
        self._seeds = seed.spawn(len(instruments))

    def packets(self, start: float, end: float) -> Iterator[TimedPackets]:
        """Packets from `start` to `end`, seconds from the start of the recording."""
        streams = [
            self._packets_of(instrument, start, end, seed)
            for instrument, seed in zip(self._instruments, self._seeds, strict=True)
        ]
        return heapq.merge(*streams, key=lambda batch: batch.time)

    def _packets_of(
        self, instrument: Instrument, start: float, end: float, seed: np.random.SeedSequence
    ) -> Iterator[TimedPackets]:
        rng = np.random.default_rng(seed)
        number, time = int(rng.integers(0, 16_384)), start + rng.uniform(0, 1 / instrument.per_second)
        while time < end:
            data = instrument.data(number, self._epoch + time, rng)
            yield TimedPackets(time, (space_packet(instrument.apid, number, data),), instrument.vcid)
            number, time = number + 1, time + 1 / instrument.per_second
