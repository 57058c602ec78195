"""`tramthu track`: where the antenna goes in one pass, on paper or with the rotator."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from hardware.errors import SafetyError
from scheduler.elements import Elements, select
from scheduler.passes import Pass, find_passes
from station.commands.options import ElementsOption, ForceOption, JsonOption, print_json, say
from station.commands.where import Asked, ConfigsOption, FromOption, SitesOption, asked_stations, window_start
from station.config import AntennaSection, RotatorSection, StationConfig, load_config
from station.errors import SYSTEM_FAULT, StationError
from station.freshness import age_warning

if TYPE_CHECKING:
    from hardware.safety import Inhibit
    from hardware.track import TrackPlan
    from station.candidates import Wanted
    from station.pointing import Pointing

_AHEAD = timedelta(days=3)


class _Found(NamedTuple):
    """A pass that can be followed."""

    station: StationConfig
    seen: Pass
    pointing: Pointing


def track(
    *,
    satellite: Annotated[str | None, typer.Option(help="Which; else the first that rises.")] = None,
    elements: ElementsOption = None,
    site: SitesOption = None,
    config: ConfigsOption = None,
    start: FromOption = None,
    antenna: Annotated[str | None, typer.Option(help="Which, of several with a rotator.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the commands and the predicted loss; move nothing.")
    ] = False,
    park: Annotated[bool, typer.Option("--park", help="Send the rotator to its park position.")] = False,
    halt: Annotated[bool, typer.Option("--stop", help="Stop the rotator.")] = False,
    json: JsonOption = False,
    force: ForceOption = False,
) -> None:
    """Follow the next pass with the rotator of the configuration; with --dry-run only say how."""
    if sum((park, halt, dry_run)) > 1:
        raise StationError("--dry-run, --park and --stop exclude each other")
    if (park or halt or not dry_run) and not config:
        raise StationError("say which rotator: -c station.toml; or add --dry-run to see the commands only")
    if park or halt:
        _rest(load_config((config or [])[0]), antenna, park=park)
        return
    asked = asked_stations(site, config, elements, [satellite] if satellite else None)
    found = _next_pass(asked, window_start(start), antenna, force=force)
    if dry_run:
        _print(found.seen, found.pointing, json=json)
    else:
        _drive(found)


def _next_pass(asked: Asked, first: datetime, antenna: str | None, *, force: bool) -> _Found:
    """The first pass that one of the stations' rotators can follow.

    Raises:
        StationError: no rotator, or no pass in the coming days.
    """
    found: list[_Found] = []
    for station, wanted in asked.stations:
        turned = _turned(station, antenna)
        if turned is None:
            continue
        for one in wanted:
            elements = select(asked.sets, one.satellite.norad_id, first)
            if warning := age_warning(elements, first, station.elements.limits, force=force):
                say(warning)
            found += _passes(station, turned, one, elements, first)
    if not found:
        if not any(_turned(station, antenna) for station, _ in asked.stations):
            called = f"an antenna {antenna!r} with" if antenna else "an antenna with"
            raise StationError(f"no station has {called} a rotator; add [antenna.rotator] to station.toml")
        raise StationError(
            f"no pass rises high enough within {_AHEAD.days} days of {first:%Y-%m-%d %H:%M} UTC"
        )
    return min(found, key=lambda one: one.seen.aos)


def _turned(station: StationConfig, name: str | None) -> AntennaSection | None:
    have = (a for a in station.all_antennas if a.rotator is not None and name in (None, a.name))
    return next(have, None)


def _passes(
    station: StationConfig, antenna: AntennaSection, one: Wanted, elements: Elements, first: datetime
) -> list[_Found]:
    from station.pointing import Pointing

    site = station.station.site
    # What this antenna does not hear is followed as if it sent in the middle of what it does.
    frequency_hz = one.use.frequency_hz
    if not antenna.model.hears(frequency_hz):
        frequency_hz = sum(antenna.frequency_ranges_hz[0]) / 2
    return [
        _Found(station, seen, Pointing(antenna, frequency_hz, elements, site, seen.aos, seen.los))
        for seen in find_passes(
            elements,
            site,
            first,
            first + _AHEAD,
            min_elevation_deg=one.min_elevation_deg,
            horizon=station.station.mask,
        )
        if seen.complete and seen.aos >= first
    ][:1]


def _print(seen: Pass, pointing: Pointing, *, json: bool) -> None:
    from station.pointing import planned, words_of

    plan = planned(pointing, pointing.rotator.capabilities.park, None)
    beam_deg = pointing.antenna.model.beam_width_deg(pointing.frequency_hz)
    if json:
        about = {
            "antenna": pointing.antenna.name,
            "frequency_hz": pointing.frequency_hz,
            "beam_width_deg": beam_deg,
        }
        print_json({"pass": seen.to_json(), **about, **_in_utc(plan)})
        return
    out = sys.stdout.write
    out(f"{seen.satellite} over {seen.site}, {_utc(seen.aos.timestamp())} to {_utc(seen.los.timestamp())}, ")
    out(f"{seen.max_elevation_deg:.1f}° high; {pointing.antenna.name}, beam {beam_deg:.2f}°\n")
    out(f"{words_of(plan)}\n")
    out(f"in the mean {plan.mean_loss_db:.3f} dB lost; {len(plan.command_time)} commands\n\n")
    out("send at (UTC)             azimuth  elevation  loss until the next, dB\n")
    for time, azimuth, elevation, loss in plan.rows():
        out(f"{_utc(time):24} {azimuth:8.2f} {elevation:10.2f} {loss:8.3f}\n")


def _in_utc(plan: TrackPlan) -> dict[str, Any]:
    """The plan's record with its times in UTC with Z."""
    keys = ("time", "azimuth_deg", "elevation_deg", "loss_db")
    rows = [dict(zip(keys, (_utc(row[0]), *row[1:]), strict=True)) for row in plan.rows()]
    unwind = [_utc(time) for time in plan.unwind] if plan.unwind else None
    return plan.to_json() | {"start_by": _utc(plan.start_by), "unwind": unwind, "commands": rows}


