"""Where to point and how far off to tune: azimuth, elevation, range and range rate against time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from scheduler.elements import Elements
from scheduler.errors import SchedulerError
from scheduler.frames import Array, Site, earth_fixed, geodetic, look

LIGHT_KM_PER_S = 299_792.458


@dataclass(frozen=True)
class Track:
    """A curve over a site; every array is float64 [n], times are POSIX seconds."""

    time: Array
    azimuth_deg: Array
    elevation_deg: Array
    range_km: Array
    range_rate_km_s: Array

    def doppler_hz(self, frequency_hz: float) -> Array:
        """Received minus sent frequency [n]: -f · v/c; relativity adds less than 0.1 Hz at 137 MHz."""
        return np.asarray(-frequency_hz * self.range_rate_km_s / LIGHT_KM_PER_S)


def track(elements: Elements, site: Site, start: datetime, end: datetime, step_s: float = 1.0) -> Track:
    """The curve from `start` to `end`, both ends included.

    Raises:
        SchedulerError: the end lies before the start, or the step is no positive number.
        ElementsError: SGP4 gives no position.
    """
    seconds = (end - start).total_seconds()
    if not (seconds >= 0 and step_s > 0):
        raise SchedulerError(
            f"a track from {start} to {end} in steps of {step_s} s is empty; give start < end, step > 0"
        )
    return track_at(elements, site, start.timestamp() + np.append(np.arange(0, seconds, step_s), seconds))


def track_at(elements: Elements, site: Site, time: npt.ArrayLike) -> Track:
    """The curve at the given POSIX seconds [n]."""
    position, velocity = earth_fixed(elements, time)
    return Track(np.atleast_1d(np.asarray(time, dtype=np.float64)), *look(site, position, velocity))


def sub_point(elements: Elements, time: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Latitude and longitude in degrees and height in km of the satellite, each [n], at POSIX times."""
    position, _ = earth_fixed(elements, time)
    return geodetic(position)
