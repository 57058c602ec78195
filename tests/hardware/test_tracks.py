"""Planned tracks: held against independent mechanics, against exhaustive search, and by their properties."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.errors import HardwareError
from hardware.keyhole import keyhole_deg
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.track import RotatorModel, TrackPlan, move_time_s, plan_track, sketch_track
from tests.figures import pointing_year
from tests.hardware.mechanics import Mechanics, loss_db, run_axis, unit
from tests.hardware.sky_pass import sky_pass

PLAIN, OVERLAP, WIDE = Limits(), Limits(0, 450, 0, 90), Limits(-180, 540, 0, 90)
OVER_TOP = Limits(0, 360, 0, 180)
NARROW, BROAD = 1.12, 10.3
SETTINGS = settings(max_examples=30, deadline=None)


def rotator(limits: Limits = OVERLAP, rate: float = 6.0, **options) -> RotatorModel:
    """A SPID-like rotator, as quick to speed up in a second as it is fast."""
    options.setdefault("park", (10.0, 45.0))
    acceleration = options.pop("acceleration", rate)
    steps = {name: options.pop(name) for name in ("resolution_deg", "dead_band_deg") if name in options}
    axis = Axis(rate, acceleration, **steps)
    return RotatorModel(limits, axis, axis, limits.elevation_max_deg > 90, **{"latency_s": 0.1, **options})


def measured(plans: list[TrackPlan], model: RotatorModel, stands: tuple[float, float]) -> list[tuple]:
    """Azimuths and elevations each 0.1 s of the plan's own time, by mechanics in steps of 20 ms."""
    axis = model.azimuth  # here both axes are alike
    mechanics = Mechanics(axis.rate_deg_s, axis.acceleration_deg_s2, axis.resolution_deg, axis.dead_band_deg)
    longest = max(len(plan.time) for plan in plans) * 0.1
    commands = [
        (plan.command_time + model.latency_s - plan.time[0], getattr(plan, which))
        for which in ("command_azimuth_deg", "command_elevation_deg")
        for plan in plans
    ]
    points = run_axis(mechanics, np.repeat(stands, len(plans)), commands, 0.0, longest, step=0.02)
    return [
        (points[i, : len(plan.time)], points[i + len(plans), : len(plan.time)])
        for i, plan in enumerate(plans)
    ]


@pytest.mark.parametrize(
    ("model", "beam"),
    [
        (rotator(OVERLAP, 6.0), NARROW),
        (rotator(OVER_TOP, 2.0), NARROW),
        (rotator(PLAIN, 2.0, acceleration=0.5, resolution_deg=0.5, dead_band_deg=0.5), BROAD),
        (
            rotator(OVERLAP, 6.0, acceleration=3.0, resolution_deg=1.0, dead_band_deg=1.0, latency_s=0.3),
            BROAD,
        ),
    ],
)
def test_the_predicted_loss_is_what_independent_mechanics_lose(model: RotatorModel, beam: float) -> None:
    stands = (30.0, 70.0)
    tracks = [
        sky_pass(top, course, step=0.1)
        for top, course in ((20, 75), (60, 190), (80, 300), (86, 10), (89, 170))
    ]
    plans = [plan_track(*(c[::10] for c in one), model, beam, from_direction=stands) for one in tracks]
    for (time, azimuth, elevation), plan, (az, el) in zip(
        tracks, plans, measured(plans, model, stands), strict=True
    ):
        count = min(len(time), len(az))
        loss = loss_db(az[:count], el[:count], azimuth[:count], elevation[:count], beam)
        assert plan.time[0] == time[0]
        assert loss.max() == pytest.approx(plan.loss_db[:count].max(), abs=0.1)
        power = np.mean(10 ** (-loss / 10))
        assert -10 * math.log10(power) == pytest.approx(plan.mean_loss_db, abs=0.02)


