"""`tramthu demo`: one simulated METEOR pass through the whole station, to a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.commands.options import JsonOption, parse_site, parse_time, print_json, say
from station.commands.simulate import GOOD_DEG, MODES, best_pass, chosen_elements, next_good_pass, receiver_of
from station.freshness import age_warning
from station.progress import progress_bars

if TYPE_CHECKING:
    from station.demo import DemoReport

_DATE_HELP = (
    f"Take the next pass from here that comes {GOOD_DEG:.0f}° high, by day or by night; ISO 8601. "
    "Without it: the best daylight pass of the bundled elements' first day."
)


def demo(
    *,
    satellite: Annotated[str, typer.Option(help="Name of the satellite.")] = "METEOR-M2 4",
    date: Annotated[str | None, typer.Option(help=_DATE_HELP)] = None,
    site: Annotated[str, typer.Option(help='lai-chau, lang-son or "NAME,LAT,LON,ALT_M".')] = "lai-chau",
    mode: Annotated[str, typer.Option(help=f"One of: {', '.join(MODES)}.")] = "72k",
    channels: Annotated[str, typer.Option(help="Channels on air.")] = "1,2,5",
    sample_rate: Annotated[
        float, typer.Option("--rate", "--sample-rate", help="Samples per second.")
    ] = 250e3,
    format: Annotated[str, typer.Option(help="Of the recording: cu8, cs8, cs16 or cf32.")] = "cu8",  # noqa: A002
    noise: Annotated[str, typer.Option(help="quiet, rural or suburban.")] = "rural",
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0)] = 1,
    seconds: Annotated[float | None, typer.Option(help="Only the middle of the pass.", min=30.0)] = None,
    out: Annotated[Path, typer.Option(help="Data folder.")] = Path("demo"),
    boundaries: Annotated[
        Path | None, typer.Option(help="GeoJSON of borders to draw; none otherwise.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of titles, legends and the page: en or vi.")] = "en",
    port: Annotated[int, typer.Option(help="Of the page.", min=1, max=65535)] = 8137,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Do not show the page afterwards.")] = False,
    json: JsonOption = False,
) -> None:
    """Simulate a pass, receive it, make the maps, and hold the result against what was sent."""
    from station.demo import DemoRequest, run_demo

    place, elements = parse_site(site), chosen_elements(None, satellite)
    start = parse_time(date, "--date") if date else elements.epoch
    if warning := age_warning(elements, start, force=True):
        say(f"{warning}; as simulator and maps use the same ones, that does no harm here")
    seen = (
        next_good_pass(elements, place, start) if date else best_pass(elements, place, start, daylight=True)
    )
    receiver = receiver_of(mode, sample_rate, format, noise, channels, seed)
    request = DemoRequest(elements, place, seen, receiver, out, boundaries, language, seconds)
    with progress_bars(("record", "decode", "image")) as told:
        report = run_demo(request, told)
    if json:
        print_json(report.to_json())
    else:
        _print(report)
    if not (no_serve or json) and report.exit_status == 0:
        from station.catalogue import Catalogue
        from station.commands.serve import serve_catalogue

        serve_catalogue(Catalogue(out), "127.0.0.1", port, place.name, language)
    raise typer.Exit(report.exit_status)


def _print(report: DemoReport) -> None:
    from rich.console import Console
    from rich.table import Table

    one, seen = report.observation, report.seen
    table = Table(show_header=False, title=f"{seen.satellite} over {seen.site}")
    times = f"{seen.aos:%Y-%m-%d %H:%M:%S} – {seen.los:%H:%M:%S} UTC, {seen.max_elevation_deg:.0f}° high"
    table.add_row("pass", times)
    table.add_row("C/N0 above 5°", f"{report.cn0_dbhz[0]:.1f} to {report.cn0_dbhz[1]:.1f} dB-Hz")
    if (frames := report.frames) is not None:
        table.add_row("frames sent", f"{frames.sent}, wholly inside the recording {frames.sent_complete}")
        exact = f"{frames.exact} ({frames.exact_fraction:.2%})"
        table.add_row("received byte for byte", f"{exact}; never sent: {frames.wrong}")
        if frames.sent_high:
            share = f"{frames.exact_high} of {frames.sent_high} ({frames.exact_high / frames.sent_high:.2%})"
            table.add_row(f"of those sent above {frames.high_deg:g}°", share)
    if report.decoder:
        table.add_row("decoder", ", ".join(f"{key} {value}" for key, value in report.decoder.items()))
    for channel, said in report.lines.items():
        table.add_row(f"lines of channel {channel}", said)
    if (places := report.places) is not None:
        km = f"median {places.median_km:.3f} km, 95 % {places.percentile_95_km:.3f} km"
        table.add_row("geolocation error", f"{km}, worst {places.worst_km:.3f} km at {places.points} points")
    for job in one.jobs:
        result = job.result or {}
        cost = (
            f" in {result['seconds']:.0f} s, {result['peak_rss_mib']:.0f} MiB" if "seconds" in result else ""
        )
        table.add_row(job.step, f"{job.state}{cost}{': ' + job.reason if job.reason else ''}")
    table.add_row("time", f"{report.seconds:.0f} s")
    Console().print(table)
    # Outside the table, as whole lines can be copied.
    typer.echo(f"{len(one.files)} files in {one.folder}")
    for name in report.pictures:
        typer.echo(f"    {name}")
