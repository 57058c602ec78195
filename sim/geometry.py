"""Where each sample of a scanning imager lies on the Earth: SGP4, attitude, scan, WGS 84 ellipsoid.

Frame of the instrument at the moment of a sample:
    z  to the centre of the Earth (geocentric nadir; 'geodetic' is the other choice)
    y  right of the flight, along z x v, v being SGP4's velocity (no yaw steering)
    x  y x z, forward
A line of sight begins as z, is turned by scan angle + roll about x (positive to the right), by pitch about y
(positive looks back) and by yaw about z (positive turns the right side forward): pyorbital's senses. This
frame is the satellites' own: METEOR-M2 3 told an attitude within 0.05 degrees of it, and constant, in a pass
of 2026 (tests/sim/test_telemetry.py; against a geodetic vertical it would have drifted).

Left out: light time (3 m), polar motion (10 m), UT1 - UTC (0.9 s by definition, below 0.1 s since 2017: 46
m), and height above the ellipsoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sgp4.api import SGP4_ERRORS, Satrec

from sim.errors import SimulationError
from sim.sun import DAY_S, greenwich_sidereal_angle

Array = NDArray[np.float64]

EQUATOR_KM = 6378.137  # WGS 84
POLE_KM = 6356.752314245
EXCENTRICITY_2 = 1 - (POLE_KM / EQUATOR_KM) ** 2
EARTH_RATE_RAD_S = 7.292115146706979e-5
POSIX_EPOCH_JD = 2440587.5
# A simulated orbit is what its elements say, however old; after some years they say nonsense (drag terms).
MAX_AGE_DAYS = 1100.0


class HasSatrec(Protocol):
    """Orbital elements as `scheduler.elements.Elements` are: a name and SGP4's record."""

    @property
    def name(self) -> str:
        """Name of the satellite as in the element set."""

    def satrec(self) -> Satrec:
        """SGP4's record."""


@dataclass(frozen=True)
class Scan:
    """The sweep of one line: uniform in angle, one turn of the mirror a line, column 0 first.

    110.1 degrees over the 1568 columns that LRPT sends and column 0 on the right of the flight were found by
    others on METEOR-M2 3 and 2-4 (SatDump's projections_settings; a published georeference of METEOR-M2:
    tests/sim/test_geometry.py).
    """

    columns: int = 1568
    total_angle_deg: float = 110.1
    lines_per_second: float = 6.498
    first_column: str = "right"

    def __post_init__(self) -> None:
        """Refuse an unknown side and a width that is not made of whole packets of 14 blocks."""
        if self.first_column not in ("right", "left") or self.columns % 112 or self.columns <= 0:
            raise SimulationError(
                f"first column {self.first_column!r}, {self.columns} columns; right or left and a multiple "
                "of 112 are needed"
            )

    def angle_rad(self) -> Array:
        """Scan angle of each column [columns], positive to the right of the flight."""
        side = {"right": -1.0, "left": 1.0}[self.first_column]
        step = np.deg2rad(self.total_angle_deg) / self.columns
        return np.asarray(side * step * (np.arange(self.columns) - (self.columns - 1) / 2))

    def delay_s(self) -> Array:
        """Seconds from the start of the line to each column [columns]."""
        return np.asarray(
            np.arange(self.columns) * (self.total_angle_deg / self.columns / 360 / self.lines_per_second)
        )


@dataclass(frozen=True)
class Attitude:
    """A fixed turn of the instrument, degrees, and what it is measured against."""

    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    nadir: str = "geocentric"

    def __post_init__(self) -> None:
        """Refuse an unknown nadir."""
        if self.nadir not in ("geocentric", "geodetic"):
            raise SimulationError(f"nadir is {self.nadir!r}; allowed: geocentric, geodetic")


def states(elements: HasSatrec, time: Array) -> tuple[Array, Array]:
    """Position in km and inertial velocity in km/s, each [n, 3], in Earth-fixed axes at POSIX times [n].

    Raises:
        SimulationError: SGP4 gives no position, or the elements are three years older or newer.
    """
    satrec = elements.satrec()
    days = np.floor(time / DAY_S)
    epoch = satrec.jdsatepoch + satrec.jdsatepochF - POSIX_EPOCH_JD
    if time.size and np.abs(days - epoch).max() > MAX_AGE_DAYS:
        raise SimulationError(
            f"the elements of {elements.name} are of {_day(epoch * DAY_S)}, the pass of "
            f"{_day(float(time[0]))}: choose a pass within {MAX_AGE_DAYS:.0f} days of them"
        )
    error, position, velocity = satrec.sgp4_array(days + POSIX_EPOCH_JD, (time - days * DAY_S) / DAY_S)
    if error.any():
        raise SimulationError(
            f"SGP4 gives no position of {elements.name}: {SGP4_ERRORS[int(error[error > 0][0])]}"
        )
    angle = greenwich_sidereal_angle(time)
    return _turned(position, angle), _turned(velocity, angle)


def earth_fixed_velocity(position: Array, velocity: Array) -> Array:
    """Velocity [n, 3] relative to the turning Earth from position and inertial velocity in its axes."""
    carried = np.stack([-position[:, 1], position[:, 0], np.zeros(len(position))], axis=1) * EARTH_RATE_RAD_S
    return np.asarray(velocity - carried)


