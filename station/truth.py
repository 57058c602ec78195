"""What was received against what the simulator sent: frames byte for byte, places in kilometres."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from station.compare import frames_of

Array = npt.NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
LINES = 8  # of a strip


@dataclass(frozen=True)
class FrameScore:
    """Frames that lie wholly inside the recording, and how many came back byte for byte.

    `wrong` were received and never sent: a good checksum over the wrong bytes.
    """

    sent: int
    sent_complete: int
    received: int
    exact: int
    wrong: int

    @property
    def exact_fraction(self) -> float:
        """Of the complete ones."""
        return self.exact / self.sent_complete if self.sent_complete else 0.0


@dataclass(frozen=True)
class PlaceScore:
    """Distance of product and truth in km over `points` pixels, and the largest difference of line times."""

    points: int
    median_km: float
    percentile_95_km: float
    worst_km: float
    worst_time_s: float


def score_frames(stem: Path, frames: Path) -> FrameScore:
    """Compare STEM.sent.cadu with the decoder's frames."""
    sent = frames_of(stem.with_name(f"{stem.name}.sent.cadu"))
    lines = stem.with_name(f"{stem.name}.sent.jsonl").read_text("utf-8").splitlines()
    complete = [bool(json.loads(line)["complete"]) for line in lines]
    received = frames_of(frames)
    wholly = {frame for frame, whole in zip(sent, complete, strict=True) if whole}
    return FrameScore(
        sent=len(sent),
        sent_complete=sum(complete),
        received=len(received),
        exact=len(wholly & set(received)),
        wrong=len(set(received) - set(sent)),
    )


def score_places(truth: Path, level1b: Path) -> PlaceScore | None:
    """Compare a level-1b file's places with the simulator's; None when it has none.

    A strip of eight lines is looked up by the time of its first line, and its lines are compared in their
    order, so a clock that is a second off shows as 0.23 s (a strip takes 1.23 s) and 1.5 km.
    """
    made = _level1b(level1b)
    if made is None:
        return None
    line_time, made_lon, made_lat = made
    with np.load(truth, allow_pickle=False) as table:
        strip_time, times = table["strip_time"], table["line_time"]
        columns, lon, lat = table["columns"], table["lon"], table["lat"]
    strips = _nearest(strip_time, line_time[::LINES])
    off_s = np.abs(times[strips].reshape(-1)[: line_time.size] - line_time)
    inside = (columns >= 0) & (columns < made_lon.shape[1])
    truth_lon, truth_lat = (_rows(values[strips], line_time.size)[:, inside] for values in (lon, lat))
    kept = columns[inside].astype(int)
    distance = _distance_km(truth_lon, truth_lat, made_lon[:, kept], made_lat[:, kept])
    finite = distance[np.isfinite(distance)]
    if not finite.size:
        return None
    return PlaceScore(
        points=int(finite.size),
        median_km=float(np.median(finite)),
        percentile_95_km=float(np.percentile(finite, 95)),
        worst_km=float(finite.max()),
        worst_time_s=float(off_s.max()),
    )


def _rows(strips: Array, count: int) -> Array:
    """Lines [count, k] from strips [s, 8, k]."""
    return strips.reshape(-1, strips.shape[-1])[:count]


def _level1b(path: Path) -> tuple[Array, Array, Array] | None:
    """Line times [y], longitude and latitude [y, x]."""
    import netCDF4

    with netCDF4.Dataset(path) as file:
        names: Any = file.variables
        if not {"line_time", "longitude", "latitude"} <= set(names):
            return None
        read = [
            np.ma.filled(names[name][:].astype(np.float64), np.nan)
            for name in ("line_time", "longitude", "latitude")
        ]
    return read[0], read[1], read[2]


def _nearest(times: Array, wanted: Array) -> npt.NDArray[np.intp]:
    after = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    before_is_nearer = wanted - times[after - 1] < times[after] - wanted
    return np.asarray(np.where(before_is_nearer, after - 1, after), dtype=np.intp)


def _distance_km(lon1: Array, lat1: Array, lon2: Array, lat2: Array) -> Array:
    """Great-circle distance (haversine)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, np.float64)) for a in (lon1, lat1, lon2, lat2))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
