"""A day of passes on our own rotctld and a stepped clock, with everything going wrong that can.

    python -m tests.figures.rotator_day [--hours 24] [--sabotage]

Three days over Lai Châu, judged by the log of the simulated mechanics:
    line      in each pass, each fault of the line in turn: rotctld killed, silent, late, garbage, half an
              answer, no controller, another model. Contact is back within 5 s, no end stop, no unwinding,
              nothing wrongly stopped, and the wrong model is never moved.
    stall     each pass an axis jams, a sensor tears or a motor runs away. The motors are off within 2 s, or
              within the time in which the command moves three steps of the read-back; those of an axis that
              goes the wrong way within 3 s.
    healthy   slow, noisy, sloppy rotators with dead bands: none is stopped.
A stall begins when the jammed axis has somewhere to go; the 2 s count from when that is two steps of the
read-back, for an axis a step off cannot be told from one that has arrived. `--sabotage` switches the watch
off and lets the client's pauses between tries grow to a minute: both tables must turn red.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np

from hardware import rotctld as client
from hardware import rotctld_line
from hardware.follow import FollowReport, follow
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.rotator_model import RotatorModel
from hardware.track import TrackPlan, plan_track
from hardware.watch import MotionWatch
from sim.rotator import mechanics as machine
from sim.rotator.rotctld_server import FAULTS, Fault, Model, RotctldServer
from sim.rotator.stepped_clock import SteppedClock
from tests.figures.rotator_truth import BEAM_DEG, Judged, Sky, judge, passes, sky_of

CONTACT_S = 5.0
STOP_S, STOP_STEPS = 2.0, 3
RUNAWAY_S = 3.0  # it has to be seen to go further than a healthy axis brakes
BEFORE_S = 120.0
REAL_TIMEOUT_S = 0.4
WRONG_WAY = ("runs away", "reversed wires")
JAMS = ("jammed azimuth", "jammed elevation", "torn sensor", *WRONG_WAY)


@dataclass(frozen=True)
class Make:
    """A rotator: what the planner is told and what it really is."""

    name: str
    model: RotatorModel
    azimuth: machine.AxisBuild
    elevation: machine.AxisBuild
    identity: Model
    latency_s: float


def make(
    name: str,
    *,
    limits: Limits = Limits(0, 450, 0, 90),  # noqa: B008 - frozen
    step_deg: float = 0.1,
    rate_deg_s: float = 6.0,
    acceleration_deg_s2: float = 6.0,
    dead_band_deg: float = 0.0,
    backlash_deg: float = 0.1,
    noise_deg: float = 0.0,
    link_s: float = 0.3,
    true_rate: float = 1.0,
) -> Make:
    """A rotator; the true rate is a factor on what the configuration says."""
    axis = Axis(rate_deg_s, acceleration_deg_s2, step_deg, dead_band_deg)
    interval_s = max(3.2 * link_s, 0.4)
    whole = step_deg == 1.0
    model = RotatorModel(limits, axis, axis, command_interval_s=interval_s, latency_s=link_s)
    build = machine.AxisBuild(
        limits.azimuth_min_deg - 5,
        limits.azimuth_max_deg + 5,
        rate_deg_s * true_rate,
        acceleration_deg_s2,
        dead_band_deg,
        backlash_deg,
        step_deg,
        noise_deg,
    )
    identity = Model(603, "GS-232B", "Yaesu", (-180, 450), (0, 180)) if whole else Model()
    return Make(name, model, build, replace(build, low_stop_deg=-3, high_stop_deg=95), identity, link_s)


MAKES = (
    make("SPID, 0.1 deg, 6 deg/s", limits=Limits(-180, 540, 0, 90)),
    make("GS-232B, 1 deg, 6 deg/s", step_deg=1.0, link_s=0.1),
)
HEALTHY = (
    *MAKES,
    make("slow: 2 deg/s, 2 deg/s2", rate_deg_s=2.0, acceleration_deg_s2=2.0),
    make("slow with whole degrees", rate_deg_s=2.0, acceleration_deg_s2=2.0, step_deg=1.0, link_s=0.1),
    make("noisy: 0.1 deg on 0.1", noise_deg=0.05, dead_band_deg=0.2),
    make("noisy whole degrees", step_deg=1.0, noise_deg=0.3, link_s=0.1),
    make("dead band 1 deg, play 1 deg", step_deg=1.0, dead_band_deg=1.0, backlash_deg=1.0, link_s=0.1),
    make("a third slower than told", true_rate=0.67),
)


@dataclass
class Run:
    """One pass flown on the stepped clock."""

    sky: Sky
    make: Make
    fault: Fault | None
    plan: TrackPlan
    report: FollowReport
    mechanics: machine.Mechanics
    judged: Judged
    contact_s: float | None
    moved_wrong_model: bool


def day(hours: float = 24.0) -> list[Sky]:
    """One pass after the other, the highest first, none of them within two minutes of another."""
    chosen: list[Sky] = []
    for elements, seen in sorted(_first_day(hours), key=lambda one: -one[1].max_elevation_deg):
        begin, end = (t.timestamp() % 86_400 for t in (seen.aos, seen.los))
        free = all(
            end + BEFORE_S < one.time[0] % 86_400 or begin > one.time[-1] % 86_400 + BEFORE_S
            for one in chosen
        )
        if begin < end and free:
            chosen.append(sky_of(elements, seen, f"{seen.max_elevation_deg:.0f} deg"))
    return sorted(chosen, key=lambda sky: float(sky.time[0] % 86_400))


def _first_day(hours: float) -> Iterator[tuple]:
    return passes(hours / 24, 10.0)


def fly(
    sky: Sky,
    build: Make,
    *,
    fault: Fault | None = None,
    harm: str = "",
    harm_at: float = np.inf,
    watched: bool = True,
    seed: int = 1,
) -> Run:
    """One pass; `harm` befalls the mechanics at that POSIX second."""
    start = float(sky.time[0]) - BEFORE_S
    clock = SteppedClock(start)
    mechanics = machine.Mechanics(
        machine.Axis(build.azimuth, 180.0), machine.Axis(build.elevation, 90.0), start, (-200, 560), seed
    )
    clock.watchers.append(lambda now: _harm(mechanics, harm) if now >= harm_at else None)
    server = RotctldServer(
        mechanics,
        clock,
        model=build.identity,
        faults=(fault,) if fault else (),
        latency_s=build.latency_s,
        late_s=1.5 * REAL_TIMEOUT_S,
        seed=seed,
    )
    rotator = client.Rotctld(
        port=server.port,
        limits=build.model.limits,
        model=str(build.identity.number),
        park_position=build.model.park,
        timeout_s=REAL_TIMEOUT_S,
        monotonic=clock.now,
    )
    try:
        rotator.open()
        plan = plan_track(
            sky.time,
            sky.azimuth_deg,
            sky.elevation_deg,
            build.model,
            BEAM_DEG,
            from_direction=rotator.standing(),
            from_time=clock.now(),
        )
        watch = MotionWatch.of(build.model, shows_turns=rotator.driver.shows_turns)
        if not watched:
            watch = mock.create_autospec(watch, near_deg=1.0, standing_deg=1.0, standing_s=1.0)
            watch.fault.return_value, watch.suspects.return_value, watch.alarmed = "", False, False
        report = follow(rotator, plan, watch=watch, now=clock.now, steady=clock.now, sleep=clock.sleep)
    finally:
        rotator.close()
        server.close()
    contact_s = _contact_s(fault, server.answered_at)
    return Run(
        sky, build, fault, plan, report, mechanics, judge(mechanics, sky), contact_s, _moved(fault, mechanics)
    )


def _harm(mechanics: machine.Mechanics, harm: str) -> None:
    azimuth, elevation = mechanics.azimuth, mechanics.elevation
    azimuth.jammed = harm == "jammed azimuth"
    elevation.jammed = harm == "jammed elevation"
    azimuth.sensor_torn = harm == "torn sensor"
    azimuth.reversed_wires = harm == "reversed wires"
    if harm == "runs away" and not any(event.kind == "stop" for event in mechanics.events):
        azimuth.runs_away = 1 if azimuth.speed_deg_s >= 0 else -1


def _contact_s(fault: Fault | None, answered_at: list[float]) -> float | None:
    if fault is None:
        return None
    later = [time for time in answered_at if time >= fault.end]
    return later[0] - fault.end if later else np.inf


def _moved(fault: Fault | None, mechanics: machine.Mechanics) -> bool:
    """Whether a rotator of the wrong model was told to go anywhere."""
    if fault is None or fault.kind != "wrong model":
        return False
    return any(event.kind == "go" and fault.start + 3 < event.time < fault.end for event in mechanics.events)


@dataclass(frozen=True)
class Stop:
    """How long motors were on after they had begun to do harm, and how long they might be."""

    after_s: float
    allowed_s: float

    @property
    def in_time(self) -> bool:
        """Within the figure."""
        return self.after_s <= self.allowed_s


def stop_of(run: Run, harm: str, harm_at: float) -> Stop | None:
    """From the log; None where the axis never had anywhere to go."""
    axis = 1 if "elevation" in harm else 0
    begins = [s.time for s in run.mechanics.log if s.time >= harm_at and s.wants_to_move[axis]]
    if not begins:
        return None
    begin = begins[0]
    stops = [event.time for event in run.mechanics.events if event.kind == "stop" and event.time >= begin]
    targets = [
        (sample.time, sample.target[axis])
        for sample in run.mechanics.log
        if sample.time >= begin and sample.target[axis] is not None
    ]
    first = targets[0][1]
    steps_deg = STOP_STEPS * run.make.azimuth.resolution_deg
    three = next((time for time, target in targets if abs(target - first) >= steps_deg - 1e-6), np.inf)
    after_s = stops[0] - begin if stops else np.inf
    if harm in WRONG_WAY:
        return Stop(after_s, RUNAWAY_S)
    if np.isinf(three) and not stops:
        return None  # the pass was over before anything could be told
    planned = _planned_three_s(run.plan, begin, axis, steps_deg)
    return Stop(after_s, max(STOP_S + _shown_at(run, begin, axis) - begin, min(three - begin, planned)))


def _shown_at(run: Run, begin: float, axis: int) -> float:
    """When the way to go is two steps of the read-back, which sits on the motor's side of the play."""
    least_deg = 2 * run.make.azimuth.resolution_deg + run.make.azimuth.backlash_deg / 2
    far = (s.time for s in run.mechanics.log if s.time >= begin and _to_go_deg(s, axis) >= least_deg)
    return next(far, begin)


