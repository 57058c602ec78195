"""From elements and configuration to what the plan chooses from: the coming passes, each with its worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scheduler.ageing import timing_error_s
from scheduler.areas import Area, areas_of, load_areas
from scheduler.elements import Elements, select
from scheduler.errors import ElementsError, SchedulerError
from scheduler.geostationary import elements_of
from scheduler.link_budget import cn0_dbhz
from scheduler.passes import Pass, find_all_passes
from scheduler.plan import Candidate, DownlinkNeed, Filler, Reason, View, reason
from scheduler.satellites import DownlinkUse, Satellite, satellite
from scheduler.value import value_of
from station.config import SatelliteSection, StationConfig
from station.freshness import age_warning, expected_late_s
from station.resources import recording_bytes_per_s
from station.sight import Sights

_HEARD = 0.05  # chance of a decoded second, below which nothing is expected of a pass
_LEAST_S = 60
_AROUND_DEG = 1.0
_FILLER_LEAST_S = 600
_MOST_LATE_S = 300.0  # however old the elements are
_WILD_S = 1800.0  # a third of a revolution in low orbit
_GEOSTATIONARY_REV_PER_DAY = 1.1


@dataclass(frozen=True)
class History:
    """POSIX time of the last picture by area, and of the last reception by catalogue number."""

    last_seen: Mapping[str, float] = field(default_factory=dict)
    last_heard: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """One satellite on one downlink, as a station wants it."""

    satellite: Satellite
    use: DownlinkUse
    min_elevation_deg: float = 10.0
    priority: float = 1.0

    @classmethod
    def of(cls, section: SatelliteSection) -> Wanted:
        """From the configuration, which holds names that exist."""
        known = satellite(section.name)
        use = known.downlink(section.downlink)
        if section.frequency_hz:
            use = replace(use, frequency_hz=section.frequency_hz)
        return cls(known, use, section.min_elevation_deg, float(section.priority))


@dataclass(frozen=True)
class Choice:
    """What the plan chooses from, the elements by catalogue number, and what is to be warned of."""

    candidates: tuple[Candidate, ...]
    fillers: tuple[Filler, ...]
    elements: Mapping[int, Elements]
    problems: tuple[str, ...]


def choose(
    stations: Sequence[tuple[StationConfig, Sequence[Wanted]]],
    sets: Sequence[Elements],
    window: tuple[datetime, datetime],
    *,
    history: History | None = None,
    sights: Sights | None = None,
    force: bool | None = None,
) -> Choice:
    """Every pass in the window that one of the stations could take, and those it could not, with the reason.

    Args:
        stations: each with what it wants.
        sets: elements; of each satellite those nearest to the beginning are taken.
        window: first and last moment; a pass under way counts.
        history: what was seen and heard before.
        sights: kept between calls.
        force: use elements of any age; None where nobody can say so.

    Raises:
        AreaError: a file of areas of interest cannot be used.
    """
    work = _Work(window, history or History(), sights or Sights(), len(stations) > 1, force)
    for station, wanted in stations:
        areas = load_areas(station.areas.file) if station.areas.file else areas_of(_around(station))
        for one in wanted:
            work.add(station, one, areas, sets)
    work.sights.forget_unused()
    return Choice(
        tuple(work.candidates), tuple(work.fillers), work.elements, tuple(dict.fromkeys(work.problems))
    )


@dataclass
class _Work:
    """A choice in the making."""

    window: tuple[datetime, datetime]
    history: History
    sights: Sights
    shared: bool
    force: bool | None
    candidates: list[Candidate] = field(default_factory=list)
    fillers: list[Filler] = field(default_factory=list)
    elements: dict[int, Elements] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(
        self, station: StationConfig, wanted: Wanted, areas: Sequence[Area], sets: Sequence[Elements]
    ) -> None:
        """All passes of one satellite over one station."""
        start, end = self.window
        try:
            elements = _elements_of(wanted.satellite, sets, start)
        except SchedulerError as error:
            self.problems.append(f"{wanted.satellite.name}: no pass is booked: {error}")
            return
        too_old = self._too_old(station, elements)
        if too_old is not None and expected_late_s(elements, start) > _WILD_S:
            return  # times that far off name no pass
        found = find_all_passes([elements], [(station.station.site, station.station.mask)], start, end)
        self.problems += found.problems
        self.elements[elements.norad_id] = elements
        for seen in found.passes:
            if seen.los <= start:
                continue
            if seen.complete:
                made = self.candidate(station, wanted, areas, elements, seen, refused=too_old)
                self.candidates.append(made)
            elif elements.mean_motion_rev_per_day < _GEOSTATIONARY_REV_PER_DAY:
                always = replace(seen, aos=max(seen.aos, start), los=min(seen.los, end))
                made = self.candidate(station, wanted, areas, elements, always)
                # Without a price of its own: it fills the time between passes and displaces none.
                self.fillers.append(Filler(replace(made, least_s=_FILLER_LEAST_S, margin_s=0)))

    def _too_old(self, station: StationConfig, elements: Elements) -> Reason | None:
        """Why none of its passes is booked, None where the elements will do; old ones are spoken of."""
        start = self.window[0]
        try:
            warning = age_warning(elements, start, station.elements.limits, force=self.force)
        except ElementsError as error:
            self.problems.append(f"{elements.name}: no pass is booked: {error}")
            late_s = expected_late_s(elements, start)
            return reason("elements_too_old", age=f"{elements.age_days(start):.0f}", late=f"{late_s:.0f}")
        if warning:
            self.problems.append(warning)
        return None

    def candidate(
        self,
        station: StationConfig,
        wanted: Wanted,
        areas: Sequence[Area],
        elements: Elements,
        seen: Pass,
        *,
        refused: Reason | None = None,
    ) -> Candidate:
        """One pass with its worth by every antenna that can take it; `refused` before, it has none."""
        use, name = wanted.use, station.station.name
        hearing = station.hearing(use.frequency_hz, use.bandwidth_hz or 0.0)
        refused = refused or _refused(wanted, seen)
        views: list[View] = []
        best_dbhz = -math.inf
        for antenna in station.all_antennas:
            if refused is not None or antenna.name not in {a for _, a in hearing}:
                continue
            sight = self.sights.sight(station, antenna, use, elements, seen)
            for turn, loss in zip(sight.turns, sight.loss_db, strict=True):
                cn0 = cn0_dbhz(use, antenna.model, sight.curve, loss)
                best_dbhz = max(best_dbhz, float(cn0.max()))
                value = value_of(
                    seen,
                    sight.curve,
                    sight.over,
                    satellite=wanted.satellite,
                    use=use,
                    antenna=antenna.model,
                    areas=areas,
                    weights=station.weights.weights,
                    priority=wanted.priority,
                    last_seen=self.history.last_seen,
                    last_heard=self.history.last_heard.get(seen.norad_id),
                    pointing_loss_db=loss,
                    shared=self.shared,
                )
                if value.usable.max(initial=0.0) >= _HEARD:
                    sky = sight.curve.azimuth_deg, sight.curve.elevation_deg
                    views.append(View(antenna.name, value, *turn, sky=sky))
        if refused is None and math.isfinite(best_dbhz) and not views:
            required = use.required_cn0_dbhz or math.nan
            refused = reason("link_too_weak", cn0=f"{best_dbhz:.1f}", required=f"{required:.1f}")
        taking = [station.receiver(receiver) for receiver, _ in hearing]
        late_s = timing_error_s(elements, seen.tca) if seen.complete else 0.0
        return Candidate(
            id=f"{name}/{seen.norad_id}@{seen.tca:%Y%m%dT%H%M%SZ}/{use.name}",
            seen=seen,
            station=name,
            satellite=wanted.satellite.name,
            downlinks=(DownlinkNeed(use.name, use.frequency_hz, use.bandwidth_hz or 0.0),),
            views=tuple(views),
            least_s=_LEAST_S,
            margin_s=math.ceil(station.schedule.margin_s + min(late_s, _MOST_LATE_S)),
            bytes_per_s=max((recording_bytes_per_s(r) for r in taking), default=0.0),
            power_w=max((_power_w(station, r, a) for r, a in hearing), default=0.0),
            priority=wanted.priority,
            refused=refused,
        )


def _elements_of(one: Satellite, sets: Sequence[Elements], start: datetime) -> Elements:
    """Its set of the nearest epoch; of one that stands still, made for the day."""
    if one.geostationary_longitude_deg is not None:
        return elements_of(one, start.replace(hour=0, minute=0, second=0, microsecond=0))
    return select(sets, one.norad_id, start)


def _around(station: StationConfig) -> dict[str, Any]:
    """Where no areas are configured, what counts is the land about the station."""
    site = station.station.site
    north = [max(min(site.latitude_deg + by, 90.0), -90.0) for by in (-_AROUND_DEG, _AROUND_DEG)]
    east = [site.longitude_deg + by for by in (-_AROUND_DEG, _AROUND_DEG)]
    ring = [[east[a], north[b]] for a, b in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"name": f"around {site.name}"}, "geometry": geometry}


def _refused(wanted: Wanted, seen: Pass) -> Reason | None:
    """What speaks against a pass before any antenna is asked."""
    if not wanted.use.on_air:
        return reason("satellite_off", status=wanted.use.status)
    if seen.max_elevation_deg < wanted.min_elevation_deg:
        return reason(
            "below_elevation",
            elevation=f"{seen.max_elevation_deg:.1f}",
            least=f"{wanted.min_elevation_deg:g}",
        )
    return None


def _power_w(station: StationConfig, receiver: str, antenna: str) -> float:
    rotator = station.antenna(antenna).rotator
    return station.receiver(receiver).power_w + (rotator.power_w if rotator else 0.0)
