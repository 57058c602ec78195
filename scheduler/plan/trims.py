"""Where a recording may be trimmed.

It begins at the beginning of its free stretch or at a whole multiple of the trim step (POSIX time, so that
the points stay when the plan is made anew), and ends likewise. Only points are kept that some other recording
on the same receiver or rotator can make useful, or a budget: to begin later is never worth
more by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace

import numpy as np

from scheduler.plan.model import Booking, Candidate
from scheduler.plan.options import Ints, Machine, Option, tuned, ways
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import stretches

_FAR_S = 3600.0  # no rotator takes longer from one end to the other


def options_of(
    candidates: Sequence[Candidate],
    rules: Rules,
    fixed: Sequence[Booking],
    not_before: int,
    trim_step_s: int,
) -> list[Option]:
    """All options of all candidates, with the points at which each may begin and end."""
    found = tuned([way for candidate in candidates for way in ways(candidate, rules)], fixed)
    free = [part for way in found for part in stretches(way, rules, fixed, not_before)]
    free = _without_doubles(free)
    scarce = {budget.station for budget in rules.resources.budgets}
    return _with_trims(free, trim_step_s, scarce)


def _without_doubles(free: Sequence[Option]) -> list[Option]:
    """Leave out what a receiver that serves one rotator alone can do as well.

    Such a receiver is free whenever its antenna is, when it is set up while the rotator settles and no other
    candidate of the same pass wants the antenna: another receiver there is only a symmetry to search in.
    """
    passes: dict[tuple[Machine, Hashable], set[str]] = defaultdict(set)
    for option in free:
        for use in option.uses:
            passes[use].add(option.candidate.id)
    homes: dict[Hashable, Option] = {}
    for option in free:
        rotator, receiver = option.antenna.rotator, option.receiver
        if rotator is None or len(set(receiver.antennas)) > 1 or receiver.setup_s > rotator.settle_s:
            continue
        if all(len(passes[use]) == 1 for use in option.uses if use[0][0] == "antenna"):
            homes.setdefault(_taken(option), option)
    return [option for option in free if homes.get(_taken(option), option) is option]


def _taken(option: Option) -> Hashable:
    """Equal for options that differ in the receiver only."""
    return option.candidate.id, id(option.view), option.starts.tobytes(), option.ends.tobytes()


def _with_trims(free: Sequence[Option], step_s: int, scarce: Collection[str]) -> list[Option]:
    """Keep of the allowed seconds the first start, the last end, and what a neighbour makes useful.

    In the stations of `scarce` a shorter recording saves something: all whole steps are kept.
    """
    users: dict[Machine, list[tuple[Hashable, Option]]] = defaultdict(list)
    for option in free:
        for machine, group in option.uses:
            users[machine].append((group, option))
    edges = {
        machine: np.array([(other.starts[0], other.ends[-1]) for _, other in several]).T
        for machine, several in users.items()
    }
    done: list[Option] = []
    for option in free:
        near = []
        for machine, group in option.uses:
            first, last = edges[machine]
            close = (first - option.ends[-1] < _FAR_S) & (option.starts[0] - last < _FAR_S)
            for their_group, other in (users[machine][i] for i in np.flatnonzero(close).tolist()):
                if their_group != group and other.candidate is not option.candidate:
                    near.append((other, *_gaps(option, machine)))
        least = option.candidate.least_s
        starts = _points(option.starts[option.starts <= option.ends[-1] - least], step_s)
        ends = _points(option.ends[option.ends >= option.starts[0] + least][::-1], step_s)
        everywhere = option.candidate.station in scarce
        later, sooner = np.full(starts.size, everywhere), np.full(ends.size, everywhere)
        later[0] = sooner[0] = True
        for other, least_gap, most_gap in near:
            first_end, last_end = other.starts[0] + other.candidate.least_s, other.ends[-1]
            first_start, last_start = other.starts[0], other.ends[-1] - other.candidate.least_s
            later[1:] |= (first_end + least_gap <= starts[1:]) & (starts[:-1] < last_end + most_gap)
            sooner[1:] |= (last_start - least_gap >= ends[1:]) & (ends[:-1] > first_start - most_gap)
        done.append(replace(option, starts=starts[later], ends=ends[sooner][::-1]))
    return done


def _gaps(option: Option, machine: Machine) -> tuple[float, float]:
    """Least and most seconds between two recordings on a machine."""
    if machine[0] == "receiver":
        return option.receiver.setup_s, option.receiver.setup_s
    return 0.0, option.antenna.rotator.longest_s if option.antenna.rotator else 0.0


def _points(allowed: Ints, step_s: int) -> Ints:
    """The first of the allowed seconds and the whole multiples of the step, in the same order."""
    keep = allowed % step_s == 0
    keep[0] = True
    return np.asarray(allowed[keep])
