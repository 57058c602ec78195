"""One observation from the antenna to the map: record, decode, image, publish.

This page is the main path. Each step is a worker process that reads the files of the step before and leaves
its own; the catalogue learns of each step before it begins. Decoding follows the recording while it grows;
both are begun again when they die while the satellite is up. A step whose row says done is not done again, so
the same call resumes what a power cut left behind, a recording in mid-pass too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM
from typing import Any

from sdr.errors import SdrError
from station.attempts import attempts_in, folder_of_attempt, named, report_of, settle
from station.catalogue import Catalogue, Observation
from station.config import StationConfig
from station.description import decode_options, describe, frame_options, products_options
from station.equipment import antenna_of, lead_s, receiver_of
from station.errors import sentence_of
from station.live_decoder import LiveDecoder
from station.processes import Ended, Worker
from station.publish import publish_files
from station.recorded import (
    close_interrupted,
    has_samples,
    in_memory_only,
    recorded_files,
    recording_facts,
    recording_start,
    was_in_memory_only,
)
from station.recorder import Recorder
from station.rolling import SegmentResults, files_in, remove_decoded, rolling_described
from station.self_test_history import result_in
from station.shared import description_of, recording_end

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
_LOOK_S = 1.0
# How the reasons of such recordings begin.
IN_PART = "recorded in part"
INTERRUPTED = "recorded with an interruption"

Progress = Callable[[str, float], None]


@dataclass
class Crew:
    """What every observation works with.

    `decoder_lags_s` holds by how much the live decoders are behind their recordings, by observation. Holding
    `sharing` one decides whether an observation records or takes its share of another's recording. `begun`
    are the recorders that this process began before anything else.
    """

    config: StationConfig
    catalogue: Catalogue
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None
    decoder_lags_s: dict[str, float] = field(default_factory=dict)
    sharing: threading.Lock = field(default_factory=threading.Lock)
    begun: dict[str, Worker] = field(default_factory=dict)


def observe(observation: Observation, crew: Crew) -> Observation:
    """Take an observation as far as it goes; returns it as it then stands.

    What fails is entered with its reason and is no exception; `crew.stop` ends a recording early, and what
    was recorded is decoded still.
    """
    name = observation.name
    observation.folder.mkdir(parents=True, exist_ok=True)
    if observation.job("record").state in ("due", "running"):
        record_and_decode(observation, crew)
    elif observation.job("decode").state == "due":
        decode(observation, crew)
    for step, act in (("image", image), ("publish", publish)):
        observation = crew.catalogue.observation(name)
        if observation.job(step).state == "due" and not crew.stop.is_set():
            act(observation, crew)
    return crew.catalogue.observation(name)


def record_and_decode(observation: Observation, crew: Crew) -> None:
    """Record, with the decoder following the growing recording; goes on with what a dead daemon began."""
    is_new = observation.job("record").state == "due"
    with crew.sharing:
        if is_new or not description_of(observation):  # the disk may have lost it with the power
            describe(observation, crew.config, crew.catalogue)
        if is_new:
            observation = crew.catalogue.begin(observation.name, "record")
    receiver = receiver_of(observation, crew.config)
    # A recording that others share goes on until the last of them is over.
    recorded = replace(observation, end=recording_end(observation))
    limit_s, begun = _recording_limit_s(recorded, crew), crew.begun.pop(observation.name, None)
    recorder = Recorder(recorded, receiver, _Over(observation, crew), limit_s, begun)
    decoder = LiveDecoder(observation, lambda follow: _begin_decode(observation, crew, follow=follow))
    segments = _segments(observation, crew)

    def watch() -> None:
        decoder.look()
        if segments is not None:
            segments.look()
        _tell(crew, "record", recorder.progress)
        _tell(crew, "decode", decoder.progress)
        if decoder.lag_s is not None:
            crew.decoder_lags_s[observation.name] = decoder.lag_s

    try:
        ended = recorder.run(watch)
        if _enter_recording(observation, ended, recorder.deaths, crew):
            timeout_s = crew.config.schedule.decode_timeout_s
            _enter_decode(
                observation, decoder.finish(timeout_s, lambda: _tell(crew, "decode", decoder.progress)), crew
            )
    finally:
        if segments is not None:
            segments.dismiss()
        crew.decoder_lags_s.pop(observation.name, None)


class _Over:
    """Whether a recording is to end now: the station is stopped, or a pass needs what a filler has."""

    def __init__(self, observation: Observation, crew: Crew) -> None:
        self._observation, self._stop = observation, crew.stop
        self._rolls = rolling_described(observation) is not None
        self._end, self._looked_at = recording_end(observation), time.monotonic()

    def __call__(self) -> bool:
        if self._rolls and time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at, self._end = time.monotonic(), recording_end(self._observation)
        return self._stop.is_set() or (self._rolls and datetime.now(UTC) >= self._end)


def decode(observation: Observation, crew: Crew) -> None:
    """Decode a finished recording."""
    worker = _begin_decode(observation, crew, follow=False)
    ended = worker.wait(crew.config.schedule.decode_timeout_s, lambda: _tell(crew, "decode", worker.progress))
    _enter_decode(observation, ended, crew)


def image(observation: Observation, crew: Crew) -> None:
    """Make pictures, maps and level-1 files from what was decoded."""
    decoded = decoded_folder(observation)
    observation = crew.catalogue.begin(observation.name, "image")
    if (segments := _segments(observation, crew)) is not None:
        segments.finish()
        made = len(list((observation.folder / "products").glob("*/products.json")))
        note = "" if made else f"no picture is made of {observation.downlink}; its frames are kept"
        crew.catalogue.finish(observation.name, "image", {"segments": made}, reason=note)
        return
    if not any(decoded.glob("*_l1a.nc")):
        crew.catalogue.fail(observation.name, "image", "no image in the decoded data")
        return
    out = _fresh(observation.folder / "products", observation.job("image").attempts)
    worker = _begin_pictures(observation, crew, decoded, out)
    limit_s = crew.config.schedule.products_timeout_s
    ended = worker.wait(limit_s, lambda: _tell(crew, "image", worker.progress))
    if ended.reason:
        crew.catalogue.fail(observation.name, "image", ended.reason, _cost(ended))
        return
    crew.catalogue.finish(observation.name, "image", _cost(ended) | {"folder": out.name}, files_in(out))


def publish(observation: Observation, crew: Crew) -> None:
    """Let others see it: a manifest beside the files, and a copy where the operator wants one."""
    observation = crew.catalogue.begin(observation.name, "publish")
    try:
        made = publish_files(observation, crew.config)
    except OSError as error:
        crew.catalogue.fail(observation.name, "publish", sentence_of(error))
        return
    crew.catalogue.finish(observation.name, "publish", {"copied": made.copied}, made.files)


def decode_arguments(
    observation: Observation, out: Path, *, follow: bool, frames: Path | None = None
) -> list[str]:
    """Arguments of the decoding worker: of the recording, or of frames that an earlier one left."""
    arguments = ["decode", str(frames or observation.recording), "--out", str(out)]
    arguments += ["--follow"] if follow else []
    row = {name: getattr(observation, name) for name in ("downlink", "satellite", "site")}
    table = {**row, **description_of(observation)}  # which the disk may have lost with the power
    if frames is None:
        return [*arguments, *decode_options(table, observation.folder)]
    start = recording_start(observation)
    arguments += ["--level", "cadu", *(["--start", start.isoformat()] if start else [])]
    return [*arguments, *frame_options(table, observation.folder)]


def decoded_folder(observation: Observation) -> Path:
    """Where the newest decoding leaves its files; while it runs, `live.json` in it tells how it is going."""
    result = observation.job("decode").result or {}
    return observation.folder / str(result.get("folder", "decoded"))


def _begin_pictures(observation: Observation, crew: Crew, decoded: Path, out: Path) -> Worker:
    arguments = [str(decoded), "--out", str(out), *products_options(crew.config), "--json"]
    return Worker("products", arguments, _log(observation, "image"), niceness=10)


def _segments(observation: Observation, crew: Crew) -> SegmentResults | None:
    """Who enters the results of a recording in segments."""
    if rolling_described(observation) is None:
        return None
    limit_s = crew.config.schedule.products_timeout_s
    return SegmentResults(
        observation, crew.catalogue, lambda of, out: _begin_pictures(observation, crew, of, out), limit_s
    )


def _begin_decode(
    observation: Observation, crew: Crew, *, follow: bool, frames: Path | None = None
) -> Worker:
    result: Mapping[str, Any] = {}
    if rolling_described(observation) is None:
        out = folder_of_attempt(observation)
    else:  # what is done is not done again
        out = observation.folder / "decoded"
        result = crew.catalogue.observation(observation.name).job("decode").result or {}
    crew.catalogue.begin(observation.name, "decode", {**result, "folder": out.name})
    arguments = decode_arguments(observation, out, follow=follow, frames=frames)
    return Worker("station.cli", arguments, _log(observation, "decode"), niceness=5)


def _enter_recording(observation: Observation, ended: Ended, deaths: list[str], crew: Crew) -> bool:
    """Whether there are samples to decode."""
    if not has_samples(observation):
        reason = ended.reason or "no sample was recorded"
        log.warning("%s: nothing is recorded: %s", observation.name, reason)
        crew.catalogue.fail(observation.name, "record", reason, _cost(ended))
        return False
    try:
        close_interrupted(observation)
    except SdrError as error:
        crew.catalogue.fail(observation.name, "record", f"cut off, and of no use: {error}", _cost(ended))
        return False
    result = _cost(ended) | recording_facts(observation) | {"deaths": len(deaths)}
    result["self_test"] = result_in(observation.folder)
    # A recorder that failed midway leaves what it had; that is decoded, and the reason stands in the row.
    note = "ended early: the station was stopped" if crew.stop.is_set() else ""
    if deaths:
        note = _interrupted_words(deaths, result)
    if ended.reason and not (crew.stop.is_set() and ended.status == -SIGTERM):
        note = f"{IN_PART}: {ended.reason}"
    if (short := in_memory_only(observation)) is not None:
        note = f"{IN_PART}: {short}"
    if note:
        log.warning("%s: %s", observation.name, note)
    crew.catalogue.finish(observation.name, "record", result, recorded_files(observation), reason=note)
    return True


def _interrupted_words(deaths: list[str], result: Mapping[str, Any]) -> str:
    """What became of a recording whose recorder died in mid-pass."""
    times = "once" if len(deaths) == 1 else f"{len(deaths)} times"
    lost = f"{result['lost_s']:.1f} of {result['seconds_recorded']:.0f} s are missing"
    return f"{INTERRUPTED}: the recorder died {times} ({deaths[-1]}); {lost}"


def _enter_decode(observation: Observation, ended: Ended, crew: Crew) -> None:
    out, note = decoded_folder(crew.catalogue.observation(observation.name)), ""
    segments = _segments(observation, crew)
    if segments is None and was_in_memory_only(observation):
        ended, out, note = _settle_attempts(observation, ended, crew)
    result = _cost(ended) | {"folder": out.name}
    result |= {"report": report_of(out) or {}} if segments is None else segments.all_entered()
    if ended.reason:
        crew.catalogue.fail(observation.name, "decode", ended.reason, result)
    elif segments is not None:  # their files stand in the catalogue already
        crew.catalogue.finish(observation.name, "decode", result)
        remove_decoded(observation, crew.catalogue)
    else:
        crew.catalogue.finish(observation.name, "decode", result, files_in(out), reason=note)


def _settle_attempts(observation: Observation, ended: Ended, crew: Crew) -> tuple[Ended, Path, str]:
    """How the decoding ended with the best of all attempts, where that lies, and what lies beside it."""

    def complete(frames: Path) -> Ended:
        worker = _begin_decode(observation, crew, follow=False, frames=frames)
        return worker.wait(crew.config.schedule.decode_timeout_s)

    ended, result = settle(observation, ended, complete)
    note = named(attempts_in(observation.folder), result)
    if note:
        log.warning("%s: %s", observation.name, note)
    return ended, observation.folder / result, note


def _recording_limit_s(observation: Observation, crew: Crew) -> float:
    """Of one process; a simulator may be slower than life."""
    length = (observation.end - observation.start).total_seconds()
    ahead = lead_s(antenna_of(observation, crew.config))
    slow = receiver_of(observation, crew.config).type == "simulator"
    return ahead + length * (5 if slow else 1) + 120


def _fresh(folder: Path, attempt: int) -> Path:
    """A folder of its own for each attempt, as nothing that was made is overwritten."""
    return folder if attempt <= 1 else folder.with_name(f"{folder.name}-{attempt}")


def _log(observation: Observation, step: str) -> Path:
    return observation.folder / f"{step}.log"


def _cost(ended: Ended) -> dict[str, Any]:
    return {
        "status": ended.status,
        "seconds": round(ended.seconds, 2),
        "peak_rss_mib": round(ended.peak_rss_mib, 1),
    }


def _tell(crew: Crew, step: str, fraction: float | None) -> None:
    if fraction is not None and crew.progress is not None:
        crew.progress(step, fraction)
