"""`tramthu selftest`: whether receiver, preamplifier and antenna are as they should be, now."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from scheduler.satellites import satellite
from station.commands.options import ConfigOption, JsonOption, print_json, say
from station.config import ReceiverSection, StationConfig, load_config
from station.errors import DONE, NOTHING_USABLE, SYSTEM_FAULT, StationError
from station.self_test import Wanted, can_be_tested, self_test, wanted_of

_STATUS = {"ok": DONE, "suspicious": NOTHING_USABLE, "fault": SYSTEM_FAULT}
_ELSEWHERE_DBFS = -900.0


def selftest(
    config: ConfigOption,
    receiver: Annotated[str | None, typer.Option(help="Only this one, of several.")] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="The station was changed: what is found from now on is what is usual."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Listen for half a second and say whether the antenna is still there.

    Exit status 0: all is as it should be; 1: something is suspicious; 3: a receiver is at fault.
    """
    station = load_config(config)
    wanted = list(_wanted(station, receiver))
    data_dir = station.station.data_dir
    records = [self_test(one, data_dir, afresh=accept) for one in wanted]
    if json:
        print_json(records)
    else:
        for record in records:
            _print(record, station.station.language)
    raise typer.Exit(max(_STATUS[record["verdict"]] for record in records))


def _wanted(station: StationConfig, name: str | None) -> Iterator[Wanted]:
    """Each receiver at each antenna, tuned to each downlink that it is there for."""
    have = {receiver.name: receiver for receiver in station.receivers}
    if name is not None and name not in have:
        raise StationError(f"no receiver {name!r}; there are: {', '.join(have)}")
    chosen = [one for one in have.values() if name in (None, one.name)]
    devices = [one for one in chosen if can_be_tested(one)]
    for one in chosen:
        if one not in devices:
            say(f"{one.name} is a {one.type}, which has no antenna to be tested")
    if not devices:
        raise StationError("there is no receiver to be tested")
    for one in devices:
        yield from _of_receiver(station, one)


def _of_receiver(station: StationConfig, receiver: ReceiverSection) -> Iterator[Wanted]:
    seen = set[tuple[str, float]]()
    for section in station.satellite:
        one = satellite(section.name)
        use = one.downlink(section.downlink)
        frequency_hz = section.frequency_hz or use.frequency_hz
        for taking, antenna in station.hearing(frequency_hz, use.bandwidth_hz or 0.0):
            if taking == receiver.name and (antenna, frequency_hz) not in seen:
                seen.add((antenna, frequency_hz))
                yield wanted_of(station, receiver, antenna, (one, use), frequency_hz=frequency_hz)
    if not seen:
        say(f"{receiver.name} hears none of the satellites of this station")


def _print(record: Mapping[str, Any], language: str) -> None:
    out = sys.stdout.write
    mhz = record["frequency_hz"] / 1e6
    out(f"{record['receiver']} at {record['antenna']}, {mhz:.3f} MHz: {record['verdict']}\n")
    for finding in record["findings"]:
        out(f"  {finding['words'][language]}\n")
    on = record.get("on")
    if on is None or on["codes"]["still"]:
        return
    usual = record["usual_floor_dbfs_hz"]
    held = (
        "no past to hold it against" if usual is None else f"usually {usual:.1f}, of {record['past']} tests"
    )
    out(f"  noise floor {on['floor_dbfs_hz']:.1f} dBFS/Hz ({held})\n")
    out(f"  level {on['level_dbfs']:.1f} dBFS, clipped {on['clipped']:.2%}, DC {on['dc_dbfs']:.0f} dBFS\n")
    if record["bias_gain_db"] is not None:
        out(f"  the bias tee makes {record['bias_gain_db']:.1f} dB\n")
    for carrier in record["carriers"]:
        level = carrier["level_dbfs"]
        heard = f"{level:.1f} dBFS" if level > _ELSEWHERE_DBFS else "not heard"
        out(f"  {carrier['name']} at {carrier['frequency_hz'] / 1e6:.3f} MHz: {heard}\n")
