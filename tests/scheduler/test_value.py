"""The value of a pass: its parts, its shares, what makes it larger or smaller, and what it costs to tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.areas import Area, areas_of
from scheduler.elements import Elements
from scheduler.errors import ValueModelError
from scheduler.frames import Site, sun_elevation_deg
from scheduler.geostationary import elements_of
from scheduler.link_budget import Antenna
from scheduler.pass_value import LANGUAGES, PARTS, WORDS
from scheduler.passes import Pass, find_passes
from scheduler.satellites import satellite
from scheduler.swath import ground, instrument, places_seen
from scheduler.track import track
from scheduler.value import PassValue, Share, Weights, value_of

LINES = (
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
METEOR = Elements.from_tle("METEOR-M2 4", *LINES)
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900)
LANG_SON = Site("Lạng Sơn", 21.85, 106.76, 250)
START = datetime(2024, 7, 17, tzinfo=UTC)
HELIX = Antenna("helix", ((137e6, 138e6),), kind="qfh", noise_temperature_k=1800.0, losses_db=1.0)
PASSES = find_passes(METEOR, LAI_CHAU, START, START + timedelta(days=2))
BEST = max(PASSES, key=lambda p: p.max_elevation_deg)


def _box(name: str, west: float, south: float, size: float = 1.0, weight: float = 1.0) -> Area:
    ring = [
        [west, south],
        [west + size, south],
        [west + size, south + size],
        [west, south + size],
        [west, south],
    ]
    return areas_of({
        "type": "Feature", "properties": {"name": name, "weight": weight},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    })[0]  # fmt: skip


AREAS = (_box("west", 103, 22), _box("east", 106, 21.5), _box("far north", 104, 45))


def _value(seen: Pass = BEST, site: Site = LAI_CHAU, **given_: Any) -> PassValue:
    curve = track(METEOR, site, seen.aos, seen.los, 10.0)
    one = satellite(59051)
    given_ = {"satellite": one, "use": one.downlink(), "antenna": HELIX, "areas": AREAS} | given_
    return value_of(seen, curve, ground(METEOR, curve.time), **given_)


def test_the_parts_add_up_and_every_number_is_explained() -> None:
    for seen in PASSES:
        for shared in (False, True):
            value = _value(seen, shared=shared)
            assert sum(value.parts.values()) == pytest.approx(value.total)
            assert all(s.weight.sum() == pytest.approx(1.0) for s in value.shares)
            assert all(((s.time >= value.time[0]) & (s.time <= value.time[-1])).all() for s in value.shares)
            numbers = {term.part: term.number for term in value.terms}
            assert {part: numbers[part] for part in value.parts} == pytest.approx(dict(value.parts))
            assert {"priority", "status", "unheard", *(f"area {a.name}" for a in AREAS)} < set(numbers)
            assert value.density.shape == value.usable.shape == value.time.shape


def test_the_factors_that_are_printed_for_an_area_give_its_number() -> None:
    for case in ({}, {"last_seen": dict.fromkeys(("west", "east"), 0.0), "last_heard": 0.0}):
        terms = {term.part: term for term in _value(**case).terms}
        above = math.prod(terms[name].number for name in ("priority", "status", "unheard"))
        for area in AREAS:
            given_ = terms[f"area {area.name}"].given
            factors = ("weight", "seen", "link", "fine", "light", "novelty")
            assert above * math.prod(float(given_[name]) for name in factors) == pytest.approx(
                terms[f"area {area.name}"].number
            )
            assert f"light {given_['light']:.3g}" in terms[f"area {area.name}"].words()


@given(st.lists(st.floats(-0.2, 1.2), min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_trimmed_recordings_are_worth_their_lines(cuts: list[float]) -> None:
    value = _value(shared=True)
    length = value.time[-1] - value.time[0]
    at = sorted(float(value.time[0] + cut * length) for cut in cuts)
    pieces = [value.over(a, np.nextafter(b, 0)) for a, b in pairwise(at)]
    assert all(piece >= 0 for piece in pieces)
    assert sum(pieces) == pytest.approx(value.over(at[0], np.nextafter(at[-1], 0)), rel=1e-6)
    assert value.over(at[0], at[-1]) <= value.total * (1 + 1e-9)
    assert value.over(-np.inf, np.inf) == pytest.approx(value.total)


def test_the_lines_of_an_area_come_when_it_is_scanned() -> None:
    value = _value()
    share = next(s for s in value.shares if s.key.startswith("area west@"))
    curve = track(METEOR, LAI_CHAU, BEST.aos, BEST.los, 1.0)
    seen = places_seen(
        ground(METEOR, curve.time), instrument("msu-mr"), AREAS[0].latitude_deg, AREAS[0].longitude_deg
    )
    first, last = np.nanmin(seen.time), np.nanmax(seen.time)
    assert share.part(first - 10, last + 10) == pytest.approx(1.0)
    assert share.part(value.time[0], first - 10) == 0.0
    assert 10 < last - first < 30  # a degree of latitude at 6.5 km/s


SMALLER: dict[str, Callable[[], tuple[PassValue, PassValue]]] = {
    "a lower priority": lambda: (_value(priority=0.5), _value()),
    "a weak satellite": lambda: (_value(use=replace(satellite(59051).downlink(), status="weak")), _value()),
    "an antenna in more noise": lambda: (
        _value(antenna=replace(HELIX, noise_temperature_k=20_000.0)),
        _value(),
    ),
    "an antenna of the wrong hand": lambda: (_value(antenna=replace(HELIX, polarisation="lhcp")), _value()),
    "a rotator that points badly": lambda: (_value(pointing_loss_db=12.0), _value()),
    "areas seen an hour ago": lambda: (
        _value(last_seen={a.name: BEST.tca.timestamp() - 3600 for a in AREAS}),
        _value(last_seen={a.name: BEST.tca.timestamp() - 6 * 3600 for a in AREAS}),
    ),
    "a satellite heard just now": lambda: (
        _value(last_heard=BEST.aos.timestamp() - 3600),
        _value(last_heard=BEST.aos.timestamp() - 5 * 86_400),
    ),
    "a product for the other light": lambda: (_value(weights=Weights(night=0.1)), _value()),
    "a coarser picture that counts less": lambda: (_value(weights=Weights(pixel_power=3.0)), _value()),
    "a smaller weight of the area": lambda: (
        _value(areas=[replace(a, weight=0.1) for a in AREAS]),
        _value(),
    ),
}


def test_a_low_priority_is_made_up_for_by_waiting_and_zero_is_not() -> None:
    def after(days: float, priority: float) -> float:
        return _value(priority=priority, last_heard=BEST.aos.timestamp() - days * 86_400).total

    assert after(0.5, 0.1) == pytest.approx(0.1 * after(0.5, 1.0))
    assert after(2.0, 0.1) == pytest.approx(after(2.0, 1.0))
    assert 0.1 * after(1.5, 1.0) < after(1.5, 0.1) < after(1.5, 1.0)
    assert after(9.0, 0.0) == 0.0
    assert _value(priority=0.1).total == pytest.approx(0.1 * _value().total)  # never heard: as configured


@pytest.mark.parametrize("why", SMALLER)
def test_it_is_worth_less_with(why: str) -> None:
    smaller, larger = SMALLER[why]()
    if why == "a product for the other light":
        night = [p for p in PASSES if p.site_sun_elevation_deg < -10]
        seen = max(night, key=lambda p: p.max_elevation_deg)
        smaller, larger = _value(seen, weights=Weights(night=0.1)), _value(seen)
    assert 0 <= smaller.total < larger.total


def test_what_is_off_or_out_of_range_is_worth_nothing() -> None:
    off = _value(use=replace(satellite(59051).downlink(), status="off"))
    assert off.total == 0.0
    assert not off.shares
    deaf = _value(antenna=replace(HELIX, frequency_ranges_hz=((1.6e9, 1.8e9),)))
    assert deaf.total == 0.0
    assert any("does not see it while the downlink is heard" in line for line in deaf.explain())


def test_novelty_grows_ever_more_slowly() -> None:
    tca = BEST.tca.timestamp()
    worth = [
        _value(last_seen={"west": tca - hours * 3600.0}).parts["area west"] for hours in (1, 3, 5, 7, 9, 48)
    ]
    steps = np.diff(worth[:5])
    assert (steps > 0).all()
    assert (np.diff(steps) < 0).all()
    assert worth[-1] == pytest.approx(_value().parts["area west"], rel=0.01)
    assert _value(last_seen={"west": tca + 3600}).parts.get("area west", 0.0) == 0.0


def test_it_is_the_number_of_the_formula() -> None:
    """By hand, point by point, for a sure link."""
    weights = Weights(novelty_hours=5.0)
    hours = 4.0
    value = _value(
        antenna=None,
        weights=weights,
        areas=AREAS[:1],
        priority=2.0,
        last_heard=BEST.aos.timestamp() - 86_400,
        last_seen={"west": BEST.tca.timestamp() - hours * 3600},
    )
    curve = track(METEOR, LAI_CHAU, BEST.aos, BEST.los, 10.0)
    area = AREAS[0]
    seen = places_seen(
        ground(METEOR, curve.time), instrument("msu-mr"), area.latitude_deg, area.longitude_deg
    )
    scale = 2.0 * (1 + 0.5 * (1 - np.exp(-0.5)))
    minutes = (curve.time[-1] - curve.time[0]) / 60
    assert value.parts["picture"] == pytest.approx(0.1 * minutes * scale)
    expected = 0.0
    for moment, km, latitude, longitude in zip(
        seen.time, seen.resolution_km, area.latitude_deg, area.longitude_deg, strict=True
    ):
        if np.isfinite(moment):
            sun = sun_elevation_deg(latitude, longitude, moment)[0]
            light = 1.0 if sun > 6 else 0.7 if sun < -6 else 0.7 + 0.3 * (sun + 6) / 12
            expected += min(km**-0.5, 1.5) * light / seen.time.size
    since = (np.nanmean(seen.time) - BEST.tca.timestamp()) / 3600 + hours
    expected *= 5.0 * scale * (1 - np.exp(-since / 5.0))
    assert value.parts["area west"] == pytest.approx(expected, rel=1e-6)


def test_two_stations_that_hear_one_pass_compete_for_it() -> None:
    there = find_passes(METEOR, LANG_SON, START, START + timedelta(days=2))
    pairs = 0
    for here in PASSES:
        other = next((p for p in there if abs((p.tca - here.tca).total_seconds()) < 600), None)
        if other is None:
            continue
        a, b = _value(here, shared=True), _value(other, LANG_SON, shared=True)
        keys_a, keys_b = ({s.key for s in v.shares if s.key.startswith("picture")} for v in (a, b))
        assert keys_a == keys_b or not (keys_a and keys_b)
        pairs += keys_a == keys_b != set()
    assert pairs >= 5
    first, second = sorted(PASSES, key=lambda p: p.aos)[:2]
    assert not {s.key for s in _value(first, shared=True).shares if s.key.startswith("picture")} & {
        s.key for s in _value(second, shared=True).shares
    }


def test_one_that_stands_still_is_worth_its_minutes() -> None:
    one = satellite("GK-2A")
    elements = elements_of(one, START)
    end = START + timedelta(hours=2)
    seen = find_passes(elements, LAI_CHAU, START, end)[0]
    curve = track(elements, LAI_CHAU, START, end, 60.0)
    dish = Antenna("1 m", ((1.6e9, 1.8e9),), 1.0, polarisation="linear")
    value = value_of(
        seen, curve, ground(elements, curve.time), satellite=one, use=one.downlink(), antenna=dish,
        areas=AREAS, shared=True, last_heard=START.timestamp(),
    )  # fmt: skip
    assert value.density.min() > 0
    assert not value.shares
    assert value.total == pytest.approx(120 * 0.1, rel=0.01)


def test_every_sentence_is_there_in_both_languages() -> None:
    values = [
        _value(),
        _value(last_heard=0.0, last_seen=dict.fromkeys(("west", "east"), 0.0)),
        _value(priority=0.0),
        _value(areas=[_box("elsewhere", -60, -20)]),
    ]
    for language in LANGUAGES:
        lines = [line for value in values for line in value.explain(language)]
        assert all("{" not in line for line in lines)
    assert {term.code for value in values for term in value.terms} == set(WORDS)
    for words in (*WORDS.values(), *PARTS.values()):
        assert set(words) == set(LANGUAGES)
    english, vietnamese = (values[0].explain(language) for language in LANGUAGES)
    assert any(line.startswith("area west: ") for line in english)
    assert any(line.startswith("vùng west: ") for line in vietnamese)


@pytest.mark.parametrize("name", [f.name for f in fields(Weights)])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_an_impossible_weight_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueModelError, match=name):
        Weights(**{name: value})


def test_weights_that_are_parts_end_at_one() -> None:
    with pytest.raises(ValueModelError, match=r"repeat is 1\.5; 0 to 1"):
        Weights(repeat=1.5)
    with pytest.raises(ValueModelError, match="area_hours is 0"):
        Weights(area_hours=0.0)


def test_times_that_do_not_fit_are_refused() -> None:
    curve = track(METEOR, LAI_CHAU, BEST.aos, BEST.los, 10.0)
    one = satellite(59051)
    with pytest.raises(ValueModelError, match="same times"):
        value_of(BEST, curve, ground(METEOR, curve.time[1:]), satellite=one, use=one.downlink())


def test_a_share_counts_what_lies_inside() -> None:
    share = Share("key", 2.0, np.array([0.0, 10.0, 20.0]), np.array([0.5, 0.25, 0.25]))
    assert share.part(0, 10) == 0.75
    assert share.part(-5, -1) == 0.0
