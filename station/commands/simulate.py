"""`tramthu simulate`: a pass as a SigMF recording, with everything it sent."""

from __future__ import annotations

import signal
import threading
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.elements import Elements
from scheduler.passes import Pass, Site, find_passes
from scheduler.satellites import satellite as satellite_named
from station.commands.options import (
    ElementsOption,
    JsonOption,
    elements_of,
    parse_site,
    parse_stem,
    parse_time,
    print_json,
    say,
)
from station.config import SimulatorReceiver
from station.errors import StationError
from station.progress import progress_bar

if TYPE_CHECKING:
    from station.registry import SimulatedLink, SimulatedPass

COMMITTED = Path(__file__).resolve().parents[2] / "scheduler" / "data" / "elements"
LINKS = ("metop_ahrpt", "noaa_hrpt", "meteor_hrpt", "jpss_hrd", "noaa21_hrd", "gk2a_lrit")
LINK_START = datetime(2026, 1, 1, tzinfo=UTC)
LINK_SECONDS = 10.0
LRPT_RATE = 250e3
_OPTIONS = {"sample_rate": "rate", "ebn0_db": "ebn0"}  # where the setting is not called like the option
SERVED = ("rtl_tcp", "soapy")
MODES = ("m2_72k", "72k", "80k")
GOOD_DEG = 30.0


