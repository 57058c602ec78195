"""Land, sea and lakes: the part of each cell of 0.01 degree that is land, drawn on demand from outlines.

The outlines are those of sim/data/surface.npz (see sim/data/NOTICE.md). Pages of 5 x 5 degrees are filled
when first asked for, by exact coverage along rows: an edge that crosses a row at x adds the part of its cell
right of x and all cells beyond, with the sign of its direction, and a running sum turns that into covered
areas; four rows to a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CELLS_PER_DEGREE = 100
PAGE_DEG = 5
PAGE_CELLS = PAGE_DEG * CELLS_PER_DEGREE
SIDE = PAGE_CELLS + 2  # one cell more on every side, for the interpolation
ROWS_PER_CELL = 4
PAGE_COLUMNS, PAGE_ROWS = 360 // PAGE_DEG, 180 // PAGE_DEG
MOST_PAGES = 400  # 100 MB; a pass needs 60

_FILE = Path(__file__).parent / "data" / "surface.npz"


@dataclass(frozen=True)
class Edges:
    """Edges of closed outlines in degrees, each array [n]; a surface lies on their right."""

    lon0: NDArray[np.float32]
    lat0: NDArray[np.float32]
    lon1: NDArray[np.float32]
    lat1: NDArray[np.float32]


@cache
def outlines() -> dict[str, Edges]:
    """Edges of 'land' and of 'lakes'."""
    with np.load(_FILE, allow_pickle=False) as stored:
        return {name: _edges(stored, name) for name in ("land", "lakes")}


def _edges(stored: np.lib.npyio.NpzFile, name: str) -> Edges:
    """Steps back to points, points to edges; no edge joins two rings."""
    lengths = stored[f"{name}_lengths"]
    last = np.cumsum(lengths) - 1
    points = np.zeros((int(lengths.sum()), 2), np.int64)
    inner = np.ones(len(points), bool)
    inner[last - lengths + 1] = False
    points[inner, 0], points[inner, 1] = stored[f"{name}_steps_lon"], stored[f"{name}_steps_lat"]
    sums = np.cumsum(points, axis=0)
    first = last - lengths + 1
    sums += np.repeat(stored[f"{name}_firsts"] - sums[first], lengths, axis=0)
    degrees = (sums / int(stored["grid_per_degree"])).astype(np.float32)
    begins = np.delete(np.arange(len(points)), last)
    return Edges(degrees[begins, 0], degrees[begins, 1], degrees[begins + 1, 0], degrees[begins + 1, 1])


def coverage(edges: Edges, west: float, south: float, columns: int, rows: int) -> NDArray[np.float32]:
    """Covered part of each cell [rows, columns], row 0 in the south; the corner in degrees."""
    step = 1 / (CELLS_PER_DEGREE * ROWS_PER_CELL)
    north, east = south + rows / CELLS_PER_DEGREE, west + columns / CELLS_PER_DEGREE
    near = (
        (np.minimum(edges.lat0, edges.lat1) < north)
        & (np.maximum(edges.lat0, edges.lat1) > south)
        & (np.minimum(edges.lon0, edges.lon1) < east)
    )
    x0, y0, x1, y1 = (
        part[near].astype(np.float64) for part in (edges.lon0, edges.lat0, edges.lon1, edges.lat1)
    )
    sign = np.where(y1 > y0, 1.0, -1.0)
    # Rows whose middle, at (row + 1/2) step, lies between the ends.
    first = np.clip(np.ceil((np.minimum(y0, y1) - south) / step - 0.5), 0, rows * ROWS_PER_CELL).astype(
        np.int64
    )
    stop = np.clip(np.ceil((np.maximum(y0, y1) - south) / step - 0.5), 0, rows * ROWS_PER_CELL).astype(
        np.int64
    )
    count = stop - first
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    part = (south + (row + 0.5) * step - y0[edge]) / (y1 - y0)[edge]
    across = np.clip((x0[edge] + part * (x1 - x0)[edge] - west) * CELLS_PER_DEGREE, 0, columns)
    cell = across.astype(np.int64)
    share = across - cell
    weight = sign[edge] / ROWS_PER_CELL
    place = (row // ROWS_PER_CELL) * (columns + 2) + cell
    size = rows * (columns + 2)
    started = (
        np.bincount(place, weight * (1 - share), size)
        + np.bincount(place + 1, weight * share, size + 1)[:size]
    )
    covered = np.cumsum(started.reshape(rows, columns + 2), axis=1)[:, :columns]
    return np.clip(covered, 0, 1).astype(np.float32)


class LandMap:
    """Share of land, 0 ... 1, at any place; the pages drawn so far are kept."""

    def __init__(self) -> None:
        self._page = np.full(PAGE_ROWS * PAGE_COLUMNS, -1, np.int64)
        self._cells = np.zeros((0, SIDE, SIDE), np.uint8)

    def land_share(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float32]:
        """Share of land about places in degrees, arrays of one shape, interpolated linearly between cells."""
        x = np.mod(lon + 180.0, 360.0) * CELLS_PER_DEGREE
        y = np.clip((lat + 90.0) * CELLS_PER_DEGREE, 0, 180 * CELLS_PER_DEGREE - 1e-6)
        column = np.minimum((x * (1 / PAGE_CELLS)).astype(np.int32), PAGE_COLUMNS - 1)
        row = (y * (1 / PAGE_CELLS)).astype(np.int32)
        page = self._pages(row * PAGE_COLUMNS + column)
        # Cell i has its middle at i + 1/2 and lies at i + 1 in its page.
        u = (x - column * PAGE_CELLS + 0.5).astype(np.float32)
        v = (y - row * PAGE_CELLS + 0.5).astype(np.float32)
        i, j = u.astype(np.int32), v.astype(np.int32)
        u -= i
        v -= j
        place = page * (SIDE * SIDE) + j * SIDE + i
        cells = self._cells.reshape(-1)
        south = cells[place] * (1 - u) + cells[place + 1] * u
        north = cells[place + SIDE] * (1 - u) + cells[place + SIDE + 1] * u
        return np.asarray((south * (1 - v) + north * v) * np.float32(1 / 255))

    def _pages(self, wanted: NDArray[np.int32]) -> NDArray[np.int64]:
        """Where the wanted pages lie in the store; those not there yet are drawn first."""
        slots = self._page[wanted]
        if slots.size == 0 or slots.min() >= 0:
            return slots
        missing = np.unique(wanted[slots < 0])
        if len(self._cells) + len(missing) > MOST_PAGES:
            self._page[:] = -1
            self._cells = self._cells[:0]
            missing = np.unique(wanted)
        drawn = np.stack([_draw(int(page)) for page in missing])
        self._page[missing] = np.arange(len(missing)) + len(self._cells)
        self._cells = np.concatenate([self._cells, drawn])
        return self._page[wanted]


def _draw(page: int) -> NDArray[np.uint8]:
    """Cells of one page with their rim, 255 where all is land."""
    row, column = divmod(page, PAGE_COLUMNS)
    west = -180 + column * PAGE_DEG - 1 / CELLS_PER_DEGREE
    south = -90 + row * PAGE_DEG - 1 / CELLS_PER_DEGREE
    shores = outlines()
    share = coverage(shores["land"], west, south, SIDE, SIDE) - coverage(
        shores["lakes"], west, south, SIDE, SIDE
    )
    cells = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    # The outlines end at 180 degrees and at the poles; the rim beyond repeats the last cells.
    if column == 0:
        cells[:, 0] = cells[:, 1]
    if column == PAGE_COLUMNS - 1:
        cells[:, -1] = cells[:, -2]
    if row == 0:
        cells[0] = cells[1]
    if row == PAGE_ROWS - 1:
        cells[-1] = cells[-2]
    return np.asarray(cells)
