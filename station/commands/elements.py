"""`tramthu elements`: the orbital elements that are kept, how good they are, and what was not let in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.element_history import LineFile
from scheduler.errors import ElementsError
from scheduler.fetch import ElementStore
from scheduler.satellites import satellite
from station.alone import daemon_works_in
from station.commands.options import ConfigOption, JsonOption, number_of, print_json, say
from station.config import StationConfig, load_config
from station.element_supply import ask_to_release, sources_of, store_of, wanted_ids
from station.errors import StationError
from station.freshness import age_warning, expected_late_s

if TYPE_CHECKING:
    from scheduler.elements import Elements


def elements(
    *,
    config: ConfigOption,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the sources of the station now.")] = False,
    release: Annotated[
        str | None, typer.Option(help="Let the newest set of this satellite in that lies in quarantine.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the orbital elements that are kept, and those in quarantine with the reason."""
    station, now = load_config(config), datetime.now(UTC)
    works, folder = daemon_works_in(station.station.data_dir), store_of(station)
    if refresh and works:
        raise StationError("the daemon works and asks the sources itself; what they say is in health.json")
    store = ElementStore(folder)
    if refresh:
        report = store.refresh(sources_of(station), wanted_ids(station), now)
        for one in report.sources:
            say(f"{one.source}: {one.outcome}{f': {one.said}' if one.said else ''}")
        for problem in dict.fromkeys(report.problems):
            say(problem)
    if release is not None:
        _release(store, folder, release, now, works=works)
    rows = [_row(station, store, folder, number, now) for number in wanted_ids(station)]
    if json:
        print_json(rows)
    else:
        _table(rows)


def _release(store: ElementStore, folder: Path, name: str, now: datetime, *, works: bool) -> None:
    """By the daemon where one works, as it alone writes to the store then."""
    number = number_of(int(name) if name.isdigit() else name)  # type: ignore[arg-type]
    if not isinstance(number, int):
        raise StationError(f"--release {name!r}: no such satellite; give its catalogue number")
    if works:
        if not store.quarantine(number):
            raise ElementsError(f"no set of satellite {number} is in quarantine")
        ask_to_release(folder, number)
        say(f"{number}: the daemon lets it in when it plans next")
        return
    taken = store.release(number, now)
    say(f"{taken.name} ({number}): the set of {taken.epoch:%Y-%m-%d %H:%M} UTC is let in")


def _row(
    station: StationConfig, store: ElementStore, folder: Path, number: int, now: datetime
) -> dict[str, Any]:
    held = next((e for e in store.elements() if e.norad_id == number), None)
    row: dict[str, Any] = {"satellite": satellite(number).name, "norad_id": number, "epoch": None}
    if held is not None:
        row |= {
            "epoch": held.epoch.isoformat().replace("+00:00", "Z"),
            "age_days": round(held.age_days(now), 2),
            "timing_error_s": round(expected_late_s(held, now), 1),
            "source": _source(folder, held),
        }
    state, said = _judged(station, held, now)
    waiting = [r for r in store.quarantine(number) if held is None or r.elements.epoch > held.epoch]
    quarantine = [
        {
            "epoch": r.elements.epoch.isoformat().replace("+00:00", "Z"),
            "source": r.source,
            "reason": r.reason,
        }
        for r in waiting
    ]
    return row | {"state": state, "said": said, "quarantine": quarantine}


def _judged(station: StationConfig, held: Elements | None, now: datetime) -> tuple[str, str]:
    if held is None:
        return "absent", "no source has given a set yet; add --refresh, or start the daemon"
    try:
        said = age_warning(held, now, station.elements.limits)
    except ElementsError as error:
        return "refused", str(error)
    return ("old" if said else "good"), said


def _source(folder: Path, held: Elements) -> str:
    records = LineFile(folder / "sets" / f"{held.norad_id}.txt").records
    return next((r.source for r in reversed(records) if r.elements.epoch == held.epoch), "")


def _table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(title="orbital elements", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name in ("satellite", "number", "epoch UTC", "days", "± s", "state", "from"):
        table.add_column(name, justify="right" if name in ("days", "± s") else "left", overflow="fold")
    for row in rows:
        known = row["epoch"] is not None
        numbers = (f"{row['age_days']:.1f}", f"{row['timing_error_s']:g}") if known else ("", "")
        epoch, source = (row["epoch"][:16].replace("T", " "), escape(row["source"])) if known else ("", "")
        table.add_row(row["satellite"], str(row["norad_id"]), epoch, *numbers, row["state"], source)
    console.print(table)
    for row in rows:
        if row["said"]:
            console.print(f"{row['satellite']}: {row['said']}", markup=False)
        for refused in row["quarantine"]:
            words = f"{refused['epoch'][:16].replace('T', ' ')} from {refused['source']}: {refused['reason']}"
            console.print(f"{row['satellite']}: in quarantine: {words}", markup=False)
