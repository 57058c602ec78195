"""Follows a planned pass with the rotator: sends the plan's commands, reads back, stops on doubt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from hardware.contact import Contact
from hardware.errors import RotatorError
from hardware.following import FollowReport, Plan, Rotator, StopFlag
from hardware.halt import Halting, words_of
from hardware.limits import angle_between_deg
from hardware.rest import Rest
from hardware.rotator_model import Direction
from hardware.safety import Inhibit
from hardware.watch import MotionWatch

__all__ = ["FollowReport", "Plan", "Rotator", "StopFlag", "follow"]

_BEHIND_S = 10.0
_SUSPECT_S = 0.05  # between looks at an axis that may be standing
_CLOCK_SET_S = 1.0


def follow(
    rotator: Rotator,
    plan: Plan,
    *,
    watch: MotionWatch | None = None,
    inhibit: Callable[[], Inhibit | None] = lambda: None,
    interval_s: float = 0.2,
    retries: int = 1,
    stop: StopFlag | None = None,
    say: Callable[[str], None] = lambda _words: None,
    now: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> FollowReport:
    """Point along the plan until it ends; begins at once, so that its start is reached before the pass.

    A rotator out of contact is asked again and again until the pass is over; that is a note, not an error.
    Whatever ends the following early, the rotator is stopped.

    Args:
        rotator: opened.
        plan: of the whole pass.
        watch: on its word the rotator is stopped and the following ends.
        inhibit: what forbids motion now; the rotator is then parked or stopped, as that says, and goes on
            with the pass when it is allowed again.
        interval_s: between looks.
        retries: how often a rotator that stood still, and was stopped, is asked to move again: most likely a
            command got lost on its line.
        stop: ends the following; the rotator is then stopped.
        say: takes each note when it is made.
        now: POSIX seconds, for the plan.
        steady: seconds of a clock that nobody sets, for how long something takes.
        sleep: waits seconds, by the same clock.
    """
    follower = _Follower(rotator, plan, watch or MotionWatch(), now, steady, sleep, say=say, retries=retries)
    try:
        while now() <= plan.time[-1]:
            look_at = steady() + interval_s
            follower.note_clock()
            if stop is not None and stop.is_set():
                follower.halt()
                break
            if (forbidden := inhibit()) is not None:
                follower.forbid(forbidden)
            else:
                follower.allow()
                follower.step()
            if follower.fault and not follower.halt_and_retry():
                break
            sleep(follower.rest_s(look_at))
    except BaseException:
        follower.halt()
        raise
    return follower.report()


class _Follower:
    """One pass under way."""

    def __init__(  # noqa: PLR0917 - as follow has them
        self,
        rotator: Rotator,
        plan: Plan,
        watch: MotionWatch,
        now: Callable[[], float],
        steady: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        say: Callable[[str], None],
        retries: int,
    ) -> None:
        self.rotator, self.plan, self.watch, self.say = rotator, plan, watch, say
        self.now, self.steady, self.sleep = now, steady, sleep
        self.sent: Direction | None = None
        self.arrived_at: float | None = None
        self.behind_since: float | None = None
        self.suspect, self.repeated, self.retries = False, False, retries
        self.commands, self.worst_deg = 0, math.nan
        self.fault = self.inhibited = ""
        self.notes: list[str] = []
        self.rest: Rest | None = None
        self.set_by_s = now() - steady()
        self.read = Contact(
            "questions were not answered as they should be", "the rotator answers again", self._note
        )
        self.told = Contact("commands were not taken", "it takes commands again", self._note)

    def step(self) -> None:
        """Look once, command if needed."""
        now, looked_at = self.now(), self.steady()
        try:
            position = self.rotator.position()
        except RotatorError as error:
            self.read.lost(error, looked_at)
            return
        if self.read.is_lost:
            # What it did meanwhile is unknown: it is commanded anew.
            self.sent = None
            if self.read.again(self.steady()):
                self.watch.resumed()
        self._judge(position, now, looked_at)  # as old as the question, at most
        if not self.fault:
            self._command(position)

    def note_clock(self) -> None:
        """Somebody may set the clock; the plan goes by the new time."""
        before, self.set_by_s = self.set_by_s, self.now() - self.steady()
        if abs(self.set_by_s - before) > _CLOCK_SET_S:
            self._note(f"the clock was set by {self.set_by_s - before:+.1f} s")

    def rest_s(self, look_at: float) -> float:
        """How long to sleep: to the next look, on the steady clock, or command."""
        now = self.now()
        later = self.plan.command_time[self.plan.command_time > now]
        due_s = min(look_at - self.steady(), float(later[0]) - now if len(later) else math.inf)
        return max(min(due_s, _SUSPECT_S if self.suspect else due_s), 0.02)

    def halt(self) -> bool:
        """Stop the rotator; True when it is seen to stand."""
        halting = Halting(self.rotator, self.watch, self._note, self.steady, self.sleep)
        return halting.until(lambda: self.now() > self.plan.time[-1])

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
        if reason.reason != self.inhibited:
            # The number in a reason changes from second to second.
            if self.rest is None:
                self._note(f"{reason.reason}: it is to be {'parked' if reason.park else 'stopped'}")
            self.inhibited = reason.reason
        self.rest = self.rest or Rest(self.rotator, self.watch, self._note)
        self.rest.step(park=reason.park, now=self.steady())

    def allow(self) -> None:
        """Motion is allowed, perhaps again."""
        if self.rest is None:
            return
        self._note("motion is allowed again: it goes on with the pass")
        self.rotator.unpark()
        self.rest, self.sent, self.inhibited = None, None, ""
        self.watch.resumed()

    def report(self) -> FollowReport:
        """What has happened."""
        self.read.end(self.steady())
        self.told.end(self.steady())
        arrived = self.arrived_at is not None and self.arrived_at <= float(self.plan.time[0])
        return FollowReport(
            self.commands,
            self.worst_deg,
            self.read.away_s,
            self.fault,
            tuple(self.notes),
            self.inhibited,
            arrived,
            self.told.away_s,
        )

    def _note(self, text: str) -> None:
        self.notes.append(f"{self.now():.1f}: {text}")
        self.say(text)

    def _judge(self, position: Direction, now: float, looked_at: float) -> None:
        error_deg = _sky_angle_deg(position, self.plan.predicted(now))
        near_deg = self.watch.near_deg
        if self.arrived_at is None and error_deg <= near_deg:
            self.arrived_at = now
        if now >= self.plan.time[0]:
            self.worst_deg = max(error_deg, self.worst_deg)  # which is NaN at first
            self._note_lag(position, error_deg > 2 * near_deg, now, looked_at)
        showed_turns = self.watch.shows_turns
        self.fault = self.watch.fault(position, looked_at)
        if showed_turns and not self.watch.shows_turns:
            self._note("the azimuth read-back tells no turns (1 after 359): set shows_turns = false")
        if self.fault:
            self._note(f"{self.fault}; stopped")

    def _note_lag(self, position: Direction, behind: bool, now: float, looked_at: float) -> None:
        """One that moves, but is not where the plan has it, is not as fast as the configuration says."""
        if not behind:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = looked_at
        elif looked_at - self.behind_since > _BEHIND_S:
            self._note(
                f"it has been elsewhere than planned for {_BEHIND_S:g} s: at {words_of(position)}, planned "
                f"{words_of(self.plan.predicted(now))}; is it slower than the configuration says?"
            )
            self.behind_since = float("inf")  # said once

    def _command(self, position: Direction) -> None:
        wanted = self.plan.at(self.now())
        suspect = self.suspect = self.watch.alarmed or self.watch.suspects(position, self.steady())
        # While an axis may be standing looks matter more than new targets; but a command may have got lost
        # on its way to the controller, so it is said once more.
        if self.watch.alarmed or (suspect and self.repeated) or (wanted == self.sent and not suspect):
            return
        self.repeated = suspect
        try:
            self.rotator.point(*wanted)
        except RotatorError as error:
            self.told.lost(error, self.steady())
            self.sent = None
            return
        self.told.again(self.steady())
        self.watch.commanded(wanted, self.steady())
        self.sent = wanted
        self.commands += 1


def _sky_angle_deg(position: Direction, target: Direction) -> float:
    """Angle on the sky, for small ones: high up a degree of azimuth is little."""
    azimuth_deg = angle_between_deg(position[0], target[0])
    return math.hypot(azimuth_deg * math.cos(math.radians(target[1])), position[1] - target[1])
