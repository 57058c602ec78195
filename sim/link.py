"""Signal to noise density from transmitter, distance, antenna and system temperature.

C/N0 [dB-Hz] = EIRP [dBW] - free-space loss [dB] - losses [dB] + antenna gain [dBic] - T [dBK] + 228.6
with the free-space loss 20 log10(4 pi d f / c) (ITU-R P.525) and Boltzmann's constant -228.6 dBW/K/Hz.

Antenna patterns are typical figures, not measurements; each stands with its reason. Gains are against a
circular wave of the satellite's sense, so a linear antenna has its 3 dB taken off already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.errors import SimulationError

LIGHT_M_PER_S = 299_792_458.0
BOLTZMANN_DBW_PER_K_HZ = -228.6

Array = NDArray[np.float64]

# Galactic and man-made noise at 137 MHz dominate (ITU-R P.372); quiet: a remote site, rural and suburban:
# residential.
SITE_NOISE_K = {"quiet": 800.0, "rural": 2000.0, "suburban": 6000.0}


def _isotropic(elevation_deg: Array, azimuth_deg: Array) -> Array:  # noqa: ARG001 one signature for all
    return np.zeros_like(elevation_deg)


def _quadrifilar(elevation_deg: Array, azimuth_deg: Array) -> Array:  # noqa: ARG001 one signature for all
    """Quadrifilar helix: +3.5 dBic overhead, about 0 at 30 degrees, -3 to -5 near the horizon."""
    return np.interp(elevation_deg, [0, 5, 10, 30, 60, 90], [-5.0, -4.2, -3.2, 0.0, 2.5, 3.5])


def _v_dipole(elevation_deg: Array, azimuth_deg: Array) -> Array:
    """Dipole bent to 120 degrees, open to the south, flat.

    It has 2 dBi in its best direction and loses 3 dB for polarisation. The wire's ends point east and west
    and hear 10 dB less at the horizon; toward the zenith the null vanishes. The ground below takes what
    grazes it.
    """
    elevation, azimuth = np.radians(elevation_deg), np.radians(azimuth_deg)
    along_wire = np.cos(elevation) * np.sin(azimuth)
    across = 10 * np.log10(np.maximum(1 - 0.9 * along_wire**2, 1e-3))
    ground = np.interp(elevation_deg, [0, 5, 10, 20, 30, 90], [-6.0, -4.0, -2.5, -1.0, 0.0, 0.0])
    return np.asarray(2.0 - 3.0 + across + ground)


ANTENNAS: dict[str, Callable[[Array, Array], Array]] = {
    "isotropic": _isotropic,
    "qfh": _quadrifilar,
    "v-dipole": _v_dipole,
}


@dataclass(frozen=True)
class LinkBudget:
    """What lies between transmitter and receiver.

    Attributes:
        eirp_dbw: 5 W into 0 to 3 dBi is 5 … 8 dBW; assumed 6.
        antenna: one of `ANTENNAS`.
        losses_db: polarisation mismatch, cable, filter.
        noise: one of `SITE_NOISE_K`, or a system temperature in kelvin.
    """

    eirp_dbw: float = 6.0
    antenna: str = "qfh"
    losses_db: float = 1.5
    noise: str | float = "rural"

    def __post_init__(self) -> None:
        if self.antenna not in ANTENNAS:
            raise SimulationError(f"unknown antenna {self.antenna!r}; known are {', '.join(ANTENNAS)}")
        if isinstance(self.noise, str) and self.noise not in SITE_NOISE_K:
            known = ", ".join(SITE_NOISE_K)
            raise SimulationError(f"unknown noise level {self.noise!r}; known are {known}, or give kelvin")
        if not self.system_temperature_k > 0:
            raise SimulationError(f"a system temperature of {self.noise} K; it is above zero")

    @property
    def system_temperature_k(self) -> float:
        """Antenna and receiver noise in kelvin."""
        return SITE_NOISE_K[self.noise] if isinstance(self.noise, str) else float(self.noise)

    def cn0_dbhz(
        self, range_km: Array, elevation_deg: Array, azimuth_deg: Array, frequency_hz: float
    ) -> Array:
        """C/N0 in dB-Hz [n] at distances [n] and directions [n]; the horizon is not looked at."""
        loss = free_space_loss_db(range_km, frequency_hz)
        gain = ANTENNAS[self.antenna](np.asarray(elevation_deg), np.asarray(azimuth_deg))
        noise_dbk = 10 * np.log10(self.system_temperature_k)
        cn0 = self.eirp_dbw - loss - self.losses_db + gain - noise_dbk - BOLTZMANN_DBW_PER_K_HZ
        return np.asarray(cn0)


def free_space_loss_db(range_km: Array, frequency_hz: float) -> Array:
    """Loss between isotropic antennas (ITU-R P.525)."""
    return np.asarray(20 * np.log10(4 * np.pi * np.asarray(range_km) * 1e3 * frequency_hz / LIGHT_M_PER_S))
