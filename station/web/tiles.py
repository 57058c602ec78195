"""Map tiles (EPSG:3857, 256 pixels) out of the GeoTIFFs of an observation, made when asked for.

A tile that holds no data is None, so that a thin link carries nothing for it. Colours of a single-band file
come from the recipe that made it: (value, #rrggbb) in rising values, equal values making a step.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TILE_PIXELS = 256
MAX_ZOOM = 12
_HALF_WORLD_M = math.pi * 6378137.0  # EPSG:3857 spans ± this

Scale = Sequence[tuple[float, str]]


def tile_bounds(zoom: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in metres of EPSG:3857.

    Raises:
        ValueError: no such tile at this zoom.
    """
    count = 1 << zoom if 0 <= zoom <= MAX_ZOOM else 0
    if not (0 <= x < count and 0 <= y < count):
        raise ValueError(f"no tile {zoom}/{x}/{y}: zoom 0 to {MAX_ZOOM}, x and y below 2^zoom")
    size = 2 * _HALF_WORLD_M / count
    west, north = -_HALF_WORLD_M + x * size, _HALF_WORLD_M - y * size
    return west, north - size, west + size, north


def render_tile(path: Path, zoom: int, x: int, y: int, scale: Scale | None) -> bytes | None:
    """One tile as PNG with alpha; None where the file holds no data.

    Args:
        path: a GeoTIFF: 1 (with `scale`), 2, 3 or 4 bands.
        zoom: 0 to 12.
        x: tile column from 180° W.
        y: tile row from the north.
        scale: colours of a single-band file.

    Raises:
        ValueError: no such tile.
        OSError: the file cannot be read.
    """
    return _render(str(path), path.stat().st_mtime_ns, zoom, x, y, tuple(scale) if scale else None)


@lru_cache(maxsize=512)
def _render(
    path: str, _changed: int, zoom: int, x: int, y: int, scale: tuple[Any, ...] | None
) -> bytes | None:
    bands, valid = _read(path, tile_bounds(zoom, x, y))
    if not valid.any():
        return None
    rgb = _coloured(bands[0], scale) if len(bands) == 1 else _grey_or_rgb(bands)
    return _png(np.dstack([*rgb, np.where(valid, 255, 0).astype(np.uint8)]))


def _read(
    path: str, bounds: tuple[float, float, float, float]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Bands (n, 256, 256) without alpha, and where they hold data."""
    import rasterio
    from rasterio.enums import ColorInterp, Resampling
    from rasterio.errors import RasterioError
    from rasterio.transform import from_bounds
    from rasterio.vrt import WarpedVRT

    try:
        with rasterio.open(path) as source:
            transform = from_bounds(*bounds, TILE_PIXELS, TILE_PIXELS)
            has_alpha = ColorInterp.alpha in source.colorinterp
            options = {} if has_alpha else {"add_alpha": True}
            with WarpedVRT(
                source,
                crs="EPSG:3857",
                transform=transform,
                width=TILE_PIXELS,
                height=TILE_PIXELS,
                resampling=Resampling.bilinear,
                **options,
            ) as warped:
                data = warped.read()
    except RasterioError as error:
        raise OSError(f"{path}: {error}") from error
    bands, alpha = data[:-1], data[-1]
    valid = alpha > 0
    if np.issubdtype(bands.dtype, np.floating):
        valid &= np.isfinite(bands[0])
    return bands, valid


def _grey_or_rgb(bands: npt.NDArray[Any]) -> list[npt.NDArray[np.uint8]]:
    chosen = bands[:3] if len(bands) >= 3 else np.repeat(bands[:1], 3, axis=0)
    return [np.clip(np.nan_to_num(band), 0, 255).astype(np.uint8) for band in chosen]


def _coloured(values: npt.NDArray[Any], scale: tuple[Any, ...] | None) -> list[npt.NDArray[np.uint8]]:
    """Colours of values by a scale; without one they are grey levels already."""
    if not scale:
        return _grey_or_rgb(values[np.newaxis])
    known = np.array([float(value) for value, _ in scale])
    # A step (two equal values) becomes a very short slope: np.interp wants rising values.
    known = known + np.arange(len(known)) * 1e-6
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in scale], dtype=float)
    filled = np.nan_to_num(values.astype(np.float64))
    return [np.interp(filled, known, colours[:, band]).round().astype(np.uint8) for band in range(3)]


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=False, compress_level=6)
    return file.getvalue()
