"""The ten worst passes in real time through the real rotctld, GS-232B and SPID, over a pty.

    python -m tests.figures.rotator_loop [--excerpt SECONDS] [--above DEG] [--passes N] [--sabotage]

Each pass and each controller has a simulated rotator, a pty and a rotctld (Debian's libhamlib-utils) of its
own; all are flown at once, which takes a quarter of an hour. Judged is the log of the simulated mechanics
against skyfield: no unwinding in mid-pass, no end stop touched, no cable torn, no healthy rotator stopped,
and no more lost than the plan foretold, with 0.5 dB to spare. `--sabotage` sends each azimuth modulo 360,
as a naive follower does: passes over north must turn red.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from hardware.follow import FollowReport, follow
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.rotator_model import RotatorModel
from hardware.rotctld import Rotctld
from hardware.track import TrackPlan, plan_track
from hardware.watch import MotionWatch
from sim.rotator import mechanics as machine
from sim.rotator.gs232b import Gs232b
from sim.rotator.serial_port import SerialPort
from sim.rotator.spid import Spid
from tests.figures.rotator_truth import BEAM_DEG, Judged, Sky, judge, worst_passes

SPARE_DB = 0.5
MOVE_S = 75.0  # from the park position to any start


@dataclass(frozen=True)
class Bench:
    """One make of rotator: what Hamlib calls it, what the planner is told, and what it really is."""

    name: str
    hamlib: int
    model: RotatorModel
    azimuth: machine.AxisBuild
    elevation: machine.AxisBuild
    cable_deg: tuple[float, float]
    drop_share: float = 0.0001

    def controller(self, mechanics: machine.Mechanics) -> Gs232b | Spid:
        """Its protocol."""
        return Gs232b(mechanics) if self.hamlib == 603 else Spid(mechanics)


def _gs232b() -> Bench:
    axis = Axis(6.0, 6.0, resolution_deg=1.0)
    limits = Limits(0, 450, 0, 180)
    build = machine.AxisBuild(-5, 455, 6.2, 8.0, backlash_deg=0.3, resolution_deg=1.0, noise_deg=0.1)
    return Bench(
        "GS-232B",
        603,
        RotatorModel(limits, axis, axis, command_interval_s=0.4, latency_s=0.15, park=(180, 90)),
        build,
        replace(build, low_stop_deg=-3, high_stop_deg=183),
        (-30, 480),
    )


def _spid() -> Bench:
    """No end stops of its own: only the cable's length is the limit."""
    axis = Axis(6.0, 6.0, resolution_deg=0.1, dead_band_deg=0.05)
    limits = Limits(-180, 540, 0, 180)
    build = machine.AxisBuild(
        -1000, 1000, 6.2, 8.0, dead_band_deg=0.05, backlash_deg=0.1, resolution_deg=0.1, noise_deg=0.03
    )
    return Bench(
        "Rot2Prog",
        901,
        RotatorModel(limits, axis, axis, command_interval_s=1.0, latency_s=0.5, park=(180, 90)),
        build,
        replace(build, low_stop_deg=-20, high_stop_deg=200),
        (-200, 560),
    )


BENCHES = (_gs232b(), _spid())


