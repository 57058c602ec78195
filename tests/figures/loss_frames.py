"""Frames of a damaged recording held against those of the undamaged one.

The rule: a frame that the undamaged recording gives must come out of the damaged one too, byte for byte,
unless samples of it were lost, or it is the first or the last whole frame next to a loss. And the damaged
recording gives no frame that was never sent.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path

from decoders.decode import DecodeRequest, decode
from tests.figures.loss_truth import Stretch

CADU_BYTES, MARKER_BYTES = 1024, 4
DOWNLINK = "meteor_lrpt_72k"


@dataclass(frozen=True)
class Frames:
    """Frames of the undamaged recording: cut into by losses, next to one, and those that must come out."""

    cut: int
    beside: int
    beside_received: int
    due: int
    due_received: int
    invented: int


def decoded(recording: Path, out: Path, *, raw_rate: float | None = None) -> list[bytes]:
    """The frames of a recording, without their markers; with `raw_rate` of bare cu8 samples."""
    fmt = None if raw_rate is None else "cu8"
    decode(DecodeRequest(input=recording, downlink=DOWNLINK, out=out, format=fmt, sample_rate=raw_rate))
    return _cut((out / "frames.cadu").read_bytes())


def compare(sent_stem: Path, undamaged: list[bytes], after: list[bytes], losses: list[Stretch]) -> Frames:
    """Apply the rule.

    Args:
        sent_stem: of the simulation, for the samples of each frame and for all that was sent.
        undamaged: frames of the undamaged recording.
        after: frames of the damaged one.
        losses: (first, count) in samples of the undamaged recording.
    """
    frames = _cut(sent_stem.with_name(sent_stem.name + ".sent.cadu").read_bytes())
    log = sent_stem.with_name(sent_stem.name + ".sent.jsonl").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    had, have = set(undamaged), set(after)
    spans = [(line["first_sample"], line["last_sample"]) for line in lines]
    cut = {i for i, span in enumerate(spans) if _hit(span, losses)}
    beside = _beside(spans, losses) - cut
    there = {i for i, frame in enumerate(frames) if frame in had}
    due = there - cut - beside
    return Frames(
        len(there & cut),
        len(there & beside),
        sum(frames[i] in have for i in there & beside),
        len(due),
        sum(frames[i] in have for i in due),
        len(have - set(frames)),
    )


def _hit(span: Stretch, losses: list[Stretch]) -> bool:
    """Whether a loss takes samples between the first and the last of a span."""
    number = bisect_right(losses, (span[1], 1 << 62)) - 1
    return number >= 0 and sum(losses[number]) > span[0]


def _beside(spans: list[Stretch], losses: list[Stretch]) -> set[int]:
    """The last whole frame before each loss, and the first after it."""
    firsts, lasts = [first for first, _ in spans], [last for _, last in spans]
    found = set()
    for first, count in losses:
        found |= {bisect_left(lasts, first) - 1, bisect_left(firsts, first + count)}
    return found


def _cut(data: bytes) -> list[bytes]:
    return [data[i + MARKER_BYTES : i + CADU_BYTES] for i in range(0, len(data), CADU_BYTES)]
