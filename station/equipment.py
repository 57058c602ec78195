"""With what an observation is made: its receiver and its antenna, as the configuration has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.config import AntennaSection, ReceiverSection, StationConfig
    from station.records import Observation

_CONNECT_S = 10.0


def receiver_of(observation: Observation, config: StationConfig) -> ReceiverSection:
    """By which it is recorded; the first where the configuration has changed since it was booked."""
    names = [receiver.name for receiver in config.receivers]
    return config.receivers[names.index(observation.receiver) if observation.receiver in names else 0]


def antenna_of(observation: Observation, config: StationConfig) -> AntennaSection:
    """Through which; the first where the configuration has changed since."""
    names = [antenna.name for antenna in config.all_antennas]
    return config.all_antennas[names.index(observation.antenna) if observation.antenna in names else 0]


def lead_s(antenna: AntennaSection) -> float:
    """How long before its recording an observation begins: what its rotator may take to get there."""
    if antenna.rotator is None:
        return 0.0
    from station.resources import slew_model

    return slew_model(antenna.rotator.capabilities).longest_s + _CONNECT_S
