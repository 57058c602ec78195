"""From samples at any rate to soft bits of QPSK and OQPSK, by estimation instead of loops.

    samples ─► lower rate ─► blocks on a fixed grid ─► spectral lines ─► carrier and clock ─► matched filter
            ─► carrier phase, both ways in time ─► level and noise ─► soft bits

The grid lies on absolute sample numbers and every later stage works on whole segments of it, so the result
does not depend on how the samples are handed in: a replay equals what was received live. What came before the
first lock is demodulated with the estimates that follow it: nothing is lost at the start. A lost signal gives
soft bits near zero.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.acquisition import (
    BLOCK_SYMBOLS,
    BRIEF_SYMBOLS,
    CARRIER_DRIFT_HZ_S,
    CARRIER_REACH_HZ,
    Analyser,
    block_samples,
)
from decoders.demodulation.carrier import WINDOW_SYMBOLS
from decoders.demodulation.clock import Segment
from decoders.demodulation.decimator import Decimator, decimation
from decoders.demodulation.intake import DemodulatorReport, Intake
from decoders.demodulation.observer import Observer
from decoders.demodulation.places import Places
from decoders.demodulation.rails import LevelBlock, LevelKeeper, PhaseFollower
from decoders.demodulation.segment_filter import SegmentFilter
from decoders.demodulation.soft_block import SoftBlock
from decoders.demodulation.tracking import Tracker
from decoders.errors import DecoderError
from sdr.formats import Codes, Samples

MODULATIONS = ("qpsk", "oqpsk")

SAMPLES_PER_SYMBOL = 1.3
"""Fewest that hold a signal: the band's edges, which the clock is read from, stay within what is sampled."""


class Demodulator:
    """Demodulates one signal; hand in samples in any portions, then flush."""

    def __init__(
        self,
        *,
        sample_rate: float,
        modulation: str,
        symbol_rate: float,
        rolloff: float,
        carrier_reach_hz: float = CARRIER_REACH_HZ,
        carrier_drift_hz_s: float = CARRIER_DRIFT_HZ_S,
    ) -> None:
        """Sets up the stages.

        Args:
            sample_rate: Hz, at least 1.3 times the symbol rate.
            modulation: "qpsk" or "oqpsk".
            symbol_rate: Bd.
            rolloff: Of the root-raised-cosine pulse, 0.2..1.
            carrier_reach_hz: Offset of the carrier to either side within which it is looked for.
            carrier_drift_hz_s: Its largest change.

        Raises:
            DecoderError: A value that cannot work.
        """
        _check(sample_rate, modulation, symbol_rate, rolloff)
        self.sample_rate = sample_rate
        self.modulation = modulation
        band_hz = (1 + rolloff) / 2 * symbol_rate + carrier_reach_hz
        factor = decimation(sample_rate, symbol_rate, band_hz)
        analyser, brief = (
            Analyser(
                sample_rate=sample_rate / factor,
                modulation=modulation,
                symbol_rate=symbol_rate,
                rolloff=rolloff,
                length=block_samples(sample_rate / factor, symbol_rate, symbols),
                carrier_reach_hz=carrier_reach_hz,
                carrier_drift_hz_s=carrier_drift_hz_s,
            )
            for symbols in (BLOCK_SYMBOLS, BRIEF_SYMBOLS)
        )
        decimator = Decimator(factor, band_hz / sample_rate)
        self._intake = Intake(decimator, Tracker(analyser, brief), analyser.length)
        self._filter = SegmentFilter(analyser.bank, analyser.length, symbol_rate * factor / sample_rate)
        self._phase = PhaseFollower(modulation=modulation, rolloff=rolloff)
        self._level = LevelKeeper()
        self._places = Places(2 if modulation == "oqpsk" else 1)
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
        blocks.append(self._levelled(self._phase.flush()))
        blocks.append(self._give(self._level.flush()))
        return self._counted(self._intake.within(SoftBlock.joined(blocks)))

    def _demodulated(self, segment: Segment) -> list[SoftBlock]:
        blocks = []
        factor = self._intake.factor
        if self.observer is not None:
            self.observer.segment(segment, partial(self._oversampled, segment))
        for outputs in self._filter.process(self._intake.held, self._intake.origin, segment):
            self._places.add(
                outputs.first * factor, outputs.step * factor, len(outputs.values), outputs.locked
            )
            blocks.append(self._levelled(self._phase.process(outputs.values)))
        return blocks

    def _levelled(self, rails: NDArray[np.float32]) -> SoftBlock:
        if self.observer is not None:
            self.observer.windows(rails)
        return self._give(self._level.process(rails))

    def _oversampled(
        self, segment: Segment, output: int, per_symbol: int, count: int
    ) -> NDArray[np.complex64]:
        step = (2 if self.modulation == "oqpsk" else 1) / per_symbol
        held, origin = self._intake.held, self._intake.origin
        return self._filter.oversampled(held, origin, segment, output=output, step=step, count=count)

    def _counted(self, block: SoftBlock) -> SoftBlock:
        if self.observer is not None:
            self.observer.soft(block)
        return self._intake.counted(block)

    def _give(self, level: LevelBlock) -> SoftBlock:
        """Attaches positions to soft bits, and cuts what was filled up."""
        instants, seen = self._places.take(level.soft_bits.size // 2)
        symbols = len(instants)
        # Where no block saw a line the level is that of anything, an unmodulated carrier for instance.
        locked = seen & np.repeat(level.present, WINDOW_SYMBOLS)[:symbols]
        esn0_db = np.repeat(level.esn0_db, WINDOW_SYMBOLS)[:symbols]
        soft_bits = level.soft_bits.reshape(-1)[: 2 * symbols]
        if not locked.all():
            esn0_db[~locked] = np.nan
            soft_bits = soft_bits * np.repeat(seen, 2)
        return SoftBlock(soft_bits, instants, esn0_db, locked)


def _check(sample_rate: float, modulation: str, symbol_rate: float, rolloff: float) -> None:
    if modulation not in MODULATIONS:
        raise DecoderError(f"modulation {modulation!r}: give one of {', '.join(MODULATIONS)}")
    if not (np.isfinite(symbol_rate) and symbol_rate > 0):
        raise DecoderError(f"symbol rate {symbol_rate}: give a positive number of symbols per second")
    if not (np.isfinite(sample_rate) and sample_rate >= SAMPLES_PER_SYMBOL * symbol_rate):
        raise DecoderError(
            f"sample rate {sample_rate} Hz is too low for {symbol_rate} symbols per second: "
            f"record with at least {SAMPLES_PER_SYMBOL * symbol_rate:.0f} Hz"
        )
    if not 0.2 <= rolloff <= 1.0:
        raise DecoderError(f"roll-off {rolloff}: give 0.2 to 1")
