"""Satpy's file handler for level-1a files: `satpy.Scene(reader="msu_mr_l1a_nc", filenames=[...])`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from satpy.readers.core.file_handlers import BaseFileHandler

from products import calibration
from products.geolocation import Angles
from products.instrument import msu_mr
from products.level1a import COLUMNS, LINES_PER_STRIP, Level1a, geolocator, platform_name, read_level1a

# Blocks of whole strips, as satpy's elliptical weighted averaging wants them.
CHUNK_LINES = 64 * LINES_PER_STRIP

ANGLES = ("satellite_zenith_angle", "satellite_azimuth_angle", "solar_zenith_angle", "solar_azimuth_angle")


class MsuMrLevel1aFile(BaseFileHandler):
    """One pass of MSU-MR; datasets (y, x) as dask arrays, NaN where the counts are missing or damaged."""

    def __init__(
        self, filename: Any, filename_info: dict[str, Any], filetype_info: dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(filename, filename_info, filetype_info)
        self.attitude = kwargs.get("attitude")
        self.level1a: Level1a = read_level1a(Path(str(filename)))

    @property
    def start_time(self) -> datetime:
        """Time of the first line, UTC without a zone, as satpy wants it."""
        return datetime.fromtimestamp(float(self.level1a.line_time.min()), UTC).replace(tzinfo=None)

    @property
    def end_time(self) -> datetime:
        """Time of the last line."""
        return datetime.fromtimestamp(float(self.level1a.line_time.max()), UTC).replace(tzinfo=None)

    @property
    def sensor_names(self) -> set[str]:
        """The instrument, by satpy's name."""
        return {"msu-mr"}

    def available_datasets(
        self, configured_datasets: Iterable[tuple[bool | None, dict[str, Any]]] | None = None
    ) -> Iterator[tuple[bool | None, dict[str, Any]]]:
        """Only the channels on air, brightness temperature only where the telemetry calibrates it."""
        for known, info in configured_datasets or ():
            yield known if known is not None else self._has(info), info

    def _has(self, info: dict[str, Any]) -> bool | None:
        if self.file_type_matches(info["file_type"]) is None:
            return None
        name = str(info["name"])
        if not name.isdecimal():
            return self.level1a.is_located
        channel = int(name)
        calibrated = info.get("calibration") != "brightness_temperature" or channel in self.level1a.bodies
        return channel in self.level1a.counts and calibrated

    def get_dataset(self, dataset_id: Any, info: dict[str, Any]) -> xr.DataArray:
        """One dataset of the YAML file."""
        name = dataset_id["name"]
        if name.isdecimal():
            values, attributes = self._channel(int(name), dataset_id["calibration"].name)
        else:
            values, attributes = self._places(name), {}
        chunks = (CHUNK_LINES, COLUMNS)
        array = xr.DataArray(da.from_array(values, chunks=chunks), dims=("y", "x"))
        array.attrs = {key: value for key, value in info.items() if key not in ("file_type", "coordinates")}
        array.attrs |= attributes | self._common()
        return array

    def _common(self) -> dict[str, Any]:
        return {
            "platform_name": platform_name(self.level1a.satellite),
            "sensor": "msu-mr",
            # What satpy's "ewa" is to average at once; the instrument itself scans one line at a time.
            "rows_per_scan": LINES_PER_STRIP,
            "start_time": self.start_time,
            "end_time": self.end_time,
        }

    def _channel(self, channel: int, kind: str) -> tuple[NDArray[np.float32], dict[str, Any]]:
        counts, good = self.level1a.counts[channel], self.level1a.quality[channel] == 0
        if kind == "counts":
            table, note = np.arange(256, dtype=np.float32), {}
        elif kind == "reflectance":
            table = calibration.reflectance_table(self.level1a.dark[channel])
            note = {
                "calibration_status": f"nominal: linear, 255 counts = {calibration.FULL_SCALE_PERCENT:g} %"
            }
        else:
            table = calibration.temperature_table(channel, self.level1a.bodies[channel])
            note = {
                "calibration_status": "nominal: black bodies of the telemetry, wavenumber of NOAA-15 AVHRR"
            }
        return np.where(good, table[counts], np.float32(np.nan)), note

    def _places(self, name: str) -> NDArray[np.float32]:
        if name == "solar_zenith_angle":
            return np.asarray(self._geolocator.solar_zenith(self.level1a.line_time))
        if name in ANGLES:
            return np.asarray(getattr(self._angles, name.removesuffix("_angle")))
        return self._lonlat[("longitude", "latitude").index(name)]

    @cached_property
    def _geolocator(self) -> Any:
        attitude = None if self.attitude is None else msu_mr().attitudes[self.attitude]
        return geolocator(self.level1a, attitude)

    @cached_property
    def _lonlat(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        places: tuple[NDArray[np.float32], NDArray[np.float32]] = self._geolocator.lonlat(
            self.level1a.line_time
        )
        return places

    @cached_property
    def _angles(self) -> Angles:
        blocks = [
            self._geolocator.angles(self.level1a.line_time[first : first + CHUNK_LINES])
            for first in range(0, self.level1a.line_time.size, CHUNK_LINES)
        ]
        return Angles(*(np.concatenate([getattr(b, f) for b in blocks]) for f in Angles.__dataclass_fields__))
