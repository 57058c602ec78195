"""A year of passes over Lai Châu through rotators: what planning loses, and what plain following loses.

    python tests/figures/pointing_year.py [--days 365] [--every 20] [--rates 6 2] [--sabotage]

METOP-B at 1.7 GHz on 1.2 m (beam 10.3°), NOAA-20 at 7.8 GHz on 2.4 m (1.12°), elements of 2020-09-27. Every
pass above 70° and of the others each `--every`-th, counted so many times (1 takes all). Rotators with steps
of 0.1°, a command each 0.5 s, 0.1 s late, as quick to speed up in a second as they are fast. The commands
are executed by mechanics that share nothing with the planner (tests/hardware/mechanics.py, steps of 25 ms),
the error measured against SGP4 each 0.1 s. Plain following sends each second where the satellite is, 0 to
360 and 0 to 90.

Columns: azimuth and elevation the rotator has (-45…405: one of 450° mounted with its stop in the north-west);
the keyhole; worst loss in dB of held passes outside it; passes inside it; passes not held; then of all passes
the worst loss, what 99.9 % of the time stays below, the mean, passes in % that lose more than 1 dB, seconds
of signal lost a pass; how far the worst of a pass was predicted wrong; CPU milliseconds a plan.

Held: the azimuths of the whole pass fit some turn of the cable (where it may pass the top, half a turn away
too). Keyhole: culminations above the stated elevation, `hardware.keyhole` with the allowed error less what
the steps of the controller need; with elevations to 180 only until the dish lying over the top sees the pass.

Missed, exit status 1: at 6 °/s a held pass outside the keyhole that loses more than 1 dB, any pass whose loss
was predicted 0.1 dB wrong, or a year in which plain following loses less. `--sabotage` halves the mechanics'
rate.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from hardware.beam import error_for_loss_deg
from hardware.keyhole import keyhole_deg
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.track import RotatorModel, TrackPlan, plan_track
from scheduler.elements import Elements, load_elements, select
from scheduler.passes import Site, find_passes
from scheduler.track import track_at
from tests.hardware.mechanics import Mechanics, loss_db, run_axis

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = Path(os.environ.get("TRAMTHU_SHARED", ROOT.parent / "shared"))
SITE = Site("Lai Châu", 22.40, 103.45, 900.0)
STEP_S, KEEP_S = 0.025, 0.1
ALLOWED_DB = 1.0
RESOLUTION_DEG, INTERVAL_S, LATENCY_S = 0.1, 0.5, 0.1
RANGES = {"0…360": (0, 360), "0…450": (0, 450), "-45…405": (-45, 405)}


@dataclass(frozen=True)
class Antenna:
    """A dish and the satellite it follows."""

    name: str
    satellite: str
    beam_width_deg: float


@dataclass(frozen=True)
class OnePass:
    """The truth each 0.1 s, and for how many passes it stands."""

    time: np.ndarray
    azimuth: np.ndarray
    elevation: np.ndarray
    count: int

    @property
    def culmination(self) -> float:
        return float(self.elevation.max())

    @property
    def sky_rate(self) -> float:
        """Degrees a second on the sky at culmination."""
        top = int(np.clip(np.argmax(self.elevation), 5, len(self.time) - 6))
        here, there = (_direction(self, i) for i in (top - 5, top + 5))
        return float(np.degrees(np.linalg.norm(there - here)) / (self.time[top + 5] - self.time[top - 5]))


def _direction(one: OnePass, index: int) -> np.ndarray:
    a, e = np.radians(one.azimuth[index]), np.radians(one.elevation[index])
    return np.array([np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)])


ANTENNAS = (Antenna("1.2 m, 1.7 GHz", "METOP-B", 10.3), Antenna("2.4 m, 7.8 GHz", "NOAA 20", 1.12))


def year_of_passes(elements: Elements, days: float, every: int) -> list[OnePass]:
    """Passes above the horizon; of the low ones each `every`-th, standing for so many."""
    found = find_passes(
        elements, SITE, elements.epoch, elements.epoch + timedelta(days=days), min_elevation_deg=0
    )
    low = [one for one in found if one.max_elevation_deg <= 70]
    picked = [(one, 1) for one in found if one.max_elevation_deg > 70] + [
        (one, every) for one in low[::every]
    ]
    passes = []
    for one, count in picked:
        clock = np.arange(one.aos.timestamp() + KEEP_S, one.los.timestamp(), KEEP_S)
        curve = track_at(elements, SITE, clock)
        passes.append(OnePass(clock, curve.azimuth_deg, curve.elevation_deg, count))
    return passes


def execute(
    passes: list[OnePass], plans: list[tuple[np.ndarray, np.ndarray, np.ndarray]], rate: float, beam: float
) -> list[np.ndarray]:
    """Loss in dB each 0.1 s of every pass; plans are times since its begin, azimuths and elevations sent."""
    axis = Mechanics(rate, rate, RESOLUTION_DEG)
    end = max(len(one.time) for one in passes) * KEEP_S
    points = run_axis(  # both axes at once, they are alike
        axis,
        np.array([plan[which][0] for which in (1, 2) for plan in plans]),
        [(plan[0] + LATENCY_S, plan[which]) for which in (1, 2) for plan in plans],
        0.0,
        end,
        step=STEP_S,
        keep=KEEP_S,
    )
    azimuth, elevation = points[: len(passes)], points[len(passes) :]
    return [
        loss_db(azimuth[i, : len(one.time)], elevation[i, : len(one.time)], one.azimuth, one.elevation, beam)
        for i, one in enumerate(passes)
    ]


def plain(one: OnePass) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a follower sends that looks each second where the satellite is."""
    pick = slice(None, None, round(1 / KEEP_S))
    return one.time[pick] - one.time[0], one.azimuth[pick] % 360, np.clip(one.elevation[pick], 0, 90)


