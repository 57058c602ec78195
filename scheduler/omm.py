"""The keywords of an Orbit Mean-Elements Message and the fields they become.

CCSDS 502.0-B-3, section 4, in the spelling of CelesTrak and Space-Track. Only what SGP4 carries in TEME and
UTC is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler.errors import ElementsError

# OMM key, our field; the first group must be there: an OMM cut behind MEAN_ANOMALY would fly without drag.
NUMBERS = (
    ("MEAN_MOTION", "mean_motion_rev_per_day"),
    ("ECCENTRICITY", "eccentricity"),
    ("INCLINATION", "inclination_deg"),
    ("RA_OF_ASC_NODE", "raan_deg"),
    ("ARG_OF_PERICENTER", "argument_of_perigee_deg"),
    ("MEAN_ANOMALY", "mean_anomaly_deg"),
    ("BSTAR", "bstar"),
)
OPTIONAL = (
    ("MEAN_MOTION_DOT", "mean_motion_dot"),
    ("MEAN_MOTION_DDOT", "mean_motion_ddot"),
)
INTEGERS = (
    ("EPHEMERIS_TYPE", "ephemeris_type"),
    ("ELEMENT_SET_NO", "element_set"),
    ("REV_AT_EPOCH", "revolution"),
)

# What an OMM may say about itself; CelesTrak's JSON and CSV leave these out. A missing one is the first.
_ONLY = {
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4"),
    "REF_FRAME": ("TEME",),
    "TIME_SYSTEM": ("UTC",),
    "CENTER_NAME": ("EARTH",),
}
# 7.5.10: calendar date or day of the year. Weeks, which `fromisoformat` knows too, are no epochs.
_DATE = re.compile(r"([0-9]{4})-(?:([0-9]{3})|[0-9]{2}-[0-9]{2})([T ][0-9:.]+(?:Z|[-+][0-9:]+)?)?")


def parse(mapping: Mapping[str, Any]) -> dict[str, object]:
    """The fields of one OMM by the names that `Elements` gives them; values may be numbers or text.

    Raises:
        ElementsError: a keyword is missing or ill-formed, or it is for another theory, frame or time.
    """
    _check_propagated_here(mapping)
    try:
        number = _integer(mapping["NORAD_CAT_ID"])
        values: dict[str, Any] = {field: _number(mapping[key]) for key, field in NUMBERS}
        values |= {field: _number(mapping.get(key, 0)) for key, field in OPTIONAL}
        values |= {field: _integer(mapping[key]) for key, field in INTEGERS if key in mapping}
        epoch = _epoch(mapping["EPOCH"])
    except KeyError as error:
        raise ElementsError(
            f"the OMM of {_label(mapping)} has no {error.args[0]}; SGP4 requires it (CCSDS 502.0)"
        ) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ElementsError(f"the OMM of {_label(mapping)} holds an ill-formed value: {error}") from error
    return values | {
        "name": str(mapping.get("OBJECT_NAME") or ""),
        "norad_id": number,
        "object_id": str(mapping.get("OBJECT_ID", "")),
        "epoch": epoch,
        "classification": str(mapping.get("CLASSIFICATION_TYPE", "U")),
    }


def _label(mapping: Mapping[str, Any]) -> str:
    name = str(mapping.get("OBJECT_NAME") or mapping.get("NORAD_CAT_ID") or "an unnamed object")
    return "".join(filter(str.isprintable, name))[:80]


def _epoch(value: Any) -> datetime:
    """To the microsecond."""
    text = str(value).strip()
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:40]!r} is no epoch such as 2026-07-14T00:00:00 or 2026-195T00:00:00")
    if match[2]:
        date = datetime(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
        if date.year != int(match[1]):
            raise ValueError(f"{text!r} names day {match[2]} of a year")
        text = f"{date:%Y-%m-%d}{match[3] or ''}".rjust(10, "0")
    epoch = datetime.fromisoformat(text)
    return epoch.replace(tzinfo=UTC) if epoch.tzinfo is None else epoch.astimezone(UTC)


def _check_propagated_here(mapping: Mapping[str, Any]) -> None:
    """Refuse what SGP4 in TEME and UTC would carry to a wrong place."""
    for key, wanted in _ONLY.items():
        given = str(mapping.get(key) or wanted[0])
        if given.upper().replace(" ", "") not in wanted:
            raise ElementsError(
                f"the OMM of {_label(mapping)} has {key} {given[:40]!r}; only {wanted[0]} is propagated here"
            )
    if "BTERM" in mapping or "AGOM" in mapping:
        raise ElementsError(
            f"the OMM of {_label(mapping)} has BTERM or AGOM, so it is for SGP4-XP; fetch the set for SGP4"
        )


def _number(value: Any) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and ("_" in value or not value.isascii())):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _integer(value: Any) -> int:
    number = _number(value)
    whole = int(number)
    if whole != number:
        raise ValueError(f"{value!r} is no whole number")
    return int(value) if isinstance(value, int) else whole
