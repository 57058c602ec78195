"""The mechanics of a rotator: motors, play, end stops, sensors, a cable; and a log of where it pointed.

What the log says is the truth that figures judge; a client sees only what `Mechanics.read` tells.

One axis: a controller drives the motor towards its target along the quickest profile that the rate and the
acceleration allow, and not at all within its dead band. The antenna follows the
motor with play. The sensor sits on the motor's side of the play, as in rotators that count motor turns.
"""

from __future__ import annotations

import math
import random
import threading
from dataclasses import dataclass, field

STEP_S = 0.02
_LOG_S = 0.1


@dataclass(frozen=True)
class AxisBuild:
    """How an axis is made, degrees and seconds.

    Attributes:
        low_stop_deg, high_stop_deg: mechanical end stops; infinite where there are none.
        rate_deg_s: fastest motion.
        acceleration_deg_s2: of starting and stopping.
        dead_band_deg: the controller does not start the motor for less.
        backlash_deg: play between motor and antenna.
        resolution_deg: smallest step that the controller tells.
        noise_deg: standard deviation of the sensor before it is cut to whole steps.
    """

    low_stop_deg: float
    high_stop_deg: float
    rate_deg_s: float = 6.0
    acceleration_deg_s2: float = 10.0
    dead_band_deg: float = 0.0
    backlash_deg: float = 0.0
    resolution_deg: float = 0.1
    noise_deg: float = 0.0


@dataclass
class Axis:
    """One axis under way. Faults are set from outside, at any time.

    Attributes:
        jammed: the motor does not turn.
        runs_away: the motor turns at full speed, +1 or -1, whatever it is told; 0 is healthy.
        reversed_wires: the motor turns the wrong way.
        sensor_torn: the sensor tells for ever what it told last.
        sensor_jump_deg: added to what the sensor tells.
    """

    build: AxisBuild
    motor_deg: float = 0.0
    antenna_deg: float = 0.0
    speed_deg_s: float = 0.0
    target_deg: float | None = None
    driving: bool = False
    jammed: bool = False
    runs_away: int = 0
    reversed_wires: bool = False
    sensor_torn: bool = False
    sensor_jump_deg: float = 0.0
    wants_to_move: bool = False
    _torn_at_deg: float = 0.0

    def advance(self, step_s: float) -> bool:
        """Move for a short while; True when it ran into an end stop."""
        wanted = self._wanted_speed()
        most = self.build.acceleration_deg_s2 * step_s
        self.speed_deg_s += min(max(wanted - self.speed_deg_s, -most), most)
        if self.jammed:
            self.speed_deg_s = 0.0
        before = self.motor_deg
        self.motor_deg += self.speed_deg_s * step_s
        inside = min(max(self.motor_deg, self.build.low_stop_deg), self.build.high_stop_deg)
        hit = inside != self.motor_deg and abs(before - inside) > 1e-9
        if inside != self.motor_deg:
            self.motor_deg, self.speed_deg_s = inside, 0.0
        half = self.build.backlash_deg / 2
        self.antenna_deg = min(max(self.antenna_deg, self.motor_deg - half), self.motor_deg + half)
        return hit

    def _wanted_speed(self) -> float:
        if self.runs_away:
            self.wants_to_move = True
            return self.runs_away * self.build.rate_deg_s
        if self.target_deg is None:
            self.driving = self.wants_to_move = False
            return 0.0
        error = self.target_deg - self.motor_deg
        close_deg = max(self.build.resolution_deg / 20, 0.005)
        self.driving = abs(error) > (close_deg if self.driving else max(self.build.dead_band_deg, close_deg))
        self.wants_to_move = self.driving
        if not self.driving:
            return 0.0
        # From this speed v it can brake in steps of time t: v^2 / (2 a) + v t <= |error|.
        a, lag = self.build.acceleration_deg_s2, self.build.acceleration_deg_s2 * STEP_S
        speed = min(self.build.rate_deg_s, math.sqrt(lag**2 + 2 * a * abs(error)) - lag)
        return math.copysign(speed, -error if self.reversed_wires else error)

    def read(self, random_numbers: random.Random) -> float:
        """What the sensor tells, cut to whole steps as counters do."""
        if not self.sensor_torn:
            noise = random_numbers.gauss(0, self.build.noise_deg) if self.build.noise_deg else 0.0
            self._torn_at_deg = self.motor_deg + noise
        step = self.build.resolution_deg
        return math.floor((self._torn_at_deg + self.sensor_jump_deg) / step + 1e-6) * step


