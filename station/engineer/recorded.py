"""What a recording holds, for `tramthu inspect`: read once, from the first sample to the last."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from sdr.errors import RecordingError
from sdr.index import CONTINUED, IndexReader
from sdr.recording import SampleReader, recording_sha256
from sdr.recording_files import first_stem, segment_stem
from sdr.sigmf import INDEX_SUFFIX, META_SUFFIX, NAMESPACE
from sdr.sigmf_source import beside, sigmf_stem
from sdr.survey import Survey, survey
from sdr.survey_levels import Levels, SecondLevels

_BLOCK = 1 << 18


def recording_facts(
    reader: SampleReader, *, with_spectrum: bool = False
) -> tuple[dict[str, Any], Survey | None]:
    """Read a recording to its end and say what it holds; a fresh reader, used up afterwards.

    Returns:
        The facts for `--json` (`told.recording_lines` puts them into words), and the spectra if wanted.
    """
    reader.hash_while_reading()
    found = survey(reader) if with_spectrum else None
    levels = _levels(reader) if found is None else found.levels
    info, notes, count = reader.info, list(reader.notes), reader.position
    words = recorder_words(info.path)
    clock = words.pop("clock", None)
    facts = {
        "path": str(info.path),
        "format": info.format,
        "sample_rate": info.sample_rate,
        "center_frequency_hz": info.center_frequency_hz,
        "start": info.start.isoformat() if info.start else None,
        "clock": clock,
        "sample_count": count,
        "seconds": count / info.sample_rate,
        "end": info.end,
        "lost_samples": sum(gap.sample_count for gap in info.gaps),
        "gaps": [{**vars(gap), "at_s": round(gap.sample_index / info.sample_rate, 6)} for gap in info.gaps],
        "levels": level_facts(levels),
        "sha256": hash_facts(info.path, reader.sha256(), words.pop("sha256", None)),
        "notes": notes,
        "metadata": dict(info.metadata) | words,
    }
    return facts, found


def _levels(reader: SampleReader) -> Levels:
    seconds = SecondLevels(reader.info.sample_rate)
    for samples in reader.blocks(_BLOCK):
        seconds.add(samples, reader.info.gaps)
    return seconds.levels()


def recorder_words(path: Path) -> dict[str, Any]:
    """What the recorder wrote of its clock, its segment and the hash of its file; empty where it did not."""
    stem = sigmf_stem(path)
    if stem is None:
        return {}
    names = ("clock", "segment", "first_sample", "sha256")
    words: dict[str, Any] = {}
    try:
        fields = json.loads(beside(stem, META_SUFFIX).read_bytes())["global"]
        words = {name: fields.get(f"{NAMESPACE}:{name}") for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    with contextlib.suppress(OSError, RecordingError):  # none beside other programs' recordings
        index = IndexReader(beside(stem, INDEX_SUFFIX))
        words |= {name: vars(index.header)[name] for name in names[:3]} | {"sha256": index.sha256}
    return {name: value for name, value in words.items() if value}


def hash_facts(path: Path, found: str, recorded: object) -> dict[str, Any]:
    """The hash of the data, and whether it is the recorded one; of segments each is held against its own.

    Args:
        path: of the recording.
        found: SHA-256 (hex) of all that was read.
        recorded: what the recorder wrote of the first file.
    """
    further = _segments(path)
    if not further:
        known = recorded if isinstance(recorded, str) else None
        return {"file": found, "recorded": known, "agrees": None if known is None else known == found}
    agrees: bool | None = True
    for stem, index in further:
        if index.sha256 is None:
            agrees = None if agrees else agrees
        elif recording_sha256(beside(stem, INDEX_SUFFIX)) != index.sha256:
            agrees = False
    return {"file": found, "recorded": None, "agrees": agrees, "segments": len(further)}


def _segments(path: Path) -> list[tuple[Path, IndexReader]]:
    """Stem and index of each file of a recording of several; empty for one of a single file."""
    stem = sigmf_stem(path)
    found: list[tuple[Path, IndexReader]] = []
    with contextlib.suppress(OSError, RecordingError):
        while stem is not None:
            index = IndexReader(beside(stem, INDEX_SUFFIX))
            found.append((stem, index))
            further = segment_stem(first_stem(stem, index.header), index.header.segment + 1)
            stem = further if index.end == CONTINUED else None
    return found if len(found) > 1 else []


def level_facts(levels: Levels) -> dict[str, Any] | None:
    """Levels in a few numbers; None where nothing was received."""
    some = levels.received > 0
    if not some.any():
        return None
    weight = levels.received / levels.received.sum()
    power = np.where(some, 10 ** (levels.level_dbfs / 10), 0.0)
    heard = levels.level_dbfs[some & np.isfinite(levels.level_dbfs)]
    dc = complex((levels.dc * weight).sum())
    worst = int(np.argmax(levels.clipped))
    return {
        "mean_dbfs": _rounded(_decibel(float((power * weight).sum()))),
        "lowest_dbfs": _rounded(float(heard.min())) if len(heard) else None,
        "highest_dbfs": _rounded(float(heard.max())) if len(heard) else None,
        "clipped_share": float((levels.clipped * weight).sum()),
        "clipped_seconds": int(np.count_nonzero(levels.clipped)),
        "clipped_worst_share": float(levels.clipped[worst]),
        "clipped_worst_s": worst,
        "dc": [round(dc.real, 6), round(dc.imag, 6)],
        "dc_dbfs": _rounded(_decibel(abs(dc) ** 2)),
    }


def _decibel(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def _rounded(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
