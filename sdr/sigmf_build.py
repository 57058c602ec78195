"""SigMF metadata of a recording, made from what the recorder knows.

Source: SigMF 1.2 specification (sigmf.org). Gaps are zero-filled in the data, annotated with the label "gap",
and followed by a capture segment that states the time of the first sample after them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sdr.errors import RecordingError
from sdr.formats import sample_format
from sdr.index_line import Gap, IndexHeader
from sdr.sigmf import GAP_LABEL, NAMESPACE

VERSION = "1.2.6"
# Words of the recorder that SigMF has a field for.
_CORE = ("description", "author", "hw", "license", "geolocation")


def metadata_text(
    header: IndexHeader, start: datetime | None, gaps: tuple[Gap, ...], sha256: str | None = None
) -> bytes:
    """The bytes of the .sigmf-meta file; RecordingError for a value that it cannot hold."""
    try:
        values = build_metadata(header, start, gaps, sha256)
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    except (ValueError, OverflowError) as error:
        raise RecordingError(f"metadata that cannot be written: {error}") from None
    return text.encode(errors="replace") + b"\n"


def build_metadata(
    header: IndexHeader, start: datetime | None, gaps: Sequence[Gap], sha256: str | None = None
) -> dict[str, Any]:
    """The SigMF object of a recording.

    Args:
        header: as in its index.
        start: time of its first sample.
        gaps: in order.
        sha256: of the data file (hex). SigMF's own core:sha512 would be a second hash of every sample.
    """
    fields: dict[str, Any] = {
        "core:datatype": sample_format(header.format).sigmf_datatype,
        "core:sample_rate": header.sample_rate,
        "core:version": VERSION,
        "core:recorder": "tramthu",
    }
    own = {key: value for key, value in header.metadata.items() if key not in _CORE} | _recorder_words(header)
    own |= {"sha256": sha256} if sha256 else {}
    fields |= {f"core:{key}": header.metadata[key] for key in _CORE if key in header.metadata}
    fields |= {f"{NAMESPACE}:{key}": value for key, value in own.items()}
    if own or gaps:
        fields["core:extensions"] = [{"name": NAMESPACE, "version": "1.0.0", "optional": True}]
    firsts = sorted({0, *(gap.end for gap in gaps)})
    return {
        "global": fields,
        "captures": [_capture(header, start, first) for first in firsts],
        "annotations": [_annotation(gap) for gap in gaps],
    }


def _recorder_words(header: IndexHeader) -> dict[str, Any]:
    words: dict[str, Any] = {"clock": header.clock} if header.clock else {}
    if header.segment or header.first_sample:
        words |= {"segment": header.segment, "first_sample": header.first_sample}
    return words


def _annotation(gap: Gap) -> dict[str, Any]:
    return {
        "core:sample_start": gap.sample_index,
        "core:sample_count": gap.sample_count,
        "core:label": GAP_LABEL,
        "core:comment": gap.cause,
        "core:generator": "tramthu",
        f"{NAMESPACE}:uncertainty": gap.uncertainty,
    }


def _capture(header: IndexHeader, start: datetime | None, first: int) -> dict[str, Any]:
    capture: dict[str, Any] = {"core:sample_start": first}
    if header.center_frequency_hz is not None:
        capture["core:frequency"] = header.center_frequency_hz
    if start is not None:
        time = start + timedelta(seconds=first / header.sample_rate)
        capture["core:datetime"] = time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return capture
