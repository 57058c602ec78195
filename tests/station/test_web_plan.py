"""The page of the plan: what will be received, what is left and why, in both languages and both times."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from station.catalogue import Booking, Catalogue
from station.ledger import Rejected, enter_rejected
from station.web import app as web
from station.web.texts import span_times

NOW = datetime.now(UTC).replace(microsecond=0)


def _left(key: str, minutes: float) -> Rejected:
    rise = NOW + timedelta(minutes=minutes)
    return Rejected(
        key=key,
        satellite="METEOR-M2 3",
        norad_id=57166,
        downlink="meteor_lrpt",
        aos=rise,
        tca=rise + timedelta(minutes=6),
        los=rise + timedelta(minutes=12),
        max_elevation_deg=33.3,
        reason="worth_less",
        words={"en": "worth less than <b>another</b>", "vi": "giá trị thấp hơn"},
        blocked_by=("one",),
        decided=NOW,
    )


@pytest.fixture
def client(tmp_path: Path, booking: Booking) -> TestClient:
    catalogue = Catalogue(tmp_path)
    soon = {name: NOW + timedelta(minutes=30) for name in ("aos", "start")}
    later = {name: NOW + timedelta(minutes=45) for name in ("los", "end")}
    parts = {"picture": 1.5, "area Lai Châu": 2.25}
    coming = replace(booking, **soon, **later, receiver="vhf", antenna="helix", value=3.75, value_parts=parts)
    catalogue.book(coming)
    catalogue.book(replace(booking, name="over", key="over"))
    enter_rejected(catalogue, [_left("coming", 40), _left("under way", -5)], NOW - timedelta(minutes=10))
    enter_rejected(catalogue, [_left("newer", 50)], NOW)
    return TestClient(web.create_app(catalogue, language="en"))


def test_what_will_be_received_stands_with_its_value_and_by_what(client: TestClient) -> None:
    page = client.get("/plan").text
    assert "vhf, helix" in page
    assert "3.75" in page
    assert "picture 1.50 · area Lai Châu 2.25" in page
    assert span_times(NOW + timedelta(minutes=30), NOW + timedelta(minutes=45)) in page
    assert "over" not in [row["name"] for row in client.get("/api/plan").json()["bookings"]]


def test_why_a_pass_is_left_is_said_in_the_language_of_the_reader(client: TestClient) -> None:
    assert "worth less than &lt;b&gt;another&lt;/b&gt;" in client.get("/plan").text
    page = client.get("/plan?lang=vi").text
    assert "giá trị thấp hơn" in page
    assert "vùng Lai Châu 2,25" in page
    assert "Các lượt không thu" in page


def test_programs_get_the_plan_with_times_in_utc(client: TestClient) -> None:
    record = json.loads(client.get("/api/plan").text)
    (booked,) = record["bookings"]
    assert booked["receiver"] == "vhf"
    assert booked["start"].endswith("Z")
    # A pass under way keeps what was said of it; what is to come says what the last plan said.
    assert [row["key"] for row in record["rejected"]] == ["under way", "newer"]
    assert record["rejected"][0]["words"]["vi"] == "giá trị thấp hơn"
    assert record["rejected"][0]["blocked_by"] == ["one"]


def test_a_span_says_the_local_date_where_it_is_another() -> None:
    start = datetime(2024, 7, 17, 7, 33, tzinfo=UTC)
    assert (
        span_times(start, start + timedelta(minutes=15)) == "2024-07-17 07:33–07:48 UTC (14:33–14:48 UTC+7)"
    )
    late = start + timedelta(hours=12)
    assert (
        span_times(late, late + timedelta(minutes=15))
        == "2024-07-17 19:33–19:48 UTC (2024-07-18 02:33–02:48 UTC+7)"
    )
