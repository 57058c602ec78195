"""The first set of a satellite, which there was nothing to compare with.

It is held against what is known of the orbit (`satellites`), and stays on probation until a second set
follows from it. Until then two other sets that agree with each other, and not with it, take its place: one
bad first set must not shut out all good ones after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.ageing import signed_drag_km_per_day2
from scheduler.element_checks import FUTURE, Kind, Suspect, Verdict, agrees
from scheduler.element_offsets import flies
from scheduler.elements import Elements
from scheduler.satellites import all_satellites

# Closer together a wrong mean motion does not show; farther apart anything follows from anything.
_LEAST_APART, _MOST_APART = timedelta(hours=18), timedelta(days=30)
_BEFORE = timedelta(days=3)  # an epoch that is wrong by days is one way for a first set to be bad
_MOST_SUSPECTS = 20
# For rounding and for years of drift: that of NOAA 19 fell by 0.2° from 2020 to 2024.
_TILT_DEG, _SPEED_SHARE = 1.0, 0.01
_MOST_DRAG_KM_PER_DAY2 = 5.0  # at 820 km; the strongest of these satellites near the solar maximum: 0.2


@dataclass(frozen=True)
class KnownOrbit:
    """What a satellite's data file says of its orbit."""

    inclination_deg: float
    mean_motion_rev_per_day: float

    def misfit(self, elements: Elements) -> str:
        """Why a set cannot be of this satellite, or nothing."""
        tilt = elements.inclination_deg - self.inclination_deg
        speed = elements.mean_motion_rev_per_day / self.mean_motion_rev_per_day - 1
        if abs(tilt) <= _TILT_DEG and abs(speed) <= _SPEED_SHARE:
            heavy = abs(signed_drag_km_per_day2(elements)) > _MOST_DRAG_KM_PER_DAY2
            return f"its B* {elements.bstar:g} is far beyond any drag at its height" if heavy else ""
        return (
            f"its inclination is {elements.inclination_deg:.2f}° and its mean motion "
            f"{elements.mean_motion_rev_per_day:.3f} a day where this satellite is known to have "
            f"{self.inclination_deg:.1f}° and {self.mean_motion_rev_per_day:.2f}"
        )


def known_orbits() -> dict[int, KnownOrbit]:
    """By catalogue number, of those whose file says it."""
    return {
        one.norad_id: KnownOrbit(one.inclination_deg, one.mean_motion_rev_per_day)
        for one in all_satellites()
        if one.inclination_deg is not None and one.mean_motion_rev_per_day is not None
    }


def judge_first(
    verdict: Verdict,
    new: Elements,
    suspects: Sequence[Suspect],
    *,
    latest: datetime,
    known: KnownOrbit | None,
) -> Verdict:
    """The verdict on a set of which none is held: what is known stands against it, a second set for it."""
    if verdict.kind is not Kind.ACCEPTED or known is None or not (misfit := known.misfit(new)):
        return verdict
    allies = _allies(new, suspects, latest)
    if allies:
        return Verdict(Kind.ACCEPTED, f"another set agrees with it, although {misfit}", allies)
    return Verdict(Kind.SUSPECT, misfit)


def judge_against_lone(
    verdict: Verdict,
    new: Elements,
    lone: Elements,
    suspects: Sequence[Suspect],
    *,
    latest: datetime,
    known: KnownOrbit | None,
) -> Verdict:
    """The verdict on a set that meets a first one on probation."""
    if verdict.kind in (Kind.ACCEPTED, Kind.KNOWN) or not _may_vote(new, latest):
        return verdict
    far_ahead = lone.epoch > latest + FUTURE
    if not far_ahead and new.epoch < lone.epoch - _BEFORE:
        return verdict
    if verdict.kind is Kind.OLDER:
        if agrees(new, lone, [new]):
            return verdict
        said = f"it does not agree with the set of {lone.epoch:%Y-%m-%d %H:%M}, the only one so far"
        verdict = Verdict(Kind.SUSPECT, said)
    if known is not None and known.misfit(new) and not known.misfit(lone):
        return verdict
    if allies := _allies(new, suspects, latest):
        said = "it agrees with another set, and neither with the first of this satellite, which stood alone"
        return Verdict(Kind.ACCEPTED, said, allies, overrules=True)
    return verdict


def _allies(new: Elements, suspects: Sequence[Suspect], latest: datetime) -> tuple[Elements, ...]:
    """Sets in quarantine of the same orbit and another day; the newer follows from the older."""
    found = []
    for suspect in [*suspects][-_MOST_SUSPECTS:]:
        apart = abs(new.epoch - suspect.elements.epoch)
        if not _LEAST_APART <= apart <= _MOST_APART or not _may_vote(suspect.elements, latest):
            continue
        older, newer = sorted((suspect.elements, new), key=_epoch)
        if agrees(older, newer, [older]):
            found.append(suspect.elements)
    return tuple(found)


def _may_vote(elements: Elements, latest: datetime) -> bool:
    return flies(elements) and elements.epoch <= latest + FUTURE


def _epoch(elements: Elements) -> datetime:
    return elements.epoch
