"""`tramthu inspect` from beginning to end: what is given, what it holds, what was decoded, what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from station.engineer.decoded import TAPS, Decoded, is_decoded, load_decoded
from station.engineer.doppler import DopplerFit, doppler_said, fit_doppler, sent_frequency_hz
from station.engineer.link import Link, by_elevation, link_of
from station.engineer.sky import Sky, sky_of_observation, start_of
from station.errors import StationError

_LEAST_ROWS = 20  # of a carrier, to say anything about Doppler


@dataclass(frozen=True)
class Given:
    """What a path turned out to be.

    Attributes:
        recording: None where there is none (any more).
        decoded: folder of results; None without any.
        observation: folder with observation.json; None without one.
    """

    recording: Path | None
    decoded: Path | None
    observation: Path | None


@dataclass(frozen=True)
class Findings:
    """What a decoding says of the link; `sky` and `fit` are None where the orbit is not known."""

    decoded: Decoded
    link: Link
    sky: Sky | None
    fit: DopplerFit | None
    start: datetime | None


def given_by(path: Path) -> Given:
    """Recording, folder of results or folder of an observation.

    Raises:
        StationError: a folder that is neither.
    """
    if not path.is_dir():
        return Given(path, None, None)
    if is_decoded(path):
        return Given(None, path, path.parent if (path.parent / "observation.json").is_file() else None)
    if not (path / "observation.json").is_file():
        raise StationError(
            f"{path} is a folder without report.json and without observation.json; give a recording, "
            "a folder that `tramthu decode` made, or one of an observation"
        )
    held = any((path / f"recording.sigmf-{kind}").exists() for kind in ("meta", "index"))
    return Given(path / "recording" if held else None, newest_decoded(path), path)


def newest_decoded(observation: Path) -> Path | None:
    """Results of the last attempt, in the folder of an observation: decoded, decoded-2, …"""
    made = [folder for folder in observation.glob("decoded*") if is_decoded(folder)]
    return max(made, key=lambda folder: (folder / "report.json").stat().st_mtime_ns, default=None)


def decode_with_taps(
    recording: Path, downlink: str, out: Path, *, fmt: str | None, rate: float | None, sky: Sky | None
) -> Path:
    """Decode into OUT/decoded with all that is drawn; the folder."""
    from decoders.decode import DecodeRequest, decode
    from station.progress import progress_bar

    folder = out / "decoded"
    request = DecodeRequest(
        input=recording, downlink=downlink, out=folder, format=fmt, sample_rate=rate, taps=TAPS,
        satellite=sky.elements.name if sky else None,
    )  # fmt: skip
    with progress_bar("decoding") as told:
        decode(request, progress=told)
    return folder


def findings_of(folder: Path, sky: Sky | None, center_hz: float | None) -> Findings:
    """Join a folder of results with the orbit.

    Args:
        folder: of the decoder.
        sky: None where the orbit is not known.
        center_hz: of the recording; None where it is not known: then nothing is said of Doppler.
    """
    decoded = load_decoded(folder)
    start = start_of(decoded.report)
    link = link_of(decoded, sky, start)
    tracks, fit = decoded.tracks, None
    if sky is not None and sky.use is not None and start is not None and tracks is not None and center_hz:
        seen = tracks.locked
        if seen.sum() >= _LEAST_ROWS:
            sent_hz = sent_frequency_hz(sky.use, center_hz + float(np.median(tracks.carrier_hz[seen])))
            measured = tracks.time_s[seen], tracks.carrier_hz[seen]
            fit = fit_doppler(sky, start, *measured, center_hz=center_hz, sent_hz=sent_hz)
    return Findings(decoded, link, sky, fit, start)


def save_pages(findings: Findings, out: Path) -> list[Path]:
    """Draw what there is to draw; the files made."""
    from station.engineer import pages

    antenna = findings.sky.antenna.name if findings.sky else ""
    decoded, start = findings.decoded, findings.start
    made = [out / "link.png", out / "frames.png"]
    pages.save_link(findings.link, decoded, start, antenna, made[0])
    pages.save_frames(decoded, start, made[1])
    if decoded.tracks is not None and decoded.tracks.locked.any():
        made.append(out / "tracks.png")
        pages.save_tracks(decoded, findings.fit, start, made[-1])
        if decoded.symbols is not None:
            made.append(out / "symbols.png")
            pages.save_symbols(decoded, start, made[-1])
    return made


def decoded_facts(findings: Findings) -> dict[str, Any]:
    """For `--json`; `decoded_lines` puts it into words."""
    decoded, link, fit = findings.decoded, findings.link, findings.fit
    known = link.measured_db[link.good & np.isfinite(link.measured_db)]
    quality = {"median": float(np.median(known)), "highest": float(known.max())} if len(known) else None
    return {
        "folder": str(decoded.folder),
        "downlink": decoded.report.get("downlink"),
        "mode": decoded.report.get("mode"),
        "frames": decoded.report["frames"],
        "messages": list(decoded.report.get("messages") or ()),
        "ebn0_db": None if quality is None else _rounded(quality),
        "antenna": findings.sky.antenna.name if findings.sky else None,
        "measured_less_expected_db": None if link.excess_db is None else round(link.excess_db, 2),
        "by_elevation": [_rounded(vars(one)) for one in by_elevation(link)],
        "doppler": None if fit is None else _rounded(
            {"crystal_ppm": fit.crystal_ppm, "late_s": fit.late_s, "rest_hz": fit.rest_hz}
        ),
    }  # fmt: skip


def decoded_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts of a decoding in words, a line each."""
    yield str(facts["folder"])
    yield from (f"  {title:<11}{text}" for title, text in _decoded_said(facts))


def _decoded_said(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "downlink", f"{facts['downlink']}, mode {facts['mode'] or 'not found'}"
    for message in facts["messages"]:
        yield "decoder", message
    if (quality := facts["ebn0_db"]) is not None:
        yield "Eb/N0", f"{quality['median']:.1f} dB in the median, {quality['highest']:.1f} dB at best"
    if (off := facts["measured_less_expected_db"]) is not None:
        yield "link", f"{off:+.1f} dB against the link budget of {facts['antenna']}, in the median"
    if (fit := facts["doppler"]) is not None:
        yield "Doppler", doppler_said(fit["crystal_ppm"], fit["late_s"], fit["rest_hz"])


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}


def sky_for(given: Given) -> Sky | None:
    """What the observation says, of those that have one."""
    return sky_of_observation(given.observation) if given.observation else None
