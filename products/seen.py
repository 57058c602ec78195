"""When an area was seen, and what was lost in it: a pass lasts a quarter of an hour, a province a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from pyresample.geometry import AreaDefinition

from products import mapping
from products.geolocation import Geolocator
from products.level1a import Level1a
from products.report import PassSummary


@dataclass(frozen=True)
class Seen:
    """First and last time of the lines of a map, the time to title it with, and the lines lost by channel."""

    start: datetime
    end: datetime
    title: datetime
    lines: int
    missing_lines: dict[int, int]


def seen_whole(summary: PassSummary) -> Seen:
    """The pass itself, titled with its start as its files are named."""
    return Seen(summary.start, summary.end, summary.start, summary.lines, summary.missing_lines)


def seen_in(area: AreaDefinition, level1a: Level1a, geolocator: Geolocator, candidates: slice) -> Seen | None:
    """The lines of a pass with a pixel in an area, titled with their middle; None where there is none.

    Args:
        area: the grid of a map.
        level1a: the pass.
        geolocator: its places.
        candidates: lines among which all of the area's are, as `render.lines_for` gives them.
    """
    time = level1a.line_time[candidates]
    within = _within(area, *geolocator.lonlat(time))
    hit = within.any(axis=1)
    if not hit.any():
        return None
    missing = {
        channel: int(np.count_nonzero(hit & ~((quality[candidates] == 0) & within).any(axis=1)))
        for channel, quality in level1a.quality.items()
    }
    start, middle, end = (float(part(time[hit])) for part in (np.min, np.median, np.max))
    return Seen(_utc(start), _utc(end), _utc(middle), int(hit.sum()), missing)


def _within(
    area: AreaDefinition, longitude: NDArray[np.float32], latitude: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which places lie on a grid; only those in its window are projected."""
    within: NDArray[np.bool_] = mapping.window(area).holds(longitude, latitude)
    points = np.stack([longitude[within], latitude[within]], axis=1).astype(float)
    at = mapping.pixel_transform(area, (area.width, area.height))(points)
    within[within] = ((at >= 0) & (at <= (area.width, area.height))).all(axis=1)
    return within


def _utc(posix_s: float) -> datetime:
    return datetime.fromtimestamp(posix_s, UTC)
