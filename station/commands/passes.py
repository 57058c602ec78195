"""`tramthu passes`: what comes, and when."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scheduler.elements import Elements, select
from scheduler.errors import ElementsError
from scheduler.passes import HorizonMask, Pass, Site, find_all_passes
from scheduler.satellites import all_satellites
from station.commands.options import (
    ElementsOption,
    ExplainOption,
    ForceOption,
    IcalOption,
    JsonOption,
    PngOption,
    check_outputs,
    number_of,
    parse_site,
    print_json,
    say,
)
from station.commands.where import (
    SAY_WHERE,
    ConfigsOption,
    DaysOption,
    FromOption,
    SatellitesOption,
    SitesOption,
    asked_stations,
    elements_for,
    end_words,
    window_of,
)
from station.config import load_config
from station.config.planning import LOCAL
from station.errors import StationError
from station.freshness import USUAL, Limits, age_warning


def passes(
    *,
    elements: ElementsOption = None,
    site: SitesOption = None,
    config: ConfigsOption = None,
    satellite: SatellitesOption = None,
    start: FromOption = None,
    days: DaysOption = 1.0,
    min_elevation: Annotated[float, typer.Option(help="Least culmination in degrees, below 90.")] = 0.0,
    json: JsonOption = False,
    ical: IcalOption = False,
    png: PngOption = None,
    explain: ExplainOption = False,
    force: ForceOption = False,
) -> None:
    """List the passes of satellites over one or several sites."""
    check_outputs(png, json=json, ical=ical)
    if not -90 < min_elevation < 90:
        raise StationError(f"--min-elevation {min_elevation:g}: give an angle between -90 and 90")
    first, end = window_of(start, days)
    places, sets, limits = _where_and_what(config, site, elements)
    chosen = _chosen(sets, satellite, first)
    warnings = [age_warning(one, first, limit, force=force) for one in chosen for limit in limits]
    for warning in filter(None, dict.fromkeys(warnings)):
        say(warning)
    search = find_all_passes(chosen, places, first, end, min_elevation_deg=min_elevation)
    for problem in search.problems:
        say(problem)
    if search.problems and not search.passes:
        raise ElementsError(search.problems[0])
    found = list(search.passes)
    if png is not None:
        _draw(found, png)
        say(f"drawn: {png}")
    if ical:
        from station.pass_calendar import passes_calendar

        sys.stdout.write(passes_calendar(found, datetime.now(UTC)))
    elif json:
        print_json([p.to_json() for p in found])
    elif png is None:
        _table(found)
    if explain and not (json or ical):
        from station.candidates import choose
        from station.commands.plan import explain_choice

        asked = asked_stations(site, config, elements, satellite)
        explain_choice(choose(asked.stations, asked.sets, (first, end), force=force))


def _where_and_what(
    configs: list[Path] | None, sites: list[str] | None, files: list[Path] | None
) -> tuple[list[tuple[Site, HorizonMask | None]], list[Elements], list[Limits]]:
    """Places, elements, and how old those may be: as each configuration says."""
    stations = [load_config(path) for path in configs or ()]
    places = [(station.station.site, station.station.mask) for station in stations]
    places += [(parse_site(text), None) for text in sites or ()]
    if not places:
        raise StationError(SAY_WHERE)
    limits = [station.elements.limits for station in stations] or [USUAL]
    return places, elements_for(stations, files), list(dict.fromkeys(limits))


def _chosen(sets: list[Elements], names: list[str] | None, at: datetime) -> list[Elements]:
    """The named satellites, or those of the file that we know, or all of it."""
    if names:
        return [select(sets, number_of(name), at) for name in names]
    known = {s.norad_id for s in all_satellites() if any(use.on_air for use in s.downlinks)}
    numbers = {e.norad_id for e in sets}
    return [select(sets, number, at) for number in sorted(numbers & known or numbers)]


def _draw(found: list[Pass], path: Path) -> None:
    """As the plan is drawn of a station that could take them all."""
    from products.picture import font
    from scheduler.plan import Booking, Candidate, Plan
    from scheduler.plan.picture import save_picture

    bookings = tuple(
        Booking(
            Candidate(f"{p.site}/{p.norad_id}@{p.aos}", p, p.site, p.satellite, ()),
            receiver="passes",
            antenna="",
            start=int(p.aos.timestamp()),
            end=math.ceil(p.los.timestamp()),
            center_hz=0.0,
            filler=not p.complete,
        )
        for p in found
    )
    save_picture(Plan(bookings, (), 0.0, 0.0), path, font, title="passes")


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
        local = f"{p.aos.astimezone(LOCAL):%H:%M}–{p.los.astimezone(LOCAL):%H:%M}"
        times = (f"{p.aos:%Y-%m-%d %H:%M:%S}", end_words(p.aos, p.los), local)
        table.add_row(*names, *times, *_seen_words(p))
    Console().print(table if found else "no pass in that time")


def _seen_words(p: Pass) -> tuple[str, str, str]:
    """Height, azimuths, light; what stays in sight (GK-2A, by day and by night) has no rise and no set."""
    if not p.complete and abs(p.los_azimuth_deg - p.aos_azimuth_deg) < 1:
        light = "both" if 0 < p.sunlit_fraction < 1 else "day" if p.sunlit_fraction else "night"
        return f"{p.max_elevation_deg:.0f}°", f"{p.aos_azimuth_deg:.0f}°, stays", light
    azimuths = f"{p.aos_azimuth_deg:.0f}→{p.los_azimuth_deg:.0f}°"
    return f"{p.max_elevation_deg:.0f}°", azimuths, "day" if p.sunlit_fraction > 0.5 else "night"
