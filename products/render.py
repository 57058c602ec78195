"""The part that satpy does: from the scene of a pass to values or pictures on a grid."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Before satpy and pyspectral are imported: neither may reach for the network.
os.environ["SATPY_DOWNLOAD_AUX"] = "False"

import satpy
from pyresample.geometry import AreaDefinition
from satpy.dataset import DataQuery
from satpy.enhancements.enhancer import get_enhanced_image

from products.availability import channels_shown
from products.definitions import Recipe
from products.errors import InputError
from products.level1a import LINES_PER_STRIP, Level1a

Area = AreaDefinition
satpy.config.set(download_aux=False)

# Lines beyond the area's own, so that its edge is averaged from both sides.
MARGIN_LINES = 64
# Pieces of a grid; a small piece meets few pieces of the swath.
GRID_CHUNK = 1024
READER = "msu_mr_l1a_nc"


def open_scene(path: Path, attitude: str | None, recipes: Iterable[Recipe], level1a: Level1a) -> Any:
    """The satpy scene of a level-1a file, with everything loaded that the recipes need of it.

    Raises:
        InputError: the file's name is not that of a level-1a file.
    """
    try:
        scene = satpy.Scene(filenames=[str(path)], reader=READER, reader_kwargs={"attitude": attitude})
    except ValueError as error:
        raise InputError(
            f"{path.name}: give it back its name, SATELLITE_MSU-MR_YYYYMMDDTHHMMSSZ_l1a.nc"
        ) from error
    scene.load(
        [_query(recipe, level1a) for recipe in recipes if channels_shown(recipe, level1a)], generate=False
    )
    return scene


def lines_for(seen: NDArray[np.bool_], lines: int, every: int) -> slice:
    """The whole strips that hold an area, from a sample (every n-th line) that says what lies in it."""
    rows = np.flatnonzero(seen.any(axis=1)) * every
    first = max(0, int(rows[0]) - MARGIN_LINES) // LINES_PER_STRIP * LINES_PER_STRIP
    last = min(lines, -(-(int(rows[-1]) + every + MARGIN_LINES) // LINES_PER_STRIP) * LINES_PER_STRIP)
    return slice(first, last)


def pictures(
    scene: Any, recipes: list[Recipe], level1a: Level1a, area: AreaDefinition, lines: slice
) -> Iterator[tuple[Recipe, NDArray[np.float32]]]:
    """Values (height, width) of scale recipes and stretched bands (3, height, width) of rgb recipes.

    Every channel is gridded once and kept; the pictures follow one at a time, which bounds the memory.
    """
    gridded = scene.slice((lines, slice(None))).resample(
        area,
        generate=False,
        resampler="ewa",
        rows_per_scan=LINES_PER_STRIP,
        reduce_data=False,
        chunks=GRID_CHUNK,
    )
    gridded = gridded.persist()
    gridded.generate_possible_composites(unload=False)
    for recipe in recipes:
        data = gridded[_query(recipe, level1a)]
        if recipe.kind == "rgb":
            data = get_enhanced_image(data).data.transpose("bands", "y", "x")
        yield recipe, np.asarray(data.data.compute(), np.float32)


def _query(recipe: Recipe, level1a: Level1a) -> Any:
    if recipe.kind == "rgb":
        return recipe.dataset
    channel = channels_shown(recipe, level1a)[0]
    return DataQuery(name=str(channel), calibration=recipe.calibration)
