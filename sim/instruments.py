"""Satellites whose frames carry the packets of several instruments, each in its own rhythm."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sim.framing import TimedPackets
from sim.space_packets import ALONE, COUNTER_MODULUS, FIRST, LAST, MIDDLE, cds_time, space_packet

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
        group: packets that belong together; only the first of them has a secondary header.
    """

    vcid: int
    apid: int
    packet_bytes: int
    per_second: float
    days_to_epoch: int
    body: Body | None = None
    group: int = 1

    def packet(self, number: int, posix: float, rng: np.random.Generator) -> bytes:
        """The packet with that number, counted from whenever."""
        flags = self._flags(number % self.group)
        data = self.body(number, posix, rng) if self.body else self._noise(posix, rng)
        return space_packet(self.apid, flags, number, data, second_header=flags in (FIRST, ALONE))

    def _flags(self, place: int) -> int:
        if self.group == 1:
            return ALONE
        return FIRST if place == 0 else LAST if place == self.group - 1 else MIDDLE

    def _noise(self, posix: float, rng: np.random.Generator) -> bytes:
        return cds_time(posix, self.days_to_epoch) + rng.bytes(self.packet_bytes - 14)


class InstrumentSource:
    """Packets of a satellite's instruments in order of time.

    Args:
        instruments: of one satellite.
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
        number = int(rng.integers(0, COUNTER_MODULUS))
        time = start + rng.uniform(0, 1 / instrument.per_second)
        while time < end:
            packet = instrument.packet(number, self._epoch + time, rng)
            yield TimedPackets(time, (packet,), instrument.vcid)
            number, time = number + 1, time + 1 / instrument.per_second
