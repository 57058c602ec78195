"""`tramthu record`: one observation now."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from scheduler.satellites import satellite as satellite_named
from station.commands.options import ConfigOption, elements_of, say
from station.config import load_config
from station.errors import StationError
from station.progress import progress_bar


def record(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stem of the recording: OUT.sigmf-data, …")],
    *,
    satellite: Annotated[str, typer.Option(help="Whose downlink to tune to.")] = "METEOR-M2 4",
    downlink: Annotated[str | None, typer.Option(help="Which, of several.")] = None,
    receiver: Annotated[str | None, typer.Option(help="With which, of several.")] = None,
    seconds: Annotated[float, typer.Option(help="How long.", min=0.1)] = 60.0,
) -> None:
    """Record now with the station's receiver; Ctrl-C ends it in order."""
    from station.record import Assignment, record_assignment

    station = load_config(config)
    known = satellite_named(satellite)
    use = known.downlink(downlink)
    hearing = station.hearing(use.frequency_hz, use.bandwidth_hz or 0.0)
    by, antenna = next((way for way in hearing if receiver in (None, way[0])), (None, None))
    if by is None or antenna is None:
        raise StationError(
            f"{receiver or 'no receiver'} does not take {use.name} at {use.frequency_hz / 1e6:g} MHz"
        )
    now = datetime.now(UTC)
    assignment = Assignment(
        satellite=known.name,
        frequency_hz=use.frequency_hz,
        site=station.station.site,
        elements=elements_of(list(station.elements.files), known.name, now),
        start=now,
        end=now + timedelta(seconds=seconds),
        receiver=station.receiver(by),
        antenna=station.antenna(antenna),
    )
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with progress_bar("recording") as told:
        count = record_assignment(assignment, out, stop, told)
    say(f"{count} samples in {out}.sigmf-data")
    raise typer.Exit(0 if count else 1)
