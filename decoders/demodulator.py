"""From samples at any rate to soft bits of QPSK and OQPSK, by estimation instead of loops.

    samples ─► blocks on a fixed grid ─► spectral lines ─► carrier and clock ─► matched filter at the symbols
            ─► carrier phase, both ways in time ─► level and noise ─► soft bits

The grid lies on absolute sample numbers and every later stage works on whole segments of it, so the result
does not depend on how the samples are handed in: a replay equals what was received live. What came before the
first lock is demodulated with the estimates that follow it: nothing is lost at the start. A lost signal gives
soft bits near zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.acquisition import CARRIER_DRIFT_HZ_S, CARRIER_REACH_HZ, Analyser, block_samples
from decoders.carrier import WINDOW_SYMBOLS, turn_back
from decoders.clock import Segment
from decoders.errors import DecoderError
from decoders.interference import carriers
from decoders.matched_filter import matched_samples
from decoders.rails import LevelBlock, LevelKeeper, PhaseFollower
from decoders.tracking import Tracker

_LARGEST = 1e6  # full scale is 1, unscaled 16-bit integers are still taken
_PIECE = 64
_NO_SIGNAL_DB = -100.0

MODULATIONS = ("qpsk", "oqpsk")


@dataclass(frozen=True)
class SoftBlock:
    """Soft bits of m symbols.

    Attributes:
        soft_bits: int8[2m], serial: for QPSK I and Q of each symbol, for OQPSK the two rails alternately in
            time order. Scale: `softbits.SOFT_PER_LLR`. Open ambiguities: QPSK swap within the pair and both
            signs; OQPSK a shift by one and both signs.
        sample_index: float64[m], input sample position of each symbol.
        esn0_db: float32[m], energy per channel symbol over N0; -100 where
            there is no signal.
        locked: bool[m], the signal was seen there.
    """

    soft_bits: NDArray[np.int8]
    sample_index: NDArray[np.float64]
    esn0_db: NDArray[np.float32]
    locked: NDArray[np.bool_]


def usable(samples: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], int]:
    """Samples with zero in place of NaN, infinite and absurdly large ones, and how many those were."""
    samples = np.ascontiguousarray(samples, np.complex64)
    parts = samples.view(np.float32)
    if not len(parts) or np.abs(parts).max() <= _LARGEST:  # never true of NaN
        return samples, 0
    good = (np.abs(samples.real) <= _LARGEST) & (np.abs(samples.imag) <= _LARGEST)
    return np.where(good, samples, np.complex64(0)), len(good) - int(np.count_nonzero(good))


@dataclass(frozen=True)
class DemodulatorReport:
    """What happened so far.

    Attributes:
        samples: Samples taken in.
        samples_not_finite: Of these, NaN, infinite or absurdly large ones, taken as zero.
        blocks: Blocks estimated.
        blocks_locked: Of these, blocks whose spectral lines stood out.
        blocks_disturbed: Blocks with steady carriers, which were taken out.
        jumps: Times the symbol clock had to start anew.
        symbols: Symbols given out.
        offset_hz: Carrier offset of the last locked block, None before the first.
        symbol_rate: Symbol rate of the last locked block in Bd, None before the first.
    """

    samples: int
    samples_not_finite: int
    blocks: int
    blocks_locked: int
    blocks_disturbed: int
    jumps: int
    symbols: int
    offset_hz: float | None
    symbol_rate: float | None


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
        self._block = block_samples(sample_rate, symbol_rate)
        self._analyser = Analyser(
            sample_rate=sample_rate,
            modulation=modulation,
            symbol_rate=symbol_rate,
            rolloff=rolloff,
            length=self._block,
            carrier_reach_hz=carrier_reach_hz,
            carrier_drift_hz_s=carrier_drift_hz_s,
        )
        self._tracker = Tracker(self._analyser)
        self._phase = PhaseFollower(modulation=modulation, rolloff=rolloff)
        self._level = LevelKeeper()
        self._per_symbol = 2 if modulation == "oqpsk" else 1
        self._held = np.zeros(0, np.complex64)
        self._held_from = 0  # sample number of `_held[0]`
        self._instants = np.zeros(0)
        self._seen = np.zeros(0, np.bool_)
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
        blocks = [SoftBlock(*_nothing())]
        # Bounded work at a time: memory does not grow with the portion handed in.
        for start in range(0, len(samples), self._block):
            self._take(samples[start : start + self._block])
            segments = self._tracker.process(self._held, self._held_from)
            blocks += [self._demodulated(segment) for segment in segments]
            self._forget()
        return _joined(blocks)

    def flush(self) -> SoftBlock:
        """The rest, once there are no more samples."""
        total = self._held_from + len(self._held)
        if total == 0:
            return SoftBlock(*_nothing())
        segments = self._tracker.flush(self._held, self._held_from)
        blocks = [self._demodulated(segment) for segment in segments]
        blocks.append(self._give(self._level.process(self._phase.flush())))
        blocks.append(self._give(self._level.flush()))
        return self._up_to(float(total), _joined(blocks))

    def _up_to(self, end: float, block: SoftBlock) -> SoftBlock:
        """Cuts symbols at or after `end`: a recording shorter than a block was filled up to be one."""
        symbols = int(np.searchsorted(block.sample_index, end))
        self._counts["symbols"] -= len(block.sample_index) - symbols
        return SoftBlock(
            soft_bits=block.soft_bits[: 2 * symbols],
            sample_index=block.sample_index[:symbols],
            esn0_db=block.esn0_db[:symbols],
            locked=block.locked[:symbols],
        )

    def _take(self, samples: NDArray[np.complex64]) -> None:
        samples, bad = usable(samples)
        self._counts["samples"] += len(samples)
        self._counts["bad"] += bad
        self._held = np.concatenate([self._held, samples])

    def _demodulated(self, segment: Segment) -> SoftBlock:
        return self._give(self._level.process(self._phase.process(self._demodulate(segment))))

    def _demodulate(self, segment: Segment) -> NDArray[np.complex64]:
        """Matched filter outputs of a segment, turned back by the estimated carrier."""
        margin = self._analyser.bank.half_span + 2
        begin = max(int(segment.start) - margin, self._held_from)
        end = int(segment.end) + margin + 1
        samples = self._held[begin - self._held_from : end - self._held_from]
        if segment.disturbed:
            anchor = max(int(segment.start), 0) - self._held_from
            low, high = begin - self._held_from, begin - self._held_from + len(samples)
            samples = samples - carriers(self._held, anchor, low, high, self._block)
        middle = segment.frequency + segment.frequency_slope * (segment.end - segment.start) / 2
        outputs = matched_samples(
            samples,
            self._analyser.bank,
            first=segment.first_instant - begin,
            step=segment.output_step,
            count=segment.count,
            frequency=middle,
        )
        instants = segment.first_instant + segment.output_step * np.arange(segment.count)
        # The carrier's phase beyond the mixer's, straight over pieces: 30 Hz/s bends it by 1e-5 turns in one.
        corner = segment.first_instant + segment.output_step * _PIECE * np.arange(segment.count // _PIECE + 2)
        since = corner - segment.start
        turns = segment.turns + since * (segment.frequency + segment.frequency_slope / 2 * since)
        turns -= middle * (corner - begin)
        outputs = turn_back(outputs, turns[:-1] % 1.0, np.diff(turns) / _PIECE, _PIECE)
        self._instants = np.concatenate([self._instants, instants])
        self._seen = np.concatenate([self._seen, np.full(segment.count, segment.locked)])
        return outputs

    def _forget(self) -> None:
        """Drops samples that no later segment can need."""
        drop = min(max(self._tracker.keep_from - self._held_from, 0), len(self._held))
        self._held = self._held[drop:]
        self._held_from += drop

    def _give(self, level: LevelBlock) -> SoftBlock:
        """Attaches positions to soft bits, and cuts what was filled up."""
        symbols = min(level.soft_bits.size // 2, len(self._instants) // self._per_symbol)
        taken = symbols * self._per_symbol
        instants, self._instants = self._instants[:taken], self._instants[taken:]
        seen, self._seen = self._seen[:taken], self._seen[taken:]
        # Where no block saw a line the level is that of anything, an unmodulated carrier for instance.
        seen = seen[:: self._per_symbol]
        locked = seen & np.repeat(level.present, WINDOW_SYMBOLS)[:symbols]
        esn0_db = np.repeat(level.esn0_db, WINDOW_SYMBOLS)[:symbols]
        soft_bits = level.soft_bits.reshape(-1)[: 2 * symbols] * np.repeat(seen, 2)
        self._counts["symbols"] += symbols
        return SoftBlock(
            soft_bits=soft_bits,
            sample_index=instants[:: self._per_symbol],
            esn0_db=np.where(locked, esn0_db, np.float32(_NO_SIGNAL_DB)),
            locked=locked,
        )


def _check(sample_rate: float, modulation: str, symbol_rate: float, rolloff: float) -> None:
    if modulation not in MODULATIONS:
        raise DecoderError(f"modulation {modulation!r}: give one of {', '.join(MODULATIONS)}")
    if not (np.isfinite(symbol_rate) and symbol_rate > 0):
        raise DecoderError(f"symbol rate {symbol_rate}: give a positive number of symbols per second")
    if not (np.isfinite(sample_rate) and sample_rate >= 1.3 * symbol_rate):
        raise DecoderError(
            f"sample rate {sample_rate} Hz is too low for {symbol_rate} symbols per second: "
            f"record with at least {1.3 * symbol_rate:.0f} Hz"
        )
    if not 0.2 <= rolloff <= 1.0:
        raise DecoderError(f"roll-off {rolloff}: give 0.2 to 1")


def _nothing() -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]:
    return np.zeros(0, np.int8), np.zeros(0), np.zeros(0, np.float32), np.zeros(0, np.bool_)


def _joined(blocks: list[SoftBlock]) -> SoftBlock:
    return SoftBlock(
        soft_bits=np.concatenate([block.soft_bits for block in blocks]),
        sample_index=np.concatenate([block.sample_index for block in blocks]),
        esn0_db=np.concatenate([block.esn0_db for block in blocks]),
        locked=np.concatenate([block.locked for block in blocks]),
    )
