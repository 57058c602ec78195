"""Compares what a rotator tells with what it was told: stalls and runaways."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.limits import angle_between_deg

Direction = tuple[float, float]


def off_deg(position: Direction, target: Direction) -> float:
    """The larger of the axes' errors; azimuth modulo a turn: some controllers tell 10 where 370 was sent."""
    return max(angle_between_deg(position[0], target[0]), abs(position[1] - target[1]))


@dataclass
class _Axis:
    """One axis on its way to a target."""

    name: str
    turns: bool
    target: float | None = None
    seen_deg: float = 0.0
    moved_at: float = 0.0
    nearest_deg: float = 0.0
    long_way: bool = False

    def off(self, position_deg: float) -> float:
        if self.target is None:
            return 0.0
        return angle_between_deg(position_deg, self.target) if self.turns else abs(position_deg - self.target)


class MotionWatch:
    """Says what is wrong with a rotator's motion.

    An axis stands still when it is more than three steps off its target and has not moved by one step for
    `patience_s`. It runs away when it gets `runaway_deg` further from the target than it has been; not judged
    while the cable makes it go the long way round.

    Args:
        resolution_deg: smallest step that the read-back shows.
        patience_s: time without motion.
        runaway_deg: how much further away is too much.
    """

    def __init__(
        self, resolution_deg: float = 1.0, patience_s: float = 2.0, runaway_deg: float = 10.0
    ) -> None:
        self.resolution_deg, self.patience_s, self.runaway_deg = resolution_deg, patience_s, runaway_deg
        self._axes = (_Axis("azimuth", turns=True), _Axis("elevation", turns=False))

    def commanded(self, target: Direction, position: Direction, now: float) -> None:
        """A new target, and where the rotator stood."""
        for axis, target_deg, position_deg in zip(self._axes, target, position, strict=True):
            if axis.off(position_deg) <= 3 * self.resolution_deg:
                axis.moved_at = now  # it was at rest where it should be
            axis.target, axis.seen_deg = target_deg, position_deg
            axis.nearest_deg = axis.off(position_deg)
            axis.long_way = axis.turns and abs(target_deg - position_deg) > 180

    def fault(self, position: Direction, now: float) -> str:
        """What is wrong, or an empty string."""
        faults = (self._axis_fault(axis, deg, now) for axis, deg in zip(self._axes, position, strict=True))
        return "; ".join(fault for fault in faults if fault)

    def _axis_fault(self, axis: _Axis, position_deg: float, now: float) -> str:
        step = (
            angle_between_deg(position_deg, axis.seen_deg)
            if axis.turns
            else abs(position_deg - axis.seen_deg)
        )
        if step >= self.resolution_deg:
            axis.seen_deg, axis.moved_at = position_deg, now
        off = axis.off(position_deg)
        if off <= 3 * self.resolution_deg:
            axis.moved_at, axis.nearest_deg, axis.long_way = now, off, False
            return ""
        axis.nearest_deg = min(axis.nearest_deg, off)
        where = f"at {position_deg:.1f}, sent to {axis.target:.1f}"
        if not axis.long_way and off > axis.nearest_deg + self.runaway_deg:
            return f"{axis.name} runs away: {where}"
        if now - axis.moved_at > self.patience_s:
            return f"{axis.name} stands still for {now - axis.moved_at:.1f} s: {where}"
        return ""
