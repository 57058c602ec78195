"""Draws what the demodulator followed: carrier, clock, constellation, eye."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from sdr.spectrum_image import save_png
from station.engineer.decoded import EYE_PER_SYMBOL, EYE_SYMBOLS, Decoded
from station.engineer.doppler import DopplerFit, doppler_said
from station.engineer.paper import BLUE, GREEN, ORANGE, new_figure, shade_gaps, time_axis, title_of

Floats = npt.NDArray[np.float64]

_PARTS = 3  # of a pass, for constellation and eye


def save_tracks(decoded: Decoded, fit: DopplerFit | None, start: datetime | None, path: Path) -> None:
    """Carrier, what is left of it beside the predicted Doppler, and the clock, against time."""
    tracks = decoded.tracks
    if tracks is None:
        return
    figure = new_figure(
        title_of(
            decoded,
            start,
            "carrier and clock"
            if fit is None
            else doppler_said(fit.crystal_ppm, fit.late_s, fit.late_error_s, fit.rest_hz),
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
        shade_gaps(one, decoded)
    time_axis(axes[-1], decoded.seconds, start)
    save_png(figure, path)


def save_symbols(decoded: Decoded, start: datetime | None, path: Path) -> None:
    """Constellation and eye of the weakest, the middle and the strongest third of what was locked."""
    tracks, symbols, eye = decoded.tracks, decoded.symbols, decoded.eye
    if tracks is None or symbols is None or not tracks.locked.any():
        return
    figure = new_figure(
        title_of(decoded, start, "symbols of mean power 1"), height=9.0 if eye is not None else 5.0
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


def _robust_limits(values: Floats) -> tuple[float, float]:
    """Room for what is usual; a few wild values must not flatten the rest."""
    known = values[np.isfinite(values)]
    if not len(known):
        return -1.0, 1.0
    low, high = np.quantile(known, (0.01, 0.99))
    room = max(0.3 * float(high - low), 1.0)
    return float(low) - room, float(high) + room
