"""A rotator through one pass: planned whole from where it stands, followed, parked if nothing comes soon.

Beside the recording, never in its way: what goes wrong here is logged, and the recording goes on.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hardware.errors import HardwareError
from hardware.follow import FollowReport, follow
from hardware.rest import Rest
from hardware.rotctld import Rotctld
from hardware.safety import Inhibit
from hardware.track import TrackPlan, move_time_s, plan_track
from hardware.watch import MotionWatch
from scheduler.elements import Elements
from scheduler.passes import Site
from scheduler.track import track
from station.config import AntennaSection, RotatorSection
from station.motion_word import NOT_INHIBITED
from station.rotator_lock import held_by_recorder
from station.sight import worth_by_height

log = logging.getLogger(__name__)

_RETRY_S = 5.0
_PARK_S = 20.0
_STEP_S = 0.2
ENDS_WITHIN_S = _PARK_S + 10.0  # after the pass
_LATE_S = 10.0  # costs less than another turn of the cable, which the next pass was not booked for


@dataclass(frozen=True)
class Pointing:
    """A satellite to be followed with an antenna from one time to another.

    `start_direction` is where the plan of the station has the rotator begin, in its own degrees: the turn of
    the cable that the passes before and after were booked for.
    """

    antenna: AntennaSection
    frequency_hz: float
    elements: Elements
    site: Site
    start: datetime
    end: datetime
    start_direction: tuple[float, float] | None = None
    park_after: bool = False

    @property
    def rotator(self) -> RotatorSection:
        """That of the antenna; only antennas with one are pointed."""
        assert self.antenna.rotator is not None  # noqa: S101 - for the type checker
        return self.antenna.rotator


def begin_pointing(
    wanted: Pointing, stop: threading.Event, inhibit: Callable[[], Inhibit | None] = NOT_INHIBITED
) -> threading.Thread:
    """Follow the satellite in a thread that ends by itself; its faults are logged, the recording goes on."""
    thread = threading.Thread(target=_follow, args=(wanted, stop, inhibit), name="rotator", daemon=True)
    thread.start()
    return thread


def connected(section: RotatorSection) -> Rotctld:
    """The rotator of the configuration; its connection is made by the first question."""
    return Rotctld(
        section.host,
        section.port,
        limits=section.limits,
        model=section.model or "",
        park_position=section.capabilities.park,
    )


def planned(wanted: Pointing, stands_at: tuple[float, float] | None, now: datetime | None) -> TrackPlan:
    """The commands of the whole pass, from where the rotator stands and when it may begin to move.

    Where it can be there in time, it begins where the booking has it begin; else from where it stands.

    Raises:
        HardwareError: the satellite is never up in that time, or the rotator stands outside its limits.
    """
    booked = wanted.start_direction
    if booked is None or stands_at is None or now is None:
        return _from(wanted, stands_at, now)
    model = wanted.rotator.capabilities
    late_s = now.timestamp() + move_time_s(model, stands_at, booked) - wanted.start.timestamp()
    try:
        plan = _from(wanted, booked, None) if late_s <= _LATE_S else None
    except HardwareError:  # a booking that does not fit this rotator any more
        plan = None
    if plan is None:
        return _from(wanted, stands_at, now)
    move_s = move_time_s(model, stands_at, plan.start)
    start_by = float(plan.time[0]) - max(move_s, model.latency_s)
    command_time = plan.command_time.copy()
    command_time[0] = start_by
    return replace(plan, start_by=start_by, move_s=move_s, command_time=command_time)


def _from(wanted: Pointing, stands_at: tuple[float, float] | None, now: datetime | None) -> TrackPlan:
    curve = track(wanted.elements, wanted.site, wanted.start, wanted.end)
    return plan_track(
        curve.time,
        curve.azimuth_deg,
        curve.elevation_deg,
        wanted.rotator.capabilities,
        wanted.antenna.model.beam_width_deg(wanted.frequency_hz),
        weight=worth_by_height(curve.elevation_deg),
        from_direction=stands_at,
        from_time=now.timestamp() if now else None,
    )


def follow_pass(
    wanted: Pointing,
    stop: threading.Event,
    inhibit: Callable[[], Inhibit | None] = NOT_INHIBITED,
    told: Callable[[TrackPlan], None] = lambda _plan: None,
    say: Callable[[str], None] = lambda _words: None,
) -> FollowReport:
    """Follow until the pass is over; `told` gets the plan before the first command, `say` each note.

    Raises:
        HardwareError: the rotator did not answer while the pass lasted, is another than expected, or stands
            where it must not.
    """
    rotator = connected(wanted.rotator)
    try:
        stands_at = _first_position(rotator, wanted.end, stop)
        plan = planned(wanted, stands_at, datetime.now(UTC))
        told(plan)
        model = wanted.rotator.capabilities
        watch = MotionWatch.of(model, shows_turns=wanted.rotator.tells_turns(rotator.driver.shows_turns))
        report = follow(rotator, plan, watch=watch, inhibit=inhibit, stop=stop, say=say)
        if wanted.park_after and not (report.fault or report.inhibited):
            _park(Rest(rotator, watch, say), inhibit, stop)
        return report
    finally:
        rotator.close()


def _park(rest: Rest, inhibit: Callable[[], Inhibit | None], stop: threading.Event) -> None:
    """Until it is seen to be parked, but no longer than the recorder waits; an operator's word stops it."""
    deadline = time.monotonic() + _PARK_S
    while time.monotonic() < deadline and not stop.is_set():
        forbidden = inhibit()
        if rest.step(park=forbidden is None or forbidden.park, now=time.monotonic()):
            return
        stop.wait(_STEP_S)