@given(
    top=st.floats(5, 89.9), course=st.floats(0, 360), east=st.booleans(), rate=st.floats(0.5, 20),
    limits=st.sampled_from(
        [PLAIN, OVERLAP, WIDE, OVER_TOP, Limits(-180, 180, 5, 85), Limits(-90.4, 450.3, 3.3, 135.6)]
    ),
    resolution=st.sampled_from([0.1, 0.5, 1.0]), beam=st.sampled_from([NARROW, BROAD]),
)  # fmt: skip
@SETTINGS
def test_every_plan_keeps_to_the_rotator(top, course, east, rate, limits, resolution, beam) -> None:
    model = rotator(limits, rate, resolution_deg=resolution)
    time, azimuth, elevation = sky_pass(top, course, east=east, step=2.0)
    stands = (limits.azimuth_min_deg + 17, 45.0)
    plan = plan_track(time, azimuth, elevation, model, beam, from_direction=stands)
    directions = zip(plan.command_azimuth_deg, plan.command_elevation_deg, strict=True)
    assert all(limits.allow(a, e) for a, e in directions)
    assert (np.diff(plan.command_time) > 0.049).all()
    for points, axis in ((plan.azimuth_deg, model.azimuth), (plan.elevation_deg, model.elevation)):
        assert np.abs(np.diff(points)).max() <= axis.rate_deg_s * 0.1 + 1e-6
    for points, low, high in (
        (plan.azimuth_deg, limits.azimuth_min_deg, limits.azimuth_max_deg),
        (plan.elevation_deg, limits.elevation_min_deg, limits.elevation_max_deg),
    ):
        assert low - 1e-6 <= points.min() <= points.max() <= high + 1e-6
    # In place before the pass begins, and sent there in time.
    assert plan.predicted(plan.time[0]) == pytest.approx(plan.start, abs=1e-6)
    assert plan.start_by + plan.move_s <= plan.time[0] + 1e-6
    assert plan.move_s == pytest.approx(move_time_s(model, stands, plan.start))
    again = plan_track(time, azimuth, elevation, model, beam, from_direction=stands)
    assert again.to_json() == plan.to_json()


@given(top=st.floats(5, 74), course=st.floats(0, 360), east=st.booleans(), stands=st.floats(-180, 540))
@SETTINGS
def test_no_wrap_in_mid_pass_when_a_turn_holds_the_pass(top, course, east, stands) -> None:
    model = rotator(WIDE, 6.0)
    plan = plan_track(*sky_pass(top, course, east=east), model, NARROW, from_direction=(stands, 45.0))
    assert plan.unwind is None
    assert np.abs(np.diff(plan.command_azimuth_deg)).max() < 10
    assert plan.worst_loss_db < 0.15


@given(top=st.floats(74, 89.99), course=st.floats(0, 360), east=st.booleans(), rate=st.floats(1, 10))
@SETTINGS
def test_nor_beside_the_zenith(top, course, east, rate) -> None:
    track = sky_pass(top, course, east=east)
    plan = plan_track(*track, rotator(WIDE, rate), BROAD, from_direction=(100.0, 45.0))
    assert plan.unwind is None
    swept = np.abs(np.diff(plan.azimuth_deg)).sum()
    assert swept < 200


def test_crossing_north_on_the_overlap() -> None:
    track = sky_pass(40, 60, east=False)  # from 240 over north to 60
    path = plan_track(*track, rotator(OVERLAP), BROAD)
    assert path.command_azimuth_deg[-1] - path.command_azimuth_deg[0] == pytest.approx(170, abs=30)
    assert path.unwind is None
    # What a naive follower would do: 360 degrees in one step.
    assert np.abs(np.diff(track[1])).max() > 350
    assert path.worst_loss_db < 0.1


def test_a_rotator_that_must_unwind_does_so_once_and_at_the_least_cost() -> None:
    time, azimuth, elevation = sky_pass(40, 60, east=False)
    model = rotator(PLAIN)
    plan = plan_track(time, azimuth, elevation, model, NARROW)
    assert plan.unwind is not None
    begin, end = plan.unwind
    assert end - begin == pytest.approx(360 / 6, abs=8)
    assert plan.lost_share == pytest.approx(60 / (time[-1] - time[0]), abs=0.02)
    # Where nothing is to be heard for a minute about the crossing, it costs nothing.
    crossing = time[1:][np.abs(np.diff(azimuth)) > 300]
    weight = np.where(np.abs(time - crossing) < 40, 0.001, 1.0)
    assert plan_track(time, azimuth, elevation, model, NARROW, weight=weight).lost_share < 0.01


def test_a_little_beyond_the_end_stop_is_waited_out() -> None:
    time, azimuth, elevation = sky_pass(60, 170, east=False)
    azimuth = (azimuth - azimuth[0] - 0.7) % 360  # begins a little before north and leaves it eastward
    plan = plan_track(time, azimuth, elevation, rotator(PLAIN), NARROW)
    assert plan.unwind is None
    assert np.abs(np.diff(plan.azimuth_deg)).max() < 0.61
    assert plan.worst_loss_db > 3


