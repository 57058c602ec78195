"""The transmitter: frames in their slots, coded, as an endless stream of symbols that starts in the middle.

Symbol number 0 is sent at the stream's time 0. Frame j starts with information bit 8192 j, so that a slot
lasts 8192 / 72 000 s in every mode; the 80k mode spreads its coded bits over the 17.92 s of the interleaver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.coding import (
    BRANCH_DELAY_BITS,
    BRANCHES,
    INTERLEAVER_SPAN_BITS,
    SYNC_PAYLOAD_BITS,
    SYNC_PERIOD_BITS,
    SYNC_WORD,
    Bits,
    ConvolutionalEncoder,
    Interleaver,
    NrzM,
    SyncInserter,
    randomise,
)
from sim.errors import SimulationError
from sim.framing import COUNTER_PERIOD, FRAME_BYTES, FrameMaker, SentFrame, close_frames
from sim.modulator import rails

FRAME_BITS = FRAME_BYTES * 8
BIT_RATE = 72_000  # information bits per second in every mode
FRAME_PERIOD_S = FRAME_BITS / BIT_RATE
BATCH_FRAMES = 8


@dataclass(frozen=True)
class Mode:
    """How a satellite sends: `lag` is the delay of Q in symbols."""

    name: str
    symbol_rate: float
    lag: float
    differential: bool
    interleaved: bool

    @property
    def warm_up_s(self) -> float:
        """How long the stream must have run before every branch of the interleaver holds data."""
        return INTERLEAVER_SPAN_BITS / (2 * BIT_RATE) if self.interleaved else 0.0


# METEOR-M2: QPSK without NRZ-M; its successors: OQPSK with NRZ-M, either plain or interleaved.
MODES = {
    mode.name: mode
    for mode in (
        Mode("m2_72k", 72_000.0, 0.0, differential=False, interleaved=False),
        Mode("72k", 72_000.0, 0.5, differential=True, interleaved=False),
        Mode("80k", 80_000.0, 0.5, differential=True, interleaved=True),
    )
}


def mode_named(name: str) -> Mode:
    """The mode of that name; SimulationError lists the known ones."""
    if name not in MODES:
        raise SimulationError(f"unknown mode {name!r}; known are {', '.join(MODES)}")
    return MODES[name]


@dataclass(frozen=True)
class TimedPackets:
    """Packets that are ready for sending at `time`, seconds from the start of the recording."""

    time: float
    packets: tuple[bytes, ...]


@dataclass(frozen=True)
class SentSlot:
    """A frame and where it lies: places of its first and last coded symbol, counted from symbol 0."""

    frame: SentFrame
    first_place: float
    last_place: float


def frame_places(mode: Mode, number: int) -> tuple[float, float]:
    """First and last place that carry coded bits of frame `number`."""
    first, last = 2 * FRAME_BITS * number, 2 * FRAME_BITS * (number + 1) - 1
    if mode.interleaved:
        first += -first % BRANCHES  # the first bit of branch 0, which is not delayed
        last -= (last + 1) % BRANCHES  # the last bit of the last branch
        first, last = (_marked(k + k % BRANCHES * BRANCH_DELAY_BITS) for k in (first, last))
    return first // 2 + (first % 2) * mode.lag, last // 2 + (last % 2) * mode.lag


def _marked(bit: int) -> int:
    """Place of an interleaved bit among the sync words."""
    return bit // SYNC_PAYLOAD_BITS * SYNC_PERIOD_BITS + SYNC_WORD.size + bit % SYNC_PAYLOAD_BITS


class ChannelCoder:
    """CADUs to the bits of the symbols."""

    def __init__(self, mode: Mode, seed: np.random.SeedSequence) -> None:
        # The transmitter has been on for hours: its memories hold something, not zeros.
        state = np.random.default_rng(seed).integers(0, 2, 7)
        self._nrzm = NrzM(int(state[0])) if mode.differential else None
        self._encoder = ConvolutionalEncoder([int(bit) for bit in state[1:]])
        self._interleaver = Interleaver() if mode.interleaved else None
        self._sync = SyncInserter()

    def process(self, cadus: NDArray[np.uint8]) -> Bits:
        """Bits of symbols of uint8 [n, 1024] CADUs (derandomised)."""
        bits = np.unpackbits(randomise(cadus).reshape(-1))
        if self._nrzm:
            bits = self._nrzm.process(bits)
        coded = self._encoder.process(bits)
        if self._interleaver is None:
            return coded
        return self._sync.process(self._interleaver.process(coded))


class SymbolStream:
    """Rails of any stretch of symbols, asked for in rising order.

    Args:
        mode: one of `MODES`.
        packets: what is to be sent, times rising.
        start: time of symbol 0, seconds from the start of the recording (negative: before it).
        seed: of the counters and memories at the start.
        sent: is told of every frame as it enters the stream.
    """

    def __init__(
        self,
        mode: Mode,
        packets: Iterator[TimedPackets],
        start: float,
        seed: np.random.SeedSequence,
        sent: Callable[[SentSlot], None],
    ) -> None:
        counters = np.random.default_rng(seed).integers(0, COUNTER_PERIOD, 2)
        self._mode, self._start, self._sent = mode, start, sent
        self._maker = FrameMaker(data_counter=int(counters[0]), idle_counter=int(counters[1]))
        self._coder = ChannelCoder(mode, seed.spawn(1)[0])
        self._packets = packets
        self._ahead: deque[TimedPackets] = deque()
        self._number = 0  # of the next frame
        self._first = 0  # symbol at the head of the rails kept
        self._i = np.zeros(0, np.float32)
        self._q = np.zeros(0, np.float32)

    def rails(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rails of the symbols `first` … `last`, both included; earlier symbols are forgotten."""
        if first < self._first:
            raise ValueError(f"symbol {first} is asked for after {self._first}; symbols go forward only")
        i_parts, q_parts = [self._i], [self._q]
        have = self._first + self._i.size
        while have <= last:
            i_rail, q_rail = rails(self._coder.process(self._batch()))
            i_parts.append(i_rail)
            q_parts.append(q_rail)
            have += i_rail.size
        cut = first - self._first
        self._i, self._q = np.concatenate(i_parts)[cut:], np.concatenate(q_parts)[cut:]
        self._first = first
        return self._i[: last + 1 - first], self._q[: last + 1 - first]

    def _batch(self) -> NDArray[np.uint8]:
        slots = []
        for number in range(self._number, self._number + BATCH_FRAMES):
            self._take_packets(self._start + number * FRAME_PERIOD_S)
            slots.append(self._maker.slot())
        frames = close_frames(slots)
        for frame in frames:
            self._sent(SentSlot(frame, *frame_places(self._mode, self._number)))
            self._number += 1
        return np.frombuffer(b"".join(frame.cadu for frame in frames), np.uint8).reshape(-1, FRAME_BYTES)

    def _take_packets(self, until: float) -> None:
        while True:
            if not self._ahead:
                following = next(self._packets, None)
                if following is None:
                    return
                self._ahead.append(following)
            if self._ahead[0].time > until:
                return
            for packet in self._ahead.popleft().packets:
                self._maker.push(packet)
