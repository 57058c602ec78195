"""A reason for every pass that is not taken, asked for in the order in which each would have kept it out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scheduler.plan.model import Booking, Candidate, Rejection, z
from scheduler.plan.occupation import DAY_S, day_of, overdrawn
from scheduler.plan.options import Option, covers, ways
from scheduler.plan.reasons import Reason, reason
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import near, stretches
from scheduler.plan.worth import Competition, Tally, alone

_EQUAL = 1e-6  # of two values: the tolerance of the solver


@dataclass(frozen=True)
class Known:
    """The plan that the reasons are of; `bonus` preferred what the last plan had, by so much."""

    bookings: tuple[Booking, ...]
    rules: Rules
    competition: Competition
    not_before: int
    bonus: Mapping[tuple[str, str, str], float]
    gap: float


def explain(left: Sequence[Candidate], known: Known) -> list[Rejection]:
    """Why each of `left` is not among the bookings."""
    asked = _Asked(known, known.bookings, known.rules, Tally(known.bookings, known.competition))
    return [asked.why(candidate) for candidate in left]


@dataclass(frozen=True)
class _Change:
    """A pass put in place of others: what it adds, and what they add that are taken out."""

    whole: Booking
    gained: float
    lost: float
    blocking: list[Booking]


@dataclass(frozen=True, eq=False)
class _Asked:
    known: Known
    bookings: tuple[Booking, ...]
    rules: Rules
    tally: Tally

    def why(self, candidate: Candidate) -> Rejection:
        if candidate.refused is not None:
            return Rejection(candidate, candidate.refused)
        found = ways(candidate, self.rules)
        if not found:
            return Rejection(candidate, _no_way(candidate, self.rules))
        start, end = candidate.window
        if end - max(start, self.known.not_before) < candidate.least_s:
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
        return [part for way in found for part in stretches(way, self.rules, fixed, self.known.not_before)]

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
        """What decided in the way in which it would cost least."""
        change = max((self._change(way, close) for way in free), key=lambda c: c.gained - c.lost)
        gained, lost, blocking = change.gained, change.lost, change.blocking
        if gained - lost > _EQUAL * max(gained, lost) and (why := self._overdrawn(change)):
            return Rejection(candidate, why, _ids(blocking))
        if not blocking and gained <= 0:
            return Rejection(candidate, reason("adds_nothing"))
        return Rejection(candidate, self._outweighed(candidate, change), _ids(blocking))

    def _change(self, way: Option, close: Sequence[Booking]) -> _Change:
        whole = _whole(way)
        blocking = [b for b in close if self.rules.clash(b, whole)]
        out = [alone(b) for b in blocking]
        lost = -self.tally.change(without=out)
        gained = self.tally.change(without=out, added=[alone(whole)]) + lost
        return _Change(whole, gained, lost, blocking)

    def _outweighed(self, candidate: Candidate, change: _Change) -> Reason:
        """By the value of others, by the last plan, or by the end of the search."""
        gained, lost, blocking = change.gained, change.lost, change.blocking
        names = _names(blocking) or "-"
        details = {"value": _number(gained), "others": _number(lost), "names": names}
        if gained - lost <= _EQUAL * max(gained, lost):
            return reason("worth_less", **details)
        mine = max((v for k, v in self.known.bonus.items() if k[0] == candidate.id), default=0.0)
        kept = sum(self.known.bonus.get((b.candidate.id, b.receiver, b.antenna), 0.0) for b in blocking)
        if gained + mine <= (lost + kept) * (1 + _EQUAL):
            return reason("kept_last", **details)
        return reason("within_gap", gap=f"{self.known.gap:.2g}", **details)

    def _overdrawn(self, change: _Change) -> Reason | None:
        """The first budget that the change would overdraw."""
        out = {b.candidate.id for b in change.blocking}
        there = [b for b in self.bookings if b.candidate.id not in out]
        for budget in self.rules.resources.budgets:
            if budget.station != change.whole.candidate.station:
                continue
            day = day_of(change.whole.candidate.window[0], self.known.not_before // DAY_S)
            details = {"station": budget.station, "day": z(day * DAY_S)[:10]}
            room = replace(budget, energy_wh_per_day=math.inf)
            if overdrawn([*there, change.whole], [room], self.known.not_before):
                return reason("disk_full", **details)
            if overdrawn([*there, change.whole], [budget], self.known.not_before):
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
