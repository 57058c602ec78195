"""The parts under the planner of tracks: motion, smoothing, the beam, each against something plainer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.beam import angle_deg, best_elevation_deg, error_for_loss_deg, loss_db, lost_share
from hardware.motion import Axis, motion
from hardware.smoothing import smooth_within
from tests.hardware.mechanics import Mechanics, run_axis, unit

SETTINGS = settings(max_examples=40, deadline=None)


@given(
    targets=st.lists(st.tuples(st.integers(1, 60), st.integers(-30, 30)), min_size=1, max_size=8),
    rate=st.floats(1, 8), acceleration=st.floats(1, 10), dead_band=st.sampled_from([0.0, 2.5]),
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_motion_is_that_of_the_mechanics(targets, rate, acceleration, dead_band) -> None:
    time = np.cumsum([wait / 10 for wait, _ in targets])
    aims = np.array([float(aim) for _, aim in targets])
    exact = motion(Axis(rate, acceleration, 0.1, dead_band), 3.0, time, aims)
    stepped = run_axis(
        Mechanics(rate, acceleration, 0.1, dead_band), np.array([3.0]), [(time, aims)], 0.0, 60.0, step=0.01
    )
    apart = np.abs(exact.at(np.arange(0, 60.05, 0.1)) - stepped[0])
    assert apart.max() < 0.03 + 0.02 * rate


def test_a_new_target_while_moving_the_other_way_brakes_first() -> None:
    path = motion(Axis(4.0, 2.0), 0.0, np.array([0.0, 3.0]), np.array([100.0, -5.0]))
    assert path.at(np.array([2.0, 3.0])) == pytest.approx([4.0, 8.0])  # 2 s of speeding up, then 4 a second
    assert path.at(np.array([5.0])) == pytest.approx([12.0])  # brakes for 2 s more
    assert path.at(np.array([60.0])) == pytest.approx([-5.0])


@given(
    points=st.lists(st.floats(-200, 200), min_size=2, max_size=12), rate=st.floats(0.5, 10),
    acceleration=st.floats(0.2, 20),
)  # fmt: skip
@SETTINGS
def test_a_smoothed_path_is_one_the_axis_can_follow(points, rate, acceleration) -> None:
    path = np.interp(np.arange(0, 120, 0.1), np.linspace(0, 120, len(points)), points)
    smooth = smooth_within(path, 0.1, Axis(rate, acceleration))
    assert np.abs(np.diff(smooth)).max() <= rate * 0.1 + 1e-9
    assert path.min() - 1e-9 <= smooth.min() <= smooth.max() <= path.max() + 1e-9
    second = smooth[20:] - 2 * smooth[10:-10] + smooth[:-20]
    assert np.abs(second).max() <= 1.2 * acceleration


def test_what_an_axis_can_follow_is_left_alone() -> None:
    path = 30 * np.sin(np.arange(0, 100, 0.1) / 20)
    assert smooth_within(path, 0.1, Axis(6.0, 6.0)) == pytest.approx(path, abs=1e-9)


def test_smoothing_does_not_lag() -> None:
    """A jump is met half-way, early as much as late."""
    path = np.where(np.arange(0, 60, 0.1) < 30, 0.0, 60.0)
    smooth = smooth_within(path, 0.1, Axis(6.0, 3.0))
    assert smooth[300] == pytest.approx(30, abs=0.5)
    assert smooth + smooth[::-1] == pytest.approx(np.full(600, 60.0), abs=0.7)


def test_the_beam_is_three_decibels_down_at_half_its_width() -> None:
    assert loss_db([0, 0.56, 1.12, 90], 1.12) == pytest.approx([0, 3, 12, 20])
    assert lost_share(3.0103) == pytest.approx(0.5, abs=1e-5)
    assert loss_db(error_for_loss_deg(1.0, 10.3), 10.3) == pytest.approx(1.0)


DIRECTIONS = st.tuples(st.floats(-180, 540), st.floats(-10, 180), st.floats(0, 360), st.floats(0, 90))


@given(DIRECTIONS)
@SETTINGS
def test_angles_are_those_of_vectors(directions: tuple[float, ...]) -> None:
    a, e, b, f = (np.array(value) for value in directions)
    chord = np.linalg.norm(unit(a, e) - unit(b, f))
    assert angle_deg(a, e, b, f) == pytest.approx(2 * math.degrees(math.asin(min(chord / 2, 1))), abs=1e-5)


@given(st.floats(0, 360), st.floats(0, 90), st.sampled_from([(0.0, 90.0), (5.0, 180.0), (10.0, 135.0)]))
@SETTINGS
def test_no_elevation_comes_nearer_than_the_best(
    turn: float, elevation: float, ends: tuple[float, float]
) -> None:
    every = np.arange(ends[0], ends[1] + 0.05, 0.1)
    sky = unit(np.array(0.0), np.array(elevation))
    nearest = np.linalg.norm(unit(np.array(turn), every) - sky, axis=-1).min()
    best = best_elevation_deg(np.array(turn), np.array(elevation), *ends)
    assert ends[0] <= best <= ends[1]
    assert np.linalg.norm(unit(np.array(turn), best) - sky) <= nearest + 1e-9
