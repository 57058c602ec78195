"""Where the transmitter's packets come from: the camera, or random packets for tests of the link alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Protocol

import numpy as np

from sim.framing import TimedPackets
from sim.space_packets import ALONE, space_packet

STRIP_PERIOD_S = 8 / 6.498
IMAGE_APID = 64
STRIP_BYTES = 9541  # of packets that fit into the frames of a strip period


class PacketSource(Protocol):
    """Gives the packets of a stretch of time."""

    def packets(self, start: float, end: float) -> Iterator[TimedPackets]:
        """Packets of what is scanned from `start` to `end`, seconds from the start of the recording."""


class FillSource:
    """Random packets in the rhythm of the instrument's strips, without any scene.

    Args:
        load: share of the channel's capacity that is used, 0 (idle frames only) … 1.
        seed: of lengths and contents.
    """

    def __init__(self, load: float = 0.9, seed: int = 0) -> None:
        self.load = load
        self._seed = seed

    def packets(self, start: float, end: float) -> Iterator[TimedPackets]:
        """Packets of strips that begin from `start` to `end`, seconds from the start of the recording."""
        rng = np.random.default_rng(self._seed)
        sequence = count()
        for strip in range(int((end - start) / STRIP_PERIOD_S) + 1):
            left = round(self.load * STRIP_BYTES)
            packets = []
            while left >= 7:
                length = min(left, int(rng.integers(7, 500)))
                packets.append(space_packet(IMAGE_APID, ALONE, next(sequence), rng.bytes(length - 6)))
                left -= length
            yield TimedPackets(start + (strip + 1) * STRIP_PERIOD_S, tuple(packets))
