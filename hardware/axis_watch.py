"""One axis on its way to a target: does it move as it ought to?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardware.motion import Axis

SURE = 2  # readings in a row: one may be damaged on the line
_MARGIN_S = 0.2
_PATIENCE_S = (0.8, 2.5)
_SOFT_DEG_S2, _SOFT_PATIENCE_S = 1.0, (0.8, 3.5)


@dataclass
class AxisWatch:
    """One axis on its way to a target.

    Attributes:
        modulo: whether the read-back tells 10 for 370.
        goes_round: whether it may turn out to do so.
        best_deg: furthest position in the direction of the target.
        sign: of that direction.
        moved_at: until when it has surely moved, or rested on its target.
        jumped_deg: a reading that no motion explains, waiting for a second one.
        followed: whether it has moved for the present target.
        away_looks: how many readings in a row were too far back.
        far_looks: how many in a row were so far off that it has to move.
        stalled: whether it stands where it ought to move.
        long_way: the cable makes it go round the other way than a read-back without turns tells.
    """

    name: str
    axis: Axis
    modulo: bool
    latency_s: float
    goes_round: bool = False
    target_deg: float | None = None
    target_since: float = -math.inf
    best_deg: float = 0.0
    sign: float = 0.0
    seen_deg: float | None = None
    seen_at: float = -math.inf
    moved_at: float = math.inf
    jumped_deg: float | None = None
    long_way: bool = False
    followed: bool = False
    away_looks: int = 0
    far_looks: int = 0
    stalled: bool = False

    @property
    def settled_deg(self) -> float:
        """An axis this near to its target is where it should be: read-backs are cut to whole steps."""
        return self.axis.dead_band_deg + 1.25 * self.axis.resolution_deg

    @property
    def judged_deg(self) -> float:
        """An axis further off than this has to move."""
        return self.axis.dead_band_deg + 1.75 * self.axis.resolution_deg

    @property
    def patience_s(self) -> float:
        """In which a healthy axis, from rest, shows a step: d = a t² / 2; or at a quarter of its rate.

        One that starts softly may brake again half-way to a target a step off: d = a (t / 2)².
        Counted from when the controller has the command to when a reading was asked for.
        """
        step_deg, axis = self.axis.resolution_deg, self.axis
        soft = axis.acceleration_deg_s2 < _SOFT_DEG_S2
        start_s = math.sqrt((4 if soft else 2) * step_deg / axis.acceleration_deg_s2)
        low, high = _SOFT_PATIENCE_S if soft else _PATIENCE_S
        return min(max(_MARGIN_S + start_s, 4 * step_deg / axis.rate_deg_s, low), high)

    @property
    def runaway_deg(self) -> float:
        """Further back than it needs to brake and turn round."""
        axis = self.axis
        braking_deg = axis.rate_deg_s**2 / (2 * axis.acceleration_deg_s2)
        return braking_deg + axis.rate_deg_s * (0.3 + self.latency_s) + 3 * axis.resolution_deg

    def to_go_deg(self, position_deg: float) -> float:
        """Signed way to the target."""
        if self.target_deg is None:
            return 0.0
        return self._shortest(self.target_deg - position_deg)

    def command(self, target_deg: float, now: float) -> None:
        """A new target; the same one again, to an axis that has not begun to move, begins its time anew."""
        if target_deg == self.target_deg:
            self.moved_at = max(self.moved_at, now) if self.sign == 0 else self.moved_at
            return
        if self.seen_deg is not None and abs(self.to_go_deg(self.seen_deg)) > self.settled_deg:
            self.followed = False
        self.target_deg, self.target_since = target_deg, now
        if self.sign == 0 or self.followed:
            self.moved_at = max(self.moved_at, now)  # it was where it should be until now
        self.followed = False
        self.long_way = self.modulo and self.seen_deg is not None and abs(target_deg - self.seen_deg) > 180

    def _shortest(self, way_deg: float) -> float:
        return (way_deg + 180) % 360 - 180 if self.modulo else way_deg

    def forget(self) -> None:
        """Contact was lost: what it did meanwhile is unknown."""
        self.seen_deg, self.jumped_deg, self.sign, self.moved_at = None, None, 0.0, math.inf

    def look(self, position_deg: float, now: float) -> str:
        """Take one reading; returns what is wrong, or an empty string."""
        if self._is_jump(position_deg, now):
            first, self.jumped_deg = self.jumped_deg, position_deg
            if first is None:
                return ""
            if not self._is_a_turn(position_deg, now):
                return (
                    f"{self.name} read-back jumps from {self.seen_deg:.1f} to {position_deg:.1f}: "
                    "sensor or cable"
                )
            # Some controllers tell 1 after 359, whatever those do that their driver is made for.
            self.modulo, self.best_deg, self.moved_at = True, position_deg, now
        self.jumped_deg = None
        self._note_motion(position_deg, now)
        self.seen_deg, self.seen_at = position_deg, now
        return self._judge(position_deg, now)

    def stands_s(self, position_deg: float, now: float) -> float:
        """For how long it has not moved although it ought to."""
        if abs(self.to_go_deg(position_deg)) <= self.judged_deg:
            return 0.0
        return max(now - self.moved_at, 0.0)

    def _is_jump(self, position_deg: float, now: float) -> bool:
        if self.seen_deg is None:
            return False
        possible_deg = 2 * self.axis.rate_deg_s * (now - self.seen_at + 0.5)
        step_deg = abs(self._shortest(position_deg - self.seen_deg))
        return step_deg > 10 + possible_deg + 3 * self.axis.resolution_deg

    def _is_a_turn(self, position_deg: float, now: float) -> bool:
        """Whether it is where it may have got to, but for a whole turn."""
        if not self.goes_round or self.modulo:
            return False
        self.modulo = True
        jumps = self._is_jump(position_deg, now)
        self.modulo = False
        return not jumps

    def _note_motion(self, position_deg: float, now: float) -> None:
        way = self.to_go_deg(position_deg)
        if self.long_way and self.seen_deg is not None:
            if abs(self._shortest(position_deg - self.best_deg)) >= 0.99 * self.axis.resolution_deg:
                self.best_deg, self.moved_at = position_deg, now
            self.long_way = abs(way) > self.settled_deg or now - self.moved_at < self.patience_s
        elif self.seen_deg is None or self._rests(abs(way), now):
            self.best_deg, self.sign, self.moved_at = position_deg, 0.0, now
        else:
            self._note_progress(position_deg, math.copysign(1.0, way), self.seen_deg, now)

    def _note_progress(self, position_deg: float, sign: float, seen_deg: float, now: float) -> None:
        if sign != self.sign:
            turned = self.sign != 0
            # From rest, what it has moved since counts; on the way, it may first brake and turn round.
            self.sign, self.best_deg = sign, position_deg if turned else seen_deg
            if turned and abs(self._shortest(position_deg - seen_deg)) >= 0.99 * self.axis.resolution_deg:
                self.moved_at = now
        gained_deg = sign * self._shortest(position_deg - self.best_deg)
        if gained_deg >= 0.99 * self.axis.resolution_deg:
            # It may have stopped right after it had gained that: at half its rate, and a step unseen.
            needed_s = (gained_deg + self.axis.resolution_deg) / (self.axis.rate_deg_s / 2)
            # Or have been where it should be until the present target was sent.
            self.moved_at = max(self.moved_at, min(now, max(self.seen_at + needed_s, self.target_since)))
            self.best_deg, self.followed = position_deg, True

    def _rests(self, off_deg: float, now: float) -> bool:
        """Whether it is where it should be: on the step, or a step off for so long that this is its rest."""
        if off_deg <= self.axis.dead_band_deg + 0.5 * self.axis.resolution_deg:
            return True
        return off_deg <= self.settled_deg and now - self.target_since > self.patience_s + 2 * _MARGIN_S

    def _judge(self, position_deg: float, now: float) -> str:
        if self.target_deg is None:
            return ""
        where = f"at {position_deg:.1f}, sent to {self.target_deg:.1f}"
        lost_deg = self.sign * self._shortest(self.best_deg - position_deg)
        self.away_looks = self.away_looks + 1 if lost_deg > self.runaway_deg and not self.long_way else 0
        if self.away_looks >= SURE:
            return f"{self.name} runs away: {where}"
        stands_s = self.stands_s(position_deg, now)
        self.far_looks = self.far_looks + 1 if stands_s > 0 else 0
        self.stalled = stands_s > self.patience_s and self.far_looks >= SURE
        if not self.stalled:
            return ""
        if lost_deg > 3 * self.axis.resolution_deg:
            self.stalled = False
            return f"{self.name} runs away: {where}"
        near = abs(self.to_go_deg(position_deg)) <= 5 * self.axis.resolution_deg
        hint = " (if it goes no nearer, raise dead_band_deg)" if near else ""
        return f"{self.name} stands still for {stands_s:.1f} s: {where}{hint}"
