"""Draws a survey: spectra above, the waterfall below them, and beside it levels and clipping; all as PNG.

matplotlib without a screen; this module is imported by commands that draw and by nothing that records.
"""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sdr.recording import RecordingInfo
from sdr.spectrum import Floats
from sdr.survey import Survey, Waterfall, decibel

GAP_COLOUR = "#d62728"
_GAP_GREY, _CONSTANT_GREY = "#9a9a9a", "#4a4a4a"
_SHARES = (0.02, 0.998)  # of the waterfall's values that the colours reach over


def draw_survey(survey: Survey, info: RecordingInfo) -> Figure:
    """One page; gaps are grey where a row lies in one, and marked red at the edges however short they are.

    Rows of constant samples are dark grey: they are nothing that was heard, and set no scale.

    Args:
        survey: what was read.
        info: of the recording once it was read; its gaps, centre and start.
    """
    figure = Figure(figsize=(13, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 4, width_ratios=(10, 1.5, 1.5, 0.25), height_ratios=(3, 7))
    fall = figure.add_subplot(grid[1, 0])
    spectrum = figure.add_subplot(grid[0, 0], sharex=fall)
    level = figure.add_subplot(grid[1, 1], sharey=fall)
    clipped = figure.add_subplot(grid[1, 2], sharey=fall)
    scale = figure.add_subplot(grid[1, 3])
    figure.suptitle(plain(_title(survey, info)), fontsize=11, ha="left", x=0.01)
    unit, scaled = _frequencies(survey, info)
    _draw_spectra(spectrum, survey, scaled)
    _draw_waterfall(fall, scale, survey, scaled)
    _draw_levels(level, clipped, survey)
    _mark_gaps((fall, level, clipped), survey, info)
    fall.set_xlabel(f"frequency in {unit}")
    _time_axis(fall, survey.sample_count / info.sample_rate, info.start)
    return figure


def save_survey(survey: Survey, path: Path, info: RecordingInfo) -> None:
    """Draw into a PNG file."""
    save_png(draw_survey(survey, info), path)


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure without the date or version of its making: the same data give the same file."""
    with warnings.catch_warnings():  # a name with letters that the font lacks is drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(path, format="png", dpi=100, metadata={"Software": None})


def plain(text: str) -> str:
    """What comes from elsewhere as it can be drawn: no formula begins in it, and each letter is one."""
    letters = (letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return "".join(letters).replace("$", r"\$")


def clock_time(start: datetime, seconds: float) -> str:
    """So many seconds later; empty beyond the calendar."""
    try:
        moment = start + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def _title(survey: Survey, info: RecordingInfo) -> str:
    seconds = survey.sample_count / info.sample_rate
    lost = sum(gap.sample_count for gap in info.gaps)
    described = info.metadata.get("description")
    parts = [
        info.path.name + (f", {described[:60]}" if isinstance(described, str) and described else ""),
        f"{info.format} at {info.sample_rate / 1e6:g} MS/s",
        f"{seconds:.1f} s from {info.start:%Y-%m-%d %H:%M:%S} UTC" if info.start else f"{seconds:.1f} s",
    ]
    if info.gaps:
        parts.append(f"{len(info.gaps)} gaps, {lost / info.sample_rate:.3g} s lost")
    return " · ".join(parts)


def _frequencies(survey: Survey, info: RecordingInfo) -> tuple[str, Floats]:
    """Absolute where the centre is known, else off the centre."""
    offset = survey.waterfall.frequency_hz
    if info.center_frequency_hz:
        return "MHz", (info.center_frequency_hz + offset) / 1e6
    return "kHz off the centre", offset / 1e3


def _draw_spectra(axes: Axes, survey: Survey, scaled: Floats) -> None:
    look = f"{survey.look_s * 1e3:.3g} ms"
    held = decibel(survey.max_hold)
    axes.plot(scaled, held, color="#e08a2b", linewidth=0.8, label=f"largest of any {look}")
    axes.plot(scaled, decibel(survey.mean), color="#0b5c8a", linewidth=1.0, label="mean")
    axes.set_ylabel("dB full scale per Hz")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper right", fontsize=8)
    axes.tick_params(labelbottom=False)


def _draw_waterfall(axes: Axes, scale: Axes, survey: Survey, scaled: Floats) -> None:
    table = survey.waterfall
    values = table.dbfs_per_hz()
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, _SHARES) if len(known) else (-1.0, 0.0)
    half = (scaled[1] - scaled[0]) / 2
    image = axes.imshow(
        np.ma.masked_invalid(values),
        aspect="auto",
        interpolation="nearest",
        extent=(scaled[0] - half, scaled[-1] + half, max(len(values), 1) * table.row_s, 0.0),
        vmin=low,
        vmax=max(high, low + 1.0),
        cmap="viridis",
    )
    axes.set_facecolor(_GAP_GREY)
    _draw_constant(axes, table)
    if len(known):
        axes.figure.colorbar(image, cax=scale, label="dB full scale per Hz", extend="both")
    else:
        scale.set_axis_off()
    axes.ticklabel_format(axis="x", useOffset=False)


def _draw_constant(axes: Axes, table: Waterfall) -> None:
    """Dark over the rows of constant samples, and what either grey means where there is one."""
    edges = np.flatnonzero(np.diff(table.constant, prepend=False, append=False))
    for begin, end in edges.reshape(-1, 2) * table.row_s:
        axes.axhspan(begin, end, color=_CONSTANT_GREY, linewidth=0)
    gaps = np.isnan(table.density).all(axis=1) & ~table.constant
    shown = [
        Patch(color=colour, label=label)
        for colour, label, rows in (
            (_GAP_GREY, "gap: no samples", gaps),
            (_CONSTANT_GREY, "constant samples: nothing is heard", table.constant),
        )
        if rows.any()
    ]
    if shown:
        axes.legend(handles=shown, loc="lower right", fontsize=8)


def _draw_levels(level: Axes, clipped: Axes, survey: Survey) -> None:
    levels = survey.levels
    dbfs = np.where(np.isfinite(levels.level_dbfs), levels.level_dbfs, np.nan)
    level.plot(dbfs, levels.time_s, color="#0b5c8a", linewidth=1.0, marker="." if len(dbfs) < 30 else "")
    level.set_xlabel("level\ndB full scale")
    level.xaxis.set_major_locator(MaxNLocator(2))  # long numbers, a narrow drawing
    clipped.plot(100 * levels.clipped, levels.time_s, color=GAP_COLOUR, linewidth=1.0)
    clipped.set_xlabel("clipped\n% of samples")
    clipped.set_xlim(left=0, right=max(1.0, 110 * float(np.max(levels.clipped, initial=0))))
    for axes in (level, clipped):
        axes.grid(visible=True, alpha=0.3)
        axes.tick_params(labelleft=False)


def _mark_gaps(axes: tuple[Axes, ...], survey: Survey, info: RecordingInfo) -> None:
    """A bar at both edges of each: a gap of a millisecond must be seen in a picture of a day."""
    least = survey.sample_count / info.sample_rate / 500
    for one in axes:
        for gap in info.gaps:
            begin, length = gap.sample_index / info.sample_rate, gap.sample_count / info.sample_rate
            begin, length = begin - max(least - length, 0) / 2, max(length, least)
            for left, right in ((0.0, 0.02), (0.98, 1.0)):
                one.axhspan(begin, begin + length, left, right, color=GAP_COLOUR, linewidth=0)


def _time_axis(axes: Axes, seconds: float, start: datetime | None) -> None:
    def label(value: float, _position: object) -> str:
        if start is None:
            return f"{value:g} s"
        return f"{value:g} s\n{clock_time(start, value)[: 12 if seconds < 20 else 8]}"

    axes.set_ylim(seconds, 0)
    axes.yaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 5, 6, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(label))
    axes.set_ylabel("seconds since the first sample" + (", and UTC" if start else ""))
