"""From the catalogue to what a page shows: plain records, so that templates only lay out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from products.definitions import areas, recipes
from products.report import ProductFile, ProductsReport
from station.records import FileEntry, Observation
from station.self_test_history import result_in
from station.web.sentences import decimals_in, said_in
from station.web.texts import all_texts, both_times, size_text


@dataclass(frozen=True)
class Picture:
    """A finished picture of an area, as the gallery shows it."""

    title: str
    area: str
    url: str


@dataclass(frozen=True)
class MapLayer:
    """A picture that can be laid on the map; bounds are [[south, west], [north, east]] in degrees.

    `legend` holds (text, #rrggbb) from the lowest value to the highest, nothing for a colour composite.
    """

    id: str
    label: str
    tiles: str
    bounds: tuple[tuple[float, float], tuple[float, float]]
    legend: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """An observation in the list."""

    name: str
    satellite: str
    time: str
    elevation: str
    state: str
    state_text: str
    reason: str
    frames: int | None
    thumbnail: str | None


@dataclass(frozen=True)
class Step:
    """A job in words."""

    title: str
    state: str
    state_text: str
    reason: str
    ended: str


@dataclass(frozen=True)
class SegmentRow:
    """What was decoded of a segment of a recording without end."""

    name: str
    time: str
    seconds: str
    frames: int
    lost: int


@dataclass(frozen=True)
class Download:
    """A file to fetch."""

    name: str
    url: str
    size: str


@dataclass(frozen=True)
class Detail:
    """Everything on the page of one observation."""

    card: Card
    steps: tuple[Step, ...]
    facts: tuple[tuple[str, str], ...]
    segments: tuple[SegmentRow, ...]
    layers: tuple[MapLayer, ...]
    pictures: tuple[Picture, ...]
    downloads: tuple[Download, ...]


def files_by_name(observation: Observation) -> dict[str, FileEntry]:
    """Files by their place below the observation's folder: the page hands out these and no others."""
    folder = observation.folder.resolve()
    places = ((file.path.resolve(), file) for file in observation.files)
    return {
        place.relative_to(folder).as_posix(): file for place, file in places if place.is_relative_to(folder)
    }


def products_of(observation: Observation) -> ProductsReport | None:
    """What was made of an observation, of its newest segment first; None before its pictures are there."""
    paths = [file.path for file in observation.files if file.path.name == "products.json"]
    reports = []
    for path in sorted(paths, key=lambda path: (len(str(path)), str(path)), reverse=True):
        with suppress(OSError, ValueError):
            reports.append(ProductsReport.from_json(path.read_text(encoding="utf-8"), path.parent))
    if not reports:
        return None
    return ProductsReport(
        reports[0].out,
        tuple(one for report in reports for one in report.passes),
        tuple(one for report in reports for one in report.files),
        tuple(one for report in reports for one in report.skipped),
    )


def card(observation: Observation, language: str) -> Card:
    """The observation as the list shows it."""
    text = all_texts()[language]
    decoded = _decoded(observation)
    report = products_of(observation)
    thumbnails = [file for file in report.files if file.kind == "thumbnail"] if report else []
    return Card(
        name=observation.name,
        satellite=observation.satellite,
        time=both_times(observation.tca),
        elevation=f"{observation.max_elevation_deg:.0f}°",
        state=observation.state,
        state_text=text.get(observation.state, observation.state),
        reason=said_in(language, next((job.reason for job in observation.jobs if job.state == "failed"), "")),
        frames=_number(decoded, "frames", "good"),
        thumbnail=_urls(observation).get(thumbnails[0].path.resolve()) if thumbnails else None,
    )


def detail(observation: Observation, language: str) -> Detail:
    """The observation as its own page shows it."""
    report, urls = products_of(observation), _urls(observation)
    return Detail(
        card=card(observation, language),
        steps=tuple(_steps(observation, language)),
        facts=tuple(_facts(observation, language)),
        segments=tuple(_segments(observation)),
        layers=tuple(_layers(urls, report, language)) if report else (),
        pictures=tuple(_pictures(urls, report, language)) if report else (),
        downloads=tuple(
            Download(name, _url_of_name(observation, name), size_text(file.bytes, language))
            for name, file in sorted(files_by_name(observation).items())
        ),
    )


def scale_of(observation: Observation, path: Path) -> tuple[tuple[float, str], ...] | None:
    """Colours of a GeoTIFF of this observation; None when it carries its own."""
    report = products_of(observation)
    for file in report.files if report else ():
        if file.path.name == path.name and file.path.resolve() == path.resolve():
            recipe = recipes().get(file.recipe or "")
            return recipe.scale or None if recipe else None
    return None


def _steps(observation: Observation, language: str) -> list[Step]:
    text = all_texts()[language]
    return [
        Step(
            title=text[job.step],
            state=job.state,
            state_text=text[job.state],
            reason=said_in(language, job.reason),
            ended=both_times(job.ended) if job.ended else "",
        )
        for job in observation.jobs
    ]


def _facts(observation: Observation, language: str) -> list[tuple[str, str]]:
    text = all_texts()[language]
    facts = [
        (text["time"], f"{both_times(observation.aos)} – {both_times(observation.los)}"),
        (text["highest"], decimals_in(language, f"{observation.max_elevation_deg:.1f}°")),
        (
            text["signal"],
            f"{observation.downlink}, " + decimals_in(language, f"{observation.frequency_hz / 1e6:.3f} MHz"),
        ),
    ]
    if (tested := result_in(observation.folder)) is not None:
        said = " · ".join(said_in(language, finding["words"][language]) for finding in tested["findings"])
        facts.append((text["self_test"], said or text["as_usual"]))
    decoded = _decoded(observation)
    counts = {key: _number(decoded, "frames", key) for key in ("good", "corrected", "failed", "lost")}
    if counts["good"] is not None:
        told = [f"{text[key]} {counts[key]}" for key in ("corrected", "failed", "lost") if counts[key]]
        facts.append((text["frames_long"], " · ".join([str(counts["good"]), *told])))
    return facts


def _segments(observation: Observation) -> list[SegmentRow]:
    """The newest first."""
    told = _mapping(observation.job("decode").result or {}, "segments").get("newest", ())
    return [
        SegmentRow(
            name=one["name"],
            time=both_times(datetime.fromisoformat(one["start"])) if one["start"] else "",
            seconds=f"{one['seconds']:.0f} s",
            frames=one["frames"]["good"] or 0,
            lost=(one["frames"]["lost"] or 0) + (one["frames"]["failed"] or 0),
        )
        for one in reversed(told)
    ]


def _layers(urls: Mapping[Path, str], report: ProductsReport, language: str) -> list[MapLayer]:
    layers = []
    for file in _sorted(report, "geotiff"):
        if file.bbox is None or (url := urls.get(file.path.resolve())) is None:
            continue
        west, south, east, north = file.bbox
        layers.append(
            MapLayer(
                id=file.path.name,
                label=f"{_recipe_title(file, language)} · {_area_title(file, language)}",
                tiles=url.replace("/files/", "/tiles/", 1) + "/{z}/{x}/{y}.png",
                # A swath across the date line: Leaflet wants longitudes that rise.
                bounds=((south, west), (north, east if east > west else east + 360)),
                legend=_legend(file, language),
            )
        )
    return layers


def _legend(file: ProductFile, language: str) -> tuple[tuple[str, str], ...]:
    recipe = recipes().get(file.recipe or "")
    if recipe is None or not recipe.scale:
        return ()
    return tuple(
        (decimals_in(language, _value_text(value, recipe.unit or "")), colour)
        for value, colour in recipe.scale
    )


def _value_text(value: float, unit: str) -> str:
    return f"{value:.0f} K ({round(value - 273.15)} °C)" if unit == "K" else f"{value:g} {unit}".strip()


def _pictures(urls: Mapping[Path, str], report: ProductsReport, language: str) -> list[Picture]:
    return [
        Picture(_recipe_title(file, language), _area_title(file, language), url)
        for file in _sorted(report, "picture")
        if (url := urls.get(file.path.resolve())) is not None
    ]


def _sorted(report: ProductsReport, kind: str) -> list[ProductFile]:
    """Files of one kind in the order of areas and recipes as they are defined."""
    area_order, recipe_order = list(areas()), list(recipes())

    def place(file: ProductFile) -> tuple[int, int]:
        area = area_order.index(file.area) if file.area in area_order else len(area_order)
        recipe = recipe_order.index(file.recipe) if file.recipe in recipe_order else len(recipe_order)
        return area, recipe

    return sorted((file for file in report.files if file.kind == kind), key=place)


def _recipe_title(file: ProductFile, language: str) -> str:
    recipe = recipes().get(file.recipe or "")
    return recipe.title[language] if recipe else file.recipe or ""


def _area_title(file: ProductFile, language: str) -> str:
    area = areas().get(file.area or "")
    return area.title[language] if area else file.area or ""


def _urls(observation: Observation) -> dict[Path, str]:
    """Addresses of the catalogued files by their place; no other has one."""
    return {
        observation.folder.resolve() / name: _url_of_name(observation, name)
        for name in files_by_name(observation)
    }


def _url_of_name(observation: Observation, name: str) -> str:
    return f"/files/{quote(observation.name, safe='')}/{quote(name)}"


def _decoded(observation: Observation) -> Mapping[str, Any]:
    """The decoder's report as the catalogue holds it, without its columns per frame."""
    return _mapping(observation.job("decode").result or {}, "report")


def _mapping(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, Mapping) else {}


def _number(table: Mapping[str, Any], section: str, key: str) -> int | None:
    value = _mapping(table, section).get(key)
    return value if isinstance(value, int) else None


def as_json(observation: Observation) -> dict[str, Any]:
    """The observation for programs: names, times in UTC, states, files with hashes."""
    moments: dict[str, datetime] = {key: getattr(observation, key) for key in ("aos", "tca", "los")}
    return {
        "name": observation.name,
        "satellite": observation.satellite,
        "norad_id": observation.norad_id,
        "downlink": observation.downlink,
        **{key: moment.isoformat().replace("+00:00", "Z") for key, moment in moments.items()},
        "max_elevation_deg": observation.max_elevation_deg,
        "state": observation.state,
        "jobs": [
            {"step": job.step, "state": job.state, "reason": job.reason, "result": job.result or {}}
            for job in observation.jobs
        ],
        "files": [
            {"url": _url_of_name(observation, name), "bytes": file.bytes, "sha256": file.sha256}
            for name, file in sorted(files_by_name(observation).items())
        ],
    }


def read_json(path: Path) -> dict[str, Any] | None:
    """A small JSON object from a file of the station; None when it is absent or broken.

    NaN and infinities, which are no JSON and no browser reads, become None.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except (OSError, ValueError, RecursionError):
        return None
    return table if isinstance(table, dict) else None
