"""How far old orbital elements may lead astray, and what is said of it.

Age is judged by what it does: the seconds by which the satellite may come early or late
(`scheduler.ageing`). A month costs METEOR at 820 km some eight seconds, a satellite at 400 km minutes.
Limits in days hold beside it where the configuration sets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.ageing import timing_error_s
from scheduler.elements import Elements
from scheduler.errors import ElementsError

WARN_TIMING_S = 2.0
REFUSE_TIMING_S = 60.0
_EARTH_REV_PER_DAY = 1.00273791  # sidereal


@dataclass(frozen=True)
class Limits:
    """What is spoken of and what is refused: timing error, 95 %, in seconds, and age in days (None: any)."""

    warn_s: float = WARN_TIMING_S
    refuse_s: float = REFUSE_TIMING_S
    warn_days: float | None = None
    refuse_days: float | None = None


USUAL = Limits()


def expected_late_s(elements: Elements, at: datetime) -> float:
    """By how much the satellite may come early or late, 95 %; one that stands still cannot."""
    if _stands_still(elements):
        return 0.0
    return timing_error_s(elements, at)


def _stands_still(elements: Elements) -> bool:
    """Whether it is geostationary; one that drifts, or swings as a Tundra orbit does, is not."""
    drift = elements.mean_motion_rev_per_day / _EARTH_REV_PER_DAY - 1
    return abs(drift) < 0.01 and elements.eccentricity < 0.01 and elements.inclination_deg < 15


def age_warning(
    elements: Elements, at: datetime, limits: Limits = USUAL, *, force: bool | None = None
) -> str:
    """A sentence when the elements are old at that time, else empty.

    Args:
        elements: the set.
        at: when it is used.
        limits: of the station.
        force: warn where it would be refused; None where nobody can say so, and it is not advised.

    Raises:
        ElementsError: too old to be of use, unless `force`.
    """
    days = abs(elements.age_days(at))
    late_s = expected_late_s(elements, at)
    side = "after" if elements.age_days(at) > 0 else "before"
    name = f"{elements.name} ({elements.epoch:%Y-%m-%d})"
    said = f"the elements of {name} are used {_length(days)} {side} their epoch"
    if late_s >= limits.warn_s:
        said += f": the pass may come {_seconds(late_s)} early or late"
    if not force:
        mend = "fetch newer ones" + ("" if force is None else ", or add --force")
        _refuse(said, days, limits.refuse_days, f"days are allowed: {mend}")
        _refuse(said, late_s, limits.refuse_s, f"s are allowed: {mend}")
    old = limits.warn_days is not None and days >= limits.warn_days
    return said if old or late_s >= limits.warn_s else ""


def _refuse(said: str, value: float, allowed: float | None, words: str) -> None:
    if allowed is not None and value >= allowed:
        raise ElementsError(f"{said}; {allowed:g} {words}")


def _length(days: float) -> str:
    if days < 2:
        return f"{days * 24:.0f} hours"
    return f"{days / 365.25:.1f} years" if days > 730 else f"{days:.0f} days"


def _seconds(late_s: float) -> str:
    return f"{late_s:.0f} s" if late_s < 180 else f"{late_s / 60:.0f} min"
