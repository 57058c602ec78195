"""What the figures have to be: a `must` fails the run, a `goal` is only told. Data; others measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A limit on one figure.

    Attributes:
        figure: key of the figure, as a table names it.
        says: what it is, for a person.
        limit: of the figure.
        most: whether the figure may be at most the limit; else at least.
        must: else it is a goal.
    """

    figure: str
    says: str
    limit: float
    most: bool = True
    must: bool = True

    def met(self, value: float) -> bool:
        """Whether a value keeps the limit."""
        return value <= self.limit if self.most else value >= self.limit

    def line(self, value: float) -> str:
        """A sentence on a value."""
        kind, sign = ("must" if self.must else "goal"), ("<=" if self.most else ">=")
        verdict = "met" if self.met(value) else "MISSED"
        return f"{kind:4} {verdict:6} {self.says}: {value:.4g} ({sign} {self.limit:g})"


def _pair(figure: str, says: str, must: float, goal: float, *, most: bool) -> tuple[Target, Target]:
    return Target(figure, says, must, most), Target(figure, says, goal, most, must=False)


def _loss(case: str, name: str, must_db: float, goal_db: float | None) -> tuple[Target, ...]:
    targets = [Target(f"loss {case} {must_db:g}", f"{name}: share of frames lost at {must_db} dB", 0.01)]
    if goal_db is not None:
        says = f"{name}: share of frames lost at {goal_db} dB"
        targets.append(Target(f"loss {case} {goal_db:g}", says, 0.01, must=False))
    return tuple(targets)


SATDUMP = "samples per CPU second against SatDump"

TARGETS: tuple[Target, ...] = (
    *_loss("72k", "LRPT 72k OQPSK, 30 Hz/s", 1.9, 1.45),
    *_loss("metop_ahrpt", "MetOp AHRPT, 400 Hz/s", 3.0, 2.65),
    *_loss("80k", "LRPT 80k", 2.2, None),
    *_loss("80k fades", "LRPT 80k, signal off 1 s in every 4", 4.5, None),
    Target("fades 80k", "LRPT 80k fades: share of the frames got when told them", 0.98, False, must=False),
    *_pair("ber noaa_hrpt", "NOAA HRPT: dB away from theory", 0.5, 0.2, most=True),
    *_pair("ber meteor_hrpt", "METEOR HRPT: dB away from theory", 0.5, 0.2, most=True),
    Target("channels", "share of a core for three channels out of 10 MS/s cs16", 0.40),
    *_pair("viterbi loss", "Viterbi: dB away from maximum likelihood, at worst", 0.1, 0.05, most=True),
    *_pair("viterbi volk", "Viterbi 1/2 with traceback against VOLK's add-compare-select", 2, 3, most=False),
    *_pair("rs clean", "RS (255,223) clean, Mbit/s", 1000, 2000, most=False),
    *_pair("rs 8 errors", "RS (255,223) with 8 errors a word, Mbit/s", 150, 300, most=False),
    *_pair("satdump lrpt 288k", f"LRPT at 288 kS/s, {SATDUMP}", 3, 5, most=False),
    *_pair("satdump lrpt 1M", f"LRPT at 1 MS/s, {SATDUMP}", 3, 5, most=False),
    *_pair("satdump ahrpt", f"AHRPT at 6 MS/s, {SATDUMP}", 3, 5, most=False),
    *_pair("live ahrpt", "AHRPT live at 6 MS/s, share of a core", 0.25, 0.15, most=True),
    Target("memory", "memory above the imports, MB, largest of all chains", 100),
    Target("never sent", "frames put out that were never sent", 0),
)


def judge(figures: Mapping[str, float]) -> tuple[list[str], bool]:
    """A line for every target whose figure was measured, and whether every must among them is met."""
    lines, met = [], True
    for target in TARGETS:
        if target.figure in figures:
            value = figures[target.figure]
            lines.append(target.line(value))
            met &= target.met(value) or not target.must
    return lines, met
