"""Where a satellite is, from the elements that a level-1a file carries.

Positions are in TEME (true equator, mean equinox: what SGP4 gives), kilometres; times are POSIX seconds, UTC.
UT1 - UTC (below 0.9 s by definition, below 0.1 s since 2017) is ignored: at most 50 m on the equator.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sgp4 import omm
from sgp4.api import SGP4_ERRORS, Satrec

from products.errors import InputError

Array = NDArray[np.float64]

UNIX_EPOCH_JD = 2440587.5
DAY_S = 86400.0

# What SGP4 needs of an OMM (CCSDS 502.0-B-2, table 4-3); the rest of the message is for people.
NEEDED = (
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
    "BSTAR",
)
UNUSED = {
    "OBJECT_ID": "0000-000A",
    "EPHEMERIS_TYPE": 0,
    "CLASSIFICATION_TYPE": "U",
    "ELEMENT_SET_NO": 0,
    "REV_AT_EPOCH": 0,
    "MEAN_MOTION_DOT": 0.0,
    "MEAN_MOTION_DDOT": 0.0,
}


@dataclass(frozen=True)
class Orbit:
    """Where the satellite is, and how well that is known.

    Attributes:
        omm: the elements as an OMM in JSON.
        satrec: SGP4's record of them.
        source: where they come from, in words.
        error_km: expected error at the epoch, or of an own orbit at all lines' times.
        error_km_per_day: by how much it grows with the elements' age.
    """

    omm: str
    satrec: Satrec
    source: str
    error_km: float
    error_km_per_day: float


def orbit_from_omm(text: str) -> Orbit:
    """The orbit of elements that came with the pass; their errors: Vallado and Crawford 2008.

    Raises:
        InputError: see `satrec_from_omm`.
    """
    return Orbit(text, satrec_from_omm(text), "orbital elements that came with the pass", 1.0, 2.0)


def satrec_from_omm(text: str) -> Satrec:
    """SGP4's record from an OMM in JSON (one object).

    The catalogue number takes no part in the propagation and is left out, so that numbers above 99999 (and
    above alpha-5's 339999) work like any other.

    Raises:
        InputError: the text is not an OMM, or a value in it is impossible.
    """
    fields = _parse(text)
    missing = [key for key in NEEDED if key not in fields]
    if missing:
        raise InputError(
            f"the orbital elements in the file lack {', '.join(missing)}: decode again with sound elements"
        )
    fields = UNUSED | fields | {"NORAD_CAT_ID": 0}
    fields["EPOCH"] = _epoch(str(fields["EPOCH"]))
    satrec = Satrec()
    try:
        omm.initialize(satrec, {key: str(value) for key, value in fields.items()})
    except (ValueError, OverflowError, KeyError) as error:
        raise InputError(
            f"the orbital elements in the file cannot be used ({error}): decode again with sound elements"
        ) from error
    if satrec.error:
        raise InputError(f"SGP4 refuses the orbital elements in the file: {SGP4_ERRORS[satrec.error]}")
    return satrec


def _parse(text: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"the orbital elements in the file are not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise InputError(
            f"the orbital elements in the file are a {type(fields).__name__}; one OMM object is expected"
        )
    return fields


def _epoch(text: str) -> str:
    """The one form that sgp4 reads: microseconds present, no zone mark."""
    try:
        epoch = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise InputError(f"the epoch {text!r} of the orbital elements is not a date (ISO 8601)") from error
    return epoch.replace(tzinfo=None).strftime("%Y-%m-%dT%H:%M:%S.%f")


def states(satrec: Satrec, time: Array) -> tuple[Array, Array]:
    """Position (km) and velocity (km/s) in TEME, each (n, 3), at POSIX times (n,).

    Raises:
        InputError: SGP4 gives no position, for instance years after the elements' epoch.
    """
    days = np.floor(time / DAY_S)
    error, position, velocity = satrec.sgp4_array(days + UNIX_EPOCH_JD, (time - days * DAY_S) / DAY_S)
    if np.any(error):
        reason = SGP4_ERRORS[int(error[np.nonzero(error)[0][0]])]
        raise InputError(f"the orbital elements give no position at the time of the pass: {reason}")
    return position, velocity


def epoch_posix(satrec: Satrec) -> float:
    """The elements' epoch as POSIX seconds."""
    return float((satrec.jdsatepoch - UNIX_EPOCH_JD) * DAY_S + satrec.jdsatepochF * DAY_S)


def sidereal_angle(time: Array) -> Array:
    """Greenwich mean sidereal time in radians (IAU 1982; Vallado, 4th ed., eq. 3-47)."""
    days = time / DAY_S + (UNIX_EPOCH_JD - 2451545.0)
    century = days / 36525.0
    seconds = (
        67310.54841
        + (876600.0 * 3600.0 + 8640184.812866) * century
        + 0.093104 * century**2
        - 6.2e-6 * century**3
    )
    return np.asarray(np.deg2rad(np.mod(seconds, DAY_S) / 240.0))


def turned(vector: Array, angle: Array) -> Array:
    """Vectors (n, 3) of the sky's frame in the Earth's, by the sidereal angle (n,)."""
    cos_a, sin_a = np.cos(angle), np.sin(angle)
    x, y, z = vector.T
    return np.stack([x * cos_a + y * sin_a, y * cos_a - x * sin_a, z], axis=1)


def sun_direction(time: Array) -> Array:
    """Unit vectors (n, 3) to the Sun in the frame of date, good to 0.01 degrees from 1950 to 2050.

    Source: The Astronomical Almanac, section C, low-precision formulas for the Sun.
    """
    days = time / DAY_S + (UNIX_EPOCH_JD - 2451545.0)
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    longitude = np.deg2rad(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.deg2rad(23.439 - 4e-7 * days)
    return np.stack(
        [
            np.cos(longitude),
            np.cos(obliquity) * np.sin(longitude),
            np.sin(obliquity) * np.sin(longitude),
        ],
        axis=-1,
    )
