"""Whether a recipe can be made of what was on air, and if not, why."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from products.definitions import Recipe
from products.level1a import Level1a

# Day recipes need this fraction of the area's pixels with the Sun higher than 5 degrees.
DAY_ZENITH_DEG, LEAST_DAY = 85.0, 0.05


def obstacle(recipe: Recipe, level1a: Level1a, sun_zenith: NDArray[np.float32]) -> str | None:
    """Why a recipe cannot be made, or None where it can."""
    if not channels_shown(recipe, level1a):
        return _missing(recipe, level1a)
    if recipe.when == "day" and np.mean(sun_zenith < DAY_ZENITH_DEG) < LEAST_DAY:
        return "night: the visible channels see nothing"
    return None


def _missing(recipe: Recipe, level1a: Level1a) -> str:
    on_air = ", ".join(str(n) for n in level1a.counts)
    if recipe.only_uncalibrated:
        return "no infra-red channel without calibration"
    need = "channels" if recipe.kind == "rgb" else "one of the channels"
    names = ", ".join(str(n) for n in recipe.channels)
    return f"needs {need} {names}, calibrated; on air were {on_air}"


def channels_shown(recipe: Recipe, level1a: Level1a) -> tuple[int, ...]:
    """The channels a recipe shows of this pass; empty where it cannot be made."""

    def calibrated(channel: int) -> bool:
        return channel <= 3 or channel in level1a.bodies

    on_air = [n for n in recipe.channels if n in level1a.counts]
    if recipe.kind == "rgb":
        whole = len(on_air) == len(recipe.channels) and all(calibrated(n) for n in on_air)
        return tuple(on_air) if whole else ()
    if recipe.only_uncalibrated:
        # Only where none of its channels can be shown in kelvin.
        return () if any(calibrated(n) for n in on_air) else tuple(on_air[:1])
    return tuple([n for n in on_air if calibrated(n)][:1])
