"""A pass from the antenna to the page: received through SoapySDR, recorded, decoded live, shown, replayed.

The device is the simulated one, a true driver module in the true library: nothing here is skipped where it is
missing, the test fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from sim.soapy import settings_of
from station.catalogue import Catalogue
from station.replay import recording_source, replay
from station.web.app import create_app
from tests.station.desk import SITE, Desk, make_sky, up_now
from tests.waiting import wait_for

LIVE_FRAMES = 50


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A station under a METEOR that is up now, which sends what its camera sees."""
    elements = up_now(4)
    rises = datetime.now(UTC) + timedelta(seconds=10)
    sky = make_sky(tmp_path / "sky", rises, 50, None, elements=elements, site=SITE)
    epoch = max(rises.timestamp(), time.time())
    made = Desk(tmp_path / "station", sky, epoch=epoch, start=epoch + 1, end=epoch + 85, elements=elements)
    yield made
    made.stop()


def test_a_pass_is_received_shown_while_it_lasts_and_replayed_bit_for_bit(desk: Desk) -> None:
    desk.begin()
    live = desk.observed / "decoded/live.json"
    wait_for(lambda: _frames(live) >= LIVE_FRAMES, "no frames are seen while the satellite is up")

    with TestClient(create_app(Catalogue(desk.data, read_only=True))) as page:
        told = page.get(f"/api/observations/{desk.name}/live").json()
        shown = page.get(f"/observations/{desk.name}")
        home = page.get("/")
    assert desk.observation().job("record").state == "running", "all of this is to be seen during the pass"
    assert told["frames_good"] >= LIVE_FRAMES
    assert told["state"] in ("frames", "signal")
    assert (told["over"], told["recording"]["gaps"]) == (False, 0)
    assert told["constellation"]
    assert (shown.status_code, home.status_code) == (200, 200)
    assert "METEOR-M2 4" in home.text

    desk.stop()  # SIGTERM: the recording ends in order and is decoded to its end
    observation = desk.observation()
    assert [observation.job(step).state for step in ("record", "decode")] == ["done", "done"]
    assert desk.index().end == "stopped on request"
    (stretch,) = desk.stretches()
    assert stretch.wrong == 0
    whole, missed = desk.missed_frames()
    assert (whole >= LIVE_FRAMES, missed) == (True, 0)
    assert settings_of(desk.device_log)["frequency"] == 137.9e6
    assert list(desk.observed.glob("decoded/*_l1a.nc"))

    again = replay(recording_source(observation.recording, ()), lambda _step, _fraction: None)
    assert again.decoded is not None
    assert again.decoded.identical, again.decoded
    assert {"frames.cadu", "report.json"} <= set(again.decoded.same)
    assert any(name.endswith("_l1a.nc") for name in again.decoded.same)


def _frames(live: Path) -> int:
    try:
        return int(json.loads(live.read_text())["frames_good"])
    except (OSError, ValueError):
        return 0
