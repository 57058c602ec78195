"""Whether a new set of elements may follow those already held: pure judgement, no disk and no network.

The old set is carried to the new epoch and the new one back to the old, over a whole turn each, since an
epoch at the node hides an altered inclination. What drag and the measured ageing (`ageing`) explain is
accepted. What a manoeuvre of station keeping explains waits for a second witness: another set of the same
new orbit, or another source with the same set. What neither explains is another satellite or a damaged set,
and only an operator may let it in. A satellite whose own sets agree better than the model is judged by its
own sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from statistics import median

import numpy as np

from scheduler.ageing import (
    LEAST_DRAG_KM_PER_DAY2,
    along_track_bound_km,
    orbital_speed_km_s,
    signed_drag_km_per_day2,
)
from scheduler.element_offsets import Offset, flies, offset_of, radius_km, size_of
from scheduler.elements import Elements

FUTURE = timedelta(days=1)  # operators publish epochs some hours ahead
SAME_EPOCH = timedelta(seconds=1)  # the last digit of a two-line set is 0.9 ms
_TELLING = timedelta(hours=18)
_WITNESS_APART = timedelta(hours=2)
_AHEAD_DAYS = 3.0  # what a set will be used for before the next one comes
_MARGIN = 3.0  # times the 95 % of the ageing model
_LEAST_SCALE, _MOST_SCALE = 0.15, 0.5  # of the model, for a satellite whose sets are known
_BACK = 0.5  # a fit covers the days before: 95 % within 2.4 km two days back, 22 km ahead
_WITNESS_SCALE = 0.8  # what makes sets jump, a storm as well as a burn, makes the next ones scatter
_OWN_SETS = 12
_FEWEST_OWN_SETS = 6
_WITHOUT_POSITION = 10.0  # any share of the model beyond 1; infinity has no percentile
_CROSS_KM, _CROSS_KM_PER_DAY = 0.5, 0.2  # measured: 0.12 at 2 days, 1.5 at 20 (figures/element_ageing.py)
_RADIAL_KM, _RADIAL_KM_PER_DAY = 1.0, 0.5  # measured: 0.5 and 3.6
_KEEPING_SPEED = 1e-4  # relative change of speed in one manoeuvre: 0.75 m/s in low orbit
_KEEPING_TILT_DEG = 0.15
_DAY_S = 86_400.0
_DRAG_MATTERS_KM = 3.0
_DRAG_RATIO = 4.0


class Kind(Enum):
    """What becomes of a set."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    OLDER = "older"
    SUSPECT = "suspect"  # a second witness lets it in
    REFUSED = "refused"  # only an operator lets it in


@dataclass(frozen=True)
class Verdict:
    """The judgement and its reason in words.

    `witnesses` are the sets in quarantine that bear a jump out; `overrules`: the one held is given up for it.
    """

    kind: Kind
    reason: str
    witnesses: tuple[Elements, ...] = ()
    overrules: bool = False


@dataclass(frozen=True)
class Suspect:
    """A set in quarantine."""

    elements: Elements
    source: str
    reason: str
    may_be_confirmed: bool


def judge(
    new: Elements, held: Sequence[Elements], suspects: Sequence[Suspect], source: str, latest: datetime
) -> Verdict:
    """What becomes of a set.

    Args:
        new: the set.
        held: accepted sets of this satellite, oldest first.
        suspects: its sets in quarantine that are newer than those held; an older one is no witness, since
            with time anything follows from anything.
        source: where the new one comes from.
        latest: the time now as far as it is known; an epoch more than a day ahead is not believed.
    """
    if not flies(new):
        return Verdict(Kind.REFUSED, "SGP4 gives no position at its own epoch")
    if new.epoch > latest + FUTURE:
        days = (new.epoch - latest).total_seconds() / _DAY_S
        return Verdict(Kind.REFUSED, f"its epoch {new.epoch:%Y-%m-%d %H:%M} lies {days:.1f} days ahead")
    if not held:
        return Verdict(Kind.ACCEPTED, "the first set of this satellite; there is nothing to compare it with")
    newest = held[-1]
    if abs(new.epoch - newest.epoch) < SAME_EPOCH:
        return Verdict(Kind.KNOWN, "its epoch is that of the set held")
    if new.epoch < newest.epoch:
        return Verdict(Kind.OLDER, f"its epoch is older than {newest.epoch:%Y-%m-%d %H:%M}, the one held")
    verdict = compare(newest, new, held)
    if verdict.kind is Kind.ACCEPTED and (earlier := _a_day_before(new, held)):
        verdict = compare(earlier, new, held)
    if verdict.kind is not Kind.SUSPECT:
        return verdict
    witnesses = tuple(s.elements for s in suspects if _confirms(new, source, s, held))
    if not witnesses:
        return verdict
    return Verdict(Kind.ACCEPTED, f"confirmed by a second set: {verdict.reason}", witnesses)


