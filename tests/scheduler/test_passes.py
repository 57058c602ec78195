"""Passes against the roots of skyfield's altitude, against pyorbital, and by their properties."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skyfield.api import EarthSatellite, load, wgs84

from scheduler.elements import Elements, load_elements
from scheduler.errors import SchedulerError
from scheduler.frames import Site, direction, elevation, fixed_or_nan, sun_elevation_deg
from scheduler.passes import HorizonMask, find_passes
from scheduler.track import sub_point

LINES = (
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
METEOR = Elements.from_tle("METEOR-M2 4", *LINES)
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900)
START = datetime(2024, 7, 17, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_rise_and_set_are_roots_of_skyfields_altitude() -> None:
    timescale = load.timescale(builtin=True)
    seen_from = EarthSatellite(*LINES, "", timescale) - wgs84.latlon(22.40, 103.45, 900)
    found = find_passes(METEOR, LAI_CHAU, START, START + WEEK)
    assert len(found) > 30
    for p in found:
        for edge in (p.aos, p.los):
            before, at, after = (
                seen_from.at(timescale.from_datetimes([edge + timedelta(seconds=s) for s in (-1, 0, 1)]))
                .altaz()[0]
                .degrees
            )
            assert abs(at / ((after - before) / 2)) < 0.01  # seconds


def test_the_list_is_pyorbitals() -> None:
    from pyorbital.orbital import Orbital

    theirs = Orbital("METEOR-M2 4", line1=LINES[0], line2=LINES[1]).get_next_passes(
        START.replace(tzinfo=None), 48, 103.45, 22.40, 0.9
    )
    ours = find_passes(METEOR, LAI_CHAU, START, START + timedelta(hours=48))
    assert len(ours) == len(theirs) > 8
    for p, (rise, fall, top) in zip(ours, theirs, strict=True):
        for mine, other, within_s in ((p.aos, rise, 3), (p.los, fall, 3), (p.tca, top, 3)):
            assert abs((mine.replace(tzinfo=None) - other).total_seconds()) < within_s


sites = st.builds(Site, st.just("anywhere"), st.floats(-89, 89), st.floats(-180, 180), st.floats(0, 3000))


@given(sites, st.integers(0, 6 * 86400), st.sampled_from([0.0, 10.0, 45.0]))
@settings(max_examples=40, deadline=None)
def test_a_pass_rises_culminates_and_sets(site: Site, after_s: int, least: float) -> None:
    start = START + timedelta(seconds=after_s)
    end = start + timedelta(hours=12)
    found = find_passes(METEOR, site, start, end, min_elevation_deg=least)
    for p in found:
        assert p.aos < p.tca < p.los
        assert p.los >= start
        assert p.aos <= end
        assert p.max_elevation_deg >= least
        assert p.duration_s < 17 * 60
        around = [p.aos.timestamp() - 1, p.aos.timestamp() + 1, p.los.timestamp() - 1, p.los.timestamp() + 1]
        assert list(elevation(site, METEOR, around)[1] > 0) == [False, True, True, False]
        inside = elevation(site, METEOR, np.linspace(p.aos.timestamp(), p.los.timestamp(), 200))[1]
        # The culmination is found to a tenth of a second, a few 1e-6 degrees below the very top.
        assert inside.max() <= p.max_elevation_deg + 1e-4
    assert all(a.los < b.aos for a, b in pairwise(found))


def test_the_sky_does_not_depend_on_how_times_are_grouped() -> None:
    seconds = START.timestamp() + np.linspace(0, 5 * 86400, 41)
    together = elevation(LAI_CHAU, METEOR, seconds)[1]
    alone = [elevation(LAI_CHAU, METEOR, [t])[1][0] for t in seconds]
    assert np.abs(together - alone).max() < 1e-9


def test_none_is_missed_or_invented() -> None:
    """Every second of three days is up exactly when a pass says so."""
    seconds = np.arange(START.timestamp(), START.timestamp() + 3 * 86400)
    up = elevation(LAI_CHAU, METEOR, seconds)[1] > 0
    said = np.zeros_like(up)
    for p in find_passes(METEOR, LAI_CHAU, START, START + timedelta(days=3)):
        said |= (seconds > p.aos.timestamp()) & (seconds < p.los.timestamp())
    assert (up == said).all()


def test_a_pass_under_way_is_given_whole() -> None:
    whole = find_passes(METEOR, LAI_CHAU, START, START + timedelta(days=1))[2]
    middle = whole.aos + (whole.los - whole.aos) / 2
    for window in ((middle, middle + timedelta(hours=1)), (middle - timedelta(minutes=20), middle)):
        cut = find_passes(METEOR, LAI_CHAU, *window)
        assert len(cut) == 1
        assert abs((cut[0].aos - whole.aos).total_seconds()) < 1e-3
        assert cut[0].complete


def test_a_mask_hides_what_lies_behind_it() -> None:
    mask = HorizonMask((0.0, 89.0, 90.0, 180.0, 181.0, 359.0), (0.0, 0.0, 25.0, 25.0, 0.0, 0.0))
    seen = find_passes(METEOR, LAI_CHAU, START, START + WEEK, horizon=mask)
    for p in seen:
        azimuth, above = elevation(
            LAI_CHAU, METEOR, np.linspace(p.aos.timestamp() + 0.1, p.los.timestamp() - 0.1, 100)
        )
        assert (above > mask.at(azimuth)).all()
    total = sum(p.duration_s for p in seen)
    assert total < sum(p.duration_s for p in find_passes(METEOR, LAI_CHAU, START, START + WEEK))
    with pytest.raises(SchedulerError, match="rising"):
        HorizonMask((10.0, 5.0), (0.0, 0.0))


def test_a_satellite_that_never_sets(shared_data: Path) -> None:
    geostationary = next(
        e for e in load_elements(shared_data / "elements/tle-2020-09-27.txt") if e.norad_id == 43823
    )
    only = find_passes(
        geostationary, LAI_CHAU, datetime(2020, 9, 27, tzinfo=UTC), datetime(2020, 9, 28, tzinfo=UTC)
    )
    assert len(only) == 1
    assert not only[0].complete
    assert (only[0].aos, only[0].los) == (
        datetime(2020, 9, 27, tzinfo=UTC),
        datetime(2020, 9, 28, tzinfo=UTC),
    )
    assert only[0].max_elevation_deg == pytest.approx(52, abs=1)  # users.md: GK-2A at elevation 52


def test_json_has_the_fixed_names() -> None:
    record = find_passes(METEOR, LAI_CHAU, START, START + timedelta(days=1))[0].to_json()
    fixed = [
        "satellite",
        "norad_id",
        "site",
        "aos",
        "tca",
        "los",
        "max_elevation_deg",
        "aos_azimuth_deg",
        "los_azimuth_deg",
        "sunlit_fraction",
    ]
    assert set(fixed) <= set(record)
    assert record["aos"].endswith("Z")
    assert json.loads(json.dumps(record)) == record


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(SchedulerError, match="before the start"):
        find_passes(METEOR, LAI_CHAU, START, START - WEEK)


def test_light_and_culmination_are_those_of_every_second() -> None:
    """Also of passes during which the Sun rises or sets at the point below."""
    partly = 0
    for site in (LAI_CHAU, Site("north", 69.0, 18.0), Site("pole", 90.0, 0.0)):
        for p in find_passes(METEOR, site, START, START + WEEK):
            seconds = np.arange(p.aos.timestamp(), p.los.timestamp(), 1.0)
            latitude, longitude, _ = sub_point(METEOR, seconds)
            lit = (sun_elevation_deg(latitude, longitude, seconds) > 0).mean()
            assert abs(p.sunlit_fraction - lit) < 0.01
            partly += 0.05 < lit < 0.95
            above = elevation(site, METEOR, seconds)[1]
            assert above.max() <= p.max_elevation_deg + 1e-4
            assert (
                p.max_elevation_deg - above.max() < 0.3
            )  # of an overhead pass, half a second beside the top
            assert abs(seconds[np.argmax(above)] - p.tca.timestamp()) < 2
    assert partly >= 5


def test_the_json_has_the_agreed_keys_and_no_other() -> None:
    record = find_passes(METEOR, LAI_CHAU, START, START + timedelta(days=1))[0].to_json()
    assert list(record) == [
        "satellite", "norad_id", "site", "aos", "tca", "los", "max_elevation_deg", "aos_azimuth_deg",
        "los_azimuth_deg", "sunlit_fraction",
    ]  # fmt: skip
    assert record["aos"].endswith("Z")


def test_an_eccentric_orbit_culminates_where_every_five_seconds_say() -> None:
    """Hours above the horizon hold several humps, and near the perigee a sharp one."""
    rng, wrong, count = np.random.default_rng(3), 0, 0
    for _ in range(12):
        eccentricity, node, anomaly = rng.uniform(0.6, 0.74), rng.uniform(0, 360), rng.uniform(0, 360)
        molniya = replace(
            METEOR, epoch=START, mean_motion_rev_per_day=2.006, eccentricity=eccentricity,
            inclination_deg=63.4, raan_deg=node, argument_of_perigee_deg=270.0, mean_anomaly_deg=anomaly,
            bstar=0.0,
        )  # fmt: skip
        for p in find_passes(molniya, LAI_CHAU, START, START + timedelta(days=2)):
            time = np.arange(p.aos.timestamp(), p.los.timestamp(), 5.0)
            _, position, _ = fixed_or_nan(molniya.satrec(), time)
            wrong += direction(LAI_CHAU, position)[1].max() > p.max_elevation_deg + 0.05
            count += 1
    assert count > 20
    assert wrong == 0
