"""From an azimuth and elevation curve to the rotator's own degrees for a whole pass, before it begins.

A rotator that turns further than once round (0 … 450, -180 … 540) has several readings for one direction. The
turn is chosen once for the whole pass, so that crossing north never unwinds the cable half-way. Where no turn
holds the whole pass, each is kept as long as it lasts; the changes are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.errors import HardwareError
from hardware.limits import Limits

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PointingPlan:
    """Where the rotator shall point.

    Attributes:
        time: POSIX seconds [n], rising.
        azimuth_deg: rotator's degrees [n], within its limits.
        elevation_deg: rotator's degrees [n], within its limits.
        unwinds: changes of turn in the middle, each a while of lost pointing.
        floored: samples whose elevation the limits cut.
    """

    time: Curve
    azimuth_deg: Curve
    elevation_deg: Curve
    unwinds: int
    floored: int

    def at(self, time: float) -> tuple[float, float]:
        """Direction at a time; before and after the pass its first and last."""
        after = int(np.clip(np.searchsorted(self.time, time, side="right"), 1, len(self.time) - 1))
        before = after - 1
        share = (time - self.time[before]) / (self.time[after] - self.time[before])
        share = min(max(float(share), 0.0), 1.0)
        if (
            abs(self.azimuth_deg[after] - self.azimuth_deg[before]) > 180
        ):  # a change of turn is no slow motion
            return float(self.azimuth_deg[after]), float(self.elevation_deg[after])
        return (
            float(self.azimuth_deg[before] + share * (self.azimuth_deg[after] - self.azimuth_deg[before])),
            float(
                self.elevation_deg[before] + share * (self.elevation_deg[after] - self.elevation_deg[before])
            ),
        )


def plan_pointing(
    time: npt.ArrayLike,
    azimuth_deg: npt.ArrayLike,
    elevation_deg: npt.ArrayLike,
    limits: Limits,
    *,
    from_azimuth_deg: float | None = None,
) -> PointingPlan:
    """Plan a whole pass.

    Args:
        time: POSIX seconds [n ≥ 2], strictly rising.
        azimuth_deg: true azimuth [n], any turn.
        elevation_deg: [n].
        limits: of the rotator.
        from_azimuth_deg: where it stands; the nearest turn that holds the pass is taken, else the one
            that leaves most room to both ends.

    Raises:
        HardwareError: fewer than two points, lengths that differ, not finite, or time not rising.
    """
    times, azimuths, elevations = (np.asarray(a, np.float64) for a in (time, azimuth_deg, elevation_deg))
    _check(times, azimuths, elevations)
    path = unwrap_deg(azimuths)
    shift = _whole_turn(path, limits, from_azimuth_deg)
    turned = path + shift if shift is not None else _with_changes(path, limits)
    raised = np.clip(elevations, limits.elevation_min_deg, limits.elevation_max_deg)
    unwinds = int(np.count_nonzero(np.abs(np.diff(turned)) > 180))
    return PointingPlan(times, turned, raised, unwinds, int(np.count_nonzero(raised != elevations)))


def unwrap_deg(azimuth_deg: Curve) -> Curve:
    """The same azimuths without jumps at north [n]."""
    return np.asarray(np.unwrap(azimuth_deg, period=360.0), np.float64)


def _check(times: Curve, azimuths: Curve, elevations: Curve) -> None:
    if not (times.ndim == 1 and len(times) >= 2 and times.shape == azimuths.shape == elevations.shape):
        raise HardwareError(
            f"a track of {times.shape}, {azimuths.shape}, {elevations.shape} points; each needs the same, ≥ 2"
        )
    if not all(np.isfinite(a).all() for a in (times, azimuths, elevations)) or not (np.diff(times) > 0).all():
        raise HardwareError("the track holds what is not a number, or its times do not rise")


def _turns(low: float, high: float, limits: Limits) -> range:
    """Whole turns k for which low + 360 k and high + 360 k both lie within the limits."""
    first = math.ceil((limits.azimuth_min_deg - low) / 360)
    last = math.floor((limits.azimuth_max_deg - high) / 360)
    return range(first, last + 1)


def _whole_turn(path: Curve, limits: Limits, from_azimuth_deg: float | None) -> float | None:
    low, high = float(path.min()), float(path.max())
    shifts = [360.0 * k for k in _turns(low, high, limits)]
    middle = (limits.azimuth_min_deg + limits.azimuth_max_deg) / 2
    if from_azimuth_deg is not None:
        return min(shifts, key=lambda shift: abs(path[0] + shift - from_azimuth_deg), default=None)
    return min(shifts, key=lambda shift: abs((low + high) / 2 + shift - middle), default=None)


def _with_changes(path: Curve, limits: Limits) -> Curve:
    """No turn holds the whole path: stay on each as long as it lasts, then change to the most lasting."""
    turned, first = path.copy(), 0
    while first < len(path):
        shifts = [360.0 * k for k in _turns(path[first], path[first], limits)]
        lasts = [_holds(path[first:] + shift, limits) for shift in shifts]
        best = int(np.argmax(lasts))
        turned[first : first + lasts[best]] += shifts[best]
        first += lasts[best]
    return turned


def _holds(path: Curve, limits: Limits) -> int:
    outside = (path < limits.azimuth_min_deg) | (path > limits.azimuth_max_deg)
    return int(np.argmax(outside)) if outside.any() else len(path)
