"""Eb/N0 as it was measured beside what the link budget expects, against time and against elevation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from station.engineer.decoded import Decoded
from station.engineer.sky import Sky

Floats = npt.NDArray[np.float64]

_POINTS = 2000  # of the expected curve
_BIN_DEG = 2.0
_LEAST = 5  # measurements in a bin


@dataclass(frozen=True)
class Link:
    """Measured and expected quality.

    Attributes:
        time_s: of the measurements, since the first sample [n].
        measured_db: Eb/N0 per information bit out of the inner decoder [n].
        good: a good frame or a locked look [n].
        elevation_deg: of the satellite then [n]; NaN without an orbit.
        expected_db: by the link budget [n]; NaN without one.
        curve_time_s, curve_db, curve_deg: the expectation and the elevation over the whole recording.
        required_db: below which frames are lost; None where it is not known.
        spread_db: one standard deviation of the expectation.
    """

    time_s: Floats
    measured_db: Floats
    good: npt.NDArray[np.bool_]
    elevation_deg: Floats
    expected_db: Floats
    curve_time_s: Floats
    curve_db: Floats
    curve_deg: Floats
    required_db: float | None
    spread_db: float

    @property
    def excess_db(self) -> float | None:
        """Median of measured less expected over the good ones; None without a link budget."""
        off = (self.measured_db - self.expected_db)[self.good]
        off = off[np.isfinite(off)]
        return float(np.median(off)) if len(off) else None


@dataclass(frozen=True)
class ElevationBin:
    """What was measured within two degrees of elevation on one side of the pass."""

    elevation_deg: float
    rising: bool
    measured_db: float
    expected_db: float
    count: int


def link_of(decoded: Decoded, sky: Sky | None, start: datetime | None) -> Link:
    """Join a decoding with the orbit; without `sky` or `start` there is nothing to compare with."""
    tracks = decoded.tracks
    if tracks is not None and tracks.locked.any():
        seen = tracks.locked
        time_s, measured, good = tracks.time_s[seen], tracks.ebn0_db[seen], seen[seen]
    else:
        frames = decoded.frames
        known = np.isfinite(frames.time_s) & np.isfinite(frames.ebn0_db)
        time_s, measured, good = frames.time_s[known], frames.ebn0_db[known], frames.good[known]
    nothing = np.full(len(time_s), np.nan)
    curve = np.linspace(0.0, max(decoded.seconds, 1.0), _POINTS)
    rate = decoded.information_rate
    if sky is None or start is None:
        empty = np.full(_POINTS, np.nan)
        return Link(time_s, measured, good, nothing, nothing, curve, empty, empty, None, 0.0)
    there, along = sky.track(start, time_s), sky.track(start, curve)
    expected, over = (None, None) if rate is None else (sky.ebn0_db(there, rate), sky.ebn0_db(along, rate))
    use = sky.use
    required = None
    if use is not None and use.required_cn0_dbhz is not None and rate is not None:
        required = use.required_cn0_dbhz - 10 * float(np.log10(rate))
    return Link(
        time_s, measured, good, there.elevation_deg,
        nothing if expected is None else expected,
        curve, np.full(_POINTS, np.nan) if over is None else over, along.elevation_deg,
        required, sky.spread_db,
    )  # fmt: skip


def by_elevation(link: Link) -> list[ElevationBin]:
    """Medians in steps of elevation, rising and setting apart; bins of few measurements are left out."""
    known = (link.elevation_deg > 0) & link.good
    if not known.any():
        return []
    culmination_s = link.curve_time_s[int(np.nanargmax(link.curve_deg))]
    step = np.floor(link.elevation_deg / _BIN_DEG)
    bins = []
    for rising in (True, False):
        side = known & ((link.time_s <= culmination_s) == rising)
        for number in np.unique(step[side]):
            which = side & (step == number)
            if which.sum() >= _LEAST:
                bins.append(
                    ElevationBin(
                        (float(number) + 0.5) * _BIN_DEG,
                        rising,
                        float(np.median(link.measured_db[which])),
                        float(np.median(link.expected_db[which])),
                        int(which.sum()),
                    )
                )
    return bins
