"""`tramthu record`: one observation now. `tramthu inspect`: what a recording holds."""

from __future__ import annotations

import json as json_format
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler.satellites import satellite as satellite_named
from station.commands.options import ConfigOption, JsonOption, elements_of, print_json, say
from station.config import load_config
from station.progress import progress_bar


def record(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Stem of the recording: OUT.sigmf-data, …")],
    *,
    satellite: Annotated[str, typer.Option(help="Whose downlink to tune to.")] = "METEOR-M2 4",
    seconds: Annotated[float, typer.Option(help="How long.", min=0.1)] = 60.0,
) -> None:
    """Record now with the station's receiver; Ctrl-C ends it in order."""
    from station.record import Assignment, record_assignment

    station = load_config(config)
    known = satellite_named(satellite)
    now = datetime.now(UTC)
    assignment = Assignment(
        satellite=known.name,
        frequency_hz=known.downlink().frequency_hz,
        site=station.station.site,
        elements=elements_of(list(station.elements.files), known.name, now),
        start=now,
        end=now + timedelta(seconds=seconds),
        receiver=station.receiver,
        rotator=station.rotator,
    )
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with progress_bar("recording") as told:
        count = record_assignment(assignment, out, stop, told)
    say(f"{count} samples in {out}.sigmf-data")
    raise typer.Exit(0 if count else 1)


def inspect(
    recording: Annotated[Path, typer.Argument(metavar="INPUT", help="A recording.")],
    *,
    format: Annotated[str | None, typer.Option(help="Sample format.")] = None,  # noqa: A002
    rate: Annotated[
        float | None, typer.Option(help="Samples per second, where the file does not say.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a recording holds: format, rate, time, length, gaps."""
    from sdr.recording import open_recording

    with open_recording(recording, format=format, sample_rate=rate) as reader:
        info = reader.info
    table: dict[str, Any] = {
        "path": str(info.path),
        "format": info.format,
        "sample_rate": info.sample_rate,
        "center_frequency_hz": info.center_frequency_hz,
        "start": info.start.isoformat() if info.start else None,
        "sample_count": info.sample_count,
        "seconds": info.sample_count / info.sample_rate if info.sample_count is not None else None,
        "gaps": [vars(gap) for gap in info.gaps],
        "metadata": info.metadata,
    }
    if json:
        print_json(table)
        return
    for key, value in table.items():
        typer.echo(f"{key}: {json_format.dumps(value, ensure_ascii=False, default=str)}")
