"""What several commands take: sites, times, elements."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler.elements import Elements, load_elements, select
from scheduler.errors import SatelliteError
from scheduler.passes import Site
from scheduler.satellites import satellite
from station.errors import StationError

SITES = {
    "lai-chau": Site("Lai Châu", 22.40, 103.45, 900.0),
    "lang-son": Site("Lạng Sơn", 21.85, 106.76, 250.0),
}

_YEARS = (1957, 2100)  # since the first satellite, and as far as anybody asks

SiteOption = Annotated[
    str | None, typer.Option("--site", help=f'"NAME,LAT,LON,ALT_M" or one of: {", ".join(SITES)}.')
]
ElementsOption = Annotated[
    list[Path] | None,
    typer.Option("--elements", help="File of orbital elements: TLE, or OMM as JSON, CSV, XML, KVN."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Use elements of any age.")]
IcalOption = Annotated[bool, typer.Option("--ical", help="Print a calendar (iCalendar) on stdout.")]
PngOption = Annotated[
    Path | None, typer.Option(help="Draw timeline and skies into this file, in place of the table.")
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Say how each value comes about.")]
ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="The station's configuration.")]


def parse_site(text: str) -> Site:
    """A site by name, or from "NAME,LAT,LON,ALT_M"."""
    if text in SITES:
        return SITES[text]
    # The name may hold commas itself ("Lai Châu, Việt Nam"), so the numbers are counted from the end.
    name, *numbers = (part.strip() for part in text.rsplit(",", 3))
    try:
        latitude, longitude, altitude = (float(part) for part in (*numbers, *["0"] * (3 - len(numbers) == 1)))
    except ValueError:
        form = '"NAME,LATITUDE,LONGITUDE,ALTITUDE_M"'
        raise StationError(f"--site {text!r} is no site; give {form} or one of: {', '.join(SITES)}") from None
    return Site(name, latitude, longitude, altitude)


def parse_time(text: str, option: str) -> datetime:
    """ISO 8601; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise StationError(
            f"{option} {text!r} is no time; give ISO 8601 such as 2026-02-14T18:37:47Z"
        ) from None
    if not _YEARS[0] <= time.year < _YEARS[1]:
        raise StationError(f"{option} {text!r} lies outside {_YEARS[0]} to {_YEARS[1] - 1}")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def parse_stem(out: Path) -> Path:
    """The stem of a recording's files, whatever of their suffixes it was given with.

    Raises:
        StationError: it names no file.
    """
    name = out.name.removesuffix(".sigmf-data").removesuffix(".sigmf-meta")
    if name in ("", ".."):
        raise StationError(f"--out {str(out)!r} names no file; give a stem such as passes/one")
    return out.with_name(name)


def check_outputs(png: Path | None, *, json: bool, ical: bool) -> None:
    """What cannot be printed or drawn is refused before the work.

    Raises:
        StationError: --json with --ical, or a picture that is called otherwise.
    """
    if json and ical:
        raise StationError("--json and --ical both print on stdout; give one of them")
    check_png("--png", png)


def check_png(option: str, png: Path | None) -> None:
    """StationError for a picture that is called otherwise."""
    if png is not None and png.suffix.lower() != ".png":
        raise StationError(f"{option} {png}: it draws PNG alone; give a name that ends with .png")


def read_elements(files: list[Path]) -> list[Elements]:
    """The sets of all files."""
    return [elements for path in files for elements in load_elements(path)]


def elements_of(files: list[Path], name: str | None, at: datetime | None) -> Elements:
    """The set of one satellite; without a name the files must hold one satellite only."""
    sets = read_elements(files)
    if name is None:
        if len({elements.norad_id for elements in sets}) > 1:
            raise StationError("the elements are of several satellites; say with --satellite which one it is")
        return select(sets, sets[0].norad_id, at)
    return select(sets, number_of(name), at)


def number_of(name: str) -> str | int:
    """Catalogue number of a satellite that is known, else the name as it is: the elements may know it."""
    try:
        return satellite(name).norad_id
    except SatelliteError:
        return name


def say(text: str) -> None:
    """One line for the human, on stderr."""
    sys.stderr.write(f"tramthu: {text}\n")


def print_json(value: Any) -> None:
    """JSON on stdout, as a whole, ending with a newline."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")
