"""What is planned with and what comes out, as frozen records. Times of recordings are whole POSIX seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from scheduler.passes import Pass
from scheduler.plan.reasons import Reason
from scheduler.value import PassValue

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DownlinkNeed:
    """A band that must be recorded whole."""

    name: str
    frequency_hz: float
    bandwidth_hz: float

    @property
    def low_hz(self) -> float:
        """Lower edge."""
        return self.frequency_hz - self.bandwidth_hz / 2

    @property
    def high_hz(self) -> float:
        """Upper edge."""
        return self.frequency_hz + self.bandwidth_hz / 2


@dataclass(frozen=True, eq=False)
class View:
    """A pass as one antenna takes it: what that is worth, and where the rotator then points.

    `azimuth_deg` and `elevation_deg` [n] belong to `value.time` and are the rotator's own degrees (flip and
    turn chosen); empty for a fixed antenna. Two views by one antenna are two turns of the cable, of which the
    plan chooses. `sky` holds the true azimuth and elevation of the satellite at the same times, for pictures;
    empty where unknown.
    """

    antenna: str
    value: PassValue
    azimuth_deg: Array = field(default_factory=lambda: np.empty(0))
    elevation_deg: Array = field(default_factory=lambda: np.empty(0))
    sky: tuple[Array, Array] = field(default_factory=lambda: (np.empty(0), np.empty(0)))


@dataclass(frozen=True)
class Candidate:
    """One pass and those of its downlinks that go into one recording.

    Attributes:
        id: unique within a plan, for example `57166@20260714T032233Z/meteor_lrpt_72k`.
        seen: the pass.
        station: whose resources can take it.
        satellite: name for people.
        downlinks: recorded together.
        views: by antenna; without one the pass is rejected.
        least_s: shorter than this it is not recorded.
        margin_s: recorded before and after the curve of the value, where nothing else wants the time.
        bytes_per_s: of the recording, for the disk.
        power_w: used while it is recorded, for the battery.
        priority: for the comparison with planners that go by priority; the value has it in already.
        refused: a reason known beforehand (satellite off, link too weak …); it is passed through.
    """

    id: str
    seen: Pass
    station: str
    satellite: str
    downlinks: tuple[DownlinkNeed, ...]
    views: tuple[View, ...] = ()
    least_s: int = 60
    margin_s: int = 0
    bytes_per_s: float = 0.0
    power_w: float = 0.0
    priority: float = 1.0
    refused: Reason | None = None

    @property
    def window(self) -> tuple[int, int]:
        """First and last whole POSIX second that is listened to, margins included."""
        times = [view.value.time for view in self.views]
        low = min((float(t[0]) for t in times), default=self.seen.aos.timestamp())
        high = max((float(t[-1]) for t in times), default=self.seen.los.timestamp())
        return math.floor(low) - self.margin_s, math.ceil(high) + self.margin_s


@dataclass(frozen=True)
class Filler:
    """A geostationary satellite received when a receiver is free for `candidate.least_s` or longer.

    It takes no time from any pass.
    """

    candidate: Candidate


@dataclass(frozen=True)
class Booking:
    """One recording; `start` and `end` are whole POSIX seconds, `center_hz` is what the receiver is tuned to.

    `view` is None where only the catalogue knows of it: then its directions are unknown. `fixed` says that it
    was handed in as never to be moved; `filler` that it fills free time.
    """

    candidate: Candidate
    receiver: str
    antenna: str
    start: int
    end: int
    center_hz: float
    view: View | None = None
    value: float = 0.0
    value_parts: Mapping[str, float] = field(default_factory=dict)
    fixed: bool = False
    filler: bool = False

    def to_json(self) -> dict[str, Any]:
        """Pass fields and what is booked; the value is the sum of its parts as they are told."""
        parts = {name: round(part, 6) for name, part in self.value_parts.items()}
        return _pass_fields(self.candidate) | {
            "receiver": self.receiver,
            "antenna": self.antenna,
            "start": z(self.start),
            "end": z(self.end),
            "center_hz": self.center_hz,
            "downlinks": [need.name for need in self.candidate.downlinks],
            "value": round(sum(parts.values()) if parts else self.value, 6),
            "value_parts": parts,
            "fixed": self.fixed,
            "filler": self.filler,
        }


@dataclass(frozen=True)
class Rejection:
    """A pass not taken; `blocked_by` are the ids of the bookings in its place."""

    candidate: Candidate
    reason: Reason
    blocked_by: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Pass fields and why not."""
        return _pass_fields(self.candidate) | {
            "downlinks": [need.name for need in self.candidate.downlinks],
            "reason": self.reason.code,
            "reason_words": {language: self.reason.words(language) for language in ("en", "vi")},
            "blocked_by": list(self.blocked_by),
        }


@dataclass(frozen=True)
class Plan:
    """Bookings by start, rejections by rise; every candidate is in one of them once.

    `value` is that of all bookings together, fillers apart. No plan with the same fixed bookings over the
    same trim points is worth more than `value * (1 + gap)`; what prefers the last plan is not part of either.
    At the end recordings are made longer by seconds between trim points, which no bound covers.
    """

    bookings: tuple[Booking, ...]
    rejected: tuple[Rejection, ...]
    value: float
    gap: float

    def to_json(self) -> dict[str, Any]:
        """The record that `tramthu plan --json` prints; times in UTC with Z."""
        bookings = [booking.to_json() for booking in self.bookings]
        return {
            "bookings": bookings,
            "rejected": [rejection.to_json() for rejection in self.rejected],
            "value": round(sum(booking["value"] for booking in bookings), 6),
            "gap": round(self.gap, 9),
        }


def z(seconds: float) -> str:
    """A POSIX time as UTC with Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _pass_fields(candidate: Candidate) -> dict[str, Any]:
    return {"id": candidate.id, **candidate.seen.to_json(), "station": candidate.station}
