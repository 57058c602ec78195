"""The demonstration: a simulated pass through the whole station, held against what the simulator sent.

It is an ordinary observation with the simulator as the receiver: the same catalogue, the same workers, the
same `station.observation.observe` as every night.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scheduler.elements import Elements
from scheduler.passes import Pass, Site
from scheduler.satellites import satellite
from scheduler.track import track
from station import registry
from station.catalogue import Catalogue, Observation
from station.config import SimulatorReceiver, StationConfig, parse_config
from station.entries import booking_of
from station.errors import DONE, NOTHING_USABLE, SYSTEM_FAULT, WRONG_USE, StationError
from station.observation import Crew, decoded_folder, observe
from station.truth import FrameScore, PlaceScore, score_frames, score_places

COLUMNS = 1568
HIGH_DEG = 5.0  # below, rural noise and a QFH antenna leave less than the code needs
MAIN_PICTURES = ("day_221", "day_125", "infrared")
DOWNLINK_OF_MODE = {"m2_72k": "meteor_m2_lrpt_72k", "72k": "meteor_lrpt", "80k": "meteor_lrpt"}


@dataclass(frozen=True)
class DemoRequest:
    """Which pass, over which site, as received how, into which folder."""

    elements: Elements
    site: Site
    seen: Pass
    receiver: SimulatorReceiver
    out: Path
    boundaries: Path | None = None
    language: str = "en"
    seconds: float | None = None


@dataclass(frozen=True)
class DemoReport:
    """What happened; `to_json` is what `--json` prints."""

    observation: Observation
    seen: Pass
    cn0_dbhz: tuple[float, float]
    frames: FrameScore | None
    places: PlaceScore | None
    decoder: dict[str, Any]
    lines: dict[str, str]
    seconds: float

    @property
    def exit_status(self) -> int:
        """0 when every step is done, else that of the step that failed."""
        if self.observation.state == "done":
            return DONE
        failed = next((job for job in self.observation.jobs if job.state == "failed"), None)
        status = ((failed.result if failed else None) or {}).get("status")
        return status if status in (NOTHING_USABLE, WRONG_USE) else SYSTEM_FAULT

    @property
    def pictures(self) -> list[str]:
        """The pictures to look at first, relative to the folder of the observation."""
        names = [str(e.path.relative_to(self.observation.folder)) for e in self.observation.files]
        kept = [name for name in names if name.endswith(".png")]
        areas = ("northern_vietnam", "pass")
        wanted = [f"_{area}_{recipe}.png" for area in areas for recipe in MAIN_PICTURES]
        return [name for end in wanted for name in kept if name.endswith(end)][:4]

    def to_json(self) -> dict[str, Any]:
        """Everything, with times as ISO 8601 and files relative to the folder of the observation."""
        one = self.observation
        return {
            "observation": one.name,
            "state": one.state,
            "folder": str(one.folder),
            "pass": self.seen.to_json(),
            "cn0_dbhz": {"weakest": round(self.cn0_dbhz[0], 1), "strongest": round(self.cn0_dbhz[1], 1)},
            "frames": None if self.frames is None else asdict(self.frames),
            "decoder": self.decoder,
            "lines": self.lines,
            "geolocation": None if self.places is None else asdict(self.places),
            "jobs": {
                job.step: {
                    "state": job.state,
                    "reason": job.reason,
                    **{k: v for k, v in (job.result or {}).items() if k in ("seconds", "peak_rss_mib")},
                }
                for job in one.jobs
            },
            "files": [str(entry.path.relative_to(one.folder)) for entry in one.files],
            "seconds": round(self.seconds, 1),
        }


def run_demo(request: DemoRequest, progress: Callable[[str, float], None]) -> DemoReport:
    """Simulate, receive, decode, make images, and compare with the truth.

    Raises:
        CatalogueError: the folder cannot hold the catalogue.
        StationError: the folder is a file, or the boundaries are none.
        SimulationError: the pass cannot be simulated.
    """
    began = time.monotonic()
    config = _config(request)
    _refuse(request)
    catalogue = Catalogue(request.out)
    observation = _book(request, config, catalogue)
    observation = observe(observation, Crew(config, catalogue, progress=progress))
    return DemoReport(
        observation=observation,
        seen=request.seen,
        cn0_dbhz=registry.cn0_range_dbhz(_simulated(request, (observation.start, observation.end))),
        frames=_frames(observation, request),
        places=_places(observation),
        decoder=_part(observation, "frames"),
        lines={name: _lines(one) for name, one in _part(observation, "image").get("channels", {}).items()},
        seconds=time.monotonic() - began,
    )


def _refuse(request: DemoRequest) -> None:
    """What cannot be done is told before anything is made."""
    if request.out.exists() and not request.out.is_dir():
        raise StationError(f"--out {request.out} is a file; name a folder")
    if request.boundaries is not None and not request.boundaries.is_file():
        raise StationError(f"--boundaries {request.boundaries}: no such file; give a GeoJSON of borders")
    registry.refuse_impossible(_simulated(request, _window(request)))


def _simulated(request: DemoRequest, window: tuple[datetime, datetime]) -> registry.SimulatedPass:
    frequency_hz = satellite(request.elements.norad_id).downlink().frequency_hz
    return registry.SimulatedPass(request.elements, request.site, *window, frequency_hz, request.receiver)


def _config(request: DemoRequest) -> StationConfig:
    table: dict[str, Any] = {
        "station": {
            "name": request.site.name,
            "latitude_deg": request.site.latitude_deg,
            "longitude_deg": request.site.longitude_deg,
            "altitude_m": request.site.altitude_m,
            "data_dir": str(request.out),
            "language": request.language,
        },
        "receiver": request.receiver.model_dump(),
        "elements": {"files": ["elements.json"]},
        "satellite": [{"name": request.elements.name, "downlink": _downlink(request.receiver.mode)}],
        "schedule": {"margin_s": 0.0},
        "products": {"boundaries": str(request.boundaries)} if request.boundaries else {},
    }
    return parse_config(table, "the demonstration")


def _downlink(mode: str) -> str | None:
    """METEOR-M2's mode has a downlink of its own; the others are found out by the decoder."""
    return DOWNLINK_OF_MODE[mode] if mode == "m2_72k" else None


