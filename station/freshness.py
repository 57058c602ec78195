"""How old orbital elements may be, and what is said of them.

An along-track error of about 1 km a day is usual in an 820 km orbit and grows faster than linearly; after a
week a pass is a second or two off, after a month an image lies tens of kilometres beside the coast.
"""

from __future__ import annotations

from datetime import datetime

from scheduler.elements import Elements
from scheduler.errors import ElementsError

WARN_AGE_DAYS = 7.0
REFUSE_AGE_DAYS = 30.0


def age_warning(
    elements: Elements,
    at: datetime,
    *,
    warn_days: float = WARN_AGE_DAYS,
    refuse_days: float = REFUSE_AGE_DAYS,
    force: bool = False,
) -> str:
    """A sentence when the elements are old at that time, else empty.

    Raises:
        ElementsError: too old to be of use, unless `force`.
    """
    days = elements.age_days(at)
    if abs(days) < warn_days:
        return ""
    side = "after" if days > 0 else "before"
    name = f"{elements.name} ({elements.epoch:%Y-%m-%d})"
    said = f"the elements of {name} are used {_length(abs(days))} {side} their epoch"
    if abs(days) >= refuse_days and not force:
        raise ElementsError(f"{said}; {refuse_days:g} days are allowed: fetch newer ones, or add --force")
    return said


def _length(days: float) -> str:
    return f"{days / 365.25:.1f} years" if days > 730 else f"{days:.0f} days"
