"""Passes as a calendar (iCalendar, RFC 5545); that of a plan is `scheduler.plan.ical`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from scheduler.passes import Pass
from scheduler.plan.ical import calendar, text_of, time_of


def passes_calendar(passes: Sequence[Pass], made_at: datetime) -> str:
    """One event for each pass, from rise to set."""
    return calendar("passes", (line for seen in passes for line in _event(seen, made_at)))


def _event(seen: Pass, made_at: datetime) -> Iterator[str]:
    said = f"rises at azimuth {seen.aos_azimuth_deg:.0f}°, sets at {seen.los_azimuth_deg:.0f}°"
    yield "BEGIN:VEVENT"
    yield f"UID:{seen.norad_id}-{time_of(seen.tca.timestamp())}-{text_of(seen.site)}@tramthu"
    yield f"DTSTAMP:{time_of(made_at.timestamp())}"
    yield f"DTSTART:{time_of(seen.aos.timestamp())}"
    yield f"DTEND:{time_of(seen.los.timestamp())}"
    yield f"SUMMARY:{text_of(f'{seen.satellite} {seen.max_elevation_deg:.0f}°')}"
    yield f"LOCATION:{text_of(seen.site)}"
    yield f"DESCRIPTION:{text_of(said)}"
    yield "END:VEVENT"
