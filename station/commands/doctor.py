"""`tramthu doctor`: what is missing or wrong, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from station.commands.options import JsonOption, print_json
from station.config import load_config
from station.errors import SYSTEM_FAULT

_MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]look[/]", "wrong": "[red]wrong[/]"}


def doctor(
    config: Annotated[Path | None, typer.Option("-c", "--config", help="Check this station as well.")] = None,
    json: JsonOption = False,
) -> None:
    """Check this machine, and a station with -c; exit status 3 when something needed does not work."""
    from station.doctor import examine

    found = examine(load_config(config) if config else None)
    if json:
        print_json([asdict(check) for check in found])
    else:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table("", "what", "found", "how to mend it")
        for check in found:
            table.add_row(_MARKS[check.state], check.subject, escape(check.said), escape(check.mend))
        Console().print(table)
    raise typer.Exit(SYSTEM_FAULT if any(check.state == "wrong" for check in found) else 0)
