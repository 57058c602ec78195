"""From when to when a satellite is above the horizon of a site.

The height above the horizon is taken in km: the component along the site's vertical, or, behind a mask, the
angle above it times the distance. Where it can be positive follows from a bound on polynomials (`flight.py`);
there it is sampled, extremes near zero are looked for between the samples, and each crossing is solved on
SGP4 itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scheduler.errors import SchedulerError
from scheduler.flight import Flight, bernstein_basis
from scheduler.frames import Array, Site, direction, fixed_or_nan, site_position, vertical

Height = Callable[[Array], Array]

# By how much the polynomials may be off; 1.6 km is the worst of 3041 satellites, far out and lightly bound.
_MARGIN_KM = 3.0
_SAMPLES = 32  # of a segment: 12 s apart in low orbit
_SOLVED_S = 1e-5
_NOWHERE_KM = -1e5  # where SGP4 gives no position
_MOST_ROUNDS = 60
_CORNER_ROUNDS = 12
_GOLDEN_ROUNDS = 32  # 24 s shrink to 5 us


@dataclass(frozen=True)
class HorizonMask:
    """What hides the sky: elevation in degrees at rising azimuths, linear between them and around north.

    Stays are found through gaps of any width that a satellite crosses; one that turns back in azimuth within
    a gap of a degree or so, for less than about ten seconds, can go unseen.
    """

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


@dataclass(frozen=True, eq=False)
class Stays:
    """Edges [n, 2] in POSIX s; `crossed` [n, 2] is false where the flight begins or ends in the sky."""

    edges: Array
    crossed: npt.NDArray[np.bool_]

    def within(self, start: float, end: float) -> Stays:
        """Those that overlap two POSIX times; edges that were not crossed are drawn in to these."""
        kept = (self.edges[:, 1] >= start) & (self.edges[:, 0] <= end)
        edges, crossed = self.edges[kept], self.crossed[kept]
        return Stays(np.where(crossed, edges, np.clip(edges, start, end)), crossed)


def find_stays(flight: Flight, site: Site, horizon: HorizonMask | None = None) -> Stays:
    """All stays above the horizon during the flight, by rise; several in one pass where the mask cuts it."""
    up = vertical(site)
    bounds = flight.bernstein(up, float(up @ site_position(site)))
    floor = _floor_km(flight, horizon)
    segment = np.flatnonzero(bounds.max(axis=0, initial=-math.inf) > floor - _MARGIN_KM)
    if not segment.size:
        return Stays(np.empty((0, 2)), np.empty((0, 2), dtype=np.bool_))
    exact = _exact_height(flight, site, horizon)
    time, height = _sampled(flight, bounds, segment)
    if horizon is not None:
        time, height = _behind_mask(flight, site, horizon, (time, height), floor)
    near = np.abs(height) < _MARGIN_KM
    height[near] = exact(time[near])
    time, height = _with_extremes(time, height, exact)
    return _edges(flight, time, height, exact)


def _floor_km(flight: Flight, horizon: HorizonMask | None) -> float:
    """No satellite is above the mask while it is lower than this over the site's horizontal plane."""
    lowest = min((0.0, *(horizon.elevation_deg if horizon else ())))
    farthest = math.sqrt((flight.position**2).sum(axis=0).max()) + 6400 if flight.segments else 0.0
    return math.sin(math.radians(lowest)) * farthest


def _exact_height(flight: Flight, site: Site, horizon: HorizonMask | None) -> Height:
    up, place = vertical(site), site_position(site)

    def height(time: Array) -> Array:
        _, position, _ = fixed_or_nan(flight.satrec, time)
        above = up @ position - up @ place if horizon is None else _above_mask(site, horizon, position)
        return np.nan_to_num(above, nan=_NOWHERE_KM)

    return height


def _above_mask(site: Site, horizon: HorizonMask, position: Array) -> Array:
    azimuth, elevation, distance = direction(site, position)
    return np.asarray(np.radians(elevation - horizon.at(azimuth)) * distance)


