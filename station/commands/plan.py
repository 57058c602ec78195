"""`tramthu plan`: what would be received, by what, and why the rest would not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from station.commands.options import (
    ElementsOption,
    ExplainOption,
    ForceOption,
    IcalOption,
    JsonOption,
    PngOption,
    check_outputs,
    print_json,
    say,
)
from station.commands.where import (
    ConfigsOption,
    DaysOption,
    FromOption,
    SatellitesOption,
    SitesOption,
    asked_stations,
    end_words,
    window_of,
)
from station.config.planning import LOCAL
from station.errors import CatalogueError, StationError, sentence_of

if TYPE_CHECKING:
    from scheduler.plan import Booking, Plan, Rejection
    from station.candidates import Choice
    from station.config import StationConfig
    from station.records import Observation

_REMEMBERED = timedelta(days=7)


def plan(
    *,
    elements: ElementsOption = None,
    site: SitesOption = None,
    config: ConfigsOption = None,
    satellite: SatellitesOption = None,
    start: FromOption = None,
    days: DaysOption = 1.0,
    json: JsonOption = False,
    ical: IcalOption = False,
    png: PngOption = None,
    explain: ExplainOption = False,
    force: ForceOption = False,
) -> None:
    """Plan the recordings of one or several stations together, and say why each other pass is left."""
    check_outputs(png, json=json, ical=ical)
    window = window_of(start, days)
    # The solver is heavy, and no other command needs it.
    from scheduler.plan import Booking, Settings, make_plan
    from station.candidates import choose
    from station.resources import resources_of
    from station.schedule import history_of, standing_in

    asked = asked_stations(site, config, elements, satellite)
    taken = {one.station.name: _in_catalogue(one, window) for one in asked.given}
    history = history_of([o for observations in taken.values() for o in observations])
    choice = choose(asked.stations, asked.sets, window, history=history, force=force)
    _tell_problems(choice)
    fixed, candidates = list[Booking](), choice.candidates
    for one in asked.given:
        stays, candidates = standing_in(one, taken[one.station.name], candidates, window[0])
        fixed += stays
    seconds = max(station.schedule.solver_s for station in asked.configs)
    made = make_plan(
        candidates,
        resources_of(asked.configs, window),
        window[0],
        fixed=fixed,
        fillers=choice.fillers,
        settings=Settings(time_limit_s=seconds),
    )
    if png is not None:
        from products.picture import font
        from scheduler.plan.picture import save_picture

        save_picture(made, png, font, language=asked.configs[0].station.language)
        say(f"drawn: {png}")
    if ical:
        from scheduler.plan.ical import to_ical

        sys.stdout.write(to_ical(made, datetime.now(UTC), language=asked.configs[0].station.language))
    elif json:
        print_json(_as_json(made, explain=explain))
    elif png is None or explain:
        _table(made, several=len(asked.stations) > 1)
        if explain:
            _explain(made)


def _in_catalogue(config: StationConfig, window: tuple[datetime, datetime]) -> list[Observation]:
    """What the station has booked and what it saw lately; nothing where it has never run."""
    from station.catalogue import CATALOGUE_NAME, Catalogue

    if not (config.station.data_dir / CATALOGUE_NAME).exists():
        return []
    try:
        catalogue = Catalogue(config.station.data_dir, read_only=True)
        with closing(catalogue):
            return catalogue.observations(since=window[0] - _REMEMBERED, until=window[1])
    except CatalogueError as error:
        say(f"planned without what is booked: {sentence_of(error)}")
        return []


def _tell_problems(choice: Choice) -> None:
    """Warnings to stderr; where nothing at all is left to plan, the first is the error."""
    if not choice.candidates and not choice.fillers and choice.problems:
        raise StationError(choice.problems[0])
    for problem in choice.problems:
        say(problem)


def _as_json(made: Plan, *, explain: bool) -> dict[str, Any]:
    record = made.to_json()
    if explain:
        for entry, booking in zip(record["bookings"], made.bookings, strict=True):
            entry["explain"] = _reasons(booking)
    return record


def explain_choice(choice: Choice) -> None:
    """Every number of every pass as such, by each antenna that can take it."""
    for candidate in choice.candidates:
        seen = candidate.seen
        why = f": {candidate.refused.words()}" if candidate.refused else ""
        sys.stdout.write(f"{seen.satellite} over {seen.site}, {seen.aos:%Y-%m-%d %H:%M:%S} UTC{why}\n")
        for view in candidate.views:
            sys.stdout.write(f"  by {view.antenna}, value {view.value.total:.3g}\n")
            for line in view.value.explain():
                sys.stdout.write(f"    {line}\n")


def _reasons(booking: Booking) -> list[str]:
    return booking.view.value.explain() if booking.view is not None else []


def _explain(made: Plan) -> None:
    """Every number of every booking, and how the whole stands to the best that could be."""
    out = sys.stdout.write
    out("\n")
    fills = set[str]()
    for booking in made.bookings:
        seen = booking.candidate.seen
        worth = "fills free time" if booking.filler else f"value {booking.value:.3g}"
        out(f"{seen.satellite} over {seen.site}, {_span(booking)}: {worth}\n")
        if booking.filler:
            if booking.candidate.id not in fills:
                fills.add(booking.candidate.id)
                _explain_filler(booking)
            continue
        parts = ", ".join(f"{name} {part:.3g}" for name, part in booking.value_parts.items()) or "nothing"
        out(f"  of the time that is booked, beside what else is booked: {parts}\n")
        out("  of the whole pass, if it were the only one:\n")
        for line in _reasons(booking):
            out(f"    {line}\n")
    out(f"All together are worth {made.value:.4g}, proven to lie within {made.gap:.2%} of the best plan.\n")


def _explain_filler(booking: Booking) -> None:
    """Of all its pieces together, once."""
    sys.stdout.write("  counts nothing beside passes, so it takes no time from any; alone it would be:\n")
    for line in _reasons(booking):
        sys.stdout.write(f"    {line}\n")


def _table(made: Plan, *, several: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    style = {"box": box.SIMPLE_HEAD, "padding": 0, "show_edge": False}
    booked = Table(title="booked", **style)  # type: ignore[arg-type]
    left = Table(title="not taken", **style)  # type: ignore[arg-type]
    sites = ("site",) if several else ()
    for table, names, last in (
        (booked, ("start UTC", "end UTC", "UTC+7", "satellite", *sites), ("by", "max", "value")),
        (left, ("rise UTC", "satellite", *sites), ("max", "why")),
    ):
        for name in names:
            table.add_column(name, no_wrap="UTC" in name, overflow="fold")
        for name in last:
            table.add_column(name, justify="right" if name in ("max", "value") else "left", overflow="fold")
    for booking in made.bookings:
        booked.add_row(*_booked_row(booking, several=several))
    for rejection in made.rejected:
        left.add_row(*_left_row(rejection, several=several))
    for table in (booked, left):
        if table.row_count:
            console.print(table)
    if not made.bookings and not made.rejected:
        console.print("no pass in that time")


def _booked_row(booking: Booking, *, several: bool) -> Sequence[str]:
    seen = booking.candidate.seen
    start, end = (datetime.fromtimestamp(t, UTC) for t in (booking.start, booking.end))
    here = f"{start.astimezone(LOCAL):%H:%M}–{end.astimezone(LOCAL):%H:%M}"
    site = (seen.site,) if several else ()
    high = "all" if booking.filler else f"{seen.max_elevation_deg:.0f}°"
    by = f"{booking.receiver}, {booking.antenna}"
    times = f"{start:%Y-%m-%d %H:%M:%S}", end_words(start, end), here
    return *times, seen.satellite, *site, by, high, "fills" if booking.filler else f"{booking.value:.2f}"


def _left_row(rejection: Rejection, *, several: bool) -> Sequence[str]:
    seen = rejection.candidate.seen
    site = (seen.site,) if several else ()
    time = f"{seen.aos:%Y-%m-%d %H:%M}"
    return time, seen.satellite, *site, f"{seen.max_elevation_deg:.0f}°", rejection.reason.words()


def _span(booking: Booking) -> str:
    start, end = (datetime.fromtimestamp(t, UTC) for t in (booking.start, booking.end))
    return f"{start:%Y-%m-%d %H:%M:%S} to {end_words(start, end)} UTC"
