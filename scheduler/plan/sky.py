"""Where in the sky of each station the booked passes run: azimuth around, elevation inwards."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from scheduler.plan.model import Booking, Plan
from scheduler.plan.picture import FAINT, GREY, INK, PAPER, TEXT, WIDTH, Style
from scheduler.plan.resources import Array

_SIZE, _RADIUS = 620, 260
_POINTS = 60
_HOURS = 12  # more passes than these hide one another


def draw_skies(plan: Plan, style: Style) -> Image.Image:
    """One circle per station, two in a row."""
    stations = sorted({b.candidate.station for b in plan.bookings})
    until = min((b.start for b in plan.bookings), default=0) + 3600 * _HOURS
    image = Image.new("RGB", (WIDTH, _SIZE * -(-len(stations) // 2)), PAPER)
    pen = ImageDraw.Draw(image)
    for i, station in enumerate(stations):
        middle = (WIDTH * (1 + 2 * (i % 2)) / 4, _SIZE * (i // 2) + _SIZE / 2 + 14)
        _circles(pen, style, middle, station)
        for booking in plan.bookings:
            if booking.candidate.station == station and booking.start < until:
                _pass(pen, style, middle, booking)
    return image


def _circles(pen: ImageDraw.ImageDraw, style: Style, middle: tuple[float, float], station: str) -> None:
    font = style.font(TEXT)
    x, y = middle
    for elevation in (0, 30, 60):
        r = _RADIUS * (90 - elevation) / 90
        pen.ellipse((x - r, y - r, x + r, y + r), outline=INK if elevation == 0 else FAINT)
        pen.text((x + 4, y - r + 9), f"{elevation}°", font=style.font(TEXT - 3), fill=GREY, anchor="lm")
    pen.line((x - _RADIUS, y, x + _RADIUS, y), fill=FAINT)
    pen.line((x, y - _RADIUS, x, y + _RADIUS), fill=FAINT)
    for name, azimuth in (("north", 0), ("east", 90), ("south", 180), ("west", 270)):
        at = _place(middle, np.array([azimuth]), np.array([-6.0]))[0]
        pen.text(at, style.words[name], font=font, fill=INK, anchor="mm")
    title = style.words["sky"].format(site=station, hours=_HOURS)
    pen.text((x, y - _RADIUS - 40), title, font=style.font(TEXT + 4), fill=INK, anchor="mm")


def _pass(pen: ImageDraw.ImageDraw, style: Style, middle: tuple[float, float], booking: Booking) -> None:
    name = booking.candidate.satellite
    azimuth, elevation = _curve(booking)
    points = _place(middle, azimuth, elevation)
    top = x, y = points[int(np.argmax(elevation))]
    if booking.filler or np.ptp(azimuth) + np.ptp(elevation) < 1:
        pen.ellipse((x - 7, y - 7, x + 7, y + 7), fill=style.colour[name], outline=INK)
    else:
        pen.line(points, fill=style.colour[name], width=3, joint="curve")
    pen.text(top, style.letter[name], font=style.font(TEXT - 1), fill=INK, anchor="mm",
             stroke_width=2, stroke_fill=PAPER)  # fmt: skip


def _curve(booking: Booking) -> tuple[Array, Array]:
    """True directions of what is recorded; the arc through rise, highest point and set where unknown."""
    view, seen = booking.view, booking.candidate.seen
    if view is not None and view.sky[0].size:
        inside = (view.value.time >= booking.start) & (view.value.time <= booking.end)
        if inside.any():
            return view.sky[0][inside], view.sky[1][inside]
    azimuths = np.array([seen.aos_azimuth_deg, seen.tca_azimuth_deg, seen.los_azimuth_deg])
    across = np.array([90.0, 90 - seen.max_elevation_deg, 90.0])
    east, north = across * np.sin(np.radians(azimuths)), across * np.cos(np.radians(azimuths))
    at = np.linspace(-1, 1, _POINTS)
    weights = np.array([at * (at - 1) / 2, 1 - at**2, at * (at + 1) / 2])
    x, y = east @ weights, north @ weights
    return np.degrees(np.arctan2(x, y)), np.maximum(90 - np.hypot(x, y), 0.0)


def _place(middle: tuple[float, float], azimuth: Array, elevation: Array) -> list[tuple[float, float]]:
    """North up, east to the right, as on a map."""
    r = _RADIUS * (90 - elevation) / 90
    return [
        (middle[0] + float(k) * math.sin(math.radians(a)), middle[1] - float(k) * math.cos(math.radians(a)))
        for k, a in zip(r, azimuth, strict=True)
    ]
