"""A plan as a calendar (iCalendar, RFC 5545) that a telephone can subscribe to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from scheduler.passes import Pass
from scheduler.plan import Booking, Plan

_LONGEST_OCTETS = 75  # of a line, section 3.1


def plan_calendar(plan: Plan, made_at: datetime) -> str:
    """One event for each recording, over the time of the recording."""
    return _calendar(line for booking in plan.bookings for line in _booked(booking, made_at))


def passes_calendar(passes: Sequence[Pass], made_at: datetime) -> str:
    """One event for each pass, from rise to set."""
    return _calendar(line for seen in passes for line in _risen(seen, made_at))


def _calendar(events: Iterator[str]) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tramthu//tramthu//EN", *events, "END:VCALENDAR"]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _booked(booking: Booking, made_at: datetime) -> Iterator[str]:
    seen = booking.candidate.seen
    links = ", ".join(need.name for need in booking.candidate.downlinks)
    start, end = (datetime.fromtimestamp(t, UTC) for t in (booking.start, booking.end))
    said = f"{links} by {booking.receiver}, {booking.antenna}; value {booking.value:.2f}"
    yield from _event(booking.candidate.id, (start, end), seen, said, made_at)


def _risen(seen: Pass, made_at: datetime) -> Iterator[str]:
    said = f"rises at azimuth {seen.aos_azimuth_deg:.0f}°, sets at {seen.los_azimuth_deg:.0f}°"
    key = f"{seen.site}/{seen.norad_id}@{_time(seen.tca)}"
    yield from _event(key, (seen.aos, seen.los), seen, said, made_at)


def _event(
    key: str, span: tuple[datetime, datetime], seen: Pass, said: str, made_at: datetime
) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(key)}-{_time(span[0])}@tramthu"
    yield f"DTSTAMP:{_time(made_at)}"
    yield f"DTSTART:{_time(span[0])}"
    yield f"DTEND:{_time(span[1])}"
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