def _sampled(flight: Flight, bounds: Array, segment: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Times and heights over the plane, rising in time; beside what is left out there are samples."""
    part = np.arange(_SAMPLES + 1) / _SAMPLES
    height = bernstein_basis(part) @ bounds[:, segment]
    time = flight.start + flight.step * (segment + part[:, None])
    last = np.append(np.diff(segment) > 1, [True])  # the next segment brings its own first sample
    keep = np.ones((segment.size, _SAMPLES + 1), dtype=np.bool_)
    keep[~last, -1] = False
    return time.T[keep], height.T[keep]


def _behind_mask(
    flight: Flight, site: Site, horizon: HorizonMask, samples: tuple[Array, Array], floor: float
) -> tuple[Array, Array]:
    """Heights above the mask, with samples added where its corners are crossed.

    What is too low for any mask keeps its height over the plane, which is negative.
    """
    time, height = samples
    there = np.flatnonzero(height > floor - _MARGIN_KM)
    azimuth, elevation, distance = direction(site, flight.at(time[there]))
    height[there] = np.radians(elevation - horizon.at(azimuth)) * distance
    joined = np.diff(time[there]) < 1.5 * flight.step / _SAMPLES
    corner = _corner_times(time[there], azimuth, joined, horizon, lambda t: direction(site, flight.at(t))[0])
    height = np.concatenate([height, _above_mask(site, horizon, flight.at(corner))])
    time = np.concatenate([time, corner])
    order = np.argsort(time, kind="stable")
    return time[order], height[order]


def _corner_times(
    time: Array, azimuth: Array, joined: npt.NDArray[np.bool_], horizon: HorizonMask, azimuth_at: Height
) -> Array:
    """When corners of the mask are crossed, to 1/4096 of the time between two samples, by bisection.

    Near the zenith the azimuth hurries: evenly spread it would miss a narrow slit there.
    """
    corners = np.asarray(horizon.azimuth_deg)
    sector = np.searchsorted(corners, azimuth)
    row = np.flatnonzero(joined & (sector[1:] != sector[:-1]))
    turn = (azimuth[row + 1] - azimuth[row] + 180) % 360 - 180
    ahead = (corners - azimuth[row, None]) * np.sign(turn)[:, None] % 360
    crossed, which = np.nonzero(ahead < np.abs(turn)[:, None])
    begin, way, sign = row[crossed], ahead[crossed, which], np.sign(turn[crossed])
    low, high = time[begin], time[begin + 1]
    for _ in range(_CORNER_ROUNDS):
        middle = (low + high) / 2
        turned = ((azimuth_at(middle) - azimuth[begin]) * sign + 90) % 360 - 90
        low, high = np.where(turned < way, middle, low), np.where(turned < way, high, middle)
    return np.asarray((low + high) / 2)


def _with_extremes(time: Array, height: Array, exact: Height) -> tuple[Array, Array]:
    """Samples with the maxima just below the horizon and the minima just above it, sought between them."""
    before, here, after = height[:-2], height[1:-1], height[2:]
    # A hidden stay is a maximum below zero, a hidden gap a minimum above it.
    sign = np.where(here > 0, -1.0, 1.0)
    turns = (sign * here >= sign * before) & (sign * here > sign * after)
    # Between samples a smooth curve goes beyond the outermost by a part of its change from one to the next.
    reach = np.maximum(np.abs(here - before), np.abs(here - after))
    found = np.flatnonzero(turns & (np.abs(here) < reach + _MARGIN_KM)) + 1
    if not found.size:
        return time, height
    at = _maximum(time[found - 1], time[found + 1], lambda t: sign[found - 1] * exact(t))
    time, height = np.concatenate([time, at]), np.concatenate([height, exact(at)])
    order = np.argsort(time, kind="stable")
    return time[order], height[order]


def _maximum(low: Array, high: Array, value: Height) -> Array:
    """Golden section in every bracket at once; a mask's corner may be the top, so no parabola will do."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(_GOLDEN_ROUNDS):
        rising = at_left < at_right
        low, high = np.where(rising, left, low), np.where(rising, high, right)
        new = np.where(rising, low + ratio * (high - low), high - ratio * (high - low))
        at_new = value(new)
        left, right = np.where(rising, right, new), np.where(rising, new, left)
        at_left, at_right = np.where(rising, at_right, at_new), np.where(rising, at_new, at_left)
    return np.asarray((low + high) / 2)


def _edges(flight: Flight, time: Array, height: Array, exact: Height) -> Stays:
    up = height > 0
    change = np.flatnonzero(up[1:] != up[:-1])
    crossing = _solved(time[change], time[change + 1], height[change], height[change + 1], exact)
    first, last = [flight.start] if up[0] else [], [flight.end] if up[-1] else []
    edges = np.concatenate([first, crossing, last]).reshape(-1, 2)
    crossed = np.concatenate([[False] * len(first), np.ones(crossing.size), [False] * len(last)])
    return Stays(edges, crossed.astype(np.bool_).reshape(-1, 2))


def _solved(low: Array, high: Array, at_low: Array, at_high: Array, height: Height) -> Array:
    """The root in every bracket at once, by the Illinois form of regula falsi (Dowell and Jarratt 1971)."""
    root = low.copy()
    left: npt.NDArray[np.intp] = np.arange(low.size)  # the brackets that are not narrow enough yet
    for _ in range(_MOST_ROUNDS):
        if not left.size:
            break
        step = low - at_low * (high - low) / (at_high - at_low)
        moved, root[left] = np.abs(step - root[left]), step
        at_step = height(step)
        beyond = (at_step > 0) == (at_high > 0)
        # The end that stays where it is counts half, so that both ends close in.
        at_low = np.where(beyond, at_low / 2, at_step)
        at_high = np.where(beyond, at_step, at_high / 2)
        low, high = np.where(beyond, low, step), np.where(beyond, step, high)
        more = moved > _SOLVED_S
        left = left[more]
        low, high, at_low, at_high = (x[more] for x in (low, high, at_low, at_high))
    return root
