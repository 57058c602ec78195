"""What `passes`, `plan` and `track` take: places or stations, elements, satellites, a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.elements import Elements
from scheduler.fetch import ElementStore
from scheduler.satellites import satellite as satellite_named
from station.commands.options import number_of, parse_site, parse_time, read_elements, say
from station.config import StationConfig, load_config
from station.config.planning import LOCAL
from station.element_supply import store_of
from station.errors import StationError

if TYPE_CHECKING:
    from station.candidates import Wanted

SAY_WHERE = "say where and with what: --site and --elements, or -c station.toml"
_DATE_LENGTH = len("2026-07-14")
_MOST_DAYS = 366

SitesOption = Annotated[
    list[str] | None,
    typer.Option("--site", help='"NAME,LAT,LON,ALT_M", lai-chau or lang-son; repeatable.'),
]
ConfigsOption = Annotated[
    list[Path] | None, typer.Option("-c", "--config", help="A station's configuration; repeatable.")
]
SatellitesOption = Annotated[list[str] | None, typer.Option("--satellite", help="Only these; repeatable.")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="ISO 8601, UTC where it has no zone; now when left out.")
]
DaysOption = Annotated[float, typer.Option(help="How far to look, at most 366.")]


@dataclass(frozen=True)
class Asked:
    """Stations, what each wants to hear, and the elements of all; `given` have a file."""

    stations: tuple[tuple[StationConfig, tuple[Wanted, ...]], ...]
    sets: tuple[Elements, ...]
    given: tuple[StationConfig, ...] = ()

    @property
    def configs(self) -> list[StationConfig]:
        """The stations alone."""
        return [station for station, _ in self.stations]


def asked_stations(
    sites: Sequence[str] | None,
    configs: Sequence[Path] | None,
    files: Sequence[Path] | None,
    names: Sequence[str] | None,
) -> Asked:
    """From the options of the command line; what is assumed is told on stderr.

    Raises:
        StationError: nothing to plan for, no elements, or two stations of one name.
    """
    given = [load_config(path) for path in configs or ()]
    if not sites and not given:
        raise StationError(SAY_WHERE)
    sets = elements_for(given, files)
    stations = [(config, _of_config(config, names or ())) for config in given]
    places = [parse_site(text) for text in sites or ()]
    if places:
        from station.commands.assumed import ASSUMED, assumed_station, wanted_of

        wanted, said = wanted_of(sets, names or ())
        for text in (ASSUMED, *said):
            say(text)
        stations += [(assumed_station(place), tuple(wanted)) for place in places]
    called = [station.station.name for station, _ in stations]
    for name in called:
        if called.count(name) > 1:
            raise StationError(f"two stations are called {name!r}; give each its own name")
    return Asked(tuple(stations), tuple(sets), tuple(given))


def elements_for(configs: Sequence[StationConfig], files: Sequence[Path] | None) -> list[Elements]:
    """The sets of the given files; without any those that the stations name, and keep of their sources.

    Raises:
        StationError: there are none.
    """
    named = files or [path for config in configs for path in config.elements.files]
    sets = read_elements(list(dict.fromkeys(named)))
    stores = [] if files else [store_of(config) for config in configs]
    sets += [kept for store in stores if store.is_dir() for kept in ElementStore(store).elements()]
    if sets:
        return sets
    if not configs:
        raise StationError(SAY_WHERE)
    raise StationError(
        "no source of the station has given elements yet; `tramthu elements -c station.toml --refresh` asks "
        "them, or give --elements FILE"
    )


def window_start(start: str | None) -> datetime:
    """The time of `--from`, or now; that a clock time without a zone is UTC is told."""
    if not start:
        return datetime.now(UTC)
    first = parse_time(start, "--from")
    if len(start.strip()) > _DATE_LENGTH and datetime.fromisoformat(start).tzinfo is None:
        say(f"--from {start} has no zone and is UTC, {first.astimezone(LOCAL):%H:%M} in Việt Nam")
    return first


def window_of(start: str | None, days: float) -> tuple[datetime, datetime]:
    """From `--from` (or now) so many days on.

    Raises:
        StationError: no time, or no length.
    """
    if not 0 < days <= _MOST_DAYS:
        raise StationError(f"--days {days:g}: give more than 0 and at most {_MOST_DAYS}")
    first = window_start(start)
    return first, first + timedelta(days=days)


def end_words(start: datetime, end: datetime) -> str:
    """The clock time of an end, and how many days later than the start it is."""
    days = (end.date() - start.date()).days
    return f"{end:%H:%M:%S}" + (f" +{days}d" if days else "")


def _of_config(config: StationConfig, names: Sequence[str]) -> tuple[Wanted, ...]:
    """What the configuration wants, of the named satellites where some are named."""
    from station.candidates import Wanted

    numbers = {number_of(name) for name in names}
    found = tuple(
        Wanted.of(section)
        for section in config.satellite
        if not names or satellite_named(section.name).norad_id in numbers
    )
    if not found:
        have = ", ".join(section.name for section in config.satellite)
        raise StationError(f"{config.station.name} observes none of {', '.join(names)}; it observes: {have}")
    return found
