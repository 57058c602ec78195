"""What every table is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.cases import Case
from tests.bench.recordings import Reception

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Options:
    """Of one run of the bench.

    Attributes:
        scratch: folder for recordings.
        quick: fewer points and frames.
        seed: of everything random.
        jobs: processes at a time, where nothing is timed.
        cases: names of the cases to measure; None for all.
        sabotage: one of `recordings.SABOTAGES`, which has to turn the run red.
        satdump: the program, or None.
    """

    scratch: Path
    quick: bool = False
    seed: int = 1
    jobs: int = 1
    cases: tuple[str, ...] | None = None
    sabotage: str | None = None
    satdump: Path | None = None

    def wants(self, case: Case) -> bool:
        """Whether a case is to be measured."""
        return self.cases is None or case.name in self.cases

    def frames(self, case: Case) -> int:
        """How many frames of a case are sent."""
        return case.quick_frames if self.quick and case.quick_frames else case.frames

    def reception(self, case: Case, ebn0_db: float) -> Reception:
        """How a case is received; with the sabotage "sample" some are lost every 20 frames."""
        every = round(20 * case.frame_s * case.sample_rate) if self.sabotage == "sample" else 0
        return Reception(ebn0_db, self.seed, every)

    def map(self, call: Callable[[Given], Found], given: Iterable[Given]) -> list[Found]:
        """Results in order, `jobs` at a time."""
        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(call, given))
