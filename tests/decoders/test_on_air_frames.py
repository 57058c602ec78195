"""From samples to frames and report: the downlinks that have no pictures yet, as the simulator sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from decoders.decode import DecodeRequest, decode
from sim.link_test import link_test

START = datetime(2026, 1, 1, tzinfo=UTC)
# Frames and Eb/N0 in dB: coded ones near what is needed, unprotected ones where hardly a bit is wrong.
LINKS = {
    "metop_ahrpt": (30, 5.0),
    "jpss_hrd": (40, 5.0),
    "noaa21_hrd": (40, 5.0),
    "gk2a_lrit": (12, 5.0),
    "meteor_hrpt": (30, 14.0),
    "noaa_hrpt": (6, 14.0),
}


@pytest.mark.parametrize("name", LINKS)
def test_every_frame_comes_out_with_its_place_and_time(tmp_path: Path, name: str) -> None:
    count, ebn0_db = LINKS[name]
    made = link_test(name, frames=count, ebn0_db=ebn0_db, seed=3)
    path = tmp_path / "given.cf32"
    made.samples.tofile(path)
    report = decode(
        DecodeRequest(
            input=path, downlink=name, out=tmp_path / "out", sample_rate=made.sample_rate, start=START
        )
    )
    framing = "raw16" if name == "noaa_hrpt" else "cadu"
    assert (tmp_path / f"out/frames.{framing}").read_bytes() == b"".join(made.complete)
    assert report.exit_status == 0
    assert report.frames.good == count
    assert report.frames.lost == 0
    columns = json.loads((tmp_path / "out/report.json").read_text())["columns"]
    rows = [k for k, is_good in enumerate(columns["good"]) if is_good]
    firsts = [frame.first_sample for frame in made.frames if frame.complete]
    symbol = made.sample_rate / 128e3
    for row, first in zip(rows, firsts, strict=True):
        assert columns["sample_index"][row] == pytest.approx(first, abs=max(8, 3 * symbol))
        seconds = (datetime.fromisoformat(columns["time"][row]) - START).total_seconds()
        assert seconds == pytest.approx(columns["sample_index"][row] / made.sample_rate, abs=1e-5)
    levels = [columns["ebn0_db"][row] for row in rows]
    assert np.median(levels) == pytest.approx(ebn0_db, abs=0.5)
    assert {columns["unprotected"][row] for row in rows} == {name.endswith("hrpt") and name != "metop_ahrpt"}
    assert all(columns["state"][row] or name.endswith("hrpt") for row in rows)
    assert not list((tmp_path / "out").glob("*.nc"))
