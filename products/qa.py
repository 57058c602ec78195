"""How far located pixels lie from where they truly are, when a simulator or control points tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from products.errors import InputError
from products.geolocation import EQUATOR_KM, POLE_KM

MEAN_RADIUS_KM = (2 * EQUATOR_KM + POLE_KM) / 3  # IUGG
# Lines are the same when their times differ by less than half a line.
SAME_LINE_S = 0.5 / 6.498


@dataclass(frozen=True)
class GeolocationError:
    """Distances in km between pixels as located and as they are; `points` compared, `lines` of them found."""

    median_km: float
    p95_km: float
    max_km: float
    points: int
    lines: int


def distance_km(
    lon_a: ArrayLike, lat_a: ArrayLike, lon_b: ArrayLike, lat_b: ArrayLike
) -> NDArray[np.float64]:
    """Distance in km of points given in degrees, on the mean sphere (haversine; 0.5 % of the distance)."""
    lon_1, lat_1, lon_2, lat_2 = (
        np.deg2rad(np.asarray(part, float)) for part in (lon_a, lat_a, lon_b, lat_b)
    )
    half = np.sin((lat_2 - lat_1) / 2) ** 2 + np.cos(lat_1) * np.cos(lat_2) * np.sin((lon_2 - lon_1) / 2) ** 2
    return np.asarray(2 * MEAN_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def geolocation_error(
    line_time: NDArray[np.float64],
    longitude: NDArray[np.floating],
    latitude: NDArray[np.floating],
    truth: dict[str, NDArray],
) -> GeolocationError:
    """Compare places with the truth, line by line at the nearest time and column by column.

    Args:
        line_time: (lines,) POSIX seconds.
        longitude: (lines, columns) in degrees.
        latitude: (lines, columns) in degrees.
        truth: "line_time" (s, 8) POSIX seconds, "columns" (k,), "lon" and "lat" (s, 8, k) in degrees, as the
            simulator writes them; `dict(numpy.load(path))` gives it.

    Raises:
        InputError: the truth is ill-formed, or has no line in common with the places.
    """
    try:
        true_time = np.asarray(truth["line_time"], float).ravel()
        columns = np.asarray(truth["columns"], int).ravel()
        shape = (true_time.size, columns.size)
        true_lon, true_lat = (np.asarray(truth[name], float).reshape(shape) for name in ("lon", "lat"))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"the truth does not hold line_time, columns, lon and lat that fit together: {error}"
        ) from error
    if not columns.size or columns.min() < 0 or columns.max() >= longitude.shape[1]:
        raise InputError(f"the truth's columns are not all within 0 to {longitude.shape[1] - 1}")
    order = np.argsort(true_time)
    place = np.clip(np.searchsorted(true_time[order], line_time), 1, max(1, true_time.size - 1))
    before, after = order[place - 1], order[np.minimum(place, true_time.size - 1)]
    nearest = np.where(
        np.abs(true_time[before] - line_time) <= np.abs(true_time[after] - line_time), before, after
    )
    same = np.abs(true_time[nearest] - line_time) < SAME_LINE_S
    if not same.any():
        raise InputError("the truth and the places have no line in common: are they of the same pass?")
    rows, of_truth = np.flatnonzero(same), nearest[same]
    distance = distance_km(
        longitude[rows][:, columns], latitude[rows][:, columns], true_lon[of_truth], true_lat[of_truth]
    )
    return GeolocationError(
        median_km=float(np.median(distance)),
        p95_km=float(np.percentile(distance, 95)),
        max_km=float(distance.max()),
        points=distance.size,
        lines=rows.size,
    )
