"""Recorder, decoder, both, the daemon and all of them killed at random moments of passes over SoapySDR.

    python -m tests.figures.kills [--passes 20] [--kills 10] [--seconds 90] [--beside 2] [--seed 1]
        [--kinds recorder decoder both daemon all] [--sabotage]

Each pass is a station of its own: the real daemon with its recorder and decoder as processes, on the
simulated SoapySDR device, which puts a simulated LRPT signal on the air in real time. Its sample 0 has a
known time, so that the file that was sent says what every recorded sample must be. `kill -9` comes at random
moments, at least 4 s apart so that each gap belongs to one kill.

Judged for each kill of a recorder: `lost`, from the last sample kept to the kill, which is at least what the
device delivered and the recording lacks; `back`, from the kill to the first sample after it. Judged for each
pass: the recording is finished and is what was sent, sample by sample, outside its gaps; each gap is as long
as it says, within its uncertainty; every frame that was sent wholly while samples were recorded is decoded. A
kill of the daemon or the decoder alone must leave no gap. Where the daemon is killed as well as the recorder,
`back` holds the daemon's own start; the init system is taken to begin it at once.

`--sabotage` begins the recorder anew 3 s late, as a supervisor with long pauses would: `back` turns red.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sim.packet_source import FillSource
from tests.station.desk import RATE, Desk, Sky, make_sky, wait_for

START = datetime(2024, 7, 17, tzinfo=UTC)
KINDS: dict[str, tuple[str, ...]] = {
    "recorder": ("recorder",),
    "decoder": ("decoder",),
    "both": ("recorder", "decoder"),
    "daemon": ("daemon",),
    "all": ("daemon", "recorder", "decoder"),
}
NAMES = {who: kind for kind, who in KINDS.items()} | {("daemon", "recorder"): "all"}
USUAL = ("recorder", "decoder", "both")
MOST_LOST_S, MOST_BACK_S = 1.0, 3.0
AHEAD_S, SPACING_S, QUIET_S, MARGIN_S = 8.0, 4.0, 6.0, 10.0


@dataclass(frozen=True)
class Kill:
    """One kill; both times in seconds, None without a gap."""

    kind: str
    at: float
    lost_s: float | None
    back_s: float | None


@dataclass(frozen=True)
class PassResult:
    """What became of one pass."""

    kills: tuple[Kill, ...]
    faults: tuple[str, ...]
    frames: int
    missed: int
    off: int
    wrong: int


def moments(rng: random.Random, count: int, seconds: float) -> list[float]:
    """Random times in a pass, apart from each other and from its ends."""
    free = seconds - 2 * QUIET_S - SPACING_S * (count - 1)
    if free < 0:
        raise SystemExit(f"{count} kills need a pass of {seconds - free:.0f} s")
    return [
        QUIET_S + n * SPACING_S + t for n, t in enumerate(sorted(rng.uniform(0, free) for _ in range(count)))
    ]


def fly(
    folder: Path, sky: Sky, kinds: list[str], times: list[float], seconds: float, late_s: float
) -> PassResult:
    """One pass with its kills."""
    epoch = time.time()
    begins = epoch + AHEAD_S
    desk = Desk(folder, sky, epoch=epoch, start=begins, end=begins + seconds + MARGIN_S)
    if late_s:
        desk.patch(
            "import station.recorder\n"
            f"station.recorder.Pauses.after_a_death = lambda self, *, worked: {late_s}\n"
        )
    desk.begin()
    killed: list[tuple[str, float]] = []
    try:
        wait_for(lambda: desk.recorded_bytes() > 0, "nothing is recorded", 150)
        begins = max(begins, time.time())  # a daemon that is late has margin at the end
        for kind, moment in zip(kinds, times, strict=True):
            time.sleep(max(begins + moment - time.time(), 0))
            present = _present(desk, kind)
            if not present:
                continue
            killed.append((NAMES[present], desk.kill(*present)))
            if "daemon" in present:
                desk.begin()
        wait_for(desk.is_decoded, "nothing decoded", 180)
    finally:
        desk.stop()
    result = judged(desk, killed)
    print(f"{folder.name}: {told(result)}", flush=True)
    return result


def told(one: PassResult) -> str:
    """One pass in one line."""
    lost = max((kill.lost_s for kill in one.kills if kill.lost_s is not None), default=0.0)
    back = max((kill.back_s for kill in one.kills if kill.back_s is not None), default=0.0)
    missed = f"{one.missed} of {one.frames} frames missed, {one.wrong} samples wrong"
    faults = "; ".join(one.faults) or "no fault"
    return f"{len(one.kills)} kills, lost {lost:.3f} s, back in {back:.2f} s at worst, {missed}, {faults}"


def _present(desk: Desk, kind: str) -> tuple[str, ...]:
    """Whom to kill; without the decoder where it has died so often that it is paused, which is no fault."""
    deadline = time.monotonic() + 3
    while not all(desk.pid(one) for one in KINDS[kind]) and time.monotonic() < deadline:
        time.sleep(0.05)
    present = tuple(one for one in KINDS[kind] if desk.pid(one))
    return present if present in NAMES else ()


def judged(desk: Desk, killed: list[tuple[str, float]]) -> PassResult:
    """What the files say."""
    faults = []
    job = desk.observation().job("record")
    if job.state != "done" or desk.index().end != "finished":
        faults.append(f"record is {job.state} ({job.reason}), the recording ended: {desk.index().end}")
    stretches = desk.stretches()
    frames, missed = desk.missed_frames()
    gaps = [
        (desk.epoch + (before.sent_first + before.count) / RATE, desk.epoch + after.sent_first / RATE)
        for before, after in pairwise(stretches)
    ]
    recorders = [at for kind, at in killed if "recorder" in KINDS[kind]]
    kills = [_kill(kind, at, gaps, recorders) for kind, at in killed]
    for begin, end in gaps:
        if not any(begin - 0.1 <= at <= end for at in recorders):
            faults.append(f"a gap of {end - begin:.2f} s in which no recorder was killed")
    faults += [
        f"a recorder was killed at {kill.at - desk.epoch:.1f} s, and there is no gap"
        for kill in kills
        if "recorder" in KINDS[kill.kind] and kill.back_s is None
    ]
    return PassResult(
        tuple(kills),
        tuple(faults),
        frames,
        missed,
        max((abs(one.off) for one in stretches), default=0),
        sum(one.wrong for one in stretches),
    )


def _kill(kind: str, at: float, gaps: list[tuple[float, float]], recorders: list[float]) -> Kill:
    """With the gap in which it lies; a recorder that was killed before it received leaves none of its own."""
    mine = [(begin, end) for begin, end in gaps if begin - 0.1 <= at <= end]
    if "recorder" not in KINDS[kind] or not mine:
        return Kill(kind, at, None, None)
    begin, end = mine[0]
    had_received = not any(begin - 0.1 <= other < at for other in recorders)
    return Kill(kind, at, max(at - begin, 0.0) if had_received else 0.0, end - at)


def show(results: list[PassResult]) -> int:
    """Print the table; 1 when a figure is missed."""
    bad = 0
    kills = [kill for one in results for kill in one.kills]
    print(
        f"{len(results)} passes, {len(kills)} kills; limits: lost {MOST_LOST_S:g} s, back {MOST_BACK_S:g} s"
    )
    print(f"{'killed':9} {'times':>5} {'lost: median':>13} {'worst':>7} {'back: median':>13} {'worst':>7}")
    for kind in KINDS:
        mine = [kill for kill in kills if kill.kind == kind]
        lost = [kill.lost_s for kill in mine if kill.lost_s is not None]
        back = [kill.back_s for kill in mine if kill.back_s is not None]
        if not lost or not back:
            print(f"{kind:9} {len(mine):5} {'none':>13} {'':7} {'never away':>13}")
            continue
        print(
            f"{kind:9} {len(mine):5} {statistics.median(lost):11.3f} s {max(lost):5.3f} s "
            f"{statistics.median(back):11.2f} s {max(back):5.2f} s"
        )
        bad += sum(one > MOST_BACK_S for one in back) + sum(one > MOST_LOST_S for one in lost)
    for number, one in enumerate(results):
        for fault in one.faults:
            print(f"pass {number + 1}: {fault}")
            bad += 1
    frames, missed = sum(one.frames for one in results), sum(one.missed for one in results)
    wrong, off = sum(one.wrong for one in results), max(one.off for one in results)
    print(f"frames sent while samples were recorded: {frames}, of them not decoded: {missed}")
    print(f"samples that are not what was on the air: {wrong}; their times are off by at most {off} samples")
    bad += missed + wrong + (not kills)
    print("ok" if not bad else f"{bad} figures missed")
    return 1 if bad else 0


def run(
    passes: int,
    kills: int,
    seconds: float,
    *,
    kinds: tuple[str, ...] = USUAL,
    beside: int = 1,
    seed: int = 1,
    late_s: float = 0.0,
) -> list[PassResult]:
    """Fly them, so many side by side."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(beside) as pool:
        folder = Path(name)
        sky = make_sky(folder / "sky", START, seconds + AHEAD_S + MARGIN_S + 10, FillSource(load=0.0))
        flights = []
        for number in range(passes):
            chosen = rng.choices(kinds, k=kills)
            times = moments(rng, kills, seconds)
            flights.append(pool.submit(fly, folder / f"pass{number}", sky, chosen, times, seconds, late_s))
        return [flight.result() for flight in flights]


def main() -> int:
    """Print the table; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10, help="in each pass")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=USUAL)
    parser.add_argument("--beside", type=int, default=2, help="passes at the same time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", action="store_true")
    asked = parser.parse_args()
    late_s = 3.0 if asked.sabotage else 0.0
    return show(
        run(
            asked.passes,
            asked.kills,
            asked.seconds,
            kinds=tuple(asked.kinds),
            beside=asked.beside,
            seed=asked.seed,
            late_s=late_s,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