def exhaustive_share(track: tuple[np.ndarray, ...], limits: Limits, rate: float, beam: float) -> float:
    """Least lost share of any path on a grid of 1 degree and 1 second; elevations tried one by one."""
    _, azimuth, elevation = track
    azimuths = np.arange(limits.azimuth_min_deg, limits.azimuth_max_deg + 0.5)
    elevations = np.arange(limits.elevation_min_deg, limits.elevation_max_deg + 0.1, 0.5)
    dish = unit(azimuths[:, None], elevations[None, :])
    total = np.zeros(len(azimuths))
    for a, e in zip(azimuth, elevation, strict=True):
        angle = np.degrees(np.arccos(np.clip(dish @ unit(np.array(a), np.array(e)), -1, 1))).min(axis=1)
        reach = round(rate)
        padded = np.pad(total, reach, constant_values=np.inf)
        total = np.min([padded[k : k + len(total)] for k in range(2 * reach + 1)], axis=0)
        total += 1 - 10 ** (-np.minimum(12 * (angle / beam) ** 2, 20) / 10)
    return float(total.min()) / len(azimuth)


@pytest.mark.parametrize("limits", [PLAIN, OVERLAP, OVER_TOP])
@pytest.mark.parametrize(
    ("top", "course", "rate"), [(86, 200, 2.0), (89.5, 355, 2.0), (70, 100, 3.0), (88, 275, 6.0)]
)
def test_no_path_at_all_loses_less(limits: Limits, top: float, course: float, rate: float) -> None:
    track = sky_pass(top, course, east=False, horizon=30)
    model = rotator(limits, rate, acceleration=10 * rate, command_interval_s=0.2)
    plan = plan_track(*track, model, BROAD)
    assert plan.lost_share <= exhaustive_share(track, limits, rate, BROAD) + 0.003


def test_the_keyhole_without_any_loss_is_where_the_azimuth_outruns_the_rotator() -> None:
    for rate in (1.0, 2.0, 6.0):
        expected = math.degrees(math.acos(0.5 / rate))
        assert keyhole_deg(rate, 0.5, 1e-6, 1.0) == pytest.approx(expected, abs=0.01)
    assert keyhole_deg(6.0, 0.5, BROAD, 1.0) == 90
    assert keyhole_deg(0.1, 0.5, 0.01, 1.0) < 1


@pytest.mark.parametrize(("rate", "beam"), [(6.0, NARROW), (2.0, NARROW), (2.0, BROAD)])
def test_the_keyhole_is_where_plans_begin_to_lose(rate: float, beam: float) -> None:
    sky_rate = math.degrees(math.sqrt(398_600.4 / 7201**3) * 7201 / 830)
    edge = keyhole_deg(rate, sky_rate, beam, 1.0)
    model = rotator(OVERLAP, rate, acceleration=10 * rate, resolution_deg=0.01, command_interval_s=0.05)
    below, above = (
        plan_track(*sky_pass(edge + off, 90, east=False, step=0.5), model, beam).worst_loss_db
        for off in (-0.4, 0.4)
    )
    assert below < 1 < above


def test_a_dead_band_is_met_by_leading_half_of_it() -> None:
    model = rotator(OVERLAP, 6.0, resolution_deg=0.1, dead_band_deg=1.9)
    plan = plan_track(*sky_pass(40, 90), model, NARROW)
    steps = np.unique(np.abs(np.diff(plan.command_elevation_deg)))
    assert set(np.round(steps, 6)) == {0.0, 2.0}
    # One that waits until it is off by the dead band would be 2 degrees off.
    assert np.percentile(plan.error_deg, 99) < 1.45


def test_the_nearest_turn_is_taken() -> None:
    track = sky_pass(30, 0, east=True)
    path = np.unwrap(track[1], period=360)
    turns = [path[0] + 360 * k for k in range(-2, 3) if (np.abs(path + 360 * k - 180) <= 360).all()]
    assert len(turns) == 2
    for stands in (-180, 0, 180, 360, 540):
        plan = plan_track(*track, rotator(WIDE), BROAD, from_direction=(stands, 0))
        assert plan.start[0] == pytest.approx(min(turns, key=lambda turn: abs(turn - stands)), abs=1)


def test_an_encoder_a_little_beyond_the_end_stop_is_believed() -> None:
    plan = plan_track(*sky_pass(50, 10), rotator(), NARROW, from_direction=(-0.6, 90.5))
    assert plan.move_s == pytest.approx(move_time_s(rotator(), (0.0, 90.0), plan.start))


