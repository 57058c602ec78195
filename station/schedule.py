"""The plan of one station and its catalogue brought together: what is entered, withdrawn, left alone.

What is under way and what begins soon are never moved. Everything later is planned anew each time, with a
little preference for what the last plan said.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from scheduler import plan as planner
from scheduler.elements import Elements
from scheduler.passes import Pass
from scheduler.plan import Candidate, DownlinkNeed, Plan, Settings, View, make_plan
from scheduler.plan.rules import direction
from scheduler.satellites import satellite
from station.candidates import Choice, History, Wanted, choose
from station.catalogue import Booking, Catalogue, Observation
from station.config import AntennaSection, StationConfig
from station.entries import entries_of, is_filler
from station.equipment import antenna_of, lead_s, receiver_of
from station.ledger import Rejected, enter_rejected
from station.resources import resources_of
from station.rolling import rolling_described
from station.shared import bring_forward, recording_end, tuned_hz
from station.sight import Sights

log = logging.getLogger(__name__)

_SAME_PASS = timedelta(minutes=15)
_SAME_TIME = timedelta(seconds=2)
_SAME_TURN_DEG = 90.0
_AREA = "area "


@dataclass(frozen=True)
class Schedule:
    """What the catalogue is to be told.

    Attributes:
        bookings: to be entered, by start.
        withdrawn: names of observations to be taken out before.
        rejected: every pass that is not taken, with its reason.
        problems: what a person should know.
        plan: what all of it comes from.
        shortened: when fillers under way are to end, earlier than they were booked.
    """

    bookings: tuple[Booking, ...]
    withdrawn: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    problems: tuple[str, ...]
    plan: Plan
    shortened: Mapping[str, datetime] = field(default_factory=dict)


def plan_station(
    config: StationConfig,
    sets: Sequence[Elements],
    now: datetime,
    taken: Sequence[Observation],
    *,
    sights: Sights | None = None,
) -> Schedule:
    """Plan the coming hours.

    Args:
        config: of the station.
        sets: elements of any age.
        now: nothing begins before.
        taken: observations of the last days and all that are to come.
        sights: kept between plans.

    Raises:
        SchedulerError: areas that cannot be read, or no plan could be made.
    """
    window = now, now + timedelta(hours=config.schedule.ahead_hours)
    wanted = [Wanted.of(section) for section in config.satellite]
    choice = choose([(config, wanted)], sets, window, history=history_of(taken), sights=sights)
    kept, movable = _divided(taken, now, timedelta(minutes=config.schedule.freeze_minutes))
    soon = now + timedelta(minutes=config.schedule.freeze_minutes)
    # What ended early, by a stop of the station or a fault, holds nothing until the end it was booked for.
    under_way = _once_per_pass([o for o in kept if o.end > now and _is_to_record(o)])
    endless = [o for o in under_way if _gives_way(o, soon)]
    over = [o for o in kept if o not in under_way]
    plan = make_plan(
        [c for c in choice.candidates if not any(is_of(c, o) for o in over)],
        resources_of([config], window),
        now,
        fixed=[
            replace(booked, end=int(soon.timestamp())) if o in endless else booked
            for o in under_way
            for booked in (_as_planned(config, o, choice.candidates),)
        ],
        last=[_as_planned(config, o, choice.candidates) for o in movable],
        fillers=choice.fillers,
        settings=Settings(time_limit_s=config.schedule.solver_s),
    )
    ends = {o.name: _end_before(o, plan, config) for o in endless}
    plan = replace(plan, bookings=_beside(plan.bookings, endless, ends))
    told = _told(config, choice, plan, movable, now)
    return replace(told, shortened={o.name: ends[o.name] for o in endless if ends[o.name] < recording_end(o)})


def enter_schedule(catalogue: Catalogue, schedule: Schedule, now: datetime) -> list[str]:
    """Bring the catalogue to what was planned; what of it could not be, in words.

    Raises:
        CatalogueError: the database cannot be written.
    """
    refused = []
    for name, end in schedule.shortened.items():
        log.info("%s: ends at %s, as a pass needs the receiver", name, f"{end:%H:%M:%S}")
        bring_forward(catalogue.observation(name), end)
        catalogue.bring_forward(name, end)
    for name in schedule.withdrawn:
        if catalogue.withdraw(name):
            log.info("withdrawn: %s", name)
    for booking in schedule.bookings:
        if catalogue.book(booking) is None:
            refused.append(f"{booking.name} is not booked: the catalogue holds that name or key already")
        else:
            log.info("booked %s, %.0f degrees high", booking.name, booking.max_elevation_deg)
    enter_rejected(catalogue, schedule.rejected, now)
    return refused


def history_of(taken: Sequence[Observation]) -> History:
    """When each satellite was last heard and each area last seen, of what was decoded."""
    heard: dict[int, float] = {}
    seen: dict[str, float] = {}
    for observation in taken:
        if observation.job("decode").state != "done":
            continue
        at = observation.tca.timestamp()
        heard[observation.norad_id] = max(at, heard.get(observation.norad_id, at))
        for part in observation.value_parts:
            if part.startswith(_AREA):
                area = part.removeprefix(_AREA)
                seen[area] = max(at, seen.get(area, at))
    return History(seen, heard)


def is_of(candidate: Candidate, observation: Observation) -> bool:
    """Whether an observation is of that pass and downlink."""
    return (
        candidate.seen.norad_id == observation.norad_id
        and observation.downlink in {need.name for need in candidate.downlinks}
        and abs(candidate.seen.tca - observation.tca) < _SAME_PASS
    )


def standing_in(
    config: StationConfig, taken: Sequence[Observation], candidates: Sequence[Candidate], start: datetime
) -> tuple[list[planner.Booking], tuple[Candidate, ...]]:
    """For a plan that changes nothing: what is booked or under way and stays, and the candidates beside it.

    Args:
        config: of one station.
        taken: what its catalogue holds.
        candidates: of this station and others.
        start: of the plan.
    """
    mine = [c for c in candidates if c.station == config.station.name]
    # A filler takes what time is left, and is planned anew.
    stays = _once_per_pass([o for o in taken if o.end > start and not is_filler(o)])
    over = [o for o in taken if o.end <= start]
    gone = {c.id for c in mine for o in over if is_of(c, o)}
    return [_as_planned(config, o, mine) for o in stays], tuple(c for c in candidates if c.id not in gone)


def _divided(
    taken: Sequence[Observation], now: datetime, freeze: timedelta
) -> tuple[list[Observation], list[Observation]]:
    """Those that stay as they are, and those that may be moved."""
    kept: list[Observation] = []
    movable: list[Observation] = []
    for observation in taken:
        begun = observation.job("record").state != "due" or observation.start <= now
        soon = observation.start <= now + freeze and not is_filler(observation)
        (kept if begun or soon else movable).append(observation)
    return kept, movable


def _once_per_pass(observations: Sequence[Observation]) -> list[Observation]:
    """Of several recordings of one pass, the last, as only it is still to be made."""
    latest: dict[tuple[int, str, int], Observation] = {}
    for observation in sorted(observations, key=lambda o: o.start):
        number = round(observation.tca.timestamp() / _SAME_PASS.total_seconds())
        latest[observation.norad_id, observation.downlink, number] = observation
    return list(latest.values())


def _is_to_record(observation: Observation) -> bool:
    return observation.job("record").state in ("due", "running")


def _gives_way(observation: Observation, soon: datetime) -> bool:
    """Whether it goes on when the next passes are fixed that it makes room for.

    What only fills the time does, where it rolls; what does not is short, and goes on to its end.
    """
    rolls = is_filler(observation) and rolling_described(observation) is not None
    return rolls and observation.job("record").state == "running" and recording_end(observation) > soon


def _end_before(observation: Observation, plan: Plan, config: StationConfig) -> datetime:
    """When it has to end for the passes of a plan."""
    antenna = antenna_of(observation, config)
    pause_s = receiver_of(observation, config).setup_s + lead_s(antenna)
    starts = [
        datetime.fromtimestamp(b.start - pause_s, UTC)
        for b in plan.bookings
        if not (b.fixed or b.filler) and _wants_what_it_has(b, observation, antenna)
    ]
    return min([recording_end(observation), *starts])


def _beside(
    bookings: Sequence[planner.Booking], endless: Sequence[Observation], ends: Mapping[str, datetime]
) -> tuple[planner.Booking, ...]:
    """Bookings, of which fillers begin when those under way are over."""
    left = list(bookings)
    for one in endless:
        end_s = -int(-ends[one.name].timestamp() // 1)
        left = [
            replace(b, start=max(b.start, end_s)) if b.filler and b.receiver == one.receiver else b
            for b in left
        ]
    return tuple(b for b in left if b.end > b.start)


def _wants_what_it_has(booking: planner.Booking, observation: Observation, antenna: AntennaSection) -> bool:
    turned = booking.antenna == observation.antenna and antenna.rotator is not None
    return booking.receiver == observation.receiver or turned


def _as_planned(
    config: StationConfig, observation: Observation, candidates: Sequence[Candidate]
) -> planner.Booking:
    """What stands in the catalogue, in the words of the plan."""
    use = satellite(observation.norad_id).downlink(observation.downlink)
    seen = Pass(
        observation.satellite,
        observation.norad_id,
        config.station.name,
        observation.aos,
        observation.tca,
        observation.los,
        observation.max_elevation_deg,
        aos_azimuth_deg=0.0,
        tca_azimuth_deg=0.0,
        los_azimuth_deg=0.0,
        sunlit_fraction=0.0,
        site_sun_elevation_deg=0.0,
    )
    need = DownlinkNeed(observation.downlink, observation.frequency_hz, use.bandwidth_hz or 0.0)
    return planner.Booking(
        Candidate(observation.name, seen, config.station.name, observation.satellite, (need,)),
        observation.receiver or config.receivers[0].name,
        observation.antenna or config.all_antennas[0].name,
        int(observation.start.timestamp()),
        # Its recording may go on for others that share it.
        -int(-recording_end(observation).timestamp() // 1),
        tuned_hz(observation),
        _view_of(observation, candidates),
    )


def _view_of(observation: Observation, candidates: Sequence[Candidate]) -> View | None:
    """The turn of the cable by which it was booked, as the pass is seen now."""
    booked = observation.start_direction
    if booked is None:
        return None
    views = [
        (abs(float(direction(view, observation.start.timestamp())[0]) - booked[0]), number, view)
        for candidate in candidates
        if is_of(candidate, observation)
        for number, view in enumerate(candidate.views)
        if view.antenna == observation.antenna and view.azimuth_deg.size
    ]
    off_deg, _, view = min(views, default=(math.inf, 0, None))
    return view if off_deg < _SAME_TURN_DEG else None


def _told(
    config: StationConfig, choice: Choice, plan: Plan, movable: Sequence[Observation], now: datetime
) -> Schedule:
    """The difference between the plan and the catalogue."""
    wanted = [
        b
        for booked in plan.bookings
        if not booked.fixed
        for b in entries_of(config, choice.elements[booked.candidate.seen.norad_id], booked)
    ]
    stays = {o.name: b for b in wanted for o in movable if _unchanged(o, b)}
    return Schedule(
        bookings=tuple(b for b in wanted if not any(b is kept for kept in stays.values())),
        withdrawn=tuple(o.name for o in movable if o.name not in stays),
        rejected=tuple(Rejected.of(rejection, now) for rejection in plan.rejected),
        problems=choice.problems,
        plan=plan,
    )


def _unchanged(observation: Observation, booking: Booking) -> bool:
    """Whether an observation stands in the catalogue as it is booked now; newer elements are a change."""
    same = all(
        getattr(observation, name) == getattr(booking, name)
        for name in (
            "norad_id",
            "downlink",
            "frequency_hz",
            "receiver",
            "antenna",
            "elements",
            "center_hz",
        )
    )
    return (
        same
        and _same_turn(observation, booking)
        and all(
            abs(getattr(observation, name) - getattr(booking, name)) <= _SAME_TIME
            for name in ("start", "end")
        )
    )


def _same_turn(a: Booking, b: Booking) -> bool:
    if a.start_direction is None or b.start_direction is None:
        return a.start_direction is b.start_direction
    return abs(a.start_direction[0] - b.start_direction[0]) < _SAME_TURN_DEG
