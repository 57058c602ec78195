"""Samples that came later than the envelope allows: `sdr.loss_clock` judges whether they show a loss."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arrival:
    """Samples that came together.

    Attributes:
        time_s: of the clock.
        count: samples received by then, these included.
    """

    time_s: float
    count: int


@dataclass
class Suspicion:
    """Late arrivals, one after the other.

    Attributes:
        arrivals: in order.
        late_s: how late each of them is against the envelope.
        least_s: the least of that.
        settled: number of the first of them that comes near the least lateness.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    least_s: float = math.inf
    settled: int = 0

    def add(self, arrival: Arrival, late_s: float, near_s: float) -> None:
        """Take in the next one; what lies within `near_s` of the least lateness comes near it."""
        self.arrivals.append(arrival)
        self.late_s.append(late_s)
        self.least_s = min(self.least_s, late_s)
        while self.late_s[self.settled] > self.least_s + near_s:
            self.settled += 1

    def lasted_s(self) -> float:
        """Time between the settled one and the newest."""
        return self.arrivals[-1].time_s - self.arrivals[self.settled].time_s

    def near(self, near_s: float) -> list[int]:
        """Those of them that come near the least lateness."""
        return [i for i, late_s in enumerate(self.late_s) if late_s <= self.least_s + near_s]
