"""When a satellite is above the horizon of a site.

The height above the horizon is sampled on a grid, its maxima are refined by golden section and the crossings
beside each by bisection, all of them at once on arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from scheduler.elements import Elements
from scheduler.errors import SchedulerError
from scheduler.frames import DAY_S, Array, Site, elevation, sun_elevation_deg
from scheduler.track import sub_point

__all__ = ["HorizonMask", "Pass", "Site", "find_passes"]

_GRID_STEPS_PER_ORBIT = 200  # about 30 s in low orbit; a pass of two minutes holds four of them
_LONGEST_STEP_S = 300.0
_GOLDEN_STEPS = 36  # 60 s · 0.618^36 = 2 us
_BISECTIONS = 26  # 60 s / 2^26 = 1 us
_AT_HORIZON_DEG = 1e-3
_SAMPLES = 61  # of a pass, for its highest part and its light


@dataclass(frozen=True)
class HorizonMask:
    """What hides the sky: elevation in degrees at rising azimuths, linear between them and around north."""

    azimuth_deg: tuple[float, ...]
    elevation_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.azimuth_deg, self.azimuth_deg[1:], strict=False))
        inside = all(0 <= a < 360 for a in self.azimuth_deg) and all(-5 <= e < 90 for e in self.elevation_deg)
        if (
            not self.azimuth_deg
            or len(self.azimuth_deg) != len(self.elevation_deg)
            or not (rising and inside)
        ):
            raise SchedulerError(
                "a horizon mask needs as many elevations (-5 to 90) as azimuths (0 to 360, rising); "
                f"given {self.azimuth_deg} and {self.elevation_deg}"
            )

    def at(self, azimuth_deg: Array) -> Array:
        """Elevation of the horizon in degrees [n]."""
        return np.asarray(np.interp(azimuth_deg, self.azimuth_deg, self.elevation_deg, period=360.0))


@dataclass(frozen=True)
class Pass:
    """One stay above the horizon.

    `sunlit_fraction` is the part of it during which the Sun is up at the point below the satellite;
    `complete` is false when rise or set lies outside what was searched, as for a satellite that never sets.
    """

    satellite: str
    norad_id: int
    site: str
    aos: datetime
    tca: datetime
    los: datetime
    max_elevation_deg: float
    aos_azimuth_deg: float
    tca_azimuth_deg: float
    los_azimuth_deg: float
    sunlit_fraction: float
    site_sun_elevation_deg: float
    complete: bool = True

    @property
    def duration_s(self) -> float:
        """Seconds from rise to set."""
        return (self.los - self.aos).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """The record that `tramthu passes --json` prints; times in UTC with Z."""
        record: dict[str, Any] = {"satellite": self.satellite, "norad_id": self.norad_id, "site": self.site}
        record |= {name: _z(getattr(self, name)) for name in ("aos", "tca", "los")}
        for name in ("max_elevation_deg", "aos_azimuth_deg", "tca_azimuth_deg", "los_azimuth_deg"):
            record[name] = round(getattr(self, name), 3)
        return record | {
            "sunlit_fraction": round(self.sunlit_fraction, 3),
            "site_sun_elevation_deg": round(self.site_sun_elevation_deg, 2),
            "complete": self.complete,
        }


def find_passes(
    elements: Elements,
    site: Site,
    start: datetime,
    end: datetime,
    *,
    min_elevation_deg: float = 0.0,
    horizon: HorizonMask | None = None,
) -> list[Pass]:
    """Passes that overlap `start` to `end` and culminate at `min_elevation_deg` or more, by rise.

    A pass under way at `start` or `end` is given whole. Rise and set are where the satellite crosses the
    horizon (the mask, or elevation 0); `tca` is where it stands highest above it.

    Raises:
        SchedulerError: the end lies before the start.
        ElementsError: SGP4 gives no position somewhere in the window.
    """
    if end < start:
        raise SchedulerError(f"passes from {start} to {end}: the end lies before the start")
    period_s = DAY_S / elements.mean_motion_rev_per_day
    step = min(period_s / _GRID_STEPS_PER_ORBIT, _LONGEST_STEP_S)
    margin = min(period_s, DAY_S) / 2
    first, last = start.timestamp() - margin, end.timestamp() + margin
    grid = np.linspace(first, last, int((last - first) / step) + 2)

    def height(time: Array) -> Array:
        azimuth, above = elevation(site, elements, time)
        return above - horizon.at(azimuth) if horizon else above

    low, high = start.timestamp(), end.timestamp()
    inside = [edges for edges in _intervals(grid, height) if edges[1] >= low and edges[0] <= high]
    found = _described(elements, site, np.array(inside), height) if inside else []
    return [p for p in found if p.max_elevation_deg >= min_elevation_deg]


def _intervals(grid: Array, height: Any) -> list[tuple[float, float]]:
    """Stays above zero, including those that lie between two points of the grid."""
    sampled = height(grid)
    inner = np.flatnonzero((sampled[1:-1] >= sampled[:-2]) & (sampled[1:-1] > sampled[2:])) + 1
    peaks = _maximum(grid[inner - 1], grid[inner + 1], height) if inner.size else np.empty(0)
    time = np.concatenate([grid, peaks])
    value = np.concatenate([sampled, height(peaks) if peaks.size else peaks])
    order = np.argsort(time, kind="stable")
    time, up = time[order], value[order] > 0
    change = np.flatnonzero(up[1:] != up[:-1])
    crossings = _crossing(time[change], time[change + 1], up[change], height) if change.size else np.empty(0)
    edges = np.concatenate([time[:1] if up[0] else [], crossings, time[-1:] if up[-1] else []])
    return [(float(a), float(b)) for a, b in edges.reshape(-1, 2)]


def _maximum(low: Array, high: Array, height: Any) -> Array:
    """Golden section in every bracket at once."""
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(_GOLDEN_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left, at_right = np.split(height(np.concatenate([left, right])), 2)
        rising = at_left < at_right
        low, high = np.where(rising, left, low), np.where(rising, high, right)
    return np.asarray((low + high) / 2)


def _crossing(low: Array, high: Array, up_at_low: npt.NDArray[np.bool_], height: Any) -> Array:
    """Bisection in every bracket at once."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        same = (height(middle) > 0) == up_at_low
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.asarray((low + high) / 2)


