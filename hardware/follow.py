"""Follows a planned pass with the rotator: commands with a dead band, reads back, stops on doubt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hardware.errors import RotatorError
from hardware.pointing import PointingPlan
from hardware.watch import Direction, MotionWatch, off_deg


class Rotator(Protocol):
    """What is needed of a rotator; `Rotctld` is one."""

    def position(self) -> Direction:
        """Azimuth and elevation, degrees."""

    def point(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Go there."""

    def stop(self) -> None:
        """Stop now."""


class StopFlag(Protocol):
    """A threading.Event, or anything that can be asked like one."""

    def is_set(self) -> bool:
        """Whether to end now."""


@dataclass(frozen=True)
class FollowReport:
    """How well the rotator followed.

    Attributes:
        commands: sent.
        worst_error_deg: largest difference of plan and read-back during the pass, once it had arrived.
        away_s: time without contact.
        fault: why the rotator was stopped, or empty.
        notes: what happened, each with its POSIX time.
    """

    commands: int
    worst_error_deg: float
    away_s: float
    fault: str
    notes: tuple[str, ...]


def follow(
    rotator: Rotator,
    plan: PointingPlan,
    *,
    watch: MotionWatch | None = None,
    dead_band_deg: float = 1.0,
    interval_s: float = 0.5,
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
        dead_band_deg: a new command is sent when the plan has moved that far from the last one.
        interval_s: between looks.
        stop: ends the following; the rotator is then stopped.
        now: POSIX seconds.
        sleep: waits seconds, by the same clock.
    """
    follower = _Follower(rotator, plan, watch or MotionWatch(), dead_band_deg)
    while (time_now := now()) <= plan.time[-1]:
        if stop is not None and stop.is_set():
            follower.stop()
            break
        follower.step(time_now)
        if follower.fault:
            follower.stop()
            break
        sleep(interval_s)
    return follower.report(now())


class _Follower:
    """One pass under way."""

    def __init__(
        self, rotator: Rotator, plan: PointingPlan, watch: MotionWatch, dead_band_deg: float
    ) -> None:
        self.rotator, self.plan, self.watch, self.dead_band_deg = rotator, plan, watch, dead_band_deg
        self.sent: Direction | None = None
        self.arrived = False
        self.lost_at: float | None = None
        self.commands, self.worst_deg, self.away_s = 0, 0.0, 0.0
        self.fault = ""
        self.notes: list[str] = []

    def step(self, now: float) -> None:
        """Look once, command if needed."""
        try:
            position = self.rotator.position()
            self._contact(now)
            self._judge(position, now)
            if not self.fault:
                self._command(position, now)
        except RotatorError as error:
            if self.lost_at is None:
                self.notes.append(f"{now:.1f}: {error}")
                self.lost_at = now

    def stop(self) -> None:
        """Stop the rotator."""
        try:
            self.rotator.stop()
        except RotatorError as error:
            self.notes.append(f"the rotator could not be stopped: {error}")

    def report(self, now: float) -> FollowReport:
        """What has happened."""
        away_s = self.away_s + (0.0 if self.lost_at is None else now - self.lost_at)
        return FollowReport(self.commands, self.worst_deg, away_s, self.fault, tuple(self.notes))

    def _contact(self, now: float) -> None:
        if self.lost_at is None:
            return
        self.away_s += now - self.lost_at
        self.notes.append(f"{now:.1f}: the rotator answers again after {now - self.lost_at:.1f} s")
        self.lost_at, self.sent = None, None  # what it did meanwhile is unknown: command anew

    def _judge(self, position: Direction, now: float) -> None:
        error_deg = off_deg(position, self.plan.at(now))
        near_deg = 2 * max(self.dead_band_deg, self.watch.resolution_deg)
        self.arrived = self.arrived or error_deg <= near_deg
        if self.arrived and now >= self.plan.time[0]:
            self.worst_deg = max(self.worst_deg, error_deg)
        self.fault = self.watch.fault(position, now)
        if self.fault:
            self.notes.append(f"{now:.1f}: {self.fault}; stopped")

    def _command(self, position: Direction, now: float) -> None:
        wanted = self.plan.at(now)
        if self.sent is not None and _moved_deg(wanted, self.sent) < self.dead_band_deg:
            return
        self.rotator.point(*wanted)
        self.watch.commanded(wanted, position, now)
        self.sent = wanted
        self.commands += 1


def _moved_deg(wanted: Direction, sent: Direction) -> float:
    """In the rotator's own degrees: a change of turn is a motion."""
    return max(abs(wanted[0] - sent[0]), abs(wanted[1] - sent[1]))
