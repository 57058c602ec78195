"""From a smooth path to the controller's commands, and from these to where the dish will point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hardware.beam import angle_deg, loss_db, lost_share
from hardware.motion import Axis, motion
from hardware.rotator_model import Direction, RotatorModel, move_time_s
from hardware.sky import Curve, Sky
from hardware.track_plan import TrackPlan

STEP_OF_BEAM = 0.05  # both axes half of it off: 12 (0.05 / √2)² = 0.015 dB
SAME_AZIMUTH_DEG = 10.0  # so near, dish and satellite go together
UNWOUND_DEG = 200.0  # a longer way between is a turn of the cable


@dataclass(frozen=True)
class Commands:
    """When they take effect, in seconds since the pass's begin, and the targets; each [k]."""

    seconds: Curve
    azimuth_deg: Curve
    elevation_deg: Curve


def commands_along(sky: Sky, model: RotatorModel, azimuth: Curve, elevation: Curve) -> Commands:
    """Commands that carry the dish along paths [n] in the rotator's degrees; the first is where to start."""
    limits, interval_s = model.limits, model.command_interval_s
    ticks = np.arange(0.0, sky.seconds[-1] + interval_s, interval_s, dtype=np.float64)
    az_ends = (limits.azimuth_min_deg, limits.azimuth_max_deg)
    el_ends = (limits.elevation_min_deg, model.ceiling_deg)
    az, el = (
        _on_steps(axis, _ahead(axis, sky, path, ticks), ends, sky.beam_width_deg)
        for axis, path, ends in ((model.azimuth, azimuth, az_ends), (model.elevation, elevation, el_ends))
    )
    new = np.append(True, (np.diff(az) != 0) | (np.diff(el) != 0))
    return Commands(ticks[new], az[new], el[new])


def _ahead(axis: Axis, sky: Sky, path: Curve, ticks: Curve) -> Curve:
    """Where to send it at each tick so that the middle of its motion, until the next one, meets the path."""
    interval_s = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 0.0
    speed = np.abs(np.interp(ticks, sky.seconds, np.gradient(path, sky.step_s)))
    lead = (interval_s + axis.times_s(speed * interval_s)) / 2
    return np.asarray(np.interp(ticks + lead, sky.seconds, path), np.float64)


def _on_steps(axis: Axis, targets: Curve, ends: Direction, beam_width_deg: float) -> Curve:
    """Rounded to the steps that surely move it, so that it starts half a dead band ahead."""
    step = _step_deg(axis, beam_width_deg)
    low, high = step * math.ceil(ends[0] / step - 1e-9), step * math.floor(ends[1] / step + 1e-9)
    return np.asarray(np.round(np.clip(step * np.round(targets / step), low, high), 6) + 0.0)  # no -0


def _step_deg(axis: Axis, beam_width_deg: float) -> float:
    """A broad beam takes several steps at once: the motor starts less often, for 0.02 dB at most."""
    return axis.step_deg * max(1, math.floor(STEP_OF_BEAM * beam_width_deg / axis.step_deg))


def error_of_steps_deg(sky: Sky, model: RotatorModel, azimuth: Curve, elevation: Curve) -> Curve:
    """Root mean square of what the controller's steps add to the error along paths [n].

    Uniform over a step of angle or over the way between two commands, whichever is longer: its square
    by 12.
    """
    square = np.zeros_like(azimuth)
    for axis, path, scale in (
        (model.azimuth, azimuth, np.cos(np.radians(elevation))),
        (model.elevation, elevation, 1.0),
    ):
        between = np.gradient(path, sky.step_s) * model.command_interval_s
        square += scale**2 * np.maximum(_step_deg(axis, sky.beam_width_deg), np.abs(between)) ** 2 / 12
    return np.asarray(np.sqrt(square))


def follow_through(
    commands: Commands,
    sky: Sky,
    model: RotatorModel,
    *,
    why: str,
    from_direction: Direction | None,
    from_time: float | None,
) -> TrackPlan:
    """What the mechanics will make of the commands."""
    az, el = commands.azimuth_deg, commands.elevation_deg
    start = (float(az[0]), float(el[0]))
    move_s = 0.0 if from_direction is None else move_time_s(model, from_direction, start)
    first = sky.begin - max(move_s, model.latency_s)
    if from_time is not None:
        first = max(first, from_time)
    effect = commands.seconds.copy()
    effect[0] = min(first + model.latency_s - sky.begin, 0.0)
    stands = start if from_direction is None else from_direction
    azimuth = motion(model.azimuth, stands[0], effect, az).at(sky.seconds)
    elevation = motion(model.elevation, stands[1], effect, el).at(sky.seconds)
    error = angle_deg(azimuth, elevation, sky.azimuth_deg, sky.elevation_deg)
    loss = loss_db(error, sky.beam_width_deg)
    lost = float((sky.weight * lost_share(loss)).sum() / sky.weight.sum())
    time = sky.begin + sky.seconds
    return TrackPlan(
        command_time=sky.begin + effect - model.latency_s,
        command_azimuth_deg=az,
        command_elevation_deg=el,
        time=time,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        error_deg=error,
        loss_db=loss,
        worst_loss_db=float(loss[sky.weight > 0].max()),
        mean_loss_db=-10 * math.log10(1 - lost),
        lost_share=lost,
        start_by=float(sky.begin + effect[0] - model.latency_s),
        move_s=move_s,
        flip=bool((el > 90).any()),
        unwind=_unwind(sky, model, azimuth),
        why=why,
    )


def _unwind(sky: Sky, model: RotatorModel, azimuth_deg: Curve) -> tuple[float, float] | None:
    """When the dish leaves the satellite's azimuth to find it again a turn of the cable away.

    Half a turn or less is none: beside the zenith the other way round may be as short.
    """
    turn = 180.0 if model.ceiling_deg > 90 else 360.0
    ahead = (azimuth_deg - sky.azimuth_deg) / turn
    count = np.round(ahead)
    there = np.flatnonzero(np.abs(ahead - count) * turn <= SAME_AZIMUTH_DEG)
    for change in np.flatnonzero(np.diff(count[there])):
        left, found = there[change], there[change + 1]
        if abs(azimuth_deg[found] - azimuth_deg[left]) > UNWOUND_DEG:
            return sky.begin + float(sky.seconds[left]), sky.begin + float(sky.seconds[found])
    return None
