"""The rotator during a recording: beside it, never in its way."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from hardware.errors import HardwareError
from hardware.follow import follow
from hardware.rotctld import Rotctld
from hardware.track import plan_track
from hardware.watch import MotionWatch
from scheduler.elements import Elements
from scheduler.passes import Site
from scheduler.track import track
from station.config import RotatorSection

log = logging.getLogger(__name__)

_BEAM_WIDTH_DEG = 10.0  # of 1.2 m at 1.7 GHz


def begin_pointing(
    section: RotatorSection,
    elements: Elements,
    site: Site,
    window: tuple[datetime, datetime],
    stop: threading.Event,
) -> threading.Thread:
    """Follow the satellite in a thread that ends by itself; its faults are logged, the recording goes on."""
    thread = threading.Thread(
        target=_follow, args=(section, elements, site, window, stop), name="rotator", daemon=True
    )
    thread.start()
    return thread


def _follow(
    section: RotatorSection,
    elements: Elements,
    site: Site,
    window: tuple[datetime, datetime],
    stop: threading.Event,
) -> None:
    try:
        model = section.capabilities
        rotator = Rotctld(
            section.host,
            section.port,
            limits=model.limits,
            model=section.model or "",
            park_position=model.park,
        )
        log.info("rotator: %s", rotator.open())
        curve = track(elements, site, window[0], window[1])
        plan = plan_track(
            curve.time,
            curve.azimuth_deg,
            curve.elevation_deg,
            model,
            _BEAM_WIDTH_DEG,
            from_direction=rotator.position(),
        )
        watch = MotionWatch.of(model, shows_turns=rotator.driver.shows_turns)
        report = follow(rotator, plan, watch=watch, stop=stop)
        log.info(
            "rotator: followed with %.1f degrees at worst; %s",
            report.worst_error_deg,
            report.fault or "no fault",
        )
        rotator.close()
    except HardwareError as error:
        log.error("rotator: %s; the recording goes on without it", error)  # noqa: TRY400 - said whole
