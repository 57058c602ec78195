"""What changes slowly over the Earth: sun, warmth, rain and dryness by place and season.

Rough but of the right size (the annual means are those of any climatology): the picture must look like the
Earth and its counts must lie where the instrument's would. Everything here varies over hundreds of
kilometres, so a caller may compute it at a few columns and interpolate (`Climate.spread`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sim.sun import DAY_S, sun_at

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

_Regions = tuple[tuple[float, float, float, float], ...]

# Dry lands: longitude, latitude, half-widths, degrees.
_DESERTS: _Regions = (
    (10.0, 23.0, 26.0, 7.0),  # Sahara
    (47.0, 23.0, 11.0, 9.0),  # Arabia
    (63.0, 31.0, 10.0, 6.0),  # Iran to Thar
    (62.0, 42.0, 10.0, 5.0),  # Turan
    (92.0, 41.0, 19.0, 5.0),  # Taklamakan, Gobi
    (88.0, 34.0, 9.0, 4.0),  # western Tibet
    (131.0, -25.0, 14.0, 7.0),  # Australia
    (19.0, -24.0, 6.0, 7.0),  # Namib, Kalahari
    (-111.0, 33.0, 8.0, 6.0),  # Sonora, Mojave
    (-69.0, -26.0, 3.0, 8.0),  # Atacama
    (-69.0, -45.0, 3.0, 5.0),  # Patagonia
    (45.0, 6.0, 6.0, 6.0),  # Horn of Africa
)

# Land under ice for ever: Antarctica is done by latitude.
_ICE_CAPS: _Regions = ((-42.0, 73.0, 17.0, 10.0),)


@dataclass(frozen=True)
class Climate:
    """Slow fields, all of one shape."""

    cos_sun_zenith: Floats
    sea_k: Floats
    land_k: Floats
    dryness: Floats  # 0 forest ... 1 desert
    snow: Floats  # 0 ... 1, of land
    ice: Floats  # 0 ... 1, of the sea
    cloud_bias: Floats  # added to the cloud noise: more is cloudier
    vapour: Floats  # 0 dry ... 1 tropical column of water vapour

    def spread(self, weights: Floats) -> Climate:
        """Fields [..., columns] from fields [..., ties] and weights [ties, columns]."""
        return Climate(**{field.name: getattr(self, field.name) @ weights for field in fields(self)})


def spreading(ties: NDArray[np.int64], columns: int) -> Floats:
    """Weights [ties, columns] of linear interpolation between the tie columns."""
    return np.stack(
        [np.interp(np.arange(columns), ties, row) for row in np.eye(len(ties))],
    ).astype(np.float32)


def climate_at(lon: Array, lat: Array, time: Array) -> Climate:
    """Slow fields at places in degrees and POSIX times, arrays that broadcast."""
    sun = sun_at(time)
    hour_angle = np.deg2rad(lon - sun.longitude_deg)
    phi, delta = np.deg2rad(lat), np.deg2rad(sun.latitude_deg)
    cos_zenith = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour_angle)
    # The sea follows the Sun by a quarter of its range and two months late, the land by all of it.
    late = 23.4 * np.sin(2 * np.pi * (np.mod(time / DAY_S, 365.2425) - 80.0 - 60.0) / 365.2425)
    sea = 273.15 + 29.0 - 31.5 * np.sin(np.deg2rad(lat - 0.25 * late)) ** 2
    dryness = _within(_DESERTS, lon, lat)
    caps = np.maximum(_within(_ICE_CAPS, lon, lat), np.clip((-60.0 - lat) / 4.0, 0.0, 1.0))
    warmest = np.cos(hour_angle - np.deg2rad(30.0))  # at 14 h
    swing = (4.0 + 13.0 * dryness) * np.cos(phi)
    season = 1.0 - np.cos(np.deg2rad(lat - late))
    land = 273.15 + 29.0 - 52.0 * season + 6.0 * dryness + swing * warmest
    rain_belt = lat - 0.5 * late
    bias = (
        -0.25
        + 0.35 * np.exp(-((rain_belt / 8.0) ** 2))
        - 0.45 * np.exp(-(((np.abs(rain_belt) - 24.0) / 9.0) ** 2))
    )
    bias += 0.45 * np.exp(-(((np.abs(lat) - 56.0) / 13.0) ** 2)) - 0.6 * dryness
    return Climate(
        **{
            name: np.asarray(value, np.float32)
            for name, value in {
                "cos_sun_zenith": np.maximum(cos_zenith, 0.0) / sun.distance_au**2,
                "sea_k": np.maximum(sea, 271.4),
                "land_k": land,
                "dryness": dryness,
                "snow": np.maximum(caps, np.clip((268.0 - (land - swing * warmest)) / 10.0, 0.0, 1.0)),
                "ice": np.clip((273.2 - sea) / 1.5, 0.0, 1.0) + 0.0 * hour_angle,
                "cloud_bias": bias,
                "vapour": np.cos(phi) ** 2 * (1.0 - 0.6 * dryness) + 0.0 * hour_angle,
            }.items()
        }
    )


def _within(regions: _Regions, lon: Array, lat: Array) -> Array:
    """1 inside the regions, 0 far from them, softly between."""
    share = np.zeros(np.broadcast(lon, lat).shape)
    for east, north, wide, high in regions:
        across = (np.mod(lon - east + 180.0, 360.0) - 180.0) / wide
        share = np.maximum(share, np.exp(-((across**2 + ((lat - north) / high) ** 2) ** 2)))
    return share
