"""What a station has, in the words of the plan: receivers, antennas, maintenance, budgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from hardware.rotator_model import RotatorModel
from scheduler.plan import AntennaResource, Budget, Maintenance, ReceiverResource, Resources, SlewModel
from sdr.formats import FORMATS, bytes_per_sample
from station.config import AntennaSection, ReceiverSection, StationConfig

SETTLE_S = 2.0  # a dish sways when it stops
_USUAL_FORMAT = "cs16"  # of most radios; who says nothing learns it when it is opened


def resources_of(stations: Sequence[StationConfig], window: tuple[datetime, datetime]) -> Resources:
    """All that can be booked in a time.

    Args:
        stations: with names that differ.
        window: first and last moment that is planned.
    """
    return Resources(
        receivers=tuple(_receiver(s, receiver) for s in stations for receiver in s.receivers),
        antennas=tuple(_antenna(s, a) for s in stations for a in s.all_antennas),
        maintenance=tuple(m for s in stations for m in _maintenance(s, window)),
        budgets=tuple(_budget(s) for s in stations if s.budget.model_fields_set),
    )


def recording_bytes_per_s(receiver: ReceiverSection) -> float:
    """What a recording takes of the disk; 0 where only a file knows the rate."""
    fmt = "cu8" if receiver.type == "rtl_tcp" else receiver.format
    return float(receiver.sample_rate or 0.0) * bytes_per_sample(fmt if fmt in FORMATS else _USUAL_FORMAT)


def slew_model(rotator: RotatorModel) -> SlewModel:
    """How long a rotator takes between two passes, as the plan reckons."""
    limits = rotator.limits
    return SlewModel(
        azimuth_rate_deg_s=rotator.azimuth.rate_deg_s,
        elevation_rate_deg_s=rotator.elevation.rate_deg_s,
        azimuth_acceleration_deg_s2=rotator.azimuth.acceleration_deg_s2,
        elevation_acceleration_deg_s2=rotator.elevation.acceleration_deg_s2,
        settle_s=SETTLE_S + rotator.latency_s,
        azimuth_range_deg=limits.azimuth_max_deg - limits.azimuth_min_deg,
        elevation_range_deg=limits.elevation_max_deg - limits.elevation_min_deg,
    )


def _receiver(station: StationConfig, receiver: ReceiverSection) -> ReceiverResource:
    return ReceiverResource(
        receiver.name,
        station.station.name,
        receiver.antennas or tuple(antenna.name for antenna in station.all_antennas),
        receiver.frequency_ranges_hz,
        receiver.usable_hz,
        setup_s=math.ceil(receiver.setup_s),
        wide=receiver.wide,
    )


def _antenna(station: StationConfig, antenna: AntennaSection) -> AntennaResource:
    slew = slew_model(antenna.rotator.capabilities) if antenna.rotator else None
    return AntennaResource(antenna.name, station.station.name, antenna.frequency_ranges_hz, slew)


def _maintenance(station: StationConfig, window: tuple[datetime, datetime]) -> list[Maintenance]:
    return [
        Maintenance(station.station.name, section.resource, start, end)
        for section in station.maintenance
        for start, end in section.windows(*window)
    ]


def _budget(station: StationConfig) -> Budget:
    given = station.budget
    disk = math.inf if given.disk_gb_per_day is None else given.disk_gb_per_day * 1e9
    energy = math.inf if given.energy_wh_per_day is None else given.energy_wh_per_day
    return Budget(
        station.station.name,
        disk_bytes=disk,
        disk_freed_bytes_per_day=disk if math.isfinite(disk) else 0.0,
        energy_wh_per_day=energy,
    )
