"""A pass as one antenna takes it: pointed by its rotator, fixed in one direction, or all round.

What is expensive, the turns of the rotator, is kept from one plan to the next while the elements stay the
same, so that a plan can be made every minute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.beam import angle_deg, loss_db
from hardware.track import RotatorModel, TrackSketch, sketch_track
from scheduler.elements import Elements
from scheduler.passes import Pass
from scheduler.satellites import DownlinkUse
from scheduler.swath import Ground, ground
from scheduler.track import Track, track, track_at
from station.config import AntennaSection, RotatorSection, StationConfig

Curve = npt.NDArray[np.float64]

GRID_S = 10.0  # of the value over a pass
_LONG_GRID_S = 60.0  # of one that never sets


class Sights:
    """What each antenna makes of each pass, kept from one plan to the next."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Sight] = {}
        self._used: set[tuple[object, ...]] = set()

    def sight(
        self,
        station: StationConfig,
        antenna: AntennaSection,
        use: DownlinkUse,
        elements: Elements,
        seen: Pass,
    ) -> Sight:
        """Computed when it is asked for first."""
        key = (station.station.name, antenna.name, use.frequency_hz, elements, seen.aos, seen.los)
        if key not in self._kept:
            self._kept[key] = _sight(station, antenna, use, elements, seen)
        self._used.add(key)
        return self._kept[key]

    def forget_unused(self) -> None:
        """Drop what the last plan did not ask for."""
        self._kept = {key: sight for key, sight in self._kept.items() if key in self._used}
        self._used = set()


@dataclass(frozen=True, eq=False)
class Sight:
    """A pass on the grid of its value: track, flight, and by turn of the cable loss [n] and pointing [n]."""

    curve: Track
    over: Ground
    loss_db: tuple[Curve, ...]
    turns: tuple[tuple[Curve, Curve], ...]


def _sight(
    station: StationConfig, antenna: AntennaSection, use: DownlinkUse, elements: Elements, seen: Pass
) -> Sight:
    site, step = station.station.site, GRID_S if seen.complete else _LONG_GRID_S
    start, end = seen.aos.timestamp(), seen.los.timestamp()
    time = np.linspace(start, end, max(math.ceil((end - start) / step), 1) + 1)
    curve, over = track_at(elements, site, time), ground(elements, time)
    beam_deg = antenna.model.beam_width_deg(use.frequency_hz)
    nothing = np.zeros_like(time)
    if antenna.direction is not None:
        azimuth, elevation = (np.full_like(time, angle) for angle in antenna.direction)
        off = angle_deg(azimuth, elevation, curve.azimuth_deg, curve.elevation_deg)
        return Sight(curve, over, (loss_db(off, beam_deg),), ((np.empty(0), np.empty(0)),))
    if antenna.rotator is None:
        return Sight(curve, over, (nothing,), ((np.empty(0), np.empty(0)),))
    if not seen.complete:
        return Sight(curve, over, (nothing,), (_standing(antenna.rotator, curve),))
    fine = track(elements, site, seen.aos, seen.los)
    plans = turns_of(antenna.rotator.capabilities, fine, beam_deg)
    losses = tuple(np.interp(time, plan.time, plan.loss_db) for plan in plans)
    turns = tuple(
        (np.interp(time, plan.time, plan.azimuth_deg), np.interp(time, plan.time, plan.elevation_deg))
        for plan in plans
    )
    return Sight(curve, over, losses, turns)


def worth_by_height(elevation_deg: Curve) -> Curve:
    """What a second of a pass is worth to the rotator [n]: half at the horizon of what it is overhead.

    Near the horizon the signal is weaker and the picture coarser, so where the cable must be unwound in
    mid-pass it is done there.
    """
    return np.where(elevation_deg >= 0, 0.5 + 0.5 * np.sin(np.radians(elevation_deg)), 0.0)


def turns_of(rotator: RotatorModel, curve: Track, beam_width_deg: float) -> list[TrackSketch]:
    """The best tracks from the one and from the other end of the cable; one where they agree."""
    limits = rotator.limits
    found: list[TrackSketch] = []
    for azimuth_deg in (limits.azimuth_min_deg, limits.azimuth_max_deg):
        plan = sketch_track(
            curve.time,
            curve.azimuth_deg,
            curve.elevation_deg,
            rotator,
            beam_width_deg,
            weight=worth_by_height(curve.elevation_deg),
            from_direction=(azimuth_deg, rotator.park[1]),
        )
        if all(abs(plan.start[0] - other.start[0]) > 1 for other in found):
            found.append(plan)
    return found


def _standing(rotator: RotatorSection, curve: Track) -> tuple[Curve, Curve]:
    """A satellite that stands still, in the rotator's degrees."""
    limits = rotator.limits
    azimuth = np.unwrap(curve.azimuth_deg, period=360.0)
    turn = 360.0 * math.ceil((limits.azimuth_min_deg - float(azimuth.min())) / 360)
    return azimuth + turn, np.clip(curve.elevation_deg, limits.elevation_min_deg, limits.elevation_max_deg)
