"""A plan as a picture: when each receiver does what, and where in the sky it happens."""

from __future__ import annotations

import colorsys
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from scheduler.plan.model import Plan

Font = Callable[[int], ImageFont.FreeTypeFont | ImageFont.ImageFont]
Colour = tuple[int, int, int]

PAPER: Colour = (255, 255, 255)
INK: Colour = (24, 28, 36)
FAINT: Colour = (208, 212, 220)
GREY: Colour = (120, 126, 136)
WIDTH = 1600
MARGIN = 16
TEXT = 15

WORDS = {
    "en": {
        "title": "Plan of receptions", "passes": "Passes",
        "left": "not taken", "utc": "UTC", "local": "UTC+7",
        "sky": "Sky over {site}, first {hours} hours",
        "north": "N", "east": "E", "south": "S", "west": "W", "none": "nothing booked",
    },
    "vi": {
        "title": "Kế hoạch thu", "passes": "Các lượt bay qua",
        "left": "không thu", "utc": "UTC", "local": "giờ VN",
        "sky": "Bầu trời {site}, {hours} giờ đầu",
        "north": "B", "east": "Đ", "south": "N", "west": "T", "none": "không có lượt thu",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Words, letters and colours that all parts of a picture share."""

    font: Font
    words: dict[str, str]
    letter: dict[str, str]
    colour: dict[str, Colour]

    @classmethod
    def of(cls, plan: Plan, font: Font | None, language: str) -> Style:
        """A letter and a colour for each satellite, in the order of the alphabet."""
        everybody = [b.candidate for b in plan.bookings] + [r.candidate for r in plan.rejected]
        names = sorted({candidate.satellite for candidate in everybody})
        letters = string.ascii_uppercase + string.ascii_lowercase + string.digits
        return cls(
            font or ImageFont.load_default,
            WORDS[language],
            {name: letters[i % len(letters)] for i, name in enumerate(names)},
            {name: _colour(i) for i, name in enumerate(names)},
        )


def draw_plan(
    plan: Plan, font: Font | None = None, *, language: str = "en", title: str = "title"
) -> Image.Image:
    """Timeline, legend and one sky plot per station, one below the other.

    Args:
        plan: what is drawn.
        font: gives a font of a size in pixels; Vietnamese words need one that has their letters.
        language: `en` or `vi`.
        title: which of the words stands above it, "title" or "passes".
    """
    from scheduler.plan.sky import draw_skies
    from scheduler.plan.timeline import draw_timeline

    style = Style.of(plan, font, language)
    pictures = [draw_timeline(plan, style, style.words[title]), _legend(plan, style), draw_skies(plan, style)]
    whole = Image.new("RGB", (WIDTH, sum(p.height for p in pictures)), PAPER)
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def save_picture(
    plan: Plan, path: Path, font: Font | None = None, *, language: str = "en", title: str = "title"
) -> None:
    """Draw into a PNG file, as `draw_plan` does."""
    draw_plan(plan, font, language=language, title=title).save(path, format="PNG")


def _legend(plan: Plan, style: Style) -> Image.Image:
    font, column = style.font(TEXT), 220
    names = sorted({b.candidate.satellite for b in plan.bookings})
    per_row = (WIDTH - 2 * MARGIN) // column
    image = Image.new("RGB", (WIDTH, 26 * -(-len(names) // per_row) + MARGIN), PAPER)
    pen = ImageDraw.Draw(image)
    for i, name in enumerate(names):
        x, y = MARGIN + column * (i % per_row), 4 + 26 * (i // per_row)
        pen.rectangle((x, y, x + 20, y + 20), fill=style.colour[name])
        pen.text((x + 10, y + 10), style.letter[name], font=font, fill=INK, anchor="mm")
        pen.text((x + 28, y + 10), name, font=font, fill=INK, anchor="lm")
    return image


def _colour(i: int) -> Colour:
    """Light enough for dark letters; hues a golden section of the circle apart."""
    red, green, blue = colorsys.hls_to_rgb((i * 0.618034) % 1.0, (0.78, 0.66)[i // 10 % 2], 0.8)
    return int(255 * red), int(255 * green), int(255 * blue)
