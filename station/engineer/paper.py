"""What all pictures of a decoding share: paper, title, gaps, and time in seconds and UTC."""

from __future__ import annotations

from datetime import datetime

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sdr.spectrum_image import GAP_COLOUR, clock_time, plain
from station.engineer.decoded import Decoded

BLUE, GREEN, ORANGE, GREY, RED = "#0b5c8a", "#1c7c44", "#e08a2b", "#7a8794", GAP_COLOUR


def new_figure(title: str, height: float) -> Figure:
    """A page of that height in inches."""
    figure = Figure(figsize=(12, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain(title), fontsize=11, ha="left", x=0.01)
    return figure


def title_of(decoded: Decoded, start: datetime | None, rest: str) -> str:
    """Whose signal, which, when, and what the page shows."""
    report = decoded.report
    mode = decoded.mode
    parts = [
        report.get("satellite") or report["input"].get("name"),
        f"{report.get('downlink')}" + (f", mode {mode.name}" if mode else ""),
        f"from {start:%Y-%m-%d %H:%M:%S} UTC" if start else "",
        rest,
    ]
    return " · ".join(part for part in parts if part)


def shade_gaps(axes: Axes, decoded: Decoded) -> None:
    """Mark where samples are missing, however few."""
    least = decoded.seconds / 1000
    for begin, length in decoded.gaps_s:
        axes.axvspan(begin, begin + max(length, least), color=RED, alpha=0.25, linewidth=0)


def time_axis(axes: Axes, seconds: float, start: datetime | None) -> None:
    """Seconds of the recording, and UTC where its start is known."""

    def label(value: float, _position: object) -> str:
        return f"{value:g}" if start is None else f"{value:g}\n{clock_time(start, value)[:8]}"

    axes.set_xlim(0, seconds)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.set_xlabel("seconds since the first sample" + (", and UTC" if start else ""))
