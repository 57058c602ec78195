"""Cloud-Optimised GeoTIFF of the data themselves, without title or lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyresample.geometry import AreaDefinition
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import from_bounds

from products.errors import OutputError

COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
BLOCK = 256


def write_geotiff(
    path: Path,
    values: NDArray[Any],
    area: AreaDefinition,
    *,
    name: str,
    unit: str,
    tags: dict[str, str],
) -> None:
    """Write (height, width) float32 with NaN as no data, or (height, width, 4) uint8 RGBA, with overviews.

    Raises:
        OutputError: the file cannot be written.
    """
    picture = values.ndim == 3
    bands = np.moveaxis(values, -1, 0) if picture else values[None].astype(np.float32)
    profile = {
        "driver": "GTiff",
        "height": bands.shape[1],
        "width": bands.shape[2],
        "count": bands.shape[0],
        "dtype": bands.dtype,
        "crs": rasterio.crs.CRS.from_wkt(area.crs.to_wkt()),
        "transform": from_bounds(*area.area_extent, bands.shape[2], bands.shape[1]),
    }
    if not picture:
        profile["nodata"] = np.nan
    options = {
        "BLOCKSIZE": BLOCK,
        "COMPRESS": "DEFLATE",
        "PREDICTOR": "YES",
        "LEVEL": 6,
        "RESAMPLING": "AVERAGE",
        "OVERVIEWS": "IGNORE_EXISTING",
        "BIGTIFF": "NO",
        "NUM_THREADS": 1,
    }
    with MemoryFile() as memory, MemoryFile() as cloud_optimised:
        with memory.open(**profile) as file:
            file.write(bands)
            file.update_tags(**tags)
            if picture:
                file.colorinterp = COLOURS
            else:
                file.set_band_description(1, name)
                file.set_band_unit(1, unit)
        with memory.open() as file:
            copy(file, cloud_optimised.name, driver="COG", **options)
        data = cloud_optimised.read()
    # Written by ourselves: of a full disk GDAL would tell only its log.
    try:
        path.write_bytes(data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): is the folder full or read-only?"
        ) from error