def _to_go_deg(sample: machine.Sample, axis: int) -> float:
    target_deg = sample.target[axis]
    at_deg = (sample.azimuth_deg, sample.elevation_deg)[axis]
    return 0.0 if target_deg is None else abs(target_deg - at_deg)


def _planned_three_s(plan: TrackPlan, begin: float, axis: int, steps_deg: float) -> float:
    """When the plan's command has moved three steps from what it is at that time."""
    column = (plan.command_azimuth_deg, plan.command_elevation_deg)[axis]
    first = plan.at(begin)[axis]
    later = (plan.command_time > begin) & (np.abs(column - first) >= steps_deg - 1e-6)
    return float(plan.command_time[later][0] - begin) if later.any() else float("inf")


def line_day(skies: list[Sky], seed: int = 1) -> list[Run]:
    """Each pass with each fault of the line, at any moment."""
    numbers, runs = random.Random(seed), []
    for index, sky in enumerate(skies):
        for kind in FAULTS:
            begin = sky.time[0] + numbers.uniform(-40, 0.7 * (sky.time[-1] - sky.time[0]))
            fault = Fault(kind, begin, begin + numbers.choice((3.0, 12.0, 40.0)))
            runs.append(fly(sky, MAKES[index % len(MAKES)], fault=fault, seed=index))
    return runs


