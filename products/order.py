"""What is asked for, and the passes it is asked of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from products.definitions import LANGUAGES, AreaEntry, Recipe, chosen
from products.definitions import areas as known_areas
from products.definitions import recipes as known_recipes
from products.errors import OutputError, ProductError
from products.geolocation import Geolocator
from products.instrument import Attitude, msu_mr
from products.level1a import Level1a, geolocator, read_level1a
from products.orbit import Orbit, epoch_posix
from products.overlay import boundary_lines
from products.report import GeolocationQuality, PassSummary


@dataclass(frozen=True)
class Order:
    """What was asked for; boundaries are lines in degrees."""

    out: Path
    areas: tuple[AreaEntry, ...]
    recipes: tuple[Recipe, ...]
    boundaries: tuple[NDArray[np.float64], ...]
    language: str
    attitude: str | None


@dataclass(frozen=True)
class Pass:
    """A level-1a file with what every product of it needs."""

    level1a: Level1a
    sha256: str
    geolocator: Geolocator | None
    summary: PassSummary
    stem: str


def parse_order(
    out: Path,
    *,
    areas: Sequence[str] | None,
    recipes: Sequence[str] | None,
    boundaries: Path | None,
    language: str,
    attitude: str | None,
) -> Order:
    """Names to definitions, and the folder made.

    Raises:
        ProductError: an unknown name; the nearest is told.
        InputError: the boundaries are no GeoJSON.
        OutputError: the folder cannot be made.
    """
    if language not in LANGUAGES:
        raise ProductError(f"unknown language {language!r}; known are {', '.join(LANGUAGES)}")
    if attitude is not None:
        chosen([attitude], msu_mr().attitudes, "attitude")
    order = Order(
        out=out,
        areas=tuple(chosen(areas, known_areas(), "area")),
        recipes=tuple(chosen(recipes, known_recipes(), "recipe")),
        boundaries=boundary_lines(boundaries) if boundaries else (),
        language=language,
        attitude=attitude,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be made: {error.strerror}; choose another --out") from error
    return order


def open_pass(path: Path, order: Order) -> Pass:
    """Read a level-1a file and prepare its places.

    Raises:
        InputError: the file or its elements are unusable.
    """
    level1a = read_level1a(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    instrument = msu_mr()
    attitude = (
        instrument.attitudes[order.attitude] if order.attitude else instrument.attitude(level1a.satellite)
    )
    locator = geolocator(level1a, attitude)
    times = (level1a.line_time.min(), level1a.line_time.max())
    start, end = (datetime.fromtimestamp(float(time), UTC) for time in times)
    summary = PassSummary(
        input=path,
        input_sha256=sha256,
        satellite=level1a.satellite,
        start=start,
        end=end,
        lines=level1a.line_time.size,
        channels=tuple(level1a.counts),
        missing_lines=level1a.missing_lines,
        geolocation=_quality(level1a, attitude),
    )
    safe = "".join(c if c.isalnum() or c in "-.+" else "_" for c in level1a.satellite)
    return Pass(level1a, sha256, locator, summary, f"{safe}_{start:%Y%m%dT%H%M%SZ}")


def _quality(level1a: Level1a, attitude: Attitude) -> GeolocationQuality | None:
    orbit = level1a.orbit
    if not isinstance(orbit, Orbit):
        return None
    age_days = float(level1a.line_time.mean() - epoch_posix(orbit.satrec)) / 86400
    error_km = orbit.error_km + orbit.error_km_per_day * abs(age_days) + attitude.error_km
    return GeolocationQuality(
        method=f"{orbit.source}; SGP4, nominal scan, WGS 84 at height 0",
        attitude=f"{attitude.maturity}: {attitude.source}",
        elements_age_days=round(age_days, 3),
        expected_error_km=round(error_km, 1),
    )
