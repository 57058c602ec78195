"""Where a satellite is above a turning Earth: SGP4 on arrays of times, in Earth-fixed and local coordinates.

TEME is turned about the pole by the Greenwich mean sidereal time of 1982 (AIAA 2006-6753, appendix C); polar
motion (15 m at most) is left out. UT1 comes from skyfield's built-in table. All times are POSIX seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sgp4.api import Satrec

from scheduler.elements import Elements
from scheduler.errors import ElementsError, SchedulerError

Array = npt.NDArray[np.float64]

DAY_S = 86_400.0
_JD_OF_1970 = 2_440_587.5
_JD_OF_2000 = 2_451_545.0
EARTH_TURN_RAD_PER_S = 7.292_115_146_7e-5  # WGS 84, without precession
_WGS84_A_KM = 6378.137
_WGS84_F = 1 / 298.257_223_563
_E2 = _WGS84_F * (2 - _WGS84_F)


@dataclass(frozen=True)
class Site:
    """A place on or above the WGS 84 ellipsoid."""

    name: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0

    def __post_init__(self) -> None:
        for field, limit in (("latitude_deg", 90.0), ("longitude_deg", 360.0), ("altitude_m", 100_000.0)):
            value = getattr(self, field)
            if not (math.isfinite(value) and abs(value) <= limit):
                raise SchedulerError(
                    f"{field} of site {self.name!r} is {value}; at most ±{limit:g} is possible"
                )


def posix_array(time: npt.ArrayLike) -> Array:
    """Times as a float64 array of at least one dimension."""
    return np.atleast_1d(np.asarray(time, dtype=np.float64))


def earth_fixed(elements: Elements, time: npt.ArrayLike) -> tuple[Array, Array]:
    """Position in km and velocity in km/s in the Earth-fixed frame, each [3, n], at POSIX seconds [n].

    Raises:
        ElementsError: SGP4 gives no position at one of the times, as for a satellite that has decayed.
    """
    seconds = posix_array(time)
    code, position, velocity = fixed_or_nan(elements.satrec(), seconds)
    if code.any():
        first = int(np.flatnonzero(code)[0])
        raise ElementsError(no_position(elements, float(seconds[first]), int(code[first])))
    return position, velocity


def fixed_or_nan(satrec: Satrec, seconds: Array) -> tuple[npt.NDArray[np.uint8], Array, Array]:
    """SGP4's error codes [n]; position and velocity as `earth_fixed` has them, NaN where a code is not 0."""
    days = np.floor(seconds / DAY_S)
    code, position, velocity = satrec.sgp4_array(_JD_OF_1970 + days, seconds / DAY_S - days)
    position[code != 0] = np.nan
    angle = sidereal_angle(seconds)
    fixed = _turned(position.T, angle)
    carried = np.stack([-fixed[1], fixed[0], np.zeros_like(angle)]) * EARTH_TURN_RAD_PER_S
    return code, fixed, _turned(velocity.T, angle) - carried


def no_position(elements: Elements, seconds: float, code: int) -> str:
    """The message for a moment at which SGP4 gives an error code."""
    return (
        f"SGP4 gives no position of {elements.name} at {_utc(seconds)} (code {code}) from "
        f"elements of {elements.epoch:%Y-%m-%d}; newer elements are needed"
    )


def look(site: Site, position: Array, velocity: Array) -> tuple[Array, Array, Array, Array]:
    """Azimuth and elevation in degrees, range in km, range rate in km/s (positive: receding), each [n]."""
    azimuth, elevation_deg, distance = direction(site, position)
    offset = position - site_position(site)[:, None]
    return azimuth, elevation_deg, distance, (offset * velocity).sum(axis=0) / distance


def direction(site: Site, position: Array) -> tuple[Array, Array, Array]:
    """Azimuth and elevation in degrees and range in km, each [n], of positions [3, n]."""
    offset = position - site_position(site)[:, None]
    distance = np.sqrt((offset**2).sum(axis=0))
    east, north, up = _local_axes(site) @ offset
    azimuth = np.degrees(np.arctan2(east, north)) % 360.0
    return azimuth, np.degrees(np.arcsin(np.clip(up / distance, -1, 1))), distance


def vertical(site: Site) -> Array:
    """The upward unit vector of the ellipsoid, Earth-fixed, [3]."""
    return np.asarray(_local_axes(site)[2])


def elevation(site: Site, elements: Elements, time: npt.ArrayLike) -> tuple[Array, Array]:
    """Azimuth and elevation in degrees, each [n]."""
    azimuth, elevation_deg, _, _ = look(site, *earth_fixed(elements, time))
    return azimuth, elevation_deg


def site_position(site: Site) -> Array:
    """Earth-fixed coordinates in km, [3]."""
    latitude, longitude = math.radians(site.latitude_deg), math.radians(site.longitude_deg)
    normal = _WGS84_A_KM / math.sqrt(1 - _E2 * math.sin(latitude) ** 2)
    height = site.altitude_m / 1000
    across = (normal + height) * math.cos(latitude)
    return np.array([
        across * math.cos(longitude),
        across * math.sin(longitude),
        (normal * (1 - _E2) + height) * math.sin(latitude),
    ])  # fmt: skip


