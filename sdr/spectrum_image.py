"""Draws a waterfall: frequency to the right, time downwards, with scales."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sdr.spectrum import Waterfall

_MARGIN_LEFT, _MARGIN_TOP, _MARGIN_RIGHT = 64, 28, 12
# Dark blue to yellow, of even steps in lightness (corner points of viridis, CC0).
_COLOURS = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64
)  # fmt: skip
_GAP = (120, 120, 120)


def draw_waterfall(
    waterfall: Waterfall, *, center_frequency_hz: float | None = None, height: int = 600
) -> Image.Image:
    """An RGB picture; the colours run from the 5 % to the 99.8 % quantile, gaps are grey.

    Args:
        waterfall: what to draw.
        center_frequency_hz: written at the frequency scale when known.
        height: of the rows in pixels; the width is that of the bins.
    """
    rows = _colours(waterfall.dbfs_per_hz())
    plot = Image.fromarray(rows).resize((rows.shape[1], height), Image.Resampling.NEAREST)
    size = (plot.width + _MARGIN_LEFT + _MARGIN_RIGHT, height + _MARGIN_TOP + 8)
    image = Image.new("RGB", size, (255, 255, 255))
    image.paste(plot, (_MARGIN_LEFT, _MARGIN_TOP))
    pen = ImageDraw.Draw(image)
    _frequency_scale(pen, waterfall, plot.width, center_frequency_hz or 0.0)
    _time_scale(pen, waterfall, height)
    return image


def save_waterfall(waterfall: Waterfall, path: Path, *, center_frequency_hz: float | None = None) -> None:
    """Draw into a PNG file."""
    draw_waterfall(waterfall, center_frequency_hz=center_frequency_hz).save(path, format="PNG")


def nice_step(span: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, so that about `count` steps fill the span."""
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))


def _colours(decibel: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    known = decibel[np.isfinite(decibel)]
    if not len(known):
        return np.full((max(len(decibel), 1), decibel.shape[1], 3), _GAP, np.uint8)
    low, high = np.quantile(known, (0.05, 0.998))
    share = np.clip((np.nan_to_num(decibel, nan=low) - low) / max(high - low, 1e-6), 0, 1)
    points = np.linspace(0, 1, len(_COLOURS))
    colours = np.stack([np.interp(share, points, _COLOURS[:, k]) for k in range(3)], axis=-1)
    colours[~np.isfinite(decibel)] = _GAP
    return colours.astype(np.uint8)


def _frequency_scale(pen: ImageDraw.ImageDraw, waterfall: Waterfall, width: int, center_hz: float) -> None:
    low, high = float(waterfall.frequency_hz[0]), float(waterfall.frequency_hz[-1])
    step = nice_step(high - low, 6)
    for k in range(math.ceil((low + center_hz) / step), math.floor((high + center_hz) / step) + 1):
        x = _MARGIN_LEFT + width * (k * step - center_hz - low) / (high - low)
        text = f"{k * step / 1e6:.3f} MHz" if center_hz else f"{k * step / 1e3:g} kHz"
        pen.line((x, _MARGIN_TOP - 6, x, _MARGIN_TOP - 1), fill=(0, 0, 0))
        pen.text((x, _MARGIN_TOP - 9), text, fill=(0, 0, 0), anchor="ms")


def _time_scale(pen: ImageDraw.ImageDraw, waterfall: Waterfall, height: int) -> None:
    if len(waterfall.time_s) < 2:
        return
    row_s = float(waterfall.time_s[1] - waterfall.time_s[0])
    total_s = row_s * len(waterfall.time_s)
    step = nice_step(total_s, 8)
    for k in range(math.floor(total_s / step) + 1):
        y = _MARGIN_TOP + height * k * step / total_s
        pen.line((_MARGIN_LEFT - 6, y, _MARGIN_LEFT - 1, y), fill=(0, 0, 0))
        pen.text((_MARGIN_LEFT - 9, y), f"{k * step:g} s", fill=(0, 0, 0), anchor="rm")
