"""Draws the frames of a decoding against time: good, corrected, failed, missing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from sdr.spectrum_image import save_png
from station.engineer.decoded import Decoded, missing_frames
from station.engineer.paper import GREEN, ORANGE, RED, new_figure, shade_gaps, time_axis, title_of

_COLUMNS = 300  # of the timeline
_LEAST_FRAMES = 20  # of a column: fewer make a saw of even reception


def save_frames(decoded: Decoded, start: datetime | None, path: Path) -> None:
    """Good, corrected, failed and lost frames against time, and what was corrected in each."""
    figure = new_figure(title_of(decoded, start, _counts_said(decoded)), height=6.5)
    counts, repairs = figure.subplots(2, 1, sharex=True)
    _draw_counts(counts, decoded)
    frames = decoded.frames
    some = frames.good & (frames.corrected > 0)
    repairs.plot(frames.time_s[some], frames.corrected[some], ".", color=ORANGE, markersize=3)
    repairs.set_ylim(bottom=0)
    repairs.set_ylabel("bytes corrected in a frame")
    repairs.grid(visible=True, alpha=0.3)
    shade_gaps(repairs, decoded)
    time_axis(repairs, decoded.seconds, start)
    save_png(figure, path)


def _counts_said(decoded: Decoded) -> str:
    counts = decoded.report["frames"]
    kinds = ("corrected", "failed", "lost")
    return ", ".join([f"{counts['good']} frames", *(f"{counts[kind]} {kind}" for kind in kinds)])


def _draw_counts(axes: Axes, decoded: Decoded) -> None:
    frames, width = decoded.frames, _bin_s(decoded)
    edges = np.arange(int(np.ceil(max(decoded.seconds, width) / width)) + 1) * width
    missing_s, missing = missing_frames(frames)
    clean = frames.corrected == 0
    below = np.zeros(len(edges) - 1)
    for name, colour, at, weights in (
        ("good", GREEN, frames.time_s[frames.good & clean], None),
        ("corrected", ORANGE, frames.time_s[frames.good & ~clean], None),
        ("missing, by the counters", RED, missing_s, missing),
    ):
        height = np.histogram(at, edges, weights=weights)[0] / width
        axes.bar(edges[:-1], height, width, below, align="edge", color=colour, label=name, linewidth=0)
        below += height
    failed = np.histogram(frames.time_s[~frames.good], edges)[0] / width
    axes.stairs(failed, edges, color="black", linewidth=0.8, label="located, but failed")
    axes.set_ylim(0, 1.35 * float(np.quantile(below, 0.95)) or 1.0)
    axes.set_ylabel("frames per second")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper right", fontsize=8, ncols=4)
    shade_gaps(axes, decoded)


def _bin_s(decoded: Decoded) -> float:
    """Seconds to a column: no fewer than hold some frames each."""
    usual_s = decoded.seconds / max(len(decoded.frames.good), 1)
    return max(decoded.seconds / _COLUMNS, _LEAST_FRAMES * usual_s, 1e-3)
