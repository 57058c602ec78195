"""What a rotator can do: limits, axes, timing; and how long it takes from one direction to another."""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.errors import HardwareError
from hardware.limits import Limits
from hardware.motion import Axis

Direction = tuple[float, float]


@dataclass(frozen=True)
class RotatorModel:
    """What a rotator can do.

    Attributes:
        limits: end stops and mechanical floor, in its own degrees.
        azimuth: that axis.
        elevation: that axis.
        flip: whether it may pass through the top, where the limits allow elevations above 90.
        command_interval_s: least time between two commands.
        latency_s: from a command's sending to the motor.
        park: azimuth and elevation when idle.

    Raises:
        HardwareError: an interval or a latency out of range, or a park position outside the limits.
    """

    limits: Limits = field(default_factory=Limits)
    azimuth: Axis = field(default_factory=lambda: Axis(6.0, 6.0))
    elevation: Axis = field(default_factory=lambda: Axis(6.0, 6.0))
    flip: bool = False
    command_interval_s: float = 0.5
    latency_s: float = 0.0
    park: Direction = (0.0, 90.0)

    def __post_init__(self) -> None:
        if not 0.05 <= self.command_interval_s <= 60:
            raise HardwareError(
                f"rotator: command_interval_s is {self.command_interval_s:g}; allowed is 0.05 to 60"
            )
        if not 0 <= self.latency_s <= 60:
            raise HardwareError(f"rotator: latency_s is {self.latency_s:g}; allowed is 0 to 60")
        if not self.limits.allow(*self.park):
            raise HardwareError(f"rotator: park at {self.park} lies outside its limits {self.limits}")

    @property
    def ceiling_deg(self) -> float:
        """Greatest elevation it may take."""
        top = self.limits.elevation_max_deg
        return top if self.flip else min(top, 90.0)


def move_time_s(model: RotatorModel, a: Direction, b: Direction) -> float:
    """From rest to rest between two directions in the rotator's degrees, with the command's latency."""
    return model.latency_s + max(model.azimuth.time_s(b[0] - a[0]), model.elevation.time_s(b[1] - a[1]))
