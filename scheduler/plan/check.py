"""Does a plan keep every rule? Written apart from the optimiser, in the plainest way there is.

It asks the records only: who is where and when, and sums up anew what is spent. Of the rules it shares with
the optimiser how long a rotator takes for so many degrees (`SlewModel.time_s`, which has tests of its own).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np

from scheduler.plan.model import Booking, Candidate, Plan
from scheduler.plan.resources import Budget, ReceiverResource, Resources

_TOLERANCE = 1 + 1e-6  # the solver keeps to a budget within one in a million


def check_plan(
    plan: Plan,
    candidates: Sequence[Candidate],
    resources: Resources,
    not_before: int,
) -> list[str]:
    """Every broken rule in words; empty for a good plan."""
    return [
        *_once_each(plan, candidates),
        *_within_their_passes(plan, not_before),
        *_one_direction(plan, resources),
        *_one_tuning(plan, resources),
        *_not_in_maintenance(plan, resources),
        *_within_budgets(plan, resources, not_before),
        *_filled_once(plan),
        *_reasons_fit(plan),
    ]


def _once_each(plan: Plan, candidates: Sequence[Candidate]) -> Iterator[str]:
    named = Counter(b.candidate.id for b in plan.bookings) + Counter(r.candidate.id for r in plan.rejected)
    yield from (f"{name} is booked or rejected {n} times" for name, n in named.items() if n > 1)
    yield from (f"{c.id} is neither booked nor rejected" for c in candidates if c.id not in named)
    booked = {b.candidate.id for b in plan.bookings}
    for rejection in plan.rejected:
        if unknown := set(rejection.blocked_by) - booked:
            yield f"{rejection.candidate.id} is said to be blocked by {unknown}, which is not booked"
        if not rejection.reason.words("en") or not rejection.reason.words("vi"):
            yield f"{rejection.candidate.id} is rejected without a reason"


def _within_their_passes(plan: Plan, not_before: int) -> Iterator[str]:
    for booking in plan.bookings:
        low, high = booking.candidate.window
        if booking.fixed:
            continue
        if not max(low, not_before) <= booking.start < booking.end <= high:
            yield f"{booking.candidate.id} is booked outside its pass or in the past"
        if booking.end - booking.start < booking.candidate.least_s:
            yield f"{booking.candidate.id} is booked for less than {booking.candidate.least_s} s"


def _one_direction(plan: Plan, resources: Resources) -> Iterator[str]:
    """No rotator is where it cannot be: between two passes there is time to turn."""
    for antenna in resources.antennas:
        if antenna.rotator is None:
            continue
        mine = _in_order(plan, antenna.station, antenna=antenna.name)
        for i, first in enumerate(mine):
            for second in mine[i + 1 :]:
                if second.start - first.end > antenna.rotator.longest_s:
                    break
                if first.fixed and second.fixed:
                    continue  # handed in so; not ours to move
                if first.candidate.seen == second.candidate.seen and _same_turn(first, second):
                    continue
                if second.start < first.end:
                    yield f"antenna {antenna.name} has {first.candidate.id} and {second.candidate.id} at once"
                elif second.start - first.end < _turn_s(first, second, resources):
                    names = f"{first.candidate.id} to {second.candidate.id}"
                    yield f"antenna {antenna.name} cannot turn in time from {names}"


def _same_turn(first: Booking, second: Booking) -> bool:
    a, b = (booking.view.azimuth_deg if booking.view else np.empty(0) for booking in (first, second))
    return a.size > 0 and b.size > 0 and abs(float(a[0] - b[0])) < 1


def _turn_s(first: Booking, second: Booking, resources: Resources) -> float:
    rotator = next(
        a.rotator
        for a in resources.antennas
        if (a.station, a.name) == (first.candidate.station, first.antenna)
    )
    assert rotator is not None  # noqa: S101 - asked for rotators only
    if first.view is None or second.view is None:
        return rotator.longest_s
    ways = [
        abs(
            float(np.interp(second.start, second.view.value.time, getattr(second.view, axis)))
            - float(np.interp(first.end, first.view.value.time, getattr(first.view, axis)))
        )
        for axis in ("azimuth_deg", "elevation_deg")
    ]
    return float(rotator.time_s(*ways))


def _one_tuning(plan: Plan, resources: Resources) -> Iterator[str]:
    for receiver in resources.receivers:
        mine = _in_order(plan, receiver.station, receiver=receiver.name)
        for booking in mine:
            yield from _tuned_to(booking, receiver)
        running: dict[tuple[str, float], int] = defaultdict(int)  # until when each tuning is used
        for booking in mine:
            tuning = (booking.antenna, booking.center_hz)
            alone = [] if receiver.wide else [until for t, until in running.items() if t == tuning]
            others = [until for t, until in running.items() if t != tuning]
            if (
                any(booking.start < until + receiver.setup_s for until in others + alone)
                and not booking.fixed
            ):
                yield f"receiver {receiver.name} is not free for {booking.candidate.id}"
            running[tuning] = max(running[tuning], booking.end)


def _tuned_to(booking: Booking, receiver: ReceiverResource) -> Iterator[str]:
    for need in booking.candidate.downlinks:
        half = receiver.bandwidth_hz / 2 * (1 + 1e-9)
        inside = booking.center_hz - half <= need.low_hz and need.high_hz <= booking.center_hz + half
        if not inside and not booking.fixed:
            yield f"{booking.candidate.id} lies outside the band of {receiver.name}"


def _not_in_maintenance(plan: Plan, resources: Resources) -> Iterator[str]:
    for m in resources.maintenance:
        for b in plan.bookings:
            here = b.candidate.station == m.station and m.resource in {None, b.receiver, b.antenna}
            if here and not b.fixed and b.start < m.end.timestamp() and m.start.timestamp() < b.end:
                yield f"{b.candidate.id} is booked during maintenance of {m.resource or m.station}"


def _within_budgets(plan: Plan, resources: Resources, not_before: int) -> Iterator[str]:
    """Fillers cost nothing; a recording counts on the day (UTC) its window begins, the first at least."""
    today = datetime.fromtimestamp(not_before, UTC).date()
    for budget in resources.budgets:
        bytes_on: dict[date, float] = defaultdict(float)
        watt_seconds_on: dict[date, float] = defaultdict(float)
        for b in plan.bookings:
            if b.candidate.station == budget.station and not b.filler:
                day = max(datetime.fromtimestamp(b.candidate.window[0], UTC).date(), today)
                bytes_on[day] += b.candidate.bytes_per_s * (b.end - b.start)
                watt_seconds_on[day] += b.candidate.power_w * (b.end - b.start)
        yield from _overspent(budget, bytes_on, watt_seconds_on, today)


def _overspent(
    budget: Budget, bytes_on: Mapping[date, float], watt_seconds_on: Mapping[date, float], today: date
) -> Iterator[str]:
    written = 0.0
    for day in sorted(bytes_on):
        written += bytes_on[day]
        room = budget.disk_bytes + budget.disk_freed_bytes_per_day * (day - today).days
        if written > room * _TOLERANCE:
            yield f"disk of {budget.station} on {day}: {written:.4g} of {room:.4g} bytes"
        if watt_seconds_on[day] > budget.energy_wh_per_day * 3600 * _TOLERANCE:
            yield f"energy of {budget.station} on {day}: {watt_seconds_on[day] / 3600:.4g} Wh"


def _filled_once(plan: Plan) -> Iterator[str]:
    """No satellite that fills the time is received twice at once by one station."""
    of_satellite: dict[tuple[str, int], list[Booking]] = defaultdict(list)
    for booking in plan.bookings:
        of_satellite[booking.candidate.station, booking.candidate.seen.norad_id].append(booking)
    for mine in of_satellite.values():
        fillers = [b for b in mine if b.filler]
        for one in fillers:
            for other in mine:
                if other is not one and one.start < other.end and other.start < one.end:
                    yield f"{one.candidate.id} fills time in which {other.candidate.id} runs"


def _reasons_fit(plan: Plan) -> Iterator[str]:
    """What is said to add less must do so, to the three figures that are printed."""
    for rejection in plan.rejected:
        said = dict(rejection.reason.details)
        if rejection.reason.code == "worth_less" and float(said["value"]) > float(said["others"]) * 1.01:
            yield f"{rejection.candidate.id} is left, but: {rejection.reason.words()}"


def _in_order(plan: Plan, station: str, **wanted: str) -> list[Booking]:
    found = [b for b in plan.bookings if b.candidate.station == station]
    found = [b for b in found if all(getattr(b, name) == value for name, value in wanted.items())]
    return sorted(found, key=lambda b: (b.start, b.end))
