"""The daemon tests the receiver before a pass, through the true driver, and has let it go in time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from sdr.formats import from_samples
from station.catalogue import Catalogue
from station.self_test_history import read_history
from station.web import views
from tests.station.desk import RATE, Desk, Sky
from tests.waiting import wait_for

_AHEAD_S, _PASS_S = 60.0, 4.0  # a loaded machine takes its time to begin a daemon


@pytest.mark.slow
def test_the_daemon_tests_the_receiver_before_the_pass_and_records_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    count = int((_AHEAD_S + 30) * RATE)
    noise = 0.05 * rng.standard_normal(2 * count, np.float32).view(np.complex64)
    sky = Sky(tmp_path / "sky", count)
    sky.samples.write_bytes(from_samples(noise, "cu8"))
    now = time.time()
    start = now + _AHEAD_S
    desk = Desk(tmp_path / "station", sky, epoch=now, start=start, end=start + _PASS_S)
    try:
        desk.begin()
        wait_for((desk.observed / "self_test.json").exists, "no self test is made")
        wait_for(lambda: desk.observation().job("record").state == "done", "nothing is recorded")
    finally:
        desk.stop()
    assert (desk.observed / "self_test.json").stat().st_mtime < start - 1, "the receiver is free by then"
    result = json.loads((desk.observed / "self_test.json").read_text("utf-8"))
    assert (result["verdict"], result["findings"]) == ("ok", [])
    density = 10 * np.log10(2 * 0.05**2 / RATE)
    assert result["on"]["floor_dbfs_hz"] == pytest.approx(density, abs=0.1)
    assert [record["observation"] for record in read_history(desk.data)] == [desk.name]
    row = desk.observation().job("record").result
    assert row is not None
    assert row["self_test"] == {"verdict": "ok", "findings": []}
    health = json.loads((desk.data / "health.json").read_text("utf-8"))
    assert health["self_test"]["radio"]["verdict"] == "ok"
    facts = dict(views.detail(Catalogue(desk.data, read_only=True).observation(desk.name), "en").facts)
    assert facts["Antenna and receiver before the pass"] == "as usual"
