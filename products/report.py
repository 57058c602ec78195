"""What making products gave: plain records, without satpy, for the station and the catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProductFile:
    """One file made.

    kind is "level1b", "picture" (PNG with title and legend), "geotiff" (the data, COG) or "thumbnail" (JPEG).
    bbox is west, south, east, north in degrees (west > east across 180 degrees), None where not geolocated.
    start and end are the first and last line of the pass that lie in the area, or of the whole pass.
    coverage is the fraction of the area's pixels that hold data.
    """

    path: Path
    kind: str
    satellite: str
    start: datetime
    end: datetime
    recipe: str | None
    area: str | None
    bbox: tuple[float, float, float, float] | None
    coverage: float | None
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Skipped:
    """A product that was not made, and why."""

    recipe: str
    area: str
    reason: str


@dataclass(frozen=True)
class GeolocationQuality:
    """How far the places can be trusted: the elements' age and the attitude used; None of it is measured."""

    method: str
    attitude: str
    elements_age_days: float
    expected_error_km: float


@dataclass(frozen=True)
class PassSummary:
    """One level-1a file: what was in it."""

    input: Path
    input_sha256: str
    satellite: str
    start: datetime
    end: datetime
    lines: int
    channels: tuple[int, ...]
    missing_lines: dict[int, int]
    geolocation: GeolocationQuality | None


@dataclass(frozen=True)
class ProductsReport:
    """Everything one run made, skipped, and knew."""

    out: Path
    passes: tuple[PassSummary, ...]
    files: tuple[ProductFile, ...]
    skipped: tuple[Skipped, ...]

    @property
    def exit_status(self) -> int:
        """0 when any picture was made, 1 when nothing was usable."""
        return 0 if any(file.kind == "picture" for file in self.files) else 1

    def to_json(self) -> str:
        """Indented JSON, paths relative to the folder; the same bytes for the same products."""
        table = asdict(self)
        table.pop("out")
        return json.dumps(_plain(table, self.out), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, out: Path) -> ProductsReport:
        """The report back from `products.json` in the folder `out`.

        Raises:
            ValueError: not such a report.
        """
        try:
            table = json.loads(text)
            return cls(
                out=out,
                passes=tuple(_summary(entry, out) for entry in table["passes"]),
                files=tuple(_file(entry, out) for entry in table["files"]),
                skipped=tuple(Skipped(**entry) for entry in table["skipped"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a report of products: {error}") from error


def _plain(value: Any, out: Path) -> Any:
    """JSON's types for paths, times and what holds them."""
    if isinstance(value, Path):
        return str(value.relative_to(out)) if value.is_relative_to(out) else value.name
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {str(key): _plain(part, out) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, out) for part in value]
    return value


def _file(entry: dict[str, Any], out: Path) -> ProductFile:
    bbox = entry.pop("bbox")
    times = {key: datetime.fromisoformat(entry.pop(key)) for key in ("start", "end")}
    return ProductFile(**entry | times | {"path": out / entry["path"], "bbox": tuple(bbox) if bbox else None})


def _summary(entry: dict[str, Any], out: Path) -> PassSummary:
    times = {key: datetime.fromisoformat(entry.pop(key)) for key in ("start", "end")}
    geolocation = entry.pop("geolocation")
    return PassSummary(
        **entry
        | times
        | {
            "input": out / entry["input"],
            "channels": tuple(entry["channels"]),
            "missing_lines": {int(key): count for key, count in entry["missing_lines"].items()},
            "geolocation": GeolocationQuality(**geolocation) if geolocation else None,
        }
    )
