"""A level-1a file by the contract of design.md, written without the decoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

# METEOR-M2 3, epoch 2024-07-16, as in the shared elements (facts).
OMM = {
    "OBJECT_NAME": "METEOR-M2 3",
    "OBJECT_ID": "2023-091A",
    "EPOCH": "2024-07-16T02:03:27.000000",
    "MEAN_MOTION": 14.24037,
    "ECCENTRICITY": 0.000358,
    "INCLINATION": 98.7384,
    "RA_OF_ASC_NODE": 250.3,
    "ARG_OF_PERICENTER": 150.1,
    "MEAN_ANOMALY": 210.0,
    "EPHEMERIS_TYPE": 0,
    "CLASSIFICATION_TYPE": "U",
    "NORAD_CAT_ID": 57166,
    "ELEMENT_SET_NO": 999,
    "REV_AT_EPOCH": 5432,
    "BSTAR": 0.00012,
    "MEAN_MOTION_DOT": 3.0e-7,
    "MEAN_MOTION_DDOT": 0,
}
LINE_RATE = 6.498


def write_level1a(
    folder: Path,
    *,
    start: float,
    strips: int = 40,
    channels: tuple[int, ...] = (1, 2, 5),
    elements: dict[str, object] | None = OMM,
    gap: slice | None = None,
    counts: Callable[[int, np.ndarray], np.ndarray] | None = None,
    satellite: str = "METEOR-M2 3",
) -> Path:
    """Write a pass; counts(channel, line_time) gives (lines, 1568) uint8, by default a ramp."""
    time = start + np.arange(8 * strips) / LINE_RATE
    name = f"{satellite.replace(' ', '_')}_MSU-MR_{datetime.fromtimestamp(start, UTC):%Y%m%dT%H%M%SZ}_l1a.nc"
    with netCDF4.Dataset(folder / name, "w") as file:
        for dimension, size in {
            "y": 8 * strips,
            "x": 1568,
            "strip": strips,
            "telemetry": strips,
            "word": 2,
        }.items():
            file.createDimension(dimension, size)
        file.createDimension("channel", 6)
        file.createDimension("body", 3)
        for channel in channels:
            ramp = np.add.outer(np.arange(8 * strips) // 8, np.arange(1568) // 8) % 256
            values = ramp.astype(np.uint8) if counts is None else counts(channel, time)
            quality = np.zeros_like(values)
            if gap is not None:
                quality[gap] = 1
                values = np.where(quality == 0, values, 0)
            file.createVariable(f"ch{channel}", "u1", ("y", "x"))[:] = values
            file.createVariable(f"ch{channel}_quality", "u1", ("y", "x"))[:] = quality
        file.createVariable("line_time", "f8", ("y",))[:] = time
        words = np.zeros((strips, 6, 2), np.uint16)
        words[:, 3:, 0], words[:, 3:, 1] = 900, 200
        file.createVariable("calibration_words", "u2", ("telemetry", "channel", "word"))[:] = words
        file.createVariable("cold_body_temperature", "f4", ("telemetry", "body"))[:] = 258.0
        file.createVariable("hot_body_temperature", "f4", ("telemetry", "body"))[:] = 313.0
        file.setncatts(
            {
                "Conventions": "CF-1.10",
                "satellite": satellite,
                "norad_id": 57166,
                "instrument": "MSU-MR",
                "elements_omm": json.dumps(elements) if elements else "",
                "station": "",
                "recording_name": "test",
                "recording_sha256": "0" * 64,
                "processing_level": "1a",
            }
        )
    return folder / name


@pytest.fixture(scope="session")
def l1a_writer() -> Callable[..., Path]:
    """`write_level1a`, for tests."""
    return write_level1a
