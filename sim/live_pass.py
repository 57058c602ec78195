"""A pass that is on air now, whoever listens: what a served device hears at this moment, and how it comes."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import timedelta

from sim.impairments import Delivery, Impairments
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.sample_flow import AT_ONCE, Pace, SampleFlow

Spans = tuple[tuple[float, float], ...]


class LivePass:
    """The pass of a request; its first sample is on air when it is made, or at the last `begin`.

    Args:
        request: the pass. Its gaps are losses of the device, marked or not: nothing comes, time goes on.
        source: of the packets; None for what the satellite sends.
        speed: seconds of the pass per second of the clock.
    """

    def __init__(
        self, request: PassSimulation, *, source: PacketSource | None = None, speed: float = 1.0
    ) -> None:
        wrong = request.impairments
        self.delivery = wrong.delivery or Delivery()
        self.request = replace(request, sample_rate=request.sample_rate * self.delivery.rate_factor)
        self._source, self._speed = source, speed
        # The samples know of the crystal's error; here it makes them come faster.
        self._pace = Pace(speed * (1 + wrong.crystal.offset_ppm * 1e-6))
        self._late = random.Random(request.seed)
        self.begin()

    def begin(self) -> None:
        """The first sample is on air now."""
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds of the pass that are over."""
        return (time.monotonic() - self._began) * self._speed

    @property
    def over(self) -> bool:
        """Whether the pass is."""
        return self.elapsed_s >= self.request.duration_s

    @property
    def away(self) -> bool:
        """Whether the device is cut off at the moment."""
        return _left_s(self.delivery.cuts, self.elapsed_s) > 0

    def held_up_s(self) -> float:
        """How long the next piece has to wait, seconds of the clock."""
        stalled_s = _left_s(self.delivery.stalls, self.elapsed_s) / self._speed
        return stalled_s if stalled_s > 0 else self._late.uniform(0, self.delivery.jitter_s)

    def flow(self, request: PassSimulation) -> SampleFlow | None:
        """The samples of a request from now on in real time, None when the pass is over.

        Raises:
            SimulationError: the request cannot be met.
        """
        return self._flow(request, self.elapsed_s, self._pace)

    def flow_at(self, request: PassSimulation, second: float) -> SampleFlow | None:
        """Likewise from a second of the pass on, as fast as they are taken."""
        return self._flow(request, second, AT_ONCE)

    def _flow(self, request: PassSimulation, second: float, pace: Pace) -> SampleFlow | None:
        start = request.start + timedelta(seconds=second)
        if (request.end - start).total_seconds() * request.sample_rate < 1:
            return None
        wrong = _from(second, request.impairments)
        return SampleFlow(replace(request, start=start, impairments=wrong), source=self._source, pace=pace)


def _from(second: float, wrong: Impairments) -> Impairments:
    """What goes wrong at stated seconds of the pass, for samples that begin at one of them."""
    steps = tuple((max(at - second, 0.0), db) for at, db in wrong.gain_steps)
    gaps = wrong.gaps and replace(wrong.gaps, at=_later(wrong.gaps.at, second), marked=True)
    outages = wrong.outages and replace(wrong.outages, at=_later(wrong.outages.at, second))
    return replace(wrong, gain_steps=steps, gaps=gaps, outages=outages)


def _later(spans: Spans, second: float) -> Spans:
    """What is left of spans of (start, length), their times counted from a second."""
    left = ((max(start - second, 0.0), start + length - second) for start, length in spans)
    return tuple((start, end - start) for start, end in left if end > start)


def _left_s(spans: Spans, now: float) -> float:
    """How long the span goes on that holds `now`; 0 or less when none does."""
    return max(
        (start + length - now for start, length in spans if start <= now < start + length), default=0.0
    )
