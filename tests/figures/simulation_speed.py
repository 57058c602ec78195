"""How fast a pass is simulated on one core, scene and files included, and how much memory it takes.

    python tests/figures/simulation_speed.py [--seconds 120] [--mode 72k] [--format cu8]

Prints Msamples per second of processor time (what one core of an idle machine gives) and of the clock, and
the largest resident memory for a short and a long recording. Exit status 1 below 4 Msamples/s or when memory
grows by 32 MB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST_MSPS = 4.0
MOST_GROWTH_MB = 32.0


def measure(seconds: float, mode: str, fmt: str) -> tuple[float, float, float]:
    """Msamples/s by processor time, by the clock, and MB of resident memory."""
    from scheduler.elements import load_elements, select
    from scheduler.passes import Site
    from sim.simulate import PassSimulation, simulate

    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 4")
    start = datetime(2024, 7, 17, 7, 36, tzinfo=UTC)
    request = PassSimulation(
        elements,
        Site("Lai Châu", 22.40, 103.45, 900.0),
        start,
        start + timedelta(seconds=seconds),
        mode=mode,
        format=fmt,
    )
    with tempfile.TemporaryDirectory() as folder:
        clock, processor = time.perf_counter(), time.process_time()
        count = simulate(request, Path(folder) / "x").sample_count
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return count / processor / 1e6, count / clock / 1e6, memory


def main() -> int:
    """Print the figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=float, default=120.0)
    options.add_argument("--mode", default="72k")
    options.add_argument("--format", default="cu8")
    chosen = options.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    results = []
    for seconds in (chosen.seconds / 4, chosen.seconds):
        with context.Pool(1) as pool:
            results.append(pool.apply(measure, (seconds, chosen.mode, chosen.format)))
        speed, wall, memory = results[-1]
        print(f"{seconds:4.0f} s: {speed:.1f} Msamples/s by processor time, ", end="")
        print(f"{wall:.1f} by the clock, {memory:.0f} MB")
    grown = results[1][2] - results[0][2]
    return int(results[1][0] < LEAST_MSPS or grown > MOST_GROWTH_MB)


if __name__ == "__main__":
    sys.exit(main())
