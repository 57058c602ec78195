"""Compares what a rotator tells with what it was told: stalls, runaways, torn sensors, limits passed.

The latency is bounded: an axis that has somewhere to go and does not is named within 2 s, or within the time
in which the command moves three steps of the read-back, whichever is longer; less cannot be told from health.
"""

from __future__ import annotations

import math

from hardware.axis_watch import SURE, AxisWatch
from hardware.limits import Limits, angle_between_deg
from hardware.motion import Axis
from hardware.rotator_model import Direction, RotatorModel

_ANY_AXIS = Axis(rate_deg_s=6.0, acceleration_deg_s2=6.0, resolution_deg=1.0)


def off_deg(position: Direction, target: Direction) -> float:
    """The larger of the axes' errors; azimuth modulo a turn: some controllers tell 10 where 370 was sent."""
    return max(angle_between_deg(position[0], target[0]), abs(position[1] - target[1]))


class MotionWatch:
    """Says what is wrong with a rotator's motion.

    Args:
        azimuth: how fast that axis is, and the steps of its read-back.
        elevation: the same.
        limits: beyond which a read-back means stop; without them not judged.
        latency_s: of the line: so much longer a runaway may take to turn round.
        shows_turns: whether the azimuth read-back tells 10 from 370; without, it is compared modulo a turn.

    Attributes:
        only_stalls: whether the last fault is that an axis stands, and nothing worse.
    """

    def __init__(
        self,
        azimuth: Axis = _ANY_AXIS,
        elevation: Axis = _ANY_AXIS,
        *,
        limits: Limits | None = None,
        latency_s: float = 0.0,
        shows_turns: bool = False,
    ) -> None:
        self.limits = limits
        self.only_stalls = False
        self._beyond_looks = 0
        self._axes = (
            AxisWatch("azimuth", azimuth, not shows_turns, latency_s, goes_round=True),
            AxisWatch("elevation", elevation, False, latency_s),
        )

    @property
    def shows_turns(self) -> bool:
        """Whether the azimuth read-back tells 10 from 370, as far as is known by now."""
        return not self._axes[0].modulo

    @classmethod
    def of(cls, model: RotatorModel, *, shows_turns: bool = False) -> MotionWatch:
        """For a rotator as it is configured."""
        return cls(
            model.azimuth,
            model.elevation,
            limits=model.limits,
            latency_s=model.latency_s,
            shows_turns=shows_turns,
        )

    def commanded(self, target: Direction, now: float) -> None:
        """A new target, and by when it had reached the controller."""
        for axis, target_deg in zip(self._axes, target, strict=True):
            axis.command(target_deg, now)

    def resumed(self) -> None:
        """Contact was lost and is back."""
        for axis in self._axes:
            axis.forget()

    def fault(self, position: Direction, now: float) -> str:
        """What is wrong, or an empty string; one call for each reading, with the time it was asked for."""
        faults = [axis.look(deg, now) for axis, deg in zip(self._axes, position, strict=True)]
        beyond = self._beyond_limits(position)
        self._beyond_looks = self._beyond_looks + 1 if beyond else 0
        if self._beyond_looks >= SURE:
            faults.append(beyond)
        found = [fault for fault in faults if fault]
        self.only_stalls = bool(found) and sum(axis.stalled for axis in self._axes) == len(found)
        return "; ".join(found)

    @property
    def alarmed(self) -> bool:
        """Whether the last look was such that a second one like it condemns: it should come at once."""
        return self._beyond_looks > 0 or any(axis.away_looks > 0 for axis in self._axes)

    def suspects(self, position: Direction, now: float) -> bool:
        """Whether an axis may be standing: then looks matter more than new targets."""
        return any(
            axis.stands_s(deg, now) > 0.6 * axis.patience_s
            for axis, deg in zip(self._axes, position, strict=True)
        )

    @property
    def standing_deg(self) -> float:
        """Two read-backs of an axis at rest differ by no more: either may tremble by a step."""
        return max(2.5 * axis.axis.resolution_deg for axis in self._axes)

    @property
    def standing_s(self) -> float:
        """After so long two read-backs of a moving axis differ by more."""
        return max(1.0, 1.2 * self.standing_deg / min(axis.axis.rate_deg_s for axis in self._axes))

    @property
    def near_deg(self) -> float:
        """As near as that to where the plan has it is arrived, degrees."""
        return max(2 * axis.settled_deg + axis.axis.rate_deg_s * 0.1 for axis in self._axes)

    def _beyond_limits(self, position: Direction) -> str:
        if self.limits is None:
            return ""
        lim = self.limits
        ends = (
            (lim.azimuth_min_deg, lim.azimuth_max_deg) if self.shows_turns else (-math.inf, math.inf),
            (lim.elevation_min_deg, lim.elevation_max_deg),
        )
        for axis, deg, (low, high) in zip(self._axes, position, ends, strict=True):
            margin_deg = max(2 * axis.axis.resolution_deg, 1.0)
            if not low - margin_deg <= deg <= high + margin_deg:
                return f"{axis.name} at {deg:.1f} is beyond its limits {low:g} to {high:g}"
        return ""
