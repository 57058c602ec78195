"""The files of a pass: GeoTIFF, picture and thumbnail of each recipe and area, and level 1b."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyresample.geometry import AreaDefinition

from products import colours, mapping
from products.availability import channels_shown
from products.definitions import AreaEntry, Recipe
from products.errors import InputError, OutputError
from products.geotiff import write_geotiff
from products.graticule import graticule
from products.level1b import level1b_name, write_level1b
from products.orbit import Orbit
from products.order import Order, Pass
from products.overlay import inside, map_lines
from products.picture import (
    WORDS,
    Caption,
    decorated,
    line_layer,
    map_size,
    poster,
    scaled,
    thumbnail,
    write_labels,
)
from products.report import ProductFile
from products.seen import Seen, seen_whole

# Below this fraction of its pixels a map is not worth keeping.
LEAST_COVERAGE = 0.01


@dataclass(frozen=True)
class AreaMap:
    """An area's grid, the part of the world it shows, when it was seen, and the lines on it, drawn once."""

    entry: AreaEntry
    grid: AreaDefinition
    bbox: tuple[float, float, float, float]
    seen: Seen
    lines: Image.Image

    @classmethod
    def of(cls, entry: AreaEntry, grid: AreaDefinition, seen: Seen, order: Order) -> AreaMap:
        """Draw the coastlines and lakes of an area, and of the boundaries what the operator configured."""
        window = mapping.window(grid)
        size = map_size(grid.width, grid.height)
        lines = line_layer(
            size,
            {
                "graticule": (line.points for line in graticule(window)),
                "lakes": inside(map_lines("lakes"), window),
                "coastline": inside(map_lines("coastline"), window),
                "boundaries": inside(order.boundaries, window),
            },
            lambda large: mapping.pixel_transform(grid, large),
        )
        write_labels(lines, graticule(window), mapping.pixel_transform(grid, size))
        return cls(entry, grid, window.bbox, seen, lines)


def write_map(
    one: Pass, order: Order, area: AreaMap, drawn: tuple[Recipe, NDArray[Any]]
) -> list[ProductFile]:
    """GeoTIFF, picture and thumbnail of one recipe in one area; nothing where hardly a pixel is known.

    Args:
        one: the pass.
        order: what was asked for.
        area: where.
        drawn: the recipe and its values on the grid, as `render.pictures` gives them.

    Raises:
        OutputError: a file cannot be written.
    """
    recipe, values = drawn
    colour = colours.rgba(values) if recipe.kind == "rgb" else colours.coloured(values, recipe)
    coverage = float(np.count_nonzero(colour[..., 3]) / colour[..., 3].size)
    if coverage < LEAST_COVERAGE:
        return []
    stem = f"{one.stem}_{area.entry.name}_{recipe.name}"
    tiff = order.out / f"{stem}.tif"
    data = values if recipe.kind == "scale" else colour
    write_geotiff(
        tiff,
        data,
        area.grid,
        name=recipe.title["en"],
        unit=recipe.unit or "",
        tags=_tags(one, area.seen, recipe),
    )
    common = _record(one, area.seen, area.bbox, coverage, recipe=recipe.name, area=area.entry.name)
    map_image = decorated(scaled(colour), area.lines)
    caption = _caption(one, order, area, recipe)
    return [
        _seal(common, tiff, "geotiff"),
        *_pictures(order.out / stem, map_image, recipe, caption, common),
    ]


def write_unlocated(one: Pass, order: Order) -> list[ProductFile]:
    """Without elements: a picture of each channel as it was seen.

    Raises:
        OutputError: a file cannot be written.
    """
    files = []
    words = WORDS[order.language]
    for channel, counts in one.level1a.counts.items():
        picture = np.empty((*counts.shape, 4), np.uint8)
        picture[..., :3] = counts[..., None]
        picture[..., 3] = np.where(one.level1a.quality[channel] == 0, 255, 0)
        coverage = float(np.count_nonzero(picture[..., 3]) / counts.size)
        if coverage == 0:
            continue
        caption = Caption(
            satellite=one.level1a.satellite,
            time=one.summary.start,
            title=f"{words['channel']} {channel}",
            area="MSU-MR",
            note=words["unlocated"],
            language=order.language,
        )
        common = _record(one, seen_whole(one.summary), None, coverage, recipe=f"channel_{channel}", area=None)
        stem = order.out / f"{one.stem}_swath_ch{channel}"
        files += _pictures(stem, decorated(scaled(picture), None), None, caption, common)
    return files


