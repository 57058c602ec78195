"""Where the satellite was and what ought to have been heard: orbit and link budget of a pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from scheduler.elements import Elements
from scheduler.errors import SatelliteError, SchedulerError
from scheduler.link_budget import Antenna, cn0_dbhz, spread_db
from scheduler.passes import Site
from scheduler.satellites import DownlinkUse, satellite
from scheduler.track import Track, track_at
from station.config import AntennaSection
from station.errors import StationError

Floats = npt.NDArray[np.float64]

_DISH_FROM_HZ = 1e9
_ASSUMED_DISH_M = 1.2


@dataclass(frozen=True)
class Sky:
    """Everything about a pass that the recording itself does not say.

    Attributes:
        elements: of the satellite.
        site: of the antenna.
        use: the downlink as this satellite sends it; None where it is not known.
        antenna: by which it was received.
        assumed: the antenna is nobody's: a QFH below 1 GHz, a dish of 1.2 m above.
    """

    elements: Elements
    site: Site
    use: DownlinkUse | None
    antenna: Antenna
    assumed: bool

    def track(self, start: datetime, time_s: Floats) -> Track:
        """Where it stood at seconds after the first sample."""
        return track_at(self.elements, self.site, start.timestamp() + time_s)

    def ebn0_db(self, track: Track, information_rate: float) -> Floats | None:
        """What the link budget expects [n], pointing losses left out; NaN below the horizon.

        None for an unknown downlink.
        """
        if self.use is None:
            return None
        expected = cn0_dbhz(self.use, self.antenna, track) - 10 * np.log10(information_rate)
        return np.asarray(np.where(track.elevation_deg > 0, expected, np.nan))

    @property
    def spread_db(self) -> float:
        """One standard deviation of what is expected."""
        return spread_db(self.use) if self.use is not None else 0.0


def sky_of_observation(folder: Path) -> Sky | None:
    """From the description that an observation left in its folder; None without one.

    Raises:
        StationError: it is damaged.
    """
    path = folder / "observation.json"
    if not path.is_file():
        return None
    try:
        table = json.loads(path.read_text("utf-8"))
        elements, site = Elements.from_omm(table["elements"]), Site(**table["site"])
        antenna = AntennaSection.model_validate(table["antenna"]).model if table.get("antenna") else None
        names = str(table["satellite"]), str(table["downlink"])
    except (ValueError, KeyError, TypeError, AttributeError, SchedulerError, ValidationError) as error:
        raise StationError(f"{path}: no description of an observation: {error}") from error
    return sky_of(elements, site, names[1], antenna=antenna)


def sky_of(elements: Elements, site: Site, downlink: str, antenna: Antenna | None = None) -> Sky:
    """From what is known of a pass; without an antenna the usual one of its band."""
    use = _use(elements, downlink)
    if antenna is not None:
        return Sky(elements, site, use, antenna, assumed=False)
    return Sky(elements, site, use, _usual_antenna(use), assumed=True)


def start_of(report: Mapping[str, Any]) -> datetime | None:
    """When the first sample of a decoded input was taken; None where nothing says it."""
    text = report["input"].get("start")
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _use(elements: Elements, downlink: str) -> DownlinkUse | None:
    try:
        known = satellite(elements.norad_id)
    except SatelliteError:
        return None
    return next((use for use in known.downlinks if downlink.startswith(use.name)), None)


def _usual_antenna(use: DownlinkUse | None) -> Antenna:
    if use is not None and use.frequency_hz >= _DISH_FROM_HZ:
        ranges = ((_DISH_FROM_HZ, 10e9),)
        return Antenna(
            "dish of 1.2 m, assumed", ranges, diameter_m=_ASSUMED_DISH_M, polarisation=use.polarisation
        )
    return Antenna("QFH, assumed", ((1e6, _DISH_FROM_HZ),), kind="qfh", noise_temperature_k=2000.0)
