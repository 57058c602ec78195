"""The whole pass as rotator commands, before it begins: least lost signal, with the loss it will cost.

A satellite's azimuth and elevation become commands in the rotator's own degrees. Chosen are the turn of the
cable, straight or through the top, the lead into a keyhole, and where nothing else is possible the moment to
unwind. Pure: arrays in, a frozen plan out; the same input gives the same plan.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hardware.azimuth_search import search_azimuth
from hardware.beam import angle_deg, best_elevation_deg, loss_db
from hardware.commands import commands_along, error_of_steps_deg, follow_through
from hardware.errors import HardwareError
from hardware.limits import Limits
from hardware.rotator_model import Direction, RotatorModel, move_time_s
from hardware.sky import Curve, Sky, sky_curve
from hardware.smoothing import smooth_within
from hardware.track_plan import TrackPlan, TrackSketch

__all__ = [
    "Direction",
    "RotatorModel",
    "TrackPlan",
    "TrackSketch",
    "move_time_s",
    "plan_track",
    "sketch_track",
]

STEP_S = 0.1  # the plan's own clock
SKETCH_S = 0.5
SEARCH_S, SEARCH_STEPS = 1.0, 2000  # the search's clock, slower where it would take more steps
BEYOND_END_DEG = 3.0  # so far outside its limits a rotator may say it stands
NO_LOSS = 0.02  # of the beam width: an error that costs 0.005 dB


def plan_track(
    time: npt.ArrayLike,
    azimuth_deg: npt.ArrayLike,
    elevation_deg: npt.ArrayLike,
    model: RotatorModel,
    beam_width_deg: float,
    *,
    weight: npt.ArrayLike | None = None,
    from_direction: Direction | None = None,
    from_time: float | None = None,
) -> TrackPlan:
    """Plan a whole pass.

    Args:
        time: POSIX seconds [n ≥ 2], strictly rising, in steps of about a second.
        azimuth_deg: true azimuth [n], any turn.
        elevation_deg: [n]; the margin before and after the pass may lie below the horizon.
        model: of the rotator.
        beam_width_deg: of the antenna between half powers at the pass's frequency.
        weight: worth of each moment [n], ≥ 0; without it 1 above the horizon, 0 below.
        from_direction: where the rotator stands, cable included; without it any start is taken as reached.
        from_time: POSIX seconds when it is free to move, what lies before it does not count; without it early
            enough.

    Raises:
        HardwareError: fewer than two points, lengths that differ, what is not finite, time that does not
            rise, elevations beyond 90, weights below 0 or all 0, a beam that is none, a rotator that stands
            outside its limits or is free only when the pass is over.
    """
    stands = _inside(from_direction, model.limits)
    sky = sky_curve(
        time,
        azimuth_deg,
        elevation_deg,
        weight,
        beam_width_deg=beam_width_deg,
        step_s=STEP_S,
        not_before=None if from_time is None else from_time + model.latency_s,
    )
    azimuth, elevation, why = _paths(sky, model, stands, from_time)
    commands = commands_along(sky, model, azimuth, elevation)
    return follow_through(commands, sky, model, why=why, from_direction=stands, from_time=from_time)


def sketch_track(
    time: npt.ArrayLike,
    azimuth_deg: npt.ArrayLike,
    elevation_deg: npt.ArrayLike,
    model: RotatorModel,
    beam_width_deg: float,
    *,
    weight: npt.ArrayLike | None = None,
    from_direction: Direction | None = None,
) -> TrackSketch:
    """The paths of `plan_track` without commands: what a booking needs, in a fraction of the time.

    What the controller's steps add is in the loss by its mean square. Arguments and errors are those of
    `plan_track`.
    """
    sky = sky_curve(time, azimuth_deg, elevation_deg, weight, beam_width_deg=beam_width_deg, step_s=SKETCH_S)
    azimuth, elevation, why = _paths(sky, model, _inside(from_direction, model.limits), None)
    missed = angle_deg(azimuth, elevation, sky.azimuth_deg, sky.elevation_deg)
    error = np.hypot(missed, error_of_steps_deg(sky, model, azimuth, elevation))
    loss = loss_db(error, beam_width_deg)
    return TrackSketch(
        sky.begin + sky.seconds, azimuth, elevation, error, loss, bool(elevation.max() > 90), why
    )


def _paths(
    sky: Sky, model: RotatorModel, from_direction: Direction | None, from_time: float | None
) -> tuple[Curve, Curve, str]:
    """Azimuth and elevation [n] in the rotator's degrees as its axes can follow them, and why these."""
    starts = _starts(model, sky.begin, from_direction, from_time)
    path, why = _choose(sky, model, from_direction, starts)
    azimuth = smooth_within(path, sky.step_s, model.azimuth)
    floor = model.limits.elevation_min_deg
    wanted = best_elevation_deg(azimuth - sky.azimuth_deg, sky.elevation_deg, floor, model.ceiling_deg)
    return azimuth, smooth_within(wanted, sky.step_s, model.elevation), why


