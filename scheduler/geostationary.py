"""Elements of a satellite that stands still, made from its longitude alone.

A station needs no catalogue for a satellite that is kept within 0.1 degrees of its place: it gets a circular
orbit over the equator. SGP4 lets it drift, by 0.2 degrees in a week, so it is made anew for each plan.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from scheduler.elements import Elements
from scheduler.errors import SatelliteError
from scheduler.frames import sidereal_angle
from scheduler.satellites import Satellite

# What the catalogues' elements of kept satellites have (GK-2A, 2020: 1.00272123).
_MEAN_MOTION_REV_PER_DAY = 1.002_721


def elements_of(satellite: Satellite, at: datetime) -> Elements:
    """Elements that hold the satellite over its longitude to 0.2 degrees for a week about `at`.

    Raises:
        SatelliteError: its file gives no `geostationary_longitude_deg`.
    """
    longitude = satellite.geostationary_longitude_deg
    if longitude is None:
        raise SatelliteError(f"{satellite.name} does not stand still: it needs elements, not a longitude")
    angle = float(np.degrees(sidereal_angle([at.timestamp()])[0])) + longitude
    return Elements(
        name=satellite.name,
        norad_id=satellite.norad_id,
        object_id="",
        epoch=at,
        mean_motion_rev_per_day=_MEAN_MOTION_REV_PER_DAY,
        eccentricity=0.0,
        inclination_deg=0.0,
        raan_deg=0.0,
        argument_of_perigee_deg=0.0,
        mean_anomaly_deg=angle % 360.0,
    )