def simulate(
    out: Annotated[
        Path | None, typer.Option(help="Stem of the files: OUT.sigmf-data, OUT.sent.cadu, …")
    ] = None,
    *,
    serve: Annotated[
        str | None, typer.Option(help="In place of files, serve the pass live: rtl_tcp or soapy.")
    ] = None,
    port: Annotated[
        int, typer.Option(help="Of --serve rtl_tcp, on 127.0.0.1; 0 chooses one.", min=0, max=65535)
    ] = 1234,
    log: Annotated[
        Path | None, typer.Option(help="Of --serve: gets what was really lost, a JSON object a line.")
    ] = None,
    satellite: Annotated[str, typer.Option(help="Name of the satellite.")] = "METEOR-M2 4",
    elements: ElementsOption = None,
    site: Annotated[str, typer.Option(help='"NAME,LAT,LON,ALT_M", lai-chau or lang-son.')] = "lai-chau",
    start: Annotated[str | None, typer.Option(help="Look for the next pass from here; ISO 8601.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Only that much, around the culmination.", min=1.0)
    ] = None,
    orbit: Annotated[
        bool, typer.Option(help="Without it the transmitter stands still, or moves as --doppler says.")
    ] = True,
    mode: Annotated[
        str, typer.Option(help=f"With the camera: {', '.join(MODES)}; others: {', '.join(LINKS)}.")
    ] = "72k",
    rate: Annotated[
        float | None, typer.Option(help="Samples per second; the mode's own if not given.")
    ] = None,
    format: Annotated[  # noqa: A002
        str | None, typer.Option(help="cf32, cs16, cu8 or cs8; cu8, or of --serve soapy cs16, if not given.")
    ] = None,
    noise: Annotated[str, typer.Option(help="quiet, rural or suburban.")] = "rural",
    ebn0: Annotated[
        float | None,
        typer.Option(help="A fixed Eb/N0 in dB in place of the link budget, per bit behind the inner code."),
    ] = None,
    doppler: Annotated[
        float, typer.Option(help="Without an orbit: of carrier and clock at the start, Hz of the carrier.")
    ] = 0.0,
    doppler_rate: Annotated[
        float, typer.Option(help="Without an orbit: how that grows, Hz per second.")
    ] = 0.0,
    channels: Annotated[str, typer.Option(help="Channels on air, such as 1,2,5.")] = "1,2,5",
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0)] = 1,
    ppm: Annotated[float, typer.Option(help="Error of the receiver's crystal.", min=-200, max=200)] = 0.0,
    impairments: Annotated[
        Path | None, typer.Option(help="TOML file of what else goes wrong; see sim/impairments.py.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Simulate one pass, from the camera to the receiver's samples.

    MetOp, NOAA, METEOR HRPT, JPSS and GK-2A (--mode) come without a link budget: give --ebn0.
    """
    if serve not in (None, *SERVED):
        raise StationError(f"--serve is {serve!r}; allowed are: {', '.join(SERVED)}")
    if log is not None and serve is None:
        raise StationError("--log belongs to --serve; files have their losses in the recording")
    out = None if out is None else parse_stem(out)
    if (out is None) == (serve is None):
        raise StationError("say where the samples go: --out STEM for files, or --serve NAME, not both")
    wrong = impairments_of(impairments, ppm)
    samples = format or ("cs16" if serve == "soapy" else "cu8")
    if mode in LINKS or not orbit:
        window = (
            _orbit_window(elements, satellite, site, start, seconds) if orbit else _no_orbit(start, seconds)
        )
        link = {"doppler_hz": doppler, "doppler_rate_hz_s": doppler_rate, "seed": seed, "impairments": wrong}
        transmitter = _transmitter(
            mode, ebn0, {"sample_rate": rate or 0.0, "format": samples, **link, **window}
        )
        if out is None:
            _serve(transmitter, serve or "", port, log)
        else:
            _record_link(transmitter, out, json)
        return
    if doppler or doppler_rate:
        raise StationError("the orbit makes its own Doppler; leave --doppler out, or add --no-orbit")
    chosen, place = chosen_elements(elements, satellite), parse_site(site)
    begin = parse_time(start, "--start") if start else chosen.epoch
    seen = best_pass(chosen, place, begin, daylight=False)
    first, last = _window(seen, seconds)
    receiver = receiver_of(mode, rate or LRPT_RATE, samples, noise, channels, seed, ebn0)
    from station import registry

    frequency_hz = satellite_named(chosen.norad_id).downlink().frequency_hz
    wanted = registry.SimulatedPass(chosen, place, first, last, frequency_hz, receiver, wrong)
    if out is None:
        _serve(wanted, serve or "", port, log)
        return
    with progress_bar("simulating") as told:
        count = registry.simulate_pass(wanted, out, told)
    low, high = registry.cn0_range_dbhz(wanted)
    if json:
        print_json({"pass": seen.to_json(), "samples": count, "cn0_dbhz": [low, high], "stem": str(out)})
    else:
        say(f"{count} samples of {seen.satellite} over {place.name}, C/N0 {low:.1f} to {high:.1f} dB-Hz")


def _orbit_window(
    elements: list[Path] | None, satellite: str, site: str, start: str | None, seconds: float | None
) -> dict[str, Any]:
    chosen, place = chosen_elements(elements, satellite), parse_site(site)
    seen = best_pass(chosen, place, parse_time(start, "--start") if start else chosen.epoch, daylight=False)
    first, last = _window(seen, seconds)
    return {"start": first, "end": last, "elements": chosen, "site": place}


def _no_orbit(start: str | None, seconds: float | None) -> dict[str, Any]:
    first = parse_time(start, "--start") if start else LINK_START
    return {"start": first, "end": first + timedelta(seconds=seconds or LINK_SECONDS)}


def _transmitter(mode: str, ebn0_db: float | None, rest: dict[str, Any]) -> SimulatedLink:
    if ebn0_db is None:
        raise StationError(f"there is no link budget for --mode {mode} here; give --ebn0")
    from station import registry

    return registry.SimulatedLink(mode=mode, ebn0_db=ebn0_db, **rest)


def _record_link(wanted: SimulatedLink, out: Path, json: bool) -> None:
    from station import registry

    with progress_bar("simulating") as told:
        count = registry.simulate_link(wanted, out, told)
    if json:
        print_json({"mode": wanted.mode, "samples": count, "ebn0_db": wanted.ebn0_db, "stem": str(out)})
    else:
        say(f"{count} samples of {wanted.mode} at {wanted.ebn0_db:g} dB Eb/N0")


def impairments_of(path: Path | None, ppm: float) -> dict[str, Any]:
    """The table of a file, and the crystal's error of the command line; StationError when it is no TOML."""
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise StationError(f"{path}: no valid TOML: {error}") from error
    crystal = table.get("crystal", {})
    if ppm and isinstance(crystal, dict):
        table["crystal"] = crystal | {"offset_ppm": ppm}
    return table


def _serve(wanted: SimulatedPass | SimulatedLink, how: str, port: int, log: Path | None) -> None:
    """Until the pass is over, Ctrl-C or SIGTERM; that is its ordinary end."""
    from station import registry

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    seconds = (wanted.end - wanted.start).total_seconds()
    who = wanted.elements.name if wanted.elements else "a transmitter"

    def told(where: str) -> None:
        say(f"{who} is served for {seconds:.0f} s (end with Ctrl-C): {where}")

    registry.serve(wanted, how, port, stop=stop, told=told, log=log)


def chosen_elements(files: list[Path] | None, name: str) -> Elements:
    """From the given files, or from those that come with the program."""
    return elements_of(files or sorted(COMMITTED.glob("*.txt")), name, None)


def best_pass(elements: Elements, site: Site, start: datetime, *, daylight: bool) -> Pass:
    """The highest pass within 24 hours, in daylight where asked for and possible."""
    found = _passes_of_a_day(elements, site, start)
    light = (
        [p for p in found if p.site_sun_elevation_deg > 10 and p.sunlit_fraction > 0.9] if daylight else []
    )
    return max(light or found, key=lambda p: p.max_elevation_deg)


def next_good_pass(elements: Elements, site: Site, start: datetime) -> Pass:
    """The first pass within 24 hours that comes high, by day or by night; the highest where none does."""
    found = _passes_of_a_day(elements, site, start)
    high = (p for p in found if p.max_elevation_deg >= GOOD_DEG)
    return next(high, max(found, key=lambda p: p.max_elevation_deg))


def _passes_of_a_day(elements: Elements, site: Site, start: datetime) -> list[Pass]:
    found = [p for p in find_passes(elements, site, start, start + timedelta(hours=24)) if p.complete]
    if not found:
        when = f"{start:%Y-%m-%d %H:%M} UTC"
        raise StationError(f"{elements.name} does not rise over {site.name} within 24 h of {when}")
    return sorted(found, key=lambda p: p.aos)


def receiver_of(  # noqa: PLR0917 - the options, in the order of the command
    mode: str, rate: float, fmt: str, noise: str, channels: str, seed: int, ebn0_db: float | None = None
) -> SimulatorReceiver:
    """The simulator's settings, checked; `StationError` names what is wrong."""
    from pydantic import ValidationError

    try:
        on_air = tuple(int(part) for part in channels.split(","))
    except ValueError:
        raise StationError(f"--channels {channels!r}: numbers with commas between, such as 1,2,5") from None
    table = {
        "type": "simulator",
        "mode": mode,
        "sample_rate": rate,
        "format": fmt,
        "noise": noise,
        "channels": on_air,
        "seed": seed,
        "ebn0_db": ebn0_db,
    }
    try:
        return SimulatorReceiver.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        option = _OPTIONS.get(str(first["loc"][0]), first["loc"][0])
        raise StationError(f"--{option} {first['input']!r}: {first['msg']}") from None


def _window(seen: Pass, seconds: float | None) -> tuple[datetime, datetime]:
    if seconds is None or seconds >= seen.duration_s:
        return seen.aos, seen.los
    half = timedelta(seconds=seconds / 2)
    return seen.tca - half, seen.tca + half
