"""Level 1b: calibrated and geolocated, in CF NetCDF that plain satpy (`satpy_cf_nc`), xarray and QGIS open.

The file is written in blocks of lines, holds no time of writing, and so is the same for the same input.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from products import calibration
from products.errors import OutputError
from products.geolocation import Geolocator
from products.level1a import COLUMNS, Level1a, platform_name

BLOCK_LINES = 512
PACK = 0.01
FILL = np.int16(-32768)
# Band edges in micrometres: planet.iitp.ru, "Meteor-M N1", table of MSU-MR.
BANDS_UM = {
    1: (0.50, 0.70),
    2: (0.70, 1.10),
    3: (1.60, 1.80),
    4: (3.5, 4.1),
    5: (10.5, 11.5),
    6: (11.5, 12.5),
}
# As satpy writes it, with no-break spaces.
WAVELENGTH = "{middle:g}\u00a0µm\u00a0({low:g}-{high:g}\u00a0µm)"
ANGLES = {
    "satellite_zenith_angle": "sensor_zenith_angle",
    "satellite_azimuth_angle": "sensor_azimuth_angle",
    "solar_zenith_angle": "solar_zenith_angle",
    "solar_azimuth_angle": "solar_azimuth_angle",
}


def level1b_name(level1a: Level1a) -> str:
    """The name by which satpy's `satpy_cf_nc` reader knows its files."""
    start, end = (
        datetime.fromtimestamp(float(t), UTC) for t in (level1a.line_time.min(), level1a.line_time.max())
    )
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in platform_name(level1a.satellite))
    return f"{safe}-msu-mr-{start:%Y%m%d%H%M%S}-{end:%Y%m%d%H%M%S}.nc"


def write_level1b(path: Path, level1a: Level1a, geolocator: Geolocator, attributes: dict[str, str]) -> None:
    """Write the pass with its places and angles.

    Args:
        path: the file, best named by `level1b_name`.
        level1a: counts and quality.
        geolocator: places of its lines.
        attributes: further global attributes.

    Raises:
        OutputError: the file cannot be written.
    """
    unfinished = path.with_suffix(".part")
    try:
        with netCDF4.Dataset(unfinished, "w") as file:
            _describe(file, level1a, attributes)
            for lines in _blocks(level1a.line_time.size):
                _write_block(file, level1a, geolocator, lines)
        unfinished.replace(path)
    except (OSError, RuntimeError) as error:
        unfinished.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error}): is the folder full or read-only?") from error


def _blocks(lines: int) -> Iterator[slice]:
    for first in range(0, lines, BLOCK_LINES):
        yield slice(first, min(first + BLOCK_LINES, lines))


