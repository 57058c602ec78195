"""The nearest path that an axis can follow, without lag."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hardware.motion import Axis

Curve = npt.NDArray[np.float64]


def smooth_within(path_deg: Curve, step_s: float, axis: Axis) -> Curve:
    """A path [n] as near as possible to one given, no faster than an axis and hardly more abrupt.

    Midway between the lowest curve above and the highest below that keep to the rate: the best in the maximum
    norm (McShane 1934). Then the shortest running mean that keeps to the acceleration; over twice
    rate / acceleration it always does. Neither step lags or leaves the range of the values.
    """
    middle = _midway(path_deg, axis.rate_deg_s * step_s)
    longest = axis.rate_deg_s / axis.acceleration_deg_s2 / step_s
    smooth = middle
    for share in (0.0, 0.125, 0.25, 0.5, 1.0):
        smooth = _running_mean(middle, round(share * longest))
        if _acceleration(smooth, step_s) <= 1.001 * axis.acceleration_deg_s2:
            break
    return smooth


def _midway(path: Curve, most: float) -> Curve:
    """Steps of at most `most`, in the middle of all that such steps allow."""
    ramp = most * np.arange(len(path))
    above = np.minimum.accumulate(path - ramp) + ramp
    above = np.minimum(above, np.minimum.accumulate((path + ramp)[::-1])[::-1] - ramp)
    below = np.maximum.accumulate(path + ramp) - ramp
    below = np.maximum(below, np.maximum.accumulate((path - ramp)[::-1])[::-1] + ramp)
    return np.asarray((above + below) / 2)


def _running_mean(path: Curve, half: int) -> Curve:
    if half == 0:
        return path
    padded = np.concatenate([np.full(half, path[0]), path, np.full(half, path[-1])])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    size = 2 * half + 1
    return np.asarray((total[size:] - total[:-size]) / size)


def _acceleration(path: Curve, step_s: float) -> float:
    """Greatest over stretches of about a second: the steps of the input are no acceleration."""
    lag = max(1, round(1 / step_s))
    if len(path) <= 2 * lag:
        return 0.0
    bend = path[2 * lag :] - 2 * path[lag:-lag] + path[: -2 * lag]
    return float(np.abs(bend).max() / (lag * step_s) ** 2)
