"""Parts of report.json that are made of what a run found; `report.py` says what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any

from decoders.downlink import Downlink, Mode
from decoders.frame_table import FrameTable
from decoders.framing.packets import PacketReport
from decoders.instruments.level1a import packet_report
from decoders.instruments.msu_mr import GOOD, MISSING, MsuMrImage
from decoders.pace import frame_seconds
from decoders.report import RUN_SCHEMA, FrameCounts
from decoders.sources import FrameSource
from decoders.spacecraft import named


def messages(
    downlink: Downlink, table: FrameTable, image: MsuMrImage | None, source: FrameSource
) -> Iterator[str]:
    """Sentences for a person: what was found, what was odd."""
    counts, framing = table.counts(), source.mode or downlink.modes[0]
    if counts.good:
        yield _outcome(counts, framing)
        yield from _strangers(downlink, table, framing)
    elif counts.located:
        yield f"{counts.located} frames of {downlink.name} were located, but none is free of errors"
    else:
        yield f"no signal of this downlink was found: no frame of {downlink.name} in the whole input"
    if counts.good and image is None and framing.instrument == "msu-mr":
        yield "the frames hold no picture of MSU-MR"
    yield from source.facts.notes
    if image is not None:
        yield from image.report.notes


def _outcome(counts: FrameCounts, mode: Mode) -> str:
    if mode.protected:
        return (
            f"{counts.good} frames, {counts.corrected} of them corrected; {counts.failed} were located but "
            f"failed, {counts.lost} are missing by their counters"
        )
    missing = f", {counts.lost} are missing by their time codes" if mode.framing == "raw16" else ""
    return (
        f"{counts.good} frames, unprotected: nothing proves their content; {counts.failed} were located but "
        f"are cut off, faded or damaged{missing}"
    )


def _strangers(downlink: Downlink, table: FrameTable, mode: Mode) -> Iterator[str]:
    """Whose frames they are, when most are of none of the spacecraft that this downlink belongs to."""
    scids = table.channels.scids
    found = next(iter(scids), None)
    if found is not None and mode.scids and found not in mode.scids:
        known = ", ".join(named(scid, mode) for scid in mode.scids)
        yield (
            f"{scids[found]} of the frames come from spacecraft {named(found, mode)}; "
            f"{downlink.name} is sent by {known}"
        )


def input_table(name: str, level: str, channel_hz: float | None, source: FrameSource) -> dict[str, Any]:
    """What is known about the input."""
    facts = source.facts
    return {
        "name": name,
        "sha256": source.sha256(),
        "level": level,
        "format": facts.format,
        "sample_rate": facts.sample_rate,
        "samples": facts.samples,
        "demodulator": facts.demodulator,
        "start": None if facts.start is None else facts.start.astimezone(UTC).isoformat(),
        "channel_hz": channel_hz,
        "gaps": [asdict(gap) for gap in facts.gaps],
    }


def run_table(path: Path, source: FrameSource, *, follow: bool) -> dict[str, Any]:
    """How the run went, as it stands in run.json."""
    facts = source.facts
    return {
        "schema": RUN_SCHEMA,
        "input": str(path),
        "follow": follow,
        "messages": facts.run_notes,
        "end": facts.end,
        "frame_seconds": frame_seconds(source.mode) if source.mode else None,
        **(facts.pace or {}),
    }


def packet_table(report: PacketReport | None) -> dict[str, Any] | None:
    """Counters of the packet assembler; null without an instrument."""
    if report is None:
        return None
    return {name: value for name, value in asdict(report).items() if name != "gaps"}


def image_table(image: MsuMrImage | None) -> dict[str, Any] | None:
    """Lines and pixels per channel; null without a picture."""
    if image is None:
        return None
    channels = {}
    for channel in image.channels:
        quality = image.quality[channel]
        good, missing = int((quality == GOOD).sum()), int((quality == MISSING).sum())
        channels[str(channel)] = {
            "lines": len(quality),
            "good": good,
            "missing": missing,
            "damaged": quality.size - good - missing,
        }
    return {
        "channels": channels,
        "start": image.start.isoformat(),
        "end": image.end.isoformat(),
        "report": packet_report(image),
    }
