"""Where the Sun stands.

Source: The Astronomical Almanac, section C, "Low precision formulas for the Sun": 0.01 degree between 1950
and 2050. UT1 is taken as UTC (less than 0.9 s apart, 0.004 degrees).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAY_S = 86400.0
POSIX_J2000 = 946728000.0  # 2000-01-01 12:00, JD 2451545.0


def greenwich_sidereal_angle(time: Array) -> Array:
    """Greenwich mean sidereal time in radians at POSIX times.

    Source: IAU 1982, as in Vallado, Fundamentals of Astrodynamics, 4th ed., eq. 3-45 (degrees of 240 s). The
    angle that takes SGP4's TEME to the Earth: its equinox is the mean one, so no equation of the equinoxes
    belongs here.
    """
    days = (time - POSIX_J2000) / DAY_S
    centuries = days / 36525.0
    # The whole turns of each day are left out of the linear term first, so that no digits are lost in them.
    seconds = 67310.54841 + 8640184.812866 * centuries + 0.093104 * centuries**2 - 6.2e-6 * centuries**3
    return np.asarray(np.mod(np.deg2rad(seconds / 240.0) + 2 * np.pi * np.mod(days, 1.0), 2 * np.pi))


@dataclass(frozen=True)
class Sun:
    """The Sun's zenith point and distance, each of the shape of the time asked for."""

    latitude_deg: Array
    longitude_deg: Array
    distance_au: Array


def sun_at(time: Array) -> Sun:
    """The place where the Sun stands in the zenith at POSIX times of any shape."""
    days = (np.asarray(time, np.float64) - POSIX_J2000) / DAY_S
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    ecliptic = np.deg2rad(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.deg2rad(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    longitude = right_ascension - greenwich_sidereal_angle(np.asarray(time, np.float64))
    return Sun(
        latitude_deg=np.rad2deg(declination),
        longitude_deg=np.mod(np.rad2deg(longitude) + 180.0, 360.0) - 180.0,
        distance_au=1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly),
    )
