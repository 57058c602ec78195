"""What other planners would book of the same candidates, by the same rules: to compare the value with.

Both go through whole passes in one order and book each that fits beside what is booked already: by elevation
as SatDump does, by priority and then elevation as SatNOGS does. Neither trims.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from scheduler.plan.model import Booking, Candidate
from scheduler.plan.occupation import overdrawn
from scheduler.plan.options import tuned, ways
from scheduler.plan.resources import Resources
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import near
from scheduler.plan.worth import REPEAT, Competition, valued

Order = Callable[[Candidate], tuple[float, ...]]


def by_elevation(candidate: Candidate) -> tuple[float, ...]:
    """The highest first."""
    return -candidate.seen.max_elevation_deg, candidate.seen.aos.timestamp()


def by_priority(candidate: Candidate) -> tuple[float, ...]:
    """The highest priority first, of those the highest pass."""
    return -candidate.priority, *by_elevation(candidate)


def greedy(
    candidates: Sequence[Candidate],
    resources: Resources,
    now: datetime,
    order: Order,
    *,
    repeat: float = REPEAT,
) -> tuple[tuple[Booking, ...], float]:
    """Bookings by rise and their value, by the same count as that of a plan."""
    rules, booked = Rules(resources), list[Booking]()
    wanted = [c for c in candidates if c.refused is None and c.window[0] >= now.timestamp()]
    whole: dict[str, list[Booking]] = {c.id: [] for c in wanted}
    for way in tuned([way for candidate in wanted for way in ways(candidate, rules)], []):
        whole[way.candidate.id].append(way.booking(*way.candidate.window))
    for candidate in sorted(wanted, key=order):
        close = near(booked, *candidate.window)
        for booking in whole[candidate.id]:
            fits = rules.fits(booking, close)
            if fits and not overdrawn([*booked, booking], resources.budgets, int(now.timestamp())):
                booked.append(booking)
                break
    booked.sort(key=lambda b: b.start)
    return valued(booked, Competition.among(candidates, repeat))
