"""A receiver that is pulled out for 5 s at random moments of passes, and what the station makes of it.

    python -m tests.figures.unplug [--passes 4] [--pulls 5] [--away 5] [--beside 2] [--seed 1] [--sabotage]

The real daemon, recorder and live decoder on the simulated SoapySDR device, whose control file says that it
is unplugged: nothing is found, nothing opens, a running stream ends with an error, and time on the air goes
on. It comes back after 5 to 6 s, so that no rhythm of looking for it falls in with its return.

Judged for each pull, by the device's own log and the file that was sent: `back`, from its return to the first
sample recorded, at most 2 s; the gap holds all of the time in which it was away, is as long as it says within
its uncertainty, and begins no more than 0.5 s before it was pulled out; one gap for each pull. Judged for
each pass: the recording is finished and is what was on the air outside its gaps, and every frame that was
sent wholly while samples were recorded is decoded.

`--sabotage` lets the recorder look for a lost device but once in 5 s: `back` turns red.
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
from sim.soapy import events
from tests.station.desk import RATE, Desk, Sky, make_sky, wait_for

START = datetime(2024, 7, 17, tzinfo=UTC)
MOST_BACK_S, MOST_EARLY_S = 2.0, 0.5
AHEAD_S, QUIET_S, SPACING_S, MARGIN_S = 8.0, 5.0, 5.0, 15.0


@dataclass(frozen=True)
class Pull:
    """One unplugging: seconds from the return to the first sample, and from the gap's begin to the pull."""

    back_s: float
    early_s: float


@dataclass(frozen=True)
class PassResult:
    """What became of one pass."""

    pulls: tuple[Pull, ...]
    faults: tuple[str, ...]
    frames: int
    missed: int
    off: int
    wrong: int


def fly(folder: Path, sky: Sky, times: list[tuple[float, float]], seconds: float, slow: bool) -> PassResult:
    """One pass in which the device is pulled out and plugged in again."""
    epoch = time.time()
    begins = epoch + AHEAD_S
    desk = Desk(folder, sky, epoch=epoch, start=begins, end=begins + seconds + MARGIN_S)
    if slow:
        desk.patch(
            "import sdr.record_session as s\n"
            "opens = s.Session._open_anew\n"
            "s.Session._open_anew = lambda self: (s.time.sleep(5.0), opens(self))[1]\n"
        )
    desk.begin()
    pulled: list[tuple[float, float]] = []
    try:
        wait_for(lambda: desk.recorded_bytes() > 0, "nothing is recorded", 150)
        begins = max(begins, time.time())  # a daemon that is late has margin at the end
        for moment, away_s in times:
            time.sleep(max(begins + moment - time.time(), 0))
            out = time.time()
            _say(desk.control, "unplugged")
            time.sleep(away_s)
            _say(desk.control, "plugged")
            pulled.append((out, time.time()))
        wait_for(desk.is_decoded, "nothing decoded", 180)
    finally:
        desk.stop()
    return judged(desk, pulled)


def _say(control: Path, word: str) -> None:
    """Written beside and renamed: the device must not read half of it."""
    beside = control.with_name("control.new")
    beside.write_text(word)
    beside.replace(control)


def judged(desk: Desk, pulled: list[tuple[float, float]]) -> PassResult:
    """What the files and the device's log say."""
    faults = []
    if desk.index().end != "finished":
        faults.append(f"the recording ended: {desk.index().end}")
    seen = sum(event["event"] == "unplugged" for event in events(desk.device_log))
    if seen < len(pulled):
        faults.append(f"the device was pulled out {len(pulled)} times, its log says {seen}")
    stretches = desk.stretches()
    gaps = [
        (desk.epoch + (before.sent_first + before.count) / RATE, desk.epoch + after.sent_first / RATE)
        for before, after in pairwise(stretches)
    ]
    if len(gaps) != len(pulled):
        faults.append(f"{len(gaps)} gaps by {len(pulled)} pulls")
        gaps = []
    for gap, named in zip(gaps, desk.index().gaps, strict=bool(gaps)):
        if "unplugged" not in named.cause and "receiver" not in named.cause:
            faults.append(f"the gap of {gap[1] - gap[0]:.1f} s is put down to {named.cause!r}")
    pulls = [
        Pull(end - returned, out - begin)
        for (begin, end), (out, returned) in zip(gaps, pulled, strict=bool(gaps))
    ]
    frames, missed = desk.missed_frames()
    off = max((abs(one.off) for one in stretches), default=0)
    return PassResult(tuple(pulls), tuple(faults), frames, missed, off, sum(one.wrong for one in stretches))


def show(results: list[PassResult], away_s: float) -> int:
    """Print the table; 1 when a figure is missed."""
    pulls = [pull for one in results for pull in one.pulls]
    faults = [f"pass {n + 1}: {fault}" for n, one in enumerate(results) for fault in one.faults]
    print(f"{len(results)} passes, {len(pulls)} times without receiver for {away_s:g} to {away_s + 1:g} s")
    if pulls:
        back, early = [pull.back_s for pull in pulls], [pull.early_s for pull in pulls]
        print(f"back after its return: median {statistics.median(back):.2f} s, worst {max(back):.2f} s")
        print(f"lost before it was pulled: median {statistics.median(early):.3f} s, worst {max(early):.3f} s")
        late = sum(not 0 <= one <= MOST_BACK_S for one in back) + sum(one > MOST_EARLY_S for one in early)
        faults += [f"{late} outside {MOST_BACK_S:g} s and {MOST_EARLY_S:g} s"] if late else []
    frames, missed = sum(one.frames for one in results), sum(one.missed for one in results)
    wrong, off = sum(one.wrong for one in results), max(one.off for one in results)
    print(f"frames sent while samples were recorded: {frames}, of them not decoded: {missed}")
    print(f"samples that are not what was on the air: {wrong}; their times are off by at most {off} samples")
    faults += ["frames are missing"] * bool(missed) + ["samples are wrong"] * bool(wrong)
    print("\n".join(faults) or "ok")
    return 1 if faults or not pulls else 0


def run(passes: int, pulls: int, away_s: float, beside: int, seed: int, *, slow: bool) -> list[PassResult]:
    """Fly them, so many side by side."""
    rng = random.Random(seed)
    seconds = 2 * QUIET_S + pulls * (away_s + 2 * SPACING_S)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(beside) as pool:
        folder = Path(name)
        sky = make_sky(folder / "sky", START, seconds + AHEAD_S + MARGIN_S + 10, FillSource(load=0.0))
        flights = []
        for number in range(passes):
            starts = [QUIET_S + n * (away_s + 2 * SPACING_S) for n in range(pulls)]
            times = [(start + rng.uniform(0, SPACING_S), away_s + rng.uniform(0, 1)) for start in starts]
            flights.append(pool.submit(fly, folder / f"pass{number}", sky, times, seconds, slow))
        return [flight.result() for flight in flights]


def main() -> int:
    """Print the table; 1 when a figure is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--pulls", type=int, default=5, help="in each pass")
    parser.add_argument("--away", type=float, default=5.0, help="seconds")
    parser.add_argument("--beside", type=int, default=2, help="passes at the same time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", action="store_true")
    asked = parser.parse_args()
    return show(
        run(asked.passes, asked.pulls, asked.away, asked.beside, asked.seed, slow=asked.sabotage), asked.away
    )


if __name__ == "__main__":
    sys.exit(main())
