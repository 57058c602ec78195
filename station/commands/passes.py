"""`tramthu passes`: what comes, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
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

_VIETNAM = timezone(timedelta(hours=7))


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
    from rich import box
    from rich.console import Console
    from rich.table import Table

    # 80 columns hold it: what repeats stands in the title, and what folds is a name, never a time.
    sites = {p.site for p in found}
    title = f"{next(iter(sites))}, times of rise and set" if len(sites) == 1 else "times of rise and set"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name in ("satellite", "site")[: 2 if len(sites) > 1 else 1]:
        table.add_column(name, overflow="fold")
    for name in ("rise UTC", "set UTC", "UTC+7", "max", "azimuth", "light"):
        table.add_column(name, no_wrap=True, justify="right" if name == "max" else "left")
    for p in found:
        names = (p.satellite, p.site)[: 2 if len(sites) > 1 else 1]
        azimuths = f"{p.aos_azimuth_deg:.0f}→{p.los_azimuth_deg:.0f}°"
        light = "day" if p.sunlit_fraction > 0.5 else "night"
        local = f"{p.aos.astimezone(_VIETNAM):%H:%M}–{p.los.astimezone(_VIETNAM):%H:%M}"
        times = (f"{p.aos:%Y-%m-%d %H:%M:%S}", f"{p.los:%H:%M:%S}", local)
        table.add_row(*names, *times, f"{p.max_elevation_deg:.0f}°", azimuths, light)
    Console().print(table if found else "no pass in that time")
