"""Solves the program with HiGHS, part by part, until the whole is proven to lie within the wanted gap.

What shares no row is a part of its own. Of each part the linear relaxation gives a bound within a few tenths
of a percent, and tells which columns matter: the part is solved first over these and their neighbours only.
Where that is not good enough for the whole, the parts with the widest gaps are solved over all columns.

What is maximised holds the preference for the last plan; what is proven is of the gain alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from scheduler.errors import SchedulerError
from scheduler.plan.model import Array
from scheduler.plan.options import Flags, Ints
from scheduler.plan.program import Program

# Gains are scaled so that the solver's absolute tolerance of 1e-6 is far below what a recording is worth.
_LARGEST_GAIN = 1e4
_ZERO = 1e-7
_FIRST_GAP = 3e-3  # of the first try of each part


@dataclass(frozen=True)
class Solution:
    """Values of all columns, what they gain without any bonus, and a gain that no solution exceeds.

    `cut_off` says that time ran out before the wanted gap was reached.
    """

    x: Array
    gain: float
    bound: float
    cut_off: bool = False


@dataclass
class _Part:
    """An independent part of the program, and the best that is known of it."""

    columns: Ints
    gain: Array  # with the bonus
    own: Array  # without
    matrix: csr_array
    limits: Array
    upper: Array
    whole: Flags
    x: Array
    support: Flags
    bound: float = np.inf

    @property
    def reached(self) -> float:
        """What its solution gains."""
        return float(self.gain @ self.x)

    @property
    def open(self) -> float:
        """What may still be gained."""
        return max(self.bound - self.reached, 0.0)

    @property
    def own_bound(self) -> float:
        """What no solution gains without the bonus: the bonus is never negative, so both bounds hold."""
        if not (self.gain > self.own).any():
            return self.bound
        relaxed = replace(self, gain=self.own)
        _relax(relaxed)
        return min(self.bound, relaxed.bound)


def solve(program: Program, *, gap: float, time_limit_s: float) -> Solution:
    """Maximise.

    Args:
        program: what.
        gap: of the whole; at 0 every part is solved to the end.
        time_limit_s: for each part, by the clock: only for the worst, as a plan that it cuts off depends on
            the machine. The bound then says how good the plan is.
    """
    parts = _parts(program)
    for part in parts:
        _relax(part)
        if part.open and gap > 0:
            _search(part, _near_support(part), max(_FIRST_GAP, gap / 2), time_limit_s)
    for part in sorted(parts, key=lambda p: -p.open):
        if part.open and sum(p.open for p in parts) > gap * sum(p.reached for p in parts):
            everything = np.ones(part.gain.size, bool)
            part.bound = min(part.bound, _search(part, everything, gap / 2, time_limit_s))
    x = np.zeros(len(program.gain))
    for part in parts:
        x[part.columns] = part.x
    gain = float(np.array(program.gain) @ x)
    bound = sum(part.own_bound for part in parts) / _scale(program)
    missed = sum(p.open for p in parts) > max(gap, _ZERO) * sum(p.reached for p in parts)
    return Solution(x, gain, max(bound, gain), missed)


def _scale(program: Program) -> float:
    wanted = np.array(program.gain) + np.array(program.bonus)
    return _LARGEST_GAIN / max(float(np.abs(wanted).max(initial=0.0)), 1e-300)


def _parts(program: Program) -> list[_Part]:
    matrix, scale = program.matrix().tocsc(), _scale(program)
    rows, columns = matrix.shape
    coo = matrix.tocoo()
    edges = (np.ones(coo.nnz, np.int8), (coo.row, coo.col + rows))
    graph = csr_array(edges, shape=(rows + columns, rows + columns))
    _, label = connected_components(graph, directed=False)
    _, of_column = np.unique(label[rows:], return_inverse=True)
    own, upper = scale * np.array(program.gain), np.array(program.upper)
    gain = own + scale * np.array(program.bonus)
    limits, whole = np.array(program.limits).reshape(-1, 2), np.array(program.whole, bool)
    order = np.argsort(of_column, kind="stable")
    found: list[_Part] = []
    for mine in np.split(order, np.flatnonzero(np.diff(of_column[order])) + 1):
        inner = matrix[:, mine]
        used = np.unique(inner.indices)
        bits = (gain[mine], own[mine], csr_array(inner)[used], limits[used], upper[mine], whole[mine])
        found.append(_Part(mine, *bits, x=np.zeros(mine.size), support=np.zeros(mine.size, bool)))
    return found if columns else []


def _relax(part: _Part) -> None:
    """Bound and solution of the linear relaxation; where it is whole, it is the answer."""
    if not part.matrix.shape[0]:
        part.x = np.where(part.gain > 0, part.upper, 0.0)
        part.bound = float(part.gain @ part.x)
        return
    result = _highs(part, np.ones(part.gain.size, bool), np.zeros(part.gain.size), {})
    if result.x is None:
        raise SchedulerError(f"the plan could not be solved: {result.message}")
    part.bound = -float(result.fun)
    near = np.where(part.whole, np.round(result.x), result.x)
    if np.abs(near - result.x).max() < _ZERO:
        part.x, part.bound = near, float(part.gain @ near)
    else:
        part.support = result.x > _ZERO


def _near_support(part: _Part) -> Flags:
    """Columns that the relaxation uses, those before and behind each, and all that are not whole.

    Columns of an option stand in the order of its points: a neighbour is a start or end one step away.
    """
    keep = part.support | ~part.whole
    keep[1:] |= part.support[:-1]
    keep[:-1] |= part.support[1:]
    return keep


def _search(part: _Part, keep: Flags, gap: float, time_limit_s: float) -> float:
    """Solve over some of the columns, keep what is better than what is known; returns the bound for these."""
    options = {"mip_rel_gap": gap, "time_limit": time_limit_s}
    result = _highs(part, keep, part.whole[keep].astype(np.int8), options)
    if result.x is not None:
        x = np.zeros(part.gain.size)
        x[keep] = np.where(part.whole[keep], np.round(result.x), result.x)
        if part.gain @ x > part.gain @ part.x:
            part.x = x
    elif result.status != 1:  # 1: cut off before it found anything
        raise SchedulerError(f"the plan could not be solved: {result.message}")
    return np.inf if result.mip_dual_bound is None else -float(result.mip_dual_bound)


def _highs(part: _Part, keep: Flags, integrality: Array, options: dict[str, float]) -> OptimizeResult:
    with _no_stray_output():
        return milp(
            -part.gain[keep],
            integrality=integrality,
            bounds=Bounds(0.0, part.upper[keep]),
            constraints=LinearConstraint(part.matrix[:, keep], *part.limits.T),
            options=options,
        )


@contextmanager
def _no_stray_output() -> Iterator[None]:
    """HiGHS 1.12 now and then prints a line of its own by C's printf, whatever its options say.

    A command that writes JSON plans in the main thread: there the line is kept out of stdout. In any other
    thread it is left, as descriptor 1 belongs to the whole process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    flush = ctypes.CDLL(None).fflush  # C keeps its own buffer, which would be written after the change back
    try:
        sys.stdout.flush()
        saved = os.dup(1)
    except (OSError, ValueError):  # no stdout at all: nothing to keep clean
        yield
        return
    flush(None)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        flush(None)
        os.dup2(saved, 1)
        os.close(saved)
