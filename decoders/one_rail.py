"""From samples at any rate to soft bits of signals whose symbols lie on one axis: BPSK and split-phase PM.

    samples ─► blocks on a fixed grid ─► carrier and clock from the squared signal ─► matched filter at the
            symbols ─► carrier phase, both ways in time ─► level and noise ─► soft bits

Split-phase PM with a residual carrier is BPSK with another pulse and a carrier beside it: the data lie 90
degrees ahead of the carrier. What `demodulator` says of grid, start and lost signals holds here too.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.carrier import turn_back
from decoders.clock import Segment
from decoders.demodulator import DemodulatorReport, SoftBlock, usable
from decoders.downlink import Mode
from decoders.errors import DecoderError
from decoders.filters import PolyphaseBank
from decoders.matched_filter import matched_samples
from decoders.one_rail_estimate import OneRailAnalyser
from decoders.one_rail_phase import WINDOW, OneRailPhase, RailWindows
from decoders.rails import LevelBlock, LevelKeeper
from decoders.split_phase import CARRIER_BITS, bit_bank, bit_energy, carrier_bank
from decoders.tones import without_tones
from decoders.tracking import Tracker

BLOCK_SYMBOLS = {"bpsk": 32_000, "split-phase-pm": 32_000}
"""Symbols of one estimate: the clock of BPSK comes to 0.01 symbol at -2 dB, split phase to 0.002 at 2 dB."""

MODULATIONS = ("bpsk", "split-phase-pm")

_SAMPLES_PER_SYMBOL = {"bpsk": 1.6, "split-phase-pm": 2.4}
_PIECE = 64
_NO_SIGNAL_DB = -100.0


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
        self.sample_rate = sample_rate
        self._split_phase = mode.modulation == "split-phase-pm"
        self._bank, self._carrier_bank = _banks(mode, sample_rate)
        # What the filter does not take of a symbol's energy, for Es/N0; and the pulse's energy per symbol.
        self._pulse_energy = bit_energy(mode.symbol_rate) if self._split_phase else 1.0
        noise = float(np.mean(np.sum(self._bank.taps**2, axis=1))) * sample_rate / mode.symbol_rate
        self._energy_factor = noise * self._pulse_energy
        symbols = BLOCK_SYMBOLS[mode.modulation]
        self._block = 2 * scipy.fft.next_fast_len(round(symbols * sample_rate / mode.symbol_rate / 2))
        self._analyser = OneRailAnalyser(mode, sample_rate, self._bank, self._block)
        self._tracker = Tracker(self._analyser)
        self._phase = OneRailPhase(WINDOW // CARRIER_BITS if self._split_phase else 0)
        self._level = LevelKeeper()
        self._held = np.zeros(0, np.complex64)
        self._held_from = 0  # sample number of `_held[0]`
        # Of the symbols, and of the windows, that are still on their way.
        self._instants = np.zeros(0)
        self._seen = np.zeros(0, np.bool_)
        self._carrier_share = np.zeros(0)
        self._counts = {"samples": 0, "bad": 0, "symbols": 0}

    @property
    def report(self) -> DemodulatorReport:
        """What happened so far."""
        count, track = self._counts, self._tracker.report
        return DemodulatorReport(
            samples=count["samples"],
            samples_not_finite=count["bad"],
            blocks=track.blocks,
            blocks_locked=track.locked,
            blocks_disturbed=track.disturbed,
            jumps=track.jumps,
            symbols=count["symbols"],
            offset_hz=track.offset_hz,
            symbol_rate=track.symbol_rate,
        )

    def process(self, samples: NDArray[np.complex64]) -> SoftBlock:
        """Takes complex64[n] and returns the soft bits that no later sample can change."""
        blocks = [_nothing()]
        # Bounded work at a time: memory does not grow with the portion handed in.
        for start in range(0, len(samples), self._block):
            self._take(samples[start : start + self._block])
            segments = self._tracker.process(self._held, self._held_from)
            blocks += [self._give(self._demodulate(segment)) for segment in segments]
            self._forget()
        return _joined(blocks)

    def flush(self) -> SoftBlock:
        """The rest, once there are no more samples."""
        total = self._held_from + len(self._held)
        if total == 0:
            return _nothing()
        segments = self._tracker.flush(self._held, self._held_from)
        blocks = [self._give(self._demodulate(segment)) for segment in segments]
        blocks.append(self._give(self._phase.flush()))
        blocks.append(self._attach(self._level.flush()))
        return self._up_to(float(total), _joined(blocks))

    def _up_to(self, end: float, block: SoftBlock) -> SoftBlock:
        """Cuts symbols at or after `end`: a recording shorter than a block was filled up to be one."""
        symbols = int(np.searchsorted(block.sample_index, end))
        self._counts["symbols"] -= len(block.sample_index) - symbols
        return SoftBlock(
            soft_bits=block.soft_bits[:symbols],
            sample_index=block.sample_index[:symbols],
            esn0_db=block.esn0_db[:symbols],
            locked=block.locked[:symbols],
        )

    def _take(self, samples: NDArray[np.complex64]) -> None:
        samples, bad = usable(samples)
        self._counts["samples"] += len(samples)
        self._counts["bad"] += bad
        self._held = np.concatenate([self._held, samples])

    def _demodulate(self, segment: Segment) -> RailWindows:
        """Symbols of a segment, turned back by the estimated carrier, then by what is left of its phase."""
        instants = segment.first_instant + segment.output_step * np.arange(segment.count)
        self._instants = np.concatenate([self._instants, instants])
        self._seen = np.concatenate([self._seen, np.full(segment.count, segment.locked)])
        symbols = self._filtered(segment, self._bank, segment.first_instant, 1, segment.count)
        if self._carrier_bank is None:
            return self._phase.process(symbols, np.zeros(0, np.complex64))
        # One value for every `CARRIER_BITS` bits, on a grid that goes through all segments.
        skipped = -segment.first_output % CARRIER_BITS
        count = max(-(-(segment.count - skipped) // CARRIER_BITS), 0)
        first = segment.first_instant + (skipped + (CARRIER_BITS - 1) / 2) * segment.output_step
        carrier = self._filtered(segment, self._carrier_bank, first, CARRIER_BITS, count)
        return self._phase.process(symbols, carrier * np.complex64(1j))

    def _filtered(
        self, segment: Segment, bank: PolyphaseBank, first: float, every: int, count: int
    ) -> NDArray[np.complex64]:
        """Outputs of a filter from instant `first`, `every` so many symbols, turned back by the carrier."""
        if count <= 0:
            return np.zeros(0, np.complex64)
        step = segment.output_step * every
        margin = bank.half_span + 2
        begin = max(int(first) - margin, self._held_from)
        end = int(first + step * (count - 1)) + margin + 1
        samples = self._held[begin - self._held_from : end - self._held_from]
        middle = segment.frequency + segment.frequency_slope * (segment.end - segment.start) / 2
        if segment.disturbed:
            samples, _ = without_tones(samples, middle)
        outputs = matched_samples(
            samples, bank, first=first - begin, step=step, count=count, frequency=middle
        )
        # The carrier's phase beyond the mixer's, straight over pieces: 400 Hz/s bends it by 1e-6.
        piece = max(_PIECE // every, 1)
        corner = first + step * piece * np.arange(count // piece + 2)
        since = corner - segment.start
        turns = segment.turns + since * (segment.frequency + segment.frequency_slope / 2 * since)
        turns -= middle * (corner - begin)
        return turn_back(outputs, turns[:-1] % 1.0, np.diff(turns) / piece, piece)

    def _forget(self) -> None:
        """Drops samples that no later segment can need."""
        margin = 0 if self._carrier_bank is None else self._carrier_bank.half_span
        drop = min(max(self._tracker.keep_from - margin - self._held_from, 0), len(self._held))
        self._held = self._held[drop:]
        self._held_from += drop

    def _give(self, windows: RailWindows) -> SoftBlock:
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
        self._counts["symbols"] += symbols
        return SoftBlock(
            soft_bits=level.soft_bits.reshape(-1)[:symbols] * seen,
            sample_index=instants,
            esn0_db=np.where(locked, np.repeat(esn0_db, WINDOW)[:symbols], _NO_SIGNAL_DB).astype(np.float32),
            locked=locked,
        )


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
    least = _SAMPLES_PER_SYMBOL[mode.modulation] * mode.symbol_rate
    if not (np.isfinite(sample_rate) and sample_rate >= least):
        raise DecoderError(
            f"sample rate {sample_rate} Hz is too low for {mode.symbol_rate:.0f} symbols per second of "
            f"{mode.modulation}: record with at least {least:.0f} Hz"
        )


def _nothing() -> SoftBlock:
    return SoftBlock(np.zeros(0, np.int8), np.zeros(0), np.zeros(0, np.float32), np.zeros(0, np.bool_))


def _joined(blocks: list[SoftBlock]) -> SoftBlock:
    return SoftBlock(
        soft_bits=np.concatenate([block.soft_bits for block in blocks]),
        sample_index=np.concatenate([block.sample_index for block in blocks]),
        esn0_db=np.concatenate([block.esn0_db for block in blocks]),
        locked=np.concatenate([block.locked for block in blocks]),
    )