def write_level1b_file(one: Pass, order: Order) -> ProductFile:
    """Level 1b of a pass whose orbit is known.

    Raises:
        InputError: the pass has none.
        OutputError: the file cannot be written.
    """
    orbit = one.level1a.orbit
    if one.geolocator is None or one.summary.geolocation is None or not isinstance(orbit, Orbit):
        raise InputError("level 1b needs orbital elements: decode again with --elements")
    path = order.out / level1b_name(one.level1a)
    source = one.level1a.attributes
    attributes = {key: str(source.get(key, "")) for key in ("station", "recording_name", "recording_sha256")}
    attributes |= {
        "elements_omm": orbit.omm,
        "elements_source": orbit.source,
        "geolocation": json.dumps(asdict(one.summary.geolocation), sort_keys=True),
        "history": f"made from {one.level1a.path.name} (sha256 {one.sha256})",
    }
    write_level1b(path, one.level1a, one.geolocator, attributes)
    bbox = mapping.bounds(*one.geolocator.lonlat(one.level1a.line_time[::8])).bbox
    record = _record(one, seen_whole(one.summary), bbox, None, recipe=None, area=None)
    return _seal(record, path, "level1b")


def _tags(one: Pass, seen: Seen, recipe: Recipe) -> dict[str, str]:
    return {
        "satellite": one.level1a.satellite,
        "instrument": "MSU-MR",
        "recipe": recipe.name,
        "time_coverage_start": f"{seen.start:%Y-%m-%dT%H:%M:%SZ}",
        "time_coverage_end": f"{seen.end:%Y-%m-%dT%H:%M:%SZ}",
        "calibration": "nominal",
        "input_sha256": one.sha256,
    }


def _caption(one: Pass, order: Order, area: AreaMap, recipe: Recipe) -> Caption:
    words = WORDS[order.language]
    shown = channels_shown(recipe, one.level1a)
    parts = [recipe.note[order.language]] if recipe.note else []
    parts += [
        f"MSU-MR {'+'.join(str(n) for n in shown)}",
        words["nominal"],
        f"{words['grid']} {area.entry.resolution_m / 1000:g} km",
    ]
    missing = max((area.seen.missing_lines[n] for n in shown), default=0)
    if missing:
        parts.append(f"{missing}/{area.seen.lines} {words['gap']}")
    return Caption(
        satellite=one.level1a.satellite,
        time=area.seen.title,
        title=recipe.title[order.language],
        area=area.entry.title[order.language],
        note=" · ".join(parts),
        language=order.language,
    )


def _pictures(
    stem: Path, map_image: Image.Image, recipe: Recipe | None, caption: Caption, common: ProductFile
) -> list[ProductFile]:
    png, small = stem.with_name(stem.name + ".png"), stem.with_name(stem.name + "_thumb.jpg")
    _save(poster(map_image, recipe, caption), png)
    _save(thumbnail(map_image), small)
    return [_seal(common, png, "picture"), _seal(common, small, "thumbnail")]


def _record(
    one: Pass,
    seen: Seen,
    bbox: tuple[float, float, float, float] | None,
    coverage: float | None,
    *,
    recipe: str | None,
    area: str | None,
) -> ProductFile:
    return ProductFile(
        path=Path(),
        kind="",
        satellite=one.level1a.satellite,
        start=seen.start,
        end=seen.end,
        recipe=recipe,
        area=area,
        bbox=bbox,
        coverage=None if coverage is None else round(coverage, 4),
        sha256="",
        bytes=0,
    )


def _seal(common: ProductFile, path: Path, kind: str) -> ProductFile:
    data = path.read_bytes()
    return replace(common, path=path, kind=kind, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def _save(image: Image.Image, path: Path) -> None:
    try:
        if path.suffix == ".jpg":
            image.save(path, quality=82)
        else:
            image.save(path, compress_level=6)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): is the folder full or read-only?"
        ) from error
