"""How a rotator's axis moves: trapezoids of speed towards the latest target.

Each command sets a new target; the controller speeds up at its acceleration to its rate and brakes so as to
stop on the target, from whatever speed it has. Symbols: p position, v speed, a acceleration, D way to go,
u speed towards the target, w its peak. Uniform acceleration: v² − u² = 2 a s (any mechanics textbook).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.errors import HardwareError

Curve = npt.NDArray[np.float64]
Piece = tuple[float, float, float, float]  # begin, position, speed, acceleration


@dataclass(frozen=True)
class Axis:
    """One axis of a rotator with its controller.

    Attributes:
        rate_deg_s: greatest speed.
        acceleration_deg_s2: when starting and braking.
        resolution_deg: step of the commands the controller takes: 1 for GS-232B, 0.5 or 0.1 for SPID.
        dead_band_deg: targets no further than this from where it stands are ignored.

    Raises:
        HardwareError: a speed or a step that is no positive number, or a negative dead band.
    """

    rate_deg_s: float
    acceleration_deg_s2: float
    resolution_deg: float = 0.1
    dead_band_deg: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rate_deg_s", "acceleration_deg_s2", "resolution_deg"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise HardwareError(f"rotator: {name} is {value:g}; allowed is a number above 0")
        if not 0 <= self.dead_band_deg < 45:
            raise HardwareError(f"rotator: dead_band_deg is {self.dead_band_deg:g}; allowed is 0 to 45")

    @property
    def step_deg(self) -> float:
        """Smallest step of commands that surely moves it: whole resolutions, above the dead band."""
        return self.resolution_deg * max(1, math.floor(self.dead_band_deg / self.resolution_deg + 1e-9) + 1)

    def time_s(self, way_deg: float) -> float:
        """From rest to rest over a way."""
        return float(self.times_s(np.array([way_deg]))[0])

    def times_s(self, way_deg: Curve) -> Curve:
        """From rest to rest over ways [n]."""
        way = np.abs(way_deg)
        ramps = self.rate_deg_s**2 / self.acceleration_deg_s2  # way of speeding up and braking together
        short = 2 * np.sqrt(way / self.acceleration_deg_s2)
        long = way / self.rate_deg_s + self.rate_deg_s / self.acceleration_deg_s2
        return np.asarray(np.where(way < ramps, short, long), np.float64)

    def way_deg(self, time_s: float) -> float:
        """The longest way from rest to rest within a time; the inverse of `time_s`."""
        ramp_s = self.rate_deg_s / self.acceleration_deg_s2
        if time_s < 2 * ramp_s:
            return self.acceleration_deg_s2 * max(time_s, 0.0) ** 2 / 4
        return self.rate_deg_s * (time_s - ramp_s)


@dataclass(frozen=True)
class Motion:
    """Pieces of uniform acceleration; each array is [m]: start in seconds, position, speed, acceleration."""

    time: Curve
    position_deg: Curve
    speed_deg_s: Curve
    acceleration_deg_s2: Curve

    def at(self, time: Curve) -> Curve:
        """Position in degrees at times [n]; before the first piece its start."""
        piece = np.maximum(np.searchsorted(self.time, time, side="right") - 1, 0)
        since = np.maximum(time - self.time[piece], 0)
        return self.position_deg[piece] + since * (
            self.speed_deg_s[piece] + since * self.acceleration_deg_s2[piece] / 2
        )


def motion(axis: Axis, start_deg: float, time: Curve, target_deg: Curve) -> Motion:
    """How an axis moves that stands at `start_deg` and gets targets [n] at rising times [n]."""
    new = np.append(True, np.diff(target_deg) != 0)
    times, targets = time[new].tolist(), target_deg[new].tolist()
    pieces: list[Piece] = [(times[0], start_deg, 0.0, 0.0)]
    for begin, end, target in zip(times, [*times[1:], math.inf], targets, strict=True):
        p, v = _state(pieces[-1], begin)
        if v != 0 or abs(target - p) > axis.dead_band_deg:
            pieces += [piece for piece in _towards(axis, begin, p, v, target) if piece[0] < end]
    return Motion(*(np.array(column) for column in zip(*pieces, strict=True)))


def _state(piece: Piece, time: float) -> tuple[float, float]:
    begin, p, v, a = piece
    since = time - begin
    return p + since * (v + since * a / 2), v + since * a


def _towards(axis: Axis, time: float, p: float, v: float, target: float) -> list[Piece]:
    """Speed up, cruise, brake, rest."""
    a = axis.acceleration_deg_s2
    sign = 1.0 if target > p + v * abs(v) / (2 * a) else -1.0
    D, u = sign * (target - p), sign * v
    w = min(axis.rate_deg_s, math.sqrt(max(a * D + u * u / 2, 0.0)))
    w = max(w, u)
    up_s, up_deg, brake_deg = (w - u) / a, (w * w - u * u) / (2 * a), w * w / (2 * a)
    cruise_deg = max(D - up_deg - brake_deg, 0.0)
    cruise_s = cruise_deg / w if w > 0 else 0.0
    top = p + sign * up_deg
    brake_at = time + up_s + cruise_s
    return [
        (time, p, v, sign * a),
        (time + up_s, top, sign * w, 0.0),
        (brake_at, top + sign * cruise_deg, sign * w, -sign * a),
        (brake_at + w / a, target, 0.0, 0.0),
    ]
