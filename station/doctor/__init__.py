"""What on this machine is missing or wrong, and how to mend it: one module for each subject.

Nothing is changed but for a file of some MB that measures the disk and goes again. What Linux tells of itself
is read below `Places`, so that every finding can be tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from station.config import StationConfig
from station.doctor.check import Check, Places
from station.doctor.clock import clock_checks
from station.doctor.computer import computer_checks
from station.doctor.decoding import decoding_checks
from station.doctor.disk import disk_checks
from station.doctor.elements import element_checks
from station.doctor.machine import boundaries_check, program_checks
from station.doctor.outside import outside_checks
from station.doctor.receivers import receiver_checks

__all__ = ["Check", "Places", "examine"]


def examine(
    config: StationConfig | None, places: Places | None = None, *, quick: bool = False
) -> Iterator[Check]:
    """All checks, as they are made; those of a station only with its configuration.

    Args:
        config: of the station.
        places: where to look.
        quick: leave out what takes some seconds: how fast downlinks are decoded.
    """
    places = places or Places()
    yield from program_checks()
    yield from clock_checks(places)
    yield from computer_checks(places)
    yield from receiver_checks(config, places)
    yield from disk_checks(config, Path.cwd(), places)
    if config is None:
        return
    yield from element_checks(config)
    yield from outside_checks(config)
    if config.products.boundaries is not None:
        yield boundaries_check(config.products.boundaries)
    if not quick:
        yield from decoding_checks(config)
