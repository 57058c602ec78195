"""What a demodulator saw, for people who look on: carrier, clock and quality against time, symbols, the eye.

Rows lie on a fixed grid of symbols, one every `ROW_SECONDS`, so that live and replay give the same ones. Each
belongs to one window of symbols, whose values it carries. Nothing here changes what is demodulated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.clock import Segment
from decoders.demodulation.soft_block import SoftBlock
from decoders.downlink import Mode

ROW_SECONDS = 0.1
EYE_SYMBOLS, EYE_PER_SYMBOL = 32, 16

Complexes = NDArray[np.complex64]
Oversampled = Callable[[int, int, int], Complexes]
"""Matched filter from an output of the segment on: its number, values per symbol, how many."""


@dataclass(frozen=True)
class Row:
    """One look at the signal.

    Attributes:
        time_s: Middle of the row's window, seconds of the recording.
        carrier_hz: Offset from the centre of the recording.
        clock_ppm: Symbol rate against its nominal one.
        ebn0_db: Per information bit out of the inner decoder.
        locked: The signal was seen; without it the others say nothing.
        symbols: complex64[128] (two rails) or [256] (one), turned upright, of mean power 1. OQPSK: both rails
            at their own instants.
        eye: complex64[`EYE_SYMBOLS` * `EYE_PER_SYMBOL`], the matched filter from the row's first symbol on,
            turned and scaled likewise; empty where nobody asked for it.
    """

    time_s: float
    carrier_hz: float
    clock_ppm: float
    ebn0_db: float
    locked: bool
    symbols: Complexes
    eye: Complexes


class Observer:
    """Joins what the stages of a demodulator tell into rows.

    Args:
        mode: What is demodulated.
        sample_rate: Hz, of the recording.
        factor: By which the demodulator lowers it first.
        give: Called with each row, in order.
        eye: Whether rows carry it.
    """

    def __init__(
        self, mode: Mode, sample_rate: float, factor: int, give: Callable[[Row], None], *, eye: bool
    ) -> None:
        self._mode, self._rate, self._factor = mode, sample_rate, factor
        self._give, self._wants_eye = give, eye
        self._paired = mode.soft_bits_per_symbol == 2
        self._outputs_per_symbol = 2 if mode.modulation == "oqpsk" else 1
        self._window = 128 if self._paired else 256
        self._every = max(round(ROW_SECONDS * mode.symbol_rate / self._window), 1)
        self._segments: deque[Segment] = deque()
        self._eyes: deque[Complexes] = deque()
        self._symbols: deque[Complexes] = deque()
        self._eye_row = self._row = 0
        self._windows = self._given = 0  # windows of symbols, and symbols, that have come

    def segment(self, segment: Segment, oversampled: Oversampled) -> None:
        """A stretch of carrier and clock, in order."""
        self._segments.append(segment)
        while self._wants_eye and (output := self._first_output(self._eye_row)) < _end(segment):
            eye = np.zeros(EYE_SYMBOLS * EYE_PER_SYMBOL, np.complex64)
            if segment.locked:
                eye = oversampled(output - segment.first_output, EYE_PER_SYMBOL, len(eye))
            self._eyes.append(eye)
            self._eye_row += 1

    def windows(self, values: NDArray[np.float32] | Complexes) -> None:
        """The next windows of symbols: complex64[n, 256], or rails in turn float32[n, 256]."""
        symbols = values if values.dtype == np.complex64 else values.view(np.complex64)
        first = -self._windows % self._every
        self._symbols.extend(row.copy() for row in symbols[first :: self._every])
        self._windows += len(symbols)

    def soft(self, block: SoftBlock) -> None:
        """Soft bits of the next symbols: the rows they complete come out."""
        begin, self._given = self._given, self._given + len(block.locked)
        while self._symbols and (middle := self._middle(self._row)) < self._given:
            at = middle - begin
            self._make(float(block.sample_index[at]), float(block.esn0_db[at]), bool(block.locked[at]))
            self._row += 1

    def _make(self, sample: float, esn0_db: float, locked: bool) -> None:
        at = sample / self._factor
        while len(self._segments) > 1 and self._segments[0].end <= at:
            self._segments.popleft()
        segment, rate = self._segments[0], self._rate / self._factor
        carrier = segment.frequency + segment.frequency_slope * (at - segment.start)
        clock = rate / segment.output_step / self._outputs_per_symbol / self._mode.symbol_rate
        symbols, eye = self._symbols.popleft(), np.zeros(0, np.complex64)
        if self._wants_eye:
            eye = self._turned(self._eyes.popleft(), symbols)
        scale = np.float32(1 / np.sqrt(max(float(np.mean(np.abs(symbols) ** 2)), 1e-30)))
        ebn0_db = esn0_db - 10 * float(np.log10(self._mode.information_bits_per_symbol))
        self._give(
            Row(
                sample / self._rate, carrier * rate, 1e6 * (clock - 1), ebn0_db, locked,
                symbols * scale, eye * scale,
            )
        )  # fmt: skip

    def _turned(self, eye: Complexes, symbols: Complexes) -> Complexes:
        """The phase follower came later: the eye is turned so that its symbols meet those of the window."""
        at, known = eye[::EYE_PER_SYMBOL], symbols[:EYE_SYMBOLS]
        if self._outputs_per_symbol == 2:
            late = eye[EYE_PER_SYMBOL // 2 :: EYE_PER_SYMBOL]
            turn = np.sum(at * known.real) - 1j * np.sum(late * known.imag)
        else:
            turn = np.sum(at * known.conj())
        return np.asarray(eye * np.exp(-1j * np.angle(turn)), np.complex64)

    def _first_output(self, row: int) -> int:
        return row * self._every * self._window * self._outputs_per_symbol

    def _middle(self, row: int) -> int:
        return row * self._every * self._window + self._window // 2


def _end(segment: Segment) -> int:
    return segment.first_output + segment.count
