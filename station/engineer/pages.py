"""Draws what `tramthu inspect` found of a decoding: a PNG for link, frames, tracks and symbols each."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sdr.spectrum_image import GAP_COLOUR, save_png
from station.engineer.decoded import EYE_PER_SYMBOL, EYE_SYMBOLS, Decoded, missing_frames
from station.engineer.doppler import DopplerFit, doppler_said
from station.engineer.link import Link, by_elevation

Floats = npt.NDArray[np.float64]

BLUE, GREEN, ORANGE, GREY = "#0b5c8a", "#1c7c44", "#e08a2b", "#7a8794"
_COLUMNS = 300  # of the timeline of frames
_PARTS = 3  # of a pass, for constellation and eye


def save_link(link: Link, decoded: Decoded, start: datetime | None, antenna: str, path: Path) -> None:
    """Eb/N0 against time and, with an orbit, against elevation, beside the link budget."""
    known = bool(np.isfinite(link.curve_deg).any())
    figure = _figure(_title(decoded, start, "Eb/N0 per information bit"), height=8.5 if known else 4.5)
    axes = figure.subplots(2 if known else 1, 1, squeeze=False)[:, 0]
    _draw_over_time(axes[0], link, known=known, start=start)
    _shade_gaps(axes[0], decoded)
    if known:
        _draw_over_elevation(axes[1], link, antenna)
    save_png(figure, path)


def save_frames(decoded: Decoded, start: datetime | None, path: Path) -> None:
    """Good, corrected, failed and lost frames against time, and what was corrected in each."""
    figure = _figure(_title(decoded, start, _counts_said(decoded)), height=6.5)
    counts, repairs = figure.subplots(2, 1, sharex=True)
    _draw_counts(counts, decoded)
    frames = decoded.frames
    some = frames.good & (frames.corrected > 0)
    repairs.plot(frames.time_s[some], frames.corrected[some], ".", color=ORANGE, markersize=3)
    repairs.set_ylim(bottom=0)
    repairs.set_ylabel("bytes corrected in a frame")
    repairs.grid(visible=True, alpha=0.3)
    _shade_gaps(repairs, decoded)
    _time_axis(repairs, decoded.seconds, start)
    save_png(figure, path)


def save_tracks(decoded: Decoded, fit: DopplerFit | None, start: datetime | None, path: Path) -> None:
    """Carrier, what is left of it beside the predicted Doppler, and the clock, against time."""
    tracks = decoded.tracks
    if tracks is None:
        return
    figure = _figure(
        _title(
            decoded,
            start,
            "carrier and clock" if fit is None else doppler_said(fit.crystal_ppm, fit.late_s, fit.rest_hz),
        ),
        height=9.0 if fit else 6.0,
    )
    axes = figure.subplots(3 if fit else 2, 1, sharex=True)
    seen = tracks.locked
    axes[0].plot(
        tracks.time_s[seen], tracks.carrier_hz[seen], ".", color=BLUE, markersize=2, label="measured"
    )
    axes[0].set_ylabel("carrier off the centre in Hz")
    if fit is not None:
        axes[0].plot(
            tracks.time_s[seen], fit.predicted_hz, color=ORANGE, linewidth=1, label="by the elements"
        )
        axes[0].legend(loc="upper right", fontsize=8)
        axes[1].plot(
            tracks.time_s[seen],
            fit.residual_hz,
            ".",
            color=BLUE,
            markersize=2,
            label="measured less predicted",
        )
        axes[1].plot(
            tracks.time_s[seen], fit.fitted_hz, color=ORANGE, linewidth=1, label="crystal and lateness"
        )
        axes[1].set_ylabel("difference in Hz")
        axes[1].set_ylim(_robust_limits(fit.residual_hz))
        axes[1].legend(loc="upper right", fontsize=8)
    axes[-1].plot(tracks.time_s[seen], tracks.clock_ppm[seen], ".", color=GREEN, markersize=2)
    axes[-1].set_ylim(_robust_limits(tracks.clock_ppm[seen]))
    axes[-1].set_ylabel("symbol clock in ppm")
    for one in axes:
        one.grid(visible=True, alpha=0.3)
        _shade_gaps(one, decoded)
    _time_axis(axes[-1], decoded.seconds, start)
    save_png(figure, path)


def save_symbols(decoded: Decoded, start: datetime | None, path: Path) -> None:
    """Constellation and eye of the weakest, the middle and the strongest third of what was locked."""
    tracks, symbols, eye = decoded.tracks, decoded.symbols, decoded.eye
    if tracks is None or symbols is None or not tracks.locked.any():
        return
    figure = _figure(
        _title(decoded, start, "symbols of mean power 1"), height=9.0 if eye is not None else 5.0
    )
    axes = figure.subplots(3 if eye is not None else 1, _PARTS, squeeze=False)
    seen = np.flatnonzero(tracks.locked)
    thirds = np.array_split(seen[np.argsort(tracks.ebn0_db[seen], kind="stable")], _PARTS)
    for k, rows in enumerate(thirds):
        if len(rows):
            low, high = tracks.ebn0_db[rows].min(), tracks.ebn0_db[rows].max()
            axes[0, k].set_title(f"Eb/N0 {low:.1f} to {high:.1f} dB", fontsize=10)
            _draw_constellation(axes[0, k], symbols[rows])
            if eye is not None:
                _draw_eye(axes[1, k], eye[rows].real, "in phase")
                _draw_eye(axes[2, k], eye[rows].imag, "quadrature")
    save_png(figure, path)


def _figure(title: str, height: float) -> Figure:
    figure = Figure(figsize=(12, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, ha="left", x=0.01)
    return figure


def _title(decoded: Decoded, start: datetime | None, rest: str) -> str:
    report = decoded.report
    mode = decoded.mode
    parts = [
        report.get("satellite") or Path(str(report["input"].get("path", ""))).name,
        f"{report.get('downlink')}" + (f", mode {mode.name}" if mode else ""),
        f"from {start:%Y-%m-%d %H:%M:%S} UTC" if start else "",
        rest,
    ]
    return " · ".join(part for part in parts if part)


def _counts_said(decoded: Decoded) -> str:
    counts = decoded.report["frames"]
    kinds = ("corrected", "failed", "lost")
    return ", ".join([f"{counts['good']} frames", *(f"{counts[kind]} {kind}" for kind in kinds)])


def _draw_over_time(axes: Axes, link: Link, *, known: bool, start: datetime | None) -> None:
    axes.plot(
        link.time_s[link.good], link.measured_db[link.good], ".", color=BLUE, markersize=2, label="measured"
    )
    if (bad := ~link.good).any():
        axes.plot(
            link.time_s[bad],
            link.measured_db[bad],
            ".",
            color=GAP_COLOUR,
            markersize=2,
            label="failed frames",
        )
    if np.isfinite(link.curve_db).any():
        up = link.curve_deg > 0
        at, over = link.curve_time_s[up], link.curve_db[up]
        axes.plot(at, over, color=ORANGE, linewidth=1.2, label="link budget")
        axes.fill_between(
            at, over - link.spread_db, over + link.spread_db, color=ORANGE, alpha=0.18, linewidth=0
        )
    if link.required_db is not None:
        axes.axhline(link.required_db, color=GREY, linestyle="--", linewidth=1, label="frames are lost below")
    axes.set_ylabel("Eb/N0 in dB")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper right", fontsize=8)
    if known:
        other = axes.twinx()
        other.plot(link.curve_time_s, link.curve_deg, color=GREY, linewidth=0.8, linestyle=":")
        other.set_ylabel("elevation in degrees (dotted)")
        other.set_ylim(0, 90)
    _time_axis(axes, float(link.curve_time_s[-1]), start)


def _draw_over_elevation(axes: Axes, link: Link, antenna: str) -> None:
    bins = by_elevation(link)
    for rising, colour, name in ((True, BLUE, "rising"), (False, GREEN, "setting")):
        side = [one for one in bins if one.rising is rising]
        axes.plot(
            [b.elevation_deg for b in side],
            [b.measured_db for b in side],
            "o-",
            color=colour,
            markersize=4,
            label=name,
        )
    if np.isfinite(link.curve_db).any():
        up = link.curve_deg > 0
        order = np.argsort(link.curve_deg[up])
        at, over = link.curve_deg[up][order], link.curve_db[up][order]
        axes.plot(at, over, color=ORANGE, linewidth=1.2, label=f"link budget, {antenna}")
        axes.fill_between(
            at, over - link.spread_db, over + link.spread_db, color=ORANGE, alpha=0.18, linewidth=0
        )
    if link.required_db is not None:
        axes.axhline(link.required_db, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("elevation in degrees, medians of 2 degrees")
    axes.set_ylabel("Eb/N0 in dB")
    axes.set_xlim(left=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    if link.excess_db is not None:
        axes.set_title(f"measured less link budget: {link.excess_db:+.1f} dB in the median", fontsize=10)


def _draw_counts(axes: Axes, decoded: Decoded) -> None:
    frames, width = decoded.frames, max(decoded.seconds, 1.0) / _COLUMNS
    edges = np.arange(_COLUMNS + 1) * width
    missing_s, missing = missing_frames(frames)
    clean = frames.corrected == 0
    below = np.zeros(_COLUMNS)
    for name, colour, at, weights in (
        ("good", GREEN, frames.time_s[frames.good & clean], None),
        ("corrected", ORANGE, frames.time_s[frames.good & ~clean], None),
        ("missing, by the counters", GAP_COLOUR, missing_s, missing),
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
    _shade_gaps(axes, decoded)


def _draw_constellation(axes: Axes, symbols: npt.NDArray[np.complex64]) -> None:
    points = symbols.ravel()
    axes.hexbin(
        points.real,
        points.imag,
        gridsize=90,
        extent=(-2, 2, -2, 2),
        bins="log",
        cmap="viridis",
        mincnt=1,
        linewidths=0,
    )
    axes.set_facecolor("#f3f6f9")
    axes.set_aspect("equal")
    axes.set_xlabel("in phase")
    axes.set_ylabel("quadrature")


def _draw_eye(axes: Axes, values: npt.NDArray[np.float32], name: str) -> None:
    """Two symbols wide, as a density: of thousands of traces single ones hide the opening."""
    traces = values.reshape(len(values), EYE_SYMBOLS // 2, 2 * EYE_PER_SYMBOL).reshape(-1, 2 * EYE_PER_SYMBOL)
    at = np.broadcast_to(np.arange(2 * EYE_PER_SYMBOL) / EYE_PER_SYMBOL, traces.shape)
    axes.hist2d(
        at.ravel(),
        traces.ravel(),
        bins=(2 * EYE_PER_SYMBOL, 120),
        range=((0, 2), (-2.2, 2.2)),
        cmap="viridis",
    )
    axes.set_xlabel("symbols")
    axes.set_ylabel(name)


def _shade_gaps(axes: Axes, decoded: Decoded) -> None:
    least = decoded.seconds / 1000
    for begin, length in decoded.gaps_s:
        axes.axvspan(begin, begin + max(length, least), color=GAP_COLOUR, alpha=0.25, linewidth=0)


def _robust_limits(values: Floats) -> tuple[float, float]:
    """Room for what is usual; a few wild values must not flatten the rest."""
    known = values[np.isfinite(values)]
    if not len(known):
        return -1.0, 1.0
    low, high = np.quantile(known, (0.01, 0.99))
    room = max(0.3 * float(high - low), 1.0)
    return float(low) - room, float(high) + room


def _time_axis(axes: Axes, seconds: float, start: datetime | None) -> None:
    def label(value: float, _position: object) -> str:
        return f"{value:g}" if start is None else f"{value:g}\n{start + timedelta(seconds=value):%H:%M:%S}"

    axes.set_xlim(0, seconds)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.set_xlabel("seconds since the first sample" + (", and UTC" if start else ""))
