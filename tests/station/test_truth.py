"""The score of the demonstration: a lost, a changed and a late frame or line must show."""

from __future__ import annotations

import json
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from station.truth import same_strips, score_frames, score_places

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


STRIPS, SEEN = 12, slice(2, 10)


def _files(
    folder: Path, *, clock_off_s: float = 0.0, shift_deg: float = 0.0, late_strips: int = 0
) -> list[Path]:
    """Truth of 12 strips flying north at 6.7 km/s, and level-1a and -1b files of strips 2 to 9.

    A clock that is off gives other times and the places of those times; `late_strips` puts the picture so
    many strips too late.
    """
    line_time = 1e9 + np.arange(STRIPS * 8).reshape(STRIPS, 8) / 6.498
    columns = np.arange(0, 1568, 16)
    lat = (line_time - 1e9)[..., None] * 6.7 / 111.19 + np.zeros(columns.size)
    lon = 103 + columns * 0.01 + np.zeros_like(lat)
    counts = rng.integers(0, 256, (STRIPS, 2, 196)).repeat(8, axis=-1)  # blocks of one value each
    np.savez(
        folder / "t.npz",
        line_time=line_time,
        columns=columns,
        lon=lon,
        lat=lat,
        channels=np.array([1, 5]),
        block_mean=counts[..., ::8].astype(np.uint8),
    )
    seen = line_time[SEEN].ravel() + clock_off_s
    shown = counts[SEEN.start - late_strips : SEEN.stop - late_strips]
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        _dimensions(file, seen.size)
        for number, channel in enumerate((1, 5)):
            lines = shown[:, number].repeat(8, axis=0)
            file.createVariable(f"ch{channel}", "u1", ("y", "x"))[:] = lines
            quality = np.zeros(lines.shape, np.uint8)
            quality[8:16] = 1  # the second strip was lost
            file.createVariable(f"ch{channel}_quality", "u1", ("y", "x"))[:] = quality
    with netCDF4.Dataset(folder / "b.nc", "w") as file:
        _dimensions(file, seen.size)
        file.createVariable("line_time", "f8", ("y",))[:] = seen
        full = (seen - 1e9)[:, None] * 6.7 / 111.19 + np.zeros(1568)
        file.createVariable("latitude", "f8", ("y", "x"))[:] = full + shift_deg
        east = 103 + np.arange(1568) * 0.01 + np.zeros_like(full)
        file.createVariable("longitude", "f8", ("y", "x"))[:] = east
    return [folder / name for name in ("t.npz", "a.nc", "b.nc")]


def _dimensions(file: netCDF4.Dataset, lines: int) -> None:
    file.createDimension("y", lines)
    file.createDimension("x", 1568)


def test_places_that_are_right(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path))
    assert score is not None
    assert (score.strips, score.points) == (7, 7 * 8 * 98)
    assert score.worst_km < 1e-3
    assert score.worst_time_s < 1e-6


def test_a_place_a_kilometre_off_shows(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path, shift_deg=1 / 111.19))
    assert score is not None
    assert score.median_km == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("clock_off_s", [-1.0, 1.0, 8 / 6.498])
def test_a_clock_that_is_off_shows_in_full(tmp_path: Path, clock_off_s: float) -> None:
    score = score_places(*_files(tmp_path, clock_off_s=clock_off_s))
    assert score is not None
    assert score.worst_time_s == pytest.approx(abs(clock_off_s))
    assert score.median_km == pytest.approx(6.7 * abs(clock_off_s), rel=0.01)


def test_a_picture_a_strip_too_late_shows_in_full(tmp_path: Path) -> None:
    score = score_places(*_files(tmp_path, late_strips=1))
    assert score is not None
    assert score.median_km == pytest.approx(6.7 * 8 / 6.498, rel=0.01)


def test_strips_that_look_alike_are_not_guessed() -> None:
    sent = rng.integers(0, 256, (5, 1, 196)).astype(float)
    sent[3] = sent[1]
    assert same_strips(sent, sent).tolist() == [0, -1, 2, -1, 4]
    sent[0, 0, :150] = np.nan
    assert same_strips(sent[:1], sent[1:]).tolist() == [-1]
