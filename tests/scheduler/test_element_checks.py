"""Who may follow whom: drag, burns, wrong digits, strangers, and witnesses that prove nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.element_checks import Kind, Suspect, judge
from scheduler.elements import Elements, load_elements
from tests.scheduler.successors import successor

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
DAY = timedelta(days=1)
HELD = [successor(METEOR, days) for days in range(10)]


def kind(new: Elements, held: list[Elements] = HELD, suspects: tuple[Suspect, ...] = ()) -> Kind:
    return judge(new, held, suspects, "here", new.epoch + DAY).kind


@pytest.mark.parametrize("days", [10, 12, 40, 100])
def test_the_same_orbit_is_accepted_after_any_gap(days: float) -> None:
    assert kind(successor(METEOR, days)) is Kind.ACCEPTED


@pytest.mark.parametrize(
    "change",
    [
        {"inclination_deg": METEOR.inclination_deg + 0.3},
        {"raan_deg": METEOR.raan_deg + 1},
        {"eccentricity": 0.05},
        {"mean_motion_rev_per_day": 14.23},
        {"mean_anomaly_deg": 100.0},
        {"bstar": 1.0},
    ],
)
def test_what_no_burn_explains_is_refused(change: dict[str, float]) -> None:
    assert kind(replace(successor(METEOR, 10), **change)) is not Kind.ACCEPTED  # type: ignore[arg-type]


def test_an_altered_inclination_shows_though_the_epoch_is_at_the_node() -> None:
    """At the node itself the satellite stands where it should."""
    new = successor(METEOR, 10)
    at_node = successor(
        new, (360 - (new.argument_of_perigee_deg + new.mean_anomaly_deg) % 360) / 360 / 14.2224
    )
    assert kind(at_node) is Kind.ACCEPTED
    tilted = replace(at_node, inclination_deg=at_node.inclination_deg + 0.02)
    assert kind(tilted) is Kind.SUSPECT


def test_a_wrong_mean_motion_shows_though_the_last_set_is_an_hour_old() -> None:
    held = [*HELD, successor(METEOR, 9.96)]
    new = successor(METEOR, 10)
    assert kind(new, held) is Kind.ACCEPTED
    assert (
        kind(replace(new, mean_motion_rev_per_day=new.mean_motion_rev_per_day + 9e-5), held)
        is not Kind.ACCEPTED
    )


def test_zero_drag_is_refused_where_drag_counts_and_only_there() -> None:
    assert kind(replace(successor(METEOR, 10), bstar=0.0)) is Kind.ACCEPTED
    strong = replace(METEOR, bstar=1e-3)
    held = [successor(strong, days) for days in range(10)]
    assert kind(replace(successor(strong, 10), bstar=0.0), held) is Kind.REFUSED


def test_a_second_set_of_the_new_orbit_is_a_witness() -> None:
    burnt = replace(successor(METEOR, 9.5), mean_motion_rev_per_day=METEOR.mean_motion_rev_per_day + 4e-4)
    first, second = successor(burnt, 0.5), successor(burnt, 1.5)
    assert kind(first) is Kind.SUSPECT
    assert kind(second) is Kind.SUSPECT
    witness = Suspect(first, "here", "", may_be_confirmed=True)
    verdict = judge(second, HELD, [witness], "here", second.epoch + DAY)
    assert (verdict.kind, verdict.witnesses) == (Kind.ACCEPTED, (first,))
    assert kind(second, suspects=(replace(witness, may_be_confirmed=False),)) is Kind.SUSPECT


def test_the_same_set_again_is_no_witness_but_from_another_source_it_is() -> None:
    burnt = replace(successor(METEOR, 10), mean_motion_rev_per_day=METEOR.mean_motion_rev_per_day + 4e-4)
    assert kind(burnt) is Kind.SUSPECT
    assert kind(burnt, suspects=(Suspect(burnt, "here", "", may_be_confirmed=True),)) is Kind.SUSPECT
    assert kind(burnt, suspects=(Suspect(burnt, "there", "", may_be_confirmed=True),)) is Kind.ACCEPTED


def test_satellites_of_one_plane_are_not_taken_for_each_other(shared_data: Path) -> None:
    """METOP-B and C, NOAA 20 and Suomi NPP differ by where they stand in the orbit, and in little else."""
    found = {e.norad_id: e for e in load_elements(shared_data / "elements/tle-2020-09-27.txt")}
    for one, other in ((38771, 43689), (43013, 37849)):
        held = [successor(found[one], days) for days in range(8)]
        for days in (8, 10, 20):
            stranger = replace(successor(found[other], days), norad_id=one)
            assert kind(stranger, held) is Kind.REFUSED


def test_a_set_that_does_not_fly_and_one_that_lies_ahead_are_refused() -> None:
    fallen = replace(successor(METEOR, 10), mean_motion_rev_per_day=17.9)
    assert kind(fallen) is Kind.REFUSED
    ahead = successor(METEOR, 12)
    assert judge(ahead, HELD, [], "here", ahead.epoch - 2 * DAY).kind is Kind.REFUSED


def test_a_set_held_that_cannot_be_carried_to_the_next_leaves_the_others_comparable() -> None:
    """The share of the model that sets agree by has no percentile when one of them is infinite."""
    fallen = replace(METEOR, mean_motion_rev_per_day=17.9)
    for places in range(1, 4):
        held = [
            *HELD[: 10 - places],
            *[replace(fallen, epoch=e.epoch) for e in HELD[10 - places : 9]],
            HELD[9],
        ]
        assert kind(successor(METEOR, 10), held) is Kind.ACCEPTED


@pytest.mark.parametrize("usual", [0.0, -1e-5])
def test_drag_is_compared_with_sets_that_have_none(usual: float) -> None:
    strong = replace(METEOR, bstar=1e-2)
    held = [replace(successor(strong, days), bstar=usual) for days in range(3)]
    verdict = judge(successor(strong, 3), held, [], "here", METEOR.epoch + 4 * DAY)
    assert verdict.kind is not Kind.ACCEPTED
    assert kind(successor(METEOR, 3), [replace(METEOR, bstar=usual)]) is Kind.ACCEPTED
