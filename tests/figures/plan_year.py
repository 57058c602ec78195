"""A year of daily plans for ten satellites over two stations, each carried out until the next.

    python tests/figures/plan_year.py [--days 365] [--sabotage]

Every midnight 30 hours are planned anew; what is under way stays fixed, and what was received counts in the
values of the next plan (how long a satellite was not heard, an area not seen). Judged are: every plan by
`check_plan`; all recordings of the year together, for two at once on a receiver or a dish; every pass of the
year booked or rejected with a reason; and starvation:

    no satellite with a pass of 20 degrees or more in that time is left alone for longer than 3 days,
    no area is left unseen for longer than 12 hours,

whatever the priorities (one satellite has a tenth of the usual). `--sabotage` books one pass of each day
that had been left for a better one: the judges must tell.
"""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from scheduler.plan import Booking, Candidate, Plan, Settings, make_plan
from scheduler.plan.check import check_plan
from tests.figures import plan_world as world

SATELLITES = tuple(
    (name, tool, 0.1 if name == "METOP-A" else priority, uses)
    for name, tool, priority, uses in world.SATELLITES
    if name in {
        "METEOR-M 2", "METEOR-M2 2", "METOP-A", "METOP-B", "METOP-C", "NOAA 18", "NOAA 19", "NOAA 20",
        "SUOMI NPP", "FENGYUN 3D",
    }
)  # fmt: skip
AHEAD_H = 30
LONGEST_DAYS, LONGEST_HOURS, HIGH_DEG = 3.0, 12.0, 20.0


class Year:
    """What happened so far."""

    def __init__(self, *, sabotage: bool) -> None:
        self.sets = world.elements_of(SATELLITES)
        self.resources = world.resources()
        self.sabotage = sabotage
        self.done: dict[str, Booking] = {}
        self.reasons: dict[str, str] = {}
        self.heard: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.last: tuple[Booking, ...] = ()
        self.all: dict[str, Candidate] = {}
        self.wrong: list[str] = []
        self.gaps: list[float] = []

    def day(self, now: datetime) -> None:
        """Plan, check, and carry out until tomorrow."""
        candidates = world.candidates(
            self.sets, now, AHEAD_H / 24, satellites=SATELLITES, last_seen=self.seen, last_heard=self.heard
        )
        begin, tomorrow = now.timestamp(), (now + timedelta(days=1)).timestamp()
        under_way = [b for b in self.last if b.start < begin < b.end]
        plan = make_plan(
            candidates,
            self.resources,
            now,
            fixed=under_way,
            last=self.last,
            settings=Settings(trim_step_s=120),
        )
        if self.sabotage:
            plan = _doubled(plan)
        self.wrong += [
            f"{now:%Y-%m-%d}: {what}" for what in check_plan(plan, candidates, self.resources, int(begin))
        ]
        kept = {b.candidate.id for b in plan.bookings}
        self.wrong += [f"{b.candidate.id} is dropped" for b in under_way if b.candidate.id not in kept]
        self.gaps.append(plan.gap)
        for candidate in candidates:
            if begin <= candidate.seen.aos.timestamp() < tomorrow:
                self.all[candidate.id] = candidate
        for rejection in plan.rejected:
            # What rose yesterday too: its recording may have been left for today and then for another.
            if rejection.candidate.seen.aos.timestamp() < tomorrow:
                self.reasons[rejection.candidate.id] = rejection.reason.code
        for booking in plan.bookings:
            if booking.start < tomorrow:
                self._carry_out(booking)
        self.last = plan.bookings

    def _carry_out(self, booking: Booking) -> None:
        self.done[booking.candidate.id] = booking
        self.heard[booking.candidate.satellite] = max(
            booking.end, self.heard.get(booking.candidate.satellite, 0)
        )
        for part, value in booking.value_parts.items():
            if part.startswith("area ") and value > 0:
                area = part.removeprefix("area ")
                self.seen[area] = max(booking.end, self.seen.get(area, 0))


def _doubled(plan: Plan) -> Plan:
    """The plan with a pass that was left for a better one booked all the same, by the same receiver."""
    by_id = {b.candidate.id: b for b in plan.bookings}
    for rejection in plan.rejected:
        for blocker in (by_id[name] for name in rejection.blocked_by):
            start, end = rejection.candidate.window
            views = [v for v in rejection.candidate.views if v.antenna == blocker.antenna]
            if views and end - start >= 300:
                again = replace(blocker, candidate=rejection.candidate, start=start, end=end, view=views[0])
                rejected = tuple(r for r in plan.rejected if r is not rejection)
                return replace(plan, bookings=(*plan.bookings, again), rejected=rejected)
    return plan