def compare(
    old: Elements, new: Elements, held: Sequence[Elements], least_scale: float = _LEAST_SCALE
) -> Verdict:
    """Whether the orbit of `new` follows from that of `old`; those held tell how well such sets agree."""
    gap = abs(new.age_days(old.epoch))
    drag = max(_usual_drag(held), LEAST_DRAG_KM_PER_DAY2)
    scale = max(_scale(tuple(held[-_OWN_SETS:]), drag), least_scale)
    moved = Verdict(Kind.ACCEPTED, "its orbit follows from that of the set held")
    ahead = gap + _AHEAD_DAYS
    for at, days, along in (
        (new.epoch, gap, scale * along_track_bound_km(gap, drag)),
        (old.epoch, gap, _BACK * scale * along_track_bound_km(gap, drag)),
        # Days ahead the density of the air decides, of which the sets held know nothing.
        (
            new.epoch + timedelta(days=_AHEAD_DAYS),
            ahead,
            along_track_bound_km(ahead, drag) - (1 - scale) * along_track_bound_km(ahead, 0.0),
        ),
    ):
        offset = offset_of(old, new, at)
        if offset is None:
            return _compare_shape(old, new)
        verdict = _judge_offset(offset, _limits(old, days, along), _keeping(old, days))
        if verdict.kind is Kind.REFUSED:
            return verdict
        moved = verdict if moved.kind is Kind.ACCEPTED else moved
    drawn = _compare_drag(new, held, moved)
    return drawn if moved.kind is Kind.ACCEPTED or drawn.kind is Kind.REFUSED else moved


def _a_day_before(new: Elements, held: Sequence[Elements]) -> Elements | None:
    """The set to compare with as well when the newest is so near that a wrong mean motion would not show."""
    if new.epoch - held[-1].epoch >= _TELLING:
        return None
    return next((e for e in reversed(held) if new.epoch - e.epoch >= _TELLING), None)


def agrees(old: Elements, new: Elements, held: Sequence[Elements]) -> bool:
    """Whether two sets are of one orbit, by the model rather than by the quiet days before."""
    return compare(old, new, held, _WITNESS_SCALE).kind is Kind.ACCEPTED


def _limits(old: Elements, days: float, along: float) -> Offset:
    """What drag and age explain."""
    size = size_of(old)
    return Offset(
        _MARGIN * size * along,
        size * (_CROSS_KM + _CROSS_KM_PER_DAY * days),
        size * (_RADIAL_KM + _RADIAL_KM_PER_DAY * days),
    )


def _keeping(old: Elements, days: float) -> Offset:
    """What one manoeuvre of station keeping adds: n changes by three times the share that speed does."""
    return Offset(
        3 * _KEEPING_SPEED * orbital_speed_km_s(old) * _DAY_S * days,
        radius_km(old) * math.radians(_KEEPING_TILT_DEG),
        10 * _KEEPING_SPEED * radius_km(old),
    )


def _judge_offset(offset: Offset, limits: Offset, keeping: Offset) -> Verdict:
    if offset.within(limits):
        return Verdict(Kind.ACCEPTED, "its orbit follows from that of the set held")
    said = f"its orbit has jumped by {offset.words()} where drag and age explain {limits.words()}"
    if offset.within(limits.plus(keeping)):
        return Verdict(Kind.SUSPECT, f"{said}: a manoeuvre, or a bad set")
    return Verdict(Kind.REFUSED, f"{said}, and no manoeuvre the rest: another satellite, or a bad set")


def _compare_drag(new: Elements, held: Sequence[Elements], else_: Verdict) -> Verdict:
    """A wrong B* does not show at the epoch, only days later."""
    usual, drag = _usual_drag(held), signed_drag_km_per_day2(new)
    small = abs(drag - usual) * _AHEAD_DAYS**2 < _DRAG_MATTERS_KM
    if small or usual / _DRAG_RATIO <= drag <= usual * _DRAG_RATIO:
        return else_
    kind = Kind.SUSPECT if drag > 0 else Kind.REFUSED
    said = f"its B* {new.bstar:g} stands for {drag:.2g} km in the first day, the sets held for {usual:.2g}"
    return Verdict(kind, said)


def _compare_shape(old: Elements, new: Elements) -> Verdict:
    """All that is left when SGP4 cannot carry one of the sets to the other's epoch."""
    tilt = abs(new.inclination_deg - old.inclination_deg)
    speed = abs(new.mean_motion_rev_per_day / old.mean_motion_rev_per_day - 1)
    said = f"SGP4 cannot carry it to the set of {old.epoch:%Y-%m-%d}; inclination differs by {tilt:.2f}°"
    alike = tilt < 0.5 and speed < 0.02
    return Verdict(Kind.SUSPECT if alike else Kind.REFUSED, f"{said}, mean motion by {speed:.1%}")


def _confirms(new: Elements, source: str, suspect: Suspect, held: Sequence[Elements]) -> bool:
    if not suspect.may_be_confirmed:
        return False
    apart = abs(new.epoch - suspect.elements.epoch)
    if apart < SAME_EPOCH:
        return suspect.source != source and _same_orbit(suspect.elements, new)
    older, newer = sorted((suspect.elements, new), key=_epoch)
    return apart >= _WITNESS_APART and agrees(older, newer, held)


def _same_orbit(a: Elements, b: Elements) -> bool:
    offset = offset_of(a, b, a.epoch)
    return offset is not None and max(offset.along, offset.cross, offset.radial) < 0.1


def _epoch(elements: Elements) -> datetime:
    return elements.epoch


def _usual_drag(held: Sequence[Elements]) -> float:
    return max(median(signed_drag_km_per_day2(e) for e in held[-_OWN_SETS:]), 0.0)


@lru_cache(maxsize=1024)
def _scale(held: tuple[Elements, ...], drag: float) -> float:
    """How well this satellite's own sets agree, as a share of the model."""
    if len(held) < _FEWEST_OWN_SETS:
        return _MOST_SCALE
    shares = []
    for old, new in pairwise(held):
        offset = offset_of(old, new, new.epoch)
        bound = size_of(new) * along_track_bound_km(old.age_days(new.epoch), drag)
        shares.append(_WITHOUT_POSITION if offset is None else offset.along / bound)
    return float(np.clip(2 * np.percentile(shares, 80), _LEAST_SCALE, _MOST_SCALE))
