"""SigMF metadata of a recording, read from any program's file; `sdr.sigmf_build` makes our own.

Source: SigMF 1.2 specification (sigmf.org).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sdr.errors import RecordingError
from sdr.formats import FORMATS, sample_format
from sdr.index_line import Gap, number, parse_utc

META_SUFFIX, DATA_SUFFIX, INDEX_SUFFIX, ARCHIVE_SUFFIX = (
    ".sigmf-meta",
    ".sigmf-data",
    ".sigmf-index",
    ".sigmf",
)
NAMESPACE = "tramthu"
GAP_LABEL = "gap"
# Words that stand in the header and the end mark of an index, not among its metadata.
_RECORDER_WORDS = ("clock", "segment", "first_sample", "sha256")
_NAMES = {"ci8_le": "cs8", "cu8_le": "cu8"} | {sample_format(name).sigmf_datatype: name for name in FORMATS}


@dataclass(frozen=True)
class SigmfHeader:
    """What the metadata of a recording say."""

    format: str
    sample_rate: float | None
    center_frequency_hz: float | None
    start: datetime | None
    gaps: tuple[Gap, ...]
    metadata: dict[str, Any]
    data_file: str | None
    header_bytes: int
    trailing_bytes: int
    least_samples: int = 0
    """That the data file holds, going by its captures and annotations."""


def parse_metadata(text: bytes) -> SigmfHeader:
    """The header from the bytes of a .sigmf-meta file.

    Raises:
        RecordingError: no SigMF, or a recording that is not one stream of complex samples in a known format.
    """
    try:
        values = json.loads(text)
        fields = values["global"]
        datatype = fields["core:datatype"]
        captures = sorted(values.get("captures") or [], key=lambda capture: int(capture["core:sample_start"]))
        return _header(fields, _format(datatype, fields), captures, values.get("annotations") or [])
    except json.JSONDecodeError as error:
        raise RecordingError(f"the SigMF metadata are cut off or no JSON: {error}") from None
    except KeyError as error:
        raise RecordingError(f"the SigMF metadata lack the field {error}") from None
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise RecordingError(f"the SigMF metadata cannot be used: {type(error).__name__}: {error}") from None


def _format(datatype: object, fields: dict[str, Any]) -> str:
    channels = fields.get("core:num_channels", 1)
    if channels != 1:
        raise RecordingError(
            f"the SigMF recording holds {channels} channels; write the one to be decoded to a file of its own"
        )
    if datatype not in _NAMES:
        kind = "real samples, not I and Q" if str(datatype).startswith("r") else "not a format read here"
        raise RecordingError(
            f"the SigMF datatype {datatype!r} is {kind}; allowed are {', '.join(sorted(_NAMES))}"
        )
    return _NAMES[str(datatype)]


def _header(
    fields: dict[str, Any], fmt: str, captures: list[dict[str, Any]], annotations: list[Any]
) -> SigmfHeader:
    first = captures[0] if captures else {}
    rate, frequency = (
        None if value is None else number(value)
        for value in (fields.get("core:sample_rate"), first.get("core:frequency"))
    )
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise RecordingError(f"the SigMF metadata state a sample rate of {rate:g} Hz; give --rate")
    data_file = fields.get("core:dataset")
    if fields.get("core:metadata_only"):
        raise RecordingError("the SigMF metadata stand for no data file (core:metadata_only)")
    if data_file is not None and not _is_plain_name(data_file):
        raise RecordingError(f"the SigMF metadata name a data file {data_file!r} outside their folder")
    if data_file is not None and data_file.lower().removesuffix(".gz").endswith((META_SUFFIX, INDEX_SUFFIX)):
        raise RecordingError(
            f"the SigMF metadata name {data_file!r} as their data, which is no file of samples"
        )
    return SigmfHeader(
        fmt,
        rate,
        frequency,
        parse_utc(first.get("core:datetime")),
        _gaps(annotations),
        _own_metadata(fields),
        data_file,
        _count(first.get("core:header_bytes", 0)),
        _count(fields.get("core:trailing_bytes", 0)),
        _least_samples(captures, annotations),
    )


def _least_samples(captures: list[dict[str, Any]], annotations: list[Any]) -> int:
    """Up to the last capture and the end of the last annotation; some of either may say nothing useful."""
    ends = [0]
    for one in (*captures, *annotations):
        start, count = one.get("core:sample_start"), one.get("core:sample_count", 0)
        if isinstance(start, int) and isinstance(count, int):
            ends.append(start + count)
    return max(ends)


def _is_plain_name(name: object) -> bool:
    """A file beside the metadata, never a way to another folder."""
    return (
        isinstance(name, str)
        and re.fullmatch(r"[^/\\\0]{1,255}", name) is not None
        and name not in (".", "..")
    )


def _gaps(annotations: list[Any]) -> tuple[Gap, ...]:
    """Gaps as we write them; other programs' annotations are no gaps."""
    gaps = [
        Gap(
            _count(note["core:sample_start"]),
            _count(note["core:sample_count"]),
            str(note.get("core:comment", "")),
            _count(note.get(f"{NAMESPACE}:uncertainty", 0)),
        )
        for note in annotations
        if note.get("core:label") == GAP_LABEL and note.get("core:generator") == "tramthu"
    ]
    return _merged(gaps)


def _merged(gaps: list[Gap]) -> tuple[Gap, ...]:
    """In order and apart, as the reader finds them by their ends; overlapping ones keep the first cause."""
    merged: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.sample_index):
        last = merged[-1] if merged else None
        if last is not None and gap.sample_index < last.end:
            merged[-1] = replace(last, sample_count=max(last.sample_count, gap.end - last.sample_index))
        elif gap.sample_count:
            merged.append(gap)
    return tuple(merged)


def _own_metadata(fields: dict[str, Any]) -> dict[str, Any]:
    left_out = {"core:datatype", "core:sample_rate", "core:version", "core:recorder", "core:extensions"}
    left_out |= {f"{NAMESPACE}:{word}" for word in _RECORDER_WORDS}
    prefixes = ("core:", f"{NAMESPACE}:")
    return {
        key.partition(":")[2] if key.startswith(prefixes) else key: value
        for key, value in fields.items()
        if key not in left_out
    }


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
