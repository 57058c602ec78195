"""From level-1a files to level 1b, pictures, GeoTIFF and thumbnails: the main path of this folder.

Runs in a process of its own (`python -m products`): satpy's imports and memory stay out of the station's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import dask
import numpy as np
from numpy.typing import NDArray

from products import mapping, render
from products.availability import obstacle
from products.definitions import AreaEntry, Recipe
from products.errors import NothingUsableError, OutputError
from products.order import Order, Pass, open_pass, parse_order
from products.outputs import AreaMap, write_level1b_file, write_map, write_unlocated
from products.report import ProductFile, ProductsReport, Skipped
from products.seen import seen_in, seen_whole

Progress = Callable[[float], None]

# A sample of the pass for rough questions: which lines hold an area, and whether the Sun shines there.
EVERY_LINE, EVERY_COLUMN = 8, 28


def make_products(
    inputs: Sequence[Path],
    out: Path,
    *,
    areas: Sequence[str] | None = None,
    recipes: Sequence[str] | None = None,
    boundaries: Path | None = None,
    language: str = "en",
    attitude: str | None = None,
    progress: Progress | None = None,
) -> ProductsReport:
    """Make everything that can be made of level-1a files, and write `products.json` beside it.

    Args:
        inputs: level-1a files.
        out: folder, made where it is missing.
        areas: names in areas.toml; all when None.
        recipes: names in recipes.toml; all when None.
        boundaries: GeoJSON with the outlines to draw; none are drawn without it.
        language: of titles, "en" or "vi".
        attitude: a name in instruments/msu_mr.toml; by default what the satellite's entry says is applied.
        progress: told the fraction done.

    Raises:
        ProductError: an unknown area, recipe, attitude or language.
        InputError: an input or the boundaries are not what they should be.
        NothingUsableError: no input holds a good pixel.
        OutputError: the folder is full or read-only.
    """
    order = parse_order(
        out, areas=areas, recipes=recipes, boundaries=boundaries, language=language, attitude=attitude
    )
    passes = [open_pass(path, order) for path in sorted({Path(path) for path in inputs})]
    usable = [one for one in passes if one.level1a.has_good_pixels]
    files: list[ProductFile] = []
    skipped: list[Skipped] = []
    # Two threads on every machine; sums keep their order, so the files keep their bytes.
    with dask.config.set(scheduler="threads", num_workers=2):
        for index, one in enumerate(usable):
            made, missed = _make_pass(one, order, _part(progress, index, len(usable)))
            files += made
            skipped += missed
    report = ProductsReport(out, tuple(one.summary for one in passes), tuple(files), tuple(skipped))
    _write_text(out / "products.json", report.to_json())
    if not usable:
        raise NothingUsableError("the input holds no good pixel, so no product was made")
    return report


def _make_pass(one: Pass, order: Order, progress: Progress) -> tuple[list[ProductFile], list[Skipped]]:
    """All products of one pass."""
    if one.geolocator is None:
        reason = f"{one.level1a.orbit}: shown as seen, not on a map"
        return write_unlocated(one, order), [Skipped("*", "*", reason)]
    files = [write_level1b_file(one, order)]
    skipped: list[Skipped] = []
    scene = render.open_scene(one.level1a.path, order.attitude, order.recipes, one.level1a)
    every = one.level1a.line_time[::EVERY_LINE]
    lon, lat = (part[:, ::EVERY_COLUMN] for part in one.geolocator.lonlat(every))
    sun_zenith = one.geolocator.solar_zenith(every)[:, ::EVERY_COLUMN]
    progress(0.2)
    for index, entry in enumerate(order.areas):
        area = mapping.grid(entry, lon, lat)
        sample = mapping.window(area).holds(lon, lat)
        wanted, missed = _wanted(one, order, entry, sun_zenith[sample])
        skipped += missed
        if wanted:
            lines = render.lines_for(sample, one.level1a.line_time.size, EVERY_LINE)
            within = entry.bbox and seen_in(area, one.level1a, one.geolocator, lines)
            sheet = AreaMap.of(entry, area, within or seen_whole(one.summary), order)
            for drawn in render.pictures(scene, wanted, one.level1a, area, lines):
                made = write_map(one, order, sheet, drawn)
                files += made
                if not made:
                    skipped.append(Skipped(drawn[0].name, entry.name, "no data in the area"))
        progress(0.2 + 0.8 * (index + 1) / len(order.areas))
    return files, skipped


def _wanted(
    one: Pass, order: Order, entry: AreaEntry, sun_zenith: NDArray[np.float32]
) -> tuple[list[Recipe], list[Skipped]]:
    """The recipes that can be made in an area, and why the others cannot; sun_zenith is of its pixels."""
    if not sun_zenith.size:
        return [], [Skipped("*", entry.name, "the area lies outside the swath")]
    reasons = [(recipe, obstacle(recipe, one.level1a, sun_zenith)) for recipe in order.recipes]
    wanted = [recipe for recipe, reason in reasons if reason is None]
    return wanted, [Skipped(recipe.name, entry.name, reason) for recipe, reason in reasons if reason]


def _write_text(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}; is the folder full or read-only?"
        ) from error


def _part(progress: Progress | None, index: int, count: int) -> Progress:
    def tell(fraction: float) -> None:
        if progress is not None:
            progress((index + fraction) / count)

    return tell