def test_a_start_out_of_reach_is_not_chosen() -> None:
    track = sky_pass(30, 80)
    free = track[0][0] - 10
    model = rotator(WIDE, 6.0)
    far = plan_track(*track, model, BROAD, from_direction=(-180, 0), from_time=free)
    assert far.start_by == pytest.approx(free)
    assert "reached in time" in far.why
    # It cannot be in place, sets off at once and joins the pass later, without going a turn too far.
    assert far.error_deg[0] > 3
    assert far.error_deg[-1] < 1
    late = plan_track(*track, model, BROAD, from_direction=far.end, from_time=track[0][0] + 100)
    assert late.time[0] == pytest.approx(track[0][0] + 100.1)
    with pytest.raises(HardwareError, match="too late"):
        plan_track(*track, model, BROAD, from_direction=(0, 0), from_time=track[0][-1])


def test_the_mechanical_floor_is_kept_and_costs_what_it_must() -> None:
    time, azimuth, elevation = sky_pass(40, 90)
    plan = plan_track(time, azimuth, elevation, rotator(Limits(0, 450, 8, 90)), NARROW)
    assert plan.command_elevation_deg.min() == 8
    assert plan.error_deg[0] == pytest.approx(8, abs=0.1)
    assert plan.loss_db[(np.interp(plan.time, time, elevation) > 8.5)].max() < 0.2


def test_end_stops_between_the_steps_of_the_controller_are_not_touched() -> None:
    limits = Limits(-90.4, 280.3, 3.4, 60.6)
    plan = plan_track(*sky_pass(70, 140, east=False), rotator(limits, resolution_deg=1.0), BROAD)
    assert (plan.command_elevation_deg.min(), plan.command_elevation_deg.max()) == (4, 60)
    assert plan.command_azimuth_deg.max() <= 280
    assert plan.command_azimuth_deg.min() >= -90


def test_the_margins_below_the_horizon_do_not_count() -> None:
    time, azimuth, elevation = sky_pass(40, 90, horizon=-8)
    plan = plan_track(time, azimuth, elevation, rotator(), NARROW)
    assert plan.time[0] == pytest.approx(time[elevation >= 0][0])
    assert plan.time[-1] == pytest.approx(time[elevation >= 0][-1], abs=0.1)
    assert plan.at(time[0]) == plan.start
    assert plan.at(time[-1]) == plan.end


@pytest.mark.parametrize("resolution", [0.1, 0.5, 1.0])
def test_a_sketch_agrees_with_the_plan(resolution: float) -> None:
    model = rotator(resolution_deg=resolution, command_interval_s=1.0)
    for top in (30, 84, 88):
        track = sky_pass(top, 200)
        plan, sketch = plan_track(*track, model, 2 * NARROW), sketch_track(*track, model, 2 * NARROW)
        assert np.abs(np.interp(sketch.time, plan.time, plan.azimuth_deg) - sketch.azimuth_deg).max() < 5
        assert sketch.why == plan.why
        assert sketch.start == pytest.approx(plan.start, abs=1)
        assert sketch.loss_db.mean() == pytest.approx(plan.loss_db.mean(), rel=0.25, abs=0.01)


def test_a_plan_is_json_with_a_row_a_command() -> None:
    plan = plan_track(*sky_pass(50, 10), rotator(), NARROW, from_direction=(0, 90))
    told = json.loads(json.dumps(plan.to_json()))
    assert len(told["commands"]) == len(plan.command_time)
    assert told["commands"][0][:3] == [plan.start_by, *plan.start]
    assert max(row[3] for row in told["commands"]) == pytest.approx(plan.worst_loss_db)


def test_times_from_rest_to_rest() -> None:
    axis = Axis(6.0, 3.0)
    assert axis.time_s(12) == pytest.approx(4)  # 6 degrees speeding up in 2 s, 6 braking
    assert axis.time_s(-72) == pytest.approx(4 + 60 / 6)
    assert axis.time_s(3) == pytest.approx(2)
    for time in (0.3, 2.0, 4.0, 30.0):
        assert axis.time_s(axis.way_deg(time)) == pytest.approx(time)
    assert axis.way_deg(-1) == 0
    model = RotatorModel(OVERLAP, axis, Axis(1.0, 1.0), latency_s=0.5)
    assert move_time_s(model, (10, 0), (22, 0)) == pytest.approx(4.5)
    assert move_time_s(model, (10, 0), (22, 20)) == pytest.approx(21.5)


