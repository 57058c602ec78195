"""Which of the coming passes are observed: above the wanted elevation, with fresh elements, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from scheduler.elements import Elements, select
from scheduler.errors import SchedulerError
from scheduler.passes import Pass, find_passes
from scheduler.satellites import satellite
from station.catalogue import Booking, Observation
from station.config import SatelliteSection, StationConfig
from station.freshness import age_warning

_SAME_PASS = timedelta(minutes=15)


@dataclass(frozen=True)
class Plan:
    """What is booked, what is not and why, and what is to be warned of."""

    bookings: tuple[Booking, ...]
    rejected: tuple[tuple[Pass, str], ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    wanted: SatelliteSection
    elements: Elements
    seen: Pass


def plan_passes(
    config: StationConfig, sets: Sequence[Elements], now: datetime, taken: Sequence[Observation]
) -> Plan:
    """Book the passes of the coming hours that are not in the catalogue yet.

    Where two overlap, the higher priority wins, then the higher culmination; what is in the catalogue already
    is never moved for a better one.
    """
    candidates, problems = _candidates(config, sets, now)
    margin = timedelta(seconds=config.schedule.margin_s)
    busy = [(o.start, o.end, o.name) for o in taken]
    bookings: list[Booking] = []
    rejected: list[tuple[Pass, str]] = []
    candidates.sort(key=lambda c: (-c.wanted.priority, -c.seen.max_elevation_deg))
    for candidate in candidates:
        seen = candidate.seen
        if any(_same(seen, o) for o in taken):
            continue
        start, end = max(seen.aos - margin, now), seen.los + margin
        blocker = next((name for a, b, name in busy if start < b and a < end), None)
        if blocker:
            rejected.append((seen, f"the receiver is taken by {blocker}"))
            continue
        bookings.append(booking_of(config, candidate.wanted, candidate.elements, seen, (start, end)))
        busy.append((start, end, bookings[-1].name))
    bookings.sort(key=lambda b: b.start)
    return Plan(tuple(bookings), tuple(rejected), tuple(problems))


def booking_of(
    config: StationConfig,
    wanted: SatelliteSection,
    elements: Elements,
    seen: Pass,
    window: tuple[datetime, datetime],
) -> Booking:
    """A pass in the words of the catalogue."""
    use = satellite(wanted.name).downlink(wanted.downlink)
    start, end = window
    return Booking(
        name=f"{start:%Y%m%dT%H%M%SZ}_{seen.satellite.replace(' ', '_')}",
        key=f"{seen.norad_id}@{seen.tca:%Y%m%dT%H%M%SZ}/{start:%H%M%S}",
        satellite=seen.satellite,
        norad_id=seen.norad_id,
        downlink=use.name,
        frequency_hz=wanted.frequency_hz or use.frequency_hz,
        site=asdict(config.station.site),
        elements=elements.to_omm(),
        aos=seen.aos,
        tca=seen.tca,
        los=seen.los,
        start=start,
        end=end,
        max_elevation_deg=seen.max_elevation_deg,
    )


def _candidates(
    config: StationConfig, sets: Sequence[Elements], now: datetime
) -> tuple[list[_Candidate], list[str]]:
    found: list[_Candidate] = []
    problems: list[str] = []
    until = now + timedelta(hours=config.schedule.ahead_hours)
    limits = config.elements
    for wanted in config.satellite:
        try:
            elements = select(sets, satellite(wanted.name).norad_id, now)
            warning = age_warning(
                elements, now, warn_days=limits.warn_age_days, refuse_days=limits.refuse_age_days
            )
            seen = find_passes(
                elements,
                config.station.site,
                now,
                until,
                min_elevation_deg=wanted.min_elevation_deg,
                horizon=config.station.mask,
            )
        except SchedulerError as error:
            problems.append(f"{wanted.name}: no pass is booked: {error}")
            continue
        if warning:
            problems.append(warning)
        found += [_Candidate(wanted, elements, p) for p in seen if p.complete and p.los > now]
    return found, problems


def _same(seen: Pass, other: Observation) -> bool:
    return seen.norad_id == other.norad_id and abs(seen.tca - other.tca) < _SAME_PASS
