"""Quick forms of the figures of the plan, and that each can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.figures import plan_value, plan_year
from tests.scheduler.plan_cases import STEP


def test_three_days_of_daily_plans_keep_every_promise(shared_data: Path) -> None:
    assert plan_year.run(3) == []


def test_a_booking_too_many_is_found(shared_data: Path) -> None:
    wrong = plan_year.run(2, sabotage=True)
    assert any("at once" in line for line in wrong)


def test_half_a_day_is_worth_more_than_what_greedy_planners_make_of_it(shared_data: Path) -> None:
    _, wrong = plan_value.week(0.5, timed=False)
    assert wrong == []


def test_without_trim_points_the_judge_finds_better_plans() -> None:
    assert plan_value.exact(4, STEP) == []
    assert plan_value.exact(4, plan_value.NEVER_S) != []


@pytest.mark.slow
def test_a_season_of_daily_plans_keeps_every_promise(shared_data: Path) -> None:
    assert plan_year.run(90) == []
