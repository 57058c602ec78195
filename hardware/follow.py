"""Follows a planned pass with the rotator: sends the plan's commands, reads back, stops on doubt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from hardware.errors import AwayError, RotatorError
from hardware.following import FollowReport, Plan, Rotator, StopFlag
from hardware.limits import angle_between_deg
from hardware.rotator_model import Direction
from hardware.safety import Inhibit
from hardware.watch import MotionWatch, off_deg

__all__ = ["FollowReport", "Plan", "Rotator", "StopFlag", "follow"]

_HALT_TRIES = 3
_HALT_S = 1.0  # a healthy axis has braked by then
_BEHIND_S = 10.0
_HICCUP_S = 2.0  # so short a silence hides nothing
_SUSPECT_S = 0.05  # between looks at an axis that may be standing


def follow(
    rotator: Rotator,
    plan: Plan,
    *,
    watch: MotionWatch | None = None,
    inhibit: Callable[[], Inhibit | None] = lambda: None,
    interval_s: float = 0.2,
    retries: int = 1,
    stop: StopFlag | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> FollowReport:
    """Point along the plan until it ends; begins at once, so that its start is reached before the pass.

    A rotator out of contact is asked again and again until the pass is over; that is a note, not an error.

    Args:
        rotator: opened.
        plan: of the whole pass.
        watch: on its word the rotator is stopped and the following ends.
        inhibit: what forbids motion now; the rotator is then parked or stopped, as that says.
        interval_s: between looks.
        retries: how often a rotator that stood still, and was stopped, is asked to move again: most likely a
            command got lost on its line.
        stop: ends the following; the rotator is then stopped.
        now: POSIX seconds.
        sleep: waits seconds, by the same clock.
    """
    follower = _Follower(rotator, plan, watch or MotionWatch(), now, sleep, retries=retries)
    while (time_now := now()) <= plan.time[-1]:
        if stop is not None and stop.is_set():
            follower.halt()
            break
        if (forbidden := inhibit()) is not None:
            follower.forbid(forbidden)
            break
        follower.step(time_now)
        if follower.fault and not follower.halt_and_retry():
            break
        sleep(follower.rest_s(time_now + interval_s))
    return follower.report()


class _Follower:
    """One pass under way."""

    def __init__(
        self,
        rotator: Rotator,
        plan: Plan,
        watch: MotionWatch,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        retries: int,
    ) -> None:
        self.rotator, self.plan, self.watch, self.now, self.sleep = rotator, plan, watch, now, sleep
        self.sent: Direction | None = None
        self.arrived_at: float | None = None
        self.lost_at: float | None = None
        self.behind_since: float | None = None
        self.suspect, self.repeated, self.retries = False, False, retries
        self.commands, self.worst_deg, self.away_s = 0, 0.0, 0.0
        self.hiccups = 0
        self.fault = self.inhibited = self.trouble = self.first_trouble = ""
        self.notes: list[str] = []

    def step(self, now: float) -> None:
        """Look once, command if needed."""
        try:
            position = self.rotator.position()
            self._contact()
            self._judge(position, now)  # as old as the question, at most
            if not self.fault:
                self._command(position, self.now())
        except AwayError:
            self._lost(now, "")
        except RotatorError as error:
            self._lost(now, str(error))

    def rest_s(self, next_look: float) -> float:
        """How long to sleep: to the next look or command."""
        now = self.now()
        later = self.plan.command_time[self.plan.command_time > now]
        due = min(next_look, float(later[0])) if len(later) else next_look
        return max(min(due - now, _SUSPECT_S if self.suspect else due - now), 0.02)

    def halt(self) -> bool:
        """Stop the rotator; True when it is seen to stand."""
        for _ in range(_HALT_TRIES):
            try:
                self.rotator.stop()
                self.sleep(_HALT_S)
                before = self.rotator.position()
                self.sleep(_HALT_S)
                after = self.rotator.position()
            except RotatorError as error:
                self._note(f"stopping it: {error}")
                continue
            if off_deg(before, after) <= self.watch.standing_deg:
                return True
            self._note(f"it still moves after the stop: {_words(before)}, then {_words(after)}")
        self._note("it is not known to stand: look after it, and switch off its power if it moves")
        return False

    def halt_and_retry(self) -> bool:
        """Stop; True where it stands for sure and is worth another try."""
        stands = self.halt()
        if not (stands and self.watch.only_stalls and self.retries > 0):
            return False
        self.retries -= 1
        self._note("it is asked to move once more")
        self.fault, self.sent = "", None
        self.watch.resumed()
        return True

    def forbid(self, reason: Inhibit) -> None:
        """Motion is forbidden: park where that is the safe place, else stop."""
        self.inhibited = reason.reason
        self._note(f"{reason.reason}: {'parked' if reason.park else 'stopped'}")
        if not reason.park:
            self.halt()
            return
        try:
            self.rotator.park()
        except RotatorError as error:
            self._note(f"it could not be parked ({error}); it is stopped instead")
            self.halt()

    def report(self) -> FollowReport:
        """What has happened."""
        away_s = self.away_s + (0.0 if self.lost_at is None else self.now() - self.lost_at)
        begin = float(self.plan.time[0])
        if self.hiccups:
            self._note(f"{self.hiccups} questions were not answered as they should be, the next one was")
        arrived = self.arrived_at is not None and self.arrived_at <= begin
        return FollowReport(
            self.commands, self.worst_deg, away_s, self.fault, tuple(self.notes), self.inhibited, arrived
        )

    def _note(self, text: str) -> None:
        self.notes.append(f"{self.now():.1f}: {text}")

    def _lost(self, now: float, trouble: str) -> None:
        """A single answer that fails is counted; what lasts is noted, each trouble once."""
        if self.lost_at is None:
            self.lost_at, self.first_trouble = now, trouble
            self.hiccups += 1
        elif trouble and _without_numbers(trouble) != self.trouble:
            self.trouble = _without_numbers(trouble)
            self._note(trouble)

    def _contact(self) -> None:
        if self.lost_at is None:
            return
        away_s = self.now() - self.lost_at
        if away_s > _HICCUP_S:
            self.watch.resumed()
            if not self.trouble:
                self._note(self.first_trouble)
            self._note(f"the rotator answers again after {away_s:.1f} s")
            self.hiccups -= 1
        self.away_s += away_s
        # What it did meanwhile is unknown: it is commanded anew.
        self.lost_at, self.sent, self.trouble = None, None, ""

    def _judge(self, position: Direction, now: float) -> None:
        error_deg = _sky_angle_deg(position, self.plan.predicted(now))
        near_deg = self.watch.near_deg
        if self.arrived_at is None and error_deg <= near_deg:
            self.arrived_at = now
        elif self.arrived_at is not None and now >= self.plan.time[0]:
            self.worst_deg = max(self.worst_deg, error_deg)
            self._note_lag(position, error_deg > 2 * near_deg, now)
        self.fault = self.watch.fault(position, now)
        if self.fault:
            self._note(f"{self.fault}; stopped")

    def _note_lag(self, position: Direction, behind: bool, now: float) -> None:
        """One that moves, but is not where the plan has it, is not as fast as the configuration says."""
        if not behind:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = now
        elif now - self.behind_since > _BEHIND_S:
            self._note(
                f"it has been elsewhere than planned for {_BEHIND_S:g} s: at {_words(position)}, planned "
                f"{_words(self.plan.predicted(now))}; is it slower than the configuration says?"
            )
            self.behind_since = float("inf")  # said once

    def _command(self, position: Direction, now: float) -> None:
        wanted = self.plan.at(now)
        suspect = self.suspect = self.watch.suspects(position, now)
        # While an axis may be standing looks matter more than new targets; but a command may have got lost
        # on its way to the controller, so it is said once more.
        if (suspect and self.repeated) or (wanted == self.sent and not suspect):
            return
        self.repeated = suspect
        self.rotator.point(*wanted)
        self.watch.commanded(wanted, self.now())
        self.sent = wanted
        self.commands += 1


def _sky_angle_deg(position: Direction, target: Direction) -> float:
    """Angle on the sky, for small ones: high up a degree of azimuth is little."""
    azimuth_deg = angle_between_deg(position[0], target[0])
    return math.hypot(azimuth_deg * math.cos(math.radians(target[1])), position[1] - target[1])


def _without_numbers(text: str) -> str:
    return "".join(character for character in text if not character.isdigit())


def _words(direction: Direction) -> str:
    return f"{direction[0]:.1f}, {direction[1]:.1f}"
