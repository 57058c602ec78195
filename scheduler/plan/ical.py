"""A plan as a calendar: iCalendar (RFC 5545), one event per booking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from scheduler.plan.model import Booking, Plan

_WORDS = {
    "en": "{high}° high, {receiver} by {antenna}, {downlinks}, value {value:.2f}",
    "vi": "cao {high}°, {receiver} qua {antenna}, {downlinks}, giá trị {value:.2f}",
}
_HALF_ORBIT_S = 2700.0
_LINE_BYTES = 75  # RFC 5545, 3.1, the end of the line apart
_ZONE = [
    "BEGIN:VTIMEZONE",
    "TZID:UTC",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000",
    "END:STANDARD",
    "END:VTIMEZONE",
]


def to_ical(plan: Plan, stamp: datetime, *, language: str = "en") -> str:
    """The calendar; lines end with CR LF and times are UTC.

    A booking keeps its UID when newer elements move the pass by seconds (but for the one in a
    thousand that they move over a mark of 45 minutes), so calendars update the event.

    Args:
        plan: what is booked.
        stamp: when the plan was made (DTSTAMP).
        language: `en` or `vi`, of the descriptions.
    """
    return calendar("plan", (line for booking in plan.bookings for line in _event(booking, stamp, language)))


def calendar(made_by: str, events: Iterable[str]) -> str:
    """A whole calendar around the lines of its events; `made_by` names the product, in letters.

    RFC 5545, 3.6 wants one component at least: where nothing comes it holds the time zone UTC, which no
    calendar shows.
    """
    lines = list(events) or _ZONE
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//tramthu//{made_by}//EN", "CALSCALE:GREGORIAN"]
    return "".join(f"{folded}\r\n" for line in [*head, *lines, "END:VCALENDAR"] for folded in _folded(line))


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
    yield f"UID:{text_of(_uid(booking))}"
    yield f"DTSTAMP:{time_of(stamp.timestamp())}"
    yield f"DTSTART:{time_of(booking.start)}"
    yield f"DTEND:{time_of(booking.end)}"
    yield f"SUMMARY:{text_of(candidate.satellite)}"
    yield f"LOCATION:{text_of(candidate.station)}"
    yield f"DESCRIPTION:{text_of(description)}"
    yield "END:VEVENT"


def _uid(booking: Booking) -> str:
    """Passes of a satellite over a place lie an orbit apart: half of one tells them apart for good.

    A filler is known by its beginning.
    """
    seen, names = booking.candidate.seen, "+".join(need.name for need in booking.candidate.downlinks)
    half_orbits = round(seen.tca.timestamp() / _HALF_ORBIT_S)
    when = time_of(booking.start) if booking.filler else str(half_orbits)
    return f"{seen.norad_id}-{names}-{when}-{booking.candidate.station}@tramthu"


def time_of(seconds: float) -> str:
    """POSIX seconds as a UTC time of a calendar."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%SZ}"


def text_of(value: str) -> str:
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
