"""How strong signal and noise stand at the converter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.channel import Path
from sim.mode import Mode
from sim.request import PassSimulation

# Noise some 20 dB above the rounding of 8 bits; the strongest signal clear of full scale.
NOISE_DBFS = -26.0
STRONGEST_DBFS = -12.0


@dataclass(frozen=True)
class Level:
    """Amplitude of the signal over time and of the noise, as parts of full scale.

    Attributes:
        path: for the time when the satellite is up.
        cn0_dbhz: C/N0 at the path's times; what lies below the horizon counts for nothing.
        noise: root of the noise power in the sampled band.
        strongest: largest amplitude of the signal.
        per_root_density: amplitude of a signal of 0 dB-Hz.
    """

    path: Path
    cn0_dbhz: NDArray[np.float64]
    noise: float
    strongest: float
    per_root_density: float

    @classmethod
    def of(cls, request: PassSimulation, path: Path, mode: Mode) -> Level:
        """Levels of a request: noise at `NOISE_DBFS`, lower where the strongest signal would clip."""
        up = path.elevation_deg > 0
        if request.ebn0_db is None:
            cn0 = request.link.cn0_dbhz(
                path.range_km, path.elevation_deg, path.azimuth_deg, request.frequency_hz
            )
        else:
            rate_db = 10 * math.log10(mode.energy_rate)
            cn0 = np.full(path.time.size, rate_db + min(request.ebn0_db, 200.0))
        best_cn0 = float(cn0[up].max()) if up.any() else 0.0
        cn_db = best_cn0 - 10 * math.log10(request.sample_rate)
        noise_db = min(NOISE_DBFS, STRONGEST_DBFS - 10 * math.log10(1 + 10 ** (cn_db / 10)))
        noise = 10 ** (noise_db / 20)
        unit = noise / math.sqrt(request.sample_rate)
        strongest = unit * 10 ** (best_cn0 / 20)
        silent = request.ebn0_db is not None and math.isinf(request.ebn0_db)
        return cls(path, cn0, 0.0 if silent else noise, strongest, unit)

    def cn0_at(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """C/N0 in dB-Hz at times, NaN while the satellite is down."""
        cn0 = np.interp(time, self.path.time, self.cn0_dbhz)
        return np.where(self.path.elevation(time) > 0, cn0, np.nan)

    def amplitude(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitude of the signal at times, 0 while the satellite is down."""
        cn0 = np.interp(time, self.path.time, self.cn0_dbhz)
        up = self.path.elevation(time) > 0
        return np.asarray(np.where(up, self.per_root_density * 10 ** (cn0 / 20), 0.0))
