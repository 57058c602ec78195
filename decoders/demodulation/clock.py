"""Joins the estimates of single blocks to one carrier and one symbol clock that never slips at a block's
border.

Between the middles of two neighbouring blocks the clock runs straight from one estimate to the next; the
ambiguity of each estimate (a whole symbol for QPSK, half a symbol for OQPSK) is solved by what the one before
foretells. Before the first and after the last estimate, and through fades, the nearest estimate is carried
on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from decoders.demodulation.acquisition import Estimate
from decoders.demodulation.breaks import Clock

FindBreak = Callable[[float, tuple[Clock, Clock]], float]

_FIRM_SYMBOLS = 12_000
"""A stretch this long between two estimates tells the clock's step better than one of them."""

_RATE_MISS = 0.03
"""Symbols by which a clock's rate can have been wrong over a stretch; more are lost samples."""

_TRUSTED_BREAKS = 4
"""So often in a row a clock starts anew at the rate that it had; then that is taken for wrong."""

_STEADY_JOIN = 5.6e-4
"""Largest difference of the carrier from its forecast in one signal, in symbol rates: 40 Hz at 72 kBd."""

_CARRIER_KNOWN = 5.6e-5
"""By how much an estimate of the carrier may be off, in symbol rates: a cycle in 18 000 symbols."""


@dataclass(frozen=True)
class Segment:
    """A stretch of samples with one straight clock.

    Attributes:
        start: First instant, sample number (may have a fraction).
        end: Instant that belongs to the next segment.
        first_output: Number of the first output; outputs lie at whole or half symbols.
        first_instant: Sample position of the first output, at or after `start`.
        count: Outputs in this segment.
        output_step: Samples between outputs.
        turns: Carrier phase at `start`, turns.
        frequency: Carrier at `start`, cycles per sample.
        frequency_slope: Its change, cycles per sample per sample.
        locked: A spectral line was seen at one end at least.
        joined: The clock goes on from the segment before without a jump.
        disturbed: Interferers were seen at one end at least.
    """

    start: float
    end: float
    first_output: int
    first_instant: float
    count: int
    output_step: float
    turns: float
    frequency: float
    frequency_slope: float
    locked: bool
    joined: bool
    disturbed: bool = False


