"""`tramthu inspect` from beginning to end: what is given, what it holds, what was decoded, what is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sdr.errors import SdrError
from sdr.recording import open_recording
from sdr.sigmf_source import sigmf_stem
from station.attempts import NAME, best_in
from station.engineer.decoded import TAPS, Decoded, is_decoded, load_decoded
from station.engineer.doppler import DopplerFit, fit_doppler, sent_frequency_hz
from station.engineer.link import Link, by_elevation, link_of
from station.engineer.sky import Sky, sky_of_observation, start_of
from station.errors import StationError
from station.shared import channel_options

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
    """What a decoding says of the link.

    Attributes:
        decoded: the folder.
        link: Eb/N0 beside what was expected.
        sky: None where the orbit is not known.
        fit: of the carrier; None where it could not be held against the orbit, or does not follow it.
        follows: whether it does; None where it could not be held against it.
        start: of the recording; None where it is not known.
    """

    decoded: Decoded
    link: Link
    sky: Sky | None
    fit: DopplerFit | None
    follows: bool | None
    start: datetime | None


def given_by(path: Path) -> Given:
    """Recording, folder of results or folder of an observation.

    Raises:
        StationError: a folder that is none of them, or that holds nothing.
    """
    if not path.is_dir():
        return Given(path, None, None)
    if is_decoded(path):  # the results of a segment lie one folder deeper
        above = (folder for folder in path.absolute().parents[:2] if (folder / "observation.json").is_file())
        return Given(None, path, next(above, None))
    if not (path / "observation.json").is_file():
        raise StationError(
            f"{path} is a folder without report.json and without observation.json; give a recording, "
            "a folder that `tramthu decode` made, or one of an observation"
        )
    held, decoded = sigmf_stem(path / "recording") is not None, _results_in(path)
    if not held and decoded is None:
        raise StationError(f"{path} holds neither a recording nor results of one")
    return Given(path / "recording" if held else None, decoded, path)


def _results_in(observation: Path) -> Path | None:
    """Of a recording in segments those of the newest."""
    segments = (folder for folder in (observation / NAME).glob("*") if is_decoded(folder))
    return best_in(observation) or max(segments, key=lambda made: (len(made.name), made.name), default=None)


def decode_with_taps(
    recording: Path,
    downlink: str,
    out: Path,
    *,
    fmt: str | None,
    rate: float | None,
    channel_hz: float | None,
    sky: Sky | None,
) -> Path:
    """Decode into OUT/decoded with all that is drawn; the folder."""
    from decoders.decode import DecodeRequest, decode
    from station.progress import progress_bar

    folder = out / "decoded"
    request = DecodeRequest(
        input=recording, downlink=downlink, out=folder, format=fmt, sample_rate=rate, taps=TAPS,
        satellite=sky.elements.name if sky else None, channel_hz=channel_hz,
    )  # fmt: skip
    with progress_bar("decoding") as told:
        decode(request, progress=told)
    return folder


def findings_of(folder: Path, sky: Sky | None, center_hz: float | None) -> Findings:
    """Join a folder of results with the orbit.

    Args:
        folder: of the decoder.
        sky: None where the orbit is not known.
        center_hz: of the recording; None to look it up there. Without it nothing is said of Doppler.
    """
    decoded = load_decoded(folder)
    start = start_of(decoded.report)
    center_hz = decoded.report["input"].get("channel_hz") or center_hz or _center_hz(decoded)
    link = link_of(decoded, sky, start)
    tracks, fit, follows = decoded.tracks, None, None
    if sky is not None and sky.use is not None and start is not None and tracks is not None and center_hz:
        seen = tracks.locked
        if seen.sum() >= _LEAST_ROWS:
            sent_hz = sent_frequency_hz(sky.use, center_hz + float(np.median(tracks.carrier_hz[seen])))
            measured = tracks.time_s[seen], tracks.carrier_hz[seen]
            fit = fit_doppler(sky, start, *measured, center_hz=center_hz, sent_hz=sent_hz)
            follows = fit is not None
    return Findings(decoded, link, sky, fit, follows, start)


def _center_hz(decoded: Decoded) -> float | None:
    """Of the recording that was decoded, if it still lies there."""
    given = decoded.report["input"]
    if given.get("level") != "iq":
        return None
    try:
        path = json.loads((decoded.folder / "run.json").read_text("utf-8"))["input"]
        # Raw samples tell no centre, so what has one tells its format as well.
        with open_recording(path, sample_rate=given["sample_rate"]) as reader:
            return reader.info.center_frequency_hz
    except (SdrError, OSError, ValueError, KeyError, TypeError):
        return None


def save_pages(findings: Findings, out: Path) -> list[Path]:
    """Draw what there is to draw; the files made."""
    from station.engineer.frame_page import save_frames
    from station.engineer.link_page import save_link
    from station.engineer.signal_pages import save_symbols, save_tracks

    antenna = findings.sky.antenna.name if findings.sky else ""
    decoded, start = findings.decoded, findings.start
    made = [out / "link.png", out / "frames.png"]
    save_link(findings.link, decoded, start, antenna, made[0])
    save_frames(decoded, start, made[1])
    if decoded.tracks is not None and decoded.tracks.locked.any():
        made.append(out / "tracks.png")
        save_tracks(decoded, findings.fit, start, made[-1])
        if decoded.symbols is not None:
            made.append(out / "symbols.png")
            save_symbols(decoded, start, made[-1])
    return made


def decoded_facts(findings: Findings) -> dict[str, Any]:
    """For `--json`; `told.decoded_lines` puts it into words."""
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
        "follows_elements": findings.follows,
        "doppler": None if fit is None else _rounded(
            {name: getattr(fit, name) for name in ("crystal_ppm", "late_s", "late_error_s", "rest_hz")}
        ),
    }  # fmt: skip


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}


def channel_for(given: Given) -> float | None:
    """Centre of the channel that an observation takes out of its own wide recording; None for the whole."""
    if given.observation is None:
        return None
    options = channel_options(json.loads((given.observation / "observation.json").read_text("utf-8")))
    return float(options[1]) if options else None


def sky_for(given: Given) -> Sky | None:
    """What the observation says, of those that have one."""
    return sky_of_observation(given.observation) if given.observation else None
