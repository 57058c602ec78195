"""Whole-pass planning: properties of the rotator's path, not only examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.errors import HardwareError
from hardware.limits import Limits, angle_between_deg
from hardware.pointing import plan_pointing

PLAIN = Limits()
OVERLAP = Limits(0, 450, 0, 90)
WIDE = Limits(-180, 540, 0, 90)


def north_pass(start_deg: float, turn_deg: float, count: int = 200) -> np.ndarray:
    """Azimuths of a pass, faster in its middle, always in 0 … 360."""
    share = 0.5 + np.arctan(np.linspace(-4, 4, count)) / (2 * np.arctan(4))
    return (start_deg + turn_deg * share) % 360


def plan(azimuth: np.ndarray, limits: Limits, **options: float):
    time = np.arange(len(azimuth), dtype=float)
    return plan_pointing(time, azimuth, np.full(len(azimuth), 30.0), limits, **options)


def test_crossing_north_needs_no_unwinding_where_the_rotator_overlaps() -> None:
    azimuth = north_pass(300, 140)  # 300 over north to 80
    path = plan(azimuth, OVERLAP)
    assert path.unwinds == 0
    assert (path.azimuth_deg[0], path.azimuth_deg[-1]) == pytest.approx((300, 440))
    # What a naive follower would do: 360 degrees in one step.
    assert np.abs(np.diff(azimuth)).max() > 350
    assert np.abs(np.diff(path.azimuth_deg)).max() < 5


def test_crossing_north_westward() -> None:
    path = plan(north_pass(80, -140), OVERLAP)
    assert path.unwinds == 0
    assert (path.azimuth_deg[0], path.azimuth_deg[-1]) == pytest.approx((440, 300))


def test_a_plain_rotator_unwinds_once_and_says_so() -> None:
    path = plan(north_pass(300, 140), PLAIN)
    assert path.unwinds == 1
    assert path.azimuth_deg.min() >= 0
    assert path.azimuth_deg.max() <= 360


def test_the_nearest_turn_is_taken() -> None:
    azimuth = north_pass(40, 40)
    assert plan(azimuth, OVERLAP, from_azimuth_deg=10).azimuth_deg[0] == pytest.approx(40)
    assert plan(azimuth, OVERLAP, from_azimuth_deg=440).azimuth_deg[0] == pytest.approx(400)
    assert plan(azimuth, WIDE, from_azimuth_deg=-180).azimuth_deg[0] == pytest.approx(40)


@given(
    st.floats(0, 360),
    st.floats(-340, 340),
    st.sampled_from([PLAIN, OVERLAP, WIDE, Limits(-180, 180), Limits(-90, 450)]),
)
def test_every_plan_points_right_and_within_the_limits(start: float, turn: float, limits: Limits) -> None:
    azimuth = north_pass(start, turn)
    path = plan(azimuth, limits)
    assert all(limits.allow(a, e) for a, e in zip(path.azimuth_deg, path.elevation_deg, strict=True))
    assert max(angle_between_deg(a, b) for a, b in zip(path.azimuth_deg, azimuth, strict=True)) < 1e-9
    room = limits.azimuth_max_deg - limits.azimuth_min_deg
    if abs(turn) <= room - 360:
        assert path.unwinds == 0
    assert path.unwinds <= 1 + abs(turn) // 360


@given(st.floats(-100, 400))
def test_directions_between_the_points_stay_on_the_path(time: float) -> None:
    path = plan(north_pass(300, 140), OVERLAP)
    azimuth, elevation = path.at(time)
    assert 300 - 1e-9 <= azimuth <= 440 + 1e-9
    assert elevation == 30
    if time <= 0:
        assert azimuth == pytest.approx(300)


def test_a_change_of_turn_is_never_interpolated() -> None:
    path = plan(north_pass(300, 140), PLAIN)
    step = int(np.argmax(np.abs(np.diff(path.azimuth_deg))))
    for share in (0.01, 0.5, 0.99):
        azimuth, _ = path.at(step + share)
        assert min(abs(azimuth - path.azimuth_deg[step]), abs(azimuth - path.azimuth_deg[step + 1])) < 1e-9


def test_elevation_is_held_at_the_mechanical_floor() -> None:
    time = np.arange(5.0)
    path = plan_pointing(time, np.full(5, 10.0), [-3, 2, 50, 2, -3], Limits(0, 360, 5, 90))
    assert path.elevation_deg.tolist() == [5, 5, 50, 5, 5]
    assert path.floored == 4


def test_a_real_pass_over_north(shared_data: Path) -> None:
    """The azimuths that gpredict sent in its issue 373: from 13 over north down to 196 degrees."""
    lines = (shared_data / "rotator/rotctrld-requests.txt").read_text().splitlines()
    sent = np.array([[float(x) for x in line.split()[1:]] for line in lines if line.startswith("\\set_pos")])
    path = plan_pointing(np.arange(len(sent), dtype=float), sent[:, 0], sent[:, 1], OVERLAP)
    assert np.abs(np.diff(sent[:, 0])).max() > 300
    assert path.unwinds == 0
    assert np.abs(np.diff(path.azimuth_deg)).max() < 20


@pytest.mark.parametrize(
    "track",
    [
        ([0.0], [0.0], [0.0]),
        ([0.0, 1.0], [0.0], [0.0, 0.0]),
        ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
        ([1.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
        ([0.0, 1.0], [0.0, float("nan")], [0.0, 0.0]),
    ],
)
def test_impossible_tracks_are_refused(track: tuple[list[float], ...]) -> None:
    with pytest.raises(HardwareError, match="track"):
        plan_pointing(*track, OVERLAP)


@pytest.mark.parametrize(
    "limits", [(0, 350, 0, 90), (450, 0, 0, 90), (0, 1e9, 0, 90), (0, 360, 90, 0), (0, 360, -45, 90),
               (float("nan"), 360, 0, 90), (0, 360, 0, float("nan"))],
)  # fmt: skip
def test_impossible_limits_are_named(limits: tuple[float, ...]) -> None:
    with pytest.raises(HardwareError, match="allowed is"):
        Limits(*limits)


@pytest.mark.parametrize(
    "direction", [(float("nan"), 10), (10, float("inf")), (-0.1, 10), (450.1, 10), (10, -1), (10, 91)]
)
def test_limits_allow_nothing_else(direction: tuple[float, float]) -> None:
    assert not OVERLAP.allow(*direction)
