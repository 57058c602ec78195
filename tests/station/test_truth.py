"""The score of the demonstration: a lost, a changed and a late frame or line must show."""

from __future__ import annotations

import json
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from station.truth import score_frames, score_places

rng = np.random.default_rng(5)


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    frames = [rng.bytes(1024) for _ in range(10)]
    (tmp_path / "r.sent.cadu").write_bytes(b"".join(frames))
    lines = [json.dumps({"complete": 0 < i < 9}) for i in range(10)]
    (tmp_path / "r.sent.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "frames.cadu").write_bytes(b"".join(frames[1:9]))
    return tmp_path / "r"


def test_all_frames_that_lie_inside(stem: Path) -> None:
    score = score_frames(stem, stem.parent / "frames.cadu")
    assert (score.sent, score.sent_complete, score.exact, score.wrong) == (10, 8, 8, 0)
    assert score.exact_fraction == 1.0


def test_a_changed_byte_is_a_frame_lost_and_a_frame_never_sent(stem: Path) -> None:
    path = stem.parent / "frames.cadu"
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)
    score = score_frames(stem, path)
    assert (score.exact, score.wrong) == (7, 1)


def _files(folder: Path, clock_off_s: float, shift_deg: float) -> tuple[Path, Path]:
    """Truth of 6 strips flying north at 6.7 km/s, and a level-1b file of strips 1 to 4."""
    strip_time = 1e9 + np.arange(6) * 8 / 6.498
    line_time = strip_time[:, None] + np.arange(8) / 6.498
    columns = np.arange(0, 1568, 16)
    lat = (line_time - 1e9)[..., None] * 6.7 / 111.19 + np.zeros(columns.size)
    lon = 103 + columns * 0.01 + np.zeros_like(lat)
    np.savez(folder / "t.npz", strip_time=strip_time, line_time=line_time, columns=columns, lon=lon, lat=lat)
    with netCDF4.Dataset(folder / "b.nc", "w") as file:
        file.createDimension("y", 32)
        file.createDimension("x", 1568)
        seen = line_time[1:5].ravel()
        file.createVariable("line_time", "f8", ("y",))[:] = seen + clock_off_s
        full = (seen - 1e9)[:, None] * 6.7 / 111.19 + np.zeros(1568)
        file.createVariable("latitude", "f8", ("y", "x"))[:] = full + shift_deg
        file.createVariable("longitude", "f8", ("y", "x"))[:] = (
            103 + np.arange(1568) * 0.01 + np.zeros_like(full)
        )
    return folder / "t.npz", folder / "b.nc"


def test_places_that_are_right(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path, 0.0, 0.0))
    assert score is not None
    assert score.points == 32 * 98
    assert score.worst_km < 1e-3
    assert score.worst_time_s < 1e-6


def test_a_place_a_kilometre_off_shows(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path, 0.0, 1 / 111.19))
    assert score is not None
    assert score.median_km == pytest.approx(1.0, abs=0.01)


def test_a_clock_a_second_off_shows(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path, 1.0, 0.0))
    assert score is not None
    assert score.worst_time_s == pytest.approx(8 / 6.498 - 1, abs=1e-3)
    assert score.median_km > 1
