"""Orbital elements: OMM and two-line sets as one frozen record, checked before use.

Mean elements of SGP4 in TEME with the WGS-72 constants, as the catalogues publish them. OMM: CCSDS 502.0-B-3,
section 4, in the JSON spelling of CelesTrak and Space-Track. The epoch is kept to the microsecond: the last
digit of a two-line set is 864 us.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sgp4.api import WGS72, Satrec

from scheduler import omm, tle
from scheduler.element_entries import Entry, Lines, Message
from scheduler.element_files import content_of
from scheduler.element_formats import KINDS, as_text, entries
from scheduler.errors import ElementsError

_DAY_S = 86_400.0
_SGP4_EPOCH = datetime(1949, 12, 31, tzinfo=UTC)

# 0 is what the catalogues publish, 2 is SGP4 by CCSDS 502.0-B-3, table 4-3.
_SGP4_TYPES = (0, 2)
_SGP4_XP = 4

# What a value may be: lowest, highest.
_RANGES = {
    "mean_motion_rev_per_day": (0.01, 20.0),
    "eccentricity": (0.0, 0.999_999_9),
    "inclination_deg": (0.0, 180.0),
    "raan_deg": (-360.0, 360.0),
    "argument_of_perigee_deg": (-360.0, 360.0),
    "mean_anomaly_deg": (-360.0, 360.0),
    "bstar": (-1e6, 1e6),
    "mean_motion_dot": (-1e6, 1e6),
    "mean_motion_ddot": (-1e6, 1e6),
    "norad_id": (1, 999_999_999),
}
_LONGEST_NAME = 80
# A text that holds no set for so long holds none; and nobody reads more faults than so many.
_MOST_FAULTS_IN_ROW = 1000
_MOST_FAULTS_TOLD = 20
_LONGEST_FAULT = 300


@dataclass(frozen=True)
class Elements:
    """Mean elements of one satellite at one epoch.

    Derivatives as published: half the first (rev/day²) and a sixth of the second (rev/day³); `bstar` in
    inverse Earth radii.
    """

    name: str
    norad_id: int
    object_id: str
    epoch: datetime
    mean_motion_rev_per_day: float
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    argument_of_perigee_deg: float
    mean_anomaly_deg: float
    bstar: float = 0.0
    mean_motion_dot: float = 0.0
    mean_motion_ddot: float = 0.0
    classification: str = "U"
    ephemeris_type: int = 0
    element_set: int = 999
    revolution: int = 0

    def __post_init__(self) -> None:
        for field, (lowest, highest) in _RANGES.items():
            value = getattr(self, field)
            if not (math.isfinite(value) and lowest <= value <= highest):
                raise ElementsError(
                    f"{field} of {self.name} is {value}; {lowest:g} to {highest:g} is possible"
                )
        if self.ephemeris_type not in _SGP4_TYPES:
            theory = "SGP4-XP" if self.ephemeris_type == _SGP4_XP else "another theory than SGP4"
            raise ElementsError(
                f"the set of {self.name} is for {theory} (ephemeris type {self.ephemeris_type}); "
                "SGP4 would carry it kilometres off: fetch the set for SGP4 (type 0)"
            )

    @classmethod
    def from_tle(cls, name: str, line1: str, line2: str) -> Elements:
        """From a two-line set; raises `ElementsError` when a line is cut, altered or out of range."""
        fields = tle.parse(line1, line2)
        try:
            return cls(name=_printable(name) or f"NORAD {fields['norad_id']}", **fields)  # type: ignore[arg-type]
        except OverflowError as error:
            raise ElementsError(f"two-line set of {name!r}: {error}") from error

    @classmethod
    def from_omm(cls, mapping: Mapping[str, Any]) -> Elements:
        """From an OMM's keywords and values, which may be numbers or text."""
        fields = omm.parse(mapping)
        fields["name"] = _printable(fields["name"]) or f"NORAD {fields['norad_id']}"
        fields["object_id"] = _printable(fields["object_id"])
        fields["classification"] = _printable(fields["classification"])[:1] or "U"
        return cls(**fields)  # type: ignore[arg-type]

    def to_omm(self) -> dict[str, str | float | int]:
        """Keywords and values as CelesTrak's JSON spells them; `from_omm` gives the same elements back."""
        message: dict[str, str | float | int] = {
            "OBJECT_NAME": self.name,
            "OBJECT_ID": self.object_id,
            "EPOCH": self.epoch.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds"),
            "NORAD_CAT_ID": self.norad_id,
            "CLASSIFICATION_TYPE": self.classification,
            "MEAN_ELEMENT_THEORY": "SGP4",
        }
        return message | {k: getattr(self, field) for k, field in omm.NUMBERS + omm.OPTIONAL + omm.INTEGERS}

    def to_tle(self) -> tuple[str, str]:
        """Lines 1 and 2, rounded to the columns; `ElementsError` where these have no room, as for 340000."""
        number = tle.to_alpha5(self.norad_id)
        if not tle.FIRST_YEAR <= self.epoch.year < tle.FIRST_YEAR + 100:
            raise ElementsError(f"two-line sets know no year {self.epoch.year}; use OMM")
        start_of_year = datetime(self.epoch.year, 1, 1, tzinfo=UTC)
        day = (self.epoch - start_of_year).total_seconds() / _DAY_S + 1
        short = re.sub(r"^\d\d(\d\d)-", r"\1", self.object_id)
        slope = f"{self.mean_motion_dot: .8f}".replace("0.", ".", 1)
        line1 = (
            f"1 {number}{self.classification[:1] or 'U'} {short:<8} "
            f"{self.epoch.year % 100:02d}{day:012.8f} {slope} "
            f"{tle.format_assumed_point(self.mean_motion_ddot)} {tle.format_assumed_point(self.bstar)} "
            f"{self.ephemeris_type % 10} {self.element_set % 10_000:4d}"
        )
        line2 = (
            f"2 {number} {self.inclination_deg:8.4f} {self.raan_deg % 360:8.4f} "
            f"{self.eccentricity * 1e7:07.0f} {self.argument_of_perigee_deg % 360:8.4f} "
            f"{self.mean_anomaly_deg % 360:8.4f} "
            f"{self.mean_motion_rev_per_day:11.8f}{self.revolution % 100_000:5d}"
        )
        return tle.with_checksum(line1), tle.with_checksum(line2)

    def satrec(self) -> Satrec:
        """The elements made ready for SGP4 (AIAA 2006-6753, improved mode, WGS-72)."""
        per_minute = 2 * math.pi / 1440
        record = Satrec()
        # SGP4 does not use the number, and the library refuses those that alpha-5 cannot hold.
        label = self.norad_id if self.norad_id <= tle.MOST_IN_ALPHA5 else 0
        record.sgp4init(
            WGS72, "i", label, (self.epoch - _SGP4_EPOCH).total_seconds() / _DAY_S, self.bstar,
            self.mean_motion_dot * per_minute / 1440, self.mean_motion_ddot * per_minute / 1440**2,
            self.eccentricity, math.radians(self.argument_of_perigee_deg), math.radians(self.inclination_deg),
            math.radians(self.mean_anomaly_deg), self.mean_motion_rev_per_day * per_minute,
            math.radians(self.raan_deg),
        )  # fmt: skip
        return record

    def age_days(self, at: datetime) -> float:
        """Days from the epoch to `at`; negative when the epoch lies ahead."""
        return (at - self.epoch).total_seconds() / _DAY_S


