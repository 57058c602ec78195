"""The optimiser against a judge that tries every plan: no plan over the same trim points is worth more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.plan import Settings, make_plan
from scheduler.plan.make import optimise
from scheduler.plan.rules import Rules
from scheduler.plan.trims import options_of
from scheduler.plan.worth import Competition, valued
from tests.scheduler.plan_cases import NOW, STEP, T0, best_plan, random_case

EXACT = Settings(gap=0.0, trim_step_s=STEP)


def planned(seed: int, size: int) -> tuple[float, float, float]:
    """Value of the optimiser's choice, of the finished plan, and of the best plan by trial of all."""
    candidates, resources = random_case(seed, size)
    rules, competition = Rules(resources), Competition.among(candidates)
    options = options_of(candidates, rules, [], T0, STEP)
    chosen, _ = optimise(options, rules, competition, EXACT, not_before=T0)
    plan = make_plan(candidates, resources, NOW, settings=EXACT)
    return valued(chosen, competition)[1], plan.value, best_plan(candidates, resources)


@pytest.mark.parametrize("seed", range(24))
def test_no_plan_is_worth_more(seed: int) -> None:
    chosen, finished, best = planned(seed, size=4)
    assert chosen == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert finished >= chosen - 1e-9  # what is made longer within free time is never worth less


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(10_000, 1_000_000))
def test_no_plan_is_worth_more_in_cases_sought(seed: int) -> None:
    chosen, finished, best = planned(seed, size=3)
    assert chosen == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert finished >= chosen - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_no_plan_is_worth_more_in_many_cases(block: int) -> None:
    for seed in range(1000 + 50 * block, 1050 + 50 * block):
        chosen, _, best = planned(seed, size=4)
        assert chosen == pytest.approx(best, rel=1e-9, abs=1e-9), f"seed {seed}"
