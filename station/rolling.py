"""A geostationary satellite never sets: its recording rolls through segments, and so do its results.

    recording.sigmf-*   decoded/recording/        products/recording/
    recording-0001.…    decoded/recording-0001/   products/recording-0001/   …

The recorder lets the oldest segments go beyond those that are to be kept, but none that is not decoded yet.
Where the disk is short the oldest goes all the same, and the next one; only when two are left samples stay in
memory only. The decoder follows; what it finishes stands in the catalogue at once, and its pictures are made.
A kill of any of them costs no segment: what is whole is known by its files, and the rest is done anew.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoders.done import is_done
from sdr.recording_files import segment_stem
from station.equipment import receiver_of
from station.shared import description_of

if TYPE_CHECKING:
    from station.catalogue import Catalogue, Observation
    from station.config import ReceiverSection, StationConfig
    from station.processes import Worker

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_SHOWN = 48  # segments, that the row of an observation names
_COUNTS = ("located", "good", "corrected", "failed", "lost")
_MADE = "products.json"
_NO_REPORT = {"frames": {}, "input": {"sample_rate": None, "start": None, "samples": 0, "gaps": ()}}


@dataclass(frozen=True)
class Rolling:
    """How long a segment is, and how many stay."""

    segment_s: float
    keep_segments: int

    @property
    def length_s(self) -> float:
        """Seconds of samples for which the disk must have room."""
        return self.segment_s * (self.keep_segments + 1)

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Rolling | None:
        """As the description of an observation says; None where it is one file."""
        table = description.get("segments")
        return cls(float(table["segment_s"]), int(table["keep_segments"])) if table else None


def rolling_described(observation: Observation) -> Rolling | None:
    """How its recording is made, as its description says; None where it is one file."""
    return Rolling.of(description_of(observation))


def rolling_of(observation: Observation, config: StationConfig) -> Rolling | None:
    """How an observation is to be recorded; None for one file.

    A radio that shares its band among several has them in one file, and so have simulation and playback.
    """
    from station.entries import is_filler

    if not (is_filler(observation) and can_roll(receiver_of(observation, config))):
        return None
    return Rolling(config.geostationary.segment_s, config.geostationary.keep_segments)


def can_roll(receiver: ReceiverSection) -> bool:
    """Whether what a receiver gives is cut into segments."""
    return receiver.type in ("rtl_tcp", "soapy") and not receiver.wide


def nobody_needs(stem: Path) -> Callable[[int], bool]:
    """For the recorder: whether a segment may go. The next one is decoded with the end of it."""
    decoded = stem.with_name("decoded")
    return lambda number: all(is_done(decoded / segment_stem(stem, n).name) for n in (number, number + 1))


def remove_decoded(observation: Observation, catalogue: Catalogue) -> None:
    """Once a recording is over and decoded, only as many segments stay as are to be kept."""
    from sdr.segment_files import remove_needless

    rolling, stem = rolling_described(observation), observation.recording
    if rolling is None:
        return
    gone = {path.name for path in remove_needless(stem, rolling.keep_segments, nobody_needs(stem))}
    for entry in catalogue.observation(observation.name).files:
        if entry.step == "record" and entry.path.name.partition(".")[0] in gone:
            catalogue.replace_file(observation.name, entry, None, {})


class SegmentResults:
    """Enters what the decoder finishes, and has pictures made of it, while the observation goes on.

    Args:
        observation: whose.
        catalogue: to be told.
        begin_pictures: begins the worker that makes pictures of a folder into another.
        limit_s: what that may take.
    """

    def __init__(
        self,
        observation: Observation,
        catalogue: Catalogue,
        begin_pictures: Callable[[Path, Path], Worker],
        limit_s: float,
    ) -> None:
        self._name, self._catalogue, self._begin = observation.name, catalogue, begin_pictures
        self._limit_s = limit_s
        self._decoded, self._products = observation.folder / "decoded", observation.folder / "products"
        self._known: set[str] = set()
        self._told = _Told()
        self._to_picture: list[Path] = []
        self._worker: Worker | None = None
        self._out, self._begun_at = self._products, 0.0
        self._looked_at = -_LOOK_S

    def look(self) -> None:
        """To be called some times a second."""
        if time.monotonic() - self._looked_at >= _LOOK_S:
            self._looked_at = time.monotonic()
            self._enter_new()
            self._make_pictures()

    def all_entered(self) -> dict[str, Any]:
        """Enter whatever is done by now; for the row of the decoding."""
        self._enter_new()
        return self._told.result

    def finish(self) -> None:
        """Enter the rest, and wait for the pictures that are not made yet."""
        self._enter_new()
        while self._to_picture or self._worker:
            self._make_pictures()
            time.sleep(_LOOK_S / 10)

    def dismiss(self) -> None:
        """End what is under way; it is done anew."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None

    def _enter_new(self) -> None:
        """What cannot be entered, as on a full disk, is not known, and is entered by the next look."""
        new = [f for f in self._folders() if f.name not in self._known and is_done(f)]
        if not new:
            return
        told = self._told
        for folder in new:
            told = told.and_of(_counted(folder))
        self._catalogue.add(self._name, "decode", told.result, [path for f in new for path in files_in(f)])
        self._told = told
        self._known.update(folder.name for folder in new)
        self._to_picture += [folder for folder in new if any(folder.glob("*_l1a.nc"))]

    def _folders(self) -> list[Path]:
        """By number."""
        there = self._decoded.iterdir() if self._decoded.is_dir() else ()
        return sorted((f for f in there if f.is_dir()), key=lambda f: (len(f.name), f.name))

    def _make_pictures(self) -> None:
        """One worker at a time, for the first that waits; it stays that until its pictures are entered."""
        if self._worker is not None and self._is_over(self._worker):
            self._worker = None
            if not self._out.is_dir():
                self._to_picture.pop(0)
        while self._to_picture and self._worker is None:
            folder = self._to_picture[0]
            self._out = self._products / folder.name
            if self._out.is_dir():
                self._catalogue.add(self._name, "image", {}, files_in(self._out))
                self._to_picture.pop(0)
                continue
            shutil.rmtree(_part(self._out), ignore_errors=True)
            self._products.mkdir(exist_ok=True)
            self._begun_at = time.monotonic()
            self._worker = self._begin(folder, _part(self._out))

    def _is_over(self, worker: Worker) -> bool:
        if time.monotonic() - self._begun_at > self._limit_s:
            worker.kill()
        if (ended := worker.poll()) is None:
            return False
        if (_part(self._out) / _MADE).exists():
            _part(self._out).replace(self._out)
        if ended.reason:
            log.warning("%s: pictures of %s: %s", self._name, self._out.name, ended.reason)
        return True


