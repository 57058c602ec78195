"""The plan and the catalogue: no pass twice, no two at once, stale elements named, what is near stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scheduler.elements import Elements, load_elements
from scheduler.passes import find_passes
from station.catalogue import Booking, Catalogue, Observation
from station.config import StationConfig, parse_config
from station.ledger import rejected_passes
from station.schedule import enter_schedule, history_of, plan_station
from station.shared import recording_end
from tests.station.conftest import ELEMENTS, START, station_table

SETS = load_elements(ELEMENTS)


def _twin(original: Elements, name: str, number: int) -> Elements:
    return Elements.from_omm(original.to_omm() | {"OBJECT_NAME": name, "NORAD_CAT_ID": number})


def test_bookings_do_not_overlap_and_reach_the_wanted_elevation(config: StationConfig) -> None:
    schedule = plan_station(config, SETS, START, [])
    bookings = schedule.bookings
    assert len(bookings) >= 5
    assert all(a.end <= b.start for a, b in pairwise(bookings))
    least = {s.name: s.min_elevation_deg for s in config.satellite}
    assert all(b.max_elevation_deg >= least[b.satellite] for b in bookings)
    assert all(10 <= (b.aos - b.start).total_seconds() <= 13 for b in bookings)
    assert {(b.receiver, b.antenna) for b in bookings} == {("receiver", "antenna")}
    assert all(b.value > 0 for b in bookings)
    assert schedule.problems == ()


def test_every_pass_is_booked_or_has_a_reason(config: StationConfig) -> None:
    schedule = plan_station(config, SETS, START, [])
    end = START + timedelta(hours=config.schedule.ahead_hours)
    expected = {
        (p.norad_id, round(p.tca.timestamp()))
        for elements in SETS
        for p in find_passes(elements, config.station.site, START, end)
    }
    booked = {(b.norad_id, round(b.tca.timestamp())) for b in schedule.bookings}
    rejected = {(r.norad_id, round(r.tca.timestamp())) for r in schedule.rejected}
    assert booked | rejected == expected
    assert not booked & rejected
    assert all(r.words["en"] and r.words["vi"] for r in schedule.rejected)
    assert {r.reason for r in schedule.rejected} == {"below_elevation"}


def test_of_two_at_once_the_higher_priority_wins(config: StationConfig) -> None:
    schedule = plan_station(config, [SETS[1], _twin(SETS[1], "METEOR-M2 3", 57166)], START, [])
    assert {b.satellite for b in schedule.bookings} == {"METEOR-M2 4"}
    outdone = [r for r in schedule.rejected if r.satellite == "METEOR-M2 3" and r.max_elevation_deg > 20]
    assert outdone
    assert all(r.blocked_by for r in outdone)


def test_what_is_in_the_catalogue_is_not_booked_again(config: StationConfig, catalogue: Catalogue) -> None:
    first = plan_station(config, SETS, START, [])
    enter_schedule(catalogue, first, START)
    later = START + timedelta(minutes=10)
    again = plan_station(config, SETS, later, catalogue.observations())
    assert {b.name for b in again.bookings} & {b.name for b in first.bookings} == set()
    assert again.withdrawn == ()
    assert all(b.aos > START + timedelta(hours=36) - timedelta(minutes=30) for b in again.bookings)


def test_newer_elements_move_what_is_far_and_leave_what_is_near(
    config: StationConfig, catalogue: Catalogue
) -> None:
    first = plan_station(config, SETS, START, [])
    enter_schedule(catalogue, first, START)
    now = first.bookings[0].start - timedelta(minutes=30)
    newer = [replace(e, mean_anomaly_deg=e.mean_anomaly_deg + 1.0) for e in SETS]  # 17 s later
    again = plan_station(config, newer, now, catalogue.observations())
    assert first.bookings[0].name not in again.withdrawn
    assert {b.name for b in first.bookings[1:]} == set(again.withdrawn)
    assert enter_schedule(catalogue, again, now) == []
    stand = catalogue.observations()
    assert first.bookings[0].name in {o.name for o in stand}
    assert all(a.end <= b.start for a, b in pairwise(sorted(stand, key=lambda o: o.start)))


def test_a_pass_under_way_is_not_dropped_for_a_better_one(
    config: StationConfig, catalogue: Catalogue
) -> None:
    first = plan_station(config, [_twin(SETS[1], "METEOR-M2 3", 57166)], START, [])
    enter_schedule(catalogue, first, START)
    under_way = first.bookings[0]
    catalogue.begin(under_way.name, "record")
    now = under_way.start + timedelta(minutes=2)
    again = plan_station(
        config, [SETS[1], _twin(SETS[1], "METEOR-M2 3", 57166)], now, catalogue.observations()
    )
    assert under_way.name not in again.withdrawn
    assert all(b.start >= under_way.end for b in again.bookings)
    blocked = next(r for r in again.rejected if r.satellite == "METEOR-M2 4")
    assert blocked.reason == "under_way"
    # What was to come later gives way to the satellite of higher priority.
    assert {b.satellite for b in again.bookings} == {"METEOR-M2 4"}
    assert set(again.withdrawn) == {b.name for b in first.bookings[1:]}


def test_a_pass_under_way_is_booked_from_now(config: StationConfig) -> None:
    seen = plan_station(config, SETS, START, []).bookings[0]
    middle = plan_station(config, SETS, seen.tca, []).bookings[0]
    assert timedelta(0) <= middle.start - seen.tca < timedelta(seconds=1)
    assert abs(middle.los - seen.los) < timedelta(milliseconds=10)


def test_stale_elements_warn_and_then_refuse(config: StationConfig) -> None:
    epoch = SETS[0].epoch
    warned = plan_station(config, SETS, epoch + timedelta(days=10), [])
    assert warned.bookings
    assert any("10 days after their epoch" in problem for problem in warned.problems)
    refused = plan_station(config, SETS, datetime(2034, 7, 17, tzinfo=UTC), [])
    assert refused.bookings == ()
    assert any(
        "10.0 years after" in problem and "no pass is booked" in problem for problem in refused.problems
    )


def test_passes_of_elements_too_old_are_told_with_the_reason(config: StationConfig) -> None:
    schedule = plan_station(config, SETS, SETS[0].epoch + timedelta(days=200), [])
    assert schedule.bookings == ()
    assert schedule.rejected
    assert {r.reason for r in schedule.rejected} == {"elements_too_old"}
    assert "200 days old" in schedule.rejected[0].words["en"]


def test_a_satellite_that_comes_down_is_booked_until_then(config: StationConfig) -> None:
    omm = SETS[0].to_omm() | {"MEAN_MOTION": 16.35, "BSTAR": 0.005, "ECCENTRICITY": 0.0005}
    falling = Elements.from_omm(omm | {"EPOCH": START.replace(tzinfo=None).isoformat()})
    schedule = plan_station(config, [falling], START, [])
    assert any("SGP4 gives no position" in problem for problem in schedule.problems)
    assert [*schedule.bookings, *schedule.rejected]


def test_older_elements_widen_the_listening(config: StationConfig) -> None:
    def widest(days: float) -> float:
        bookings = plan_station(config, SETS, SETS[0].epoch + timedelta(days=days), []).bookings
        return max((b.aos - b.start).total_seconds() for b in bookings)

    assert widest(25.0) > widest(0.5) + 2


def test_a_satellite_without_elements_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"satellite": [{"name": "METEOR-M2 2"}, {"name": "METEOR-M2 4"}]}
    schedule = plan_station(parse_config(table), SETS, START, [])
    assert schedule.bookings
    assert any(problem.startswith("METEOR-M2 2: no pass is booked") for problem in schedule.problems)


def test_maintenance_closes_the_station(tmp_path: Path) -> None:
    closed = {"reason": "tower", "start": START, "end": START + timedelta(hours=12)}
    schedule = plan_station(
        parse_config(station_table(tmp_path) | {"maintenance": [closed]}), SETS, START, []
    )
    assert all(b.start >= START + timedelta(hours=12) for b in schedule.bookings)
    assert "maintenance" in {r.reason for r in schedule.rejected}


def test_recordings_take_no_more_of_the_disk_than_their_budget(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"budget": {"disk_gb_per_day": 0.5}}
    limited = plan_station(parse_config(table), SETS, START, []).bookings
    free = plan_station(parse_config(station_table(tmp_path)), SETS, START, []).bookings

    def recorded(bookings: Sequence[Booking]) -> dict[date, float]:
        """Gigabytes by day: 250 kS/s of two bytes."""
        days: dict[date, float] = {}
        for b in bookings:
            used = (b.end - b.start).total_seconds() * 500e3 / 1e9
            days[b.start.date()] = days.get(b.start.date(), 0.0) + used
        return days

    assert max(recorded(free).values()) > 1
    assert limited
    first, second = recorded(limited).values()
    assert first <= 0.5 + 1e-6
    assert first + second <= 1.0 + 1e-6  # what a day leaves is for the next


def test_what_was_seen_counts_less_the_next_time(config: StationConfig, catalogue: Catalogue) -> None:
    first = plan_station(config, SETS, START, [])
    enter_schedule(catalogue, first, START)
    name = first.bookings[1].name  # METEOR-M2 4, by day
    for step in ("record", "decode"):
        catalogue.begin(name, step)
        catalogue.finish(name, step, {})
    history = history_of(catalogue.observations())
    assert history.last_heard == {59051: first.bookings[1].tca.timestamp()}
    assert set(history.last_seen) == {"around Lai Châu"}
    after = plan_station(config, SETS, first.bookings[1].end, catalogue.observations()).plan
    before = {b.candidate.id: b.value for b in first.plan.bookings}
    now = {b.candidate.id: b.value for b in after.bookings if b.candidate.id in before}
    assert now
    assert all(value < before[key] for key, value in now.items() if "/59051@" in key)


def test_the_ledger_keeps_a_reason_once_the_pass_has_risen(
    config: StationConfig, catalogue: Catalogue
) -> None:
    first = plan_station(config, SETS, START, [])
    enter_schedule(catalogue, first, START)
    told = rejected_passes(catalogue)
    assert [r.key for r in told] == [r.key for r in first.rejected]
    assert told[0].words == dict(first.rejected[0].words)
    later = told[1].los + timedelta(minutes=1)
    enter_schedule(catalogue, plan_station(config, SETS, later, catalogue.observations()), later)
    assert [r.key for r in rejected_passes(catalogue)][:2] == [r.key for r in told[:2]]
    assert len({r.key for r in rejected_passes(catalogue)}) == len(rejected_passes(catalogue))
    assert [r.key for r in rejected_passes(catalogue, until=told[1].tca)] == [r.key for r in told[:2]]


DISH = {
    "name": "dish",
    "diameter_m": 1.2,
    "frequency_ranges_hz": [[1.67e9, 1.71e9]],
    "azimuth_deg": 130.0,
    "elevation_deg": 52.0,
    "polarisation": "linear",
}
HELIX = {"name": "helix", "kind": "qfh", "frequency_ranges_hz": [[137e6, 138e6]]}


def test_a_geostationary_satellite_fills_the_time_between_the_passes(tmp_path: Path) -> None:
    table = station_table(tmp_path, type="soapy") | {"antenna": [DISH, HELIX]}
    table["satellite"] = [{"name": "METEOR-M2 4"}, {"name": "GK-2A"}]
    table["schedule"] = {"ahead_hours": 12}
    schedule = plan_station(parse_config(table), SETS, START, [])
    assert schedule.problems == ()
    pieces = [b for b in schedule.bookings if b.downlink == "gk2a_lrit"]
    passes = [b for b in schedule.bookings if b.downlink == "meteor_lrpt"]
    assert passes
    assert 0 < len(pieces) <= len(passes) + 1
    assert {b.antenna for b in pieces} == {"dish"}
    assert all(timedelta(minutes=5) <= b.end - b.start for b in pieces)
    everything = sorted(schedule.bookings, key=lambda b: b.start)
    assert all(a.end <= b.start for a, b in pairwise(everything))
    assert sum((b.end - b.start for b in everything), timedelta()) > timedelta(hours=11)
    catalogue = Catalogue(tmp_path / "data")
    enter_schedule(catalogue, schedule, START)
    later = START + timedelta(minutes=20)
    again = plan_station(parse_config(table), SETS, later, catalogue.observations())
    kept = {o.name for o in catalogue.observations()} - set(again.withdrawn)
    assert len(kept) >= len(everything) - 2  # what was planned is not torn up by the next look


ROLLS = {"segment_s": 600, "keep_segments": 3}


def _filler_under_way(
    catalogue: Catalogue, segments: dict[str, int] | None, since: datetime = START, **receiver: Any
) -> tuple[StationConfig, Observation]:
    """The station that wants passes as well, and what was booked and begun while it was alone."""
    table = station_table(catalogue.data_dir, **receiver) | {"antenna": [DISH, HELIX]}
    table["schedule"] = {"ahead_hours": 12, "freeze_minutes": 60 if segments else 1}
    alone = parse_config(table | {"satellite": [{"name": "GK-2A"}]})
    enter_schedule(catalogue, plan_station(alone, SETS, since, []), since)
    filler = min(catalogue.observations(), key=lambda o: o.start)
    assert segments is None or filler.end - filler.start > timedelta(hours=11)
    catalogue.begin(filler.name, "record")
    filler.folder.mkdir(parents=True)
    told = {"end": filler.end.isoformat(), "segments": segments}
    (filler.folder / "observation.json").write_text(json.dumps(told))
    wanted = [*table["satellite"], {"name": "GK-2A"}]
    return parse_config(table | {"satellite": wanted}), catalogue.observation(filler.name)


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_a_filler_that_ended_early_holds_nothing_to_the_end_it_was_booked_for(
    catalogue: Catalogue, how: str
) -> None:
    config, filler = _filler_under_way(catalogue, ROLLS, type="soapy")
    if how == "stopped":
        catalogue.finish(filler.name, "record", {}, reason="ended early: the station was stopped")
    else:
        catalogue.fail(filler.name, "record", "the receiver failed")
    now = START + timedelta(minutes=10)
    booked = plan_station(config, SETS, now, catalogue.observations()).bookings
    assert {b.satellite for b in booked} == {"METEOR-M2 3", "METEOR-M2 4", filler.satellite}
    assert min(b.start for b in booked) < now + timedelta(minutes=2)
    assert sum((b.end - b.start for b in booked), timedelta()) > timedelta(hours=11)
    catalogue.close()


def test_a_filler_that_does_not_roll_is_not_cut_short_by_a_pass(tmp_path: Path, catalogue: Catalogue) -> None:
    """Its recorder would go on to the end that it was told, beside the one of the pass."""
    table = station_table(tmp_path)
    starts = [b.start for b in plan_station(parse_config(table), SETS, START, []).bookings]
    rises = next(start for start in starts if 8 <= start.minute % 30 <= 28)
    since = rises - timedelta(minutes=7)
    config, filler = _filler_under_way(catalogue, None, since=since, type="simulator")
    assert rises < filler.end
    schedule = plan_station(config, SETS, since + timedelta(minutes=2), catalogue.observations())
    assert schedule.shortened == {}
    assert min(b.start for b in schedule.bookings) >= filler.end
    catalogue.close()


def test_a_filler_under_way_makes_room_for_a_pass_that_comes_up(tmp_path: Path) -> None:
    """It was alone when it began; it ends for the passes, and another begins behind each of them."""
    catalogue = Catalogue(tmp_path / "data")
    config, filler = _filler_under_way(catalogue, ROLLS, type="soapy")
    now = START + timedelta(minutes=10)
    schedule = plan_station(config, SETS, now, catalogue.observations())
    first = min((b for b in schedule.bookings if b.downlink == "meteor_lrpt"), key=lambda b: b.start)
    assert enter_schedule(catalogue, schedule, now) == []
    shortened = catalogue.observation(filler.name)
    assert now + timedelta(minutes=60) <= shortened.end
    assert timedelta(seconds=5) <= first.start - shortened.end <= timedelta(seconds=10)
    assert recording_end(shortened) == shortened.end
    everything = sorted(catalogue.observations(), key=lambda o: o.start)
    assert all(a.end <= b.start for a, b in pairwise(everything))
    assert sum((o.end - o.start for o in everything), timedelta()) > timedelta(hours=11)
    again = plan_station(config, SETS, now + timedelta(minutes=10), catalogue.observations())
    assert again.shortened == {}
    catalogue.close()


def test_a_booking_says_by_which_turn_of_the_cable_it_begins(tmp_path: Path) -> None:
    table = station_table(tmp_path) | {"rotator": {"azimuth_max_deg": 450}}
    config, catalogue = parse_config(table), Catalogue(tmp_path)
    schedule = plan_station(config, SETS, START, [])
    enter_schedule(catalogue, schedule, START)
    stand = {o.name: o for o in catalogue.observations()}
    assert len(stand) >= 5
    for booked in schedule.plan.bookings:
        assert booked.view is not None
        (observation,) = (o for o in stand.values() if o.start.timestamp() == booked.start)
        assert observation.start_direction is not None
        assert 0 <= observation.start_direction[0] <= 450
        assert observation.start_direction[0] == pytest.approx(booked.view.azimuth_deg[0], abs=3)
    later = START + timedelta(minutes=10)
    assert plan_station(config, SETS, later, catalogue.observations()).withdrawn == ()
    # The other turn is another booking.
    far = max(stand.values(), key=lambda o: o.start)
    assert far.start_direction is not None
    turned = replace(far, start_direction=[far.start_direction[0] + 360, far.start_direction[1]])
    taken = [turned if o.name == far.name else o for o in stand.values()]
    assert plan_station(config, SETS, later, taken).withdrawn == (far.name,)