def planned(one: OnePass, model: RotatorModel, beam: float) -> TrackPlan:
    """From the curve by seconds, as the station has it."""
    pick = np.append(np.arange(0, len(one.time) - 1, round(1 / KEEP_S)), len(one.time) - 1)
    return plan_track(one.time[pick], one.azimuth[pick], one.elevation[pick], model, beam)


def is_held(one: OnePass, limits: Limits, *, flip: bool) -> bool:
    """Whether some turn of the cable holds all azimuths."""
    path = np.unwrap(one.azimuth, period=360)
    for half in (0, 180) if flip else (0,):
        turns = 360 * np.arange(-4, 5) + half
        low, high = path.min() + turns, path.max() + turns
        if ((low >= limits.azimuth_min_deg) & (high <= limits.azimuth_max_deg)).any():
            return True
    return False


def keyhole(one: OnePass, rate: float, beam: float, *, flip: bool) -> tuple[float, float]:
    """Culminations between which 1 dB cannot be kept, with the controller's steps taken off the beam."""
    steps = one.sky_rate * INTERVAL_S / 2 + RESOLUTION_DEG / 2 if beam < 5 else 0.04 * beam
    spare = error_for_loss_deg(ALLOWED_DB, beam) - steps
    narrow = beam * spare / error_for_loss_deg(ALLOWED_DB, beam)
    low = keyhole_deg(rate, one.sky_rate, narrow, ALLOWED_DB)
    return low, 90.0 - spare if flip else 90.0


@dataclass(frozen=True)
class Row:
    """Losses of a year: weights are numbers of passes."""

    losses: list[np.ndarray]
    counts: np.ndarray

    def worst(self, chosen: np.ndarray) -> float:
        of_each = np.array([loss.max() for loss in self.losses])
        return float(of_each[chosen].max(initial=0.0))

    def most_of_the_time(self) -> float:
        """The loss that 99.9 % of all seconds stay below."""
        loss = np.concatenate(self.losses)
        weight = np.repeat(self.counts, [len(one) for one in self.losses])
        order = np.argsort(loss)
        return float(loss[order][np.searchsorted(np.cumsum(weight[order]), 0.999 * weight.sum())])

    def mean(self) -> float:
        power = [np.mean(10 ** (-loss / 10)) for loss in self.losses]
        return float(-10 * np.log10(np.average(power, weights=self.counts)))

    def over(self) -> float:
        """Share of passes that lose more than 1 dB at their worst."""
        return float(np.average([loss.max() > ALLOWED_DB for loss in self.losses], weights=self.counts))

    def seconds_lost(self) -> float:
        """Of signal, a pass."""
        lost = [KEEP_S * np.sum(1 - 10 ** (-loss / 10)) for loss in self.losses]
        return float(np.average(lost, weights=self.counts))

    def __str__(self) -> str:
        worst = self.worst(np.ones(len(self.losses), bool))
        means = f"{self.most_of_the_time():6.2f} {self.mean():6.3f}"
        return f"{worst:5.1f} {means} {100 * self.over():5.1f} {self.seconds_lost():6.2f}"


