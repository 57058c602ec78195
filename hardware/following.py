"""What following a pass needs, and what it tells afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hardware.rotator_model import Direction
from hardware.sky import Curve


class Rotator(Protocol):
    """What is needed of a rotator; `Rotctld` is one."""

    @property
    def park_position(self) -> Direction | None:
        """Where it is when parked, None where nobody knows."""

    def position(self) -> Direction:
        """Azimuth and elevation, degrees."""

    def point(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Go there."""

    def stop(self) -> None:
        """Stop now."""

    def park(self) -> None:
        """Go to the park position; nothing else moves it then."""

    def unpark(self) -> None:
        """It may be moved again."""


class Plan(Protocol):
    """What is needed of a `hardware.track.TrackPlan`."""

    @property
    def time(self) -> Curve:
        """POSIX seconds from the begin to the end of the pass."""

    @property
    def command_time(self) -> Curve:
        """POSIX seconds of the commands."""

    def at(self, time: float) -> Direction:
        """The command in force."""

    def predicted(self, time: float) -> Direction:
        """Where it should point."""


class StopFlag(Protocol):
    """A threading.Event, or anything that can be asked like one."""

    def is_set(self) -> bool:
        """Whether to end now."""


@dataclass(frozen=True)
class FollowReport:
    """How well the rotator followed.

    Attributes:
        commands: sent.
        worst_error_deg: largest angle on the sky between plan and read-back in the pass; NaN where none came.
        away_s: time without contact.
        fault: why the rotator was stopped, or empty.
        notes: what happened, each with its POSIX time.
        inhibited: why motion was forbidden at last, or empty.
        arrived: whether it stood at the start when the pass began.
        refused_s: time in which it took no commands, though it answered.
    """

    commands: int
    worst_error_deg: float
    away_s: float
    fault: str
    notes: tuple[str, ...]
    inhibited: str = ""
    arrived: bool = True
    refused_s: float = 0.0