@dataclass(frozen=True)
class Reading:
    """What a file held: its sets, and one sentence for each part that is none."""

    sets: tuple[Elements, ...]
    faults: tuple[str, ...]


def load_elements(path: Path) -> list[Elements]:
    """All sets of a file: two- or three-line sets, or OMM as JSON, CSV, XML or KVN, told by the content.

    Raises:
        ElementsError: unreadable, empty, a web page, an unknown format, or any set that is ill-formed.
    """
    try:
        reading = read_elements(content_of(path))
    except ElementsError as error:
        raise ElementsError(f"{path}: {error}") from error
    if reading.faults:
        raise ElementsError(f"{path}: {reading.faults[0]}")
    return list(reading.sets)


def read_elements(content: bytes) -> Reading:
    """The sets of a file or download that can be read, beside the faults of the others.

    Raises:
        ElementsError: not a single set can be read: empty, a web page, another format, or all ill-formed.
    """
    sets: list[Elements] = []
    faults: list[str] = []
    count = in_row = 0
    for entry in entries(as_text(content)):
        try:
            sets.append(_from_entry(entry))
            in_row = 0
        except ElementsError as error:
            count, in_row = count + 1, in_row + 1
            if count <= _MOST_FAULTS_TOLD:
                faults.append(f"{entry.where}: {error}"[:_LONGEST_FAULT])
        if in_row == _MOST_FAULTS_IN_ROW:
            faults.append(f"{entry.where}: what follows is not read, for so much of it holds no set")
            break
    if not sets:
        raise ElementsError(faults[0] if faults else f"no element set in it; {KINDS}")
    if count > _MOST_FAULTS_TOLD:
        faults.append(f"and {count - _MOST_FAULTS_TOLD} more parts that are no set")
    return Reading(tuple(sets), tuple(faults))


def _from_entry(entry: Entry) -> Elements:
    if isinstance(entry, Lines):
        return Elements.from_tle(entry.name, entry.line1, entry.line2)
    if isinstance(entry, Message):
        return Elements.from_omm(entry.keywords)
    raise ElementsError(entry.reason)


def select(elements: Sequence[Elements], name_or_id: str | int, at: datetime | None = None) -> Elements:
    """The set of one satellite whose epoch is nearest to `at`, or the newest.

    Names are compared without regard to case, blanks and hyphens.

    Raises:
        ElementsError: none is of that satellite; the message names the nearest.
    """
    wanted = _plain(str(name_or_id))
    found = [e for e in elements if wanted in (_plain(e.name), str(e.norad_id))]
    if not found:
        near = difflib.get_close_matches(wanted, [_plain(e.name) for e in elements], n=1)
        name = next((e.name for e in elements if near and _plain(e.name) == near[0]), None)
        hint = f"; the nearest is {name!r}" if name else f"; {len(elements)} others are there"
        raise ElementsError(f"no elements of {name_or_id!r}{hint}")
    if at is None:
        return max(found, key=lambda e: e.epoch)
    return min(found, key=lambda e: abs(e.age_days(at)))


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold())


def _printable(text: object) -> str:
    """A name goes into logs, pages and calendars: one line, without control characters."""
    return "".join(filter(str.isprintable, str(text))).strip()[:_LONGEST_NAME]
