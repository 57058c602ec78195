"""Pictures for people: the map, coastlines and outlines on it, a title above, a legend below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from products.colours import colour_table
from products.definitions import Recipe
from products.graticule import GridLine

DATA = Path(__file__).parent / "data"
LONG_SIDE = 1600
SHORTEST_WIDTH = 900
THUMBNAIL = 320
# Names of meridians and parallels stand so many pixels off the edge.
EDGE = 5
PAPER, INK, FAINT, NOTHING = (16, 20, 28), (244, 246, 250), (160, 168, 180), (40, 44, 52)
HALO = (0, 0, 0)
# Colour and width of each kind of line, at twice the size.
STYLES = {
    "graticule": ((190, 196, 206), 1),
    "lakes": ((96, 200, 255), 2),
    "coastline": ((255, 232, 64), 3),
    "boundaries": ((255, 80, 80), 4),
}
VIETNAM = timedelta(hours=7)

Points = NDArray[np.float64]
Project = Callable[[Points], Points]

WORDS = {
    "en": {
        "gap": "lines missing",
        "grid": "grid",
        "nominal": "nominal calibration",
        "channel": "Channel",
        "unlocated": "as seen, not on a map: no orbital elements or no date",
    },
    "vi": {
        "gap": "dòng bị mất",
        "grid": "lưới",
        "nominal": "hiệu chuẩn danh định",
        "channel": "Kênh",
        "unlocated": "ảnh gốc, chưa định vị: thiếu phần tử quỹ đạo hoặc ngày",
    },
}


@dataclass(frozen=True)
class Caption:
    """What stands around a picture."""

    satellite: str
    time: datetime
    title: str
    area: str
    note: str
    language: str


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has the Vietnamese letters."""
    return ImageFont.truetype(
        str(DATA / f"DejaVuSans{'-Bold' if bold else ''}-subset.ttf"),
        size,
        layout_engine=ImageFont.Layout.BASIC,
    )