class ClockTrack:
    """Turns estimates, in order, into segments without gap or overlap."""

    def __init__(
        self,
        *,
        sample_rate: float,
        outputs_per_symbol: int,
        nominal_step: float,
        tolerance: float,
        drift_hz_s: float,
    ) -> None:
        self.sample_rate = sample_rate
        self.tolerance = tolerance
        self._drift = drift_hz_s / sample_rate**2  # cycles per sample per sample
        self.outputs_per_symbol = outputs_per_symbol
        self._step = nominal_step  # symbols per sample
        self._frequency = 0.0
        self._slope = 0.0  # of the carrier, cycles per sample per sample
        self._turns = 0.0
        # Everything before is done. A first symbol whose middle was just missed still has half its energy.
        self._at = -0.5 / nominal_step
        self._position = 0.0  # symbols at `_at`
        self._next_output = 0
        self._locked = False
        self._ever_locked = False
        self._firm = False  # a firm stretch told the step
        self._breaks = 0  # in a row

    @property
    def forecast(self) -> float | None:
        """Carrier to expect in the next block, cycles per sample; None before the first lock."""
        return self._frequency if self._ever_locked else None

    def extend(self, centre: float, estimate: Estimate | None, find_break: FindBreak) -> list[Segment]:
        """The segments up to `centre`, the middle of the block that was estimated, or missed when None.

        `find_break` is asked where the clock broke when two neighbouring estimates do not fit together.
        """
        if estimate is None:
            segment = self._advance(centre, self._step, self._frequency, locked=self._locked, joined=True)
            self._locked = False
            return [segment]
        unit = 1.0 / self.outputs_per_symbol
        segments: list[Segment] = []
        if self.fits(estimate):
            stretch, miss = centre - self._at, self._miss(estimate)
            step = self._step + miss / stretch
            segments.append(self._advance(centre, step, estimate.frequency, locked=True, joined=True))
            if stretch * step > _FIRM_SYMBOLS:
                most = _RATE_MISS if self._firm else self.tolerance
                self._step += max(-most, min(most, miss)) / stretch
                self._slope = segments[-1].frequency_slope
                self._firm = True
            self._breaks = 0
        else:
            estimate = replace(estimate, symbol_step=self._step_behind_break(estimate))
            if self._locked:
                old = Clock(self._at, self._position, self._step, self._frequency)
                new = Clock(centre, estimate.symbol, estimate.symbol_step, estimate.frequency)
                at = find_break(centre, (old, new))
                segments.append(self._advance(at, self._step, self._frequency, locked=True, joined=True))
            segments.append(self._start_anew(centre, estimate, unit))
            self._step, self._slope = estimate.symbol_step, 0.0
        self._locked = self._ever_locked = True
        return segments

    def fits(self, estimate: Estimate) -> bool:
        """Whether one clock and one carrier can have given this estimate and the one before."""
        since = estimate.centre - self._at
        change = abs(estimate.frequency - self._frequency) / estimate.symbol_step
        unforeseen = abs(estimate.frequency - self._frequency - self._slope * since) / estimate.symbol_step
        most = self._drift * since / estimate.symbol_step + _CARRIER_KNOWN
        steady = change < most and unforeseen < min(most, _STEADY_JOIN)
        return self._locked and steady and self._is_same_clock(estimate)

    def _is_same_clock(self, estimate: Estimate) -> bool:
        """Whether the clock is where it was foretold, and goes at the rate that this takes.

        One that gains a whole output on the way is there as well, but half its outputs are wrong.
        """
        miss, since = self._miss(estimate), estimate.centre - self._at
        gained = abs(estimate.symbol_step - self._step - miss / since) * min(estimate.samples, since)
        return abs(miss) < self.tolerance and gained < 0.5 / self.outputs_per_symbol

    def _step_behind_break(self, estimate: Estimate) -> float:
        """Lost samples change the clock's place, not its rate; a block that they lie in tells a wrong one."""
        self._breaks += 1
        self._firm = self._firm and self._locked and self._breaks <= _TRUSTED_BREAKS
        return self._step if self._firm else estimate.symbol_step

    def _miss(self, estimate: Estimate) -> float:
        """Symbols by which the clock differs from what was foretold."""
        unit = 1.0 / self.outputs_per_symbol
        forecast = self._position + (estimate.centre - self._at) * self._step
        return (estimate.symbol - forecast + unit / 2) % unit - unit / 2

    def _start_anew(self, centre: float, estimate: Estimate, unit: float) -> Segment:
        """The estimate's clock carried back to where the last segment ended."""
        behind = estimate.symbol - (centre - self._at) * estimate.symbol_step
        # The next output comes within one unit of the start: none is lost, none comes twice.
        self._position = behind + unit * math.floor((self._next_output * unit - behind) / unit)
        self._frequency = estimate.frequency
        return self._advance(centre, estimate.symbol_step, estimate.frequency, locked=True, joined=False)

    def finish(self, end: float) -> list[Segment]:
        """The segment from the middle of the last block to the end of the samples."""
        if end <= self._at:
            return []
        return [self._advance(end, self._step, self._frequency, locked=self._locked, joined=True)]

    def _advance(self, to: float, step: float, frequency: float, *, locked: bool, joined: bool) -> Segment:
        span = to - self._at
        unit = 1.0 / self.outputs_per_symbol
        position = self._position + span * step
        count = max(math.ceil(position / unit) - self._next_output, 0) if span > 0 else 0
        slope = (frequency - self._frequency) / span if span > 0 else 0.0
        segment = Segment(
            start=self._at,
            end=to,
            first_output=self._next_output,
            first_instant=self._at + (self._next_output * unit - self._position) / step,
            count=count,
            output_step=unit / step,
            turns=self._turns,
            frequency=self._frequency,
            frequency_slope=slope,
            locked=locked,
            joined=joined,
        )
        self._turns = (self._turns + span * (self._frequency + frequency) / 2) % 1.0
        self._frequency = frequency
        self._at = to
        self._position = position
        self._next_output += count
        return segment
