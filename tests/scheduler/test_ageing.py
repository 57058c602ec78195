"""Ageing: the model against the real history, and its use near and far from the epoch."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from scheduler.ageing import along_track_error_km, drag_km_per_day2, timing_error_s
from scheduler.elements import Elements

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)


@pytest.fixture(scope="module")
def figure() -> ModuleType:
    """The script that prints the table."""
    path = Path(__file__).parents[1] / "figures/element_ageing.py"
    spec = importlib.util.spec_from_file_location("element_ageing", path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["element_ageing"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_model_holds_95_percent_of_a_real_history(figure: ModuleType, shared_data: Path) -> None:
    found = figure.errors(figure.history(shared_data / "elements/39444_historical.txt"))
    assert len(found) > 800
    assert not figure.missed(figure.table(found))
    assert figure.missed(figure.table(found, sabotage=True))


def test_drag_is_that_of_the_published_slope_of_mean_motion() -> None:
    """A set carries drag twice: as B*, and as half the first derivative of the mean motion."""
    strong = Elements.from_tle(
        "FUNCUBE-1",
        "1 39444U 13066AE  24245.62306633  .00017224  00000-0  15917-2 0  9997",
        "2 39444  97.7242 203.2987 0044266 244.9983 114.6636 14.93893000581513",
    )
    around_km = 2 * 3.14159265 * 6962
    assert drag_km_per_day2(strong) == pytest.approx(strong.mean_motion_dot * around_km, rel=0.01)
    assert drag_km_per_day2(replace(METEOR, bstar=-1e-6)) == pytest.approx(0.03)


def test_meteor_ages_by_seconds_in_weeks_on_both_sides_of_the_epoch() -> None:
    after, before = (METEOR.epoch + sign * timedelta(days=30) for sign in (1, -1))
    assert 4 < timing_error_s(METEOR, after) < 15
    assert timing_error_s(METEOR, before) == timing_error_s(METEOR, after)
    assert timing_error_s(METEOR, METEOR.epoch) < 0.3


def test_lateness_ends_at_half_a_turn() -> None:
    assert timing_error_s(METEOR, METEOR.epoch + timedelta(days=9000)) == pytest.approx(
        86400 / 14.22239163 / 2
    )


def test_more_drag_ages_faster() -> None:
    later = METEOR.epoch + timedelta(days=14)
    heavier = replace(METEOR, bstar=10 * METEOR.bstar)
    assert along_track_error_km(heavier, later) > 3 * along_track_error_km(METEOR, later)


def test_a_set_that_decays_within_a_day_is_never_sure_not_even_at_its_epoch() -> None:
    falling = replace(METEOR, mean_motion_rev_per_day=16.6, bstar=0.5)
    assert drag_km_per_day2(falling) == math.inf
    for hours in (0, 1):
        assert along_track_error_km(falling, falling.epoch + timedelta(hours=hours)) == math.inf
        half_turn_s = 86_400 / 16.6 / 2
        assert timing_error_s(falling, falling.epoch + timedelta(hours=hours)) == half_turn_s
