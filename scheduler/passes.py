"""Passes: when satellites are above the horizons of sites, how high, and in which light.

Elevations are geometric: refraction, which lifts a satellite at the horizon by half a degree or some five
seconds, is left out, as skyfield does by default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from scheduler.elements import Elements
from scheduler.errors import ElementsError, SchedulerError
from scheduler.flight import Flight, fly
from scheduler.frames import DAY_S, Array, Site, direction, sun_direction, sun_elevation_deg
from scheduler.stays import HorizonMask, Stays, find_stays

__all__ = ["HorizonMask", "Pass", "Search", "Site", "find_all_passes", "find_passes"]

_SAMPLES = 25  # of a pass at least, for its highest part and its light
_PER_STEP = 8  # samples for each step of the flight: 48 s apart at most in low orbit
_PEAK_ROUNDS = 6  # a sample lies half a minute from the peak; each round comes four times as near
_WGS84_A_KM = 6378.137
_E2 = 0.006_694_38


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
        for name in ("max_elevation_deg", "aos_azimuth_deg", "los_azimuth_deg", "sunlit_fraction"):
            record[name] = round(getattr(self, name), 3)
        return record


@dataclass(frozen=True)
class Search:
    """What was found, by rise, and for which satellites the elements fail in the time that was asked for."""

    passes: tuple[Pass, ...]
    problems: tuple[str, ...] = ()


def find_passes(
    elements: Elements,
    site: Site,
    start: datetime,
    end: datetime,
    *,
    min_elevation_deg: float = -90.0,
    horizon: HorizonMask | None = None,
) -> list[Pass]:
    """Passes of one satellite over one site; see `find_all_passes`.

    Raises:
        SchedulerError: the end lies before the start.
        ElementsError: SGP4 gives no position somewhere in the window.
    """
    found = find_all_passes([elements], [(site, horizon)], start, end, min_elevation_deg=min_elevation_deg)
    if found.problems:
        raise ElementsError(found.problems[0])
    return list(found.passes)


def find_all_passes(
    sets: Sequence[Elements],
    sites: Sequence[tuple[Site, HorizonMask | None]],
    start: datetime,
    end: datetime,
    *,
    min_elevation_deg: float = -90.0,
) -> Search:
    """Passes that overlap `start` to `end` and reach `min_elevation_deg` or more, by rise.

    A pass under way at `start` or `end` is given whole. Where no rise or set follows within half a revolution
    beyond them (half a day at most), the pass ends there with them. Rise and set are where the satellite
    crosses the horizon (the mask, or elevation 0); a mask may cut one flight over the site into several
    passes. `tca` is where it stands highest between them.

    Raises:
        SchedulerError: the end lies before the start.
    """
    if end < start:
        raise SchedulerError(f"passes from {start} to {end}: the end lies before the start")
    found: list[Pass] = []
    problems: list[str] = []
    for elements in sets:
        margin = min(DAY_S / elements.mean_motion_rev_per_day, DAY_S) / 2
        flight = fly(elements, start.timestamp() - margin, end.timestamp() + margin)
        problems += [flight.problem] if flight.problem else []
        for site, horizon in sites if flight.segments else ():
            stays = find_stays(flight, site, horizon).within(start.timestamp(), end.timestamp())
            found += _described(flight, site, stays, min_elevation_deg)
    found.sort(key=lambda p: p.aos)
    return Search(tuple(found), tuple(problems))


def _described(flight: Flight, site: Site, stays: Stays, least_deg: float) -> Iterator[Pass]:
    """The usual ones computed at once; long ones, of high orbits, each with as many samples as it needs."""
    needed = np.ceil(np.diff(stays.edges, axis=1)[:, 0] / flight.step * _PER_STEP).astype(int)
    usual = needed < _SAMPLES
    if usual.any():
        few = Stays(stays.edges[usual], stays.crossed[usual])
        yield from _sampled(flight, site, few, _SAMPLES, least_deg)
    for i in np.flatnonzero(~usual):
        one = Stays(stays.edges[i : i + 1], stays.crossed[i : i + 1])
        yield from _sampled(flight, site, one, int(needed[i]) + 1, least_deg)


def _sampled(flight: Flight, site: Site, stays: Stays, samples: int, least_deg: float) -> Iterator[Pass]:
    rise, fall = stays.edges.T
    time = rise[:, None] + np.linspace(0, 1, samples) * (fall - rise)[:, None]
    position = flight.at(time.ravel())
    elevation = direction(site, position)[1].reshape(time.shape)
    peak = _peak(flight, site, time, elevation)
    key_times = np.column_stack([rise, peak, fall])
    azimuth, elevation, _ = (a.reshape(-1, 3) for a in direction(site, flight.at(key_times.ravel())))
    sunlit = _sunlit_fraction(position, time)
    sun_here = sun_elevation_deg(site.latitude_deg, site.longitude_deg, peak)
    for i in np.flatnonzero(elevation[:, 1] >= least_deg):
        aos, tca, los = (_utc(t) for t in key_times[i])
        yield Pass(
            satellite=flight.elements.name,
            norad_id=flight.elements.norad_id,
            site=site.name,
            aos=aos,
            tca=tca,
            los=los,
            max_elevation_deg=float(elevation[i, 1]),
            aos_azimuth_deg=float(azimuth[i, 0]),
            tca_azimuth_deg=float(azimuth[i, 1]),
            los_azimuth_deg=float(azimuth[i, 2]),
            sunlit_fraction=float(sunlit[i]),
            site_sun_elevation_deg=float(sun_here[i]),
            complete=bool(stays.crossed[i].all()),
        )


def _peak(flight: Flight, site: Site, time: Array, elevation: Array) -> Array:
    """When each stay [n] culminates, from its samples [n, m].

    About every sample that is not lower than its neighbours parabolas are laid through points that close in;
    of a stay with several such humps, as high orbits have them, the highest counts.
    """
    beside = np.pad(elevation, ((0, 0), (1, 1)), constant_values=-np.inf)
    row, hump = np.nonzero((elevation >= beside[:, :-2]) & (elevation >= beside[:, 2:]))
    at: Array = time[row, hump]
    first, last = time[row, 0], time[row, -1]
    step = time[row, 1] - first
    for _ in range(_PEAK_ROUNDS):
        at = np.clip(at, first + step, last - step)
        three = at[:, None] + np.outer(step, [-1, 0, 1])
        left, middle, right = direction(site, flight.at(three.ravel()))[1].reshape(-1, 3).T
        bend = np.maximum(2 * middle - left - right, 1e-12)
        at = at + step * np.clip((right - left) / (2 * bend), -1, 1)
        step = step / 4
    several = row.size > len(time)
    height = direction(site, flight.at(at))[1] if several else elevation[row, hump]
    order = np.lexsort((height, row))  # the highest of each stay comes last
    return np.asarray(at[order][np.searchsorted(row[order], np.arange(len(time)), side="right") - 1])


def _sunlit_fraction(position: Array, time: Array) -> Array:
    """Part of each pass [n] with the Sun above the horizon of the point below the satellite."""
    x, y, z = position
    # The ellipsoid's vertical at the point below; the radius of curvature is taken as the equator's (0.002°).
    height = np.sqrt((position**2).sum(axis=0)) - _WGS84_A_KM
    upward = np.stack([x, y, z / (1 - _E2 * _WGS84_A_KM / (_WGS84_A_KM + height))])
    sine = ((upward * sun_direction(time.ravel())).sum(axis=0)).reshape(time.shape)
    before, after = sine[:, :-1], sine[:, 1:]
    lit = np.maximum(before, 0) + np.maximum(after, 0)  # of each step, by a straight line between its ends
    return np.asarray((lit / np.maximum(np.abs(before) + np.abs(after), 1e-12)).mean(axis=1))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(seconds))


def _z(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
