"""`tramthu inspect`: what a recording holds, and how it was received. `tramthu spectrum`: its waterfall."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.commands.options import (
    ElementsOption,
    JsonOption,
    SiteOption,
    check_png,
    elements_of,
    parse_site,
    print_json,
    say,
)
from station.errors import WRONG_USE, StationError

if TYPE_CHECKING:
    from sdr.recording import RecordingInfo
    from sdr.survey import Survey
    from station.engineer.examine import Given
    from station.engineer.sky import Sky

FormatOption = Annotated[str | None, typer.Option("--format", help="Sample format.")]
RateOption = Annotated[
    float | None, typer.Option("--rate", help="Samples per second, where the file does not say.")
]


def inspect(
    what: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="A recording, a folder of results, or one of an observation."),
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="Draw into this folder.")] = None,
    downlink: Annotated[
        str | None, typer.Option(help="Decode the recording anew as this, into OUT/decoded.")
    ] = None,
    channel: Annotated[
        float | None, typer.Option(help="Of a wide recording: centre of the one downlink on air, Hz.")
    ] = None,
    from_s: Annotated[
        float | None, typer.Option("--from", help="Only from this second on, by a copy in OUT.", min=0.0)
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Only so many of them.", min=0.001)] = None,
    elements: ElementsOption = None,
    satellite: Annotated[str | None, typer.Option(help="Name of the satellite.")] = None,
    site: SiteOption = None,
    format: FormatOption = None,  # noqa: A002
    rate: RateOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a recording holds: format, time and clock, gaps, levels, hash; and how well it was received.

    With --out pictures are drawn: the spectrum, Eb/N0 against time and elevation beside the link budget,
    frames, carrier beside the predicted Doppler, clock, constellation and eye.
    """
    from station.engineer.examine import channel_for, given_by, sky_for

    given = given_by(what)
    _check(given, what, out, {"--downlink": downlink, "--from": from_s, "--seconds": seconds})
    sky = sky_for(given) or _sky(elements, satellite, site, downlink, given)
    channel = channel or channel_for(given)
    if out is not None:
        _fresh_folder(out)
    if out is not None and given.recording is not None and (from_s is not None or seconds is not None):
        given = _stretch(given.recording, out, from_s or 0.0, seconds, fmt=format, rate=rate)
        format = rate = None  # noqa: A001 - the copy says it itself
    facts: dict[str, Any] = {}
    if given.recording is not None:
        facts = _recording(given.recording, format, rate, out)
    folder = given.decoded
    if downlink is not None and out is not None and given.recording is not None:
        from station.engineer.examine import decode_with_taps

        folder = decode_with_taps(
            given.recording, downlink, out, fmt=format, rate=rate, channel_hz=channel, sky=sky
        )
    if folder is not None:
        facts["decoded"] = _decoded(folder, sky, facts.get("center_frequency_hz"), out)
    _tell(facts, out, as_json=json)