def _first_position(rotator: Rotctld, until: datetime, stop: threading.Event) -> tuple[float, float]:
    """Where it stands; a rotctld that is away is asked again while the pass lasts."""
    while True:
        try:
            return rotator.standing()
        except HardwareError as error:
            if datetime.now(UTC).timestamp() + _RETRY_S > until.timestamp() or stop.wait(_RETRY_S):
                raise
            log.warning("rotator: %s; asked again", error)


def _follow(wanted: Pointing, stop: threading.Event, inhibit: Callable[[], Inhibit | None]) -> None:
    name, end = wanted.antenna.name, wanted.end
    who = f"the recording of {wanted.elements.name}"
    try:
        with held_by_recorder(wanted.rotator, who, lambda: stop.is_set() or datetime.now(UTC) > end):
            report = follow_pass(
                wanted,
                stop,
                inhibit,
                lambda plan: log.info("%s: %s", name, words_of(plan)),
                lambda note: log.warning("%s: %s", name, note),
            )
    except HardwareError as error:
        log.error("%s: %s; the recording goes on without it", name, error)  # noqa: TRY400 - said whole
    except Exception:
        log.exception("%s: the rotator is stopped; the recording goes on without it", name)
    else:
        log.info("%s: %s", name, outcome_of(report))


def outcome_of(report: FollowReport) -> str:
    """How the rotator followed, in one line."""
    if math.isnan(report.worst_error_deg):
        how = "never seen in the pass"
    elif report.arrived:
        how = f"{report.worst_error_deg:.1f} degrees off at worst"
    else:
        how = f"not at its start in time, {report.worst_error_deg:.1f} degrees off at worst"
    troubles = (
        ("stopped: " + report.fault) if report.fault else "",
        ("at last not allowed to move: " + report.inhibited) if report.inhibited else "",
        f"without contact for {report.away_s:.0f} s" if report.away_s >= 1 else "",
        f"without taking commands for {report.refused_s:.0f} s" if report.refused_s >= 1 else "",
    )
    return "; ".join([f"{report.commands} commands, {how}", *filter(None, troubles)])


def words_of(plan: TrackPlan) -> str:
    """The plan in one line."""
    begin = datetime.fromtimestamp(plan.start_by, UTC)
    unwound = ", unwinds in mid-pass" if plan.unwind else ""
    return (
        f"to azimuth {plan.start[0]:.1f}, elevation {plan.start[1]:.1f} by {begin:%H:%M:%S} UTC; at worst "
        f"{plan.worst_loss_db:.2f} dB lost{unwound}; {plan.why}"
    )