def _drive(found: _Found) -> None:
    """Until the pass is over; Ctrl-C, SIGTERM and a recording that needs it stop the rotator.

    Raises:
        SafetyError: [safety] forbids to begin. What it forbids later only interrupts the following.
        HardwareError: a recording, or somebody else, drives the rotator.
    """
    from station.pointing import follow_pass, outcome_of, words_of
    from station.rotator_lock import held_by_hand
    from station.safety import word_on_motion

    seen, pointing = found.seen, found.pointing
    stop, called = threading.Event(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    who = f"tramthu track of {seen.satellite}"
    with held_by_hand(pointing.rotator, who) as called_away, word_on_motion(found.station) as inhibit:

        def watched() -> Inhibit | None:
            if called_away():
                called.set()
                stop.set()
            return inhibit()

        if (forbidden := watched()) is not None:
            raise SafetyError(f"{pointing.antenna.name} is not moved: {forbidden.reason}")
        wait_s = (seen.aos - datetime.now(UTC)).total_seconds()
        say(f"{seen.satellite} rises over {seen.site} in {wait_s / 60:.0f} min; Ctrl-C stops the rotator")
        report = follow_pass(pointing, stop, watched, lambda plan: say(words_of(plan)), say)
    say(outcome_of(report))
    if called.is_set():
        say("the rotator is left to a recording")
    if report.fault or report.inhibited or called.is_set():
        raise typer.Exit(SYSTEM_FAULT)


def _rest(config: StationConfig, name: str | None, *, park: bool) -> None:
    from station.rotator_lock import held_by_hand

    turned = _turned(config, name)
    if turned is None or turned.rotator is None:
        raise StationError("no such antenna with a rotator in the configuration")
    with ExitStack() as held:
        if park:  # a stop is never refused
            held.enter_context(held_by_hand(turned.rotator, "tramthu track --park"))
        _bring_to_rest(config, turned, turned.rotator, park=park)


def _bring_to_rest(
    config: StationConfig, turned: AntennaSection, section: RotatorSection, *, park: bool
) -> None:
    from station.pointing import connected
    from station.safety import word_on_motion

    rotator = connected(section)
    try:
        if park:
            with word_on_motion(config) as inhibit:
                forbidden = inhibit()
            # Wind and lightning are what a park position is for; a person on the mast is not.
            if forbidden is not None and not forbidden.park:
                raise SafetyError(f"{turned.name} is not moved: {forbidden.reason}")
            rotator.park()
        else:
            rotator.stop()
        at = rotator.position()
    finally:
        rotator.close()
    say(f"{turned.name}: {'sent to its park position' if park else 'stopped'}, at {at[0]:.1f}, {at[1]:.1f}")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
