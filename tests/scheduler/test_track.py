"""Tracks against skyfield, and Doppler against the slope of the range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from skyfield.api import EarthSatellite, load, wgs84

from scheduler.elements import Elements
from scheduler.errors import ElementsError, SchedulerError
from scheduler.frames import Site, sun_elevation_deg
from scheduler.track import sub_point, track, track_at

LINES = (
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
METEOR = Elements.from_tle("METEOR-M2 4", *LINES)
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900)
TIMESCALE = load.timescale(builtin=True)
SATELLITE = EarthSatellite(*LINES, "METEOR-M2 4", TIMESCALE)
DAY = METEOR.epoch.timestamp() + np.linspace(0, 86400, 500)


def _skyfield_time(posix: np.ndarray) -> object:
    # Not `utc(1970, …, posix)`, which would count leap seconds.
    return TIMESCALE.from_datetimes([datetime.fromtimestamp(t, UTC) for t in posix])


@pytest.mark.parametrize(
    "site", [LAI_CHAU, Site("Lạng Sơn", 21.85, 106.76, 250), Site("south", -77.8, 166.7)]
)
def test_azimuth_elevation_range_and_rate_are_skyfields(site: Site) -> None:
    ours = track_at(METEOR, site, DAY)
    place = wgs84.latlon(site.latitude_deg, site.longitude_deg, site.altitude_m)
    altitude, azimuth, distance, _, _, rate = (
        (SATELLITE - place).at(_skyfield_time(DAY)).frame_latlon_and_rates(place)
    )
    turn = (ours.azimuth_deg - azimuth.degrees + 180) % 360 - 180
    assert np.abs(ours.elevation_deg - altitude.degrees).max() < 1e-4
    assert np.abs(turn * np.cos(np.radians(ours.elevation_deg))).max() < 1e-4
    assert np.abs(ours.range_km - distance.km).max() < 2e-3
    assert np.abs(ours.range_rate_km_s - rate.km_per_s).max() < 1e-5


def test_doppler_is_the_slope_of_the_range() -> None:
    fine = track_at(METEOR, LAI_CHAU, DAY[:, None].ravel())
    ahead, behind = (track_at(METEOR, LAI_CHAU, DAY + s).range_km for s in (0.5, -0.5))
    slope = ahead - behind  # km over one second
    assert np.abs(fine.doppler_hz(137.9e6) + 137.9e6 * slope / 299792.458).max() < 0.05
    assert 2000 < np.abs(fine.doppler_hz(137.9e6)).max() < 3500  # linkbudget.md: up to 3.1 kHz


def test_sub_point_is_skyfields() -> None:
    latitude, longitude, height = sub_point(METEOR, DAY)
    below = wgs84.geographic_position_of(SATELLITE.at(_skyfield_time(DAY)))
    assert np.abs(latitude - below.latitude.degrees).max() < 1e-4
    assert np.abs((longitude - below.longitude.degrees + 180) % 360 - 180).max() < 1e-3
    assert np.abs(height - below.elevation.km).max() < 2e-3


def test_the_sun_stands_where_pyorbital_puts_it() -> None:
    from pyorbital.astronomy import sun_zenith_angle

    times = DAY[::25]
    ours = sun_elevation_deg(22.40, 103.45, times)
    theirs = 90 - np.array(
        [sun_zenith_angle(np.datetime64(int(t * 1e6), "us"), 103.45, 22.40) for t in times]
    )
    assert np.abs(ours - theirs).max() < 0.05


def test_a_track_holds_both_ends() -> None:
    curve = track(METEOR, LAI_CHAU, METEOR.epoch, METEOR.epoch + timedelta(seconds=10.5))
    assert curve.time.size == 12
    assert curve.time[-1] - curve.time[0] == pytest.approx(10.5, abs=1e-5)


def test_what_cannot_be_tracked_is_said() -> None:
    with pytest.raises(SchedulerError, match="start < end"):
        track(METEOR, LAI_CHAU, METEOR.epoch, METEOR.epoch - timedelta(seconds=1))
    falling = Elements.from_omm(METEOR.to_omm() | {"MEAN_MOTION": 16.4, "BSTAR": 0.1})
    with pytest.raises(ElementsError, match="newer elements"):
        track(falling, LAI_CHAU, METEOR.epoch, METEOR.epoch + timedelta(days=30), step_s=3600)
    with pytest.raises(SchedulerError, match="latitude_deg"):
        Site("nowhere", 91, 0)
