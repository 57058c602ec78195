"""The plan of a week of twenty satellites over two stations: its value, its proof, what it costs.

    python tests/figures/plan_value.py [--days 7] [--cases 40] [--sabotage]

Compared on the same candidates by the same rules: greedy by elevation (SatDump), by priority and then
elevation (SatNOGS). Small cases are held against a judge that tries every plan. `--sabotage` takes the
optimiser its trim points away: the judge must find better plans.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from scheduler.plan import Plan, Settings, make_plan
from scheduler.plan.baselines import by_elevation, by_priority, greedy
from scheduler.plan.check import check_plan
from scheduler.plan.make import optimise
from scheduler.plan.rules import Rules
from scheduler.plan.trims import options_of
from scheduler.plan.worth import Competition, valued
from tests.figures import plan_world as world
from tests.scheduler.plan_cases import STEP, T0, best_plan, random_case

MOST_CPU_S, MOST_GAP, MOST_36H_CPU_S = 10.0, 0.01, 1.0
NEVER_S = 10**9


def week(days: float, *, timed: bool = True) -> tuple[Plan, list[str]]:
    """Print the table; the plan and what is wrong with it."""
    sets, resources = world.elements_of(), world.resources()
    start = time.process_time()
    candidates = world.candidates(sets, world.START, days)
    print(
        f"{days:g} days, {len(sets)} satellites, {len(world.SITES)} stations, {len(candidates)} candidates,"
    )
    print(f"their values {time.process_time() - start:.1f} s of CPU\n")
    start = time.process_time()
    plan = make_plan(candidates, resources, world.START)
    cpu = time.process_time() - start
    rows = [(f"optimal within {plan.gap:.2%}", len(plan.bookings), plan.value, cpu)]
    for name, order in (("by elevation", by_elevation), ("by priority, then elevation", by_priority)):
        start = time.process_time()
        bookings, value = greedy(candidates, resources, world.START, order)
        rows.append((name, len(bookings), value, time.process_time() - start))
    print(f"{'planner':30}{'bookings':>10}{'value':>10}{'of ours':>9}{'CPU s':>8}")
    for name, count, value, used in rows:
        print(f"{name:30}{count:10}{value:10.1f}{value / plan.value:9.1%}{used:8.2f}")
    wrong = check_plan(plan, candidates, resources, int(world.START.timestamp()))
    wrong += [f"{cpu:.1f} s of CPU"] if timed and cpu > MOST_CPU_S * max(days / 7, 0.3) else []
    wrong += [f"the gap is {plan.gap:.2%}"] if plan.gap > MOST_GAP else []
    wrong += [f"{name} is worth more" for name, _, value, _ in rows[1:] if value > plan.value]
    return plan, wrong


def soon() -> list[str]:
    """Print what planning 36 hours of one station costs, as it is done every minute."""
    sets = world.elements_of()
    found = world.candidates(sets, world.START, 1.5)
    mine = [c for c in found if c.station == world.SITES[0].name]
    last: Plan | None = None
    for minute in (0, 1):
        start = time.process_time()
        now = world.START + timedelta(minutes=minute)
        last = make_plan(mine, world.resources(), now, last=last.bookings if last else ())
        cpu = time.process_time() - start
    print(
        f"\n36 hours of one station anew: {cpu:.2f} s of CPU for {len(mine)} candidates, gap {last.gap:.2%}"
    )
    return [f"36 hours take {cpu:.2f} s"] if cpu > MOST_36H_CPU_S else []


def exact(cases: int, step_s: int) -> list[str]:
    """Small cases against every plan there is."""
    wrong = []
    for seed in range(2000, 2000 + cases):
        candidates, resources = random_case(seed, 4)
        rules, competition = Rules(resources), Competition.among(candidates)
        options = options_of(candidates, rules, [], T0, step_s)
        chosen, _ = optimise(options, rules, competition, Settings(gap=0.0), not_before=T0)
        value, best = valued(chosen, competition)[1], best_plan(candidates, resources)
        if abs(value - best) > 1e-9 * max(best, 1.0):
            wrong.append(f"case {seed}: {value:.9f}, but {best:.9f} is possible")
    print(f"\n{cases - len(wrong)} of {cases} small cases are equal to the best of all plans to 1e-9")
    return wrong


def main() -> int:
    """Print all; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--sabotage", action="store_true")
    given = parser.parse_args()
    _, wrong = week(given.days)
    wrong += soon()
    wrong += exact(given.cases, NEVER_S if given.sabotage else STEP)
    for line in wrong[:20]:
        print(f"MISSED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
