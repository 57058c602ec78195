"""The transmitter: frames in their slots, coded, as an endless stream of pulses that starts in the middle.

Pulse number 0 (a symbol; of split phase a half-bit) is sent at the stream's time 0. Frame j starts with
information bit `frame_bits` j, so that a slot lasts as long in 80k as in 72k; the 80k mode spreads its coded
bits over the 17.92 s of the interleaver.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.coding import (
    BRANCH_DELAY_BITS,
    BRANCHES,
    SYNC_PAYLOAD_BITS,
    SYNC_PERIOD_BITS,
    SYNC_WORD,
    Bits,
    ConvolutionalEncoder,
    Interleaver,
    NrzM,
    Puncturer,
    SyncInserter,
    randomise,
)
from sim.framing import SentFrame
from sim.mode import Mode
from sim.modes import mode_named
from sim.modulator import rails
from sim.split_phase import half_bits

__all__ = ["ChannelCoder", "FrameStream", "SentSlot", "SymbolStream", "frame_places", "mode_named"]

BATCH_BITS = 65_536


class FrameStream(Protocol):
    """Gives frame after frame."""

    def take(self, times: Sequence[float]) -> list[SentFrame]:
        """Frames of the next slots, which begin at `times`, seconds from the start of the recording."""


@dataclass(frozen=True)
class SentSlot:
    """A frame and where it lies: places of its first and last coded pulse, counted from pulse 0."""

    frame: SentFrame
    first_place: float
    last_place: float


def frame_places(mode: Mode, number: int) -> tuple[float, float]:
    """First and last place that carry coded bits of frame `number`."""
    if mode.interleaved:
        return _interleaved_places(mode, number)
    length = mode.frame_bits * mode.pulses_per_bit
    return math.floor(length * number), math.ceil(length * (number + 1)) - 1 + mode.lag


def _interleaved_places(mode: Mode, number: int) -> tuple[float, float]:
    first, last = 2 * mode.frame_bits * number, 2 * mode.frame_bits * (number + 1) - 1
    first += -first % BRANCHES  # the first bit of branch 0, which is not delayed
    last -= (last + 1) % BRANCHES  # the last bit of the last branch
    first, last = (_marked(k + k % BRANCHES * BRANCH_DELAY_BITS) for k in (first, last))
    return first // 2 + (first % 2) * mode.lag, last // 2 + (last % 2) * mode.lag


def _marked(bit: int) -> int:
    """Place of an interleaved bit among the sync words."""
    return bit // SYNC_PAYLOAD_BITS * SYNC_PERIOD_BITS + SYNC_WORD.size + bit % SYNC_PAYLOAD_BITS


class ChannelCoder:
    """Frames to the bits that are sent."""

    def __init__(self, mode: Mode, seed: np.random.SeedSequence) -> None:
        # The transmitter has been on for hours: its memories hold something, not zeros.
        state = np.random.default_rng(seed).integers(0, 2, 7)
        self._mode = mode
        self._nrzm = NrzM(int(state[0])) if mode.differential else None
        self._encoder = ConvolutionalEncoder([int(bit) for bit in state[1:]]) if mode.code != "none" else None
        self._puncturer = Puncturer(mode.code, mode.rail_order) if self._encoder else None
        self._interleaver = Interleaver() if mode.interleaved else None
        self._sync = SyncInserter()

    def process(self, frames: NDArray[np.uint8]) -> Bits:
        """Bits that are sent for uint8 [n, frame bytes], CADUs derandomised or words of 16 bits."""
        bits = self._frame_bits(frames)
        if self._nrzm:
            bits = self._nrzm.process(bits)
        if self._encoder and self._puncturer:
            bits = self._puncturer.process(self._encoder.process(bits))
        if self._interleaver:
            bits = self._sync.process(self._interleaver.process(bits))
        return bits

    def _frame_bits(self, frames: NDArray[np.uint8]) -> Bits:
        if self._mode.raw_words:
            return np.unpackbits(frames.reshape(-1, 2), axis=1)[:, 6:].reshape(-1)
        return np.unpackbits((randomise(frames) if self._mode.randomised else frames).reshape(-1))


def pulses(mode: Mode, bits: Bits) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rails I and Q that carry bits; a stream of them has unit power behind the pulse's bank."""
    if mode.split_phase:
        return half_bits(bits, mode.deviation_deg)
    if mode.modulation == "bpsk":
        flips = np.resize(np.array([0, mode.second_inverted], np.uint8), bits.size)
        rail = np.array([1, -1], np.float32)[bits ^ flips]
        return rail, np.zeros_like(rail)
    return rails(bits, second_inverted=mode.second_inverted)


class SymbolStream:
    """Rails of any stretch of pulses, asked for in rising order.

    Args:
        mode: one of `MODES`.
        frames: what is to be sent.
        start: time of pulse 0, seconds from the start of the recording (negative: before it).
        seed: of the memories at the start.
        sent: is told of every frame as it enters the stream.
    """

    def __init__(
        self,
        mode: Mode,
        frames: FrameStream,
        start: float,
        seed: np.random.SeedSequence,
        sent: Callable[[SentSlot], None],
    ) -> None:
        self._mode, self._start, self._sent = mode, start, sent
        self._frames = frames
        self._coder = ChannelCoder(mode, seed)
        self._number = 0  # of the next frame
        self._first = 0  # pulse at the head of the rails kept
        self._i = np.zeros(0, np.float32)
        self._q = np.zeros(0, np.float32)

    def rails(self, first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rails of the pulses `first` … `last`, both included; earlier pulses are forgotten."""
        if first < self._first:
            raise ValueError(f"symbol {first} is asked for after {self._first}; symbols go forward only")
        cut = first - self._first
        parts, have = [(self._i[cut:], self._q[cut:])], self._first + self._i.size
        while have <= last:
            pair = pulses(self._mode, self._coder.process(self._batch()))
            parts.append((pair[0][max(first - have, 0) :], pair[1][max(first - have, 0) :]))
            have += pair[0].size
        self._first = first
        if len(parts) > 1:
            self._i, self._q = (np.concatenate(rail) for rail in zip(*parts, strict=True))
        else:
            self._i, self._q = parts[0]
        return self._i[: last + 1 - first], self._q[: last + 1 - first]

    def _batch(self) -> NDArray[np.uint8]:
        count = max(1, BATCH_BITS // self._mode.frame_bits)
        period = self._mode.frame_period_s
        frames = self._frames.take([self._start + (self._number + k) * period for k in range(count)])
        for frame in frames:
            self._sent(SentSlot(frame, *frame_places(self._mode, self._number)))
            self._number += 1
        return np.frombuffer(b"".join(frame.cadu for frame in frames), np.uint8).reshape(count, -1)
