"""What the catalogue tells: bookings, observations with their jobs and files, all frozen.

The state of an observation is derived from its jobs, stored nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

CATALOGUE_NAME = "catalogue.sqlite"  # in the data folder


@dataclass(frozen=True)
class Job:
    """One step as it stands."""

    step: str
    state: str
    reason: str = ""
    attempts: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FileEntry:
    """One file that a step left; `path` is absolute."""

    step: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Booking:
    """What is to be observed, by what, and what that is worth; becomes an observation when it is entered.

    `start_direction` is azimuth and elevation at `start` in the rotator's degrees, which name the turn of the
    cable that the plan counts with; None without a rotator, or where the plan knows no turn. `center_hz` is
    what the receiver is tuned to; None for the downlink itself.
    """

    name: str
    key: str
    satellite: str
    norad_id: int
    downlink: str
    frequency_hz: float
    site: Mapping[str, Any]
    elements: Mapping[str, Any]
    aos: datetime
    tca: datetime
    los: datetime
    start: datetime
    end: datetime
    max_elevation_deg: float
    receiver: str = ""
    antenna: str = ""
    value: float = 0.0
    value_parts: Mapping[str, float] = field(default_factory=dict)
    start_direction: Sequence[float] | None = None
    center_hz: float | None = None


@dataclass(frozen=True)
class Observation(Booking):
    """A booking that stands in the catalogue, with its jobs and files; `folder` is absolute."""

    _: KW_ONLY
    folder: Path
    jobs: tuple[Job, ...]
    files: tuple[FileEntry, ...]

    @property
    def state(self) -> str:
        """`planned`, `running`, `due`, `done` or `failed`."""
        return derived_state([job.state for job in self.jobs])

    @property
    def recording(self) -> Path:
        """Stem of the recording; SigMF suffixes follow it."""
        return self.folder / "recording"

    def job(self, step: str) -> Job:
        """The job of one step."""
        return next(job for job in self.jobs if job.step == step)


def derived_state(states: Sequence[str]) -> str:
    """State of an observation from those of its jobs.

    A failed step fails the observation; a running one means `running`; all untouched are `planned`, all done
    `done`; what is left is `due`: begun, and waiting for its next step.
    """
    for state in ("failed", "running"):
        if state in states:
            return state
    if all(state == "done" for state in states):
        return "done"
    return "planned" if all(state == "due" for state in states) else "due"


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
