"""A plan as a calendar: iCalendar (RFC 5545), one event per booking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from scheduler.plan.model import Booking, Plan

_WORDS = {
    "en": "{high}° high, {receiver} by {antenna}, {downlinks}, value {value:.2f}",
    "vi": "cao {high}°, {receiver} qua {antenna}, {downlinks}, giá trị {value:.2f}",
}
_HALF_ORBIT_S = 2700.0
_LINE_BYTES = 75  # RFC 5545, 3.1, the end of the line apart


def to_ical(plan: Plan, stamp: datetime, *, language: str = "en") -> str:
    """The calendar; lines end with CR LF and times are UTC.

    A booking keeps its UID when newer elements move the pass by seconds (but for the one in a
    thousand that they move over a mark of 45 minutes), so calendars update the event.

    Args:
        plan: what is booked.
        stamp: when the plan was made (DTSTAMP).
        language: `en` or `vi`, of the descriptions.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tramthu//plan//EN", "CALSCALE:GREGORIAN"]
    lines += [line for booking in plan.bookings for line in _event(booking, stamp, language)]
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _folded(line))


def _event(booking: Booking, stamp: datetime, language: str) -> Iterator[str]:
    candidate = booking.candidate
    description = _WORDS[language].format(
        high=round(candidate.seen.max_elevation_deg),
        receiver=booking.receiver,
        antenna=booking.antenna,
        downlinks=", ".join(need.name for need in candidate.downlinks),
        value=booking.value,
    )
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(_uid(booking))}"
    yield f"DTSTAMP:{_time(stamp.timestamp())}"
    yield f"DTSTART:{_time(booking.start)}"
    yield f"DTEND:{_time(booking.end)}"
    yield f"SUMMARY:{_text(candidate.satellite)}"
    yield f"LOCATION:{_text(candidate.station)}"
    yield f"DESCRIPTION:{_text(description)}"
    yield "END:VEVENT"


def _uid(booking: Booking) -> str:
    """Passes of a satellite over a place lie an orbit apart: half of one tells them apart for good.

    A filler is known by its beginning.
    """
    seen, names = booking.candidate.seen, "+".join(need.name for need in booking.candidate.downlinks)
    half_orbits = round(seen.tca.timestamp() / _HALF_ORBIT_S)
    when = _time(booking.start) if booking.filler else str(half_orbits)
    return f"{seen.norad_id}-{names}-{when}-{booking.candidate.station}@tramthu"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Escaped as RFC 5545, 3.3.11 says."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return "".join(c for c in value if c >= " " and not "\x7f" <= c <= "\x9f")  # CONTROL of 3.1, and C1


def _folded(line: str) -> Iterator[str]:
    """At most 75 octets a line, never within a character; what follows begins with a blank."""
    current, size = "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _LINE_BYTES:
            yield current
            current, size = " ", 1
        current, size = current + character, size + octets
    yield current
