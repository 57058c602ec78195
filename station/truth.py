"""What was received against what the simulator sent: frames byte for byte, places in kilometres."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from station.compare import frames_of

Array = npt.NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
LINES = 8  # of a strip; as many columns make a block
# A strip is known again from so many blocks, when no other is half as much alike.
LEAST_BLOCKS, CERTAIN = 60, 0.5


@dataclass(frozen=True)
class FrameScore:
    """Frames that lie wholly inside the recording, and how many came back byte for byte.

    `wrong` were received and never sent: a good checksum over the wrong bytes. `sent_high` and `exact_high`
    count those of the complete ones whose first sample came from above `high_deg`.
    """

    sent: int
    sent_complete: int
    received: int
    exact: int
    wrong: int
    high_deg: float | None = None
    sent_high: int = 0
    exact_high: int = 0

    @property
    def exact_fraction(self) -> float:
        """Of the complete ones."""
        return self.exact / self.sent_complete if self.sent_complete else 0.0


@dataclass(frozen=True)
class PlaceScore:
    """Distance of product and truth in km over `points` pixels of `strips`, and the worst line time."""

    points: int
    strips: int
    median_km: float
    percentile_95_km: float
    worst_km: float
    worst_time_s: float


def score_frames(
    stem: Path, frames: Path, high: tuple[float, Callable[[Array], Array]] | None = None
) -> FrameScore:
    """Compare STEM.sent.cadu with the decoder's frames.

    Args:
        stem: of the simulator's files.
        frames: of the decoder.
        high: an elevation, and what tells the elevation at POSIX times, both in degrees; at the horizon no
            receiver hears all, so that frames from above it are counted apart.
    """
    sent = frames_of(stem.with_name(f"{stem.name}.sent.cadu"))
    lines = stem.with_name(f"{stem.name}.sent.jsonl").read_text("utf-8").splitlines()
    log = [json.loads(line) for line in lines]
    complete = [bool(line["complete"]) for line in log]
    received = frames_of(frames)
    up: set[bytes] = set()
    if high is not None:
        times = np.array([datetime.fromisoformat(line["time"]).timestamp() for line in log])
        above = high[1](times) >= high[0]
        up = {f for f, whole, is_up in zip(sent, complete, above, strict=True) if whole and is_up}
    wholly = {frame for frame, whole in zip(sent, complete, strict=True) if whole}
    return FrameScore(
        sent=len(sent),
        sent_complete=sum(complete),
        received=len(received),
        exact=len(wholly & set(received)),
        wrong=len(set(received) - set(sent)),
        high_deg=None if high is None else high[0],
        sent_high=len(up),
        exact_high=len(up & set(received)),
    )


def score_places(truth: Path, level1a: Path, level1b: Path) -> PlaceScore | None:
    """Compare a level-1b file's places with the simulator's; None when nothing can be compared.

    A received strip is known again by what it shows (the means of its blocks), not by its time: a clock that
    is off, or a strip in the wrong place, moves the places and not the comparison.
    """
    made = _level1b(level1b)
    if made is None:
        return None
    line_time, made_lon, made_lat = made
    with np.load(truth, allow_pickle=False) as table:
        times, columns, lon, lat = (table[name] for name in ("line_time", "columns", "lon", "lat"))
        channels, block_mean = table["channels"], table["block_mean"]
    matched = same_strips(_block_means(level1a, channels), block_mean.astype(float))
    kept = columns[(columns >= 0) & (columns < made_lon.shape[1])].astype(int)
    of_made = np.flatnonzero(matched >= 0)
    if not of_made.size or line_time.size != matched.size * LINES:
        return None
    rows, of_truth = (of_made[:, None] * LINES + np.arange(LINES)).ravel(), matched[of_made]
    true_lon, true_lat = (part[of_truth][..., : kept.size].reshape(rows.size, -1) for part in (lon, lat))
    distance = _distance_km(true_lon, true_lat, made_lon[rows][:, kept], made_lat[rows][:, kept])
    finite = distance[np.isfinite(distance)]
    if not finite.size:
        return None
    return PlaceScore(
        points=int(finite.size),
        strips=int(of_made.size),
        median_km=float(np.median(finite)),
        percentile_95_km=float(np.percentile(finite, 95)),
        worst_km=float(finite.max()),
        worst_time_s=float(np.abs(times[of_truth].ravel() - line_time[rows]).max()),
    )


def same_strips(received: Array, sent: Array) -> npt.NDArray[np.intp]:
    """Number of the sent strip that each received one shows, -1 where that is not certain.

    Args:
        received: mean counts of blocks [r, channels, blocks], NaN where a block was not received.
        sent: the same as sent [s, channels, blocks].
    """
    found = np.full(len(received), -1, dtype=np.intp)
    flat = sent.reshape(len(sent), -1)
    for i, strip in enumerate(received.reshape(len(received), -1)):
        known = np.isfinite(strip)
        if known.sum() < LEAST_BLOCKS:
            continue
        off = np.abs(flat[:, known] - strip[known]).mean(axis=1)
        best = int(off.argmin())
        if off[best] < CERTAIN * np.delete(off, best).min():
            found[i] = best
    return found


def _block_means(level1a: Path, channels: npt.NDArray[np.int_]) -> Array:
    """Mean counts of whole blocks [strips, channels, 196] of a level-1a file, NaN where not all is good."""
    import netCDF4

    with netCDF4.Dataset(level1a) as file:
        lines, columns = len(file.dimensions["y"]), len(file.dimensions["x"])
        shape = (lines // LINES, LINES, columns // LINES, LINES)
        means = np.full((shape[0], len(channels), shape[2]), np.nan)
        for k, channel in enumerate(channels):
            if f"ch{channel}" in file.variables:
                counts = np.ma.getdata(file.variables[f"ch{channel}"][:]).reshape(shape)
                quality = np.ma.getdata(file.variables[f"ch{channel}_quality"][:]).reshape(shape)
                means[:, k] = np.where(quality.any(axis=(1, 3)), np.nan, counts.mean(axis=(1, 3)))
    return means


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


def _distance_km(lon1: Array, lat1: Array, lon2: Array, lat2: Array) -> Array:
    """Great-circle distance (haversine)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, np.float64)) for a in (lon1, lat1, lon2, lat2))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
