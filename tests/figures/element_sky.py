"""Twenty years of satellites and of what a catalogue publishes about them, for element_histories.py.

Nothing here knows how elements are judged. A satellite begins with a real set and is carried a day at a
time by SGP4's own theory, with the drag of that day: eleven years of the Sun, its rotation, daily weather,
storms. Some are kept in their orbit by burns. What is published has errors of the size measured in the real
history 39444_historical.txt, which `element_histories.py` prints beside: the drag is the mean of the past
days, now and then by a factor off, and angles and mean motion scatter.
"""

from __future__ import annotations

import bisect
import math
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from scheduler.elements import Elements
from tests.scheduler.successors import successor

_CYCLE_DAYS = 11 * 365.25
_CYCLE_GAIN = 10.0  # of the density at these heights between the quiet Sun and its maximum
_TURN_DAYS = 27.0
_STORMS_PER_DAY = 10 / 365.25
_LAG_DAYS = 3
_ALONG_KM = 0.1
_LOOSE_DEG = 0.01  # perigee and anomaly scatter against each other
_TILT_DEG = 2e-4
_ECCENTRICITY = 1e-5
_MEAN_MOTION = 2e-6
_BSTAR_SCATTER = 0.10
_BSTAR_OUTLIERS = 0.04


@dataclass(frozen=True)
class Keeping:
    """How a satellite is kept: burns when the mean motion has crept up, tilts at fixed times."""

    creep: float = 0.0  # relative, of the mean motion, before a burn lowers it by twice that
    tilt_deg: float = 0.0
    tilt_every_days: float = 400.0


@dataclass
class Life:
    """One satellite: its true elements at rising times, and the sets published about it."""

    name: str
    truth: list[Elements]
    published: list[Elements]

    def __post_init__(self) -> None:
        self._times = [e.epoch for e in self.truth]
        self._published_at = [e.epoch for e in self.published]

    def position(self, at: datetime) -> np.ndarray:
        """Where it really is, km in TEME: from the true elements just before."""
        index = max(bisect.bisect_right(self._times, at) - 1, 0)
        return position(self.truth[index], at)

    def published_before(self, at: datetime) -> Elements:
        """The newest good set at that time."""
        return self.published[max(bisect.bisect_right(self._published_at, at) - 1, 0)]


def position(elements: Elements, at: datetime) -> np.ndarray:
    """SGP4's answer, km; NaN when there is none."""
    error, found, _ = elements.satrec().sgp4_tsince((at - elements.epoch).total_seconds() / 60)
    return np.array(found) if error == 0 else np.full(3, np.nan)


def live(
    first: Elements, days: int, keeping: Keeping, rng: random.Random, *, gain: float = _CYCLE_GAIN
) -> Life:
    """A satellite's life from a real set on."""
    drags = _drags(abs(first.bstar) or 1e-5, days + 1, gain, rng)
    now = replace(first, bstar=drags[0])
    nominal = now.mean_motion_rev_per_day
    truth, published = [now], []
    for day in range(1, days + 1):
        now = replace(_kept(successor(now, 1.0), nominal, keeping, day, rng), bstar=drags[day])
        truth.append(now)
        seen = successor(now, rng.uniform(0.0, 0.2)) if rng.random() < 0.9 else now
        usual = float(np.mean(drags[max(day - _LAG_DAYS, 0) : day + 1]))
        published.append(_published(seen, usual, rng))
    return Life(first.name, truth, published)


def _drags(quiet: float, days: int, gain: float, rng: random.Random) -> list[float]:
    weather, storm, found = 0.0, 0.0, []
    start = rng.uniform(0, _CYCLE_DAYS)
    for day in range(days):
        weather = 0.9 * weather + rng.gauss(0, 0.05)
        storm = 0.4 * storm + (rng.uniform(0.3, 1.0) if rng.random() < _STORMS_PER_DAY else 0.0)
        cycle = gain ** (0.5 - 0.5 * math.cos(2 * math.pi * (start + day) / _CYCLE_DAYS))
        turn = 1 + 0.15 * math.sin(2 * math.pi * day / _TURN_DAYS)
        found.append(quiet * cycle * turn * math.exp(weather + storm))
    return found


def _kept(now: Elements, nominal: float, keeping: Keeping, day: int, rng: random.Random) -> Elements:
    if keeping.creep and now.mean_motion_rev_per_day > nominal * (1 + keeping.creep):
        now = replace(now, mean_motion_rev_per_day=nominal * (1 - keeping.creep * rng.uniform(0.7, 1.0)))
    if keeping.tilt_deg and int(day / keeping.tilt_every_days) > int((day - 1) / keeping.tilt_every_days):
        now = replace(now, inclination_deg=now.inclination_deg + rng.choice((-1, 1)) * keeping.tilt_deg)
    return now


def _published(true: Elements, usual_bstar: float, rng: random.Random) -> Elements:
    """As a two-line set has it, rounded to its columns."""
    radius_km = (398_600.8 / (true.mean_motion_rev_per_day * 2 * math.pi / 86_400) ** 2) ** (1 / 3)
    ahead = math.degrees(rng.gauss(0, _ALONG_KM) / radius_km)
    loose = rng.gauss(0, _LOOSE_DEG)
    factor = rng.uniform(1.5, 2.2) if rng.random() < _BSTAR_OUTLIERS else rng.gauss(1, _BSTAR_SCATTER)
    bstar = usual_bstar * factor
    scattered = replace(
        true,
        epoch=true.epoch.astimezone(UTC),
        mean_motion_rev_per_day=true.mean_motion_rev_per_day + rng.gauss(0, _MEAN_MOTION),
        eccentricity=abs(true.eccentricity + rng.gauss(0, _ECCENTRICITY)),
        argument_of_perigee_deg=(true.argument_of_perigee_deg + loose) % 360,
        mean_anomaly_deg=(true.mean_anomaly_deg - loose + ahead) % 360,
        inclination_deg=true.inclination_deg + rng.gauss(0, _TILT_DEG),
        raan_deg=(true.raan_deg + rng.gauss(0, _TILT_DEG)) % 360,
        bstar=bstar,
        mean_motion_dot=0.108 * bstar if bstar else 0.0,
    )
    return Elements.from_tle(true.name, *scattered.to_tle())
