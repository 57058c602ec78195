"""The simulated Earth: land where land is, physics of the right sign and size, and nothing left to chance."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from sim import surface
from sim.climate import climate_at, spreading
from sim.errors import SimulationError
from sim.radiometry import (
    BANDS_UM,
    COLD_BODY_K,
    COLD_COUNT10,
    HOT_BODY_K,
    HOT_COUNT10,
    brightness_temperature,
    check_channels,
    planck,
    radiance,
    response,
    sun_radiance,
)
from sim.scene import EarthScene
from sim.surface import Edges, LandMap, coverage
from sim.texture import Texture

DAY = datetime(2024, 7, 17, 5, 0, tzinfo=UTC).timestamp()  # noon at 105 east
NIGHT = DAY + 12 * 3600

LAND = {
    "Hanoi": (105.85, 21.03),
    "Lai Chau": (103.45, 22.40),
    "Lang Son": (106.76, 21.85),
    "Hainan": (109.80, 19.20),
    "Hue": (107.58, 16.46),
    "Sahara": (10.0, 23.0),
    "Antarctica": (0.0, -85.0),
    "South Pole": (0.0, -90.0),
    "Chukotka, at the date line": (179.99, 68.0),
    "Chukotka, beyond it": (-179.99, 68.0),
}
WATER = {
    "Gulf of Tonkin": (107.9, 20.0),
    "South China Sea": (112.0, 15.0),
    "Tonle Sap": (104.0, 12.9),
    "Poyang": (116.3, 29.1),
    "Qinghai": (100.2, 36.9),
    "Caspian Sea": (51.0, 41.0),
    "Lake Superior": (-87.5, 47.7),
    "Lake Victoria": (33.0, -1.0),
    "Baikal": (108.0, 53.5),
    "Pacific": (-150.0, 0.0),
    "North Pole": (0.0, 90.0),
}


@pytest.fixture(scope="module")
def land_map() -> LandMap:
    return LandMap()


@pytest.fixture(scope="module")
def clear() -> EarthScene:
    return EarthScene(1, cloudiness=-9.0)


def _at(lon: float, lat: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([[lon]]), np.array([[lat]])


def _signal(scene: EarthScene, channel: int, lon: float, lat: float, time: float) -> float:
    place, when = _at(lon, lat), np.array([[time]])
    climate = scene.climate(*place, when)
    return float(scene.signal(channel, scene.sight(*place, when, climate), climate)[0, 0])


@pytest.mark.parametrize("name", LAND)
def test_land_is_land(land_map: LandMap, name: str) -> None:
    assert land_map.land_share(*_at(*LAND[name]))[0, 0] == 1.0


@pytest.mark.parametrize("name", WATER)
def test_water_is_water(land_map: LandMap, name: str) -> None:
    assert land_map.land_share(*_at(*WATER[name]))[0, 0] == 0.0


def test_a_shore_is_partly_land(land_map: LandMap) -> None:
    lon, lat = np.meshgrid(np.linspace(105.5, 109.0, 700), np.linspace(19.0, 21.5, 500))
    share = land_map.land_share(lon, lat)
    assert 0.001 < np.mean((share > 0.01) & (share < 0.99)) < 0.1
    assert 0.3 < share.mean() < 0.8


def test_a_full_store_of_pages_begins_anew(land_map: LandMap, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [np.array(part) for part in zip(*(LAND | WATER).values(), strict=True)]
    expected = land_map.land_share(*places)
    monkeypatch.setattr(surface, "MOST_PAGES", 3)
    small = LandMap()
    single = [float(small.land_share(*_at(lon, lat))[0, 0]) for lon, lat in zip(*places, strict=True)]
    assert single == expected.tolist()
    assert np.array_equal(small.land_share(*places), expected)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SimulationError, match="0 or more"):
        EarthScene(-1)


@pytest.mark.slow
def test_the_earth_has_29_per_cent_of_land(land_map: LandMap) -> None:
    """148.9 of 510.1 million km2, lakes taken off, by places spread evenly over the sphere."""
    index = np.arange(60_000) + 0.5
    lat = np.rad2deg(np.arcsin(1 - 2 * index / index.size))
    lon = np.mod(360 * index * (np.sqrt(5) - 1) / 2, 360) - 180
    share = np.concatenate(
        [LandMap().land_share(*part) for part in zip(np.split(lon, 12), np.split(lat, 12), strict=True)]
    )
    assert share.mean() == pytest.approx(0.288, abs=0.006)


def test_coverage_is_the_area_that_shapely_cuts_out() -> None:
    """A polygon with a hole, clockwise outside, against exact areas cell by cell."""
    shell = [(0.013, 0.011), (0.021, 0.071), (0.063, 0.083), (0.091, 0.027)]
    hole = [(0.033, 0.033), (0.052, 0.031), (0.047, 0.052)]  # counter-clockwise
    parts = [np.array([*ring, ring[0]], np.float32) for ring in (shell, hole)]
    begins, ends = np.concatenate([p[:-1] for p in parts]), np.concatenate([p[1:] for p in parts])
    cells = coverage(Edges(begins[:, 0], begins[:, 1], ends[:, 0], ends[:, 1]), 0.0, 0.0, 10, 10)
    polygon = shapely.Polygon(shell, [hole])
    for row in range(10):
        for column in range(10):
            box = shapely.box(column / 100, row / 100, (column + 1) / 100, (row + 1) / 100)
            assert cells[row, column] == pytest.approx(polygon.intersection(box).area * 1e4, abs=0.13)
    assert cells.sum() == pytest.approx(polygon.area * 1e4, rel=0.02)


def test_contrast_of_land_and_water_by_day(clear: EarthScene) -> None:
    """Leaves are bright in channel 2 and dark in 1; water is dark in both."""
    shore = {
        name: [_signal(clear, channel, *place, DAY) for channel in (1, 2, 3)]
        for name, place in (LAND | WATER).items()
    }
    assert shore["Hainan"][1] > 6 * shore["Gulf of Tonkin"][1]
    assert shore["Hainan"][1] > 1.8 * shore["Hainan"][0]
    assert shore["Gulf of Tonkin"][1] < shore["Gulf of Tonkin"][0] < shore["Hainan"][0]
    assert shore["Hainan"][2] > 10 * shore["Gulf of Tonkin"][2]


def test_night_is_dark_and_warm(clear: EarthScene) -> None:
    assert [_signal(clear, channel, 109.8, 19.2, NIGHT) for channel in (1, 2, 3)] == [0, 0, 0]
    temperature = float(brightness_temperature(5, np.array(_signal(clear, 5, 109.8, 19.2, NIGHT))))
    assert 283 < temperature < 303


def test_channel_4_sees_the_sun(clear: EarthScene) -> None:
    day, night = (
        float(brightness_temperature(4, np.array(_signal(clear, 4, 10.0, 23.0, t))))
        - float(brightness_temperature(5, np.array(_signal(clear, 5, 10.0, 23.0, t))))
        for t in (DAY + 7 * 3600, DAY + 19 * 3600)
    )
    assert day > 5
    assert abs(night) < 3


def test_clouds_are_bright_and_cold() -> None:
    cloudy, clear = EarthScene(1, cloudiness=3.0), EarthScene(1, cloudiness=-9.0)
    for place in ((107.9, 20.0), (112.0, 15.0)):
        assert _signal(cloudy, 1, *place, DAY) > 0.4 > 0.1 > _signal(clear, 1, *place, DAY)
        cold = float(brightness_temperature(5, np.array(_signal(cloudy, 5, *place, DAY))))
        assert 190 < cold < 270


def test_a_third_to_two_thirds_of_the_sky_is_cloudy() -> None:
    scene = EarthScene(4)
    """Along three strips from pole to pole, evenly by area."""
    lat = np.rad2deg(np.arcsin(np.linspace(-0.98, 0.98, 200)))[:, None] + np.zeros((1, 300))
    lon = (
        np.array([-150.0, -20.0, 105.0]).repeat(100)
        + np.tile(np.linspace(0.1, 4.9, 100), 3)
        + np.zeros((200, 1))
    )
    time = np.full((200, 1), DAY)
    sight = scene.sight(lon, lat, time, scene.climate(lon, lat, time))
    assert 0.3 < np.mean(sight.cloud_albedo > 0.1) < 0.67


def test_the_same_seed_gives_the_same_earth_however_it_is_asked() -> None:
    lon, lat = np.meshgrid(np.linspace(100, 112, 90), np.linspace(24, 12, 70))
    time = DAY + np.arange(70.0)[:, None]

    def seen(scene: EarthScene, rows: slice) -> NDArray[np.float32]:
        climate = scene.climate(lon[rows], lat[rows], time[rows])
        return scene.signal(5, scene.sight(lon[rows], lat[rows], time[rows], climate), climate)

    whole = seen(EarthScene(3), slice(None))
    parts = EarthScene(3)
    assert np.array_equal(whole, np.concatenate([seen(parts, slice(0, 13)), seen(parts, slice(13, 70))]))
    assert not np.array_equal(whole, seen(EarthScene(5), slice(None)))


def test_clouds_drift_and_do_not_jump() -> None:
    scene = EarthScene(3)
    lon, lat = np.meshgrid(np.linspace(100, 112, 200), np.linspace(24, 12, 200))

    def albedo(time: float) -> NDArray[np.float32]:
        when = np.full((200, 1), time)
        return scene.sight(lon, lat, when, scene.climate(lon, lat, when)).cloud_albedo

    assert np.abs(albedo(DAY) - albedo(DAY + 10)).max() < 0.1
    assert np.abs(albedo(DAY) - albedo(DAY + 86400)).mean() > 0.02


def test_slow_fields_survive_interpolation_between_ties() -> None:
    """What `MsuMrCamera` does across a line: ties every 16 columns."""
    ties = np.append(np.arange(0, 1567, 16), 1567)
    lon = np.linspace(90.0, 118.0, 1568)[None]
    lat = np.linspace(24.0, 19.0, 1568)[None]
    time = np.array([[DAY]])
    exact = climate_at(lon, lat, time)
    spread = climate_at(lon[:, ties], lat[:, ties], time).spread(spreading(ties, 1568))
    assert np.abs(exact.land_k - spread.land_k).max() < 0.05
    assert np.abs(exact.cos_sun_zenith - spread.cos_sun_zenith).max() < 1e-4
    assert np.abs(exact.cloud_bias - spread.cloud_bias).max() < 0.01


def test_texture_repeats_after_its_period_and_nowhere_else() -> None:
    texture = Texture(1)
    lon, lat = np.meshgrid(np.linspace(-170, -100, 300), np.linspace(-40, 40, 300))
    value = texture(lon, lat, 90.0)
    assert np.allclose(value, texture(lon + 90, lat, 90.0), atol=1e-3)
    assert abs(np.corrcoef(value.ravel(), texture(lon + 30, lat, 90.0).ravel())[0, 1]) < 0.5
    assert 0.5 < value.std() < 1.5


def test_the_pole_is_a_place_like_any_other() -> None:
    """Steps of 1 km change the texture as much on the circle at 89.8 degrees as at 20."""
    texture = Texture(1)
    angle = np.linspace(0, 360, 140)[None] - 180
    at_pole = texture(angle, np.full_like(angle, 89.8), 90.0)
    elsewhere = texture(np.arange(0, 60, 0.01)[None], np.full((1, 6000), 20.0), 90.0)
    assert np.abs(np.diff(at_pole)).max() < 2 * np.abs(np.diff(elsewhere)).max()


def test_seasons_and_day_warm_the_land() -> None:
    """Hanoi, Yakutsk and the South Pole in January and July, within 25 K of their climates; ice caps last."""
    july, january = DAY, datetime(2024, 1, 17, 5, 0, tzinfo=UTC).timestamp()
    means = {(105.85, 21.03): (290, 303), (129.7, 62.0): (235, 292), (0.0, -90.0): (248, 214)}
    for (lon, lat), expected in means.items():
        for time, kelvin in zip((january, july), expected, strict=True):
            hours = time + np.arange(24.0)[:, None] * 3600
            mean = climate_at(*_at(lon, lat), hours).land_k.mean()
            assert abs(mean - kelvin) < 25, (lon, lat, mean)
    for lon, lat, snow in ((0.0, -85.0, 1.0), (-42.0, 73.0, 1.0), (105.85, 21.03, 0.0), (129.7, 62.0, 0.0)):
        assert climate_at(*_at(lon, lat), np.array([[july]])).snow[0, 0] == pytest.approx(snow, abs=0.05)


def test_planck_against_stefan_boltzmann_and_a_table() -> None:
    """11 um at 300 K: 9.57 W/(m2 sr um); sunlight at 0.6 um 1750, at 3.8 um 10.9 W/(m2 um) (ASTM E490)."""
    assert planck(5, np.array(300.0)) == pytest.approx(9.57, rel=0.01)
    assert sun_radiance(1) * np.pi == pytest.approx(1750, rel=0.1)
    assert sun_radiance(4) * np.pi == pytest.approx(10.9, rel=0.1)


@pytest.mark.parametrize("channel", [4, 5, 6])
def test_radiance_and_brightness_temperature_are_inverse(channel: int) -> None:
    temperature = np.linspace(180, 330, 1000)
    back = brightness_temperature(channel, planck(channel, temperature))
    assert np.abs(back - temperature).max() < 0.05
    table = radiance(channel, temperature.astype(np.float32))
    assert np.allclose(table, planck(channel, temperature), rtol=6e-3)


@pytest.mark.parametrize("channel", [4, 5, 6])
def test_counts_go_through_the_two_bodies(channel: int) -> None:
    """Linear in radiance: the bodies give their words, and a body half-way in radiance the middle."""
    cold, hot = planck(channel, np.array([COLD_BODY_K, HOT_BODY_K]))
    words = np.array(
        [COLD_COUNT10[channel], (COLD_COUNT10[channel] + HOT_COUNT10[channel]) / 2, HOT_COUNT10[channel]]
    )
    counts = response(channel).counts(np.array([cold, (cold + hot) / 2, hot], np.float32))
    assert np.abs(counts - words * 255 / 1023).max() <= 0.5


@pytest.mark.parametrize("channels", [(), (0,), (1, 1), (7,), (1, 2, 9)])
def test_impossible_channels_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(SimulationError, match="1 to 6"):
        check_channels(channels)
    assert set(BANDS_UM) == {1, 2, 3, 4, 5, 6}
