"""Rotators as they move, in small steps of time: shares no formula with the planner.

Each step an axis looks how far its target is, takes the greatest speed from which it can still brake, and
changes its speed by no more than its acceleration allows. Many passes run side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mechanics:
    """One axis: degrees, seconds."""

    rate: float
    acceleration: float
    resolution: float
    dead_band: float = 0.0


def run_axis(
    axis: Mechanics,
    start: np.ndarray,
    commands: list[tuple[np.ndarray, np.ndarray]],
    begin: float,
    end: float,
    *,
    step: float = 0.01,
    keep: float = 0.1,
) -> np.ndarray:
    """Positions [passes, samples] of an axis, every `keep` seconds from `begin` to `end`.

    `commands` holds per pass the times at which they reach the motor, rising, and their targets.
    """
    every = round(keep / step)
    count = round((end - begin) / step) + 1
    position, speed, target = start.astype(float), np.zeros(len(start)), start.astype(float)
    times = [np.asarray(t) for t, _ in commands]
    first = min([begin, *(float(t[0]) for t in times)])
    lead = int(np.ceil((begin - first) / step))
    clock = begin + step * np.arange(-lead, count)
    arrives = np.full((len(clock), len(start)), np.nan, np.float32)
    for column, (time, value) in enumerate(commands):
        rows = np.minimum(np.searchsorted(clock, time - 1e-6), len(clock) - 1)
        arrives[rows, column] = np.round(np.asarray(value) / axis.resolution) * axis.resolution
    any_arrives = ~np.isnan(arrives).all(axis=1)
    kept = np.empty((len(start), (count - 1) // every + 1))
    change = axis.acceleration * step
    for row in range(len(clock)):
        if any_arrives[row]:
            new = arrives[row]
            moved = ~np.isnan(new) & ((np.abs(new - position) > axis.dead_band) | (speed != 0))
            target = np.where(moved, new, target)
        if row >= lead and (row - lead) % every == 0:
            kept[:, (row - lead) // every] = position
        way = target - position
        ahead = np.sign(way)
        # The speed after this step from which an even braking over what then remains ends on the target.
        remains = np.maximum(np.abs(way) - step * ahead * speed / 2, 0)
        brake = axis.acceleration * (np.sqrt(step**2 / 4 + 2 * remains / axis.acceleration) - step / 2)
        faster = np.clip(ahead * np.minimum(brake, axis.rate), speed - change, speed + change)
        position = position + step * (speed + faster) / 2
        there = (np.abs(target - position) < 1e-3 * axis.resolution) & (np.abs(faster) <= change)
        position, speed = np.where(there, target, position), np.where(there, 0.0, faster)
    return kept


def loss_db(
    azimuth: np.ndarray,
    elevation: np.ndarray,
    true_azimuth: np.ndarray,
    true_elevation: np.ndarray,
    beam_width: float,
) -> np.ndarray:
    """By the scalar product of unit vectors; 20 dB at most."""
    dish, sky = unit(azimuth, elevation), unit(true_azimuth, true_elevation)
    # |a - b| = 2 sin(θ/2): exact where the scalar product has lost its digits.
    chord = np.linalg.norm(dish - sky, axis=-1)
    angle = 2 * np.degrees(np.arcsin(np.minimum(chord / 2, 1)))
    return np.minimum(3 * (angle / (beam_width / 2)) ** 2, 20)


def unit(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors [..., 3]: east, north, up."""
    a, e = np.broadcast_arrays(np.radians(azimuth), np.radians(elevation))
    return np.stack([np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)], axis=-1)