@dataclass(frozen=True)
class Sample:
    """The truth at a time: antenna and motor angles in the rotator's own degrees, and the targets."""

    time: float
    azimuth_deg: float
    elevation_deg: float
    target: tuple[float | None, float | None]
    wants_to_move: tuple[bool, bool]
    moving: bool


@dataclass(frozen=True)
class Event:
    """What happened to the machine: end stop touched, cable torn, commanded, stopped."""

    time: float
    kind: str
    text: str


@dataclass
class Mechanics:
    """Both axes and the cable.

    Args:
        azimuth, elevation: the axes.
        time: POSIX seconds at the start.
        cable_deg: azimuths between which the cable lasts; beyond, it tears: motors and sensors are dead.
        seed: of the sensors' noise.
    """

    azimuth: Axis
    elevation: Axis
    time: float
    cable_deg: tuple[float, float] = (-math.inf, math.inf)
    seed: int = 1
    log: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._logged_at = -math.inf
        self.torn = False
        for axis in (self.azimuth, self.elevation):
            axis.antenna_deg = axis.motor_deg

    def advance_to(self, time: float) -> None:
        """Let it move until a time; a time that is past does nothing."""
        with self.lock:
            while self.time + STEP_S <= time:
                self.time += STEP_S
                self._step()

    def go(self, azimuth_deg: float | None, elevation_deg: float | None) -> None:
        """New targets; None leaves an axis as it is."""
        with self.lock:
            if azimuth_deg is not None:
                self.azimuth.target_deg = azimuth_deg
            if elevation_deg is not None:
                self.elevation.target_deg = elevation_deg
            self.events.append(Event(self.time, "go", f"{azimuth_deg} {elevation_deg}"))

    def stop(self) -> None:
        """Both motors off."""
        with self.lock:
            self.azimuth.target_deg = self.elevation.target_deg = None
            self.azimuth.runs_away = self.elevation.runs_away = 0  # the relay opens
            self.events.append(Event(self.time, "stop", ""))

    def read(self) -> tuple[float, float]:
        """What the sensors tell, degrees."""
        with self.lock:
            return self.azimuth.read(self._random), self.elevation.read(self._random)

    def fatal(self) -> list[Event]:
        """End stops touched and cables torn: what must never happen."""
        return [event for event in self.events if event.kind in ("end stop", "cable torn")]

    def _step(self) -> None:
        for name, axis in (("azimuth", self.azimuth), ("elevation", self.elevation)):
            if axis.advance(STEP_S):
                self.events.append(Event(self.time, "end stop", f"{name} at {axis.motor_deg:.2f}"))
        low, high = self.cable_deg
        if not (low <= self.azimuth.motor_deg <= high) and not self.torn:
            self.torn = True
            self.events.append(Event(self.time, "cable torn", f"azimuth at {self.azimuth.motor_deg:.2f}"))
            for axis in (self.azimuth, self.elevation):
                axis.jammed = axis.sensor_torn = True
        if self.time - self._logged_at >= _LOG_S - 1e-9:
            self._logged_at = self.time
            self.log.append(self._sample())

    def _sample(self) -> Sample:
        axes = (self.azimuth, self.elevation)
        return Sample(
            self.time,
            self.azimuth.antenna_deg,
            self.elevation.antenna_deg,
            (axes[0].target_deg, axes[1].target_deg),
            (axes[0].wants_to_move, axes[1].wants_to_move),
            any(abs(axis.speed_deg_s) > 0.01 for axis in axes),
        )
