"""`tramthu record`: one observation now, with the station's receiver or with any device."""

from __future__ import annotations

import math
import signal
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.elements import select
from scheduler.satellites import satellite as satellite_named
from sdr.formats import FORMATS
from sdr.record_progress import SILENT
from station.commands.options import parse_stem, say
from station.commands.where import elements_for
from station.config import load_config
from station.errors import DONE, NOTHING_USABLE, SYSTEM_FAULT, StationError
from station.progress import progress_bar

if TYPE_CHECKING:
    from station.record_device import DirectRecording, Recorded

_BY_DEVICE = "With --device: "


def record(
    out: Annotated[Path, typer.Option(help="Stem of the recording: OUT.sigmf-data, …")],
    *,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="The station's configuration; or give --device.")
    ] = None,
    satellite: Annotated[str, typer.Option(help="With -c: whose downlink to tune to.")] = "METEOR-M2 4",
    downlink: Annotated[str | None, typer.Option(help="With -c: which, of several.")] = None,
    receiver: Annotated[str | None, typer.Option(help="With -c: with which, of several.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="How long; with -c from now on and 60, else until Ctrl-C.", min=0.1),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="rtl_tcp:HOST:PORT or soapy/driver=rtlsdr,serial=00000001,…")
    ] = None,
    frequency: Annotated[float | None, typer.Option(help=f"{_BY_DEVICE}centre, Hz.", min=1.0)] = None,
    rate: Annotated[float | None, typer.Option(help=f"{_BY_DEVICE}samples a second.", min=1.0)] = None,
    gain: Annotated[
        str | None, typer.Option(help=f"{_BY_DEVICE}dB; without it the device's own control.")
    ] = None,
    sample_format: Annotated[
        str | None, typer.Option("--format", help=f"{_BY_DEVICE}{', '.join(FORMATS)}; else the device's own.")
    ] = None,
    antenna: Annotated[str | None, typer.Option(help=f"{_BY_DEVICE}name of its port.")] = None,
    ppm: Annotated[float | None, typer.Option(help=f"{_BY_DEVICE}error of its crystal.")] = None,
    bias_tee: Annotated[
        bool | None, typer.Option("--bias-tee", help=f"{_BY_DEVICE}feed the preamplifier.")
    ] = None,
    segment: Annotated[
        float | None, typer.Option(help=f"{_BY_DEVICE}seconds of a file: OUT, OUT-0001, …", min=1.0)
    ] = None,
    keep: Annotated[
        int | None, typer.Option(help=f"{_BY_DEVICE}so many segments; older ones go.", min=2)
    ] = None,
) -> None:
    """Record now; Ctrl-C ends it in order.

    Exit status 0: every sample is there; 3: samples are missing, or the device failed; 1: none came.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    by_device = {
        "frequency": frequency, "rate": rate, "gain": gain, "format": sample_format, "antenna": antenna,
        "ppm": ppm, "bias_tee": bias_tee, "segment": segment, "keep": keep,
    }  # fmt: skip
    out = parse_stem(out)
    if (config is None) == (device is None):
        raise StationError("say with what to record: either -c station.toml or --device, not both")
    _check_folder(out)
    if config is not None:
        for name, value in by_device.items():
            if value is not None:
                raise StationError(f"--{name.replace('_', '-')} goes with --device; with -c it stands there")
        _by_station(config, out, (satellite, downlink, receiver), seconds or 60.0, stop)
        return
    if frequency is None or rate is None:
        raise StationError("--device needs --frequency and --rate, in Hz")
    from sdr.receiver import Tuning
    from station.record_device import DirectRecording

    assert device is not None  # noqa: S101 for the type checker
    tuning = Tuning(frequency, rate, _gain(gain), antenna, bias_tee or False, ppm or 0.0)
    _by_device(DirectRecording(device, tuning, out, _format(sample_format), seconds, segment, keep), stop)


def _check_folder(out: Path) -> None:
    """StationError where there is none that takes files, before a device is opened for nothing."""
    folder = out.parent
    if not folder.is_dir():
        what = "is a file; choose" if folder.exists() else "does not exist; make it, or choose"
        raise StationError(f"--out {out}: {folder} {what} another folder")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except FileNotFoundError:  # what the kernel answers in /proc and the like
        raise StationError(f"--out {out}: {folder} takes no files; choose another folder") from None
    except OSError:  # the disk's: told by what writes the recording
        return


def _by_device(wanted: DirectRecording, stop: threading.Event) -> None:
    from station.record_device import ProgressLine, record_device

    line = ProgressLine(wanted.tuning.sample_rate, wanted.seconds)
    try:
        recorded = record_device(wanted, stop, line.told)
    finally:
        line.close()
    raise typer.Exit(_told(recorded))


def _told(recorded: Recorded) -> int:
    """Say what came of it; the exit status."""
    first, last = recorded.files[0], recorded.files[-1]
    names = f"{first}" if first == last else f"{len(recorded.files)} files, {first} to {last}"
    say(f"{recorded.sample_count} samples, {recorded.lost} of them lost, in {names}: {recorded.end}")
    if not recorded.sample_count:
        return NOTHING_USABLE
    return SYSTEM_FAULT if recorded.lost or SILENT in recorded.end else DONE


def _gain(text: str | None) -> float | None:
    if text is None or text == "auto":
        return None
    try:
        gain_db = float(text)
    except ValueError:
        gain_db = math.nan
    if not math.isfinite(gain_db):
        raise StationError(f'--gain {text!r} is no gain; give decibels, or "auto"')
    return gain_db


def _format(text: str | None) -> str | None:
    if text is not None and text not in FORMATS:
        raise StationError(f"--format {text!r} is unknown; known are {', '.join(FORMATS)}")
    return text


def _by_station(
    config: Path, out: Path, asked: tuple[str, str | None, str | None], seconds: float, stop: threading.Event
) -> None:
    from station.record import Assignment, record_assignment

    satellite, downlink, receiver = asked
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
        elements=select(elements_for([station], None), known.norad_id, now),
        start=now,
        end=now + timedelta(seconds=seconds),
        receiver=station.receiver(by),
        antenna=station.antenna(antenna),
    )
    with progress_bar("recording") as told:
        record_assignment(assignment, out, stop, told)
    raise typer.Exit(_told(_as_recorded(out)))


def _as_recorded(stem: Path) -> Recorded:
    """By its index."""
    from sdr.index import IndexReader
    from sdr.recording_files import beside
    from sdr.sigmf import INDEX_SUFFIX
    from station.record_device import Recorded, data_files

    index = IndexReader(beside(stem, INDEX_SUFFIX))
    lost = sum(gap.sample_count for gap in index.gaps)
    return Recorded(index.committed, lost, data_files(stem), index.end or "it has no end mark")
