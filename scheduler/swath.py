"""What an imaging instrument sees of the ground: when, from which angle and how finely.

The scan plane stands across the flight, through the satellite and its nadir; a place is seen at the moment
this plane sweeps over it, if it lies within the instrument's half scan angle. Attitude is taken as nominal.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scheduler.elements import Elements
from scheduler.errors import SatelliteError, ValueModelError
from scheduler.frames import DAY_S, EARTH_TURN_RAD_PER_S, Array, earth_fixed, ground_position, posix_array
from scheduler.records import record

FOLDER = Path(__file__).parent / "instruments"
NEEDS = ("day", "night", "any")


@dataclass(frozen=True)
class Instrument:
    """A scanner: half of its scan angle, its pixel below the satellite, and the light its product needs.

    `aggregation` holds pairs of the largest scan angle in degrees and how many samples make a pixel up to it,
    for instruments that join fewer towards the edge.
    """

    name: str
    half_scan_deg: float
    nadir_km: float
    needs: str
    source: str
    aggregation: tuple[tuple[float, ...], ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if self.needs not in NEEDS:
            raise SatelliteError(f"needs is {self.needs!r}; allowed are: {', '.join(NEEDS)}")
        if not (0 < self.half_scan_deg < 90 and 0.01 <= self.nadir_km <= 1000):
            raise SatelliteError("half_scan_deg must lie in 0 to 90 and nadir_km in 0.01 to 1000")
        if any(len(pair) != 2 for pair in self.aggregation):
            raise SatelliteError("aggregation needs pairs of scan angle and samples")


@dataclass(frozen=True, eq=False)
class Ground:
    """The flight: times [n] in POSIX s, Earth-fixed position in km and level direction ahead, each [3, n].

    `revolution` counts from the southernmost point of the orbit, so that it is the same for all stations that
    hear one pass, unless they lie at that latitude.
    """

    time: Array
    position: Array
    ahead: Array
    revolution: int = 0


@dataclass(frozen=True, eq=False)
class Seen:
    """Which of some places are seen [k]: when, and with which pixel; NaN where not."""

    time: Array
    resolution_km: Array

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Whether each place is seen at all [k]."""
        return np.isfinite(self.time)


@cache
def instrument(name: str) -> Instrument:
    """By name; `SatelliteError` when its file is missing or ill-formed."""
    path = FOLDER / f"{name}.toml"
    try:
        found = record(Instrument, tomllib.loads(path.read_text(encoding="utf-8")), "the file")
    except FileNotFoundError as error:
        have = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise SatelliteError(f"no instrument {name!r}; known are: {have}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, SatelliteError) as error:
        raise SatelliteError(f"{path}: {error}") from error
    assert isinstance(found, Instrument)  # noqa: S101 - for the type checker
    return found


def ground(elements: Elements, time: npt.ArrayLike) -> Ground:
    """The flight at POSIX seconds [n], rising; `ElementsError` where SGP4 gives no position."""
    position, velocity = earth_fixed(elements, time)
    x, y, _ = position
    inertial = velocity + EARTH_TURN_RAD_PER_S * np.stack([-y, x, np.zeros_like(x)])
    level = inertial - position * ((inertial * position).sum(axis=0) / (position**2).sum(axis=0))
    times = posix_array(time)
    days = (float(times.mean()) - elements.epoch.timestamp()) / DAY_S
    argument = elements.argument_of_perigee_deg + elements.mean_anomaly_deg  # of latitude, for a round orbit
    turns = argument / 360 + elements.mean_motion_rev_per_day * days + 0.25
    return Ground(times, position, level / np.sqrt((level**2).sum(axis=0)), math.floor(turns))


def places_seen(over: Ground, scanner: Instrument, latitude_deg: Array, longitude_deg: Array) -> Seen:
    """When and how finely each place [k] is scanned; the first time if the flight passes it twice."""
    if over.time.size < 2:
        raise ValueModelError("a flight needs two moments at least")
    places = ground_position(latitude_deg, longitude_deg)
    along = places.T @ over.ahead  # the satellite itself is at 0: its position stands upright on `ahead`
    still_ahead = along >= 0
    passed = still_ahead[:, :-1] & ~still_ahead[:, 1:]
    at, row = np.argmax(passed, axis=1), np.arange(len(along))
    before, after = along[row, at], along[row, at + 1]
    part = np.where(passed[row, at], before / np.where(before > after, before - after, 1.0), np.nan)
    satellite = over.position[:, at] * (1 - part) + over.position[:, at + 1] * part
    scan, resolution = _pixel(scanner, satellite, places)
    facing = (satellite * places).sum(axis=0) > (places**2).sum(axis=0)
    found = facing & (scan <= scanner.half_scan_deg)
    time = over.time[at] * (1 - part) + over.time[at + 1] * part
    return Seen(np.where(found, time, np.nan), np.where(found, resolution, np.nan))


def _pixel(scanner: Instrument, satellite: Array, places: Array) -> tuple[Array, Array]:
    """Scan angle in degrees and root of the pixel's area in km, each [k]."""
    line = places - satellite
    distance = np.sqrt((line**2).sum(axis=0))
    radius = np.sqrt((satellite**2).sum(axis=0))
    scan = np.degrees(np.arccos(np.clip(-(line * satellite).sum(axis=0) / (distance * radius), -1, 1)))
    ground_radius = np.sqrt((places**2).sum(axis=0))
    slope = np.clip(-(line * places).sum(axis=0) / (distance * ground_radius), 0.01, 1)
    stretch = distance / (radius - ground_radius)
    joined = np.ones_like(scan)
    if scanner.aggregation:
        limits, samples = np.array(scanner.aggregation).T
        joined = (
            samples[np.minimum(np.searchsorted(limits, np.nan_to_num(scan)), len(limits) - 1)] / samples[0]
        )
    return scan, scanner.nadir_km * stretch * np.sqrt(joined / slope)
