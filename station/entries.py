"""A pass that is booked, in the words of the catalogue."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from scheduler.elements import Elements
from scheduler.passes import Pass
from scheduler.satellites import DownlinkUse, satellite
from station.config import SatelliteSection, StationConfig
from station.records import Booking, Observation
from station.rolling import can_roll

if TYPE_CHECKING:
    from scheduler import plan as planner

_FILLER = "/filler"  # ends the key of one
_PIECE = timedelta(minutes=30)
_ROLLING_PIECE = timedelta(days=1)  # its results come segment by segment
_LEAST_PIECE = timedelta(minutes=5)


def booking_of(
    config: StationConfig,
    wanted: SatelliteSection,
    elements: Elements,
    seen: Pass,
    window: tuple[datetime, datetime],
) -> Booking:
    """A pass in the words of the catalogue, for the first receiver."""
    use = satellite(wanted.name).downlink(wanted.downlink)
    use = replace(use, frequency_hz=wanted.frequency_hz or use.frequency_hz)
    (receiver, antenna), *_ = config.hearing(use.frequency_hz, use.bandwidth_hz or 0.0)
    return _booking(config, use, elements, seen, window, receiver=receiver, antenna=antenna)


def entries_of(config: StationConfig, elements: Elements, booked: planner.Booking) -> list[Booking]:
    """A booking of the plan as the catalogue wants it; a filler in pieces."""
    seen = booked.candidate.seen
    (need,) = booked.candidate.downlinks
    use = satellite(seen.norad_id).downlink(need.name)
    use = replace(use, frequency_hz=need.frequency_hz)
    window = _utc(booked.start), _utc(booked.end)
    made = _booking(
        config,
        use,
        elements,
        replace(seen, satellite=booked.candidate.satellite),
        window,
        receiver=booked.receiver,
        antenna=booked.antenna,
    )
    made = replace(
        made,
        value=booked.value,
        value_parts=dict(booked.value_parts),
        start_direction=_start_direction(booked),
        center_hz=_center_hz(config, booked),
    )
    if not booked.filler:
        return [made]
    rolls = can_roll(config.receiver(booked.receiver))
    return _pieces(made, _ROLLING_PIECE if rolls else _PIECE)


def is_filler(observation: Observation) -> bool:
    """Whether it fills the time between passes."""
    return observation.key.endswith(_FILLER)


def _pieces(booking: Booking, length: timedelta) -> list[Booking]:
    """A filler cut at whole half hours or days, so that what was received is decoded and shown soon."""
    edges = [booking.start]
    while edges[-1] < booking.end:
        edges.append(min(_next_mark(edges[-1], length), booking.end))
    return [
        replace(
            booking,
            name=f"{start:%Y%m%dT%H%M%SZ}_{_plain(booking.satellite)}",
            key=f"{booking.norad_id}@{start:%Y%m%dT%H%M%SZ}{_FILLER}",
            aos=start,
            tca=start + (end - start) / 2,
            los=end,
            start=start,
            end=end,
        )
        for start, end in pairwise(edges)
        if end - start >= _LEAST_PIECE
    ]


def _center_hz(config: StationConfig, booked: planner.Booking) -> float | None:
    """Of a receiver that takes several downlinks at once; any other is tuned to the one."""
    return booked.center_hz if config.receiver(booked.receiver).wide else None


def _start_direction(booked: planner.Booking) -> list[float] | None:
    from scheduler.plan.rules import direction

    if booked.view is None or not booked.view.azimuth_deg.size:
        return None
    return [round(float(angle), 2) for angle in direction(booked.view, booked.start)]


def _next_mark(moment: datetime, length: timedelta) -> datetime:
    seconds = length.total_seconds()
    return _utc((moment.timestamp() // seconds + 1) * seconds)


def _booking(
    config: StationConfig,
    use: DownlinkUse,
    elements: Elements,
    seen: Pass,
    window: tuple[datetime, datetime],
    *,
    receiver: str,
    antenna: str,
) -> Booking:
    start, end = window
    others = sum(satellite(s.name).norad_id == seen.norad_id for s in config.satellite) > 1
    return Booking(
        name=f"{start:%Y%m%dT%H%M%SZ}_{_plain(seen.satellite)}{f'_{use.name}' if others else ''}",
        key=f"{seen.norad_id}@{seen.tca:%Y%m%dT%H%M%SZ}/{start:%H%M%S}/{use.name}",
        satellite=seen.satellite,
        norad_id=seen.norad_id,
        downlink=use.name,
        frequency_hz=use.frequency_hz,
        site=asdict(config.station.site),
        elements=elements.to_omm(),
        aos=seen.aos,
        tca=seen.tca,
        los=seen.los,
        start=start,
        end=end,
        max_elevation_deg=seen.max_elevation_deg,
        receiver=receiver,
        antenna=antenna,
    )


def _plain(name: str) -> str:
    return name.replace(" ", "_")


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