@dataclass(frozen=True)
class Case:
    """A dish on a rotator; the mechanics may turn slower than the planner was told."""

    antenna: Antenna
    rate: float
    words: str
    flip: bool
    mechanics_rate: float

    @property
    def limits(self) -> Limits:
        return Limits(*RANGES[self.words], 0, 180 if self.flip else 90)

    @property
    def model(self) -> RotatorModel:
        axis = Axis(self.rate, self.rate, RESOLUTION_DEG)
        return RotatorModel(self.limits, axis, axis, self.flip, INTERVAL_S, LATENCY_S)

    @property
    def name(self) -> str:
        return f"{self.antenna.name:15} {self.rate:4g} {self.words:>8} {180 if self.flip else 90:5}"

    def run(self, passes: list[OnePass]) -> tuple[Row, float, float]:
        """What a year loses, how far the worst of a pass was predicted wrong, and CPU milliseconds a plan."""
        beam = self.antenna.beam_width_deg
        begin = time.process_time()
        plans = [planned(one, self.model, beam) for one in passes]
        cpu_ms = 1e3 * (time.process_time() - begin) / len(plans)
        sent = [
            (plan.command_time - one.time[0], plan.command_azimuth_deg, plan.command_elevation_deg)
            for plan, one in zip(plans, passes, strict=True)
        ]
        row = Row(execute(passes, sent, self.mechanics_rate, beam), np.array([one.count for one in passes]))
        pairs = zip(row.losses, plans, strict=True)
        off = max(abs(float(loss[:-1].max()) - plan.worst_loss_db) for loss, plan in pairs)
        return row, off, cpu_ms

    def report(self, passes: list[OnePass], plain_seconds_lost: float) -> list[str]:
        """Print a line; what was missed."""
        row, off, cpu_ms = self.run(passes)
        bounds = np.array(
            [keyhole(one, self.rate, self.antenna.beam_width_deg, flip=self.flip) for one in passes]
        )
        top = np.array([one.culmination for one in passes])
        inside = (bounds[:, 0] < top) & (top < bounds[:, 1])
        held = np.array([is_held(one, self.limits, flip=self.flip) for one in passes])
        outside = row.worst(held & ~inside)
        low, high = bounds.min(axis=0)
        stated = f"{low:.1f}…{high:.1f}" if low < high else "none"
        numbers = (
            f"{row.counts[inside].sum():5d} {row.counts[~held].sum():6d} | {row} | {off:.2f} {cpu_ms:4.0f}"
        )
        print(f"{self.name} {stated:>11} {outside:7.2f} {numbers}", flush=True)
        checks = {
            f"{outside:.2f} dB outside the keyhole": self.rate >= 6 and outside > ALLOWED_DB,
            f"predicted {off:.2f} dB wrong": off > 0.1,
            "plain following loses less": row.seconds_lost() > plain_seconds_lost,
        }
        return [f"{self.name}: {words}" for words, bad in checks.items() if bad]


def figure(days: float, every: int, rates: list[float], *, sabotage: bool = False) -> list[str]:
    """Print the table; what was missed."""
    missed: list[str] = []
    sets = load_elements(SHARED / "data/elements/tle-2020-09-27.txt")
    print("antenna         rate  azimuth elev.     keyhole outside in it unheld", end=" ")
    print("| worst 99.9 %   mean  >1dB lost s | off ms")
    for antenna in ANTENNAS:
        passes = year_of_passes(select(sets, antenna.satellite), days, every)
        counts = np.array([one.count for one in passes])
        print(f"{antenna.name}: {counts.sum()} passes of {antenna.satellite}, {len(passes)} run")
        for rate in rates:
            turns = rate / 2 if sabotage else rate
            losses = execute(passes, [plain(one) for one in passes], turns, antenna.beam_width_deg)
            following = Row(losses, counts)
            print(f"{antenna.name:15} {rate:4g} {'plain following':>46} | {following}", flush=True)
            for words in RANGES:
                for flip in (False, True):
                    case = Case(antenna, rate, words, flip, turns)
                    missed += case.report(passes, following.seconds_lost())
    return missed


def main() -> int:
    """Exit status 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=365)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--rates", type=float, nargs="+", default=[6.0, 2.0])
    parser.add_argument("--sabotage", action="store_true", help="the mechanics turn half as fast as planned")
    wanted = parser.parse_args()
    missed = figure(wanted.days, wanted.every, wanted.rates, sabotage=wanted.sabotage)
    for line in missed:
        print("missed:", line)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
