"""What the self tests of a receiver usually find: medians, so that a bad day does not move them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MAD_TO_SIGMA = 1.4826  # of a normal distribution, the median of the absolute deviations


@dataclass(frozen=True)
class Usual:
    """What tests of the same receiver, tuned the same, usually found; empty at first.

    Attributes:
        count: of tests.
        floor_dbfs_hz: median.
        floor_spread_db: robust standard deviation.
        bias_gain_db: median, None where it was never tried.
        shape_db: median of each piece of the band.
        carriers_dbfs: median by name.
        peaks_hz: those that were there in at least half of the tests, with their median power in dBFS.
    """

    count: int = 0
    floor_dbfs_hz: float = math.nan
    floor_spread_db: float = 0.0
    bias_gain_db: float | None = None
    shape_db: tuple[float, ...] = ()
    carriers_dbfs: Mapping[str, float] = field(default_factory=dict)
    peaks_hz: tuple[tuple[float, float], ...] = ()


def usual_of(past: Sequence[Mapping[str, Any]]) -> Usual:
    """From the records of tests that were good, `station.self_test_history` chooses them."""
    if not past:
        return Usual()
    floors = np.array([float(record["on"]["floor_dbfs_hz"]) for record in past])
    gains = [record["bias_gain_db"] for record in past if record.get("bias_gain_db") is not None]
    shapes = [record["on"]["shape_db"] for record in past]
    same = [shape for shape in shapes if len(shape) == len(shapes[-1])]
    heard: dict[str, list[float]] = {}
    for record in past:
        for carrier in record["carriers"]:
            heard.setdefault(carrier["name"], []).append(float(carrier["level_dbfs"]))
    return Usual(
        len(past),
        float(np.median(floors)),
        _MAD_TO_SIGMA * float(np.median(np.abs(floors - np.median(floors)))),
        float(np.median(gains)) if gains else None,
        tuple(np.median(np.array(same), axis=0)) if same and same[-1] else (),
        {name: float(np.median(levels)) for name, levels in heard.items()},
        _usual_peaks([record["on"]["peaks"] for record in past]),
    )


def _usual_peaks(past: Sequence[Sequence[Mapping[str, float]]]) -> tuple[tuple[float, float], ...]:
    newest = past[-1]
    found = []
    for peak in newest:
        same = [
            other["power_dbfs"]
            for peaks in past
            for other in peaks
            if abs(other["frequency_hz"] - peak["frequency_hz"]) <= max(peak["width_hz"], other["width_hz"])
        ]
        if 2 * len(same) >= len(past):
            found.append((float(peak["frequency_hz"]), float(np.median(same))))
    return tuple(found)
