"""What a plan keeps to, one rule after the other, and the reason it gives for what it leaves."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from scheduler.errors import SchedulerError
from scheduler.plan import (
    AntennaResource,
    Booking,
    Budget,
    Candidate,
    DownlinkNeed,
    Filler,
    Maintenance,
    Plan,
    ReceiverResource,
    Resources,
    Settings,
    SlewModel,
    View,
    make_plan,
    reason,
)
from scheduler.plan.check import check_plan
from scheduler.plan.reasons import WORDS
from scheduler.value import PassValue, Share
from tests.scheduler.plan_cases import NOW, T0, a_pass, random_case

SITE = "Lai Châu"
VHF = ((136e6, 138e6),)
L_BAND = ((1.6e9, 1.8e9),)
OMNI = AntennaResource("omni", SITE, VHF)
DISH = AntennaResource("dish", SITE, L_BAND, SlewModel(6.0, 6.0))
RADIO = ReceiverResource("radio", SITE, ("omni", "dish"), ((1e6, 2e9),), 3e6, setup_s=10)
LRPT, LRPT_9 = DownlinkNeed("lrpt", 137.1e6, 150e3), DownlinkNeed("lrpt", 137.9e6, 150e3)
HRPT = DownlinkNeed("hrpt", 1700e6, 3e6)
EXACT = Settings(gap=0.0, trim_step_s=10, stability=0.0)


def wanted(
    norad_id: int,
    rise: int,
    length: int,
    per_s: float,
    need: DownlinkNeed = LRPT,
    *,
    azimuth: tuple[float, float] = (10.0, 170.0),
    **more: object,
) -> Candidate:
    """A pass whose every second is worth the same."""
    time = T0 + np.arange(rise, rise + length + 1, 10.0)
    value = PassValue(time, np.full(time.size, per_s), {})
    turning = np.linspace(*azimuth, time.size)
    views = (View("omni", value), View("dish", value, turning, np.full(time.size, 30.0)))
    seen = a_pass(norad_id, rise, length, SITE)
    return Candidate(f"{norad_id}@{rise}/{need.name}", seen, SITE, seen.satellite, (need,), views, **more)


def planned(candidates: list[Candidate], resources: Resources | None = None, **more: object) -> Plan:
    resources = resources or Resources((RADIO,), (OMNI, DISH))
    plan = make_plan(candidates, resources, NOW, settings=EXACT, **more)
    assert check_plan(plan, candidates, resources, T0) == []
    return plan


def edges(plan: Plan) -> dict[int, tuple[int, int]]:
    return {b.candidate.seen.norad_id: (b.start - T0, b.end - T0) for b in plan.bookings}


def only_reason(plan: Plan) -> str:
    (rejection,) = plan.rejected
    assert all(rejection.reason.words(language) for language in ("en", "vi"))
    return rejection.reason.code


def test_the_better_pass_cuts_the_other_short_by_the_set_up_time() -> None:
    plan = planned([wanted(1, 100, 600, 1.0), wanted(2, 500, 600, 2.0)])
    assert edges(plan) == {1: (100, 490), 2: (500, 1100)}
    assert plan.value == pytest.approx(390 + 1200)


def test_a_rotator_turns_before_the_next_recording() -> None:
    first = wanted(1, 100, 600, 2.0, HRPT, azimuth=(0.0, 0.0))
    second = wanted(2, 600, 600, 1.0, HRPT, azimuth=(180.0, 180.0))  # 30 s at 6 degrees a second
    assert edges(planned([first, second])) == {1: (100, 700), 2: (730, 1200)}


def test_cable_that_must_be_unwound_takes_longer_than_the_way_round() -> None:
    first = wanted(1, 100, 600, 2.0, HRPT, azimuth=(370.0, 370.0))
    second = wanted(2, 600, 600, 1.0, HRPT, azimuth=(10.0, 10.0))  # the same direction, a turn back: 60 s
    assert edges(planned([first, second]))[2][0] == 760
    both = replace(
        second, views=(*second.views, replace(second.views[1], azimuth_deg=first.views[1].azimuth_deg))
    )
    assert edges(planned([first, both]))[2][0] == 710  # by the other turn only the receiver takes time


def test_a_wide_receiver_records_two_downlinks_at_once() -> None:
    passes = [wanted(1, 100, 600, 1.0, LRPT), wanted(2, 300, 600, 1.0, LRPT_9)]
    wide = Resources((replace(RADIO, wide=True),), (OMNI, DISH))
    plan = planned(passes, wide)
    assert edges(plan) == {1: (100, 700), 2: (300, 900)}
    assert len({b.center_hz for b in plan.bookings}) == 1
    narrow = Resources((replace(RADIO, wide=True, bandwidth_hz=500e3),), (OMNI, DISH))
    assert sum(b - a for a, b in edges(planned(passes, narrow)).values()) == 800 - 10


def test_one_satellite_by_two_receivers_on_one_dish() -> None:
    both = [wanted(1, 100, 600, 1.0, HRPT), wanted(1, 100, 600, 1.0, replace(HRPT, name="ahrpt"))]
    two = Resources((RADIO, replace(RADIO, name="second")), (OMNI, DISH))
    assert planned(both, two).value == pytest.approx(1200)
    assert planned(both).value == pytest.approx(600)


def test_maintenance_is_kept_free_and_named() -> None:
    def closed(start: int, end: int) -> Resources:
        begin, until = (NOW + timedelta(seconds=s) for s in (start, end))
        return Resources((RADIO,), (OMNI, DISH), (Maintenance(SITE, "omni", begin, until),))

    assert edges(planned([wanted(1, 100, 600, 1.0)], closed(0, 300))) == {1: (300, 700)}
    assert only_reason(planned([wanted(1, 100, 600, 1.0)], closed(0, 690))) == "maintenance"


def test_what_is_fixed_stays_and_is_named() -> None:
    poor, rich = wanted(1, 100, 600, 0.1), wanted(2, 100, 600, 9.0)
    fixed = Booking(poor, "radio", "omni", T0 + 110, T0 + 700, 137.1e6, poor.views[0])
    plan = planned([poor, rich], fixed=[fixed])
    assert edges(plan) == {1: (110, 700)}
    assert plan.bookings[0].fixed
    assert only_reason(plan) == "under_way"
    assert plan.rejected[0].blocked_by == (poor.id,)


def test_what_is_fixed_but_not_known_any_more_stays_too() -> None:
    gone, rich = wanted(1, 100, 600, 0.1), wanted(2, 500, 600, 9.0)
    fixed = Booking(replace(gone, views=()), "radio", "omni", T0 + 100, T0 + 700, 137.1e6)
    assert edges(planned([rich], fixed=[fixed])) == {1: (100, 700), 2: (710, 1100)}


@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        (wanted(1, -700, 650, 1.0), "past"),
        (wanted(1, 100, 50, 1.0), "too_short"),
        (wanted(1, 100, 600, 0.0), "adds_nothing"),
        (wanted(1, 100, 600, 1.0, DownlinkNeed("hrd", 7.8e9, 30e6)), "no_antenna"),
        (wanted(1, 100, 600, 1.0, DownlinkNeed("hrpt", 1700e6, 9e6)), "no_receiver"),
        (replace(wanted(1, 100, 600, 1.0), refused=reason("satellite_off", status="off")), "satellite_off"),
        (replace(wanted(1, 100, 600, 1.0), station="nowhere"), "no_antenna"),
    ],
)
def test_each_reason_stands_alone(candidate: Candidate, code: str) -> None:
    assert only_reason(planned([candidate])) == code


def test_a_pass_outdone_names_what_takes_its_place_and_both_values() -> None:
    plan = planned([wanted(1, 100, 300, 1.0, least_s=300), wanted(2, 100, 300, 2.0, least_s=300)])
    (rejection,) = plan.rejected
    assert rejection.reason.code == "worth_less"
    assert rejection.blocked_by == ("2@100/lrpt",)
    assert "300" in rejection.reason.words()
    assert "600" in rejection.reason.words()


def test_budgets_are_kept_and_named() -> None:
    passes = [
        wanted(i, 100 + 1000 * i, 600, i, least_s=600, bytes_per_s=1e6, power_w=60.0) for i in (1, 2, 3)
    ]
    disk = Resources((RADIO,), (OMNI, DISH), (), (Budget(SITE, disk_bytes=1.3e9),))
    plan = planned(passes, disk)
    assert set(edges(plan)) == {2, 3}
    assert only_reason(plan) == "disk_full"
    power = Resources((RADIO,), (OMNI, DISH), (), (Budget(SITE, energy_wh_per_day=21.0),))
    assert only_reason(planned(passes, power)) == "no_power"


def test_a_share_counts_wholly_once_and_again_by_a_quarter() -> None:
    def sees(norad_id: int, rise: int, share: float) -> Candidate:
        candidate = wanted(norad_id, rise, 600, 0.0)
        time = candidate.views[0].value.time
        lines = Share("area x@1", share, time, np.full(time.size, 1 / time.size))
        value = replace(candidate.views[0].value, shares=(lines,))
        return replace(candidate, views=(View("omni", value),))

    plan = planned([sees(1, 100, 8.0), sees(2, 1000, 4.0)])
    assert plan.value == pytest.approx(8 + 0.25 * 4)
    assert sum(b.value for b in plan.bookings) == pytest.approx(plan.value)


def filler(least_s: int = 300) -> Filler:
    lrit = DownlinkNeed("lrit", 1692e6, 300e3)
    return Filler(wanted(128, 0, 7200, 1e-6, lrit, least_s=least_s, azimuth=(90, 90)))


def test_a_filler_takes_the_free_time_and_leaves_what_is_too_short() -> None:
    passes = [wanted(1, 1000, 600, 1.0), wanted(2, 1800, 600, 1.0), wanted(3, 3000, 600, 1.0)]
    plan = planned(passes, fillers=[filler()])
    free = [(b.start - T0, b.end - T0) for b in plan.bookings if b.filler]
    assert free == [(0, 990), (2410, 2990), (3610, 7200)]
    assert [b for b in plan.bookings if not b.filler] != []


def test_a_piece_of_a_filler_under_way_is_not_booked_beside_itself() -> None:
    two = Resources((RADIO, replace(RADIO, name="second")), (OMNI, replace(DISH, rotator=None)))
    piece = planned([], two, fillers=[filler()]).bookings[0]
    under_way = replace(piece, end=piece.start + 3600)
    plan = planned([], two, fillers=[filler()], fixed=[under_way])
    times = [(b.start - T0, b.end - T0) for b in plan.bookings]
    assert times[0] == (0, 3600)
    assert sorted(times) == times == [(0, 3600), (3610, 7200)]


def test_a_filler_under_way_takes_nothing_of_the_disk_of_passes() -> None:
    heavy = replace(filler().candidate, bytes_per_s=1e9)
    piece = Booking(
        heavy, "radio", "dish", T0 - 900, T0 + 50, 1692e6, heavy.views[1], fixed=True, filler=True
    )
    passing = wanted(1, 100, 600, 1.0, least_s=600, bytes_per_s=1e6)
    disk = Resources((RADIO,), (OMNI, DISH), (), (Budget(SITE, disk_bytes=1e9),))
    assert 1 in edges(planned([passing], disk, fixed=[piece]))


def test_two_candidates_of_one_name_are_refused() -> None:
    with pytest.raises(SchedulerError, match="1@100/lrpt; every one needs an id"):
        planned([wanted(1, 100, 600, 1.0), wanted(1, 100, 600, 1.0)])


def test_what_is_fixed_twice_counts_once() -> None:
    poor = wanted(1, 100, 600, 0.1)
    fixed = Booking(poor, "radio", "omni", T0 + 110, T0 + 700, 137.1e6, poor.views[0])
    assert len(planned([poor], fixed=[fixed, fixed]).bookings) == 1


def test_reasons_have_words_in_both_languages_and_miss_no_detail() -> None:
    assert all(set(words) == {"en", "vi"} and all(words.values()) for words in WORDS.values())
    with pytest.raises(SchedulerError, match="status"):
        reason("satellite_off")
    with pytest.raises(SchedulerError, match="known are"):
        reason("bad_weather")


@pytest.mark.parametrize("seed", range(14))
def test_the_checker_finds_no_fault_and_every_pass_has_its_place(seed: int) -> None:
    candidates, resources = random_case(seed, 10)
    plan = make_plan(candidates, resources, NOW)
    assert check_plan(plan, candidates, resources, T0) == []
    assert plan.gap <= 0.01


@pytest.mark.parametrize("seed", range(6))
def test_the_checker_finds_what_is_broken(seed: int) -> None:
    candidates, resources = random_case(seed, 12)
    plan = make_plan(candidates, resources, NOW)
    bookings = list(plan.bookings)
    i = random.Random(seed).randrange(len(bookings))
    dropped = replace(plan, bookings=tuple(bookings[:i] + bookings[i + 1 :]))
    assert any(
        "neither booked nor rejected" in line for line in check_plan(dropped, candidates, resources, T0)
    )
    twice = replace(plan, bookings=(*bookings, replace(bookings[i], start=bookings[i].start - 7200)))
    found = check_plan(twice, candidates, resources, T0)
    assert any("2 times" in line for line in found)
    assert any("outside its pass" in line for line in found)


def test_the_checker_finds_two_at_once() -> None:
    passes = [wanted(1, 100, 600, 1.0, HRPT), wanted(2, 1200, 600, 1.0, HRPT)]
    plan = planned(passes)
    moved = replace(plan.bookings[1], start=plan.bookings[0].end + 1)
    found = check_plan(
        replace(plan, bookings=(plan.bookings[0], moved)), passes, Resources((RADIO,), (OMNI, DISH)), T0
    )
    assert any("cannot turn" in line for line in found)
    assert any("not free" in line for line in found)


def test_the_same_input_gives_the_same_plan() -> None:
    candidates, resources = random_case(3, 9)
    first, second = (make_plan(candidates, resources, NOW).to_json() for _ in range(2))
    assert first == second


def test_the_checker_finds_an_overdrawn_budget_a_doubled_filler_and_a_false_reason() -> None:
    passes = [wanted(i, 100 + 1000 * i, 600, i, least_s=600, bytes_per_s=1e6, power_w=60.0) for i in (1, 2)]
    plan = planned(passes)
    disk, power = Budget(SITE, disk_bytes=1.1e9), Budget(SITE, energy_wh_per_day=19.0)
    for budget, says in ((disk, "1.2e+09 of 1.1e+09 bytes"), (power, "20 Wh")):
        found = check_plan(plan, passes, Resources((RADIO,), (OMNI, DISH), (), (budget,)), T0)
        assert [says in line for line in found] == [True]
    two = Resources((RADIO, replace(RADIO, name="second")), (OMNI, replace(DISH, rotator=None)))
    filled = planned([], two, fillers=[filler()])
    again = replace(
        filled.bookings[0], receiver="second", candidate=replace(filled.bookings[0].candidate, id="again")
    )
    doubled = replace(filled, bookings=(*filled.bookings, again))
    assert any("fills time" in line for line in check_plan(doubled, [], two, T0))
    lost = planned([wanted(1, 100, 300, 1.0, least_s=300), wanted(2, 100, 300, 2.0, least_s=300)])
    said = reason("worth_less", value="2.49", others="1.71", names="X")
    false = replace(lost, rejected=(replace(lost.rejected[0], reason=said),))
    every = [*(b.candidate for b in lost.bookings), lost.rejected[0].candidate]
    assert any("is left, but" in line for line in check_plan(false, every, two, T0))
