"""What can be booked: receivers, antennas and their rotators, when they are away, and what can be spent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True)
class SlewModel:
    """How fast a rotator gets from one direction to the next, cable and all: in its own degrees."""

    azimuth_rate_deg_s: float
    elevation_rate_deg_s: float
    azimuth_acceleration_deg_s2: float = math.inf
    elevation_acceleration_deg_s2: float = math.inf
    settle_s: float = 0.0
    azimuth_range_deg: float = 450.0
    elevation_range_deg: float = 180.0

    def time_s(self, azimuth_deg: npt.ArrayLike, elevation_deg: npt.ArrayLike) -> Array:
        """Seconds for turns by so many degrees, both axes at once."""
        across = _ramp_s(azimuth_deg, self.azimuth_rate_deg_s, self.azimuth_acceleration_deg_s2)
        up = _ramp_s(elevation_deg, self.elevation_rate_deg_s, self.elevation_acceleration_deg_s2)
        return np.maximum(across, up) + self.settle_s

    @property
    def longest_s(self) -> float:
        """From one end to the other; taken where a direction is unknown."""
        return float(self.time_s(self.azimuth_range_deg, self.elevation_range_deg))


def _ramp_s(degrees: npt.ArrayLike, rate: float, acceleration: float) -> Array:
    """Time of a trapezoidal speed profile from rest to rest."""
    way = np.abs(np.asarray(degrees, np.float64))
    return np.where(
        way >= rate**2 / acceleration, way / rate + rate / acceleration, 2 * np.sqrt(way / acceleration)
    )


@dataclass(frozen=True)
class AntennaResource:
    """An antenna; without a rotator it is fixed and serves any number of receivers at once."""

    name: str
    station: str
    frequency_ranges_hz: tuple[Range, ...]
    rotator: SlewModel | None = None


@dataclass(frozen=True)
class ReceiverResource:
    """A receiver and the antennas it can be connected to.

    It records one band of `bandwidth_hz`; with `wide` all downlinks that fit into the band at once.
    `setup_s` passes between two recordings that do not share a tuning.
    """

    name: str
    station: str
    antennas: tuple[str, ...]
    frequency_ranges_hz: tuple[Range, ...]
    bandwidth_hz: float
    setup_s: int = 10
    wide: bool = False


@dataclass(frozen=True)
class Maintenance:
    """A time in which a receiver or antenna of a station, or all of it (None), is not used."""

    station: str
    resource: str | None
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Budget:
    """What a station can spend on recordings, fillers apart.

    Disk: `disk_bytes` are free when the plan begins, and each midnight (UTC) `disk_freed_bytes_per_day`
    more. Energy: each UTC day has `energy_wh_per_day`. A recording counts on the day its window begins.
    """

    station: str
    disk_bytes: float = math.inf
    disk_freed_bytes_per_day: float = 0.0
    energy_wh_per_day: float = math.inf


@dataclass(frozen=True)
class Resources:
    """All that can be booked, of all stations."""

    receivers: tuple[ReceiverResource, ...]
    antennas: tuple[AntennaResource, ...]
    maintenance: tuple[Maintenance, ...] = ()
    budgets: tuple[Budget, ...] = ()
