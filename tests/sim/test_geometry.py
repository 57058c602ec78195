"""Scan geometry against skyfield (other frames, other ellipsoid code) and a published georeference."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from skyfield.api import EarthSatellite, load, wgs84
from skyfield.positionlib import Geocentric

from scheduler.elements import Elements, load_elements
from sim.errors import SimulationError
from sim.geometry import (
    Attitude,
    LineGeometry,
    Scan,
    earth_fixed_velocity,
    ground_points,
    lonlat,
    states,
    subsatellite_point,
)

LINE1 = "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995"
LINE2 = "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710"
START = datetime(2024, 7, 17, 7, 40, tzinfo=UTC)
AU_KM = 149_597_870.7


@pytest.fixture(scope="module")
def elements() -> Elements:
    return Elements.from_tle("METEOR-M2 4", LINE1, LINE2)


def _distance_km(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """Small distances on the sphere."""
    east = (lon1 - lon0 + 180) % 360 - 180
    return float(np.hypot(east * np.cos(np.deg2rad(lat0)), lat1 - lat0) * 111.195)


def _seen_by_skyfield(line_time: datetime, column: int, attitude: Attitude) -> tuple[float, float]:
    """Longitude and latitude of one sample in skyfield's own frames, by search along the line of sight."""
    # UT1 = UTC, as the simulator takes it: Delta T = 32.184 s + 37 leap seconds.
    timescale = load.timescale(delta_t=69.184)
    # One turn of the mirror takes 1/6.498 s.
    delay = column * (110.1 / 1568) / 360 / 6.498
    time = timescale.from_datetime(line_time + timedelta(seconds=delay))
    craft = EarthSatellite(LINE1, LINE2, ts=timescale).at(time)
    position, velocity = craft.position.km, craft.velocity.km_per_s
    down = -position / np.linalg.norm(position)
    if attitude.nadir == "geodetic":
        foot = wgs84.subpoint_of(craft).at(time).position.km
        down = (foot - position) / np.linalg.norm(foot - position)
    right = np.cross(down, velocity)
    right /= np.linalg.norm(right)
    angle = np.deg2rad(-(column - 783.5) * 110.1 / 1568 + attitude.roll_deg)
    look = np.cos(angle) * down + np.sin(angle) * right
    # Positive pitch looks back, positive yaw brings the right side forward: both left-handed about these
    # axes.
    turns = ((-attitude.pitch_deg, right), (-attitude.yaw_deg, down))
    for degrees, axis in turns:
        a = np.deg2rad(degrees)
        look = look * np.cos(a) + np.cross(axis, look) * np.sin(a) + axis * (axis @ look) * (1 - np.cos(a))

    def at(distance: float) -> Geocentric:
        return Geocentric((position + distance * look) / AU_KM, t=time, center=399)

    # The near side: the nearest approach to the centre is the farthest that can be asked for.
    reach = -float(position @ look)
    distance = brentq(lambda value: wgs84.height_of(at(value)).km, 500.0, reach, xtol=1e-7)
    latitude, longitude = wgs84.latlon_of(at(distance))
    return longitude.degrees, latitude.degrees


@pytest.mark.parametrize(
    "attitude",
    [
        Attitude(),
        Attitude(nadir="geodetic"),
        Attitude(roll_deg=2.3, pitch_deg=-1.5, yaw_deg=2.4),
    ],
    ids=["nominal", "geodetic", "tilted"],
)
def test_pixels_lie_where_skyfield_puts_them(elements: Elements, attitude: Attitude) -> None:
    line_time = START.timestamp() + np.array([0.0, 333.0])
    lon, lat = LineGeometry(elements, Scan(), attitude)(line_time)
    for line in range(2):
        moment = START + timedelta(seconds=333.0 * line)
        for column in (0, 1, 400, 783, 1100, 1567):
            expected = _seen_by_skyfield(moment, column, attitude)
            assert _distance_km(lon[line, column], lat[line, column], *expected) < 0.02, (line, column)


def test_a_clock_a_second_off_shows(elements: Elements) -> None:
    """The comparison above would see it: 6.6 km."""
    lon, lat = LineGeometry(elements, Scan(), Attitude())(np.array([START.timestamp() + 1.0]))
    expected = _seen_by_skyfield(START, 783, Attitude())
    assert _distance_km(lon[0, 783], lat[0, 783], *expected) == pytest.approx(6.6, abs=0.4)