def _describe(file: netCDF4.Dataset, level1a: Level1a, attributes: dict[str, str]) -> None:
    file.createDimension("y", level1a.line_time.size)
    file.createDimension("x", COLUMNS)
    start, end = (
        datetime.fromtimestamp(float(t), UTC) for t in (level1a.line_time.min(), level1a.line_time.max())
    )
    file.setncatts(
        {
            "Conventions": "CF-1.10",
            "title": f"{level1a.satellite} MSU-MR level 1b, nominal calibration",
            "platform_name": platform_name(level1a.satellite),
            "satellite": level1a.satellite,
            "sensor": "msu-mr",
            "instrument": "MSU-MR",
            "processing_level": "1b",
            "time_coverage_start": f"{start:%Y-%m-%dT%H:%M:%S.%fZ}",
            "time_coverage_end": f"{end:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        | attributes
    )
    time = _variable(file, "line_time", "f8", ("y",))
    time.setncatts(
        {"standard_name": "time", "units": "seconds since 1970-01-01 00:00:00", "calendar": "standard"}
    )
    time[:] = level1a.line_time
    for name, unit in (("longitude", "degrees_east"), ("latitude", "degrees_north")):
        _variable(file, name, "f4").setncatts({"standard_name": name, "long_name": name, "units": unit})
    for channel in level1a.counts:
        _describe_channel(file, level1a, channel)
    for name, standard_name in ANGLES.items():
        _packed(file, name, standard_name, "degree")


def _variable(
    file: netCDF4.Dataset, name: str, kind: str, dimensions: tuple[str, ...] = ("y", "x"), **options: Any
) -> Any:
    lines = len(file.dimensions["y"])
    chunks = tuple({"y": min(BLOCK_LINES, lines), "x": COLUMNS}[name] for name in dimensions)
    return file.createVariable(
        name, kind, dimensions, zlib=True, complevel=4, shuffle=True, chunksizes=chunks, **options
    )


def _packed(file: netCDF4.Dataset, name: str, standard_name: str, unit: str, offset: float = 0.0) -> Any:
    variable = _variable(file, name, "i2", fill_value=FILL)
    variable.set_auto_maskandscale(False)
    variable.setncatts(
        {
            "standard_name": standard_name,
            "long_name": name.replace("_", " "),
            "units": unit,
            "scale_factor": PACK,
            "add_offset": offset,
            "coordinates": "longitude latitude",
        }
    )
    return variable


def _describe_channel(file: netCDF4.Dataset, level1a: Level1a, channel: int) -> None:
    low, high = BANDS_UM[channel]
    kind, standard_name, unit, status = _calibration(level1a, channel)
    variable = _packed(file, f"ch{channel}", standard_name, unit, 200.0 if unit == "K" else 0.0)
    variable.setncatts(
        {
            "original_name": str(channel),
            "calibration": kind,
            "calibration_status": status,
            "wavelength": WAVELENGTH.format(middle=(low + high) / 2, low=low, high=high),
            "sensor": "msu-mr",
            "platform_name": platform_name(level1a.satellite),
            "ancillary_variables": f"ch{channel}_quality",
        }
    )
    _variable(file, f"ch{channel}_quality", "u1").setncatts(
        {
            "standard_name": "quality_flag",
            "long_name": f"quality of channel {channel}",
            "flag_values": np.array([0, 1, 2], np.uint8),
            "flag_meanings": "good missing damaged",
            "coordinates": "longitude latitude",
        }
    )


def _calibration(level1a: Level1a, channel: int) -> tuple[str, str, str, str]:
    """Kind, standard name, unit and what can be said of it."""
    if channel <= 3:
        full = f"{calibration.FULL_SCALE_PERCENT:g} %"
        status = f"nominal: linear, 255 counts = {full}, not divided by the cosine of the Sun's zenith angle"
        return "reflectance", "toa_bidirectional_reflectance", "%", status
    if channel in level1a.bodies:
        status = "nominal: black bodies of the telemetry, wavenumber of NOAA-15 AVHRR, no band correction"
        return "brightness_temperature", "toa_brightness_temperature", "K", status
    return "counts", "counts", "1", "none: the telemetry holds no usable views of the black bodies"


def table(level1a: Level1a, channel: int) -> NDArray[np.float32]:
    """Value of every count 0 to 255 in the unit of level 1b."""
    kind = _calibration(level1a, channel)[0]
    if kind == "reflectance":
        return calibration.reflectance_table(level1a.dark[channel])
    if kind == "brightness_temperature":
        return calibration.temperature_table(channel, level1a.bodies[channel])
    return np.arange(256, dtype=np.float32)


def _write_block(file: netCDF4.Dataset, level1a: Level1a, geolocator: Geolocator, lines: slice) -> None:
    time = level1a.line_time[lines]
    file["longitude"][lines], file["latitude"][lines] = geolocator.lonlat(time)
    for channel, counts in level1a.counts.items():
        packed = _pack(table(level1a, channel), file[f"ch{channel}"].add_offset)
        good = level1a.quality[channel][lines] == 0
        file[f"ch{channel}"][lines] = np.where(good, packed[counts[lines]], FILL)
        file[f"ch{channel}_quality"][lines] = level1a.quality[channel][lines]
    angles = geolocator.angles(time)
    for name in ANGLES:
        file[name][lines] = _pack(getattr(angles, name.removesuffix("_angle")), 0.0)


def _pack(values: NDArray[np.float32], offset: float) -> NDArray[np.int16]:
    scaled = np.round((values.astype(float) - offset) / PACK)
    return np.where(np.isfinite(scaled), np.clip(scaled, -32767, 32767), FILL).astype(np.int16)
