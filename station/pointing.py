"""The rotator during a recording: beside it, never in its way."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from hardware.errors import HardwareError
from hardware.follow import follow
from hardware.limits import Limits
from hardware.pointing import plan_pointing
from hardware.rotctld import Rotctld
from scheduler.elements import Elements
from scheduler.passes import Site
from scheduler.track import track
from station.config import RotatorSection

log = logging.getLogger(__name__)


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
        limits = Limits(
            section.azimuth_min_deg,
            section.azimuth_max_deg,
            section.elevation_min_deg,
            section.elevation_max_deg,
        )
        rotator = Rotctld(section.host, section.port, limits=limits)
        log.info("rotator: %s", rotator.open())
        curve = track(elements, site, window[0], window[1])
        azimuth_now, _ = rotator.position()
        plan = plan_pointing(
            curve.time, curve.azimuth_deg, curve.elevation_deg, limits, from_azimuth_deg=azimuth_now
        )
        report = follow(rotator, plan, stop=stop)
        log.info(
            "rotator: followed with %.1f degrees at worst; %s",
            report.worst_error_deg,
            report.fault or "no fault",
        )
        rotator.close()
    except HardwareError as error:
        log.error("rotator: %s; the recording goes on without it", error)  # noqa: TRY400 - said whole
