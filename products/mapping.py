"""From a named area to a grid on the ground, and to the part of the world it shows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from pyresample.geometry import AreaDefinition

from products.definitions import AreaEntry
from products.errors import InputError
from products.overlay import Window

MAX_GRID_PIXELS = 40_000_000


def grid(entry: AreaEntry, longitude: NDArray[np.float32], latitude: NDArray[np.float32]) -> AreaDefinition:
    """The grid of an area; for the pass itself, from the places (degrees) of a sample of its pixels.

    Raises:
        InputError: the area's projection is unknown or its grid too large.
    """
    try:
        crs = CRS.from_user_input(entry.crs) if entry.crs else _equal_area(longitude, latitude)
    except CRSError as error:
        raise InputError(f"area {entry.name}: unknown projection {entry.crs!r}") from error
    forward = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    if entry.bbox is not None:
        west, south, east, north = forward.transform_bounds(*entry.bbox, densify_pts=51)
    else:
        x, y = forward.transform(longitude.ravel(), latitude.ravel())
        west, south, east, north = np.min(x), np.min(y), np.max(x), np.max(y)
    step = entry.resolution_m
    west, south = np.floor(west / step) * step, np.floor(south / step) * step
    width, height = int(np.ceil((east - west) / step)), int(np.ceil((north - south) / step))
    if not 0 < width * height <= MAX_GRID_PIXELS:
        raise InputError(
            f"area {entry.name} has {width} x {height} pixels; raise resolution_m or shrink bbox"
        )
    extent = (west, south, west + width * step, south + height * step)
    return AreaDefinition(entry.name, entry.title["en"], entry.name, crs, width, height, extent)


def _equal_area(longitude: NDArray[np.float32], latitude: NDArray[np.float32]) -> CRS:
    """Lambert's azimuthal projection about the middle of the points, in whole degrees."""
    lon, lat = np.deg2rad(longitude.astype(float).ravel()), np.deg2rad(latitude.astype(float).ravel())
    x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
    lon_0, lat_0 = round(np.rad2deg(np.arctan2(y, x))), round(np.rad2deg(np.arctan2(z, np.hypot(x, y))))
    return CRS.from_dict({"proj": "laea", "lon_0": lon_0, "lat_0": lat_0, "datum": "WGS84", "units": "m"})


def window(area: AreaDefinition) -> Window:
    """The part of the world an area shows."""
    x = np.linspace(area.area_extent[0], area.area_extent[2], 60)
    y = np.linspace(area.area_extent[1], area.area_extent[3], 60)
    backward = Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True)
    lon, lat = backward.transform(*np.meshgrid(x, y))
    lon, lat = lon[np.isfinite(lon)], lat[np.isfinite(lat)]
    middle = backward.transform((x[0] + x[-1]) / 2, (y[0] + y[-1]) / 2)[0]
    offset = (lon - middle + 180) % 360 - 180
    south, north = float(lat.min()), float(lat.max())
    # A pole within the area sees every longitude.
    if offset.max() - offset.min() > 300:
        return Window(0.0, 180.0, south if south > -60 else -90.0, north if north < 60 else 90.0)
    centre = middle + (offset.max() + offset.min()) / 2
    return Window(float((centre + 180) % 360 - 180), float(np.ptp(offset) / 2), south, north)


def pixel_transform(area: AreaDefinition, size: tuple[int, int]) -> Any:
    """A function from points (n, 2) in degrees to pixels (n, 2) of a picture of this size (width, height)."""
    forward = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True)
    west, south, east, north = area.area_extent

    def pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = forward.transform(points[:, 0], points[:, 1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.stack(
                [(x - west) / (east - west) * size[0], (north - y) / (north - south) * size[1]], axis=1
            )

    return pixels


def bounds(longitude: NDArray[np.float32], latitude: NDArray[np.float32]) -> Window:
    """The part of the world that points lie in."""
    lon, lat = np.deg2rad(longitude.astype(float).ravel()), latitude.astype(float).ravel()
    middle = np.rad2deg(np.arctan2(np.sin(lon).mean(), np.cos(lon).mean()))
    offset = (np.rad2deg(lon) - middle + 180) % 360 - 180
    centre = (middle + (offset.max() + offset.min()) / 2 + 180) % 360 - 180
    return Window(float(centre), float(np.ptp(offset) / 2), float(lat.min()), float(lat.max()))
