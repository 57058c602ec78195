"""With what an observation is made: its receiver and its antenna, as the configuration has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.config import AntennaSection, ReceiverSection, StationConfig
    from station.records import Observation

_CONNECT_S = 10.0


def receiver_of(observation: Observation, config: StationConfig) -> ReceiverSection:
    """By which it is recorded; the first where the configuration has changed since it was booked."""
    return next((one for one in config.receivers if one.name == observation.receiver), config.receivers[0])


def antenna_of(observation: Observation, config: StationConfig) -> AntennaSection:
    """Through which; the first where the configuration has changed since."""
    antennas = config.all_antennas
    return next((one for one in antennas if one.name == observation.antenna), antennas[0])


def lead_s(antenna: AntennaSection) -> float:
    """How long before its recording an observation begins: what its rotator may take to get there."""
    if antenna.rotator is None:
        return 0.0
    from station.resources import slew_model

    return slew_model(antenna.rotator.capabilities).longest_s + _CONNECT_S