def _book(request: DemoRequest, config: StationConfig, catalogue: Catalogue) -> Observation:
    """Enter the pass; a name that an earlier demonstration took gets a number."""
    start, end = _window(request)
    booking = booking_of(config, config.satellite[0], request.elements, request.seen, (start, end))
    booking = replace(booking, downlink=DOWNLINK_OF_MODE[request.receiver.mode])
    number = 1
    while True:
        suffix = "" if number == 1 else f"_{number}"
        made = catalogue.book(replace(booking, name=booking.name + suffix, key=booking.key + suffix))
        if made is not None:
            return made
        number += 1


def _window(request: DemoRequest) -> tuple[datetime, datetime]:
    seen = request.seen
    if request.seconds is None or request.seconds >= seen.duration_s:
        return seen.aos, seen.los
    half = timedelta(seconds=request.seconds / 2)
    return seen.tca - half, seen.tca + half


def _frames(observation: Observation, request: DemoRequest) -> FrameScore | None:
    stem, frames = observation.recording, decoded_folder(observation) / "frames.cadu"
    if not frames.exists() or not stem.with_name(f"{stem.name}.sent.jsonl").exists():
        return None
    curve = track(request.elements, request.site, observation.start, observation.end)

    def elevation_deg(time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.interp(time, curve.time, curve.elevation_deg)

    return score_frames(stem, frames, (HIGH_DEG, elevation_deg))


def _places(observation: Observation) -> PlaceScore | None:
    truth = observation.recording.with_name(f"{observation.recording.name}.truth.npz")
    level1a, level1b = (
        next((f.path for f in observation.files if f.step == step and f.path.suffix == ".nc"), None)
        for step in ("decode", "image")
    )
    if level1a is None or level1b is None or not truth.exists():
        return None
    return score_places(truth, level1a, level1b)


def _lines(channel: dict[str, Any]) -> str:
    whole = channel["lines"] * COLUMNS
    return f"{channel['lines']}, {channel['good'] / whole:.1%} of the pixels good" if whole else "0"


def _part(observation: Observation, key: str) -> dict[str, Any]:
    """One part of the decoder's report, as it stands in the catalogue."""
    report = (observation.job("decode").result or {}).get("report") or {}
    part = report.get(key)
    return part if isinstance(part, dict) else {}