def spectrum(
    recording: Annotated[Path, typer.Argument(metavar="INPUT", help="A recording.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Picture to make; else the recording's name with .png here.")
    ] = None,
    format: FormatOption = None,  # noqa: A002
    rate: RateOption = None,
    bins: Annotated[int, typer.Option(help="Across the band, even.", min=8, max=16384)] = 1024,
    row: Annotated[
        float | None,
        typer.Option(help="Seconds to a line of the picture; else 600 lines or more.", min=0.001),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw spectrum and waterfall of a recording as PNG, and say where it is strong.

    A recording that still grows is drawn as far as it has come. A file is never overwritten.
    """
    from sdr.recording import open_recording
    from sdr.survey import survey

    check_png("--out", out)
    picture = out or Path(f"{recording.name.removesuffix('.gz').removesuffix('.sigmf-meta')}.png")
    if out is not None or not json:
        _refuse_existing(picture)
    with open_recording(recording, format=format, sample_rate=rate) as reader:
        found = survey(reader, row_s=row, bins=bins)
        info, notes = reader.info, reader.notes
    for note in notes:
        say(note)
    if not len(found.waterfall.time_s):
        raise StationError(f"{recording} holds less than one line of {bins} bins; give a smaller --bins")
    facts = _strengths(found, info)
    if out is not None or not json:
        _draw(found, picture, info)
    if json:
        print_json(facts)
        return
    for key in ("noise_dbfs_per_hz", "peak_dbfs_per_hz", "peak_hz", "centre_of_power_hz"):
        typer.echo(f"{key}: {facts[key]}")
    typer.echo(str(picture))


def _check(given: Given, what: Path, out: Path | None, wanted: Mapping[str, object]) -> None:
    """Refuse what needs a folder to write into, or a recording, where there is none."""
    for option, value in wanted.items():
        if value is not None and out is None:
            raise StationError(f"{option} writes into a folder; say which with --out DIR")
        if value is not None and given.recording is None:
            raise StationError(f"{what} holds no recording, as {option} needs; give the recording itself")


def _stretch(
    recording: Path, out: Path, from_s: float, seconds: float | None, *, fmt: str | None, rate: float | None
) -> Given:
    """A copy of a part, to be inspected in place of the whole."""
    from sdr.recording import open_recording
    from station.engineer.examine import Given
    from station.engineer.stretch import copy_stretch

    with open_recording(recording, format=fmt, sample_rate=rate) as reader:
        return Given(copy_stretch(reader, out / "stretch", from_s, seconds), None, None)


def _recording(recording: Path, fmt: str | None, rate: float | None, out: Path | None) -> dict[str, Any]:
    """What it holds; its spectrum is drawn into `out`."""
    from sdr.recording import open_recording
    from station.engineer.recorded import recording_facts

    with open_recording(recording, format=fmt, sample_rate=rate) as reader:
        facts, found = recording_facts(reader, with_spectrum=out is not None)
        info = reader.info
    if out is not None and found is not None and len(found.waterfall.time_s):
        _draw(found, out / "spectrum.png", info)
    return facts


def _draw(found: Survey, picture: Path, info: RecordingInfo) -> None:
    """Draw; of a picture that the disk does not take nothing is left, so that it can be tried again."""
    from sdr.spectrum_image import save_survey

    try:
        save_survey(found, picture, info)
    except OSError as error:
        picture.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror or str(error), str(picture)) from error


def _decoded(folder: Path, sky: Sky | None, center_hz: float | None, out: Path | None) -> dict[str, Any]:
    """How well it was received; drawn into `out`."""
    from station.engineer.examine import decoded_facts, findings_of, save_pages

    findings = findings_of(folder, sky, center_hz)
    if out is not None:
        save_pages(findings, out)
    return decoded_facts(findings)


def _tell(facts: Mapping[str, Any], out: Path | None, *, as_json: bool) -> None:
    """Print; a file whose hash is not the recorded one ends with exit status 2."""
    from station.engineer.told import decoded_lines, recording_lines

    if as_json:
        print_json(facts)
    else:
        if "path" in facts:
            typer.echo("\n".join(recording_lines(facts)))
        if "decoded" in facts:
            typer.echo("\n".join(decoded_lines(facts["decoded"])))
        for picture in sorted(out.glob("*.png")) if out is not None else ():
            typer.echo(str(picture))
    if facts.get("sha256", {}).get("agrees") is False:
        raise typer.Exit(WRONG_USE)


def _sky(
    files: list[Path] | None, satellite: str | None, site: str | None, downlink: str | None, given: Given
) -> Sky | None:
    """The orbit by the options of the command line; None when they say nothing of it."""
    if not files and site is None:
        return None
    if not files or site is None:
        raise StationError("an orbit needs both --elements FILE and --site; give the other one too")
    from station.engineer.decoded import load_decoded
    from station.engineer.sky import sky_of

    named = downlink
    if named is None and given.decoded is not None:
        named = str(load_decoded(given.decoded).report.get("downlink"))
    return sky_of(elements_of(files, satellite, None), parse_site(site), named or "")


def _fresh_folder(out: Path) -> None:
    """Make it; what it holds is never overwritten."""
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise StationError(f"{out} is not empty; nothing is overwritten: give a new folder with --out")


def _refuse_existing(picture: Path) -> None:
    if picture.exists():
        raise StationError(f"{picture} exists; nothing is overwritten: give another name with --out")


def _strengths(found: Survey, info: RecordingInfo) -> dict[str, Any]:
    """The mean spectrum in numbers: noise (the lower tenth of the bins), the strongest bin, the centre."""
    import numpy as np

    mean = found.mean
    known = mean[np.isfinite(mean)]
    noise = float(np.quantile(known, 0.1)) if len(known) else 0.0
    above = np.clip(np.nan_to_num(mean) - 2 * noise, 0, None)
    frequency = found.waterfall.frequency_hz
    centre = float((above * frequency).sum() / above.sum()) if above.any() else None
    peak = int(np.nanargmax(mean)) if len(known) else None
    return {
        "path": str(info.path),
        "seconds": found.sample_count / info.sample_rate,
        "rows": len(found.waterfall.time_s),
        "row_s": found.waterfall.row_s,
        "look_s": found.look_s,
        "noise_dbfs_per_hz": _decibel(noise),
        "peak_dbfs_per_hz": None if peak is None else _decibel(float(mean[peak])),
        "peak_hz": None if peak is None else round(float(frequency[peak]), 1),
        "centre_of_power_hz": None if centre is None else round(centre, 1),
        "frequency_hz": [round(float(f), 3) for f in frequency],
        "mean_dbfs_per_hz": [_decibel(float(value)) for value in mean],
        "max_dbfs_per_hz": [_decibel(float(value)) for value in found.max_hold],
    }


def _decibel(power: float) -> float | None:
    return round(10 * math.log10(power), 2) if power > 0 else None
