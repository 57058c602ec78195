"""Passes by geometry alone: a circular orbit over a round Earth that stands still."""

from __future__ import annotations

import numpy as np

EARTH_KM, MU = 6371.0, 398_600.4


def sky_pass(
    culmination: float,
    course: float,
    *,
    east: bool = True,
    height_km: float = 830.0,
    step: float = 1.0,
    horizon: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, azimuth in 0 … 360 and elevation of a pass towards `course`, culminating on its right or left."""
    radius = EARTH_KM + height_km
    aside = np.arccos(EARTH_KM * np.cos(np.radians(culmination)) / radius) - np.radians(culmination)
    aside = aside if east else -aside
    time = np.arange(-600.0, 600.0 + step / 2, step)
    along = time * np.sqrt(MU / radius**3)
    up = radius * np.cos(along) * np.cos(aside) - EARTH_KM
    across, ahead = radius * np.cos(along) * np.sin(aside), radius * np.sin(along)
    azimuth = np.degrees(np.arctan2(across, ahead)) + course
    elevation = np.degrees(np.arctan2(up, np.hypot(across, ahead)))
    seen = elevation >= horizon
    return 1.6e9 + time[seen], azimuth[seen] % 360, elevation[seen]
