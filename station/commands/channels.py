"""`tramthu channels`: downlinks of a wide recording as recordings of their own."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.commands.options import ElementsOption, SiteOption, elements_of, parse_site, say
from station.errors import StationError
from station.progress import progress_bar

if TYPE_CHECKING:
    from sdr.channeliser import Channel, Curve
    from sdr.recording import RecordingInfo

_AROUND = timedelta(seconds=2)  # of the Doppler curve, beyond both ends of the recording


def channels(
    recording: Annotated[Path, typer.Argument(metavar="INPUT", help="A wide recording; may be gzip'd.")],
    channel: Annotated[list[float], typer.Option(help="Centre on air, Hz; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Folder for the recordings.")],
    *,
    downlink: Annotated[
        str | None, typer.Option(help="As wide as this downlink wants it, such as meteor_lrpt.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Samples per second of the channels instead.")] = None,
    doppler: Annotated[
        bool, typer.Option("--doppler", help="Take the predicted Doppler shift out of the carrier.")
    ] = False,
    elements: ElementsOption = None,
    satellite: Annotated[str | None, typer.Option(help="Name of the satellite.")] = None,
    site: SiteOption = None,
) -> None:
    """Write channels of the wide recording INPUT to OUT, all in one reading of it.

    They are mixed to their centre, filtered and at a lower rate; sample times stay exact. The Doppler shift
    of the symbol clock stays, and without --doppler that of the carrier too: decoders follow both.
    """
    from decoders.memory import keep_freed_memory
    from sdr.channel_record import record_channels
    from sdr.recording import open_recording

    if (downlink is None) == (rate is None):
        raise StationError(
            "say how wide the channels are: by --downlink NAME or by --rate HZ, one of the two"
        )
    keep_freed_memory()
    with open_recording(recording) as reader, progress_bar("channels") as told:
        info = reader.info
        curves = [_curve(info, hz, elements, satellite, site) if doppler else None for hz in channel]
        wanted = [
            _channel(info, hz, downlink, rate, curve) for hz, curve in zip(channel, curves, strict=True)
        ]
        out.mkdir(parents=True, exist_ok=True)
        name = recording.name.split(".")[0]
        stems = [out / f"{name}_{hz / 1e6:.4f}MHz" for hz in channel]

        def read_to(at: datetime) -> None:
            if info.start is not None and info.sample_count:
                told(min((at - info.start).total_seconds() * info.sample_rate / info.sample_count, 1.0))

        counts = record_channels(reader, wanted, stems, progress=read_to)
        notes = reader.notes
    for note in notes:
        say(note)
    for stem, count in zip(stems, counts, strict=True):
        say(f"{stem}.sigmf-meta: {count} samples")


def _channel(
    info: RecordingInfo, hz: float, downlink: str | None, rate: float | None, curve: Curve | None
) -> Channel:
    from decoders.channel import channel_of
    from decoders.downlink import load_downlink
    from sdr.channeliser import Channel

    if downlink is not None:
        return channel_of(load_downlink(downlink).modes, hz, info.sample_rate, curve)
    assert rate is not None  # noqa: S101 - for the type checker
    return Channel(hz, rate, curve)


def _curve(
    info: RecordingInfo, hz: float, elements: list[Path] | None, satellite: str | None, site: str | None
) -> Curve:
    """The predicted shift while it was recorded."""
    from scheduler.track import track

    if not elements or site is None:
        raise StationError("--doppler is predicted from --elements and --site; give both")
    if info.start is None or info.sample_count is None:
        raise StationError(f"{info.path} does not say when it was recorded, so no Doppler can be predicted")
    end = info.start + timedelta(seconds=info.sample_count / info.sample_rate)
    chosen = elements_of(elements, satellite, info.start)
    seen = track(chosen, parse_site(site), info.start - _AROUND, end + _AROUND)
    return seen.time, seen.doppler_hz(hz)
