"""What is said of old elements: by the seconds they may be off, and by days where those are set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.elements import Elements
from scheduler.errors import ElementsError
from station.freshness import Limits, age_warning

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)


def warned(days: float, elements: Elements = METEOR, **limits: float) -> str:
    force = bool(limits.pop("force", False))
    return age_warning(elements, elements.epoch + timedelta(days=days), Limits(**limits), force=force)


def test_fresh_elements_are_not_spoken_of() -> None:
    assert warned(3) == ""
    assert warned(-3) == ""


def test_weeks_offline_are_warned_of_with_the_seconds_they_cost() -> None:
    said = warned(30)
    assert "30 days after their epoch" in said
    assert "s early or late" in said


def test_elements_that_miss_the_pass_are_refused_unless_forced() -> None:
    with pytest.raises(ElementsError, match="60 s are allowed"):
        warned(200)
    assert "200 days" in warned(200, force=True)
    with pytest.raises(ElementsError, match="60 s are allowed"):
        warned(15, replace(METEOR, mean_motion_rev_per_day=15.6, bstar=5e-4))  # a cubesat at 400 km


def test_force_is_advised_only_where_it_can_be_said() -> None:
    at = METEOR.epoch + timedelta(days=200)
    with pytest.raises(ElementsError, match=r"or add --force$"):
        age_warning(METEOR, at, force=False)
    for limits in (Limits(), Limits(refuse_days=20)):
        with pytest.raises(ElementsError, match=r"are allowed: fetch newer ones$"):
            age_warning(METEOR, at, limits)


def test_limits_in_days_hold_beside_those_in_seconds() -> None:
    assert "3 days after" in warned(3, warn_days=2)
    with pytest.raises(ElementsError, match="20 days are allowed"):
        warned(21, refuse_days=20)


def test_other_seconds_may_be_allowed() -> None:
    assert "s early or late" in warned(3, warn_s=0.1)
    with pytest.raises(ElementsError, match="1 s are allowed"):
        warned(30, refuse_s=1)
    assert "200 days" in warned(200, refuse_s=1e6)


def test_a_geostationary_satellite_cannot_be_late() -> None:
    still = replace(METEOR, mean_motion_rev_per_day=1.0027, inclination_deg=0.05, bstar=0.0)
    assert warned(60, still) == ""


def test_only_what_stands_still_may_be_of_any_age() -> None:
    still = replace(
        METEOR, mean_motion_rev_per_day=1.00272, eccentricity=2e-4, inclination_deg=0.04, bstar=0.0
    )
    assert warned(400, still) == ""
    for moving in ({"eccentricity": 0.27, "inclination_deg": 63.0}, {"mean_motion_rev_per_day": 0.3}):
        with pytest.raises(ElementsError, match="60 s are allowed"):
            warned(400, replace(still, **moving))
