"""The main path: from candidates and resources to a plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.errors import SchedulerError
from scheduler.plan.complete import completed
from scheduler.plan.explain import Known, explain
from scheduler.plan.fill import fill
from scheduler.plan.model import Booking, Candidate, Filler, Plan, View
from scheduler.plan.occupation import occupy, stay_within
from scheduler.plan.options import Option
from scheduler.plan.program import Program, place
from scheduler.plan.resources import Resources
from scheduler.plan.rules import Rules
from scheduler.plan.solve import Solution, solve
from scheduler.plan.stretches import lengthened
from scheduler.plan.trims import options_of
from scheduler.plan.worth import REPEAT, Competition, valued

SAME_PASS = timedelta(minutes=15)
LARGEST_GAP = 100.0  # nothing is proven


@dataclass(frozen=True)
class Settings:
    """How the plan is made.

    Attributes:
        trim_step_s: recordings are trimmed at whole multiples of it.
        gap: the plan is good enough when proven to lie within this of the best.
        stability: of its own value, what a booking of the last plan counts more.
        repeat: what of a share counts each time (see `worth`).
        time_limit_s: by the clock, for each independent part; for the worst only.
    """

    trim_step_s: int = 60
    gap: float = 0.01
    stability: float = 0.05
    repeat: float = REPEAT
    time_limit_s: float = 60.0


def make_plan(
    candidates: Sequence[Candidate],
    resources: Resources,
    now: datetime,
    *,
    fixed: Sequence[Booking] = (),
    last: Sequence[Booking] = (),
    fillers: Sequence[Filler] = (),
    settings: Settings | None = None,
) -> Plan:
    """Book what is worth most together.

    Args:
        candidates: all passes; each comes back booked or rejected.
        resources: what can take them.
        now: nothing new begins before.
        fixed: under way or in the catalogue: never moved, whatever it blocks.
        last: bookings of the last plan, preferred a little so that plans do not flap.
        fillers: received in the time that is left, in this order.
        settings: how.

    Raises:
        SchedulerError: two candidates have the same id, or the solver failed.
    """
    settings = settings or Settings()
    _each_once(candidates)
    rules, not_before = Rules(resources), -int(-now.timestamp() // 1)
    kept = _without_copies([_as_seen_now(booking, candidates) for booking in fixed])
    taken = {booking.candidate.id for booking in kept}
    wanted = [c for c in candidates if c.id not in taken and c.refused is None]
    competition = Competition.among([*candidates, *(b.candidate for b in kept)], settings.repeat)
    bonus = _bonus(last, wanted, settings.stability)
    options = options_of(wanted, rules, kept, not_before, settings.trim_step_s)
    chosen, solution = optimise(
        options, rules, competition, settings, fixed=kept, bonus=bonus, not_before=not_before
    )
    if solution.cut_off:
        chosen = completed(
            chosen, options, rules, competition, fixed=kept, bonus=bonus, not_before=not_before
        )
    # Where there is a budget a longer recording costs something.
    budgeted = {budget.station for budget in resources.budgets}
    longer = lengthened(_ordered([*kept, *chosen]), rules, not_before, budgeted)
    bookings, value = valued(longer, competition)
    gap = _gap(value, valued(kept, competition)[1] + solution.bound)
    booked = {booking.candidate.id for booking in bookings}
    left = [c for c in candidates if c.id not in booked]
    known = Known(bookings, rules, competition, not_before, bonus, gap)
    rejected = explain(left, known)
    filled, unfilled = fill(fillers, bookings, rules, not_before)
    return Plan(
        bookings=tuple(_ordered([*bookings, *filled])),
        rejected=tuple(sorted([*rejected, *unfilled], key=lambda r: (r.candidate.seen.aos, r.candidate.id))),
        value=value,
        gap=gap,
    )


def optimise(
    options: Sequence[Option],
    rules: Rules,
    competition: Competition,
    settings: Settings,
    *,
    fixed: Sequence[Booking] = (),
    bonus: Mapping[tuple[str, str, str], float] | None = None,
    not_before: int = 0,
) -> tuple[list[Booking], Solution]:
    """The best choice of options beside what is fixed, trimmed at its trim points."""
    program = Program()
    placed = place(program, options, competition, bonus=bonus or {}, fixed=fixed)
    occupy(program, placed)
    stay_within(program, placed, rules.resources.budgets, fixed, not_before)
    solution = solve(program, gap=settings.gap, time_limit_s=settings.time_limit_s)
    times = [(one.option, one.chosen(solution.x)) for one in placed]
    return [option.booking(*edges) for option, edges in times if edges is not None], solution


def _gap(value: float, bound: float) -> float:
    """By how much more than `value` a plan can be worth at most, as a part of it; at most `LARGEST_GAP`."""
    if bound - value <= 1e-9 * max(bound, 1e-9):
        return 0.0
    return min((bound - value) / max(value, 1e-9), LARGEST_GAP)


def _each_once(candidates: Sequence[Candidate]) -> None:
    twice = [name for name, count in Counter(c.id for c in candidates).items() if count > 1]
    if twice:
        raise SchedulerError(f"several candidates are named {twice[0]}; every one needs an id of its own")


def _without_copies(fixed: Sequence[Booking]) -> list[Booking]:
    """One of several records of the same recording."""
    found = {(b.candidate.id, b.receiver, b.antenna, b.start, b.end): b for b in fixed}
    return list(found.values())


def same_pass(a: Candidate, b: Candidate) -> bool:
    """Whether two candidates are the same pass and downlinks, as newer elements may see them."""
    return (
        (a.station, a.seen.norad_id) == (b.station, b.seen.norad_id)
        and {need.name for need in a.downlinks} == {need.name for need in b.downlinks}
        and abs(a.seen.tca - b.seen.tca) < SAME_PASS
    )


def _as_seen_now(booking: Booking, candidates: Sequence[Candidate]) -> Booking:
    found = next((c for c in candidates if same_pass(c, booking.candidate)), None)
    if found is None:
        return replace(booking, fixed=True)
    views = [view for view in found.views if view.antenna == booking.antenna]
    view = min(views, key=lambda v: _turned(v, booking.view), default=booking.view)
    return replace(booking, candidate=found, view=view, fixed=True)


def _turned(view: View, old: View | None) -> float:
    """Degrees between the beginnings of two views: another turn of the cable is 360 away."""
    if old is None or not (view.azimuth_deg.size and old.azimuth_deg.size):
        return 0.0
    return abs(float(view.azimuth_deg[0] - old.azimuth_deg[0])) + abs(
        float(view.elevation_deg[0] - old.elevation_deg[0])
    )


def _bonus(
    last: Sequence[Booking], candidates: Sequence[Candidate], part: float
) -> dict[tuple[str, str, str], float]:
    by_pass: dict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_pass[candidate.station, candidate.seen.norad_id].append(candidate)
    found: dict[tuple[str, str, str], float] = {}
    for booking in last:
        for candidate in by_pass[booking.candidate.station, booking.candidate.seen.norad_id]:
            if same_pass(candidate, booking.candidate):
                values = [v.value.total for v in candidate.views if v.antenna == booking.antenna]
                found[candidate.id, booking.receiver, booking.antenna] = part * max(values, default=0.0)
    return found


def _ordered(bookings: Sequence[Booking]) -> list[Booking]:
    return sorted(bookings, key=lambda b: (b.start, b.candidate.station, b.receiver, b.candidate.id))
