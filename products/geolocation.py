"""Where on the Earth each pixel lies: SGP4, the scan geometry and the WGS 84 ellipsoid.

Exact at tie points, and cubic splines in time and column between them. The frame is that of pyorbital's
`nadir_convention='geocentric'`, `rotation_order='pitch_first'`, against which tests/products holds it:

    nadir  = -r / |r|          straight to the centre of the Earth
    right  = nadir x v         right of the flight
    along  = right x nadir
    look   = nadir turned by pitch about `right`, by scan angle + roll about `along`, by yaw about nadir

Heights are zero: mountains shift a pixel outwards by up to height * tan(view zenith angle).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from sgp4.api import Satrec

from products.errors import InputError
from products.instrument import Attitude, Instrument
from products.orbit import sidereal_angle, states, sun_direction, turned

Array = NDArray[np.float64]

# WGS 84, NIMA TR8350.2 table 3.1.
EQUATOR_KM = 6378.137
POLE_KM = 6356.752314245
EXCENTRICITY_2 = 1 - (POLE_KM / EQUATOR_KM) ** 2

# Tie points: at these the splines stay within 20 m of the full one (tests/products/test_geolocation.py).
TIE_COLUMN_STEP = 14
TIE_TIME_STEP_S = 5.0
MAX_SPAN_S = 7200.0


def _look(position: Array, velocity: Array, angle: Array, attitude: Attitude) -> Array:
    """Unit lines of sight (n, 3) in the frame of position and velocity (n, 3); angle (n,) in radians."""
    nadir = -position / np.linalg.norm(position, axis=1, keepdims=True)
    right = np.cross(nadir, velocity)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    along = np.cross(right, nadir)
    roll, pitch, yaw = np.deg2rad([attitude.roll_deg, attitude.pitch_deg, attitude.yaw_deg])
    cos_s, sin_s = np.cos(angle + roll)[:, None], np.sin(angle + roll)[:, None]
    # Pitch about `right`, then the scan about `along`, written out for an orthonormal frame.
    down, side, ahead = np.cos(pitch) * cos_s, np.cos(pitch) * sin_s, -np.sin(pitch)
    # Yaw about nadir, in pyorbital's sense.
    side, ahead = side * np.cos(yaw) - ahead * np.sin(yaw), side * np.sin(yaw) + ahead * np.cos(yaw)
    return np.asarray(nadir * down + right * side + along * ahead)


def _ground(position: Array, look: Array) -> Array:
    """Where lines of sight (n, 3) meet the ellipsoid, km; NaN where they miss it."""
    scale = np.array([1 / EQUATOR_KM, 1 / EQUATOR_KM, 1 / POLE_KM])
    origin, ray = position * scale, look * scale
    a, b, c = (ray * ray).sum(1), (origin * ray).sum(1), (origin * origin).sum(1) - 1
    discriminant = b * b - a * c
    with np.errstate(invalid="ignore"):
        distance = (-b - np.sqrt(discriminant)) / a
    return np.asarray(position + look * distance[:, None])


def lonlat(point: Array) -> tuple[Array, Array]:
    """Longitude and geodetic latitude in degrees of points (..., 3) on the ellipsoid."""
    x, y, z = np.moveaxis(point, -1, 0)
    latitude = np.arctan2(z, (1 - EXCENTRICITY_2) * np.hypot(x, y))
    return np.rad2deg(np.arctan2(y, x)), np.rad2deg(latitude)


@dataclass(frozen=True)
class View:
    """What is seen at n moments and columns, Earth-fixed: the place (n, 3) km, and unit vectors from it."""

    ground: Array
    to_satellite: Array
    to_sun: Array


def view(satrec: Satrec, instrument: Instrument, attitude: Attitude, line_time: Array, column: Array) -> View:
    """The full computation for n pairs of line time (POSIX s) and column.

    Raises:
        InputError: the elements give no position at that time.
    """
    line_time, column = np.broadcast_arrays(np.asarray(line_time, float), np.asarray(column, float))
    time = line_time + instrument.scan.delay_s(column) + attitude.time_offset_s
    position, velocity = states(satrec, time)
    look = _look(position, velocity, instrument.scan.angle_rad(column), attitude)
    turn = sidereal_angle(time)
    return View(
        ground=turned(_ground(position, look), turn),
        to_satellite=turned(-look, turn),
        to_sun=turned(sun_direction(time), turn),
    )


@dataclass(frozen=True)
class Angles:
    """Degrees: zenith angles from straight up, azimuths from north through east, each (lines, columns)."""

    satellite_zenith: NDArray[np.float32]
    satellite_azimuth: NDArray[np.float32]
    solar_zenith: NDArray[np.float32]
    solar_azimuth: NDArray[np.float32]


class Geolocator:
    """Places of all pixels of a pass: tie points once, splines for any lines."""

    def __init__(
        self, satrec: Satrec, instrument: Instrument, attitude: Attitude, start: float, end: float
    ) -> None:
        if not 0 <= end - start <= MAX_SPAN_S:
            raise InputError(
                f"the lines span {end - start:.0f} s; a pass of at most {MAX_SPAN_S:.0f} s is expected"
            )
        columns = instrument.scan.columns
        self._time0 = start
        count = max(5, int(np.ceil((end - start) / TIE_TIME_STEP_S)) + 1)
        time = np.linspace(start, max(end, start + 1.0), count)
        column = np.linspace(0, columns - 1, max(8, columns // TIE_COLUMN_STEP))
        self._column = np.arange(columns, dtype=float)
        grid_time, grid_column = (axis.ravel() for axis in np.meshgrid(time, column, indexing="ij"))
        ties = view(satrec, instrument, attitude, grid_time, grid_column)
        if not np.isfinite(ties.ground).all():
            raise InputError("with this attitude the scan misses the Earth: see instruments/msu_mr.toml")
        shape = (count, column.size)

        def splines(vector: Array) -> list[RectBivariateSpline]:
            return [RectBivariateSpline(time - start, column, part.reshape(shape)) for part in vector.T]

        self._ground = splines(ties.ground)
        self._to_satellite = splines(ties.to_satellite)
        self._to_sun = splines(ties.to_sun)
        up, _, _ = _local_axes(ties.ground)
        self._sun_up = splines(np.sum(ties.to_sun * up, axis=1, keepdims=True))

    def _at(self, splines: list[RectBivariateSpline], line_time: Array) -> Array:
        # Splines want rising abscissae; lines whose clock stepped back are put in their places again.
        order = np.argsort(line_time, kind="stable")
        back = np.argsort(order, kind="stable")
        parts = [spline(line_time[order] - self._time0, self._column)[back] for spline in splines]
        return np.stack(parts, axis=-1)

    def lonlat(self, line_time: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Longitude and latitude in degrees, each (lines, columns) float32 (1 m at 180 degrees)."""
        longitude, latitude = lonlat(self._at(self._ground, line_time))
        return longitude.astype(np.float32), latitude.astype(np.float32)

    def angles(self, line_time: Array) -> Angles:
        """Directions of satellite and Sun at the ground."""
        up, east, north = _local_axes(self._at(self._ground, line_time))
        both = (self._at(splines, line_time) for splines in (self._to_satellite, self._to_sun))
        satellite, sun = (_zenith_azimuth(vector, up, east, north) for vector in both)
        return Angles(*satellite, *sun)

    def solar_zenith(self, line_time: Array) -> NDArray[np.float32]:
        """The Sun's zenith angle in degrees (lines, columns), alone and quicker than `angles`."""
        up = self._at(self._sun_up, line_time)[..., 0]
        return np.rad2deg(np.arccos(np.clip(up, -1, 1))).astype(np.float32)


def _local_axes(ground: Array) -> tuple[Array, Array, Array]:
    """Unit vectors up, east and north (..., 3) at points of the ellipsoid."""
    up = ground / np.array([1, 1, 1 - EXCENTRICITY_2])
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    east = np.stack([-ground[..., 1], ground[..., 0], np.zeros(ground.shape[:-1])], axis=-1)
    east /= np.maximum(np.linalg.norm(east, axis=-1, keepdims=True), 1e-9)
    return up, east, np.cross(up, east)


def _zenith_azimuth(
    vector: Array, up: Array, east: Array, north: Array
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Zenith angle and azimuth in degrees of vectors (..., 3) in local axes."""
    height, right, ahead = (
        np.einsum("...i,...i", vector, axis).astype(np.float32) for axis in (up, east, north)
    )
    return np.rad2deg(np.arctan2(np.hypot(right, ahead), height)), np.rad2deg(np.arctan2(right, ahead))