@dataclass(frozen=True)
class _Told:
    """What the row of the decoding tells: frames in all, and the newest segments."""

    count: int = 0
    totals: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    newest: tuple[Mapping[str, Any], ...] = ()

    def and_of(self, segment: Mapping[str, Any]) -> _Told:
        totals = {
            name: before + int(segment["frames"].get(name) or 0) for name, before in self.totals.items()
        }
        return _Told(self.count + 1, totals, (*self.newest, segment)[-_SHOWN:])

    @property
    def result(self) -> dict[str, Any]:
        return {
            "report": {"frames": dict(self.totals)},
            "segments": {"count": self.count, "newest": list(self.newest)},
        }


def _counted(folder: Path) -> dict[str, Any]:
    """A segment, as its report says; nothing is counted of one that cannot be understood."""
    report = (folder / "report.json").read_text("utf-8")
    try:
        return _row(folder.name, json.loads(report))
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s: report.json is no report: %s: %s", folder, type(error).__name__, error)
        return _row(folder.name, _NO_REPORT)


def _row(name: str, report: Mapping[str, Any]) -> dict[str, Any]:
    frames, told = report["frames"], report["input"]
    rate = told["sample_rate"] or 1.0
    return {
        "name": name,
        "start": told["start"],
        "seconds": round(told["samples"] / rate, 2),
        "lost_s": round(sum(gap["sample_count"] for gap in told["gaps"]) / rate, 3),
        "frames": {of: frames.get(of) for of in _COUNTS},
    }


def _part(out: Path) -> Path:
    """The name under which pictures are made that are not whole yet."""
    return out.with_name(f"{out.name}.part")


def files_in(folder: Path) -> list[Path]:
    """All that a step left in a folder; nothing where that is not there."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