def stall_day(skies: list[Sky], *, watched: bool = True, seed: int = 1) -> list[tuple[str, Run, Stop | None]]:
    """Each pass with each harm to the mechanics, at any moment."""
    numbers, found = random.Random(seed), []
    for index, sky in enumerate(skies):
        for harm in JAMS:
            at = float(numbers.uniform(sky.time[0] - 60, sky.time[-1] - 20))
            run = fly(sky, MAKES[index % len(MAKES)], harm=harm, harm_at=at, watched=watched, seed=index)
            found.append((harm, run, stop_of(run, harm, at)))
    return found


def line_faults(run: Run) -> list[str]:
    """What is wrong with a pass of the line's day."""
    found = [run.report.fault] if run.report.fault else []
    found += list(run.judged.harm)
    if run.judged.wrapped and run.plan.unwind is None:
        found.append("unwound in mid-pass")
    if run.contact_s is not None and run.contact_s > CONTACT_S:
        found.append(f"contact only after {run.contact_s:.1f} s")
    if run.moved_wrong_model:
        found.append("moved a rotator of the wrong model")
    return found


def main() -> int:
    """Exit status 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--sabotage", action="store_true")
    options = parser.parse_args()
    skies = day(options.hours)
    if options.sabotage:
        rotctld_line._BACK_OFF_S = (60.0,)
    bad = _say_line(line_day(skies))
    bad += _say_stalls(stall_day(skies, watched=not options.sabotage))
    bad += _say_healthy(skies) if not options.sabotage else 0
    print(f"{len(skies)} passes a day; {bad} faults")
    return 1 if bad else 0


def _say_line(runs: list[Run]) -> int:
    print("fault of the line  passes  contact again after, worst  worst dB  wrong")
    bad = 0
    for kind in FAULTS:
        of_kind = [run for run in runs if run.fault and run.fault.kind == kind]
        wrong = [words for run in of_kind for words in line_faults(run)]
        bad += len(wrong)
        contact = max((run.contact_s or 0.0 for run in of_kind), default=0.0)
        worst = max((run.judged.worst_db for run in of_kind), default=0.0)
        print(f"{kind:17}{len(of_kind):8}{contact:24.1f} s{worst:12.1f}  {'; '.join(wrong) or 'none'}")
    return bad


def _say_stalls(found: list[tuple[str, Run, Stop | None]]) -> int:
    print("harm              judged  stop after, median and worst  worst of allowed  late  end stops, cables")
    bad = 0
    for harm in JAMS:
        stops = [stop for kind, _, stop in found if kind == harm and stop is not None]
        late = [stop for stop in stops if not stop.in_time]
        broken = sum(bool(run.judged.harm) for kind, run, _ in found if kind == harm)
        after = [stop.after_s for stop in stops] or [0.0]
        share = max((stop.after_s / stop.allowed_s for stop in stops), default=0.0)
        print(
            f"{harm:17}{len(stops):7}{np.median(after):12.2f} s{max(after):8.2f} s{share:18.0%}"
            f"{len(late):8}{broken:8}"
        )
        bad += len(late) + broken
    return bad


def _say_healthy(skies: list[Sky]) -> int:
    print("healthy rotator              passes  worst dB beyond foretold  mean dB  wrongly stopped")
    bad = 0
    for build in HEALTHY:
        runs = [fly(sky, build, seed=index) for index, sky in enumerate(skies)]
        wrong = [words for run in runs for words in line_faults(run)]
        bad += len(wrong)
        worst = max(run.judged.worst_db - run.plan.worst_loss_db for run in runs)
        mean = np.mean([run.judged.mean_db for run in runs])
        print(f"{build.name:27}{len(runs):8}{worst:26.2f}{mean:9.2f}  {'; '.join(wrong[:3]) or 'none'}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
