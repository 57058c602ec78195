"""How far two sets of elements put a satellite apart: along the track, across it and in height."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from scheduler.ageing import orbital_speed_km_s
from scheduler.elements import Elements
from scheduler.frames import Array

_DAY_S = 86_400.0
_LOW_ORBIT_KM = 7000.0
_PHASES = np.arange(8) / 8


@dataclass(frozen=True)
class Offset:
    """The greatest distances over a turn, km."""

    along: float
    cross: float
    radial: float

    def within(self, limits: Offset) -> bool:
        """Whether none of the three is greater."""
        return self.along <= limits.along and self.cross <= limits.cross and self.radial <= limits.radial

    def plus(self, other: Offset) -> Offset:
        """The sum of each."""
        return Offset(self.along + other.along, self.cross + other.cross, self.radial + other.radial)

    def words(self) -> str:
        """For a reason."""
        return f"{self.along:.1f} km along, {self.cross:.1f} across and {self.radial:.1f} in height"


@lru_cache(maxsize=8192)
def flies(elements: Elements) -> bool:
    """Whether SGP4 gives a position at the epoch."""
    error, position, _ = elements.satrec().sgp4_tsince(0.0)
    return error == 0 and all(map(math.isfinite, position))


@lru_cache(maxsize=8192)
def offset_of(old: Elements, new: Elements, at: datetime) -> Offset | None:
    """Old against new over one turn around `at`; None where SGP4 gives no position."""
    days = at.timestamp() / _DAY_S + _PHASES / new.mean_motion_rev_per_day
    there, moving = _positions(new, days)
    here, _ = _positions(old, days)
    if not (np.isfinite(there).all() and np.isfinite(here).all()):
        return None
    distance = np.linalg.norm(there, axis=1)
    radial = there / distance[:, None]
    across = np.cross(there, moving)
    across /= np.linalg.norm(across, axis=1)[:, None]
    along = np.cross(across, radial)
    angle = np.arctan2((here * along).sum(axis=1), (here * radial).sum(axis=1))
    height = np.linalg.norm(here, axis=1) - distance
    return Offset(*(float(np.abs(x).max()) for x in (angle * distance, (here * across).sum(axis=1), height)))


def _positions(elements: Elements, days: Array) -> tuple[Array, Array]:
    """TEME positions and velocities [n, 3] at days since 1970; NaN where SGP4 fails."""
    whole = np.floor(days)
    error, position, velocity = elements.satrec().sgp4_array(whole + 2_440_587.5, days - whole)
    position[error != 0] = np.nan
    return position, velocity


def radius_km(elements: Elements) -> float:
    """Mean distance from the Earth's centre."""
    return orbital_speed_km_s(elements) * _DAY_S / (2 * math.pi * elements.mean_motion_rev_per_day)


def size_of(elements: Elements) -> float:
    """The orbit against a low one; the errors of fits grow with it."""
    return max(1.0, radius_km(elements) / _LOW_ORBIT_KM)
