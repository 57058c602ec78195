"""Places against pyorbital, skyfield and the full computation; wrong clocks and angles must show."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pyorbital.geoloc import ScanGeometry, compute_pixels, get_lonlatalt
from pyorbital.orbital import Orbital
from sgp4.api import Satrec
from skyfield.api import EarthSatellite, load, wgs84

from products.errors import InputError
from products.geolocation import Geolocator, lonlat, view
from products.instrument import Attitude, msu_mr
from products.orbit import epoch_posix, satrec_from_omm, states, sun_direction
from products.qa import distance_km, geolocation_error

LINES = (
    "1 57166U 23091A   24198.08573000  .00000030  00000-0  30000-4 0  9997",
    "2 57166  98.7384 250.3000 0003580 150.1000 210.0000 14.24037000 54327",
)
OMM = {
    "OBJECT_NAME": "METEOR-M2 3",
    "EPOCH": "2024-07-16T02:03:27.072000",
    "MEAN_MOTION": 14.24037,
    "ECCENTRICITY": 0.000358,
    "INCLINATION": 98.7384,
    "RA_OF_ASC_NODE": 250.3,
    "ARG_OF_PERICENTER": 150.1,
    "MEAN_ANOMALY": 210.0,
    "BSTAR": 0.00003,
    "NORAD_CAT_ID": 57166,
    "MEAN_MOTION_DOT": 3.0e-7,
}
SATREC = satrec_from_omm(json.dumps(OMM))
START = 1721183040.0 - 300  # 2024-07-17 02:19 UTC, going south over Yunnan
NOMINAL = msu_mr().attitudes["nominal"]
TILTED = replace(NOMINAL, roll_deg=2.3, pitch_deg=-3.1, yaw_deg=2.4, time_offset_s=0.2, source="a test")


def _grid(lines: int = 20, columns: int = 40) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    time, column = np.meshgrid(
        START + np.linspace(0, 890, lines), np.linspace(0, 1567, columns), indexing="ij"
    )
    return time.ravel(), column.ravel()


@pytest.mark.parametrize("attitude", [NOMINAL, TILTED], ids=["nominal", "tilted"])
def test_full_computation_equals_pyorbital(attitude: Attitude) -> None:
    time, column = _grid()
    longitude, latitude = lonlat(view(SATREC, msu_mr(), attitude, time, column).ground)
    scan = msu_mr().scan
    seen = np.array([int(t * 1e6) for t in time + scan.delay_s(column) + attitude.time_offset_s]).astype(
        "M8[us]"
    )
    geometry = ScanGeometry(np.stack([scan.angle_rad(column), np.zeros_like(column)]), np.zeros_like(column))
    pixels = compute_pixels(
        Orbital("x", line1=LINES[0], line2=LINES[1]),
        geometry,
        seen,
        np.deg2rad([attitude.roll_deg, attitude.pitch_deg, attitude.yaw_deg]),
        nadir_convention="geocentric",
        rotation_order="pitch_first",
    )
    theirs = get_lonlatalt(pixels, seen)
    # The TLE rounds the elements of the OMM by less than this.
    assert distance_km(longitude, latitude, theirs[0], theirs[1]).max() < 0.02


def test_straight_down_equals_skyfield() -> None:
    """skyfield knows UT1, polar motion and the equation of the equinoxes, which we leave out."""
    time = START + np.arange(0.0, 900.0, 60.0)
    middle = np.full(time.size, 783.5)
    seen = time + msu_mr().scan.delay_s(middle)
    position, velocity = states(SATREC, seen)
    timescale = load.timescale(builtin=True)
    satellite = EarthSatellite(*LINES, ts=timescale)
    days = seen / 86400
    moments = timescale.utc(1970, 1, 1 + days)
    # The geocentric line through the satellite meets the ellipsoid where we look.
    theirs = satellite.at(moments)
    place = wgs84.geographic_position_of(theirs)
    x, y, z = place.itrs_xyz.km
    radius = 1 / np.sqrt((x**2 + y**2) / 6378.137**2 + z**2 / 6356.752314245**2)
    longitude, latitude = lonlat(np.stack([x * radius, y * radius, z * radius], axis=1))
    ours = lonlat(view(SATREC, msu_mr(), NOMINAL, time, middle).ground)
    assert distance_km(*ours, longitude, latitude).max() < 0.06
    assert position.shape == velocity.shape == (time.size, 3)


def test_splines_stay_near_the_full_computation() -> None:
    line_time = START + np.arange(5800) / 6.498
    locator = Geolocator(SATREC, msu_mr(), NOMINAL, START, START + 893)
    rows = np.arange(0, 5800, 53)
    longitude, latitude = locator.lonlat(line_time[rows])
    time, column = np.meshgrid(line_time[rows], np.arange(1568.0), indexing="ij")
    exact = view(SATREC, msu_mr(), NOMINAL, time.ravel(), column.ravel())
    true_lon, true_lat = (part.reshape(time.shape) for part in lonlat(exact.ground))
    distance = distance_km(longitude, latitude, true_lon, true_lat)
    assert distance.max() < 0.05
    assert np.median(distance) < 0.002


def test_lines_out_of_order_keep_their_places() -> None:
    locator = Geolocator(SATREC, msu_mr(), NOMINAL, START, START + 20)
    line_time = START + np.array([3.0, 1.0, 1.0, 7.0])
    shuffled = locator.lonlat(line_time)
    for row, time in enumerate(line_time):
        alone = locator.lonlat(np.array([time]))
        assert np.array_equal(shuffled[0][row], alone[0][0])


def test_first_column_lies_to_the_right_of_the_flight() -> None:
    longitude, latitude = Geolocator(SATREC, msu_mr(), NOMINAL, START, START + 100).lonlat(
        np.array([START, START + 100])
    )
    # Southward flight: right is west.
    assert latitude[1, 784] < latitude[0, 784]
    assert longitude[0, 0] < longitude[0, 784] < longitude[0, 1567]


def test_angles_are_those_of_the_geometry() -> None:
    locator = Geolocator(SATREC, msu_mr(), NOMINAL, START, START + 60)
    line_time = START + np.array([0.0, 30.0])
    angles = locator.angles(line_time)
    position, _ = states(SATREC, line_time)
    # Law of sines on a sphere: sin(zenith) = r/R sin(scan angle); the flattening moves it by 0.3 degrees.
    scan = np.abs(msu_mr().scan.angle_rad(np.array([0.0])))
    expected = np.rad2deg(np.arcsin(np.linalg.norm(position[0]) / 6374.5 * np.sin(scan)))
    assert angles.satellite_zenith[0, 0] == pytest.approx(expected[0], abs=0.3)
    assert angles.satellite_zenith[:, 783:785].max() < 0.3
    # Column 0 looks west of the track, so the satellite stands in the east; at the other edge in the west.
    assert 45 < angles.satellite_azimuth[0, 0] < 135
    assert -135 < angles.satellite_azimuth[0, -1] < -45
    assert np.abs(angles.solar_zenith - locator.solar_zenith(line_time)).max() < 0.01


def test_sun_equals_pyorbital() -> None:
    from pyorbital.astronomy import get_alt_az, sun_zenith_angle

    locator = Geolocator(SATREC, msu_mr(), NOMINAL, START, START + 60)
    longitude, latitude = locator.lonlat(np.array([START]))
    angles = locator.angles(np.array([START]))
    at = np.datetime64(int(START * 1000), "ms")
    assert np.abs(angles.solar_zenith - sun_zenith_angle(at, longitude, latitude)).max() < 0.03
    _, azimuth = get_alt_az(at, longitude.astype(float), latitude.astype(float))
    difference = (angles.solar_azimuth - np.rad2deg(azimuth) + 180) % 360 - 180
    assert np.abs(difference).max() < 0.05
    assert np.linalg.norm(sun_direction(np.array([START])), axis=1) == pytest.approx(1)


def _truth() -> dict[str, NDArray]:
    line_time = START + np.arange(400).reshape(50, 8) / 6.498
    columns = np.linspace(0, 1567, 30).astype(int)
    time, column = np.meshgrid(line_time.ravel(), columns.astype(float), indexing="ij")
    lon, lat = lonlat(view(SATREC, msu_mr(), NOMINAL, time.ravel(), column.ravel()).ground)
    shape = (50, 8, columns.size)
    return {"line_time": line_time, "columns": columns, "lon": lon.reshape(shape), "lat": lat.reshape(shape)}


def test_quality_is_near_zero_and_a_wrong_clock_shows() -> None:
    truth = _truth()
    line_time = truth["line_time"].ravel()[16:-16]
    locator = Geolocator(SATREC, msu_mr(), NOMINAL, START - 5, START + 70)
    good = geolocation_error(line_time, *locator.lonlat(line_time), truth)
    assert good.p95_km < 0.02
    assert (good.lines, good.points) == (368, 368 * 30)
    late = geolocation_error(line_time, *locator.lonlat(line_time + 1.0), truth)
    assert late.median_km == pytest.approx(6.6, abs=0.4)  # ground speed at this height, km in a second
    other = replace(msu_mr(), scan=replace(msu_mr().scan, total_angle_deg=110.6))
    wide = Geolocator(SATREC, other, NOMINAL, START - 5, START + 70).lonlat(line_time)
    assert geolocation_error(line_time, *wide, truth).p95_km > 3


def test_quality_refuses_what_does_not_fit() -> None:
    truth = _truth()
    places = np.zeros((8, 1568)), np.zeros((8, 1568))
    with pytest.raises(InputError, match="no line in common"):
        geolocation_error(START - 9000 + np.arange(8) / 6.498, *places, truth)
    with pytest.raises(InputError, match="columns"):
        geolocation_error(START + np.arange(8) / 6.498, *places, truth | {"columns": truth["columns"] + 9})
    with pytest.raises(InputError, match="fit together"):
        geolocation_error(START + np.arange(8) / 6.498, *places, {"lon": truth["lon"]})


@pytest.mark.parametrize("number", [99999, 100000, 339999, 340000, 999999999])
def test_any_catalogue_number_is_located_alike(number: int) -> None:
    satrec = satrec_from_omm(json.dumps(OMM | {"NORAD_CAT_ID": number}))
    assert np.array_equal(states(satrec, np.array([START]))[0], states(SATREC, np.array([START]))[0])


def test_epoch_is_that_of_the_elements() -> None:
    assert epoch_posix(SATREC) == pytest.approx(1721095407.072, abs=1e-3)
    tle = Satrec.twoline2rv(*LINES)
    assert epoch_posix(tle) == pytest.approx(1721095407.072, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("<html>", "not JSON"),
        ("[1, 2]", "list"),
        ("{}", "lack EPOCH"),
        (json.dumps(OMM | {"EPOCH": "yesterday"}), "not a date"),
        (json.dumps(OMM | {"MEAN_MOTION": "fast"}), "cannot be used"),
        (json.dumps(OMM | {"ECCENTRICITY": 1.5}), "SGP4|no position"),
    ],
)
def test_bad_elements_are_refused(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        states(satrec_from_omm(text), np.array([START]))
