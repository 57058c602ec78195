"""Line times from stamps with every trouble a satellite's clock makes; the truth is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.instruments.msu_mr_times import STRIP_SECONDS, line_times

START_S = 1_771_094_266.262


def truth(strip_count: int, strip_s: float = STRIP_SECONDS) -> np.ndarray:
    return START_S + np.arange(strip_count * 8) * strip_s / 8


def stamps(strip_count: int, strip_s: float = STRIP_SECONDS) -> np.ndarray:
    """As sent: whole milliseconds."""
    return np.floor(truth(strip_count, strip_s)[::8] * 1000) / 1000


def test_milliseconds_are_averaged():
    strips = np.arange(300)
    times = line_times(strips, stamps(300), 300)
    assert np.abs(times.line_time_s - truth(300) + 0.0005).max() < 2e-4  # the mean of a cut millisecond
    assert times.stamped.all()
    assert times.outliers == 0


@pytest.mark.parametrize("rate_error", [-5e-5, 5e-5])
def test_rate_is_found(rate_error: float):
    strip_s = STRIP_SECONDS * (1 + rate_error)
    times = line_times(np.arange(600), stamps(600, strip_s), 600)
    assert np.abs(times.line_time_s - truth(600, strip_s) + 0.0005).max() < 3e-4
    assert times.pieces[0].strip_s == pytest.approx(strip_s, rel=1e-6)


def test_lost_strips_have_times():
    strips = np.array([*range(50, 120), *range(300, 380)])
    times = line_times(strips, stamps(400)[strips], 400)
    assert np.abs(times.line_time_s - truth(400) + 0.0005).max() < 5e-4
    assert set(np.flatnonzero(times.stamped)) == set(strips)


def test_wrong_stamps_are_left_out():
    generator = np.random.default_rng(1)
    sent = stamps(400)
    wrong = generator.choice(400, 120, replace=False)
    sent[wrong] = generator.choice([0.0, 1e9, START_S - 3600, START_S + 0.3], 120) + generator.random(120)
    times = line_times(np.arange(400), sent, 400)
    assert np.abs(times.line_time_s - truth(400) + 0.0005).max() < 5e-4
    assert not times.stamped[wrong].any()
    assert times.outliers == 120
    assert len(times.pieces) == 1


@pytest.mark.parametrize("step_s", [-1.0, 0.25, 30.0])
def test_clock_steps(step_s: float):
    sent = stamps(200)
    sent[120:] += step_s
    times = line_times(np.arange(200), sent, 200)
    expected = truth(200) - 0.0005
    expected[120 * 8 :] += step_s
    assert np.abs(times.line_time_s - expected).max() < 5e-4
    assert [piece.first for piece in times.pieces] == [0, 120]


def test_clock_of_another_year_is_not_believed():
    sent = stamps(200)
    sent[:70] -= 8e8
    times = line_times(np.arange(200), sent, 200)
    assert np.abs(times.line_time_s - truth(200) + 0.0005).max() < 1e-3
    assert times.outliers == 70


def test_nonsense_inside_does_not_end_a_piece():
    sent = stamps(200)
    sent[90:100] -= 8e8
    times = line_times(np.arange(200), sent, 200)
    assert len(times.pieces) == 1
    assert np.abs(times.line_time_s - truth(200) + 0.0005).max() < 5e-4


def test_one_stamp_is_enough():
    times = line_times(np.array([3]), stamps(10)[3:4], 10)
    assert np.abs(times.line_time_s - truth(10)).max() < 1e-3


def test_no_stamp():
    assert line_times(np.array([], np.int64), np.array([]), 10) is None
    assert line_times(np.array([1]), np.array([np.nan]), 10) is None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(0, 60), st.floats(0, 6e9), min_size=1, max_size=40))
def test_any_stamps_give_finite_times(sent: dict[int, float]):
    strips = np.array(sorted(sent))
    times = line_times(strips, np.array([sent[strip] for strip in sorted(sent)]), 61)
    assert np.isfinite(times.line_time_s).all()
    assert len(times.line_time_s) == 61 * 8
