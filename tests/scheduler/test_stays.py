"""Stays above the horizon against a dense grid on SGP4, in every kind of orbit, with and without masks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import flight as flights
from scheduler.elements import Elements, load_elements
from scheduler.errors import ElementsError
from scheduler.flight import fly
from scheduler.frames import Site, elevation, fixed_or_nan
from scheduler.passes import HorizonMask, find_all_passes, find_passes

START = datetime(2020, 9, 27, tzinfo=UTC)
DAY = timedelta(days=1)
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900)
LANG_SON = Site("Lạng Sơn", 21.85, 106.76, 250)
# From the real sets of 2020-09-27; the orbits below are made from it.
METOP = Elements.from_tle(
    "METOP-B",
    "1 38771U 12049A   20270.78655344 -.00000010  00000-0  15371-4 0  9998",
    "2 38771  98.7196 328.5089 0002454  80.6444  30.5251 14.21481950416422",
)


def _orbit(**changed: float) -> Elements:
    return Elements.from_omm(METOP.to_omm() | {"OBJECT_NAME": "made up"} | changed)


MOLNIYA = _orbit(
    MEAN_MOTION=2.006, ECCENTRICITY=0.72, INCLINATION=63.4, ARG_OF_PERICENTER=270.0, BSTAR=0.0,
)  # fmt: skip
ORBITS = {
    "sun-synchronous": METOP,
    "low and round": _orbit(MEAN_MOTION=15.7, INCLINATION=51.6),
    "equatorial": _orbit(MEAN_MOTION=14.8, INCLINATION=6.0),
    "transfer": _orbit(MEAN_MOTION=2.27, ECCENTRICITY=0.73, INCLINATION=7.0),
    "molniya": MOLNIYA,
    "navigation": _orbit(MEAN_MOTION=2.0056, INCLINATION=55.0),
    "inclined geosynchronous": _orbit(MEAN_MOTION=1.00272, INCLINATION=60.0),
}
JAGGED = HorizonMask(tuple(range(0, 360, 12)), tuple(float(-2 + i * 7 % 23) for i in range(30)))


def _up(elements: Elements, site: Site, mask: HorizonMask | None, seconds: np.ndarray) -> np.ndarray:
    azimuth, above = elevation(site, elements, seconds)
    return np.asarray(above > (mask.at(azimuth) if mask else 0.0))


@pytest.mark.parametrize("mask", [None, JAGGED], ids=["open", "jagged"])
@pytest.mark.parametrize("name", ORBITS)
def test_every_second_is_up_exactly_when_a_pass_says_so(name: str, mask: HorizonMask | None) -> None:
    seconds = np.arange(START.timestamp(), START.timestamp() + 2 * 86_400)
    up = _up(ORBITS[name], LAI_CHAU, mask, seconds)
    said = np.zeros_like(up)
    found = find_passes(ORBITS[name], LAI_CHAU, START, START + 2 * DAY, horizon=mask)
    for p in found:
        said |= (seconds >= p.aos.timestamp()) & (seconds <= p.los.timestamp())
    assert up.any()
    assert (up == said).all()
    assert all(a.los < b.aos for a, b in pairwise(found))


def test_passes_of_a_few_seconds_are_found() -> None:
    """A wall all round is raised until the highest culmination barely clears it, and then does not."""
    whole = find_passes(METOP, LAI_CHAU, START, START + DAY)
    top = max(whole, key=lambda p: p.max_elevation_deg)
    wall = top.max_elevation_deg
    for clears_deg in (1e-3, 1e-4, 1e-5):
        seen = find_passes(
            METOP, LAI_CHAU, START, START + DAY, horizon=HorizonMask((0.0,), (wall - clears_deg,))
        )
        assert len(seen) == 1
        assert abs((seen[0].tca - top.tca).total_seconds()) < 1
        assert 0 < seen[0].duration_s < 60 * clears_deg**0.5
        assert not find_passes(
            METOP, LAI_CHAU, START, START + DAY, horizon=HorizonMask((0.0,), (wall + clears_deg,))
        )


def test_a_chimney_cuts_a_pass_in_two_and_a_slit_shows_a_piece() -> None:
    whole = max(find_passes(METOP, LAI_CHAU, START, START + DAY), key=lambda p: p.max_elevation_deg)
    middle = whole.aos + (whole.tca - whole.aos) / 2
    azimuth = float(elevation(LAI_CHAU, METOP, [middle.timestamp()])[0][0])
    at = sorted((x % 360, e) for x, e in (
        (azimuth - 0.6, 0.0), (azimuth - 0.5, 80.0), (azimuth + 0.5, 80.0), (azimuth + 0.6, 0.0),
    ))  # fmt: skip
    chimney = HorizonMask(tuple(a for a, _ in at), tuple(e for _, e in at))
    around = (whole.aos - timedelta(minutes=1), whole.los + timedelta(minutes=1))
    pieces = find_passes(METOP, LAI_CHAU, *around, horizon=chimney)
    assert len(pieces) == 2
    assert pieces[0].los < middle < pieces[1].aos
    assert abs((pieces[0].aos - whole.aos).total_seconds()) < 1e-3
    assert abs((pieces[1].los - whole.los).total_seconds()) < 1e-3
    slit = HorizonMask(chimney.azimuth_deg, tuple(80.0 - e for e in chimney.elevation_deg))
    through = find_passes(METOP, LAI_CHAU, *around, horizon=slit)
    assert any(p.aos < middle < p.los and p.duration_s < 60 for p in through)


def test_one_satellite_that_falls_does_not_take_the_others_along() -> None:
    falling = _orbit(MEAN_MOTION=16.1, BSTAR=0.002, NORAD_CAT_ID=1)
    end = START + 20 * DAY
    both = find_all_passes([falling, METOP], [(LAI_CHAU, None)], START, end)
    alone = find_all_passes([METOP], [(LAI_CHAU, None)], START, end)
    assert [p for p in both.passes if p.norad_id == METOP.norad_id] == list(alone.passes)
    assert len(both.problems) == 1
    assert "newer elements are needed" in both.problems[0]
    assert any(p.norad_id == 1 for p in both.passes), "passes before the fall are told"
    with pytest.raises(ElementsError, match="newer elements"):
        find_passes(falling, LAI_CHAU, START, end)


def test_several_sites_are_the_same_as_each_alone() -> None:
    places = [(LAI_CHAU, None), (LANG_SON, JAGGED)]
    together = find_all_passes([METOP, MOLNIYA], places, START, START + 2 * DAY)
    alone = [
        p
        for elements in (METOP, MOLNIYA)
        for site, mask in places
        for p in find_passes(elements, site, START, START + 2 * DAY, horizon=mask)
    ]
    assert list(together.passes) == sorted(alone, key=lambda p: p.aos)


orbits = st.builds(
    lambda motion, eccentricity, inclination, node, perigee, anomaly: _orbit(
        MEAN_MOTION=motion, INCLINATION=inclination, RA_OF_ASC_NODE=node, MEAN_ANOMALY=anomaly,
        ARG_OF_PERICENTER=perigee, BSTAR=0.0,
        # Keep the perigee 300 km up.
        ECCENTRICITY=eccentricity * max(0.0, 1 - 6678 / (42241 * motion ** (-2 / 3))),
    ),
    st.floats(0.9, 15.5), st.floats(0, 1), st.floats(0, 180), st.floats(0, 360), st.floats(0, 360),
    st.floats(0, 360),
)  # fmt: skip
places = st.builds(Site, st.just("anywhere"), st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 4000))
masks = st.one_of(
    st.none(),
    st.lists(st.floats(-5, 60), min_size=1, max_size=24).map(
        lambda e: HorizonMask(tuple(360.0 * i / len(e) for i in range(len(e))), tuple(e))
    ),
)


@given(orbits, places, masks)
@settings(max_examples=60, deadline=None)
def test_any_orbit_over_any_site_behind_any_mask(
    elements: Elements, site: Site, mask: HorizonMask | None
) -> None:
    seconds = START.timestamp() + np.arange(0.0, 86_400.0, 5.0)
    up = _up(elements, site, mask, seconds)
    said = np.zeros_like(up)
    for p in find_passes(elements, site, START, START + DAY, horizon=mask):
        assert p.aos <= p.tca <= p.los
        said |= (seconds >= p.aos.timestamp()) & (seconds <= p.los.timestamp())
    differs = seconds[up != said]
    # A moment within a few ms of a crossing may fall on either side of it.
    for moment in differs:
        near = _up(elements, site, mask, moment + np.linspace(-0.01, 0.01, 21))
        assert near.any()
        assert not near.all()


def test_the_polynomials_lie_within_the_margin(shared_data: Path) -> None:
    """Of every tenth real satellite; the margin of the search is 3 km."""
    rng = np.random.default_rng(1)
    begun = START.timestamp()
    errors_km = []
    for elements in load_elements(shared_data / "elements/tle-2020-09-27.txt")[::10]:
        flight = fly(elements, begun, begun + 86_400)
        if flight.segments:
            time = rng.uniform(flight.start, flight.end, 500)
            _, position, _ = fixed_or_nan(flight.satrec, time)
            errors_km.append(np.sqrt(((flight.at(time) - position) ** 2).sum(axis=0)).max())
    assert len(errors_km) > 250
    assert max(errors_km) < 2.0
    assert np.median(errors_km) < 0.005


def test_a_coefficient_lies_above_the_whole_segment() -> None:
    flight = fly(METOP, START.timestamp(), START.timestamp() + 6000)
    direction = np.array([0.6, 0.0, 0.8])
    bounds = flight.bernstein(direction, 100.0)
    part = np.linspace(0, 1, 50)
    inside = flights.bernstein_basis(part) @ bounds
    assert (inside <= bounds.max(axis=0) + 1e-9).all()
    time = flight.start + flight.step * (2 + part)
    assert np.abs(direction @ flight.at(time) - 100.0 - inside[:, 2]).max() < 1e-6
