"""`tramthu passes`: what comes, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from scheduler.elements import Elements, select
from scheduler.errors import SatelliteError
from scheduler.passes import HorizonMask, Pass, Site, find_passes
from scheduler.satellites import all_satellites, satellite
from station.commands.options import (
    ElementsOption,
    ForceOption,
    JsonOption,
    parse_site,
    parse_time,
    print_json,
    read_elements,
    say,
)
from station.config import load_config
from station.errors import StationError
from station.freshness import age_warning


def passes(
    *,
    elements: ElementsOption = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", help='"NAME,LAT,LON,ALT_M", lai-chau or lang-son; repeatable.'),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Take site and elements from it.")
    ] = None,
    satellite: Annotated[
        list[str] | None, typer.Option("--satellite", help="Only these; repeatable.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="ISO 8601; now when left out.")] = None,
    days: Annotated[float, typer.Option(help="How far to look.", min=0.0, max=366.0)] = 1.0,
    min_elevation: Annotated[float, typer.Option(help="Least culmination in degrees.")] = 0.0,
    json: JsonOption = False,
    force: ForceOption = False,
) -> None:
    """List the passes of satellites over one or several sites."""
    first = parse_time(start, "--from") if start else datetime.now(UTC)
    places, sets = _where_and_what(config, site, elements)
    found = []
    for chosen in _chosen(sets, satellite, first):
        if warning := age_warning(chosen, first, force=force):
            say(warning)
        for place, mask in places:
            end = first + timedelta(days=days)
            found += find_passes(chosen, place, first, end, min_elevation_deg=min_elevation, horizon=mask)
    found.sort(key=lambda p: p.aos)
    if json:
        print_json([p.to_json() for p in found])
    else:
        _table(found)


def _where_and_what(
    config: Path | None, sites: list[str] | None, files: list[Path] | None
) -> tuple[list[tuple[Site, HorizonMask | None]], list[Elements]]:
    places: list[tuple[Site, HorizonMask | None]] = [(parse_site(text), None) for text in sites or ()]
    if config is not None:
        station = load_config(config)
        places = places or [(station.station.site, station.station.mask)]
        files = files or list(station.elements.files)
    if not places or not files:
        raise StationError("say where and with what: --site and --elements, or -c station.toml")
    return places, read_elements(files)


def _chosen(sets: list[Elements], names: list[str] | None, at: datetime) -> list[Elements]:
    """The named satellites, or those of the file that we know, or all of it."""
    if names:
        return [select(sets, _number(name), at) for name in names]
    known = {s.norad_id for s in all_satellites() if any(use.on_air for use in s.downlinks)}
    numbers = {e.norad_id for e in sets}
    return [select(sets, number, at) for number in sorted(numbers & known or numbers)]


def _number(name: str) -> str | int:
    try:
        return satellite(name).norad_id
    except SatelliteError:  # one that only the elements know
        return name


def _table(found: list[Pass]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("satellite", "site", "rise (UTC)", "highest", "set", "elevation", "azimuth", "light")
    for p in found:
        azimuths = f"{p.aos_azimuth_deg:3.0f}° → {p.los_azimuth_deg:3.0f}°"
        light = "day" if p.sunlit_fraction > 0.5 else "night"
        times = (f"{p.aos:%Y-%m-%d %H:%M:%S}", f"{p.tca:%H:%M:%S}", f"{p.los:%H:%M:%S}")
        table.add_row(p.satellite, p.site, *times, f"{p.max_elevation_deg:.1f}°", azimuths, light)
    Console().print(table if found else "no pass in that time")