def _inside(direction: Direction | None, limits: Limits) -> Direction | None:
    """Where it stands; a little beyond an end stop, as encoders tell, counts as on it."""
    if direction is None:
        return None
    azimuth = min(max(direction[0], limits.azimuth_min_deg), limits.azimuth_max_deg)
    elevation = min(max(direction[1], limits.elevation_min_deg), limits.elevation_max_deg)
    if not max(abs(azimuth - direction[0]), abs(elevation - direction[1])) <= BEYOND_END_DEG:
        raise HardwareError(f"the rotator stands at {direction}, outside its limits {limits}")
    return azimuth, elevation


def _starts(
    model: RotatorModel, begin: float, from_direction: Direction | None, from_time: float | None
) -> Direction:
    """Least and greatest azimuth it can stand at when the pass begins."""
    low, high = model.limits.azimuth_min_deg, model.limits.azimuth_max_deg
    if from_time is not None and not math.isfinite(from_time):
        raise HardwareError(f"the rotator is free at {from_time}; give POSIX seconds")
    if from_direction is None or from_time is None:
        return low, high
    way = model.azimuth.way_deg(begin - from_time - model.latency_s)
    return max(low, from_direction[0] - way), min(high, from_direction[0] + way)


def _choose(
    sky: Sky, model: RotatorModel, from_direction: Direction | None, starts: Direction
) -> tuple[Curve, str]:
    """Azimuth path [n] and why: a turn that holds the pass without loss, else what a search finds."""
    middle = (model.limits.azimuth_min_deg + model.limits.azimuth_max_deg) / 2
    near = from_direction[0] if from_direction is not None else middle
    held = _turns(sky.azimuth_deg, model.limits)
    beyond = _turns(sky.azimuth_deg + 180, model.limits)
    if model.ceiling_deg + max(sky.elevation_deg.min(), 0) < 180:
        beyond = []
    lossless = 0
    for words, turns in (("straight", held), ("beyond the top", beyond)):
        good = [turn for turn in turns if _lossless(sky, model, turn)]
        near_enough = [turn for turn in good if starts[0] <= turn[0] <= starts[1]]
        if near_enough:
            path = min(near_enough, key=lambda turn: abs(turn[0] - near))
            return path, f"{words}: {len(good)} turn(s) of the cable hold the whole pass, the nearest taken"
        lossless += len(good)
    if lossless:
        why = "searched: no start from which the pass is held is reached in time"
    elif held or beyond:
        why = "searched: the azimuth would have to turn faster than it can"
    else:
        why = "searched: no turn of the cable holds the whole pass"
    rough = sky.every(max(round(SEARCH_S / sky.step_s), math.ceil(len(sky.weight) / SEARCH_STEPS)))
    found = search_azimuth(rough, model, starts, near)
    return np.asarray(np.interp(sky.seconds, rough.seconds, found), np.float64), why


def _turns(path: Curve, limits: Limits) -> list[Curve]:
    first = math.ceil((limits.azimuth_min_deg - path.min()) / 360)
    last = math.floor((limits.azimuth_max_deg - path.max()) / 360)
    return [path + 360.0 * turn for turn in range(first, last + 1)]


def _lossless(sky: Sky, model: RotatorModel, path: Curve) -> bool:
    off = np.abs(smooth_within(path, sky.step_s, model.azimuth) - path)
    return bool((off * np.cos(np.radians(sky.elevation_deg))).max() <= NO_LOSS * sky.beam_width_deg)
