"""Follows carrier and symbol clock from block to block.

While a signal is steady only every few blocks are estimated: between two estimates that fit together one
straight clock runs. Where they do not, those in between are estimated as well, so that nothing is lost by
having looked less often: what costs time costs it only where something happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.acquisition import Estimate
from decoders.demodulation.breaks import BreakFinder, Clock
from decoders.demodulation.clock import ClockTrack, Segment
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.interference import STRONG_LINE

LARGEST_STRIDE = 24
"""Blocks from one estimate to the next at most; each doubles what the clock's forecast is known to."""

LARGEST_STRIDE_SECONDS = 0.75
"""The same as a time: what is waited for is the delay of a live reception."""

_SURE = 0.4
"""Coherence from which the middle of a block says enough of a steady signal: that of QPSK at 1.5 dB."""

_QUIET_LINE = STRONG_LINE / 8
"""Power of a bin in that middle over the level around it from which the whole block is looked at."""


@dataclass(frozen=True)
class TrackReport:
    """What happened so far.

    Attributes:
        blocks: Blocks estimated.
        locked: Of these, blocks whose spectral lines stood out.
        disturbed: Of these, blocks with interferers, which were taken out.
        jumps: Times the symbol clock had to start anew.
        offset_hz: Carrier offset of the last locked block, None before the first.
        symbol_rate: Symbol rate of the last locked block in Bd, None before the first.
    """

    blocks: int = 0
    locked: int = 0
    disturbed: int = 0
    jumps: int = 0
    offset_hz: float | None = None
    symbol_rate: float | None = None


@dataclass(frozen=True)
class _Look:
    """One block, estimated."""

    number: int
    start: int
    estimate: Estimate | None
    disturbed: bool


class BlockAnalyser(Protocol):
    """What the tracker knows of a signal, and who estimates its blocks; as `acquisition.Analyser`."""

    sample_rate: float
    modulation: str
    symbol_rate: float
    rolloff: float
    length: int
    clock_tolerance: float
    carrier_drift_hz_s: float

    @property
    def bank(self) -> PolyphaseBank:
        """The matched filter."""

    def estimate(
        self, block: NDArray[np.complex64], start: int, forecast: float | None
    ) -> tuple[Estimate | None, float]:
        """Estimates one block; also returns the strongest interferer over the level around it."""


class Tracker:
    """Turns samples into segments without gap or overlap; the samples themselves are kept by the caller."""

    def __init__(self, analyser: BlockAnalyser, brief: BlockAnalyser | None = None) -> None:
        """Starts before the first sample.

        Args:
            analyser: Estimates whole blocks.
            brief: Estimates the middle of a block, shorter by a multiple of two samples. While the signal is
                steady its estimate is enough, and quicker.
        """
        self._analyser = analyser
        self._brief = brief
        self._length = analyser.length
        self._clock = ClockTrack(
            sample_rate=analyser.sample_rate,
            outputs_per_symbol=2 if analyser.modulation == "oqpsk" else 1,
            nominal_step=analyser.symbol_rate / analyser.sample_rate,
            tolerance=analyser.clock_tolerance,
            drift_hz_s=analyser.carrier_drift_hz_s,
        )
        self._breaks = BreakFinder(
            modulation=analyser.modulation, bank=analyser.bank, rolloff=analyser.rolloff
        )
        seconds = self._length / analyser.sample_rate
        self._most = max(min(LARGEST_STRIDE, int(LARGEST_STRIDE_SECONDS / seconds)), 1)
        self._stride = 1
        self._next = 0  # block
        self._disturbed = False  # the block before
        self.report = TrackReport()

    @property
    def keep_from(self) -> int:
        """First sample that a later segment or a last full block can need."""
        return (self._next - 1) * self._length - self._analyser.bank.half_span - 4

    def process(self, held: NDArray[np.complex64], origin: int) -> list[Segment]:
        """Segments that no later sample can change; ``held[0]`` is sample number `origin`."""
        segments: list[Segment] = []
        while origin + len(held) >= (self._next + self._stride) * self._length:
            segments += self._advance(held, origin)
        return segments

    def flush(self, held: NDArray[np.complex64], origin: int) -> list[Segment]:
        """The rest, once there are no more samples."""
        total = origin + len(held)
        self._stride = 1
        segments = self.process(held, origin)
        if total > self._next * self._length:
            # The last block reaches back to be a full one, so that the end is estimated as well as the
            # middle.
            last = self._look(held, origin, self._next, start=max(total - self._length, 0))
            segments += self._extend(held, origin, last)
        tail = [replace(s, disturbed=self._disturbed) for s in self._clock.finish(float(total))]
        return segments + tail

    def _advance(self, held: NDArray[np.complex64], origin: int) -> list[Segment]:
        """One stride on, or block by block where the far estimate does not fit the near one."""
        last = self._next + self._stride - 1
        far = self._look(held, origin, last)
        fits = far.estimate is not None and self._clock.fits(far.estimate)
        looks = [far]
        if self._stride > 1 and not fits:
            between = [self._look(held, origin, number) for number in range(self._next, last)]
            looks = [*between, far]
        self._next = last + 1
        self._stride = min(2 * self._stride, self._most) if fits else 1
        return [segment for look in looks for segment in self._extend(held, origin, look)]

    def _look(self, held: NDArray[np.complex64], origin: int, number: int, start: int | None = None) -> _Look:
        start = number * self._length if start is None else start
        block = held[start - origin :][: self._length]
        if len(block) < self._length:
            block = np.concatenate([block, np.zeros(self._length - len(block), np.complex64)])
        found = self._middle(block, start) if self._stride > 1 and not self._disturbed else None
        estimate, strongest = found or self._analyser.estimate(block, start, self._clock.forecast)
        disturbed = strongest > STRONG_LINE
        count, rate = self.report, self._analyser.sample_rate
        self.report = replace(
            count,
            blocks=count.blocks + 1,
            locked=count.locked + (estimate is not None),
            disturbed=count.disturbed + disturbed,
            offset_hz=count.offset_hz if estimate is None else estimate.frequency * rate,
            symbol_rate=count.symbol_rate if estimate is None else estimate.symbol_step * rate,
        )
        return _Look(number, start, estimate, disturbed)

    def _middle(self, block: NDArray[np.complex64], start: int) -> tuple[Estimate, float] | None:
        """The estimate of the block's middle where it is sure and nothing but the steady signal is seen."""
        if self._brief is None:
            return None
        skip = (self._length - self._brief.length) // 2
        middle = block[skip : skip + self._brief.length]
        estimate, strongest = self._brief.estimate(middle, start + skip, self._clock.forecast)
        if estimate is None or estimate.coherence < _SURE or strongest > _QUIET_LINE:
            return None
        return (estimate, strongest) if self._clock.fits(estimate) else None

    def _extend(self, held: NDArray[np.complex64], origin: int, look: _Look) -> list[Segment]:
        def find_break(end: float, clocks: tuple[Clock, Clock]) -> float:
            return self._breaks.find(held, origin, end, clocks)

        centre = look.start + self._length / 2
        disturbed = self._disturbed or look.disturbed
        self._disturbed = look.disturbed
        segments = [
            replace(segment, disturbed=disturbed)
            for segment in self._clock.extend(centre, look.estimate, find_break)
        ]
        jumps = sum(not segment.joined for segment in segments)
        self.report = replace(self.report, jumps=self.report.jumps + jumps)
        return segments
