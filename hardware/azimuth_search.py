"""The azimuth path of least loss under a rate limit, over all turns, by dynamic programming.

One search answers every question of a hard pass at once: which turn, through the top or round, when to begin
turning before the culmination, when to unwind. For each moment and each azimuth the best elevation is known
in closed form, so the search runs over time and azimuth alone: first over the whole range in coarse cells,
then finely in a corridor about what was found (Bellman 1957).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d

from hardware.beam import SIDE_LOBE_DB
from hardware.limits import Limits
from hardware.rotator_model import RotatorModel
from hardware.sky import Curve, Sky

Indices = npt.NDArray[np.intp]

COARSE_DEG = 1.0
COARSE_EVERY = 2  # samples of the fine search
FINER = 10  # fine cells in a coarse one
CORRIDOR = 21  # fine cells to each side: as much as the coarse search may be off
IDLE_COST = 1e-6  # of a second of lost signal, per cell: of equal paths the one that moves least


def search_azimuth(sky: Sky, model: RotatorModel, starts_deg: tuple[float, float], near_deg: float) -> Curve:
    """Azimuths [n] in the rotator's degrees with the least sum of weight times lost power.

    Args:
        sky: the pass.
        model: of the rotator; of its azimuth axis only the rate counts here.
        starts_deg: least and greatest azimuth it can stand at when the pass begins.
        near_deg: of equal starts the one nearest to this is taken.
    """
    rough = sky.every(COARSE_EVERY)
    coarse = np.interp(sky.seconds, rough.seconds, _over_all(rough, model, starts_deg, near_deg))
    return _in_corridor(sky, model, starts_deg, np.asarray(coarse, np.float64))


def _over_all(sky: Sky, model: RotatorModel, starts_deg: tuple[float, float], near_deg: float) -> Curve:
    limits = model.limits
    reach, cell = _cells(sky, model)
    count = int((limits.azimuth_max_deg - limits.azimuth_min_deg) / cell + 1e-9) + 1
    grid = limits.azimuth_min_deg + cell * np.arange(count, dtype=np.float64)
    cost = _cost(sky, grid[None, :], limits, model.ceiling_deg)
    cost[0] += IDLE_COST / cell * np.abs(grid - near_deg)
    cost[0, (grid < starts_deg[0] - cell / 2) | (grid > starts_deg[1] + cell / 2)] = np.inf
    return grid[_cheapest(cost, np.zeros(len(sky.weight), np.intp), reach)]


def _in_corridor(sky: Sky, model: RotatorModel, starts_deg: tuple[float, float], path_deg: Curve) -> Curve:
    limits = model.limits
    reach, cell = _cells(sky, model)
    fine = cell / FINER
    base = np.round((path_deg - limits.azimuth_min_deg) / fine).astype(np.intp) - CORRIDOR
    cells = limits.azimuth_min_deg + fine * np.add.outer(base, np.arange(2.0 * CORRIDOR + 1))
    cost = _cost(sky, cells, limits, model.ceiling_deg)
    cost[(cells < limits.azimuth_min_deg - 1e-9) | (cells > limits.azimuth_max_deg + 1e-9)] = np.inf
    cost[0, (cells[0] < starts_deg[0] - cell) | (cells[0] > starts_deg[1] + cell)] = np.inf
    found = _cheapest(cost, base, reach * FINER)
    return np.asarray(limits.azimuth_min_deg + fine * (base + found), np.float64)


def _cells(sky: Sky, model: RotatorModel) -> tuple[int, float]:
    """Cells it can turn through in a step of time, and their width: about `COARSE_DEG`."""
    way = model.azimuth.rate_deg_s * sky.step_s
    reach = max(1, round(way / COARSE_DEG))
    return reach, way / reach


def _cost(sky: Sky, azimuth_deg: Curve, limits: Limits, ceiling_deg: float) -> Curve:
    """Weighted lost power of standing at azimuths [n or 1, m] with the best elevation; [n, m].

    The dish's vertical circle passes the satellite at arcsin |cos e sin δ|; here arcsin² x by its series,
    which is short only where the signal is lost anyway. What the elevation cannot reach is added in square.
    """
    x, a = np.radians(azimuth_deg), np.radians(sky.azimuth_deg)[:, None]
    e, floor = sky.elevation_deg[:, None], limits.elevation_min_deg
    level = np.cos(np.radians(e))
    # cos and sin of a difference, as products of what is known per row and per column.
    ahead = (level * np.cos(a)) * np.cos(x) + (level * np.sin(a)) * np.sin(x)
    square = ((level * np.cos(a)) * np.sin(x) - (level * np.sin(a)) * np.cos(x)) ** 2
    square *= np.degrees(1.0) ** 2 * (1 + square * (1 / 3 + square * (8 / 45)))
    square += np.maximum(floor - e, 0) ** 2
    if ceiling_deg <= 90:
        square = np.where(ahead < 0, (ceiling_deg - e) ** 2, square)
    elif ceiling_deg < 180 - float(e.min()):
        beyond = np.degrees(np.arctan2(np.sin(np.radians(e)), ahead)) - ceiling_deg
        square += np.maximum(beyond, 0) ** 2
    square *= -12 / sky.beam_width_deg**2 * math.log(10) / 10
    kept = np.exp(np.maximum(square, -SIDE_LOBE_DB * math.log(10) / 10))
    return np.asarray(sky.step_s * sky.weight[:, None] * (1 - kept))


def _cheapest(cost: Curve, base: Indices, reach: int) -> Indices:
    """Column per row with the least sum, moving at most `reach` from `base + column` to the next; [n]."""
    rows, columns = cost.shape
    shifts = np.diff(base)
    pad = reach + int(np.abs(shifts).max(initial=0))
    value = np.full((rows, columns + 2 * pad), np.inf)
    value[0, pad : pad + columns] = cost[0]
    for row, shift in enumerate(shifts.tolist(), start=1):
        nearest = minimum_filter1d(value[row - 1], 2 * reach + 1, mode="constant", cval=np.inf)
        value[row, pad : pad + columns] = cost[row] + nearest[pad + shift : pad + shift + columns]
    idle = IDLE_COST * np.abs(np.arange(-reach, reach + 1))
    path = np.empty(rows, np.intp)
    path[-1] = int(np.argmin(value[-1])) - pad
    for row in range(rows - 1, 0, -1):
        middle = path[row] + shifts[row - 1] + pad
        window = value[row - 1, middle - reach : middle + reach + 1] + idle
        path[row - 1] = middle - reach + int(np.argmin(window)) - pad
    return path
