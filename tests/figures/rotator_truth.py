"""Where the satellite really was (skyfield) and where the antenna really pointed (the mechanics' own log)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skyfield.api import EarthSatellite, load, wgs84

from hardware.beam import angle_deg, loss_db
from scheduler.elements import Elements, load_elements, select
from scheduler.passes import Pass, Site, find_passes
from sim.rotator.mechanics import Mechanics, Sample

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TRAMTHU_SHARED", ROOT.parent / "shared"))
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900.0)
OTHERS = ("TERRA", "AQUA", "SUOMI NPP", "NOAA 20", "METOP-B", "METOP-C", "FENGYUN 3D")
BEAM_DEG = 70 * 0.1763 / 1.2  # 1.2 m at 1.7 GHz: 70 wavelengths over the diameter
WRAP_DEG, WRAP_S = 240.0, 60.0  # no satellite asks for that much azimuth in that time

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sky:
    """A pass as skyfield has it; the time may be shifted, so that it is flown now."""

    name: str
    kind: str
    time: Curve
    azimuth_deg: Curve
    elevation_deg: Curve

    def shifted_to(self, start: float) -> Sky:
        """The same curve, beginning at another POSIX second."""
        return Sky(
            self.name, self.kind, self.time - self.time[0] + start, self.azimuth_deg, self.elevation_deg
        )

    def between(self, first: float, last: float) -> Sky:
        """A part of it, seconds since its begin."""
        inside = (self.time - self.time[0] >= first) & (self.time - self.time[0] <= last)
        return Sky(
            self.name, self.kind, self.time[inside], self.azimuth_deg[inside], self.elevation_deg[inside]
        )

    def above(self, least_deg: float) -> Sky:
        """The part of it that is that high."""
        up = np.flatnonzero(self.elevation_deg >= least_deg)
        return self.between(self.time[up[0]] - self.time[0], self.time[up[-1]] - self.time[0])

    @property
    def north_s(self) -> float:
        """Seconds from the begin to where the azimuth passes north."""
        return float(self.time[int(np.argmax(np.abs(np.diff(self.azimuth_deg)) > 180))] - self.time[0])

    @property
    def hard_spot_s(self) -> float:
        """Seconds from the begin to the fastest azimuth."""
        speed = np.abs(np.diff(np.unwrap(self.azimuth_deg, period=360)))
        return float(self.time[int(np.argmax(speed))] - self.time[0])


def sky_of(elements: Elements, seen: Pass, kind: str) -> Sky:
    """From rise to set in steps of a second."""
    time = np.arange(np.ceil(seen.aos.timestamp()), seen.los.timestamp(), 1.0)
    scale = load.timescale(builtin=True)
    satellite = EarthSatellite.from_satrec(elements.satrec(), scale)
    site = wgs84.latlon(LAI_CHAU.latitude_deg, LAI_CHAU.longitude_deg, LAI_CHAU.altitude_m)
    moments = scale.from_datetimes([datetime.fromtimestamp(t, UTC) for t in time])
    altitude, azimuth, _ = (satellite - site).at(moments).altaz()
    return Sky(elements.name, kind, time, azimuth.degrees, altitude.degrees)


def satellites() -> list[Elements]:
    """METEOR's of the tree, and more where the shared data is at hand."""
    folder = ROOT / "scheduler/data/elements"
    found = [
        select(load_elements(folder / "meteor_2024-07-16.txt"), name)
        for name in ("METEOR-M2 3", "METEOR-M2 4")
    ]
    catalogue = SHARED / "data/elements/tle-2020-09-27.txt"
    if catalogue.exists():
        sets = load_elements(catalogue)
        found += [select(sets, name) for name in OTHERS]
    return found


def passes(days: float, least_deg: float) -> Iterator[tuple[Elements, Pass]]:
    """All passes of each satellite from its epoch on, rise to set, that come that high."""
    for elements in satellites():
        end = elements.epoch + timedelta(days=days)
        for seen in find_passes(elements, LAI_CHAU, elements.epoch, end, min_elevation_deg=0.0):
            if seen.max_elevation_deg >= least_deg:
                yield elements, seen


def worst_passes(days: float = 20.0) -> list[Sky]:
    """Four that cross north high up, the six highest; two of those for a rotator that can flip."""
    high = [(sky_of(*one, ""), one[1].max_elevation_deg) for one in passes(days, 55.0)]
    high.sort(key=lambda pair: -pair[1])
    overhead, rest = [sky for sky, _ in high[:6]], [sky for sky, _ in high[6:]]
    north = sorted((sky for sky in rest if crosses_north(sky)), key=_fastest, reverse=True)
    kinds = ["flip", "overhead", "overhead", "flip", "overhead", "overhead", *["north"] * 4]
    return [_named(sky, kind) for sky, kind in zip([*overhead, *north[:4]], kinds, strict=True)]


def crosses_north(sky: Sky) -> bool:
    """Whether the azimuth passes 360 to 0 or back."""
    return bool((np.abs(np.diff(sky.azimuth_deg)) > 180).any())


def _fastest(sky: Sky) -> float:
    return float(np.abs(np.diff(np.unwrap(sky.azimuth_deg, period=360))).max())


def _named(sky: Sky, kind: str) -> Sky:
    return Sky(sky.name, kind, sky.time, sky.azimuth_deg, sky.elevation_deg)


@dataclass(frozen=True)
class Judged:
    """What the mechanics' log says of one pass.

    Attributes:
        worst_deg: largest angle between antenna and satellite.
        worst_db: what that costs in a beam of BEAM_DEG.
        mean_db: of the mean power.
        travel_deg: most azimuth travelled within WRAP_S.
        harm: end stops touched and cables torn.
    """

    worst_deg: float
    worst_db: float
    mean_db: float
    travel_deg: float
    harm: tuple[str, ...]

    @property
    def wrapped(self) -> bool:
        """Whether the cable was unwound in mid-pass."""
        return self.travel_deg > WRAP_DEG


def judge(mechanics: Mechanics, sky: Sky) -> Judged:
    """Hold the log against the sky."""
    log = [sample for sample in mechanics.log if sky.time[0] <= sample.time <= sky.time[-1]]
    harm = tuple(f"{event.kind}: {event.text}" for event in mechanics.fatal())
    if not log:  # stopped before it began
        return Judged(np.nan, np.nan, np.nan, 0.0, harm)
    error = errors_deg(log, sky)
    loss = loss_db(error, BEAM_DEG)
    mean = float(-10 * np.log10(np.mean(10 ** (-loss / 10))))
    return Judged(float(error.max()), float(loss.max()), mean, _travel_deg(log), harm)


def errors_deg(log: Iterable[Sample], sky: Sky) -> Curve:
    """Angle between antenna and satellite at each sample [n]."""
    samples = list(log)
    time = np.array([sample.time for sample in samples])
    azimuth = np.interp(time, sky.time, np.unwrap(sky.azimuth_deg, period=360))
    elevation = np.interp(time, sky.time, sky.elevation_deg)
    return angle_deg(
        np.array([sample.azimuth_deg for sample in samples]),
        np.array([sample.elevation_deg for sample in samples]),
        azimuth,
        elevation,
    )


def _travel_deg(log: list[Sample]) -> float:
    time = np.array([sample.time for sample in log])
    azimuth = np.array([sample.azimuth_deg for sample in log])
    ends = np.searchsorted(time, time + WRAP_S, side="right")
    return float(max(np.ptp(azimuth[begin:end]) for begin, end in enumerate(ends)))
