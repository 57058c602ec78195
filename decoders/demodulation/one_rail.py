"""From samples at any rate to soft bits of signals whose symbols lie on one axis: BPSK and split-phase PM.

    samples ─► blocks on a fixed grid ─► carrier and clock from the squared signal ─► matched filter at the
            symbols ─► carrier phase, both ways in time ─► level and noise ─► soft bits

Split-phase PM with a residual carrier is BPSK with another pulse and a carrier beside it: the data lie 90
degrees ahead of the carrier. What `demodulator` says of grid, start and lost signals holds here too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.carrier import WINDOW_SYMBOLS, turn_back
from decoders.demodulation.clock import Segment
from decoders.demodulation.decimator import Decimator, decimation
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.intake import DemodulatorReport, Intake
from decoders.demodulation.matched_filter import matched_samples
from decoders.demodulation.observer import Observer
from decoders.demodulation.one_rail_estimate import OneRailAnalyser
from decoders.demodulation.one_rail_phase import WINDOW, OneRailPhase, RailWindows
from decoders.demodulation.rails import LevelBlock, LevelKeeper
from decoders.demodulation.segment_filter import PIECE_OUTPUTS
from decoders.demodulation.soft_block import SoftBlock
from decoders.demodulation.split_phase import CARRIER_BITS, TRANSMITTER_HZ, bit_bank, bit_energy, carrier_bank
from decoders.demodulation.tones import without_tones
from decoders.demodulation.tracking import Tracker
from decoders.downlink import Mode
from decoders.errors import DecoderError
from sdr.formats import Codes, Samples

BLOCK_SYMBOLS = {"bpsk": 32_000, "split-phase-pm": 18_000}
"""Symbols of one estimate: the clock of BPSK comes to 0.01 symbol at -2 dB, split phase to 0.002 at 1 dB."""

MODULATIONS = ("bpsk", "split-phase-pm")

_SAMPLES_PER_SYMBOL = {"bpsk": 1.6, "split-phase-pm": 2.4}
_STRAIGHT = 64  # symbols
_DOUBTFUL = WINDOW_SYMBOLS  # on either side of a break of the clock, which is found to a window


def least_sample_rate(mode: Mode) -> float:
    """Lowest sample rate that can hold a signal of `mode`, Hz."""
    return _SAMPLES_PER_SYMBOL[mode.modulation] * mode.symbol_rate


class OneRailDemodulator:
    """Demodulates one signal; hand in samples in any portions, then flush."""

    def __init__(self, mode: Mode, sample_rate: float) -> None:
        """Sets up the stages.

        Args:
            mode: Its modulation is "bpsk" or "split-phase-pm".
            sample_rate: Hz, at least 1.6 (BPSK) or 2.4 (split phase) times the symbol rate.

        Raises:
            DecoderError: A value that cannot work.
        """
        _check(mode, sample_rate)
        split_phase = mode.modulation == "split-phase-pm"
        band_hz = TRANSMITTER_HZ / 2 if split_phase else (1 + mode.rolloff) / 2 * mode.symbol_rate
        band_hz += mode.carrier_reach_hz
        factor = decimation(sample_rate, mode.symbol_rate, band_hz)
        rate = sample_rate / factor
        self._bank, self._carrier_bank = _banks(mode, rate)
        # A group of carrier bits may begin with the last bit of a piece.
        group = 0 if self._carrier_bank is None else self._carrier_bank.half_span
        self._margin = 2 * group
        symbols = BLOCK_SYMBOLS[mode.modulation]
        block = 2 * scipy.fft.next_fast_len(round(symbols * rate / mode.symbol_rate / 2))
        tracker = Tracker(OneRailAnalyser(mode, rate, self._bank, block))
        decimator = Decimator(factor, band_hz / sample_rate)
        self._intake = Intake(decimator, tracker, block, self._margin)
        self._phase = OneRailPhase(WINDOW // CARRIER_BITS if split_phase else 0)
        self._level = LevelKeeper()
        # Energy of the pulse per symbol; and what the filter does not take of it, for Es/N0.
        self._pulse_energy = bit_energy(mode.symbol_rate) if split_phase else 1.0
        noise = float(np.mean(np.sum(self._bank.taps**2, axis=1))) * rate / mode.symbol_rate
        self._energy_factor = noise * self._pulse_energy
        # Where no code mends and no parity tells them, bits that may be another's are given as lost.
        self._erase_breaks = not mode.protected
        # Of the symbols, and of the windows, that are still on their way.
        self._instants = np.zeros(0)
        self._seen = np.zeros(0, np.bool_)
        self._carrier_share = np.zeros(0)
        self.observer: Observer | None = None

    @property
    def factor(self) -> int:
        """By which the rate is lowered first."""
        return self._intake.factor

    @property
    def report(self) -> DemodulatorReport:
        """What happened so far."""
        return self._intake.report

    def process(self, samples: Samples | Codes, *, patient: bool = False) -> SoftBlock:
        """Takes more samples and returns the soft bits that no later sample can change, or some of them."""
        segments = self._intake.process(samples, patient=patient)
        blocks = [block for segment in segments for block in self._demodulated(segment)]
        return self._counted(SoftBlock.joined(blocks))

    def flush(self) -> SoftBlock:
        """The rest, once there are no more samples."""
        blocks = [block for segment in self._intake.flush() for block in self._demodulated(segment)]
        if self._intake.end == 0:
            return SoftBlock.joined([])
        blocks.append(self._give(self._phase.flush()))
        blocks.append(self._attach(self._level.flush()))
        return self._counted(self._intake.within(SoftBlock.joined(blocks)))

    def _counted(self, block: SoftBlock) -> SoftBlock:
        if self.observer is not None:
            self.observer.soft(block)
        return self._intake.counted(block)

    def _demodulated(self, segment: Segment) -> list[SoftBlock]:
        """Soft bits of a segment, as far as they are final, a piece at a time."""
        blocks = []
        if self.observer is not None:
            self.observer.segment(segment, partial(self._oversampled, segment))
        broken = self._erase_breaks and not segment.joined and self._seen[-1:].any()
        for first in range(0, segment.count, PIECE_OUTPUTS):
            count = min(PIECE_OUTPUTS, segment.count - first)
            start = segment.first_instant + segment.output_step * first
            piece = self._piece(segment, start, count)
            symbols = piece.filtered(self._bank, start, 1, count)
            carrier = self._carrier(piece, segment, first, count)
            instants = (start + segment.output_step * np.arange(count)) * self._intake.factor
            self._instants = np.concatenate([self._instants, instants])
            self._seen = np.concatenate([self._seen, np.full(count, segment.locked)])
            if first == 0 and broken:
                self._seen[-count - _DOUBTFUL :][: 2 * _DOUBTFUL] = False
            blocks.append(self._give(self._phase.process(symbols, carrier)))
        return blocks

    def _oversampled(
        self, segment: Segment, output: int, per_symbol: int, count: int
    ) -> NDArray[np.complex64]:
        closer = replace(segment, output_step=segment.output_step / per_symbol)
        start = segment.first_instant + segment.output_step * output
        return self._piece(closer, start, count).filtered(self._bank, start, 1, count)

    def _piece(self, segment: Segment, start: float, count: int) -> _Piece:
        """The samples that `count` symbols from instant `start` on and their carrier need."""
        held, origin = self._intake.held, self._intake.origin
        margin = max(self._margin, self._bank.half_span) + 2
        last = start + segment.output_step * (count - 1)
        begin = max(int(start) - margin, origin)
        samples = held[begin - origin : max(int(last) + margin + 1 - origin, 0)]
        frequency = segment.frequency + segment.frequency_slope * ((start + last) / 2 - segment.start)
        if segment.disturbed:
            samples, _ = without_tones(samples, frequency, residual=self._carrier_bank is not None)
        return _Piece(samples, begin, frequency, segment)

    def _carrier(self, piece: _Piece, segment: Segment, first: int, count: int) -> NDArray[np.complex64]:
        """The residual carrier, turned onto the data's axis, once for `CARRIER_BITS` bits from `first` on.

        The values lie on a grid of bits that goes through all segments.
        """
        if self._carrier_bank is None:
            return np.zeros(0, np.complex64)
        skipped = -(segment.first_output + first) % CARRIER_BITS
        values = max(-(-(count - skipped) // CARRIER_BITS), 0)
        middle = first + skipped + (CARRIER_BITS - 1) / 2
        start = segment.first_instant + middle * segment.output_step
        return piece.filtered(self._carrier_bank, start, CARRIER_BITS, values) * np.complex64(1j)

    def _give(self, windows: RailWindows) -> SoftBlock:
        if self.observer is not None:
            self.observer.windows(windows.symbols)
        self._carrier_share = np.concatenate([self._carrier_share, windows.carrier_share])
        return self._attach(self._level.process(windows.rails))

    def _attach(self, level: LevelBlock) -> SoftBlock:
        """Attaches positions to soft bits, and cuts what was filled up."""
        rows = len(level.soft_bits)
        share, self._carrier_share = self._carrier_share[:rows], self._carrier_share[rows:]
        symbols = min(level.soft_bits.size, len(self._instants))
        instants, self._instants = self._instants[:symbols], self._instants[symbols:]
        seen, self._seen = self._seen[:symbols], self._seen[symbols:]
        locked = seen & np.repeat(level.present, WINDOW)[:symbols]
        # A rail's A^2/s2 is twice the data's energy over N0; the residual carrier's energy counts as well.
        esn0_db = level.esn0_db + 10 * np.log10(self._energy_factor / 2 * (1 + share / self._pulse_energy))
        return SoftBlock(
            soft_bits=level.soft_bits.reshape(-1)[:symbols] * seen,
            sample_index=instants,
            esn0_db=np.where(locked, np.repeat(esn0_db, WINDOW)[:symbols], np.nan).astype(np.float32),
            locked=locked,
        )


@dataclass(frozen=True)
class _Piece:
    """Samples of a piece of a segment from sample number `begin` on, and the carrier in their middle."""

    samples: NDArray[np.complex64]
    begin: int
    frequency: float
    segment: Segment

    def filtered(self, bank: PolyphaseBank, first: float, every: int, count: int) -> NDArray[np.complex64]:
        """Outputs of a filter from instant `first`, `every` so many symbols, turned back by the carrier."""
        if count <= 0:
            return np.zeros(0, np.complex64)
        segment, begin = self.segment, self.begin
        step = segment.output_step * every
        outputs = matched_samples(
            self.samples, bank, first=first - begin, step=step, count=count, frequency=self.frequency
        )
        # The carrier's phase beyond the mixer's, straight over pieces: 400 Hz/s bends it by 1e-6 turns.
        piece = max(_STRAIGHT // every, 1)
        corner = first + step * piece * np.arange(count // piece + 2)
        since = corner - segment.start
        turns = segment.turns + since * (segment.frequency + segment.frequency_slope / 2 * since)
        turns -= self.frequency * (corner - begin)
        return turn_back(outputs, turns[:-1] % 1.0, np.diff(turns) / piece, piece)


def _banks(mode: Mode, sample_rate: float) -> tuple[PolyphaseBank, PolyphaseBank | None]:
    """The matched filter, and the one of the residual carrier."""
    if mode.modulation == "bpsk":
        return PolyphaseBank.matched(
            sample_rate=sample_rate, symbol_rate=mode.symbol_rate, rolloff=mode.rolloff
        ), None
    return bit_bank(sample_rate, mode.symbol_rate), carrier_bank(sample_rate, mode.symbol_rate)


def _check(mode: Mode, sample_rate: float) -> None:
    if mode.modulation not in MODULATIONS:
        raise DecoderError(f"modulation {mode.modulation!r}: give one of {', '.join(MODULATIONS)}")
    least = least_sample_rate(mode)
    if not (np.isfinite(sample_rate) and sample_rate >= least):
        raise DecoderError(
            f"sample rate {sample_rate} Hz is too low for {mode.symbol_rate:.0f} symbols per second of "
            f"{mode.modulation}: record with at least {least:.0f} Hz"
        )
