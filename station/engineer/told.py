"""What was found, in words: a line for each fact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sdr.index import parse_utc
from station.engineer.doppler import doppler_said

_GAPS_SHOWN = 12


def recording_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts in words, a line each."""
    yield from _lines(facts["path"], _recording_said(facts))


def _lines(head: str, told: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Nothing in a name or a file from elsewhere steers the terminal, or looks like a line of ours."""
    for line in (head, *(f"  {title:<11}{text}" for title, text in told)):
        yield "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _recording_said(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
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
    try:
        end = start + timedelta(seconds=facts["seconds"])
    except OverflowError:
        return f"{start:%Y-%m-%d %H:%M:%S.%f} UTC, as it says, {length}"
    return f"{start:%Y-%m-%d %H:%M:%S.%f} to {end:%H:%M:%S.%f} UTC, {length}"


def _clock_said(clock: object) -> str:
    if not isinstance(clock, dict):
        return "its quality was not recorded"
    source, error_s = clock.get("source"), clock.get("error_s")
    if source in (None, "none"):
        return "nothing kept it: the time above is only as good as the computer's own clock"
    bound = (
        f", at most {float(error_s):.3g} s wrong"
        if isinstance(error_s, int | float) and abs(error_s) < 1e9
        else ""
    )
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


def _hash_said(facts: Mapping[str, Any]) -> str:
    if facts["agrees"] is None:
        return f"{facts['file']}; the recorder left none to compare with"
    of = f" in each of {facts['segments']} files" if "segments" in facts else ""
    if facts["agrees"]:
        return f"{facts['file']}, as recorded{of}"
    if of:
        return f"{facts['file']}, but not as recorded{of}: a file is not what it was"
    return f"{facts['file']}, but {facts['recorded']} was recorded: the file is not what it was"


def decoded_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts of a decoding in words, a line each."""
    yield from _lines(facts["folder"], _decoded_said(facts))


def _decoded_said(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "downlink", f"{facts['downlink']}, mode {facts['mode'] or 'not found'}"
    for message in facts["messages"]:
        yield "decoder", message
    if (quality := facts["ebn0_db"]) is not None:
        yield "Eb/N0", f"{quality['median']:.1f} dB in the median, {quality['highest']:.1f} dB at best"
    if (off := facts["measured_less_expected_db"]) is not None:
        yield "link", f"{off:+.1f} dB against the link budget ({facts['antenna']}), in the median"
    if (fit := facts["doppler"]) is not None:
        yield "Doppler", doppler_said(**fit)
    elif facts["follows_elements"] is False:
        yield "Doppler", "the carrier does not follow these elements: another satellite, or a wrong time"
