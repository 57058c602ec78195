"""Meridians and parallels for maps, with the names they are labelled by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from products.overlay import Window

STEPS_DEG = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
MOST_LINES = 7
POINTS = 60


@dataclass(frozen=True)
class GridLine:
    """A meridian or a parallel: its label and its points (n, 2) of longitude and latitude in degrees."""

    label: str
    is_meridian: bool
    points: NDArray[np.float64]


def graticule(window: Window) -> tuple[GridLine, ...]:
    """Round meridians and parallels across a window, a handful of each."""
    middle = np.deg2rad((window.south + window.north) / 2)
    span = max(2 * window.half_width * float(np.cos(middle)), window.north - window.south)
    step = next((s for s in STEPS_DEG if span / s <= MOST_LINES), STEPS_DEG[-1])
    west, east = window.centre - window.half_width, window.centre + window.half_width
    south, north = max(window.south, -88.0), min(window.north, 88.0)
    lines = []
    for lon in _round(west, east, step):
        named = (lon + 180) % 360 - 180
        points = np.stack([np.full(POINTS, named), np.linspace(south, north, POINTS)], axis=1)
        lines.append(GridLine(_name(named, "E", "W"), is_meridian=True, points=points))
    for lat in _round(south, north, step):
        along = (np.linspace(west, east, POINTS) + 180) % 360 - 180
        points = np.stack([along, np.full(POINTS, lat)], axis=1)
        lines.append(GridLine(_name(lat, "N", "S"), is_meridian=False, points=points))
    return tuple(lines)


def _round(low: float, high: float, step: float) -> list[float]:
    return [float(value) * step for value in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _name(value: float, positive: str, negative: str) -> str:
    side = "" if value % 180 == 0 else positive if value > 0 else negative
    return f"{abs(value):g}°{side}"
