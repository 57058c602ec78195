"""Plans made anew every minute from elements that shift: nothing under way is dropped, nothing flaps."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.plan import Booking, Candidate, Settings, make_plan
from scheduler.plan.make import same_pass
from tests.scheduler.plan_cases import NOW, T0, a_pass, random_case


def shifted(candidate: Candidate, seconds: float, factor: float) -> Candidate:
    """The pass as newer elements see it: sooner or later, worth a little more or less, another id."""
    later = timedelta(seconds=seconds)
    seen = replace(
        candidate.seen,
        aos=candidate.seen.aos + later,
        tca=candidate.seen.tca + later,
        los=candidate.seen.los + later,
    )
    views = []
    for view in candidate.views:
        shares = tuple(replace(s, value=s.value * factor, time=s.time + seconds) for s in view.value.shares)
        value = replace(
            view.value, time=view.value.time + seconds, density=view.value.density * factor, shares=shares
        )
        views.append(replace(view, value=value))
    return replace(candidate, id=f"{candidate.id}~{seconds:.3f}", seen=seen, views=tuple(views))


def replanned(minutes: int, *, stability: float, seed: int = 5) -> tuple[int, int, int]:
    """Changes of mind about a pass, bookings under way that were dropped or moved, plans with bookings."""
    rng = random.Random(seed)
    candidates, resources = random_case(seed, 16)
    candidates = [
        replace(c, seen=a_pass(c.seen.norad_id + 10 * i, int(c.seen.aos.timestamp()) - T0, 300, c.station))
        for i, c in enumerate(candidates)
    ]
    resources = replace(resources, maintenance=(), budgets=())
    settings = Settings(gap=1e-3, trim_step_s=60, stability=stability)
    last: tuple[Booking, ...] = ()
    before: set[str] | None = None
    flaps = dropped = plans = 0
    for minute in range(minutes):
        now = NOW + timedelta(minutes=minute - 10)
        fresh = [shifted(c, rng.gauss(0, 1.0), 1 + rng.gauss(0, 0.01)) for c in candidates]
        under_way = [b for b in last if b.start <= now.timestamp() < b.end]
        plan = make_plan(fresh, resources, now, fixed=under_way, last=last, settings=settings)
        for booking in under_way:
            kept = [b for b in plan.bookings if same_pass(b.candidate, booking.candidate)]
            edges = (booking.start, booking.end, booking.receiver)
            if [(b.start, b.end, b.receiver) for b in kept] != [edges]:
                dropped += 1
        ahead = {c.id.split("~")[0] for c in fresh if c.window[0] > now.timestamp() + 120}
        chosen = {b.candidate.id.split("~")[0] for b in plan.bookings}
        if before is not None:
            flaps += len((chosen ^ before) & ahead)
        before, last = chosen, plan.bookings
        plans += bool(plan.bookings)
    return flaps, dropped, plans


@pytest.mark.parametrize("seed", [5, 6, 11])
def test_nothing_under_way_is_dropped_and_nothing_flaps(seed: int) -> None:
    flaps, dropped, plans = replanned(26, stability=0.05, seed=seed)
    assert plans > 20
    assert dropped == 0
    assert flaps <= 1


@pytest.mark.slow
def test_without_a_preference_for_the_last_plan_it_flaps() -> None:
    """The check above can fail: the same shifts without the preference change minds."""
    seeds = (5, 6, 9, 11, 12)
    calm = sum(replanned(26, stability=0.05, seed=seed)[0] for seed in seeds)
    nervous = sum(replanned(26, stability=0.0, seed=seed)[0] for seed in seeds)
    assert nervous > 2 * calm + 3
