"""What a recording holds, for `tramthu inspect`: read once, from the first sample to the last."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sdr.errors import RecordingError
from sdr.index import IndexReader, parse_utc
from sdr.recording import SampleReader
from sdr.sigmf import INDEX_SUFFIX, META_SUFFIX, NAMESPACE
from sdr.sigmf_source import beside, sigmf_stem
from sdr.survey import Survey, survey
from sdr.survey_levels import Levels, SecondLevels

_BLOCK = 1 << 18
_GAPS_SHOWN = 12


def recording_facts(
    reader: SampleReader, *, with_spectrum: bool = False
) -> tuple[dict[str, Any], Survey | None]:
    """Read a recording to its end and say what it holds; a fresh reader, used up afterwards.

    Returns:
        The facts for `--json`, which `lines_of` puts into words, and the spectra if they were wanted.
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
        "sha256": _hash_facts(reader.sha256(), words.pop("sha256", None)),
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
    words: dict[str, Any] = {}
    try:
        index = IndexReader(beside(stem, INDEX_SUFFIX))
        header = vars(index.header)
        words = {name: header.get(name) for name in ("clock", "segment", "first_sample")}
        words["sha256"] = getattr(index, "sha256", None)
    except (OSError, RecordingError):
        pass
    try:
        fields = json.loads(beside(stem, META_SUFFIX).read_bytes())["global"]
        written = {
            name: fields.get(f"{NAMESPACE}:{name}") for name in ("clock", "segment", "first_sample", "sha256")
        }
        words |= {name: value for name, value in written.items() if value is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {name: value for name, value in words.items() if value}


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


def lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts in words, a line each."""
    yield str(facts["path"])
    yield from (f"  {title:<11}{text}" for title, text in _lines(facts))


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    center = facts["center_frequency_hz"]
    at = f", centre {center / 1e6:.6f} MHz" if center else ""
    yield "samples", f"{facts['sample_count']} of {facts['format']} at {facts['sample_rate']:.10g}/s{at}"
    yield "time", _time_said(facts)
    yield "clock", _clock_said(facts["clock"])
    yield "end", facts["end"] or "not stated"
    yield from _gaps_said(facts)
    yield from _levels_said(facts["levels"])
    yield "SHA-256", _hash_said(facts["sha256"])
    for name, value in facts["metadata"].items():
        yield (
            "recorder",
            f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}",
        )
    for note in facts["notes"]:
        yield "note", note


def _time_said(facts: Mapping[str, Any]) -> str:
    length = f"{facts['seconds']:.3f} s"
    start = parse_utc(facts["start"])
    if start is None:
        return f"{length}; the file does not say when"
    end = start + timedelta(seconds=facts["seconds"])
    return f"{start:%Y-%m-%d %H:%M:%S.%f} to {end:%H:%M:%S.%f} UTC, {length}"


def _clock_said(clock: object) -> str:
    if not isinstance(clock, dict):
        return "its quality was not recorded"
    source, error_s = clock.get("source"), clock.get("error_s")
    if source in (None, "none"):
        return "nothing kept it: the time above is only as good as the computer's own clock"
    bound = f", at most {float(error_s):.3g} s wrong" if isinstance(error_s, int | float) else ""
    return f"kept by {source}{bound}" + (f" ({clock['reference']})" if clock.get("reference") else "")


def _gaps_said(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    gaps, rate = facts["gaps"], facts["sample_rate"]
    if not gaps:
        yield "gaps", "none"
        return
    share = 100 * facts["lost_samples"] / max(facts["sample_count"], 1)
    yield "gaps", f"{len(gaps)}, together {facts['lost_samples'] / rate:.6g} s ({share:.3g} %)"
    for gap in gaps[:_GAPS_SHOWN]:
        unsure = gap.get("uncertainty", 0)
        sure = "exactly" if not unsure else f"give or take {unsure / rate:.3g} s"
        yield "", f"at {gap['at_s']:.6f} s {gap['sample_count'] / rate:.6g} s, {sure}: {gap['cause']}"
    if len(gaps) > _GAPS_SHOWN:
        yield "", f"and {len(gaps) - _GAPS_SHOWN} more; --json lists them all"


def _levels_said(levels: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if levels is None:
        yield "level", "nothing was received"
        return
    if levels["mean_dbfs"] is None:
        yield "level", "every sample is zero"
        return
    low, high = levels["lowest_dbfs"], levels["highest_dbfs"]
    yield "level", f"{levels['mean_dbfs']:.1f} dB full scale, by seconds {low:.1f} to {high:.1f}"
    if levels["clipped_share"]:
        worst = f"{100 * levels['clipped_worst_share']:.3g} % in second {levels['clipped_worst_s']}"
        yield "clipping", f"{100 * levels['clipped_share']:.3g} % of all samples, at worst {worst}"
    else:
        yield "clipping", "none"
    yield "DC", "none" if levels["dc_dbfs"] is None else f"{levels['dc_dbfs']:.1f} dB full scale"


def _hash_facts(found: str, recorded: object) -> dict[str, Any]:
    known = recorded if isinstance(recorded, str) else None
    return {"file": found, "recorded": known, "agrees": None if known is None else known == found}


def _hash_said(facts: Mapping[str, Any]) -> str:
    if facts["agrees"] is None:
        return f"{facts['file']}; the recorder left none to compare with"
    if facts["agrees"]:
        return f"{facts['file']}, as recorded"
    return f"{facts['file']}, but {facts['recorded']} was recorded: the file is not what it was"


def _decibel(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def _rounded(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