def axes(position: Array, velocity: Array, attitude: Attitude) -> tuple[Array, Array, Array]:
    """Unit vectors x, y, z, each [n, 3], of the untilted instrument."""
    down = -position
    if attitude.nadir == "geodetic":
        down = subsatellite_point(position) - position
    z = down / np.linalg.norm(down, axis=1, keepdims=True)
    y = np.cross(z, velocity)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return np.cross(y, z), y, z


def subsatellite_point(position: Array) -> Array:
    """Point [n, 3] of the ellipsoid whose vertical goes through the position; iterated to below 1 mm."""
    x, y, z = position.T
    radius = np.hypot(x, y)
    latitude = np.arctan2(z, radius * (1 - EXCENTRICITY_2))
    for _ in range(6):
        normal = EQUATOR_KM / np.sqrt(1 - EXCENTRICITY_2 * np.sin(latitude) ** 2)
        latitude = np.arctan2(z + EXCENTRICITY_2 * normal * np.sin(latitude), radius)
    normal = EQUATOR_KM / np.sqrt(1 - EXCENTRICITY_2 * np.sin(latitude) ** 2)
    ring = normal * np.cos(latitude) / radius
    return np.stack([x * ring, y * ring, normal * (1 - EXCENTRICITY_2) * np.sin(latitude)], axis=1)


def lines_of_sight(x: Array, y: Array, z: Array, angle: Array, attitude: Attitude) -> Array:
    """Unit lines of sight [n, 3] from axes [n, 3] or [3] and scan angles [n], turned about x, y, z."""
    roll, pitch, yaw = np.deg2rad([attitude.roll_deg, attitude.pitch_deg, attitude.yaw_deg])
    side, down = np.sin(angle + roll), np.cos(angle + roll)
    ahead, down = -down * np.sin(pitch), down * np.cos(pitch)
    ahead, side = ahead * np.cos(yaw) + side * np.sin(yaw), side * np.cos(yaw) - ahead * np.sin(yaw)
    return np.asarray(ahead[:, None] * x + side[:, None] * y + down[:, None] * z)


Components = tuple[Array, Array, Array]


def ground_points(position: Components, sight: Components) -> Components:
    """Where lines of sight meet the ellipsoid, x, y, z in km of any one shape; NaN where they miss it."""
    flattening = EQUATOR_KM / POLE_KM  # the ellipsoid as a sphere: z stretched
    x, y, z = position[0], position[1], position[2] * flattening
    u, v, w = sight[0], sight[1], sight[2] * flattening
    a, b = u * u + v * v + w * w, x * u + y * v + z * w
    c = x * x + y * y + z * z - EQUATOR_KM**2
    with np.errstate(invalid="ignore"):
        distance = (-b - np.sqrt(b * b - a * c)) / a
    return (
        position[0] + distance * sight[0],
        position[1] + distance * sight[1],
        position[2] + distance * sight[2],
    )


def lonlat(point: Components) -> tuple[Array, Array]:
    """Longitude and geodetic latitude in degrees of points of the ellipsoid (exact there)."""
    x, y, z = point
    latitude = np.arctan2(z, (1 - EXCENTRICITY_2) * np.sqrt(x * x + y * y))
    return np.rad2deg(np.arctan2(y, x)), np.rad2deg(latitude)


class LineGeometry:
    """Longitude and latitude of every sample of whole lines.

    A line takes 47 ms. Within it position and axes move on a straight line between its two ends (error below
    1 cm), so a line of sight is a sum of six fixed functions of the column, and a block of lines is a few
    small matrix products.
    """

    def __init__(self, elements: HasSatrec, scan: Scan, attitude: Attitude) -> None:
        self._elements, self._attitude = elements, attitude
        self._sweep_s = float(scan.delay_s()[-1])
        part = np.linspace(0.0, 1.0, scan.columns)
        # The look in the instrument's own axes, the same for every line.
        ahead, right, down = np.eye(3)
        looks = lines_of_sight(ahead, right, down, scan.angle_rad(), attitude).T
        self._weights = np.concatenate([looks * (1 - part), looks * part])
        self._ends = np.stack([1 - part, part])

    def __call__(self, line_time: Array) -> tuple[Array, Array]:
        """Longitude and latitude in degrees, each [lines, columns], of lines that begin at POSIX [lines].

        Raises:
            SimulationError: no position, or the scan leaves the Earth.
        """
        ends = []
        for time in (line_time, line_time + self._sweep_s):
            position, velocity = states(self._elements, time)
            ends.append((position, np.stack(axes(position, velocity, self._attitude), axis=1)))
        (first, first_axes), (last, last_axes) = ends
        position = np.stack([first, last], axis=1)
        looks = np.concatenate([first_axes, last_axes], axis=1)
        ground = ground_points(
            (position[:, :, 0] @ self._ends, position[:, :, 1] @ self._ends, position[:, :, 2] @ self._ends),
            (looks[:, :, 0] @ self._weights, looks[:, :, 1] @ self._weights, looks[:, :, 2] @ self._weights),
        )
        if not np.isfinite(ground[2]).all():
            raise SimulationError(
                "with this attitude the scan leaves the Earth; ask for a smaller roll or pitch"
            )
        return lonlat(ground)


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"


def _turned(vector: Array, angle: Array) -> Array:
    """Vectors [n, 3] in axes turned by angle [n] about the pole."""
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = vector.T
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z], axis=1)