def test_the_point_below(elements: Elements) -> None:
    position, _ = states(elements, np.array([START.timestamp()]))
    lon, lat = lonlat(tuple(subsatellite_point(position).T))
    timescale = load.timescale(delta_t=69.184)
    point = wgs84.geographic_position_of(
        EarthSatellite(LINE1, LINE2, ts=timescale).at(timescale.from_datetime(START))
    )
    assert _distance_km(lon[0], lat[0], point.longitude.degrees, point.latitude.degrees) < 0.01
    assert np.linalg.norm(position - subsatellite_point(position)) == pytest.approx(
        point.elevation.km, abs=0.01
    )


def test_velocity_is_the_change_of_place(elements: Elements) -> None:
    time = START.timestamp() + np.array([-0.5, 0.0, 0.5])
    position, velocity = states(elements, time)
    assert np.allclose(earth_fixed_velocity(position, velocity)[1], position[2] - position[0], atol=1e-5)


def test_swath_and_pixel_have_the_instruments_size(elements: Elements) -> None:
    """Swath 2800 km or more, pixel 1 km at nadir (planet.iitp.ru, MSU-MR)."""
    lon, lat = LineGeometry(elements, Scan(), Attitude())(np.array([START.timestamp()]))
    steps = [
        _distance_km(lon[0, i], lat[0, i], lon[0, i + 1], lat[0, i + 1]) for i in range(lon.shape[1] - 1)
    ]
    assert sum(steps) == pytest.approx(2850, abs=100)
    assert steps[783] == pytest.approx(1.0, abs=0.05)
    assert max(steps) < 7


def test_looking_past_the_earth_is_refused(elements: Elements) -> None:
    with pytest.raises(SimulationError, match="leaves the Earth"):
        LineGeometry(elements, Scan(), Attitude(roll_deg=10.0))(np.array([START.timestamp()]))
    missed = ground_points(
        tuple(np.array([value]) for value in (7200.0, 0.0, 0.0)),
        tuple(np.array([value]) for value in (0.0, 1.0, 0.0)),
    )
    assert np.isnan(missed[0]).all()


def test_elements_of_another_year_are_refused(elements: Elements) -> None:
    with pytest.raises(SimulationError, match="within 1100 days"):
        states(elements, np.array([START.timestamp() + 4000 * 86400]))


@pytest.mark.parametrize("scan", [{"first_column": "up"}, {"columns": 1572}, {"columns": 0}])
def test_an_impossible_scan_is_refused(scan: dict[str, object]) -> None:
    with pytest.raises(SimulationError, match="right or left"):
        Scan(**scan)  # type: ignore[arg-type]


def test_unknown_nadir_is_refused() -> None:
    with pytest.raises(SimulationError, match="geocentric, geodetic"):
        Attitude(nadir="down")


def _control_points(folder: Path) -> np.ndarray:
    text = (folder / "2022_12_20_20_25_30.vrt").read_text()
    points = re.findall(r'Pixel="([\d.]+)" Line="([\d.]+)" X="([-\d.]+)" Y="([-\d.]+)"', text)
    return np.array(points, float)


def test_columns_run_as_in_a_published_georeference(shared_data: Path) -> None:
    """METEOR-M2, 2022-12-20: control points that an independent author fitted, first packet 23:25:11.064
    Moscow.

    He allows for an attitude that is not ours, which shows as 39 km in the median; the wrong direction would
    show as a thousand kilometres.
    """
    folder = shared_data / "lrpt" / "georef-meteor-m2_2022-12-20"
    points = _control_points(folder)
    line, column = np.minimum(points[:, 1], 199).astype(int), np.minimum(points[:, 0], 1567).astype(int)
    elements = load_elements(shared_data / "elements" / "meteor-m2_2022-12-20.tle")[0]
    start = datetime(2022, 12, 20, 20, 25, 11, 64000, tzinfo=UTC).timestamp()
    medians = {}
    for side in ("right", "left"):
        lon, lat = LineGeometry(elements, Scan(first_column=side), Attitude())(start + np.arange(200) / 6.498)
        off = [
            _distance_km(lon[i, j], lat[i, j], x, y)
            for i, j, (x, y) in zip(line, column, points[:, 2:], strict=True)
        ]
        medians[side] = np.median(off)
    assert medians["right"] < 45
    assert medians["left"] > 500
