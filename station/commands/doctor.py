"""`tramthu doctor`: what is missing or wrong, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.commands.options import JsonOption, print_json
from station.config import load_config
from station.errors import SYSTEM_FAULT

if TYPE_CHECKING:
    from station.doctor import Check

_MARKS = {"ok": ("ok", "green"), "warn": ("look", "yellow"), "wrong": ("wrong", "red")}


def doctor(
    config: Annotated[Path | None, typer.Option("-c", "--config", help="Check this station as well.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out how fast downlinks are decoded, which takes seconds.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check this machine, and a station with -c; exit status 3 when something needed does not work."""
    from station.doctor import examine

    found = list(examine(load_config(config) if config else None, quick=quick))
    if json:
        print_json([asdict(check) for check in found])
    else:
        _print(found)
    raise typer.Exit(SYSTEM_FAULT if any(check.state == "wrong" for check in found) else 0)


def _print(found: list[Check]) -> None:
    """Lines and no table, so that commands can be copied as they stand."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for check in found:
        word, colour = _MARKS[check.state]
        console.print(Text(f"{word:6}", style=colour), Text(f"{check.subject}: {check.said}"))
        if check.mend:
            console.print(Text(f"       to mend it: {check.mend}"))
    wrong, look = (sum(check.state == state for check in found) for state in ("wrong", "warn"))
    console.print(Text(f"{wrong} wrong, {look} to look at, {len(found) - wrong - look} ok"))