@contextlib.contextmanager
def rotctld(model: int, device: str) -> Iterator[int]:
    """The real one; yields its port, ends it by its process number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = ["rotctld", "-m", str(model), "-r", device, "-T", "127.0.0.1", "-t", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


@dataclass
class Flight:
    """One pass with one rotator, flown in a thread."""

    bench: Bench
    sky: Sky
    naive: bool = False
    seed: int = 1
    plan: TrackPlan | None = None
    report: FollowReport | None = None
    judged: Judged | None = None
    error: str = ""
    mechanics: machine.Mechanics = field(init=False)

    def __post_init__(self) -> None:
        bench = self.bench
        axes = [machine.Axis(build, at) for build, at in ((bench.azimuth, 180.0), (bench.elevation, 90.0))]
        self.mechanics = machine.Mechanics(axes[0], axes[1], time.time(), bench.cable_deg)

    def fly(self) -> None:
        """Plan, follow, judge."""
        try:
            port = SerialPort(
                self.bench.controller(self.mechanics), drop_share=self.bench.drop_share, seed=self.seed
            )
            try:
                with rotctld(self.bench.hamlib, port.path) as number:
                    self._follow(number)
            finally:
                port.close()
            if self.report is not None and not self.report.fault:
                self.judged = judge(self.mechanics, self.sky)
        except Exception as error:  # noqa: BLE001 a thread's failure is a red line in the table
            self.error = f"{type(error).__name__}: {error}"

    def _follow(self, number: int) -> None:
        flip = self.sky.kind == "flip"
        limits = self.bench.model.limits if flip else replace(self.bench.model.limits, elevation_max_deg=90)
        model = replace(self.bench.model, flip=flip, limits=limits)
        rotator = Rotctld(
            port=number, limits=limits, model=self.bench.name, park_position=model.park, timeout_s=3.0
        )
        rotator.open()
        plan = plan_track(
            self.sky.time,
            self.sky.azimuth_deg,
            self.sky.elevation_deg,
            model,
            BEAM_DEG,
            from_direction=rotator.standing(),
            from_time=time.time(),
        )
        if self.naive:
            plan = replace(plan, command_azimuth_deg=plan.command_azimuth_deg % 360)
        self.plan = plan
        watch = MotionWatch.of(model, shows_turns=rotator.driver.shows_turns)
        self.report = follow(rotator, plan, watch=watch)
        rotator.stop()
        rotator.close()

    def faults(self) -> list[str]:
        """What is wrong with it, in words."""
        if self.error or self.report is None or self.plan is None or self.judged is None:
            return [self.error or (self.report.fault if self.report else "not flown")]
        found = list(self.judged.harm)
        if self.judged.wrapped:
            found.append(f"unwound in mid-pass: {self.judged.travel_deg:.0f} deg in a minute")
        if self.judged.worst_db > self.plan.worst_loss_db + SPARE_DB:
            found.append(f"{self.judged.worst_db:.1f} dB lost")
        return found


def fly(skies: list[Sky], *, naive: bool = False, benches: tuple[Bench, ...] = BENCHES) -> list[Flight]:
    """All at once; returns when the last is over."""
    start = time.time() + MOVE_S
    pairs = [(bench, sky.shifted_to(start)) for sky in skies for bench in benches]
    flights = [Flight(bench, sky, naive, seed) for seed, (bench, sky) in enumerate(pairs)]
    threads = [threading.Thread(target=flight.fly) for flight in flights]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    return flights


def excerpt(sky: Sky, seconds: float) -> Sky:
    """The hard spot and what is around it."""
    middle = sky.north_s if sky.kind == "north" else sky.hard_spot_s
    return sky.between(middle - seconds / 2, middle + seconds / 2)


def table(flights: list[Flight]) -> str:
    """One line for each flight."""
    head = (
        "pass                   highest  controller  commands  worst deg  worst dB  foretold  mean dB  az/min"
    )
    lines = [head]
    for flight in flights:
        judged, plan, report = flight.judged, flight.plan, flight.report
        sky = flight.sky
        line = f"{sky.kind:9}{sky.name:15}{sky.elevation_deg.max():6.1f}  {flight.bench.name:10}"
        line += " flips" if plan and plan.flip else "      "
        if judged and plan and report:
            line += (
                f"{report.commands:10}{judged.worst_deg:11.2f}{judged.worst_db:10.2f}{plan.worst_loss_db:10.2f}"
                f"{judged.mean_db:9.2f}{judged.travel_deg:8.0f}"
            )
        lines.append(f"{line}  {'; '.join(flight.faults()) or 'ok'}")
        lines += [f"          {note}" for note in (report.notes if report else ())]
    return "\n".join(lines)


def main() -> int:
    """Exit status 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--excerpt", type=float, help="seconds around the hard spot instead of whole passes")
    parser.add_argument(
        "--above", type=float, default=0.0, help="degrees of elevation from which a pass counts"
    )
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--sabotage", action="store_true")
    options = parser.parse_args()
    skies = [sky.above(options.above) for sky in worst_passes()[-options.passes :]]
    if options.excerpt:
        skies = [excerpt(sky, options.excerpt) for sky in skies]
    flights = fly(skies, naive=options.sabotage)
    print(table(flights))
    bad = sum(bool(flight.faults()) for flight in flights)
    print(f"{len(flights)} flights, {bad} with a fault; worst {_worst(flights):.2f} dB")
    return 1 if bad else 0


def _worst(flights: list[Flight]) -> float:
    return float(np.max([flight.judged.worst_db for flight in flights if flight.judged], initial=0.0))


if __name__ == "__main__":
    sys.exit(main())
