"""The result of planning a track: commands for a whole pass, and what they will achieve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.rotator_model import Direction

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackPlan:
    """Commands for a whole pass and what they will achieve.

    Attributes:
        command_time: POSIX seconds [k], rising, when to send; the first sends it to the start position.
        command_azimuth_deg: rotator's degrees [k].
        command_elevation_deg: rotator's degrees [k].
        time: POSIX seconds [n], evenly spaced over the part of the pass that counts.
        azimuth_deg: where it will point [n], rotator's degrees.
        elevation_deg: where it will point [n], rotator's degrees.
        error_deg: angle between dish and satellite [n].
        loss_db: what that costs [n].
        worst_loss_db: greatest where the weight is above 0.
        mean_loss_db: of the mean power.
        lost_share: share of the weighted signal that is lost.
        start_by: POSIX seconds when it must begin to move to be in place; the first command's time.
        move_s: how long that takes; 0 where it was not said where it stands.
        flip: whether it runs through the top or beyond it.
        unwind: begin and end in POSIX seconds of a turn of the cable in mid-pass, or None.
        why: what was chosen and why, in words.
    """

    command_time: Curve
    command_azimuth_deg: Curve
    command_elevation_deg: Curve
    time: Curve
    azimuth_deg: Curve
    elevation_deg: Curve
    error_deg: Curve
    loss_db: Curve
    worst_loss_db: float
    mean_loss_db: float
    lost_share: float
    start_by: float
    move_s: float
    flip: bool
    unwind: tuple[float, float] | None
    why: str

    @property
    def start(self) -> Direction:
        """Where it must stand when the pass begins."""
        return float(self.command_azimuth_deg[0]), float(self.command_elevation_deg[0])

    @property
    def end(self) -> Direction:
        """Where it stands afterwards."""
        return float(self.command_azimuth_deg[-1]), float(self.command_elevation_deg[-1])

    def at(self, time: float) -> Direction:
        """The command in force at a time; before the first one, that."""
        latest = max(int(np.searchsorted(self.command_time, time, side="right")) - 1, 0)
        return float(self.command_azimuth_deg[latest]), float(self.command_elevation_deg[latest])

    def predicted(self, time: float) -> Direction:
        """Where it should point at a time, to compare a read-back with; outside the pass its ends."""
        return (
            float(np.interp(time, self.time, self.azimuth_deg)),
            float(np.interp(time, self.time, self.elevation_deg)),
        )

    def rows(self) -> Iterator[tuple[float, float, float, float]]:
        """Time, azimuth, elevation of every command, and the predicted loss in dB until the next."""
        ends = np.append(np.searchsorted(self.time, self.command_time[1:]), len(self.time))
        begin = 0
        for row, end in zip(
            zip(self.command_time, self.command_azimuth_deg, self.command_elevation_deg, strict=True),
            ends.tolist(),
            strict=True,
        ):
            time, azimuth, elevation = (float(value) for value in row)
            yield time, azimuth, elevation, float(self.loss_db[begin:end].max(initial=0.0))
            begin = end

    def to_json(self) -> dict[str, object]:
        """Everything but the curves, and the commands as rows of time, azimuth, elevation."""
        return {
            "start": list(self.start),
            "start_by": self.start_by,
            "move_s": self.move_s,
            "end": list(self.end),
            "flip": self.flip,
            "unwind": list(self.unwind) if self.unwind else None,
            "worst_loss_db": self.worst_loss_db,
            "mean_loss_db": self.mean_loss_db,
            "lost_share": self.lost_share,
            "why": self.why,
            "commands": [list(row) for row in self.rows()],
        }


@dataclass(frozen=True)
class TrackSketch:
    """A pass without commands: what a booking needs of it.

    Attributes:
        time: POSIX seconds [n], evenly spaced from rise to set.
        azimuth_deg: path [n], rotator's degrees.
        elevation_deg: path [n], rotator's degrees.
        error_deg: angle between dish and satellite [n], the controller's steps by their mean square.
        loss_db: what that costs [n].
        flip: whether it runs through the top or beyond it.
        why: what was chosen and why, in words.
    """

    time: Curve
    azimuth_deg: Curve
    elevation_deg: Curve
    error_deg: Curve
    loss_db: Curve
    flip: bool
    why: str

    @property
    def start(self) -> Direction:
        """Where it must stand when the pass begins."""
        return float(self.azimuth_deg[0]), float(self.elevation_deg[0])

    @property
    def end(self) -> Direction:
        """Where it stands afterwards."""
        return float(self.azimuth_deg[-1]), float(self.elevation_deg[-1])