def test_a_real_pass_over_north(shared_data: Path) -> None:
    """The azimuths that gpredict sent in its issue 373: from 13 over north down to 196 degrees."""
    lines = (shared_data / "rotator/rotctrld-requests.txt").read_text().splitlines()
    sent = np.array([[float(x) for x in line.split()[1:]] for line in lines if line.startswith("\\set_pos")])
    time = 5 * np.arange(len(sent), dtype=float)
    plan = plan_track(time, sent[:, 0], sent[:, 1], rotator(), BROAD)
    assert np.abs(np.diff(sent[:, 0])).max() > 300
    assert plan.unwind is None
    assert np.abs(np.diff(plan.command_azimuth_deg)).max() < 20


GOOD = ([0.0, 1.0, 2.0], [10.0, 11.0, 12.0], [20.0, 21.0, 22.0])


@pytest.mark.parametrize(
    ("track", "words"),
    [
        (([0.0], [0.0], [0.0]), "points"),
        (([0.0, 1.0], [0.0], [0.0, 0.0]), "points"),
        (([0.0, 0.0], [0.0, 0.0], [0.0, 0.0]), "do not rise"),
        (([1.0, 0.0], [0.0, 0.0], [0.0, 0.0]), "do not rise"),
        (([0.0, 1.0], [0.0, float("nan")], [0.0, 0.0]), "not a number"),
        (([0.0, 1.0], [0.0, 0.0], [0.0, float("inf")]), "not a number"),
        (([0.0, 1.0], [0.0, 0.0], [-5.0, -4.0]), "moments that count"),
        (([0.0, 1.0], [0.0, 0.0], [89.0, 91.0]), "beyond 90"),
    ],
)
def test_impossible_tracks_are_refused(track: tuple[list[float], ...], words: str) -> None:
    with pytest.raises(HardwareError, match=words):
        plan_track(*track, rotator(), BROAD)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": [1.0, -1.0, 1.0]}, "below 0"),
        ({"weight": [0.0, 0.0, 0.0]}, "moments that count"),
        ({"weight": [1.0, 1.0]}, "same number"),
        ({"weight": [1.0, 1.0, float("nan")]}, "not a number"),
        ({"from_direction": (460.0, 10.0)}, "outside its limits"),
        ({"from_direction": (float("nan"), 10.0)}, "outside its limits"),
        ({"from_direction": (10.0, 10.0), "from_time": float("nan")}, "POSIX"),
    ],
)
def test_impossible_wishes_are_refused(options: dict, words: str) -> None:
    with pytest.raises(HardwareError, match=words):
        plan_track(*GOOD, rotator(), BROAD, **options)


@pytest.mark.parametrize("beam", [0.0, -1.0, float("nan"), 400.0])
def test_a_beam_that_is_none_is_refused(beam: float) -> None:
    with pytest.raises(HardwareError, match="beam width"):
        plan_track(*GOOD, rotator(), beam)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Axis(0.0, 1.0), lambda: Axis(6.0, 0.0), lambda: Axis(float("nan"), 1.0),
        lambda: Axis(6.0, -1.0),
        lambda: Axis(6.0, 6.0, 0.0), lambda: Axis(6.0, 6.0, 0.1, -1.0), lambda: Axis(float("inf"), 1.0),
        lambda: Axis(6.0, 6.0, 0.1, float("nan")),
        lambda: RotatorModel(command_interval_s=0.0), lambda: RotatorModel(latency_s=-1.0),
        lambda: RotatorModel(park=(-1.0, 0.0)), lambda: RotatorModel(Limits(0, 360, 10, 90), park=(0.0, 5.0)),
    ],
)  # fmt: skip
def test_impossible_rotators_are_named(make) -> None:
    with pytest.raises(HardwareError, match=r"allowed is|outside its limits"):
        make()


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


@pytest.mark.parametrize("sabotage", [False, True])
def test_a_week_of_passes_loses_less_than_a_decibel(shared_data: Path, sabotage: bool) -> None:
    """The quick form of tests/figures/pointing_year.py; a motor four times slower must be noticed."""
    sets = pointing_year.load_elements(shared_data / "elements/tle-2020-09-27.txt")
    antenna = pointing_year.ANTENNAS[1]
    passes = pointing_year.year_of_passes(pointing_year.select(sets, antenna.satellite), 8, 8)
    case = pointing_year.Case(antenna, 6.0, "-45…405", flip=False, mechanics_rate=1.5 if sabotage else 6.0)
    assert bool(case.report(passes, math.inf)) == sabotage


@pytest.mark.slow
def test_a_year_of_passes_loses_less_than_a_decibel(shared_data: Path) -> None:
    assert pointing_year.figure(365, 20, [6.0, 2.0]) == []
