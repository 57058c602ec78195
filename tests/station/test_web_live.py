"""The live panel: what the decoder and the recorder say reaches the page, little by little, and it ends."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from scheduler.elements import load_elements
from scheduler.passes import Site, find_passes
from sdr.recording import RecordingWriter
from station.catalogue import Booking, Catalogue, Observation
from station.web import app as web
from station.web.live import SCALE, LiveReader
from station.web.texts import all_texts
from tests.station.conftest import ELEMENTS, renamed

ROWS = np.arange(5 * 256, dtype=np.int64) % 251
Live = Callable[..., None]


@pytest.fixture
def client(catalogue: Catalogue) -> TestClient:
    return TestClient(web.create_app(catalogue, station_name="Lai Châu"))


@pytest.fixture
def running(catalogue: Catalogue, booking: Booking) -> Observation:
    observation = catalogue.book(booking)
    assert observation is not None
    catalogue.begin(observation.name, "record")
    return catalogue.begin(observation.name, "decode")


@pytest.fixture
def live(running: Observation) -> Live:
    """Writes live.json as the decoder does, five rows of the waterfall by default."""

    def write(rows: int = 5, first_row: int = 0, **other: Any) -> None:
        table = {
            "schema": 1,
            "samples": 6_500_000,
            "seconds": 26.0,
            "state": "frames",
            "mode": "72k",
            "frames_good": 210,
            "frames_located": 212,
            "ebn0_db": 9.5,
            "carrier_hz": 1401.9,
            "newest_frame_s": 25.8,
            "lag_s": 0.1,
            "center_frequency_hz": 137.9e6,
            "constellation": [[0.7, -0.7], [-0.71, 0.7], [9.0, -9.0]],
            "spectrum": {"low_hz": -125e3, "high_hz": 125e3, "dbfs_per_hz": [-80.0] * 255 + [-60.2]},
            "waterfall": {
                "row_s": 5.0,
                "first_row": first_row,
                "rows": base64.b64encode(ROWS[: rows * 256].astype(np.uint8).tobytes()).decode(),
                "floor_dbfs_per_hz": -160.0,
                "step_db": 0.6,
            },
        }
        folder = running.folder / "decoded"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "live.json").write_text(json.dumps(table | other), "utf-8")

    return write


def status(client: TestClient, observation: Observation, after: int = 0) -> dict[str, Any]:
    answer = client.get(f"/api/observations/{observation.name}/live", params={"after": after})
    assert answer.status_code == 200
    return dict(answer.json())


def test_what_the_decoder_says_reaches_the_page(client: TestClient, running: Observation, live: Live) -> None:
    live()
    told = status(client, running)
    assert (told["over"], told["state"], told["mode"]) == (False, "frames", "72k")
    assert (told["frames_good"], told["ebn0_db"], told["lag_s"]) == (210, 9.5, 0.1)
    points = np.frombuffer(base64.b64decode(told["constellation"]), np.int8).reshape(-1, 2)
    assert points[:2] / SCALE == pytest.approx(np.array([[0.7, -0.7], [-0.71, 0.7]]), abs=0.011)
    assert points[2].tolist() == [127, -127], "what lies outside stays at the edge"
    given = told["spectrum"]
    levels = given["floor"] + given["step"] * np.frombuffer(base64.b64decode(given["values"]), np.uint8)
    assert len(levels) == 256
    assert (levels[0], levels[-1]) == pytest.approx((-80.0, -60.2), abs=0.26)


@pytest.mark.parametrize(
    ("first_row", "after", "begins"), [(0, 0, 0), (0, 3, 3), (0, 5, 5), (40, 42, 42), (40, 7, 40), (0, 99, 0)]
)
def test_only_rows_that_the_reader_lacks_are_sent(
    client: TestClient, running: Observation, live: Live, first_row: int, after: int, begins: int
) -> None:
    """A reader that has seen more than there is has seen an earlier attempt of the decoder: it gets all."""
    live(first_row=first_row)
    given = status(client, running, after)["waterfall"]
    assert given["first_row"] == begins
    rows = np.frombuffer(base64.b64decode(given["rows"]), np.uint8)
    assert rows.tolist() == ROWS[(begins - first_row) * 256 :].tolist()


def test_before_and_after_the_decoder(
    client: TestClient, catalogue: Catalogue, running: Observation, live: Live
) -> None:
    assert status(client, running)["state"] == "waiting"
    live(state="over")
    assert status(client, running)["state"] == "closing", "the catalogue does not say so yet"
    for step in ("record", "decode"):
        catalogue.finish(running.name, step, {"folder": "decoded"})
    told = status(client, running)
    assert (told["over"], told["state"]) == (True, "over")


def test_a_status_that_nobody_writes_any_more_is_not_told_as_live(
    client: TestClient, running: Observation, live: Live
) -> None:
    live()
    old_s = time.time() - 60
    os.utime(running.folder / "decoded" / "live.json", (old_s, old_s))
    told = status(client, running)
    assert (told["state"], told["frames_good"]) == ("silent", 210)
    samples = RecordingWriter(
        running.recording,
        format="cu8",
        sample_rate=1000.0,
        center_frequency_hz=None,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        durable=False,
    )
    samples.write_raw(bytes(2 * 90_000))
    samples.close()
    assert status(client, running)["lag_s"] == 90.0 - 26.0


@pytest.mark.parametrize(
    "broken",
    [
        {"constellation": "x"},
        {"constellation": [["a", 1]]},
        {"spectrum": 5},
        {"constellation": [[math.inf, math.nan]]},
        {"spectrum": {"dbfs_per_hz": []}},
        {"spectrum": {"low_hz": -1.0, "high_hz": 1.0, "dbfs_per_hz": [math.nan, -80.0]}},
        {"spectrum": {"low_hz": -1.0, "high_hz": 1.0, "dbfs_per_hz": [math.inf, -80.0]}},
        {"spectrum": {"low_hz": -1.0, "high_hz": 1.0, "dbfs_per_hz": [-math.inf, -80.0]}},
        {"waterfall": {"rows": "", "first_row": math.inf, "row_s": 1, "floor_dbfs_per_hz": 0, "step_db": 1}},
        {"waterfall": {"rows": "", "first_row": 0, "row_s": math.nan, "floor_dbfs_per_hz": 0, "step_db": 1}},
        {"ebn0_db": math.nan, "lag_s": math.inf},
        {"waterfall": {"rows": "%%"}},
        {"waterfall": []},
        {"state": None},
    ],
)
def test_a_damaged_status_breaks_no_page(
    client: TestClient, running: Observation, live: Live, broken: dict[str, Any]
) -> None:
    live(**broken)
    assert status(client, running)["frames_good"] == 210


def test_the_newest_attempt_is_shown(
    client: TestClient, catalogue: Catalogue, running: Observation, live: Live
) -> None:
    live()
    (running.folder / "decoded").rename(running.folder / "decoded-2")
    catalogue.begin(running.name, "decode", {"folder": "decoded-2"})
    assert status(client, running)["frames_good"] == 210


def test_level_and_losses_come_from_the_recording(client: TestClient, running: Observation) -> None:
    assert status(client, running)["recording"] is None
    running.folder.mkdir(parents=True, exist_ok=True)
    with RecordingWriter(
        running.recording, format="cs16", sample_rate=1000.0, center_frequency_hz=137.9e6, start=None
    ) as writer:
        writer.write(np.full(1500, 0.1, np.complex64))
        writer.gap(500, "overflow")
        writer.write(np.full(2000, 0.1, np.complex64))
    # A level as the recorder writes it, whatever the version that wrote the lines before.
    index = running.recording.with_name("recording.sigmf-index")
    with index.open("ab") as file:
        file.write(b'{"samples":4000,"utc":1.0,"level":[3,-20.0,0.25,0.1,0.0]}\n{"samples":4000,"utc":2.0}\n')
    told = status(client, running)["recording"]
    assert (told["seconds"], told["gaps"], told["lost_s"]) == (4.0, 1, 0.5)
    assert told["level"] == [-20.0, 0.25]


def test_a_growing_index_is_read_on(running: Observation) -> None:
    running.folder.mkdir(parents=True, exist_ok=True)
    index = running.folder / "recording.sigmf-index"
    head = {
        "tramthu_index": 1,
        "format": "cu8",
        "sample_rate": 1000.0,
        "center_frequency_hz": None,
        "start": None,
    }
    index.write_text(json.dumps(head) + "\n", "utf-8")
    reader, now = LiveReader(), datetime.now(UTC)

    def seconds() -> float:
        recording = reader.status(running, 0, now)["recording"]
        return float(recording["seconds"])

    assert seconds() == 0
    with index.open("a") as file:
        file.write('{"samples": 2000, "utc": 1.0}\n')
    assert seconds() == 2
    index.write_text(json.dumps(head) + "\n", "utf-8")
    assert seconds() == 0, "a recording that was begun anew"
    index.unlink()
    assert reader.status(running, 0, now)["recording"] is None


def test_the_direction_is_that_of_the_satellite(
    client: TestClient, catalogue: Catalogue, booking: Booking
) -> None:
    elements = next(e for e in load_elements(ELEMENTS) if e.norad_id == 59051)
    site = Site("Lai Châu", 22.4, 103.45, 900.0)
    found = find_passes(elements, site, elements.epoch, elements.epoch + timedelta(days=1))
    best = max(found, key=lambda one: one.max_elevation_deg)
    observation = catalogue.book(
        renamed(booking, "high", elements=dict(elements.to_omm()), start=best.aos, end=best.los)
    )
    assert observation is not None
    catalogue.begin("high", "record")
    told = LiveReader().status(catalogue.observation("high"), 0, best.tca)["direction"]
    assert told["elevation_deg"] == pytest.approx(best.max_elevation_deg, abs=0.1)
    assert told["left_s"] == pytest.approx((best.los - best.tca).total_seconds(), abs=1)


def test_a_poll_is_small_enough_for_a_thin_link(client: TestClient, running: Observation, live: Live) -> None:
    rng = np.random.default_rng(1)
    noisy = base64.b64encode(rng.integers(100, 160, 256 * 180).astype(np.uint8).tobytes()).decode()
    live(
        constellation=rng.normal(size=(256, 2)).round(3).tolist(),
        spectrum={"low_hz": -1.0, "high_hz": 1.0, "dbfs_per_hz": rng.normal(-80, 3, 256).round(1).tolist()},
        waterfall={"row_s": 5.0, "first_row": 0, "rows": noisy, "floor_dbfs_per_hz": -160.0, "step_db": 0.6},
    )
    answer = client.get(f"/api/observations/{running.name}/live", params={"after": 179})
    assert len(gzip.compress(answer.content)) < 2000


def test_the_panel_is_there_while_it_lasts(
    client: TestClient, catalogue: Catalogue, running: Observation
) -> None:
    address = f"/observations/{running.name}"
    for language in ("en", "vi"):
        page = client.get(address, params={"lang": language}).text
        assert 'class="live"' in page
        assert all_texts()[language]["live_losses"] in page
        assert "/static/live.js" in page
    assert running.name in client.get("/live").text
    assert client.get("/api/live").json() == {"names": [running.name]}
    for step in ("record", "decode"):
        catalogue.finish(running.name, step, {})
    assert 'class="live"' not in client.get(address).text
    assert client.get("/api/live").json() == {"names": []}


def test_pictures_have_words_and_tables_are_reached_by_keyboard(
    client: TestClient, running: Observation
) -> None:
    page = client.get(f"/observations/{running.name}").text
    canvases = re.findall(r"<canvas[^>]*>", page)
    assert len(canvases) == 3
    assert all(re.search(r'role="img" aria-label="[^"]{5,}"', canvas) for canvas in canvases)
    assert page.count('class="scroll"') == page.count('class="scroll" tabindex="0"') > 0
    assert 'aria-current="page">Live<' in client.get("/live").text
    # On a telephone each cell stands after its heading.
    assert all("data-label" in cell for cell in re.findall(r"<td[^>]*>", client.get("/plan").text))


def test_what_comes_next_is_told(client: TestClient, catalogue: Catalogue, booking: Booking) -> None:
    assert all_texts()["vi"]["live_nothing"] in client.get("/live?lang=vi").text
    for name, hours in (("later", 5), ("sooner", 2), ("gone", -9)):
        start = datetime.now(UTC) + timedelta(hours=hours)
        catalogue.book(renamed(booking, name, start=start, end=start + timedelta(minutes=15)))
    page = client.get("/live").text
    assert "/observations/sooner?" in page
    assert "/observations/later?" not in page


def test_names_are_never_markup(client: TestClient, catalogue: Catalogue, booking: Booking) -> None:
    name = 'a"><script>alert(1)</script>'
    catalogue.book(renamed(booking, name))
    catalogue.begin(name, "record")
    assert "<script>alert" not in client.get("/live").text


def test_the_script_has_every_text_and_fetches_nothing_from_elsewhere() -> None:
    script = (Path(web.__file__).parent / "static/live.js").read_text("utf-8")
    panel = (Path(web.__file__).parent / "templates/live_panel.html").read_text("utf-8")
    used = set(re.findall(r"texts\.(live_\w+)", script))
    assert used
    for language in ("en", "vi"):
        assert used <= set(all_texts()[language])
        assert {
            f"live_{state}" for state in ("waiting", "searching", "signal", "frames", "closing", "over")
        } <= set(all_texts()[language])
    # Decimals are written as the language of the reader writes them, and counts say what they count.
    assert not re.findall(r"toPrecision|toFixed\((?!0\))", script)
    assert {"live_gap", "live_gaps", "live_located", "live_nothing_heard"} <= used
    fields = set(re.findall(r'field\("(\w+)"\)', script))
    offered = set(re.findall(r'data-field="(\w+)"', panel)) | set(
        re.findall(r'"(\w+)"', panel.split("in (")[1].split(")")[0])
    )
    assert fields <= offered
    assert "http://" not in script
    assert "https://" not in script
