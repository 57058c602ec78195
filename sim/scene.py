"""The Earth as MSU-MR sees it: land, sea, lakes and clouds in six channels.

    signal = apparent reflectance (reflectance * cos of the sun's zenith angle), channels 1-3, no unit
    signal = radiance in W / (m^2 sr um), channels 4-6; channel 4 holds reflected sunlight too

The picture depends on seed, place and time only, not on who looks. Clouds lie at the ground point (no
parallax).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.climate import Climate, climate_at
from sim.errors import SimulationError
from sim.radiometry import SOLAR_CHANNELS, radiance, sun_radiance
from sim.surface import LandMap
from sim.texture import Texture

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

CLOUD_PERIOD_DEG = 90.0
CLOUD_DETAIL_PERIOD_DEG = 360.0 / 28
LAND_PERIOD_DEG = 360.0 / 20
WIND_DEG_PER_S = 10.0 / 111_195.0  # 10 m/s from the west at the equator

# Reflectance in channels 1, 2, 3 and 4: sea, forest, desert, snow, water cloud, ice cloud (rounded from the
# usual spectral libraries: water is black beyond 0.7 um, leaves are bright there, snow and ice are dark at
# 1.7 and 3.8 um).
_REFLECTANCE = {
    1: (0.05, 0.08, 0.32, 0.75, 0.84, 0.84),
    2: (0.02, 0.38, 0.42, 0.68, 0.82, 0.82),
    3: (0.01, 0.24, 0.50, 0.10, 0.62, 0.28),
    4: (0.01, 0.05, 0.20, 0.02, 0.12, 0.02),
}
_AIR = {1: 0.035, 2: 0.01, 3: 0.0, 4: 0.0}  # scattered by the air, added as reflectance
_LAPSE_K_PER_KM = 6.5


@dataclass(frozen=True)
class Sight:
    """What lies at each place, all arrays of one shape."""

    land_share: Floats
    dryness: Floats
    tone: Floats  # brightness of the ground against its mean
    surface_k: Floats
    cloud_albedo: Floats  # in channel 1, 0 ... 1 of what a thick cloud has
    cloud_emissivity: Floats
    cloud_k: Floats
    cloud_ice: Floats


class EarthScene:
    """A globe with weather; equal seeds give equal globes."""

    def __init__(self, seed: int = 1, *, cloudiness: float = 0.0) -> None:
        """A seed of 0 or more; `cloudiness` is added to the cloud bias: -3 clears the sky, +3 covers it."""
        if seed < 0:
            raise SimulationError(f"the seed is {seed}; 0 or more is needed")
        self._cloud = Texture(2 * seed, slope=1.5)
        self._ground = Texture(2 * seed + 1)
        self._land = LandMap()
        self._cloudiness = np.float32(cloudiness)

    def climate(self, lon: Array, lat: Array, time: Array) -> Climate:
        """The slow fields, exact at the places asked for."""
        return climate_at(lon, lat, time)

    def sight(self, lon: Array, lat: Array, time: Array, climate: Climate) -> Sight:
        """What lies at places in degrees [lines, columns] at POSIX times [lines, 1]."""
        land = self._land.land_share(lon, lat)
        ground = self._ground(lon, lat, LAND_PERIOD_DEG)
        dryness = np.clip(climate.dryness + np.float32(0.12) * ground, 0, 1)
        surface = climate.sea_k + land * (climate.land_k - climate.sea_k + np.float32(1.5) * ground)
        drift = np.mod(time * WIND_DEG_PER_S, 360.0)
        noise = self._cloud(lon - drift, lat, CLOUD_PERIOD_DEG)
        noise += np.float32(0.22) * self._cloud(lon - drift, lat, CLOUD_DETAIL_PERIOD_DEG)
        thick = np.maximum(noise + (climate.cloud_bias + self._cloudiness), 0)
        thick *= np.float32(14.0) * thick  # optical thickness
        height_km = np.float32(12.0) * thick / (thick + np.float32(9.0))
        cloud_k = surface - np.float32(_LAPSE_K_PER_KM) * height_km
        return Sight(
            land_share=land,
            dryness=dryness,
            tone=1 + np.float32(0.12) * ground,
            surface_k=surface,
            cloud_albedo=np.asarray(thick / (thick + np.float32(6.0)), np.float32),
            cloud_emissivity=1 - np.exp(np.float32(-0.6) * thick),
            cloud_k=np.maximum(cloud_k, np.float32(190.0)),
            cloud_ice=np.clip((np.float32(263.0) - cloud_k) * np.float32(1 / 25), 0, 1),
        )

    def signal(self, channel: int, sight: Sight, climate: Climate) -> Floats:
        """What the channel receives, of the shape of the sight."""
        if channel in SOLAR_CHANNELS:
            return np.asarray(_reflectance(channel, sight, climate) * climate.cos_sun_zenith)
        # Water vapour in the air takes a few kelvin off, more in channel 6.
        damping = np.float32({4: 1.0, 5: 2.0, 6: 3.5}[channel]) * climate.vapour
        below = radiance(channel, sight.surface_k - damping)
        seen = below + sight.cloud_emissivity * (radiance(channel, sight.cloud_k) - below)
        if channel == 4:
            seen = seen + _reflectance(channel, sight, climate) * climate.cos_sun_zenith * np.float32(
                sun_radiance(4)
            )
        return np.asarray(seen)


def _reflectance(channel: int, sight: Sight, climate: Climate) -> Floats:
    """Reflectance of surface under cloud."""
    sea, forest, desert, snow, water_cloud, ice_cloud = (np.float32(value) for value in _REFLECTANCE[channel])
    ground = forest + sight.dryness * (desert - forest)
    ground = ground + climate.snow * (snow - ground)
    ground = ground * sight.tone
    water = sea + climate.ice * (np.float32(0.8) * snow - sea)
    surface = water + sight.land_share * (ground - water) + np.float32(_AIR[channel])
    cloud = water_cloud + sight.cloud_ice * (ice_cloud - water_cloud)
    return np.asarray(surface + sight.cloud_albedo * (cloud - surface))
