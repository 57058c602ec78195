"""Orbital elements: whether they are there, and young enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from scheduler.element_clock import ClockState, clock_against_elements
from scheduler.elements import Elements, load_elements, select
from scheduler.errors import SchedulerError
from scheduler.fetch import ElementStore
from scheduler.satellites import satellite
from station.config import StationConfig
from station.doctor.check import Check
from station.element_supply import store_of
from station.freshness import age_warning


def element_checks(config: StationConfig) -> Iterator[Check]:
    """Of each satellite that is wanted, and what they say of this machine's clock."""
    mend = "curl -fsS -o FILE 'https://celestrak.org/NORAD/elements/gp.php?GROUP=weather&FORMAT=JSON'"
    sets = ElementStore(store_of(config)).elements() if store_of(config).is_dir() else []
    for path in config.elements.files:
        try:
            sets += load_elements(path)
        except SchedulerError as error:
            yield Check("elements", "wrong", str(error), mend)
    limits, now = config.elements.limits, datetime.now(UTC)
    if (clock := _clock_against(sets, now)) is not None:
        yield clock
    for wanted in config.satellite if sets else ():
        try:
            chosen = select(sets, satellite(wanted.name).norad_id, now)
            said = age_warning(chosen, now, limits)
        except SchedulerError as error:
            yield Check("elements", "wrong", str(error), mend)
            continue
        fresh = f"{chosen.name}: {chosen.age_days(now):.1f} days old"
        yield Check("elements", "warn" if said else "ok", said or fresh, mend if said else "")


def _clock_against(sets: list[Elements], now: datetime) -> Check | None:
    """The machine's clock against the elements' own epochs; None where they do not say that it is off."""
    found = clock_against_elements(sets, now)
    if found.state not in (ClockState.BEHIND, ClockState.AHEAD):
        return None
    return Check("clock", "wrong", found.said, "set it: timedatectl set-time, chrony, or a GNSS receiver")