def _described(elements: Elements, site: Site, edges: Array, height: Any) -> list[Pass]:
    """Passes between edges [n, 2], all computed at once."""
    time = edges[:, :1] + np.linspace(0, 1, _SAMPLES) * (edges[:, 1:] - edges[:, :1])
    above = height(time.ravel()).reshape(time.shape)
    top, row = np.argmax(above, axis=1), np.arange(len(edges))
    peak = _maximum(time[row, np.maximum(top - 1, 0)], time[row, np.minimum(top + 1, _SAMPLES - 1)], height)
    key_times = np.column_stack([edges[:, 0], peak, edges[:, 1]])
    azimuth, elevation_deg = (a.reshape(-1, 3) for a in elevation(site, elements, key_times.ravel()))
    latitude, longitude, _ = sub_point(elements, time.ravel())
    sunlit = (sun_elevation_deg(latitude, longitude, time.ravel()) > 0).reshape(time.shape).mean(axis=1)
    sun_here = sun_elevation_deg(site.latitude_deg, site.longitude_deg, peak)
    complete = np.abs(above[:, [0, -1]]).max(axis=1) < _AT_HORIZON_DEG
    return [
        Pass(
            satellite=elements.name,
            norad_id=elements.norad_id,
            site=site.name,
            aos=_utc(key_times[i, 0]),
            tca=_utc(key_times[i, 1]),
            los=_utc(key_times[i, 2]),
            max_elevation_deg=float(elevation_deg[i, 1]),
            aos_azimuth_deg=float(azimuth[i, 0]),
            tca_azimuth_deg=float(azimuth[i, 1]),
            los_azimuth_deg=float(azimuth[i, 2]),
            sunlit_fraction=float(sunlit[i]),
            site_sun_elevation_deg=float(sun_here[i]),
            complete=bool(complete[i]),
        )
        for i in row
    ]


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(seconds))


def _z(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