def map_size(width: int, height: int) -> tuple[int, int]:
    """The size for screens: shrunk to the long side allowed, or enlarged by a whole number."""
    longest = max(width, height)
    if longest > LONG_SIDE:
        return max(1, round(width * LONG_SIDE / longest)), max(1, round(height * LONG_SIDE / longest))
    factor = max(1, min(LONG_SIDE // longest, -(-SHORTEST_WIDTH // width)))
    return width * factor, height * factor


def scaled(values: NDArray[np.uint8]) -> Image.Image:
    """The map (height, width, 4) at its size for screens."""
    image = Image.fromarray(values)
    size = map_size(*image.size)
    shrunk = size[0] < image.width
    return image.resize(size, Image.Resampling.BOX if shrunk else Image.Resampling.BICUBIC)


def decorated(map_image: Image.Image, lines: Image.Image | None) -> Image.Image:
    """The map on its background with the lines on it."""
    base = Image.new("RGB", map_image.size, NOTHING)
    base.paste(map_image, mask=map_image.getchannel("A"))
    if lines is not None:
        base.paste(lines, mask=lines.getchannel("A"))
    return base


def line_layer(
    size: tuple[int, int],
    lines: dict[str, Iterable[Points]],
    projection: Callable[[tuple[int, int]], Project],
) -> Image.Image:
    """Lines by kind (keys of `STYLES`, later ones on top), in degrees, drawn twice as large and shrunk."""
    large = (size[0] * 2, size[1] * 2)
    layer = Image.new("RGBA", large, (0, 0, 0, 0))
    draw, pixels = ImageDraw.Draw(layer), projection(large)
    for kind, parts in lines.items():
        colour, width = STYLES[kind]
        paths = [_path(pixels(line)) for line in parts]
        for path in paths:
            draw.line(path, fill=(*HALO, 110), width=width + 3)
        for path in paths:
            draw.line(path, fill=(*colour, 255), width=width)
    return layer.resize(size, Image.Resampling.BOX)


def write_labels(layer: Image.Image, lines: Iterable[GridLine], pixels: Project) -> None:
    """Write names where meridians cross the lower edge and parallels the left one, whole and apart."""
    draw, letters = ImageDraw.Draw(layer), font(max(13, layer.width // 75))
    taken: list[tuple[float, float, float, float]] = []
    for line in lines:
        x, y = pixels(line.points).T
        across = _crossing(y, x, layer.height - EDGE) if line.is_meridian else _crossing(x, y, EDGE)
        if across is None or not 0 <= across <= (layer.width if line.is_meridian else layer.height):
            continue
        place = (across, float(layer.height - EDGE)) if line.is_meridian else (float(EDGE), across)
        anchor = "ms" if line.is_meridian else "lm"
        box = draw.textbbox(place, line.label, font=letters, anchor=anchor, stroke_width=2)
        # A name at a corner is moved in.
        shift = [
            max(1 - low, 0) + min(size - 1 - high, 0)
            for low, high, size in zip(box[:2], box[2:], layer.size, strict=True)
        ]
        box = (box[0] + shift[0], box[1] + shift[1], box[2] + shift[0], box[3] + shift[1])
        if not any(_overlap(box, other) for other in taken):
            taken.append(box)
            place = (place[0] + shift[0], place[1] + shift[1])
            draw.text(
                place, line.label, fill=INK, font=letters, anchor=anchor, stroke_width=2, stroke_fill=HALO
            )


def _crossing(along: NDArray[np.float64], across: NDArray[np.float64], at: float) -> float | None:
    """Where a line of pixels first crosses a row or column, `at` in `along`; None where it never does."""
    before, after = along[:-1] - at, along[1:] - at
    with np.errstate(invalid="ignore"):
        steps = np.flatnonzero(
            (before * after <= 0) & (before != after) & np.isfinite(across[:-1] + across[1:])
        )
    if not steps.size:
        return None
    first = int(steps[0])
    fraction = before[first] / (before[first] - after[first])
    return float(across[first] + fraction * (across[first + 1] - across[first]))


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (left, top, right, bottom) share a pixel."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _path(points: NDArray[np.float64]) -> list[tuple[float, float]]:
    finite = points[np.isfinite(points).all(axis=1)]
    return [(float(x), float(y)) for x, y in np.clip(finite, -30000, 30000)]


def poster(map_image: Image.Image, recipe: Recipe | None, caption: Caption) -> Image.Image:
    """Title, map and legend as one picture."""
    width = max(map_image.width, SHORTEST_WIDTH)
    unit = max(20, width // 40)
    head, foot = round(3.4 * unit), round((3.6 if recipe and recipe.kind == "scale" else 2.0) * unit)
    page = Image.new("RGB", (width, head + map_image.height + foot), PAPER)
    page.paste(map_image, ((width - map_image.width) // 2, head))
    draw = ImageDraw.Draw(page)
    room = width - unit
    heading, under = f"{caption.title} · {caption.area}", f"{caption.satellite} · {times(caption)}"
    _text(draw, (unit // 2, 0.45 * unit), heading, size=unit, room=room, colour=INK, bold=True)
    _text(draw, (unit // 2, 1.95 * unit), under, size=round(0.8 * unit), room=room, colour=FAINT)
    if recipe is not None and recipe.kind == "scale":
        top = head + map_image.height + round(0.5 * unit)
        _legend(draw, recipe, (unit, top), (width - 2 * unit, round(0.7 * unit)), round(0.62 * unit))
    at = (unit // 2, page.height - 1.25 * unit)
    _text(draw, at, caption.note, size=round(0.62 * unit), room=room, colour=FAINT)
    return page


def times(caption: Caption) -> str:
    """The time in UTC and in Vietnam."""
    local = caption.time + VIETNAM
    zone = "giờ Việt Nam, UTC+7" if caption.language == "vi" else "UTC+7"
    # The date is said again where Vietnam is already in the next day.
    local_text = f"{local:%H:%M}" if local.date() == caption.time.date() else f"{local:%Y-%m-%d %H:%M}"
    return f"{caption.time:%Y-%m-%d %H:%M} UTC · {local_text} ({zone})"


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    *,
    size: int,
    room: int,
    colour: Any,
    bold: bool = False,
) -> None:
    """A line of text, made smaller until it fits the room."""
    while size > 9 and draw.textlength(text, font=font(size, bold=bold)) > room:
        size -= 1
    draw.text(at, text, fill=colour, font=font(size, bold=bold))


def _legend(
    draw: ImageDraw.ImageDraw, recipe: Recipe, at: tuple[int, int], size: tuple[int, int], letters: int
) -> None:
    """The colour bar with round values below it; temperatures also in degrees Celsius."""
    values, colours = colour_table(recipe)
    low, high = float(values[0]), float(values[-1])
    shown = np.linspace(low, high, size[0])
    bar = (
        np.stack([np.interp(shown, values, colours[:, band]) for band in range(3)], axis=1)
        .round()
        .astype(int)
    )
    for column, colour in enumerate(bar):
        draw.line(
            [(at[0] + column, at[1]), (at[0] + column, at[1] + size[1])],
            fill=tuple(int(part) for part in colour),
        )
    draw.rectangle([at[0] - 1, at[1] - 1, at[0] + size[0], at[1] + size[1] + 1], outline=FAINT)
    for value in _ticks(low, high, 8):
        x = at[0] + (value - low) / (high - low) * (size[0] - 1)
        draw.line([(x, at[1] + size[1]), (x, at[1] + size[1] + letters // 3)], fill=FAINT)
        text = (
            f"{value:g} K ({value - 273.15:.0f} °C)"
            if recipe.unit == "K"
            else f"{value:g} {recipe.unit}".strip()
        )
        half = draw.textlength(text, font=font(letters)) / 2
        x = min(max(x, at[0] + half - letters), at[0] + size[0] - half + letters)
        draw.text((x, at[1] + size[1] + letters // 3 + 1), text, fill=INK, font=font(letters), anchor="ma")


def _ticks(low: float, high: float, most: int) -> list[float]:
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500) if (high - low) / s < most)
    return [float(v) for v in np.arange(np.ceil(low / step) * step, high + step / 1000, step)]


def thumbnail(map_image: Image.Image) -> Image.Image:
    """A small copy for lists and thin links."""
    small = map_image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return small
