"""Solves the program with HiGHS, part by part: what shares no row is solved by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from scheduler.errors import SchedulerError
from scheduler.plan.model import Array
from scheduler.plan.options import Flags, Ints
from scheduler.plan.program import Program

# Gains are scaled so that the solver's absolute tolerance of 1e-6 is far below what a recording is worth.
_LARGEST_GAIN = 1e4


@dataclass(frozen=True)
class Solution:
    """Values of all columns, and what no solution exceeds."""

    x: Array
    gain: float
    bound: float


def solve(program: Program, *, gap: float, time_limit_s: float) -> Solution:
    """Maximise.

    Args:
        program: what.
        gap: a part is good enough when proven to lie within this of its best.
        time_limit_s: for each part, by the clock: only for the worst, as a plan that it cuts off depends on
            the machine. The bound then says how good the plan is.
    """
    gain, matrix = np.array(program.gain), program.matrix().tocsc()
    x, bound = np.zeros(gain.size), 0.0
    limits = np.array(program.limits).reshape(-1, 2)
    scale = _LARGEST_GAIN / max(float(np.abs(gain).max(initial=0.0)), 1e-300)
    label = _parts(csr_array(matrix))
    for part in range(int(label.max(initial=-1)) + 1):
        columns = np.flatnonzero(label == part)
        inner = matrix[:, columns]
        rows = np.unique(inner.indices)
        found, best = _solve_part(
            scale * gain[columns],
            csr_array(inner)[rows],
            limits[rows],
            np.array(program.upper)[columns],
            whole=np.array(program.whole)[columns],
            options={"mip_rel_gap": gap, "time_limit": time_limit_s},
        )
        x[columns] = found
        bound += best / scale
    return Solution(x, float(gain @ x), bound)


def _parts(matrix: csr_array) -> Ints:
    """Number of the independent part to which each column belongs, [n]."""
    rows, columns = matrix.shape
    coo = matrix.tocoo()
    graph = csr_array(
        (np.ones(coo.nnz, np.int8), (coo.row, coo.col + rows)), shape=(rows + columns, rows + columns)
    )
    _, label = connected_components(graph, directed=False)
    _, packed = np.unique(label[rows:], return_inverse=True)
    return np.asarray(packed)


def _solve_part(
    gain: Array, matrix: csr_array, limits: Array, upper: Array, *, whole: Flags, options: dict[str, float]
) -> tuple[Array, float]:
    if not matrix.shape[0]:
        found = np.where(gain > 0, upper, 0.0)
        return found, float(gain @ found)
    result = milp(
        -gain,
        integrality=whole.astype(np.int8),
        bounds=Bounds(0.0, upper),
        constraints=LinearConstraint(matrix, *limits.T),
        options=options,
    )
    if result.x is None:
        if result.status == 1:  # cut off before it found anything: nothing is booked, all is possible
            return np.zeros(gain.size), float(gain[gain > 0] @ upper[gain > 0])
        raise SchedulerError(f"the plan could not be solved: {result.message}")
    found = np.where(whole, np.round(result.x), result.x)
    bound = -float(result.mip_dual_bound) if result.mip_dual_bound is not None else -float(result.fun)
    return found, max(bound, float(gain @ found))
