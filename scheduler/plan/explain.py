"""A reason for every pass that is not taken, asked for in the order in which each would have kept it out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from scheduler.plan.model import Booking, Candidate, Rejection, z
from scheduler.plan.occupation import DAY_S, bytes_of, day_of, energy_wh_of
from scheduler.plan.options import Option, covers, ways
from scheduler.plan.reasons import Reason, reason
from scheduler.plan.resources import Budget
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import near, stretches
from scheduler.plan.worth import Competition, Tally, alone

Price = Mapping[tuple[str, str], float]


def explain(
    left: Sequence[Candidate],
    bookings: Sequence[Booking],
    rules: Rules,
    competition: Competition,
    *,
    not_before: int,
    price: Price,
) -> list[Rejection]:
    """Why each of `left` is not among the bookings."""
    asked = _Asked(tuple(bookings), rules, Tally(bookings, competition), not_before, price)
    return [asked.why(candidate) for candidate in left]


@dataclass(frozen=True, eq=False)
class _Asked:
    bookings: tuple[Booking, ...]
    rules: Rules
    tally: Tally
    not_before: int
    price: Price

    def why(self, candidate: Candidate) -> Rejection:
        if candidate.refused is not None:
            return Rejection(candidate, candidate.refused)
        found = ways(candidate, self.rules)
        if not found:
            return Rejection(candidate, _no_way(candidate, self.rules))
        start, end = candidate.window
        if end - max(start, self.not_before) < candidate.least_s:
            short = end - start < candidate.least_s
            too_short = reason("too_short", duration=end - start, least=candidate.least_s)
            return Rejection(candidate, too_short if short else reason("past"))
        close = near(self.bookings, start, end)
        fixed = [booking for booking in close if booking.fixed]
        if not self._free(found, ()):
            return Rejection(candidate, self._maintained(found))
        free = self._free(found, fixed)
        if not free:
            return self._behind_fixed(candidate, found, fixed)
        return self._outdone(candidate, free, close)

    def _free(self, found: Sequence[Option], fixed: Collection[Booking]) -> list[Option]:
        return [part for way in found for part in stretches(way, self.rules, fixed, self.not_before)]

    def _maintained(self, found: Sequence[Option]) -> Reason:
        whole = [_whole(way) for way in found]
        closing = {
            m.resource or m.station
            for m in self.rules.resources.maintenance
            if any(self.rules.closed(booking, m) for booking in whole)
        }
        # Without one it is the rotator, which does not get there in time from where it stands now.
        return reason("maintenance", resource=", ".join(sorted(closing))) if closing else reason("past")

    def _behind_fixed(
        self, candidate: Candidate, found: Sequence[Option], fixed: Sequence[Booking]
    ) -> Rejection:
        whole = [_whole(way) for way in found]
        blocking = [b for b in fixed if any(self.rules.clash(b, w) for w in whole)] or list(fixed)
        names = ", ".join(sorted({b.receiver for b in blocking}))
        why = reason("under_way", resource=names, names=_names(blocking))
        return Rejection(candidate, why, _ids(blocking))

    def _outdone(self, candidate: Candidate, free: Sequence[Option], close: Sequence[Booking]) -> Rejection:
        """The way in which it would cost least, and what it would add there."""
        best: tuple[float, float, float, list[Booking]] | None = None
        for way in free:
            whole = _whole(way)
            blocking = [b for b in close if self.rules.clash(b, whole)]
            out = [alone(b) for b in blocking]
            lost = -self.tally.change(without=out)
            gained = self.tally.change(without=out, added=[alone(whole)]) + lost
            cost = self._priced(way) if not blocking else 0.0
            if best is None or gained - lost - cost > best[0]:
                best = (gained - lost - cost, gained, lost, blocking)
        assert best is not None  # noqa: S101 - free is not empty
        _, gained, lost, blocking = best
        if blocking:
            details = {"value": _number(gained), "others": _number(lost), "names": _names(blocking)}
            return Rejection(candidate, reason("worth_less", **details), _ids(blocking))
        for budget in self.rules.resources.budgets:
            if budget.station == candidate.station and (why := self._overdrawn(budget, free)):
                return Rejection(candidate, why)
        cost = min(self._priced(way) for way in free)
        if cost > 0 and gained > 0:
            return Rejection(
                candidate,
                reason("not_worth_the_gap", value=_number(gained), lost=_number(cost), filler="filler"),
            )
        return Rejection(candidate, reason("adds_nothing"))

    def _priced(self, way: Option) -> float:
        seconds = int(way.ends[-1] - way.starts[0]) + 2 * way.receiver.setup_s
        return self.price.get((way.receiver.station, way.receiver.name), 0.0) * seconds

    def _overdrawn(self, budget: Budget, free: Sequence[Option]) -> Reason | None:
        first = self.not_before // DAY_S
        whole = _whole(free[0])
        day = day_of(whole.candidate.window[0], first)
        mine = [b for b in self.bookings if b.candidate.station == budget.station]
        days = [(b, day_of(b.candidate.window[0], first)) for b in mine]
        details = {"station": budget.station, "day": z(day * DAY_S)[:10]}
        last = max([day, *(d for _, d in days)])
        for checked in range(day, last + 1) if math.isfinite(budget.disk_bytes) else ():
            room = budget.disk_bytes + budget.disk_freed_bytes_per_day * (checked - first)
            if bytes_of(whole) + sum(bytes_of(b) for b, d in days if d <= checked) > room:
                return reason("disk_full", **details)
        today = sum(energy_wh_of(b) for b, d in days if d == day)
        if energy_wh_of(whole) + today > budget.energy_wh_per_day:
            return reason("no_power", **details)
        return None


def _no_way(candidate: Candidate, rules: Rules) -> Reason:
    megahertz = ", ".join(f"{need.frequency_hz / 1e6:g}" for need in candidate.downlinks)
    wide = ", ".join(f"{need.bandwidth_hz / 1e6:g}" for need in candidate.downlinks)
    here = [a for a in rules.resources.antennas if a.station == candidate.station]
    if not candidate.views or not any(covers(a.frequency_ranges_hz, candidate) for a in here):
        return reason("no_antenna", station=candidate.station, frequency=megahertz)
    return reason("no_receiver", station=candidate.station, frequency=megahertz, bandwidth=wide)


def _whole(way: Option) -> Booking:
    return way.booking(int(way.starts[0]), int(way.ends[-1]))


def _names(bookings: Sequence[Booking]) -> str:
    return ", ".join(f"{b.candidate.satellite} {z(b.start)[11:16]}" for b in bookings)


def _ids(bookings: Sequence[Booking]) -> tuple[str, ...]:
    return tuple(sorted(b.candidate.id for b in bookings))


def _number(value: float) -> str:
    return f"{value:.3g}"
