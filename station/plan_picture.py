"""Passes or a plan as a picture: when what is received, and where in the sky of each station that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw

from products.picture import font
from scheduler.elements import Elements
from scheduler.passes import Pass, Site
from scheduler.plan import Plan
from scheduler.track import track

_WIDTH, _MARGIN, _LABELS, _ROW, _SKY = 1500, 24, 190, 46, 460
_INK, _MUTED, _LINE, _PAPER = "#1c2733", "#5b6b7b", "#d8dfe6", "#ffffff"
# Okabe and Ito 2008: apart for every kind of colour vision.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
_MOST_TICKS = 14


@dataclass(frozen=True)
class Strip:
    """What is drawn on the timeline and in the sky of its site; `row` holds the site and what takes it."""

    row: tuple[str, str]
    satellite: str
    norad_id: int
    start: datetime
    end: datetime
    filler: bool = False


def strips_of_plan(plan: Plan) -> list[Strip]:
    """One for each recording."""
    found = []
    for booking in plan.bookings:
        seen = booking.candidate.seen
        start, end = (datetime.fromtimestamp(t, UTC) for t in (booking.start, booking.end))
        row = seen.site, booking.receiver
        found.append(Strip(row, seen.satellite, seen.norad_id, start, end, filler=booking.filler))
    return found


def strips_of_passes(passes: Sequence[Pass]) -> list[Strip]:
    """One for each pass."""
    return [
        Strip((p.site, "passes"), p.satellite, p.norad_id, p.aos, p.los, filler=not p.complete)
        for p in passes
    ]


@dataclass(frozen=True)
class _Sheet:
    """Where things lie on the picture."""

    draw: ImageDraw.ImageDraw
    start: datetime
    end: datetime
    colours: dict[str, str]

    def x(self, moment: datetime) -> float:
        """Of a time on the timeline."""
        width = _WIDTH - _LABELS - 2 * _MARGIN
        part = (moment - self.start) / (self.end - self.start)
        return _LABELS + _MARGIN + width * min(max(part, 0.0), 1.0)


def draw_strips(
    path: Path,
    title: str,
    strips: Sequence[Strip],
    *,
    window: tuple[datetime, datetime],
    sites: Sequence[Site],
    elements: Mapping[int, Elements],
) -> None:
    """Timeline above, a sky for each station below.

    Args:
        path: of the PNG.
        title: above it; the times are added.
        strips: to be drawn.
        window: first and last moment of the timeline.
        sites: one sky for each.
        elements: by catalogue number, for the tracks.

    Raises:
        OSError: the file cannot be written.
    """
    rows = sorted({strip.row for strip in strips}) or [("", "nothing")]
    names = sorted({strip.satellite for strip in strips})
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    across = max((_WIDTH - 2 * _MARGIN) // _SKY, 1)
    down = math.ceil(len(sites) / across)
    top = _MARGIN + 60 + len(rows) * _ROW + 50
    legend = 34 * math.ceil(max(len(names), 1) / 5)
    image = Image.new("RGB", (_WIDTH, top + legend + down * (_SKY + 30) + _MARGIN), _PAPER)
    sheet = _Sheet(ImageDraw.Draw(image), *window, colours)
    _timeline(sheet, title, strips, rows)
    _legend(sheet, names, top)
    for number, site in enumerate(sites):
        place = (_MARGIN + number % across * _SKY, top + legend + number // across * (_SKY + 30))
        _sky(sheet, place, site, [s for s in strips if s.row[0] == site.name], elements)
    image.save(path, format="PNG")


def _timeline(sheet: _Sheet, title: str, strips: Sequence[Strip], rows: Sequence[tuple[str, str]]) -> None:
    top, bottom = _MARGIN + 60, _MARGIN + 60 + len(rows) * _ROW
    times = f"{sheet.start:%Y-%m-%d %H:%M} to {sheet.end:%Y-%m-%d %H:%M} UTC"
    sheet.draw.text((_MARGIN, _MARGIN), f"{title}, {times}", _INK, font(20, bold=True))
    for moment in _ticks(sheet.start, sheet.end):
        x = sheet.x(moment)
        sheet.draw.line((x, top, x, bottom), _LINE)
        words = f"{moment:%m-%d}" if moment.hour == 0 else f"{moment:%H:%M}"
        sheet.draw.text((x, bottom + 6), words, _MUTED, font(14), anchor="ma")
    for number, (station, receiver) in enumerate(rows):
        y = top + number * _ROW
        sheet.draw.text((_MARGIN, y + 4), station, _INK, font(15))
        sheet.draw.text((_MARGIN, y + 22), receiver, _MUTED, font(13))
        sheet.draw.line((_MARGIN, y + _ROW, _WIDTH - _MARGIN, y + _ROW), _LINE)
        for strip in strips:
            if strip.row == (station, receiver):
                _bar(sheet, strip, y)


def _bar(sheet: _Sheet, strip: Strip, y: float) -> None:
    left, right = sheet.x(strip.start), sheet.x(strip.end)
    inset = 15 if strip.filler else 6
    box = (left, y + inset, max(right, left + 3), y + _ROW - inset)
    sheet.draw.rectangle(box, sheet.colours[strip.satellite])


def _ticks(start: datetime, end: datetime) -> list[datetime]:
    hours = (end - start).total_seconds() / 3600
    step = timedelta(hours=next((h for h in _HOURS if hours / h <= _MOST_TICKS), _HOURS[-1]))
    moment = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while moment <= end:
        if moment >= start:
            found.append(moment)
        moment += step
    return found


def _legend(sheet: _Sheet, names: Sequence[str], top: float) -> None:
    for number, name in enumerate(names):
        x, y = _MARGIN + number % 5 * 290, top - 14 + number // 5 * 34
        sheet.draw.rectangle((x, y, x + 26, y + 16), sheet.colours[name])
        sheet.draw.text((x + 36, y - 1), name, _INK, font(15))


def _sky(
    sheet: _Sheet,
    place: tuple[int, int],
    site: Site,
    strips: Sequence[Strip],
    elements: Mapping[int, Elements],
) -> None:
    """North up, east to the right as on a map; the rim is the horizon, rings lie 30 degrees apart."""
    radius = _SKY / 2 - 40
    x, y = place[0] + _SKY / 2, place[1] + _SKY / 2 + 20
    sheet.draw.text((x, place[1] - 4), site.name, _INK, font(17, bold=True), anchor="ma")
    for part in (1 / 3, 2 / 3, 1):
        r = radius * part
        sheet.draw.ellipse((x - r, y - r, x + r, y + r), outline=_LINE if part < 1 else _MUTED)
    for word, dx, dy in (("N", 0, -1), ("E", 1, 0), ("S", 0, 1), ("W", -1, 0)):
        spot = (x + dx * (radius + 14), y + dy * (radius + 14))
        sheet.draw.text(spot, word, _MUTED, font(15), anchor="mm")
    for strip in strips:
        _path(sheet, (x, y, radius), site, strip, elements)


def _path(
    sheet: _Sheet,
    disc: tuple[float, float, float],
    site: Site,
    strip: Strip,
    elements: Mapping[int, Elements],
) -> None:
    x, y, radius = disc
    step_s = 300.0 if strip.filler else 10.0
    curve = track(elements[strip.norad_id], site, strip.start, strip.end, step_s)
    points = [
        (
            x + radius * (90 - e) / 90 * math.sin(math.radians(a)),
            y - radius * (90 - e) / 90 * math.cos(math.radians(a)),
        )
        for a, e in zip(curve.azimuth_deg, curve.elevation_deg, strict=True)
        if e >= 0
    ]
    colour = sheet.colours[strip.satellite]
    if strip.filler and points:
        sheet.draw.ellipse((points[0][0] - 6, points[0][1] - 6, points[0][0] + 6, points[0][1] + 6), colour)
    elif len(points) > 1:
        sheet.draw.line(points, colour, 3, joint="curve")
        sheet.draw.ellipse((points[0][0] - 5, points[0][1] - 5, points[0][0] + 5, points[0][1] + 5), colour)
