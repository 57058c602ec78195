"""The level-1a file as this folder reads it: checked once, then plain arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from products.calibration import BlackBodies, black_bodies, dark_word
from products.errors import InputError
from products.geolocation import Geolocator
from products.instrument import Attitude, msu_mr
from products.orbit import Orbit, epoch_posix, orbit_from_omm
from products.own_orbit import own_orbit

CHANNELS = (1, 2, 3, 4, 5, 6)
COLUMNS = 1568
LINES_PER_STRIP = 8
MAX_LINES = 20000
# Elements of a week ago are some 15 km off; what the satellite tells of itself is not.
OLD_ELEMENTS_S = 7 * 86400.0


@dataclass(frozen=True)
class Level1a:
    """A decoded pass: counts and quality (lines, 1568) of each channel on air, and line times (POSIX s).

    The satellite's own positions (n, 3) are Earth-fixed, at position_time (n,); NaN where it sent none.
    """

    path: Path
    satellite: str
    line_time: NDArray[np.float64]
    counts: dict[int, NDArray[np.uint8]]
    quality: dict[int, NDArray[np.uint8]]
    bodies: dict[int, BlackBodies]
    dark: dict[int, float]
    position_time: NDArray[np.float64]
    position_m: NDArray[np.float64]
    attributes: dict[str, Any]

    @property
    def elements_omm(self) -> str:
        """The elements the decoder was given, as JSON, or an empty text."""
        return str(self.attributes.get("elements_omm", "") or "")

    @cached_property
    def orbit(self) -> Orbit | str:
        """The elements' orbit; without elements, or with old ones, the one the satellite tells of itself.

        A text says why there is none.

        Raises:
            InputError: there are elements, and they are unusable.
        """
        if not self.attributes.get("date_known", 1):
            return "the day of the pass is not known"
        elements = orbit_from_omm(self.elements_omm) if self.elements_omm else None
        if elements and abs(self.line_time.mean() - epoch_posix(elements.satrec)) < OLD_ELEMENTS_S:
            return elements
        own = self._own_orbit()
        return elements if elements and isinstance(own, str) else own

    def _own_orbit(self) -> Orbit | str:
        if not np.isfinite(self.position_time).any():
            return "no orbital elements came with the pass"
        span = float(self.line_time.min()), float(self.line_time.max())
        try:
            return own_orbit(self.position_time, self.position_m, *span)
        except InputError as error:
            return f"no orbital elements came with the pass, and {error}"

    @property
    def is_located(self) -> bool:
        """Whether places can be told."""
        return isinstance(self.orbit, Orbit)

    @property
    def missing_lines(self) -> dict[int, int]:
        """Of each channel, the lines with no good pixel."""
        return {n: int(np.count_nonzero(~np.any(q == 0, axis=1))) for n, q in self.quality.items()}

    @property
    def has_good_pixels(self) -> bool:
        """Whether anything can be made of the file."""
        return any(bool(np.any(q == 0)) for q in self.quality.values())


def read_level1a(path: Path) -> Level1a:
    """Read and check a level-1a file.

    Raises:
        InputError: not such a file, or its parts do not fit together.
    """
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            return _read(path, file)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read as NetCDF ({error.strerror or error}); give a level-1a file (*_l1a.nc)"
        ) from error
    except (KeyError, IndexError, AttributeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path.name} is not a level-1a file of MSU-MR ({error}); give what `decode` wrote (*_l1a.nc)"
        ) from error


def _read(path: Path, file: netCDF4.Dataset) -> Level1a:
    attributes = {key: file.getncattr(key) for key in file.ncattrs()}
    line_time = np.asarray(file["line_time"][:], np.float64)
    lines = line_time.size
    if line_time.ndim != 1 or not 0 < lines <= MAX_LINES or lines % LINES_PER_STRIP:
        raise InputError(
            f"{path.name} has {lines} lines; a multiple of 8, from 8 to {MAX_LINES}, is expected"
        )
    if not np.isfinite(line_time).all():
        raise InputError(f"{path.name} has lines without a time: decode again")
    counts, quality = {}, {}
    for channel in CHANNELS:
        if f"ch{channel}" in file.variables:
            counts[channel] = _plane(path, file, f"ch{channel}", lines)
            quality[channel] = _plane(path, file, f"ch{channel}_quality", lines)
    if not counts:
        raise InputError(f"{path.name} holds no channel of MSU-MR (ch1 to ch6)")
    return Level1a(
        path=path,
        satellite=str(attributes["satellite"]),
        line_time=line_time,
        counts=counts,
        quality=quality,
        bodies=_bodies(file, [n for n in counts if n >= 4]),
        dark=_dark(file, [n for n in counts if n <= 3]),
        **_positions(file),
        attributes=attributes,
    )


def _plane(path: Path, file: netCDF4.Dataset, name: str, lines: int) -> NDArray[np.uint8]:
    values = np.asarray(file[name][:])
    if values.shape != (lines, COLUMNS) or values.dtype != np.uint8:
        raise InputError(
            f"{path.name}: {name} is {values.dtype} {values.shape}; uint8 ({lines}, {COLUMNS}) is expected"
        )
    return values


def _bodies(file: netCDF4.Dataset, channels: list[int]) -> dict[int, BlackBodies]:
    needed = ("calibration_words", "cold_body_temperature", "hot_body_temperature")
    if any(name not in file.variables for name in needed):
        return {}
    words, cold, hot = (np.asarray(file[name][:], np.float64) for name in needed)
    if words.shape[1:] != (6, 2) or cold.shape[1:] != (3,) or hot.shape[1:] != (3,):
        return {}
    found = {channel: black_bodies(channel, words, cold, hot) for channel in channels}
    return {channel: bodies for channel, bodies in found.items() if bodies is not None}


def _dark(file: netCDF4.Dataset, channels: list[int]) -> dict[int, float]:
    words = (
        np.asarray(file["calibration_words"][:], np.float64)
        if "calibration_words" in file.variables
        else None
    )
    if words is None or words.shape[1:] != (6, 2):
        return dict.fromkeys(channels, 0.0)
    return {channel: dark_word(channel, words) for channel in channels}


def _positions(file: netCDF4.Dataset) -> dict[str, NDArray[np.float64]]:
    """The satellite's own positions; none in files that are older than this variable."""
    time, position = np.zeros(0), np.zeros((0, 3))
    if "position_time" in file.variables and "position" in file.variables:
        told = [np.asarray(file[name][:], np.float64) for name in ("position_time", "position")]
        if told[0].ndim == 1 and told[0].size <= MAX_LINES and told[1].shape == (told[0].size, 3):
            time, position = told
    return {"position_time": time, "position_m": position}


def geolocator(level1a: Level1a, attitude: Attitude | None = None) -> Geolocator | None:
    """The places of a pass's pixels, or None where no orbit is known.

    Raises:
        InputError: the elements are unusable.
    """
    orbit = level1a.orbit
    if not isinstance(orbit, Orbit):
        return None
    instrument = msu_mr()
    chosen = attitude or instrument.attitude(level1a.satellite)
    start, end = float(level1a.line_time.min()), float(level1a.line_time.max())
    return Geolocator(orbit.satrec, instrument, chosen, math.floor(start), math.ceil(end))


def platform_name(satellite: str) -> str:
    """The name by WMO OSCAR's convention, which satpy uses: "METEOR-M2 4" is "Meteor-M-N2-4"."""
    name = satellite.upper().removeprefix("METEOR-M").replace("-", " ").strip()
    return (
        "Meteor-M-N" + name.replace(" ", "-")
        if satellite.upper().startswith("METEOR-M") and name
        else satellite
    )


Progress = Callable[[float], None]