def twice(year: Year) -> list[str]:
    """Two recordings of different passes at once by one dish, or on one receiver by different tunings."""
    wrong = []
    for kind, same in (
        ("antenna", lambda b: (b.candidate.seen.norad_id, b.antenna == "omni")),
        ("receiver", lambda b: (b.antenna, b.center_hz)),
    ):
        users: dict[tuple[str, str], list[Booking]] = {}
        for booking in year.done.values():
            if kind == "receiver" or booking.antenna == "dish":
                users.setdefault((booking.candidate.station, getattr(booking, kind)), []).append(booking)
        for (station, name), mine in users.items():
            mine.sort(key=lambda b: b.start)
            wrong += [
                f"{station} {name}: {first.candidate.id} and {second.candidate.id} at once"
                for i, first in enumerate(mine)
                for second in mine[i + 1 : i + 4]
                if second.start < first.end and same(first) != same(second)
            ]
    return wrong


def starved(year: Year, start: datetime, end: datetime) -> tuple[list[str], float, float]:
    """Satellites and areas left alone for too long, and the longest times of both in days and hours."""
    wrong, longest_days, longest_hours = [], 0.0, 0.0
    for name, *_ in SATELLITES:
        ends = sorted(b.end for b in year.done.values() if b.candidate.satellite == name)
        marks = [start.timestamp(), *ends, end.timestamp()]
        rises = sorted(
            c.seen.aos.timestamp()
            for c in year.all.values()
            if c.satellite == name and c.seen.max_elevation_deg >= HIGH_DEG
        )
        for low, high in pairwise(marks):
            chances = bisect_left(rises, high) - bisect_right(rises, low)
            if chances:
                longest_days = max(longest_days, (high - low) / 86400)
            if chances and high - low > LONGEST_DAYS * 86400:
                wrong.append(f"{name} is left alone for {(high - low) / 86400:.1f} days")
    for area in world.areas():
        times = sorted(b.end for b in year.done.values() if b.value_parts.get(f"area {area.name}", 0) > 0)
        marks = [start.timestamp(), *times, end.timestamp()]
        gap = max(b - a for a, b in pairwise(marks)) / 3600
        longest_hours = max(longest_hours, gap)
        if gap > LONGEST_HOURS:
            wrong.append(f"{area.name} is unseen for {gap:.1f} hours")
    return wrong, longest_days, longest_hours


def run(days: int, *, sabotage: bool = False) -> list[str]:
    """Print what happened; what is wrong with it."""
    begin = time.process_time()
    year = Year(sabotage=sabotage)
    for day in range(days):
        year.day(world.START + timedelta(days=day))
    end = world.START + timedelta(days=days)
    wrong = year.wrong + twice(year)
    without = [name for name in year.all if name not in year.done and name not in year.reasons]
    wrong += [f"{name} is neither received nor rejected" for name in without]
    hungry, days_alone, hours_unseen = starved(year, world.START, end)
    wrong += hungry
    received = Counter(b.candidate.satellite for b in year.done.values())
    print(f"{days} days, {len(year.all)} passes and downlinks, {len(year.done)} received, ", end="")
    print(f"worst gap {max(year.gaps):.2%}, {time.process_time() - begin:.0f} s of CPU")
    for name, *_ in SATELLITES:
        print(f"  {name:14}{received[name]:6} received")
    for code, count in Counter(
        year.reasons[n] for n in year.all if n not in year.done and n not in without
    ).items():
        print(f"  {code:20}{count:6} rejected")
    print(f"longest without a satellite that could be had: {days_alone:.2f} days (allowed {LONGEST_DAYS:g})")
    print(f"longest without a picture of an area: {hours_unseen:.1f} hours (allowed {LONGEST_HOURS:g})")
    return wrong


def main() -> int:
    """Print all; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--sabotage", action="store_true")
    given = parser.parse_args()
    wrong = run(given.days, sabotage=given.sabotage)
    for line in wrong[:20]:
        print(f"MISSED: {line}")
    if len(wrong) > 20:
        print(f"and {len(wrong) - 20} more")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
