"""`tramthu decode`: a recording, or what another program made of it, to frames and image data."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.commands.options import (
    ElementsOption,
    ForceOption,
    JsonOption,
    SiteOption,
    elements_of,
    parse_site,
    parse_time,
    print_json,
    say,
)
from station.errors import StationError
from station.freshness import age_warning
from station.progress import LAG_SUFFIX, progress_bar, progress_file

if TYPE_CHECKING:
    from decoders.decode import DecodeRequest
    from decoders.report import DecodeReport

LEVELS = ("iq", "soft", "hard", "cadu", "vcdu")
FORMATS = ("cf32", "cs16", "cu8", "cs8", "wav", "sigmf")


def decode(
    recording: Annotated[Path, typer.Argument(metavar="INPUT", help="A recording; may be gzip'd.")],
    downlink: Annotated[str, typer.Option(help="Name of the downlink, such as meteor_lrpt.")],
    out: Annotated[Path, typer.Option(help="Folder for frames.cadu, report.json and the image data.")],
    *,
    format: Annotated[  # noqa: A002 - the option's fixed name
        str | None, typer.Option(help=f"Sample format: {', '.join(FORMATS)}.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Samples per second, where the file does not say.")
    ] = None,
    level: Annotated[str, typer.Option(help=f"What the input holds: {', '.join(LEVELS)}.")] = "iq",
    start: Annotated[str | None, typer.Option(help="Time of the first sample, ISO 8601.")] = None,
    satellite: Annotated[str | None, typer.Option(help="Name of the satellite.")] = None,
    elements: ElementsOption = None,
    site: SiteOption = None,
    tap: Annotated[list[str] | None, typer.Option(help="Write what a stage gives, by its name.")] = None,
    channel: Annotated[
        float | None, typer.Option(metavar="HZ", help="Carrier of the downlink within a wide recording, Hz.")
    ] = None,
    by_segment: Annotated[
        bool,
        typer.Option("--by-segment", help="Each segment of a recording into a folder of its own below OUT."),
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Follow a recording that still grows.")] = False,
    json: JsonOption = False,
    force: ForceOption = False,
) -> None:
    """Decode INPUT into OUT: frames.cadu, report.json and level-1a files."""
    _one_of("--level", level, LEVELS)
    if format is not None:
        _one_of("--format", format, FORMATS)
    began = parse_time(start, "--start") if start else None
    from decoders.decode import DecodeRequest
    from decoders.decode import decode as decode_input

    orbit = _orbit(elements, satellite, began or _recorded_start(recording, level, format), force=force)
    request = DecodeRequest(
        input=recording,
        downlink=downlink,
        out=out,
        format=format,
        sample_rate=rate,
        level=level,
        start=began,
        satellite=satellite or (str(orbit["OBJECT_NAME"]) if orbit else None),
        elements=orbit,
        station=_station(site),
        taps=tuple(tap or ()),
        follow=follow,
        channel_hz=channel,
    )
    if by_segment:
        if json:
            raise StationError("--json prints one report; with --by-segment there is one in each folder")
        raise typer.Exit(_by_segment(request))
    with progress_bar("decoding") as told:
        report = decode_input(request, progress=told, lag=progress_file(LAG_SUFFIX))
    _print(report, out, as_json=json)
    raise typer.Exit(report.exit_status)


def _by_segment(request: DecodeRequest) -> int:
    """Decode what is not decoded yet; 0 when frames came out of any segment."""
    from decoders.by_segment import decode_segments, is_done
    from station.attempts import report_of

    done = [report_of(folder) or {} for folder in request.out.glob("*") if is_done(folder)]
    if done:
        say(f"{len(done)} segments in {request.out} are decoded already")
    status = min((report.get("exit_status", 1) for report in done), default=1)
    for report in decode_segments(request, lag=progress_file(LAG_SUFFIX)):
        say(f"{report.run['input']}: {report.messages[0]}")
        status = min(status, report.exit_status)
    return status


def _print(report: DecodeReport, out: Path, *, as_json: bool) -> None:
    path = out / "report.json"
    if as_json:
        from json import loads

        print_json(loads(path.read_text("utf-8")))
        return
    for message in report.messages:
        say(message)
    say(f"{path} tells more")


def _orbit(
    files: list[Path] | None, satellite: str | None, at: datetime | None, *, force: bool
) -> dict[str, Any] | None:
    if not files:
        return None
    chosen = elements_of(files, satellite, at)
    if at is not None and (warning := age_warning(chosen, at, force=force)):
        say(warning)
    return dict(chosen.to_omm())


def _recorded_start(recording: Path, level: str, fmt: str | None) -> datetime | None:
    """What the recording says of its time; its faults are for the decoder to tell."""
    if level != "iq":
        return None
    from sdr.errors import SdrError
    from sdr.recording import open_recording

    try:
        with open_recording(recording, format=fmt, sample_rate=1.0) as reader:
            return reader.info.start
    except (SdrError, OSError):
        return None


def _station(site: str | None) -> dict[str, Any] | None:
    if site is None:
        return None
    place = parse_site(site)
    return {
        "name": place.name,
        "latitude_deg": place.latitude_deg,
        "longitude_deg": place.longitude_deg,
        "altitude_m": place.altitude_m,
    }


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise StationError(f"{option} is {value!r}; allowed are: {', '.join(allowed)}")