def ground_position(latitude_deg: npt.ArrayLike, longitude_deg: npt.ArrayLike) -> Array:
    """Earth-fixed coordinates in km [3, n] of places on the ellipsoid."""
    latitude, longitude = np.radians(posix_array(latitude_deg)), np.radians(posix_array(longitude_deg))
    normal = _WGS84_A_KM / np.sqrt(1 - _E2 * np.sin(latitude) ** 2)
    across = normal * np.cos(latitude)
    return np.stack(
        [across * np.cos(longitude), across * np.sin(longitude), normal * (1 - _E2) * np.sin(latitude)]
    )


def geodetic(position: Array) -> tuple[Array, Array, Array]:
    """Latitude and longitude in degrees and height in km above WGS 84, each [n], from positions [3, n]."""
    x, y, z = position
    across = np.hypot(x, y)
    latitude = np.arctan2(z, across * (1 - _E2))
    for _ in range(4):  # each round gains a factor of about 300 at 800 km
        sine = np.sin(latitude)
        normal = _WGS84_A_KM / np.sqrt(1 - _E2 * sine**2)
        latitude = np.arctan2(z + _E2 * normal * sine, across)
    sine = np.sin(latitude)
    normal = _WGS84_A_KM / np.sqrt(1 - _E2 * sine**2)
    height = across * np.cos(latitude) + (z + _E2 * normal * sine) * sine - normal
    return np.degrees(latitude), np.degrees(np.arctan2(y, x)), height


def sidereal_angle(time: npt.ArrayLike) -> Array:
    """Greenwich mean sidereal time of 1982 in radians, [n]."""
    seconds = posix_array(time)
    seconds = seconds + _ut1_minus_utc(seconds) if seconds.size else seconds
    days = np.floor(seconds / DAY_S)
    fraction = seconds / DAY_S - days
    centuries = (_JD_OF_1970 - _JD_OF_2000 + days + fraction) / 36525
    mean = 67310.54841 + (8640184.812866 + (0.093104 - 6.2e-6 * centuries) * centuries) * centuries
    # The 876600 h/century of the formula are whole turns apart from the fraction of the day since noon.
    return np.asarray(2 * np.pi * ((fraction + 0.5 + mean / DAY_S) % 1.0))


def sun_elevation_deg(
    latitude_deg: npt.ArrayLike, longitude_deg: npt.ArrayLike, time: npt.ArrayLike
) -> Array:
    """Elevation of the Sun's centre without refraction, to 0.02° between 1950 and 2050.

    Low-precision formula of the Astronomical Almanac, section C, page C5.
    """
    latitude, longitude = (np.radians(np.asarray(a, dtype=np.float64)) for a in (latitude_deg, longitude_deg))
    across = np.cos(latitude)
    x, y, z = sun_direction(time)
    sine = across * np.cos(longitude) * x + across * np.sin(longitude) * y + np.sin(latitude) * z
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1, 1))))


def sun_direction(time: npt.ArrayLike) -> Array:
    """Unit vector towards the Sun, Earth-fixed, [3, n]; accuracy as of `sun_elevation_deg`."""
    seconds = posix_array(time)
    days = seconds / DAY_S + _JD_OF_1970 - _JD_OF_2000
    anomaly = np.radians(357.528 + 0.985_600_3 * days)
    longitude = np.radians(
        280.460 + 0.985_647_4 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    )
    obliquity = np.radians(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(longitude), np.cos(longitude))
    declination = np.arcsin(np.sin(obliquity) * np.sin(longitude))
    east = right_ascension - sidereal_angle(seconds)
    return np.stack([
        np.cos(declination) * np.cos(east),
        np.cos(declination) * np.sin(east),
        np.sin(declination),
    ])  # fmt: skip


def _turned(vectors: Array, angle: Array) -> Array:
    x, y, z = vectors
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, z])


def _local_axes(site: Site) -> Array:
    """East, north and up as rows."""
    latitude, longitude = math.radians(site.latitude_deg), math.radians(site.longitude_deg)
    sl, cl, so, co = math.sin(latitude), math.cos(latitude), math.sin(longitude), math.cos(longitude)
    return np.array([[-so, co, 0], [-sl * co, -sl * so, cl], [cl * co, cl * so, sl]])


@cache
def _timescale() -> Any:
    from skyfield.api import load

    return load.timescale(builtin=True)


def _ut1_minus_utc(time: Array) -> Array:
    """Seconds [n]; straight between midnights, so that the sky does not depend on how times are grouped."""
    day = np.floor(time / DAY_S).astype(np.int64)
    first = int(day.min())
    known = np.array([_ut1_minus_utc_at(d) for d in range(first, int(day.max()) + 2)])
    slope = np.diff(known)
    slope[np.abs(slope) > 0.5] = 0.0  # the midnight behind a leap second
    return np.asarray(known[day - first] + slope[day - first] * (time / DAY_S - day))


@lru_cache(maxsize=65_536)
def _ut1_minus_utc_at(day: int) -> float:
    """Seconds, at the beginning of a day counted from 1970; it changes by about a millisecond a day."""
    at = _timescale().from_datetime(datetime.fromtimestamp(day * DAY_S, UTC))
    utc_fraction = at.tai_fraction - at._leap_seconds() / DAY_S
    return float((at.ut1_fraction - utc_fraction) * DAY_S)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
