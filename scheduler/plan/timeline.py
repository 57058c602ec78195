"""The timeline of a plan: a row for each receiver, a strip for each day, and what is left below them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from PIL import Image, ImageDraw

from scheduler.plan.model import Booking, Plan
from scheduler.plan.picture import FAINT, GREY, INK, MARGIN, PAPER, TEXT, WIDTH, Style

_HOUR_S = 3600
_ROW, _HEAD, _LEFT = 24, 44, 210
_MOST_STRIPS = 62  # a month in halves of days
_VIETNAM = timezone(timedelta(hours=7))


def draw_timeline(plan: Plan, style: Style, title: str) -> Image.Image:
    """Strips of 24 hours, or of 12 where the plan is not longer than two days.

    Those in which nothing happens are left out, and so are those beyond the first 62.
    """
    rows = sorted({(b.candidate.station, b.receiver) for b in plan.bookings})
    stations = sorted({r.candidate.station for r in plan.rejected})
    rises = (int(r.candidate.seen.aos.timestamp()) for r in plan.rejected)
    times = [(b.start, b.end - 1) for b in plan.bookings] + [(rise, rise) for rise in rises]
    if not times:
        image = Image.new("RGB", (WIDTH, 80), PAPER)
        ImageDraw.Draw(image).text((MARGIN, 30), style.words["none"], font=style.font(TEXT), fill=INK)
        return image
    hours = 24 if max(t[1] for t in times) - min(t[0] for t in times) > 49 * _HOUR_S else 12
    long = hours * _HOUR_S
    busy = {strip for start, end in times for strip in range(start // long, end // long + 1)}
    strips = sorted(busy)[:_MOST_STRIPS]
    tall = _HEAD + _ROW * (len(rows) + len(stations)) + 12
    image = Image.new("RGB", (WIDTH, 48 + tall * len(strips)), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, 12), title, font=style.font(24), fill=INK)
    for i, strip in enumerate(strips):
        _Strip(pen, style, 48 + tall * i, strip * long, hours).draw(plan, rows, stations)
    return image


class _Strip:
    """Some hours from left to right."""

    def __init__(self, pen: ImageDraw.ImageDraw, style: Style, top: int, start: int, hours: int) -> None:
        self.pen, self.style, self.top, self.start, self.hours = pen, style, top, start, hours

    def draw(self, plan: Plan, rows: list[tuple[str, str]], stations: list[str]) -> None:
        self._scale(len(rows) + len(stations))
        for i, (station, receiver) in enumerate(rows):
            y = self.top + _HEAD + _ROW * i
            self._name(y, f"{station} · {receiver}")
            for booking in plan.bookings:
                if (booking.candidate.station, booking.receiver) == (station, receiver):
                    self._box(y, booking)
        for i, station in enumerate(stations, len(rows)):
            y = self.top + _HEAD + _ROW * i
            self._name(y, f"{station} · {self.style.words['left']}")
            for rejection in plan.rejected:
                if rejection.candidate.station == station:
                    seen = rejection.candidate.seen
                    self._line(y, seen.aos.timestamp(), seen.los.timestamp())

    def _x(self, time: float) -> float:
        share = (time - self.start) / (self.hours * _HOUR_S)
        return _LEFT + (WIDTH - _LEFT - MARGIN) * min(max(share, 0.0), 1.0)

    def _scale(self, rows: int) -> None:
        small, bottom = self.style.font(TEXT - 2), self.top + _HEAD + _ROW * rows
        day = datetime.fromtimestamp(self.start, UTC)
        text = f"{day:%Y-%m-%d} {self.style.words['utc']}"
        self.pen.text((MARGIN, self.top + 12), text, font=small, fill=INK, anchor="lm")
        self.pen.text((MARGIN, self.top + 30), self.style.words["local"], font=small, fill=GREY, anchor="lm")
        for hour in range(0, self.hours + 1, max(self.hours // 12, 1)):
            time = self.start + hour * _HOUR_S
            x, utc = self._x(time), datetime.fromtimestamp(time, UTC)
            self.pen.line((x, self.top + _HEAD - 4, x, bottom), fill=FAINT)
            self.pen.text((x, self.top + 12), f"{utc:%H}", font=small, fill=INK, anchor="mm")
            here = utc.astimezone(_VIETNAM)
            self.pen.text((x, self.top + 30), f"{here:%H}", font=small, fill=GREY, anchor="mm")

    def _name(self, y: int, name: str) -> None:
        small = self.style.font(TEXT - 2)
        while self.pen.textlength(name, font=small) > _LEFT - MARGIN - 6:
            name = name[:-2] + "…"
        self.pen.text((MARGIN, y + _ROW / 2), name, font=small, fill=INK, anchor="lm")
        self.pen.line((MARGIN, y + _ROW, WIDTH - MARGIN, y + _ROW), fill=FAINT)

    def _box(self, y: int, booking: Booking) -> None:
        low, high = self._x(booking.start), self._x(booking.end)
        if high <= low:
            return
        name = booking.candidate.satellite
        colour, pad = self.style.colour[name], 8 if booking.filler else 3
        self.pen.rectangle((low, y + pad, max(high, low + 2), y + _ROW - pad), fill=colour, outline=INK)
        letter, font = self.style.letter[name], self.style.font(TEXT - 3)
        if not booking.filler and high - low > self.pen.textlength(letter, font=font):
            self.pen.text(((low + high) / 2, y + _ROW / 2), letter, font=font, fill=INK, anchor="mm")

    def _line(self, y: int, aos: float, los: float) -> None:
        low, high = self._x(aos), self._x(los)
        if high > low:
            self.pen.line((low, y + _ROW / 2, high, y + _ROW / 2), fill=GREY, width=3)
