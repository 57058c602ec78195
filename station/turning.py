"""Which antennas are turned by recorders, as the locks on their rotators tell: those end with the pointing.

A recording outlives the thread that points its antenna, where that ends by a fault. What forbids motion is
then the daemon's affair, and the rest of the pass may be received beside the beam: that is a problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from station.equipment import antenna_of, receiver_of
from station.recorder import keeps_the_pace_of_life
from station.rotator_lock import recorder_drives
from station.shared import description_of

if TYPE_CHECKING:
    from station.config import StationConfig
    from station.records import Observation

BEGINS_WITHIN = timedelta(seconds=30)  # after the observation: a recorder that starts on a busy machine


def is_driven(antenna: str, under_way: Sequence[Observation], config: StationConfig) -> bool:
    """Whether the recorder of an observation under way drives that rotator, or waits for it."""
    return any(antenna_of(o, config).name == antenna and _turned(o, config) for o in under_way)


def unturned(under_way: Sequence[Observation], config: StationConfig, now: datetime) -> list[str]:
    """A sentence for each pass that is recorded although nothing turns its antenna any more."""
    return [
        f"{antenna_of(o, config).name}: nothing turns it while {o.name} is recorded; its record.log says why"
        for o in under_way
        if _should_be_turned(o, config, now) and _turned(o, config) is False
    ]


def _turned(observation: Observation, config: StationConfig) -> bool | None:
    rotator = antenna_of(observation, config).rotator
    return None if rotator is None else recorder_drives(rotator)


def _should_be_turned(observation: Observation, config: StationConfig, now: datetime) -> bool:
    job = observation.job("record")
    return (
        keeps_the_pace_of_life(receiver_of(observation, config))
        and not description_of(observation).get("wide")  # the antenna follows another satellite
        and job.state == "running"
        and job.started is not None
        and job.started + BEGINS_WITHIN <= now < min(observation.los, observation.end)
    )
