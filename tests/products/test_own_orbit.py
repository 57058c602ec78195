"""The orbit from a satellite's own positions: skyfield's positions in, places by SGP4 out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skyfield.api import EarthSatellite, load, wgs84
from skyfield.framelib import itrs

from products.errors import InputError
from products.level1a import read_level1a
from products.make import make_products
from products.orbit import sidereal_angle, states, turned
from products.own_orbit import own_orbit
from products.qa import distance_km

# METEOR-M2 4, 2024-07-16.
SATELLITE = EarthSatellite(
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
    "METEOR-M2 4",
    load.timescale(builtin=True),
)
START = datetime(2024, 7, 17, 3, 0, tzinfo=UTC).timestamp()
rng = np.random.default_rng(7)
Array = NDArray[np.float64]


def _told(seconds: float = 700.0) -> tuple[Array, Array]:
    """A position every strip, at full seconds, to 5 m."""
    time = np.floor(START + np.arange(0.0, seconds, 8 / 6.498)) - 1
    return time, _true(time) * 1e3 + rng.normal(0, 5, (time.size, 3))


def _true(time: Array) -> Array:
    moments = SATELLITE.at(
        load.timescale(builtin=True).from_datetimes([datetime.fromtimestamp(t, UTC) for t in time])
    )
    return np.asarray(moments.frame_xyz(itrs).km.T)


def _worst_km(time: Array, position: Array, seconds: float = 700.0) -> float:
    found = own_orbit(time, position, START, START + seconds)
    at = START + np.linspace(0, seconds, 30)
    place = turned(states(found.satrec, at)[0], sidereal_angle(at))
    return float(np.linalg.norm(place - _true(at), axis=1).max())


def test_the_orbit_is_found() -> None:
    # UT1 - UTC and polar motion, which ours leaves out, cancel: the same are used to and fro.
    assert _worst_km(*_told()) < 0.02


def test_a_short_stretch_does_for_lines_near_it() -> None:
    time, position = _told(90)
    found = own_orbit(time, position, START, START + 90)
    assert _worst_km(time, position, 90) < 3 * found.error_km < 0.3


@pytest.mark.parametrize("share", [0.02, 0.2, 0.35])
def test_outliers_are_left_out(share: float) -> None:
    """Thousands of kilometres, some kilometres, and some hundred metres off."""
    time, position = _told()
    bad = np.flatnonzero(rng.random(time.size) < share)
    size = 10.0 ** rng.uniform(2.3, 6, bad.size)[:, None]
    position[bad] += size * rng.choice([-1.0, 1.0], (bad.size, 3))
    found = own_orbit(time, position, START, START + 700)
    assert time.size - bad.size - 3 <= found.used <= time.size - 0.9 * bad.size
    assert _worst_km(time, position) < 0.05


def test_another_orbit_s_positions_are_left_out() -> None:
    """The last third tell places of a minute before: an orbit too, but fewer lie on it."""
    time, position = _told()
    late = time > START + 460
    position[late] = _true(time[late] - 60) * 1e3
    found = own_orbit(time, position, START, START + 700)
    assert found.used == np.count_nonzero(~late)
    assert _worst_km(time, position) < 0.05


def test_lost_positions_are_no_matter() -> None:
    time, position = _told()
    time[::3] = np.nan
    position[::3] = np.nan
    assert _worst_km(time, position) < 0.02


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("none", "sent 0 positions"),
        ("few", "sent 8 positions"),
        ("still", "0 of them on one orbit"),
        ("random", "of them on one orbit"),
        ("straight", "0 of them on one orbit"),
        ("slow", "0 of them on one orbit"),
        ("another pass", "sent 0 positions"),
        ("scattered", "scatter by"),
        ("far lines", "all lines"),
    ],
)
def test_what_is_no_orbit_is_refused(kind: str, match: str) -> None:
    time, position = _told()
    end = START + 700
    if kind == "none":
        time = np.full_like(time, np.nan)
    elif kind == "few":
        time, position = time[:64:8], position[:64:8]
    elif kind == "still":
        position[:] = position[0]
    elif kind == "random":
        position = rng.normal(0, 1, position.shape)
        position *= 7.2e6 / np.linalg.norm(position, axis=1, keepdims=True)
    elif kind == "straight":
        position = position[0] + np.outer(time - time[0], [0.0, 100.0, 0.0])
    elif kind == "slow":
        time = time[0] + 1.1 * (time - time[0])
    elif kind == "another pass":
        time = time + 6000
    elif kind == "scattered":
        position += rng.normal(0, 2000, position.shape)
    elif kind == "far lines":
        time, position = time[:30], position[:30]
        end = START + 6000
    with pytest.raises(InputError, match=match):
        own_orbit(time, position, START, end)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 60), st.randoms(use_true_random=False), st.sampled_from([1.0, 1e3, 7.1e6, 1e300, np.inf])
)
def test_anything_is_refused_in_a_sentence(count: int, random: object, size: float) -> None:
    draw = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    time = START + draw.uniform(-200, 900, count).round()
    position = draw.choice([-size, size, np.nan, size / 2], (count, 3))
    with pytest.raises(InputError, match="positions"):
        own_orbit(time, position, START, START + 700)


def _with_positions(path: Path, time: Array, position: Array) -> Path:
    with netCDF4.Dataset(path, "a") as file:
        file.createDimension("fix", time.size)
        file.createDimension("axis", 3)
        file.createVariable("position_time", "f8", ("fix",))[:] = time
        file.createVariable("position", "f8", ("fix", "axis"))[:] = position
    return path


def test_a_pass_without_elements_is_put_on_the_map(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=START, strips=56, channels=(5,), elements=None, satellite="METEOR-M2 4")
    time, position = _told(70)
    position[5] *= 1.05
    report = make_products([_with_positions(path, time, position)], tmp_path / "out", areas=["pass"])
    quality = report.passes[0].geolocation
    assert quality is not None
    told = f"elements fitted to {time.size - 1} of {time.size} positions that the satellite sent of itself"
    assert quality.method.startswith(told)
    assert quality.attitude.startswith("nominal")
    assert any(file.kind == "geotiff" for file in report.files)
    level1b = next(file.path for file in report.files if file.kind == "level1b")
    with netCDF4.Dataset(level1b) as file:
        assert file.elements_source.startswith(told)
        assert "MEAN_MOTION" in json.loads(file.elements_omm)
        assert json.loads(file.geolocation)["method"] == quality.method
        lon, lat = (float(file[name][224, 783:785].mean()) for name in ("longitude", "latitude"))
    middle = load.timescale(builtin=True).from_datetime(datetime.fromtimestamp(START + 56 * 4 / 6.498, UTC))
    below = wgs84.subpoint(SATELLITE.at(middle))
    # Looking to the Earth's centre, not along the vertical, is up to 2.7 km.
    assert distance_km(lon, lat, below.longitude.degrees, below.latitude.degrees) < 3


def test_a_refusal_is_told_in_the_report(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=START, strips=8, channels=(5,), elements=None, satellite="METEOR-M2 4")
    report = make_products([_with_positions(path, *_told(9))], tmp_path / "out")
    assert report.passes[0].geolocation is None
    assert "no orbital elements came with the pass, and the satellite sent" in report.skipped[0].reason
    assert report.exit_status == 0
    assert all(file.bbox is None for file in report.files)


def test_ill_formed_positions_are_none(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=START, strips=8, elements=None)
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("position_time", "f8", ("telemetry",))[:] = START
        file.createVariable("position", "f8", ("telemetry", "word"))[:] = 7e6
    assert read_level1a(path).orbit == "no orbital elements came with the pass"
