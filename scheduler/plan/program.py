"""The plan as a mixed-integer linear program.

Every option has a 0/1 variable per start point and per end point; it is taken when one of each is. The value
of a recording [a, b] is what its density and shares hold until b less what they hold before a, so it is
linear in these variables. That an option occupies a machine (receiver, rotator) at a time t is

    occupied(t) = sum of its starts at or before t - sum of its ends so long before t that the gap is over

and for each t at which the set of those that can occupy changes, the occupied groups of a machine sum up to
1 at most. These rows are the cliques of an interval graph and leave little to branch on. Turns of a rotator
take a time that depends on both recordings: rows for each pair say it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from scheduler.plan.model import Array, Booking
from scheduler.plan.options import Ints, Machine, Option
from scheduler.plan.worth import Competition, integral_until, share_before, share_until

Terms = dict[int, float]


@dataclass
class Program:
    """Maximise `(gain + bonus) @ x` with `matrix @ x` within `limits` and x from 0 to `upper`.

    x is integer where `whole`; `gain` is worth something, `bonus` only prefers.
    """

    gain: list[float] = field(default_factory=list)
    bonus: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    rows: list[Terms] = field(default_factory=list)
    limits: list[tuple[float, float]] = field(default_factory=list)

    def column(self, gain: float, upper: float = 1.0, *, bonus: float = 0.0, whole: bool = False) -> int:
        """A new variable."""
        self.gain.append(gain)
        self.bonus.append(bonus)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.gain) - 1

    def row(self, terms: Terms, limit: float, least: float = -math.inf) -> None:
        """A new constraint: the sum of the terms is at most the limit, and at least `least`."""
        self.rows.append(terms)
        self.limits.append((least, limit))

    def matrix(self) -> csr_array:
        """All rows [m, n]."""
        at = [(i, column, factor) for i, terms in enumerate(self.rows) for column, factor in terms.items()]
        i, j, factors = zip(*at, strict=True) if at else ((), (), ())
        return csr_array((factors, (i, j)), shape=(len(self.rows), len(self.gain)))


@dataclass(frozen=True, eq=False)
class Placed:
    """An option with the columns of its start and end points."""

    option: Option
    start_columns: Ints
    end_columns: Ints

    def chosen(self, x: Array) -> tuple[int, int] | None:
        """Start and end in a solution, None where it is not taken."""
        start, end = x[self.start_columns] > 0.5, x[self.end_columns] > 0.5
        if not start.any():
            return None
        return int(self.option.starts[start][0]), int(self.option.ends[end][-1])


def place(
    program: Program,
    options: Sequence[Option],
    competition: Competition,
    *,
    bonus: Mapping[tuple[str, str, str], float],
    fixed: Sequence[Booking],
) -> list[Placed]:
    """Columns for all options and shares, and the rows of single candidates.

    `bonus` by candidate, receiver and antenna is for those of the last plan.
    """
    placed = [_columns(program, option, bonus) for option in options]
    _one_of_each(program, placed)
    _shares(program, placed, competition, fixed)
    return placed


def _columns(program: Program, option: Option, bonus: Mapping[tuple[str, str, str], float]) -> Placed:
    kept = bonus.get((option.candidate.id, option.receiver.name, option.antenna.name), 0.0)
    held = integral_until(option.view.value, option.ends)
    lost = integral_until(option.view.value, option.starts)
    starts = [program.column(-float(v), bonus=kept, whole=True) for v in lost]
    ends = [program.column(float(v), whole=True) for v in held]
    program.row({**dict.fromkeys(starts, 1.0), **dict.fromkeys(ends, -1.0)}, 0.0, 0.0)
    # Who starts at a point or later ends at one that is late enough.
    for i, start in enumerate(option.starts):
        enough = option.ends >= start + option.candidate.least_s
        if not enough.all():
            later = dict.fromkeys(starts[i:], 1.0)
            program.row(later | {c: -1.0 for c, ok in zip(ends, enough, strict=True) if ok}, 0.0)
    return Placed(option, np.array(starts), np.array(ends))


def _one_of_each(program: Program, placed: Sequence[Placed]) -> None:
    by_candidate: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        by_candidate[one.option.candidate.id].append(one)
    for several in by_candidate.values():
        program.row({int(c): 1.0 for one in several for c in one.start_columns}, 1.0)


def _shares(
    program: Program, placed: Sequence[Placed], competition: Competition, fixed: Sequence[Booking]
) -> None:
    """For each key the chosen sum S, of which `repeat` counts wholly and the rest up to the largest share."""
    sums: dict[str, Terms] = defaultdict(lambda: defaultdict(float))
    for one in placed:
        for share in one.option.view.value.shares:
            terms = sums[share.key]
            for column, value in zip(one.end_columns, share_until(share, one.option.ends), strict=True):
                terms[int(column)] += float(value)
            for column, value in zip(one.start_columns, share_before(share, one.option.starts), strict=True):
                terms[int(column)] -= float(value)
    taken: dict[str, float] = defaultdict(float)
    for booking in fixed:
        edges = np.array([booking.start, booking.end])
        for share in booking.view.value.shares if booking.view else ():
            taken[share.key] += float(share_until(share, edges)[1] - share_before(share, edges)[0])
    for key, terms in sums.items():
        for column, value in terms.items():
            program.gain[column] += competition.repeat * value
        room = max(competition.largest[key] - taken[key], 0.0)
        capped = program.column(1 - competition.repeat, room)
        program.row({capped: 1.0} | {column: -value for column, value in terms.items()}, 0.0)


def by_machine(placed: Sequence[Placed]) -> dict[Machine, list[tuple[Hashable, Placed]]]:
    """What can occupy each machine, with its group."""
    machines: dict[Machine, list[tuple[Hashable, Placed]]] = defaultdict(list)
    for one in placed:
        for machine, group in one.option.uses:
            machines[machine].append((group, one))
    return machines
