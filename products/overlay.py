"""Lines to draw on maps: coastlines and lakes from our own file, boundaries only from the operator's.

National borders are in no file of ours. What `boundaries` names is drawn as it is and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from products.errors import InputError

Line = NDArray[np.float64]

FILE = Path(__file__).parent / "data" / "map_lines.npz"
MAX_BOUNDARY_BYTES = 200_000_000
LINE_TYPES = {"LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}


@dataclass(frozen=True)
class Window:
    """The part of the world on a map: centre and half width in longitude, and latitudes, in degrees."""

    centre: float
    half_width: float
    south: float
    north: float

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north; west > east where the window crosses 180 degrees."""
        west, east = self.centre - self.half_width, self.centre + self.half_width
        if self.half_width >= 180:
            west, east = -180.0, 180.0
        wrapped = [
            round(float((lon + 180) % 360 - 180) if abs(lon) > 180 else float(lon), 4) for lon in (west, east)
        ]
        return wrapped[0], round(self.south, 4), wrapped[1], round(self.north, 4)

    def holds(self, longitude: NDArray[np.float32], latitude: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which points lie in the window."""
        offset = np.abs((longitude - self.centre + 180) % 360 - 180)
        return (offset <= self.half_width) & (latitude >= self.south) & (latitude <= self.north)


@cache
def map_lines(name: str) -> tuple[Line, ...]:
    """Lines (n, 2) of longitude and latitude, "coastline" or "lakes", good to 400 m."""
    with np.load(FILE, allow_pickle=False) as file:
        step = float(file["step_deg"])
        first, steps, count = (
            file[f"{name}_{part}"].astype(np.int64) for part in ("first", "steps", "count")
        )
    ends = np.cumsum(count - 1)[:-1]
    return tuple(
        np.concatenate([[start], start + np.cumsum(part, axis=0)]) * step
        for start, part in zip(first, np.split(steps, ends), strict=True)
    )


def boundary_lines(path: Path) -> tuple[Line, ...]:
    """The outlines in a GeoJSON file (WGS 84).

    Raises:
        InputError: the file is not GeoJSON or holds no outline.
    """
    try:
        if path.stat().st_size > MAX_BOUNDARY_BYTES:
            raise InputError(
                f"{path} is larger than {MAX_BOUNDARY_BYTES // 1_000_000} MB; give simplified boundaries"
            )
        document = json.loads(path.read_text(encoding="utf-8"))
        lines = tuple(_outlines(document))
    except OSError as error:
        raise InputError(
            f"the boundaries {path} cannot be read: {error.strerror}; correct `boundaries`"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"the boundaries {path} are not GeoJSON ({error}); give a FeatureCollection in WGS 84"
        ) from error
    if not lines:
        raise InputError(
            f"the boundaries {path} hold no line or polygon; give a GeoJSON FeatureCollection in WGS 84"
        )
    return lines


def _outlines(node: dict[str, Any]) -> Iterator[Line]:
    kind = node["type"]
    if kind == "FeatureCollection":
        for feature in node["features"]:
            yield from _outlines(feature)
    elif kind == "Feature":
        if node["geometry"] is not None:
            yield from _outlines(node["geometry"])
    elif kind == "GeometryCollection":
        for geometry in node["geometries"]:
            yield from _outlines(geometry)
    elif kind in LINE_TYPES:
        yield from _rings(node["coordinates"], LINE_TYPES[kind])


def _rings(coordinates: Any, depth: int) -> Iterator[Line]:
    if depth > 1:
        for part in coordinates:
            yield from _rings(part, depth - 1)
        return
    line = np.array([point[:2] for point in coordinates], dtype=float)
    if line.ndim != 2 or line.shape[1] != 2 or not np.isfinite(line).all():
        raise ValueError("an outline is not a list of longitudes and latitudes")
    if np.abs(line).max(axis=0, initial=0)[0] > 360 or np.abs(line[:, 1]).max(initial=0) > 90:
        raise ValueError("coordinates are not degrees of longitude and latitude")
    yield line


def inside(lines: tuple[Line, ...], window: Window) -> Iterator[Line]:
    """The runs of points in the window or just beside it, so that no point far away is ever projected."""
    margin = 0.1 * max(window.half_width, window.north - window.south) + 0.05
    for line in lines:
        lon = (line[:, 0] - window.centre + 180) % 360 - 180
        near = np.abs(lon) <= window.half_width + margin
        near &= (line[:, 1] >= window.south - margin) & (line[:, 1] <= window.north + margin)
        if not near.any():
            continue
        # A run ends where points leave the window or jump across the far meridian.
        together = near[:-1] & near[1:] & (np.abs(np.diff(lon)) < 180)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], together, [False]]).astype(np.int8)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            yield line[start : end + 1]
