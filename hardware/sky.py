"""The curve to be followed, evenly spaced, from whatever steps it was given in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardware.beam import check_beam_width
from hardware.errors import HardwareError

Curve = npt.NDArray[np.float64]

LONG_S = 1800.0  # passes longer than this are slow, and sampled in as many steps


@dataclass(frozen=True)
class Sky:
    """The part of a pass that counts, every `step_s` seconds; each array is [n].

    Attributes:
        begin: POSIX seconds of the first sample.
        step_s: between samples.
        azimuth_deg: true azimuth without jumps at north.
        elevation_deg: true elevation.
        weight: worth of each moment, ≥ 0.
        beam_width_deg: of the antenna, between half powers.
    """

    begin: float
    step_s: float
    azimuth_deg: Curve
    elevation_deg: Curve
    weight: Curve
    beam_width_deg: float

    @property
    def seconds(self) -> Curve:
        """Since `begin` [n]."""
        return self.step_s * np.arange(len(self.weight), dtype=np.float64)

    def every(self, samples: int) -> Sky:
        """Each so-manieth sample of it."""
        pick = slice(None, None, samples)
        return Sky(
            self.begin,
            self.step_s * samples,
            self.azimuth_deg[pick],
            self.elevation_deg[pick],
            self.weight[pick],
            self.beam_width_deg,
        )


def sky_curve(
    time: npt.ArrayLike,
    azimuth_deg: npt.ArrayLike,
    elevation_deg: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    *,
    beam_width_deg: float,
    step_s: float,
    not_before: float | None = None,
) -> Sky:
    """Check a track [n] and put the part with weight above 0 on an even clock, straight between the points.

    A longer pass than `LONG_S` gets so many times longer steps.

    Raises:
        HardwareError: as `plan_track` says.
    """
    check_beam_width(beam_width_deg)
    times, azimuths, elevations = _checked(time, azimuth_deg, elevation_deg)
    if np.abs(elevations).max() > 90:
        raise HardwareError(
            "the track holds elevations beyond 90 degrees; give azimuth and elevation of the sky"
        )
    weights = (elevations >= 0).astype(np.float64) if weight is None else _checked(times, weight)[1]
    counts = np.flatnonzero(weights > 0)
    if (weights < 0).any() or len(counts) < 2:
        raise HardwareError("the track has weights below 0, or fewer than two moments that count")
    begin, end = float(times[counts[0]]), float(times[counts[-1]])
    if not_before is not None:
        begin = max(begin, not_before)
        if not begin < end:
            raise HardwareError(
                f"the rotator is free at {not_before:.1f}, the pass ends at {end:.1f}: too late"
            )
    step_s *= max(1, math.ceil((end - begin) / LONG_S))
    grid = begin + step_s * np.arange(math.ceil((end - begin) / step_s - 1e-9) + 1)
    # Between points in space, not in angles: beside the zenith the azimuth turns half round in one step.
    east, north, up = (np.interp(grid, times, part) for part in _unit(azimuths, elevations))
    azimuth = np.unwrap(np.degrees(np.arctan2(east, north)) % 360, period=360.0)
    elevation = np.degrees(np.arctan2(up, np.hypot(east, north)))
    return Sky(begin, step_s, azimuth, elevation, np.interp(grid, times, weights), beam_width_deg)


def _checked(*arrays: npt.ArrayLike) -> list[Curve]:
    curves = [np.asarray(a, np.float64) for a in arrays]
    shapes = {a.shape for a in curves}
    if len(shapes) != 1 or curves[0].ndim != 1 or len(curves[0]) < 2:
        raise HardwareError(f"a track of {[a.shape for a in curves]} points; each needs the same number, ≥ 2")
    if not all(np.isfinite(a).all() for a in curves) or not (np.diff(curves[0]) > 0).all():
        raise HardwareError("the track holds what is not a number, or its times do not rise")
    return curves


def _unit(azimuth_deg: Curve, elevation_deg: Curve) -> tuple[Curve, Curve, Curve]:
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)
