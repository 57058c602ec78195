"""What a scanner sees, against lines of sight that are shot at the ellipsoid one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import swath
from scheduler.elements import Elements
from scheduler.errors import ElementsError, SatelliteError, ValueModelError
from scheduler.frames import Array, Site, elevation, geodetic
from scheduler.passes import find_passes
from scheduler.satellites import all_satellites
from scheduler.swath import Ground, Instrument, ground, instrument, places_seen

LINES = (
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
METEOR = Elements.from_tle("METEOR-M2 4", *LINES)
MSU_MR, VIIRS = instrument("msu-mr"), instrument("viirs")
AXES = np.array([6378.137, 6378.137, 6356.752_314_245])
BEGUN = datetime(2024, 7, 17, 7, 34, tzinfo=UTC).timestamp()


def _shot(over: Ground, index: int, across_rad: Array, ahead_rad: float = 0.0) -> Array:
    """Where lines of sight meet the ellipsoid [3, k]: turned across the flight, then ahead."""
    place, forward = over.position[:, index], over.ahead[:, index]
    down = -place / np.linalg.norm(place)
    forward = forward - (forward @ down) * down
    forward /= np.linalg.norm(forward)
    right = np.cross(down, forward)
    line = np.outer(down, np.cos(across_rad)) + np.outer(right, np.sin(across_rad))
    line = line * np.cos(ahead_rad) + forward[:, None] * np.sin(ahead_rad)
    p, v = place[:, None] / AXES[:, None], line / AXES[:, None]
    a, b, c = (v**2).sum(axis=0), (p * v).sum(axis=0), (p**2).sum(axis=0) - 1
    distance = (-b - np.sqrt(b**2 - a * c)) / a
    return np.asarray(place[:, None] + distance * line)


@pytest.mark.parametrize("scanner", [MSU_MR, VIIRS, instrument("avhrr-3")], ids=lambda s: s.name)
@pytest.mark.parametrize("minutes", [2.0, 20.0, 31.0])
def test_a_place_is_seen_when_a_line_of_sight_meets_it(scanner: Instrument, minutes: float) -> None:
    """Near the node, over the pole and going south."""
    begun = BEGUN + minutes * 60
    over = ground(METEOR, begun + np.arange(0, 301, 10.0))
    exact = ground(METEOR, begun + np.array([97.0, 98.0]))
    angle = np.radians(np.linspace(-scanner.half_scan_deg + 0.05, scanner.half_scan_deg - 0.05, 41))
    latitude, longitude, height = geodetic(_shot(exact, 0, angle))
    assert np.abs(height).max() < 1e-6
    found = places_seen(over, scanner, latitude, longitude)
    assert found.seen.all()
    # 0.05 s are 0.3 km of ground; what is between samples is taken as straight.
    assert np.abs(found.time - (begun + 97)).max() < 0.05
    beyond = geodetic(_shot(exact, 0, np.radians([-1, 1]) * (scanner.half_scan_deg + 0.1)))
    assert not places_seen(over, scanner, *beyond[:2]).seen.any()


@pytest.mark.parametrize("scanner", [MSU_MR, instrument("avhrr-3")], ids=lambda s: s.name)
def test_the_pixel_is_the_ground_between_neighbouring_lines_of_sight(scanner: Instrument) -> None:
    over = ground(METEOR, BEGUN + np.arange(0, 301, 10.0))
    small = 1e-4
    nadir, beside, before = (
        _shot(over, 10, np.array([0.0 + x]), y)[:, 0] for x, y in ((0, 0), (small, 0), (0, small))
    )
    at_nadir = np.linalg.norm(np.cross(beside - nadir, before - nadir))
    for angle_deg in (-53.0, -30.0, 0.0, 15.0, 45.0, 55.0):
        angle = np.radians(angle_deg)
        here, beside, before = (
            _shot(over, 10, np.array([angle + x]), y)[:, 0] for x, y in ((0, 0), (small, 0), (0, small))
        )
        area = np.linalg.norm(np.cross(beside - here, before - here))
        latitude, longitude, _ = geodetic(here[:, None])
        found = places_seen(over, scanner, latitude, longitude)
        expected = scanner.nadir_km * np.sqrt(area / at_nadir)
        assert found.resolution_km[0] == pytest.approx(expected, rel=0.02)


def test_viirs_keeps_its_pixel_small_towards_the_edge() -> None:
    """NASA: 0.75 km at nadir, about 1.6 km at the edge of the scan in both directions."""
    over = ground(METEOR, BEGUN + np.arange(0, 301, 10.0))
    latitude, longitude, _ = geodetic(_shot(over, 10, np.radians([0.0, 31.0, 32.5, 56.0])))
    pixel = places_seen(over, VIIRS, latitude, longitude).resolution_km
    assert pixel[0] == pytest.approx(0.75, rel=0.02)
    assert pixel[2] < pixel[1], "one sample less is joined from 31.7 degrees on"
    assert pixel[3] == pytest.approx(1.6, rel=0.1)
    assert places_seen(over, MSU_MR, latitude[3:], longitude[3:]).seen.sum() == 0


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 86_400))
@settings(max_examples=100, deadline=None)
def test_any_place_at_any_time(latitude: float, longitude: float, after_s: float) -> None:
    """Poles and date line included: seen within the flight, the pixel no finer than below the satellite."""
    over = ground(METEOR, BEGUN + after_s + np.arange(0, 900, 10.0))
    found = places_seen(over, MSU_MR, np.array([latitude]), np.array([longitude]))
    if found.seen[0]:
        assert over.time[0] <= found.time[0] <= over.time[-1]
        assert 0.97 <= found.resolution_km[0] < 4
        above = elevation(Site("there", latitude, longitude), METEOR, found.time)[1]
        assert above[0] > 10, "an instrument of 55 degrees sees nothing near its horizon"
    else:
        assert np.isnan(found.resolution_km[0])


def test_one_pass_is_one_revolution_for_all_its_stations() -> None:
    sites = [Site(str(i), latitude, 103.0) for i, latitude in enumerate((-40.0, -1.0, 0.0, 22.0, 60.0))]
    start = datetime(2024, 7, 17, tzinfo=UTC)
    numbers: dict[int, list[float]] = {}
    for site in sites:
        for p in find_passes(METEOR, site, start, start + timedelta(days=2), min_elevation_deg=20):
            over = ground(METEOR, np.linspace(p.aos.timestamp(), p.los.timestamp(), 20))
            numbers.setdefault(over.revolution, []).append(p.tca.timestamp())
    assert len(numbers) > 5
    period = 86_400 / METEOR.mean_motion_rev_per_day
    assert all(np.ptp(times) < period / 2 for times in numbers.values())
    assert max(len(times) for times in numbers.values()) >= 3


def test_every_satellite_that_passes_has_a_known_instrument() -> None:
    for one in all_satellites():
        if one.geostationary_longitude_deg is None:
            assert instrument(one.instruments[0]).name == one.instruments[0]


def test_what_cannot_be_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SatelliteError, match="known are: avhrr-3, msu-mr, viirs"):
        instrument("modis")
    with pytest.raises(ValueModelError, match="two moments"):
        places_seen(ground(METEOR, [BEGUN]), MSU_MR, np.zeros(1), np.zeros(1))
    falling = Elements.from_omm(METEOR.to_omm() | {"MEAN_MOTION": 16.4, "BSTAR": 0.1})
    with pytest.raises(ElementsError, match="newer elements"):
        ground(falling, [BEGUN + 30 * 86_400])
    good = (swath.FOLDER / "msu-mr.toml").read_text(encoding="utf-8")
    monkeypatch.setattr(swath, "FOLDER", tmp_path)
    for number, (old, new, says) in enumerate((
        ("half_scan_deg = 55.05", "half_scan_deg = 110.1", "half_scan_deg"),
        ('needs = "any"', 'needs = "sunshine"', "allowed are: day, night, any"),
        ("nadir_km", "nadir_m", "did you mean 'nadir_km'"),
        ("nadir_km = 1.0", "nadir_km = 1.0\naggregation = [[1.0]]", "pairs"),
    )):  # fmt: skip
        (tmp_path / f"slip{number}.toml").write_text(good.replace(old, new), encoding="utf-8")
        with pytest.raises(SatelliteError, match=says):
            instrument(f"slip{number}")
