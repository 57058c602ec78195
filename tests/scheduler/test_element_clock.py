"""The clock against GNSS, a server's Date and the elements' own epochs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.element_clock import ClockState, clock_against_elements
from scheduler.elements import Elements, load_elements

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
NOW = datetime(2024, 7, 17, 6, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Ages of the sets of one fetch, as in CelesTrak's file of 2020-09-27: a few hours to a day.
FLEET = [replace(METEOR, norad_id=n, epoch=NOW - age * HOUR) for n, age in enumerate((2, 3, 5, 8, 11, 20), 1)]


def test_a_right_clock_is_not_blamed() -> None:
    for now in (NOW, NOW - 4 * HOUR, NOW + 12 * HOUR):
        assert clock_against_elements(FLEET, now, fetched=now).state is ClockState.RIGHT


@pytest.mark.parametrize("days", [1, 2, 30, 365, 20_000])
def test_a_clock_days_off_is_named_by_elements_alone(days: int) -> None:
    behind = clock_against_elements(FLEET, NOW - days * DAY, fetched=None)
    assert behind.state is ClockState.BEHIND
    assert behind.off_s == pytest.approx(-(days * 86_400 - 3 * 3600))
    assert "behind" in behind.said
    ahead = clock_against_elements(FLEET, NOW + days * DAY, fetched=NOW + days * DAY)
    assert ahead.state is ClockState.AHEAD
    assert f"{NOW + days * DAY:%Y-%m-%d}" in ahead.said


def test_old_elements_that_were_not_just_fetched_blame_no_clock() -> None:
    assert clock_against_elements(FLEET, NOW + 60 * DAY).state is ClockState.UNKNOWN
    assert clock_against_elements(FLEET, NOW + 60 * DAY, fetched=NOW).state is ClockState.RIGHT


def test_some_wrong_sets_do_not_move_the_judgement(shared_data: Path) -> None:
    """CelesTrak's file of 2020-09-27 really holds sets with epochs two years ahead."""
    sets = load_elements(shared_data / "elements/tle-2020-09-27.txt")
    now = datetime(2020, 9, 27, 9, tzinfo=UTC)
    assert max(e.epoch for e in sets).year == 2022
    assert clock_against_elements(sets, now, fetched=now).state is ClockState.RIGHT
    assert clock_against_elements(sets, now - DAY, fetched=now - DAY).state is ClockState.BEHIND
    assert clock_against_elements(sets, now + DAY, fetched=now + DAY).state is ClockState.AHEAD


def test_a_server_and_gnss_know_better_than_the_elements() -> None:
    by_server = clock_against_elements(FLEET, NOW, fetched=NOW, server_time=NOW - 5 * timedelta(minutes=1))
    assert (by_server.state, by_server.off_s) == (ClockState.AHEAD, 300)
    by_gnss = clock_against_elements(FLEET, NOW, server_time=NOW - DAY, gnss_time=NOW + timedelta(seconds=1))
    assert by_gnss.state is ClockState.RIGHT
    late = clock_against_elements([], NOW, gnss_time=NOW + DAY)
    assert late.state is ClockState.BEHIND
    assert "GNSS" in late.said
    assert "24 hours behind" in late.said


def test_without_elements_nothing_is_said() -> None:
    assert clock_against_elements([], NOW).state is ClockState.UNKNOWN


def test_two_satellites_need_more_than_a_day() -> None:
    few = FLEET[:2]
    assert clock_against_elements(few, NOW + DAY, fetched=NOW + DAY).state is ClockState.RIGHT
    assert clock_against_elements(few, NOW + 3 * DAY, fetched=NOW + 3 * DAY).state is ClockState.AHEAD
