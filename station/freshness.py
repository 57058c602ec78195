"""How far old orbital elements may lead astray, and what is said of it.

Age is judged by what it does: the seconds by which the satellite may come early or late
(`scheduler.ageing`). A month costs METEOR at 820 km some eight seconds, a satellite at 400 km minutes.
Limits in days hold beside it where the configuration sets them.
"""

from __future__ import annotations

from datetime import datetime

from scheduler.ageing import timing_error_s
from scheduler.elements import Elements
from scheduler.errors import ElementsError

WARN_TIMING_S = 2.0
REFUSE_TIMING_S = 60.0
_GEOSTATIONARY_REV_PER_DAY = 1.1  # it stays in sight however late it is


def age_warning(
    elements: Elements,
    at: datetime,
    *,
    warn_days: float | None = None,
    refuse_days: float | None = None,
    warn_s: float = WARN_TIMING_S,
    refuse_s: float = REFUSE_TIMING_S,
    force: bool = False,
) -> str:
    """A sentence when the elements are old at that time, else empty.

    Args:
        elements: the set.
        at: when it is used.
        warn_days: the age that is spoken of; None for any.
        refuse_days: the age that is refused; None for none.
        warn_s: the timing error, 95 %, that is spoken of.
        refuse_s: the timing error that is refused.
        force: warn where it would be refused.

    Raises:
        ElementsError: too old to be of use, unless `force`.
    """
    days = abs(elements.age_days(at))
    late_s = (
        timing_error_s(elements, at) if elements.mean_motion_rev_per_day > _GEOSTATIONARY_REV_PER_DAY else 0.0
    )
    side = "after" if elements.age_days(at) > 0 else "before"
    name = f"{elements.name} ({elements.epoch:%Y-%m-%d})"
    said = f"the elements of {name} are used {_length(days)} {side} their epoch"
    if late_s >= warn_s:
        said += f": the pass may come {_seconds(late_s)} early or late"
    if not force:
        _refuse(said, days, refuse_days, "days")
        _refuse(said, late_s, refuse_s, "s")
    old = warn_days is not None and days >= warn_days
    return said if old or late_s >= warn_s else ""


def _refuse(said: str, value: float, allowed: float | None, unit: str) -> None:
    if allowed is not None and value >= allowed:
        raise ElementsError(f"{said}; {allowed:g} {unit} are allowed: fetch newer ones, or add --force")


def _length(days: float) -> str:
    if days < 2:
        return f"{days * 24:.0f} hours"
    return f"{days / 365.25:.1f} years" if days > 730 else f"{days:.0f} days"


def _seconds(late_s: float) -> str:
    return f"{late_s:.0f} s" if late_s < 180 else f"{late_s / 60:.0f} min"
