"""`station.toml`: one file describes a station; every key is checked, an unknown one names the nearest.

`station.example.toml` at the root of the repository explains each key.
"""

from station.config.antennas import AntennaSection, RotatorSection
from station.config.load import load_config, parse_config
from station.config.planning import MaintenanceSection, SatelliteSection
from station.config.receivers import (
    PlaybackReceiver,
    ReceiverSection,
    RtlTcpReceiver,
    SimulatorReceiver,
    SoapyReceiver,
)
from station.config.station import StationConfig

__all__ = [
    "AntennaSection",
    "MaintenanceSection",
    "PlaybackReceiver",
    "ReceiverSection",
    "RotatorSection",
    "RtlTcpReceiver",
    "SatelliteSection",
    "SimulatorReceiver",
    "SoapyReceiver",
    "StationConfig",
    "load_config",
    "parse_config",
]
