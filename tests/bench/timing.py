"""Speed: kernels by the best of short runs, programs by the slope of CPU time between two lengths."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LEAST_S = 0.1
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def rate(call: Callable[[], object], units: float, *, runs: int = 7) -> float:
    """Units per second of processor time: the best of so many runs."""
    repeats, best = 1, 0.0
    for _ in range(runs):
        while True:
            begin = time.process_time()
            for _ in range(repeats):
                call()
            took = time.process_time() - begin
            if took >= LEAST_S:
                break
            repeats *= 2
        best = max(best, units * repeats / took)
    return best


@dataclass(frozen=True)
class Cost:
    """Of one run of a program: processor seconds of all its threads, and its output."""

    cpu_s: float
    output: str


def cost(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a program to its end.

    Raises:
        RuntimeError: it fails; with the end of what it said.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=os.environ | ONE_THREAD | dict(environment),
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        raise RuntimeError(f"{command[0]} failed: {(run.stderr or run.stdout)[-1000:]}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, run.stdout)
