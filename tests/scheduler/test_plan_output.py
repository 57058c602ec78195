"""What a plan looks like outside: JSON, calendar, picture."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from products.picture import font
from scheduler.plan import Plan, View, make_plan
from scheduler.plan.ical import to_ical
from scheduler.plan.picture import Style, draw_plan, save_picture
from scheduler.plan.sky import draw_skies
from tests.scheduler.plan_cases import NOW, random_case

PASS_FIELDS = {
    "satellite", "norad_id", "site", "aos", "tca", "los", "max_elevation_deg", "aos_azimuth_deg",
    "los_azimuth_deg", "sunlit_fraction",
}  # fmt: skip
Z = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


@pytest.fixture(scope="module")
def plan() -> Plan:
    candidates, resources = random_case(8, 7)
    odd = replace(candidates[0], satellite="METEOR-M2 4; Lai Châu, Việt Nam\\" + "ệ" * 80)
    made = make_plan([odd, *candidates[1:]], resources, NOW)
    assert made.bookings
    assert made.rejected
    return made


def test_json_has_the_promised_fields_and_times_in_utc(plan: Plan) -> None:
    record = json.loads(json.dumps(plan.to_json()))
    assert {"bookings", "rejected", "gap"} <= set(record)
    for booking in record["bookings"]:
        assert PASS_FIELDS | {
            "receiver", "antenna", "start", "end", "downlinks", "value", "value_parts",
        } <= set(booking)  # fmt: skip
        assert all(Z.match(booking[name]) for name in ("aos", "tca", "los", "start", "end"))
        assert round(sum(booking["value_parts"].values()), 6) == booking["value"]
    assert round(sum(booking["value"] for booking in record["bookings"]), 6) == record["value"]
    for rejection in record["rejected"]:
        assert PASS_FIELDS | {"reason", "blocked_by"} <= set(rejection)
        assert isinstance(rejection["blocked_by"], list)
    beside = set(record["bookings"][0]) | set(record["rejected"][0])
    assert not beside & {"tca_azimuth_deg", "site_sun_elevation_deg", "complete"}


def unfolded(text: str) -> list[str]:
    """Logical lines of RFC 5545, section 3.1, its rules checked on the way."""
    assert text.endswith("\r\n")
    physical = text[:-2].split("\r\n")
    assert all("\n" not in line and "\r" not in line and len(line.encode()) <= 75 for line in physical)
    return re.sub("\r\n ", "", text)[:-2].split("\r\n")


def events(text: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for line in unfolded(text):
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            found.append({})
        elif found:
            found[-1].setdefault(name, value)
    return found


def plain(value: str) -> str:
    return re.sub(r"\\([\\;,nN])", lambda m: "\n" if m[1] in "nN" else m[1], value)


def test_calendar_keeps_to_rfc_5545(plan: Plan) -> None:
    text = to_ical(plan, NOW, language="vi")
    lines = unfolded(text)
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-1] == "END:VCALENDAR"
    assert "VERSION:2.0" in lines
    assert any(line.startswith("PRODID:") for line in lines)
    found = events(text)
    assert len(found) == len(plan.bookings)
    assert len({event["UID"] for event in found}) == len(found)
    for event, booking in zip(found, plan.bookings, strict=True):
        assert plain(event["SUMMARY"]) == booking.candidate.satellite
        assert event["DTSTAMP"] == f"{NOW:%Y%m%dT%H%M%SZ}"
        for name, seconds in (("DTSTART", booking.start), ("DTEND", booking.end)):
            assert datetime.strptime(event[name], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() == seconds
        for name in ("SUMMARY", "LOCATION", "DESCRIPTION"):  # nothing bare that has a meaning there
            assert not re.search(r"(?<!\\)[;,]", event[name].replace("\\\\", ""))


def test_calendar_knows_a_pass_again_when_elements_move_it(plan: Plan) -> None:
    def later(seconds: float) -> Plan:
        moved = [
            replace(
                b,
                candidate=replace(
                    b.candidate,
                    id=b.candidate.id + "x",
                    seen=replace(b.candidate.seen, tca=b.candidate.seen.tca + timedelta(seconds=seconds)),
                ),
            )
            for b in plan.bookings
        ]
        return replace(plan, bookings=tuple(moved))

    first, second = ([event["UID"] for event in events(to_ical(made, NOW))] for made in (plan, later(2.0)))
    assert first == second


@pytest.mark.parametrize("language", ["en", "vi"])
def test_picture_shows_every_booking_in_its_colour(plan: Plan, tmp_path: Path, language: str) -> None:
    path = tmp_path / "plan.png"
    save_picture(plan, path, font, language=language)
    style = Style.of(plan, font, language)
    with Image.open(path) as image:
        assert image.format == "PNG"
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert {style.colour[b.candidate.satellite] for b in plan.bookings} <= colours
    assert len(set(style.letter.values())) == len(style.letter)


def test_what_is_told_of_a_value_adds_up(plan: Plan) -> None:
    parts = {"area around Lai Châu": 0.1000004, "picture": 0.2000004}
    odd = [replace(b, value=sum(parts.values()), value_parts=parts) for b in plan.bookings]
    record = replace(plan, bookings=tuple(odd), value=sum(b.value for b in odd)).to_json()
    assert {booking["value"] for booking in record["bookings"]} == {0.3}
    assert record["value"] == round(0.3 * len(odd), 6)


def test_passes_have_a_title_of_their_own(plan: Plan) -> None:
    assert draw_plan(plan, font, title="passes").tobytes() != draw_plan(plan, font).tobytes()


def test_what_stays_in_sight_is_drawn_where_it_stands(plan: Plan) -> None:
    seen = replace(
        plan.bookings[0].candidate.seen, complete=False, max_elevation_deg=60.0,
        aos_azimuth_deg=129.4, tca_azimuth_deg=129.4, los_azimuth_deg=129.4,
    )  # fmt: skip
    stays = replace(plan.bookings[0], candidate=replace(plan.bookings[0].candidate, seen=seen), view=None)
    alone = Plan((replace(stays, filler=True),), (), 0.0, 0.0)
    style = Style.of(alone, font, "en")
    picture = draw_skies(alone, style)
    colour = style.colour[stays.candidate.satellite]
    found = [(x, y) for x in range(picture.width) for y in range(picture.height)
             if picture.getpixel((x, y)) == colour]  # fmt: skip
    assert found
    middle, third = (400, 324), 260 / 3
    assert all(math.dist(place, middle) == pytest.approx(third, abs=8) for place in found)


def test_picture_of_an_empty_plan_says_so() -> None:
    assert draw_plan(Plan((), (), 0.0, 0.0), font).height > 50


def test_a_booking_long_ago_makes_no_endless_picture(plan: Plan) -> None:
    """As a catalogue has it that was written under a wrong clock."""
    old = replace(plan.bookings[0], start=100, end=700)
    image = draw_plan(replace(plan, bookings=(old, *plan.bookings)), font)
    assert image.height < 2 * draw_plan(plan, font).height + 400


def test_a_calendar_holds_no_control_characters(plan: Plan) -> None:
    odd = replace(plan.bookings[0].candidate, satellite="A\x00B\x1b\x7f\x85C\r\nD")
    text = to_ical(replace(plan, bookings=(replace(plan.bookings[0], candidate=odd),)), NOW)
    assert "SUMMARY:ABC\\nD" in text
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)


def test_the_sky_shows_where_the_satellite_is_and_not_where_the_rotator_points(plan: Plan) -> None:
    """A rotator that unwinds in mid-pass runs about; the pass does not."""
    booking = plan.bookings[0]
    view = booking.view
    assert view is not None
    azimuth = np.linspace(150.0, 10.0, view.value.time.size)
    elevation = np.full_like(azimuth, 40.0)
    wild = np.where(np.arange(azimuth.size) % 2 == 0, 0.0, 450.0)
    pointed = replace(view, azimuth_deg=wild, elevation_deg=elevation, sky=(azimuth, elevation))

    def drawn(one: View) -> bytes:
        made = replace(plan, bookings=(replace(booking, view=one),))
        return draw_skies(made, Style.of(made, font, "en")).tobytes()

    assert drawn(pointed) == drawn(replace(pointed, azimuth_deg=azimuth))
    assert drawn(pointed) != drawn(replace(pointed, sky=(np.empty(0), np.empty(0))))
