"""What is booked and what is left, as the page and its interface show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from station.catalogue import Catalogue, Observation
from station.ledger import Rejected, rejected_passes
from station.web.sentences import decimals_in
from station.web.texts import all_texts, span_times

_BACK = timedelta(hours=24)  # how long a pass that was left stays on the page


@dataclass(frozen=True)
class BookedRow:
    """One recording that is to come, or under way."""

    name: str
    time: str
    satellite: str
    elevation: str
    state: str
    state_text: str
    by: str
    value: str
    parts: str


@dataclass(frozen=True)
class RejectedRow:
    """One pass that is not taken."""

    time: str
    satellite: str
    elevation: str
    why: str


def booked_rows(catalogue: Catalogue, now: datetime, language: str) -> list[BookedRow]:
    """By start, in the reader's words."""
    return [_booked(observation, language) for observation in _coming(catalogue, now)]


def rejected_rows(catalogue: Catalogue, now: datetime, language: str) -> list[RejectedRow]:
    """Of the last day and to come, by rise, in the reader's words."""
    return [
        RejectedRow(
            span_times(one.aos, one.los),
            one.satellite,
            f"{one.max_elevation_deg:.0f}°",
            decimals_in(language, one.words.get(language) or one.words.get("en") or one.reason),
        )
        for one in rejected_passes(catalogue, since=now - _BACK)
    ]


def plan_json(catalogue: Catalogue, now: datetime) -> dict[str, Any]:
    """For programs; times in UTC with Z."""
    return {
        "bookings": [_booking_json(observation) for observation in _coming(catalogue, now)],
        "rejected": [_rejected_json(one) for one in rejected_passes(catalogue, since=now - _BACK)],
    }


def _coming(catalogue: Catalogue, now: datetime) -> list[Observation]:
    found = [o for o in catalogue.unfinished() if o.end > now and o.job("record").state in ("due", "running")]
    return sorted(found, key=lambda o: o.start)


def _booked(observation: Observation, language: str) -> BookedRow:
    text = all_texts()[language]
    # Areas may be named by anything: the numbers alone are written as the reader's language does.
    parts = {
        _part(name, text): decimals_in(language, f"{part:.2f}")
        for name, part in observation.value_parts.items()
    }
    return BookedRow(
        name=observation.name,
        time=span_times(observation.start, observation.end),
        satellite=observation.satellite,
        elevation=f"{observation.max_elevation_deg:.0f}°",
        state=observation.state,
        state_text=text[observation.state],
        by=", ".join(name for name in (observation.receiver, observation.antenna) if name),
        value=decimals_in(language, f"{observation.value:.2f}"),
        parts=" · ".join(f"{name} {part}" for name, part in parts.items()),
    )


def _part(name: str, text: Mapping[str, str]) -> str:
    """What of the value: the picture as such, or an area by its name."""
    kind, _, rest = name.partition(" ")
    return f"{text.get(f'part_{kind}', kind)} {rest}".strip()


def _booking_json(observation: Observation) -> dict[str, Any]:
    times = {name: _z(getattr(observation, name)) for name in ("aos", "tca", "los", "start", "end")}
    names = ("name", "satellite", "norad_id", "downlink", "max_elevation_deg", "receiver", "antenna", "value")
    return (
        {name: getattr(observation, name) for name in names}
        | times
        | {"value_parts": dict(observation.value_parts), "state": observation.state}
    )


def _rejected_json(one: Rejected) -> dict[str, Any]:
    record = asdict(one)
    return {key: _z(value) if isinstance(value, datetime) else value for key, value in record.items()}


def _z(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
