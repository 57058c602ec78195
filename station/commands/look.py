"""`tramthu inspect`: what a recording holds. `tramthu spectrum`: its waterfall."""

from __future__ import annotations

import json as json_format
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.commands.options import JsonOption, print_json
from station.errors import StationError

if TYPE_CHECKING:
    from sdr.recording import RecordingInfo, SampleReader
    from sdr.spectrum import Waterfall

_LINES = 600


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
        _read_to_the_end(reader)
        table = _facts(reader)
    if json:
        print_json(table)
        return
    for key, value in table.items():
        typer.echo(f"{key}: {json_format.dumps(value, ensure_ascii=False, default=str)}")


def spectrum(
    recording: Annotated[Path, typer.Argument(metavar="INPUT", help="A recording.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Picture to make; else the recording's name with .png here.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="Sample format.")] = None,  # noqa: A002
    rate: Annotated[
        float | None, typer.Option(help="Samples per second, where the file does not say.")
    ] = None,
    bins: Annotated[int, typer.Option(help="Across the band.", min=8, max=16384)] = 1024,
    row: Annotated[
        float | None, typer.Option(help="Seconds to a line of the picture; else about 600 lines.", min=0.001)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw the waterfall of a recording as PNG, and say where it is strong; never overwrites a file."""
    from sdr.recording import open_recording
    from sdr.spectrum import waterfall
    from sdr.spectrum_image import save_waterfall

    picture = out or Path(f"{recording.name.removesuffix('.gz').removesuffix('.sigmf-meta')}.png")
    if (out is not None or not json) and picture.exists():
        raise StationError(f"{picture} exists; nothing is overwritten: give another name with --out")
    with open_recording(recording, format=format, sample_rate=rate) as reader:
        count = _read_to_the_end(reader) if reader.info.sample_count is None else reader.info.sample_count
    with open_recording(recording, format=format, sample_rate=rate) as reader:
        table = waterfall(reader, row_s=row or _row_s(reader.info, count, bins), bins=bins)
        info = reader.info
    if not len(table.time_s):
        raise StationError(f"{recording} holds less than one line of {bins} bins; give a smaller --bins")
    facts = _strengths(table, info)
    if json:
        print_json(facts)
    if out is not None or not json:
        save_waterfall(table, picture, center_frequency_hz=info.center_frequency_hz)
    if not json:
        for key in ("noise_dbfs_per_hz", "peak_dbfs_per_hz", "peak_hz", "centre_of_power_hz"):
            typer.echo(f"{key}: {facts[key]}")
        typer.echo(str(picture))


def _read_to_the_end(reader: SampleReader) -> int:
    """Its samples: oddities, and the length of a gzip'd file, show only when it is read."""
    for _ in reader.blocks(1 << 20):
        pass
    return reader.position


def _facts(reader: SampleReader) -> dict[str, Any]:
    """What a recording holds, once it has been read to its end."""
    info = reader.info
    return {
        "path": str(info.path),
        "format": info.format,
        "sample_rate": info.sample_rate,
        "center_frequency_hz": info.center_frequency_hz,
        "start": info.start.isoformat() if info.start else None,
        "sample_count": reader.position,
        "seconds": reader.position / info.sample_rate,
        "end": info.end,
        "lost_samples": sum(gap.sample_count for gap in info.gaps),
        "gaps": [{**vars(gap), "at_s": round(gap.sample_index / info.sample_rate, 6)} for gap in info.gaps],
        "notes": list(reader.notes),
        "metadata": info.metadata,
    }


def _row_s(info: RecordingInfo, count: int, bins: int) -> float:
    """Some 600 lines of the whole, each of at least 4 transforms."""
    least = 4 * bins / info.sample_rate
    return max(least, count / info.sample_rate / _LINES)


def _strengths(table: Waterfall, info: RecordingInfo) -> dict[str, Any]:
    """The mean spectrum in numbers: noise (the lower tenth of the bins), the strongest bin, the centre."""
    import numpy as np

    mean = table.mean()
    known = mean[np.isfinite(mean)]
    noise = float(np.quantile(known, 0.1)) if len(known) else 0.0
    above = np.clip(np.nan_to_num(mean) - 2 * noise, 0, None)
    centre = float((above * table.frequency_hz).sum() / above.sum()) if above.any() else None
    peak = int(np.nanargmax(mean)) if len(known) else None
    return {
        "path": str(info.path),
        "rows": len(table.time_s),
        "noise_dbfs_per_hz": _decibel(noise),
        "peak_dbfs_per_hz": None if peak is None else _decibel(float(mean[peak])),
        "peak_hz": None if peak is None else round(float(table.frequency_hz[peak]), 1),
        "centre_of_power_hz": None if centre is None else round(centre, 1),
        "frequency_hz": [round(float(f), 3) for f in table.frequency_hz],
        "mean_dbfs_per_hz": [_decibel(float(value)) for value in mean],
    }


def _decibel(power: float) -> float | None:
    return round(10 * math.log10(power), 2) if power > 0 else None
