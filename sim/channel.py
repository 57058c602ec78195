"""From the sample's number to the moment at the transmitter: distance, crystal, fading.

All times are seconds from the start of the recording, so that float64 resolves a thousandth of a turn of the
carrier.

The sample n is taken when the receiver's clock shows x = n / sample_rate, which is the true time t with
x = t (1 + a) + b t²/2 (a the crystal's offset, b its drift). What arrives then left at u = t - D(t), D the
light time. Received phase: f u - f_tuned x turns; place between the symbols: symbol_rate (u - u_0). Nothing
else makes Doppler.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from scheduler.track import Track
from sim.impairments import Crystal, Fading, Interferer, Outages
from sim.link import LIGHT_M_PER_S

Array = NDArray[np.float64]


class Path:
    """Light time and direction against receive time.

    Args:
        time: seconds [n], rising.
        delay_s: light time [n]; from any start, where only its change counts.
        range_km: distance [n].
        elevation_deg: [n].
        azimuth_deg: [n].
    """

    def __init__(
        self, time: Array, *, delay_s: Array, range_km: Array, elevation_deg: Array, azimuth_deg: Array
    ) -> None:
        self._delay = CubicSpline(time, delay_s)
        self._elevation = CubicSpline(time, elevation_deg)
        self.time, self.range_km = time, range_km
        self.elevation_deg, self.azimuth_deg = elevation_deg, azimuth_deg

    @classmethod
    def from_track(cls, track: Track, start: float) -> Path:
        """From a track, which tells places of the same instant, with times counted from `start` (POSIX)."""
        time = track.time - start
        light_s = CubicSpline(time, track.range_km * 1e3 / LIGHT_M_PER_S)
        # The satellite is seen where it was when the wave left; twice is enough at 25 ppm.
        return cls(
            time,
            delay_s=light_s(time - light_s(time - light_s(time))),
            range_km=track.range_km,
            elevation_deg=track.elevation_deg,
            azimuth_deg=track.azimuth_deg,
        )

    @classmethod
    def overhead(cls, time: Array, delay_s: Array) -> Path:
        """A transmitter overhead, however it moves: for tests of the link alone."""
        none = np.zeros(time.size)
        return cls(time, delay_s=delay_s, range_km=none, elevation_deg=none + 90, azimuth_deg=none)

    def delay(self, time: Array) -> Array:
        """Light time in seconds at receive times."""
        return np.asarray(self._delay(time))

    def elevation(self, time: Array) -> Array:
        """Elevation in degrees at receive times."""
        return np.asarray(self._elevation(time))


@dataclass(frozen=True)
class Timeline:
    """Sample numbers to true time, emission time, place between the symbols and carrier phase."""

    path: Path
    crystal: Crystal
    sample_rate: float
    frequency_hz: float
    tuned_hz: float
    symbol_rate: float
    stream_start: float

    def true_time(self, sample: Array) -> Array:
        """Seconds of true time at which samples are taken."""
        x = np.asarray(sample) / self.sample_rate
        a, b = self.crystal.offset_ppm * 1e-6, self.crystal.drift_ppm_per_minute * 1e-6 / 60
        return np.asarray(2 * x / (1 + a + np.sqrt((1 + a) ** 2 + 2 * b * x)))

    def sample_at(self, true_time: Array) -> Array:
        """Sample numbers, not rounded, at true times."""
        t = np.asarray(true_time)
        a, b = self.crystal.offset_ppm * 1e-6, self.crystal.drift_ppm_per_minute * 1e-6 / 60
        return np.asarray((t * (1 + a) + b * t**2 / 2) * self.sample_rate)

    def place(self, sample: Array) -> Array:
        """Place between the symbols."""
        t = self.true_time(sample)
        return np.asarray((t - self.path.delay(t) - self.stream_start) * self.symbol_rate)

    def cycles(self, sample: Array) -> Array:
        """Carrier phase of the samples in turns, in an order of sums that keeps the small ones."""
        x = np.asarray(sample) / self.sample_rate
        t = self.true_time(sample)
        off = (self.frequency_hz - self.tuned_hz) * x
        return np.asarray(off + self.frequency_hz * ((t - x) - self.path.delay(t)))


class FadingPath:
    """Complex gain of unit mean power: a steady part and 32 reflections of random beat (Clarke's model)."""

    REFLECTIONS = 32

    def __init__(self, fading: Fading, seed: np.random.SeedSequence) -> None:
        rng = np.random.default_rng(seed)
        k = 10 ** (fading.k_factor_db / 10)
        self._steady, self._scattered = np.sqrt(k / (k + 1)), np.sqrt(1 / (k + 1) / self.REFLECTIONS)
        self._beat_hz = fading.spread_hz * np.cos(rng.uniform(0, np.pi, self.REFLECTIONS))
        self._phase = rng.uniform(0, 2 * np.pi, self.REFLECTIONS)

    def gain(self, time: Array) -> NDArray[np.complex128]:
        """Complex gain at times [n]."""
        angle = 2 * np.pi * self._beat_hz * np.asarray(time)[:, None] + self._phase
        return np.asarray(self._steady + self._scattered * np.exp(1j * angle).sum(axis=1))


def signal_there(outages: Outages, time: Array) -> Array:
    """1 where the signal is there at times [n], 0 in an outage."""
    there = np.ones(time.size)
    if outages.period_s:
        there[time % outages.period_s >= outages.period_s - outages.length_s] = 0
    for start, length in outages.at:
        there[(time >= start) & (time < start + length)] = 0
    return there


class InterferingSignal:
    """An interferer's samples; `amplitude` is of our signal at its strongest."""

    TONE_HZ = 1000.0

    def __init__(
        self, interferer: Interferer, amplitude: float, sample_rate: float, seed: np.random.SeedSequence
    ) -> None:
        self._interferer, self._sample_rate = interferer, sample_rate
        self._amplitude = amplitude * 10 ** (interferer.level_dbc / 20)
        self._phase = np.random.default_rng(seed).uniform(0, 1)

    def samples(self, first: int, count: int) -> NDArray[np.complex64]:
        """Samples numbered from `first`."""
        time = np.arange(first, first + count) / self._sample_rate
        cycles = self._phase + self._interferer.offset_hz * time
        if self._interferer.kind == "fm":
            tone = 2 * np.pi * self.TONE_HZ * time
            cycles += self._interferer.deviation_hz / self.TONE_HZ / (2 * np.pi) * np.sin(tone)
        return np.asarray(self._amplitude * np.exp(2j * np.pi * (cycles % 1.0)), np.complex64)
