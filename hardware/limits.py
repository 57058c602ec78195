"""Where a rotator may point: mechanical limits, apart from the horizon mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardware.errors import HardwareError


@dataclass(frozen=True)
class Limits:
    """End stops in the rotator's own degrees; azimuth may run past 360 or below 0.

    Raises:
        HardwareError: less than a full turn, the wrong way round, or beyond what rotators have.
    """

    azimuth_min_deg: float = 0.0
    azimuth_max_deg: float = 360.0
    elevation_min_deg: float = 0.0
    elevation_max_deg: float = 90.0

    def __post_init__(self) -> None:
        turn = self.azimuth_max_deg - self.azimuth_min_deg
        if not (turn >= 360 and self.azimuth_min_deg >= -360 and self.azimuth_max_deg <= 720):
            raise HardwareError(
                f"azimuth limits {self.azimuth_min_deg:g} to {self.azimuth_max_deg:g}: allowed is "
                "a turn of at least 360 degrees within -360 to 720, for example 0 to 450 or -180 to 540"
            )
        if not -10 <= self.elevation_min_deg < self.elevation_max_deg <= 190:
            raise HardwareError(
                f"elevation limits {self.elevation_min_deg:g} to {self.elevation_max_deg:g}: allowed is "
                "a rising pair within -10 to 190, for example 0 to 90"
            )

    def allow(self, azimuth_deg: float, elevation_deg: float) -> bool:
        """Whether the rotator may be sent there; never for what is not a number."""
        return (
            math.isfinite(azimuth_deg)
            and self.azimuth_min_deg <= azimuth_deg <= self.azimuth_max_deg
            and math.isfinite(elevation_deg)
            and self.elevation_min_deg <= elevation_deg <= self.elevation_max_deg
        )

    def within(self, other: Limits) -> bool:
        """Whether these are nowhere wider than others."""
        return other.allow(self.azimuth_min_deg, self.elevation_min_deg) and other.allow(
            self.azimuth_max_deg, self.elevation_max_deg
        )


def angle_between_deg(a_deg: float, b_deg: float) -> float:
    """Smallest angle between two azimuths, 0 … 180."""
    return abs((a_deg - b_deg + 180) % 360 - 180)
