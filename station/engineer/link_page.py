"""Draws Eb/N0 against time and elevation beside the link budget."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from sdr.spectrum_image import plain, save_png
from station.engineer.decoded import Decoded
from station.engineer.link import Link, by_elevation
from station.engineer.paper import BLUE, GREEN, GREY, ORANGE, RED, new_figure, shade_gaps, time_axis, title_of


def save_link(link: Link, decoded: Decoded, start: datetime | None, antenna: str, path: Path) -> None:
    """Eb/N0 against time and, with an orbit, against elevation, beside the link budget."""
    known = bool((link.curve_deg > 0).any())
    figure = new_figure(title_of(decoded, start, "Eb/N0 per information bit"), height=8.5 if known else 4.5)
    axes = figure.subplots(2 if known else 1, 1, squeeze=False)[:, 0]
    _draw_over_time(axes[0], link, known=known, start=start)
    shade_gaps(axes[0], decoded)
    if known:
        _draw_over_elevation(axes[1], link, antenna)
    save_png(figure, path)


def _draw_over_time(axes: Axes, link: Link, *, known: bool, start: datetime | None) -> None:
    axes.plot(
        link.time_s[link.good], link.measured_db[link.good], ".", color=BLUE, markersize=2, label="measured"
    )
    if (bad := ~link.good).any():
        axes.plot(
            link.time_s[bad],
            link.measured_db[bad],
            ".",
            color=RED,
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
    time_axis(axes, float(link.curve_time_s[-1]), start)


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
        axes.plot(at, over, color=ORANGE, linewidth=1.2, label=f"link budget, {plain(antenna)}")
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
