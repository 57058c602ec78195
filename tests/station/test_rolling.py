"""A geostationary satellite in rolling segments, by the real recorder and decoder.

What is told while it goes on, what stays on the disk, and that every frame comes once, also after kills.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from decoders.done import is_done
from scheduler.geostationary import elements_of
from scheduler.satellites import satellite
from sdr.formats import from_samples
from sdr.index import CONTINUED
from sim.link_test import LinkTest, link_test
from sim.soapy import device_args, environment
from station.catalogue import Catalogue
from station.config import parse_config
from station.config.geostationary import GeostationarySection
from station.errors import StationError
from station.observation import Crew, observe
from station.records import Booking, Observation
from station.rolling import Rolling, nobody_needs, rolling_of
from station.web import views
from tests.station.conftest import START, station_table
from tests.station.desk import SITE, cut, wait_for, workers_of

GEO = satellite("GEO-KOMPSAT-2A")
RATE = 256e3
SHORT = GeostationarySection.model_construct(segment_s=1.5, keep_segments=2)


def table(folder: Path, **receiver: Any) -> dict[str, Any]:
    given = station_table(folder / "data", **receiver)
    given["satellite"] = [{"name": GEO.name}]
    return given


def radio(folder: Path, **more: str) -> dict[str, Any]:
    """On the air from now on, for as long as the samples last."""
    args = device_args(folder, file=folder / "sky.cs16", format="CS16", rate=RATE, **more)
    return {"type": "soapy", "driver": "tramthu_sim", "sample_rate": RATE, "gain_db": 30, "args": args}


def sky(folder: Path, seconds: float) -> LinkTest:
    made = link_test("gk2a_lrit", frames=int(seconds / 0.128), ebn0_db=7.0, sample_rate=RATE)
    (folder / "sky.cs16").write_bytes(from_samples(made.samples, "cs16"))
    return made


def booked(catalogue: Catalogue, start: float, end: float) -> Observation:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (start, end))
    made = catalogue.book(
        Booking(
            name="always", key=f"{GEO.norad_id}@always/filler", satellite=GEO.name, norad_id=GEO.norad_id,
            downlink="gk2a_lrit", frequency_hz=1692.14e6, site=asdict(SITE),
            elements=elements_of(GEO, first).to_omm(), aos=first, tca=first, los=last, start=first, end=last,
            max_elevation_deg=52.0, receiver="receiver", antenna="antenna",
        )
    )  # fmt: skip
    assert made is not None
    return made


def segments(observation: Observation) -> list[int]:
    """Numbers of the segments that lie on the disk."""
    names = (path.name.partition(".")[0] for path in observation.folder.glob("recording*.sigmf-index"))
    return sorted(int(name.partition("-")[2] or 0) for name in names)


def decoded(observation: Observation) -> list[bytes]:
    """Frames of all segments."""
    folders = sorted((observation.folder / "decoded").iterdir(), key=lambda f: (len(f.name), f.name))
    return [frame for f in folders if is_done(f) for frame in cut((f / "frames.cadu").read_bytes())]


def judged(made: LinkTest, observation: Observation, seconds: float, *, missing_s: float = 0.0) -> None:
    """What was on the air while it was recorded was decoded, but for so much, in order and nothing twice."""
    numbers = {frame.data: number for number, frame in enumerate(made.frames) if frame.complete}
    got = [numbers[frame] for frame in decoded(observation)]
    assert got == sorted(set(got)), Counter(got).most_common(3)
    span = got[-1] - got[0] + 1
    assert span * 0.128 > seconds - 3.0
    assert span - len(got) <= missing_s / 0.128, (span, len(got))


@pytest.fixture
def catalogue_of(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "data")
    yield catalogue
    catalogue.close()
    for pid in workers_of(tmp_path, b""):
        os.kill(pid, signal.SIGKILL)


def test_results_come_while_it_is_recorded_and_the_disk_does_not_fill(
    tmp_path: Path, catalogue_of: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    made = sky(tmp_path, 40)
    config = parse_config(table(tmp_path, **radio(tmp_path)), tmp_path)
    crew = Crew(config.model_copy(update={"geostationary": SHORT}), catalogue_of)
    start = time.time() + 0.5
    observation = booked(catalogue_of, start, start + 3600)
    thread = threading.Thread(target=observe, args=(observation, crew))
    thread.start()
    try:
        wait_for(lambda: _shown(catalogue_of) >= 2 or not thread.is_alive(), "no segment is decoded")
        under_way = catalogue_of.observation("always")
    finally:
        crew.stop.set()
        thread.join(100)
    crew.stop.clear()
    done = observe(catalogue_of.observation("always"), crew)
    states = {job.step: job.state for job in under_way.jobs}
    assert (states["record"], states["decode"]) == ("running", "running")
    assert any(entry.path.name == "frames.cadu" for entry in under_way.files)
    assert "recording/frames.cadu" in str(views.as_json(under_way)["files"])
    rows = views.detail(under_way, "en").segments
    assert [row.name for row in rows][-1] == "recording"
    assert rows[-1].frames > 5
    assert [job.state for job in done.jobs] == ["done"] * 4, done.jobs
    assert segments(done)[-1] >= 2
    assert len(segments(done)) == 2
    recorded = {e.path.name for e in done.files if e.step == "record"}
    assert recorded == {path.name for path in done.folder.glob("recording*")}
    judged(made, done, done.job("record").result["seconds_recorded"])  # type: ignore[index]
    result = done.job("decode").result
    assert result is not None
    assert result["report"]["frames"]["good"] == len(decoded(done))
    assert result["segments"]["count"] == segments(done)[-1] + 1
    assert "its frames are kept" in done.job("image").reason


def _shown(catalogue: Catalogue) -> int:
    told = (catalogue.observation("always").job("decode").result or {}).get("segments", {})
    return int(told.get("count", 0))


def test_a_segment_may_go_when_the_next_one_is_decoded_as_well(tmp_path: Path) -> None:
    needless = nobody_needs(tmp_path / "recording")
    for name, before in (("recording", False), ("recording-0001", True)):
        folder = tmp_path / "decoded" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text('{"end": null}')
        assert not needless(0)
        (folder / "run.json").write_text(json.dumps({"end": CONTINUED}))
        assert needless(0) == before
    assert not needless(1)


@pytest.mark.parametrize(
    ("receiver", "rolls"),
    [
        ({"type": "rtl_tcp"}, True),
        ({"type": "soapy", "wide": True}, False),
        ({"type": "simulator"}, False),
    ],
)
def test_what_fills_the_time_between_passes_rolls_on_a_radio_of_its_own(
    tmp_path: Path, catalogue_of: Catalogue, receiver: dict[str, Any], rolls: bool
) -> None:
    config = parse_config(table(tmp_path, **receiver), tmp_path)
    always = booked(catalogue_of, START.timestamp(), START.timestamp() + 3600)
    assert rolling_of(always, config) == (Rolling(600.0, 3) if rolls else None)


@pytest.mark.parametrize("wrong", [{"segment_s": 1}, {"segment_s": 7200}, {"keep_segments": 1}])
def test_segments_out_of_bounds_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(StationError, match="geostationary"):
        parse_config(table(tmp_path, type="rtl_tcp") | {"geostationary": wrong}, tmp_path)
