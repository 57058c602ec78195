"""How strong a downlink is heard: the link budget of one antenna over one pass.

    C/N0 = EIRP - 20 lg(4 pi d f / c) - atmosphere - polarisation - pointing - losses + gain - 10 lg T + 228.6

in dB-Hz; 228.6 is minus ten times the logarithm of Boltzmann's constant (ITU-R V.573). Gains that depend on
the elevation are typical figures of amateur antennas, good to some 2 dB: an antenna that was measured gives a
table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from scheduler.errors import ValueModelError
from scheduler.frames import Array
from scheduler.satellites import POLARISATIONS, DownlinkUse
from scheduler.track import LIGHT_KM_PER_S, Track

BOLTZMANN_DB = -228.6  # dBW/K/Hz
UNKNOWN_EIRP_DBW = 6.0
_ONE_SIDED_SPREAD_DB = 3.0  # where nobody has published one

# Gain in dBi over elevation in degrees, towards the azimuth average, ground reflection left out.
KINDS = MappingProxyType({
    "qfh": ((0.0, -6.0), (5.0, -5.0), (10.0, -3.0), (30.0, 0.0), (60.0, 2.5), (90.0, 3.5)),
    "turnstile": ((0.0, -7.0), (5.0, -6.0), (10.0, -4.5), (30.0, -0.5), (60.0, 2.0), (90.0, 3.0)),
    "v-dipole": ((0.0, -6.0), (10.0, -2.0), (30.0, 1.5), (60.0, 2.0), (90.0, 2.0)),
})  # fmt: skip


@dataclass(frozen=True)
class Antenna:
    """What one antenna hears: a dish of `diameter_m`, or gain over elevation by `kind` or `gain_dbi`.

    `gain_dbi` holds pairs of elevation in degrees (rising) and gain. `noise_temperature_k` is that of the
    whole system, sky and receiver, at its terminals; `losses_db` lie before the first amplifier.
    """

    name: str
    frequency_ranges_hz: tuple[tuple[float, float], ...]
    diameter_m: float | None = None
    efficiency: float = 0.55
    kind: str | None = None
    gain_dbi: tuple[tuple[float, float], ...] = ()
    polarisation: str = "rhcp"
    noise_temperature_k: float = 150.0
    losses_db: float = 0.5

    def __post_init__(self) -> None:
        ways = [self.diameter_m is not None, self.kind is not None, bool(self.gain_dbi)]
        if sum(ways) != 1:
            self._refuse("needs exactly one of diameter_m, kind and gain_dbi")
        if self.kind is not None and self.kind not in KINDS:
            self._refuse(f"has kind {self.kind!r}; allowed are: {', '.join(KINDS)}")
        if self.polarisation not in POLARISATIONS:
            self._refuse(f"has polarisation {self.polarisation!r}; allowed are: {', '.join(POLARISATIONS)}")
        if not self.frequency_ranges_hz or not all(0 < a < b for a, b in self.frequency_ranges_hz):
            self._refuse("needs frequency_ranges_hz such as [[137e6, 138e6]]")
        if self.diameter_m is not None and not 0.1 <= self.diameter_m <= 100:
            self._refuse(f"has diameter_m {self.diameter_m}; 0.1 to 100 is possible")
        if not (
            0 < self.efficiency <= 1 and 5 <= self.noise_temperature_k <= 1e6 and 0 <= self.losses_db < 60
        ):
            self._refuse("needs efficiency 0 to 1, noise_temperature_k 5 to 1e6 and losses_db 0 to 60")
        rising = all(a[0] < b[0] for a, b in zip(self.gain_dbi, self.gain_dbi[1:], strict=False))
        if not (rising and all(-90 <= e <= 90 and abs(g) <= 80 for e, g in self.gain_dbi)):
            self._refuse("needs gain_dbi as [elevation_deg, dBi] at rising elevations")

    def hears(self, frequency_hz: float) -> bool:
        """Whether the frequency lies in one of its ranges."""
        return any(low <= frequency_hz <= high for low, high in self.frequency_ranges_hz)

    def beam_width_deg(self, frequency_hz: float) -> float:
        """Between the half-power points: 70 wavelengths per diameter for a dish, 180 for any other."""
        if self.diameter_m is None:
            return 180.0
        return min(180.0, 70.0 * LIGHT_KM_PER_S * 1000 / frequency_hz / self.diameter_m)

    def gain_at(self, frequency_hz: float, elevation_deg: npt.ArrayLike) -> Array:
        """Gain in dBi towards the satellite [n], the antenna pointed at it if it can be."""
        elevation = np.asarray(elevation_deg, dtype=np.float64)
        if self.diameter_m is not None:
            across = math.pi * self.diameter_m * frequency_hz / (LIGHT_KM_PER_S * 1000)
            return np.full(elevation.shape, 10 * math.log10(self.efficiency * across**2))
        at, gain = zip(*(self.gain_dbi or KINDS[str(self.kind)]), strict=True)
        return np.asarray(np.interp(elevation, at, gain))

    def _refuse(self, what: str) -> None:
        raise ValueModelError(f"antenna {self.name!r} {what}")


def cn0_dbhz(
    use: DownlinkUse, antenna: Antenna, track: Track, pointing_loss_db: npt.ArrayLike = 0.0
) -> Array:
    """Expected C/N0 in dB-Hz at every moment of the track [n].

    `pointing_loss_db`, a number or [n], comes from the plan of the rotator. An EIRP that is not known is
    taken as 6 dBW.
    """
    eirp = UNKNOWN_EIRP_DBW if use.eirp_dbw is None else use.eirp_dbw
    path = 20 * np.log10(4 * math.pi * track.range_km * use.frequency_hz / LIGHT_KM_PER_S)
    lost = atmosphere_db(use.frequency_hz, track.elevation_deg) + polarisation_loss_db(use, antenna)
    lost = lost + antenna.losses_db + np.asarray(pointing_loss_db, dtype=np.float64)
    figure = antenna.gain_at(use.frequency_hz, track.elevation_deg) - 10 * math.log10(
        antenna.noise_temperature_k
    )
    return np.asarray(eirp - path - lost + figure - BOLTZMANN_DB)


def polarisation_loss_db(use: DownlinkUse, antenna: Antenna) -> float:
    """0 dB alike, 3 dB between circular and linear, 20 dB between opposite hands (real antennas leak)."""
    if use.polarisation == antenna.polarisation:
        return 0.0
    return 3.0 if "linear" in (use.polarisation, antenna.polarisation) else 20.0


def atmosphere_db(frequency_hz: float, elevation_deg: npt.ArrayLike) -> Array:
    """Loss in gases and thin cloud [n]: that at zenith over the sine of the elevation, taken from 3° up."""
    zenith = float(np.interp(frequency_hz, (100e6, 1e9, 10e9, 20e9), (0.01, 0.03, 0.06, 0.4)))
    sine = np.sin(np.radians(np.maximum(np.asarray(elevation_deg, dtype=np.float64), 3.0)))
    return np.asarray(zenith / sine)


def usable(use: DownlinkUse, cn0: Array) -> Array:
    """Chance that a second of the downlink is decoded [n], 0 to 1; 1 where the threshold is not known.

    The margin is taken as normal about its expected value; the EIRP's stated range is two deviations to each
    side, and fading adds 1 dB.
    """
    from scipy.special import ndtr

    if use.required_cn0_dbhz is None:
        return np.ones_like(cn0)
    return np.asarray(ndtr((cn0 - use.required_cn0_dbhz) / spread_db(use)))


def spread_db(use: DownlinkUse) -> float:
    """One standard deviation of the expected C/N0."""
    low_high = use.eirp_range_dbw
    transmitter = (max(low_high) - min(low_high)) / 4 if len(low_high) > 1 else _ONE_SIDED_SPREAD_DB / 2
    return math.hypot(transmitter, 1.0)
