"""Rows of the program that keep every receiver and rotator to one thing at a time, and within budgets."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import permutations

import numpy as np

from scheduler.plan.model import Array, Booking, z
from scheduler.plan.options import Machine, Option
from scheduler.plan.program import Placed, Program, Terms, by_machine
from scheduler.plan.resources import Budget
from scheduler.plan.rules import direction

DAY_S = 86_400


def occupy(program: Program, placed: Sequence[Placed]) -> None:
    """One group at a time on every machine, with set-up and turning between."""
    for machine, users in by_machine(placed).items():
        _cliques(program, machine, users)
        if machine[0] == "antenna":
            _turns(program, users)


def _cliques(program: Program, machine: Machine, users: Sequence[tuple[Hashable, Placed]]) -> None:
    gap = users[0][1].option.receiver.setup_s if machine[0] == "receiver" else 0
    starts = np.unique(np.concatenate([one.option.starts for _, one in users]))
    ends = np.unique(np.concatenate([one.option.ends for _, one in users])) + gap
    # A time is needed only when somebody can have left before the next start.
    left = np.searchsorted(ends, starts, side="right")
    needed = starts[np.append(left[1:] > left[:-1], True)]
    first = np.array([one.option.starts[0] for _, one in users])
    last = np.array([one.option.ends[-1] for _, one in users]) + gap
    for time in needed:
        here = [users[int(i)] for i in np.flatnonzero((first <= time) & (time < last))]
        if len({group for group, _ in here}) > 1:
            program.row(_groups(program, here, int(time), gap), 1.0)


def _groups(program: Program, here: Iterable[tuple[Hashable, Placed]], time: int, gap: int) -> Terms:
    """Occupied groups at a time: a sum for one candidate, a helping variable above several."""
    groups: dict[Hashable, dict[str, Terms]] = defaultdict(lambda: defaultdict(dict))
    for group, one in here:
        groups[group][one.option.candidate.id] |= _occupied(one, time, gap)
    terms: Terms = {}
    for members in groups.values():
        if len(members) == 1:
            terms |= next(iter(members.values()))
            continue
        any_of_them = program.column(0.0)
        for occupied in members.values():
            program.row(occupied | {any_of_them: -1.0}, 0.0)
        terms[any_of_them] = 1.0
    return terms


def _occupied(one: Placed, time: int, gap: int) -> Terms:
    option = one.option
    started = {int(c): 1.0 for c in one.start_columns[option.starts <= time]}
    return started | {int(c): -1.0 for c in one.end_columns[option.ends + gap <= time]}


def _turns(program: Program, users: Sequence[tuple[Hashable, Placed]]) -> None:
    """No recording begins before the rotator can have come from where another ended."""
    ordered = sorted(users, key=lambda user: int(user[1].option.starts[0]))
    rotator = ordered[0][1].option.antenna.rotator
    assert rotator is not None  # noqa: S101 - for the type checker
    for i, (group, one) in enumerate(ordered):
        for other_group, other in ordered[i + 1 :]:
            if other.option.starts[0] - one.option.ends[-1] > rotator.longest_s:
                break
            if group != other_group and one.option.candidate is not other.option.candidate:
                for before, after in permutations((one, other)):
                    _turn(program, before, after)


def _turn(program: Program, before: Placed, after: Placed) -> None:
    """Rows for each start of `after` that comes too soon behind some ends of `before`."""
    ends, starts = before.option.ends, after.option.starts
    wait = starts[:, None] - ends[None, :]
    bad = (wait >= 0) & (wait < _slew(before.option, after.option))
    if not bad.any():
        return
    for i in np.flatnonzero(bad.any(axis=1)):
        time, too_late = int(starts[i]), bad[i]
        # `before` counts as there until the rotator could have come; `after` from every start for which that
        # is so too. Both together are too much.
        terms = {int(c): 1.0 for c in before.start_columns[before.option.starts <= time]}
        terms |= {int(c): -1.0 for c in before.end_columns[(ends <= time) & ~too_late]}
        alike = ((wait < 0) | bad)[: i + 1, too_late].all(axis=1)
        terms |= {int(c): 1.0 for c in after.start_columns[: i + 1][alike]}
        terms |= {int(c): -1.0 for c in after.end_columns[after.option.ends <= time]}
        program.row(terms, 1.0)


def _slew(before: Option, after: Option) -> Array:
    """Seconds [starts of `after`, ends of `before`]."""
    rotator = before.antenna.rotator
    assert rotator is not None  # noqa: S101 - for the type checker
    from_az, from_el = direction(before.view, before.ends)
    to_az, to_el = direction(after.view, after.starts)
    return rotator.time_s(to_az[:, None] - from_az, to_el[:, None] - from_el)


def stay_within(
    program: Program,
    placed: Sequence[Placed],
    budgets: Iterable[Budget],
    fixed: Sequence[Booking],
    not_before: int,
) -> None:
    """Rows for disk and energy, by days (UTC)."""
    for budget in budgets:
        here = [one for one in placed if one.option.candidate.station == budget.station]
        mine = [b for b in fixed if b.candidate.station == budget.station and not b.filler]
        first = not_before // DAY_S
        days = sorted({day_of(one.option.candidate.window[0], first) for one in here})
        for day in days:
            if math.isfinite(budget.disk_bytes):
                room = budget.disk_bytes + budget.disk_freed_bytes_per_day * (day - first)
                spent = sum(bytes_of(b) for b in mine if day_of(b.candidate.window[0], first) <= day)
                until = [one for one in here if day_of(one.option.candidate.window[0], first) <= day]
                _budget(program, [(one, one.option.candidate.bytes_per_s) for one in until], room - spent)
            if math.isfinite(budget.energy_wh_per_day):
                spent = sum(energy_wh_of(b) for b in mine if day_of(b.candidate.window[0], first) == day)
                today = [one for one in here if day_of(one.option.candidate.window[0], first) == day]
                uses = [(one, one.option.candidate.power_w / 3600) for one in today]
                _budget(program, uses, budget.energy_wh_per_day - spent)


def day_of(time: int, first: int) -> int:
    """Day since 1970; what began before the plan counts on its first day."""
    return max(time // DAY_S, first)


def bytes_of(booking: Booking) -> float:
    """What its recording takes on the disk."""
    return booking.candidate.bytes_per_s * (booking.end - booking.start)


def energy_wh_of(booking: Booking) -> float:
    """What its recording takes from the battery, in Wh."""
    return booking.candidate.power_w / 3600 * (booking.end - booking.start)


def overdrawn(bookings: Sequence[Booking], budgets: Iterable[Budget], not_before: int) -> list[str]:
    """Each budget that bookings overdraw, as station, what and day (UTC)."""
    first, found = not_before // DAY_S, list[str]()
    for budget in budgets:
        mine = [b for b in bookings if b.candidate.station == budget.station and not b.filler]
        days = [day_of(b.candidate.window[0], first) for b in mine]
        for day in sorted(set(days)):
            written = sum(bytes_of(b) for b, d in zip(mine, days, strict=True) if d <= day)
            used = sum(energy_wh_of(b) for b, d in zip(mine, days, strict=True) if d == day)
            room = budget.disk_bytes + budget.disk_freed_bytes_per_day * (day - first)
            name = f"{budget.station} on {z(day * DAY_S)[:10]}"
            # The solver keeps to a budget within its tolerance of one in a million.
            found += [f"disk of {name}"] if written > room * (1 + 1e-6) else []
            found += [f"energy of {name}"] if used > budget.energy_wh_per_day * (1 + 1e-6) else []
    return found


def _budget(program: Program, uses: Sequence[tuple[Placed, float]], room: float) -> None:
    terms: Terms = {}
    for one, per_s in uses:
        begin = int(one.option.starts[0])
        terms |= {
            int(c): -per_s * float(t - begin)
            for c, t in zip(one.start_columns, one.option.starts, strict=True)
        }
        terms |= {
            int(c): per_s * float(t - begin) for c, t in zip(one.end_columns, one.option.ends, strict=True)
        }
    terms = {column: use for column, use in terms.items() if use}
    largest = max((abs(use) for use in terms.values()), default=0.0)
    if largest:
        # Of order 1 for the solver's tolerances; fixed bookings may have overdrawn the budget already.
        program.row({c: use / largest for c, use in terms.items()}, max(room, 0.0) / largest)
