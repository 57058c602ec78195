"""Passes as a calendar (iCalendar, RFC 5545); that of a plan is `scheduler.plan.ical`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from scheduler.passes import Pass

_LONGEST_OCTETS = 75  # of a line, section 3.1


def passes_calendar(passes: Sequence[Pass], made_at: datetime) -> str:
    """One event for each pass, from rise to set."""
    events = (line for seen in passes for line in _event(seen, made_at))
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tramthu//tramthu//EN", *events, "END:VCALENDAR"]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _event(seen: Pass, made_at: datetime) -> Iterator[str]:
    said = f"rises at azimuth {seen.aos_azimuth_deg:.0f}°, sets at {seen.los_azimuth_deg:.0f}°"
    yield "BEGIN:VEVENT"
    yield f"UID:{seen.norad_id}-{_time(seen.tca)}-{_text(seen.site)}@tramthu"
    yield f"DTSTAMP:{_time(made_at)}"
    yield f"DTSTART:{_time(seen.aos)}"
    yield f"DTEND:{_time(seen.los)}"
    yield f"SUMMARY:{_text(f'{seen.satellite} {seen.max_elevation_deg:.0f}°')}"
    yield f"LOCATION:{_text(seen.site)}"
    yield f"DESCRIPTION:{_text(said)}"
    yield "END:VEVENT"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Escaped, section 3.3.11."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return value


def _folded(line: str) -> str:
    """Cut into lines of 75 octets, never within a character; what follows begins with a blank."""
    parts, room = [""], _LONGEST_OCTETS
    for character in line:
        size = len(character.encode())
        if size > room:
            parts.append("")
            room = _LONGEST_OCTETS - 1
        parts[-1] += character
        room -= size
    return "\r\n ".join(parts)
