"""The plan: no pass booked twice, no two at once, stale elements named, what is booked stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from scheduler.elements import load_elements
from scheduler.passes import find_passes
from station.catalogue import Catalogue
from station.config import StationConfig, parse_config
from station.schedule import plan_passes
from tests.station.conftest import ELEMENTS, START, station_table

SETS = load_elements(ELEMENTS)


def test_bookings_do_not_overlap_and_reach_the_wanted_elevation(config: StationConfig) -> None:
    plan = plan_passes(config, SETS, START, [])
    assert len(plan.bookings) >= 5
    assert all(a.end <= b.start for a, b in pairwise(plan.bookings))
    least = {s.name: s.min_elevation_deg for s in config.satellite}
    assert all(b.max_elevation_deg >= least[b.satellite] for b in plan.bookings)
    assert all(b.start == b.aos - timedelta(seconds=10) for b in plan.bookings)
    assert plan.problems == ()


def test_every_pass_is_booked_or_has_a_reason(config: StationConfig) -> None:
    plan = plan_passes(config, SETS, START, [])
    expected = 0
    for wanted in config.satellite:
        elements = next(e for e in SETS if e.name == wanted.name)
        end = START + timedelta(hours=config.schedule.ahead_hours)
        expected += len(
            find_passes(elements, config.station.site, START, end, min_elevation_deg=wanted.min_elevation_deg)
        )
    assert len(plan.bookings) + len(plan.rejected) == expected
    assert all("taken by" in reason for _, reason in plan.rejected)


def test_of_two_at_once_the_higher_priority_wins(config: StationConfig) -> None:
    double = [SETS[0], SETS[1]]
    twin = type(SETS[1]).from_omm(SETS[1].to_omm() | {"OBJECT_NAME": "METEOR-M2 3", "NORAD_CAT_ID": 57166})
    plan = plan_passes(config, [double[1], twin], START, [])
    assert {b.satellite for b in plan.bookings} == {"METEOR-M2 4"}
    assert plan.rejected


def test_what_is_in_the_catalogue_is_not_booked_again(config: StationConfig, catalogue: Catalogue) -> None:
    first = plan_passes(config, SETS, START, [])
    for booking in first.bookings:
        catalogue.book(booking)
    later = START + timedelta(minutes=10)
    again = plan_passes(config, SETS, later, catalogue.observations())
    assert {b.name for b in again.bookings} & {b.name for b in first.bookings} == set()
    assert all(b.aos > START + timedelta(hours=36) - timedelta(minutes=30) for b in again.bookings)


def test_a_pass_under_way_is_booked_from_now(config: StationConfig) -> None:
    seen = plan_passes(config, SETS, START, []).bookings[0]
    middle = plan_passes(config, SETS, seen.tca, []).bookings[0]
    assert middle.start == seen.tca
    assert middle.los == seen.los


def test_stale_elements_warn_and_then_refuse(config: StationConfig) -> None:
    epoch = SETS[0].epoch
    warned = plan_passes(config, SETS, epoch + timedelta(days=10), [])
    assert warned.bookings
    assert any("10 days after their epoch" in problem for problem in warned.problems)
    refused = plan_passes(config, SETS, datetime(2034, 7, 17, tzinfo=UTC), [])
    assert refused.bookings == ()
    assert any(
        "10.0 years after" in problem and "no pass is booked" in problem for problem in refused.problems
    )


def test_a_satellite_without_elements_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"satellite": [{"name": "METEOR-M2 2"}, {"name": "METEOR-M2 4"}]}
    plan = plan_passes(parse_config(table), SETS, START, [])
    assert plan.bookings
    assert any(problem.startswith("METEOR-M2 2: no pass is booked") for problem in plan.problems)
