"""A geostationary satellite in rolling segments, by the real recorder and decoder.

What is told while it goes on, what stays on the disk, and that every frame comes once, also after kills.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from decoders.done import is_done
from scheduler.geostationary import elements_of
from scheduler.satellites import satellite
from sdr.formats import from_samples
from sdr.index import CONTINUED
from sim.link_test import link_test
from sim.request import PassSimulation
from sim.simulate import simulate
from sim.soapy import device_args, environment
from station.catalogue import Catalogue
from station.config import parse_config
from station.config.geostationary import GeostationarySection
from station.daemon import Daemon
from station.errors import CatalogueError, StationError
from station.observation import Crew, observe
from station.processes import Ended, Worker
from station.records import Booking, Observation
from station.rolling import Rolling, SegmentResults, nobody_needs, rolling_of
from station.web import views
from tests.station.conftest import START, AtOnce, ManualClock, station_file, station_table
from tests.station.desk import SITE, begin_daemon, cut, kill_workers, simulated_radio, workers_of
from tests.waiting import wait_for

GEO = satellite("GEO-KOMPSAT-2A")
RATE, FRAME_S = 256e3, 0.128
SHORT = GeostationarySection.model_construct(segment_s=1.5, keep_segments=2)


def table(folder: Path, **receiver: Any) -> dict[str, Any]:
    given = station_table(folder / "data", **receiver)
    given["satellite"] = [{"name": GEO.name}]
    return given


def radio(folder: Path, **more: Any) -> dict[str, Any]:
    """On the air from the opening on, or as `epoch` says."""
    args = device_args(folder, file=folder / "sky.cs16", format="CS16", rate=RATE, **more)
    return simulated_radio(args, RATE)


def sky(folder: Path, seconds: float) -> dict[bytes, int]:
    """What is on the air; the number of each frame."""
    made = link_test("gk2a_lrit", frames=int(seconds / FRAME_S), ebn0_db=7.0, sample_rate=RATE)
    (folder / "sky.cs16").write_bytes(from_samples(made.samples, "cs16"))
    return {frame.data: number for number, frame in enumerate(made.frames) if frame.complete}


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


def judged(numbers: Mapping[bytes, int], observation: Observation, seconds: float) -> None:
    """What was on the air that long was decoded, in order and once, but for the gaps that are told."""
    got = [numbers[frame] for frame in decoded(observation)]
    assert got == sorted(set(got)), Counter(got).most_common(3)
    reports = [json.loads(path.read_text()) for path in observation.folder.glob("decoded/*/report.json")]
    gaps = [gap["sample_count"] / RATE for report in reports for gap in report["input"]["gaps"]]
    span = got[-1] - got[0] + 1
    assert span * FRAME_S > seconds - 3.0
    assert span - len(got) <= sum(gap / FRAME_S + 10 for gap in gaps), gaps


@pytest.fixture
def catalogue_of(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "data")
    yield catalogue
    catalogue.close()
    kill_workers(tmp_path)


def test_results_come_while_it_is_recorded_and_the_disk_does_not_fill(
    tmp_path: Path, catalogue_of: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    made = sky(tmp_path, 20)
    config = parse_config(table(tmp_path, **radio(tmp_path)))
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
    recorded_s = done.job("record").result["seconds_recorded"]  # type: ignore[index]
    judged(made, done, min(recorded_s, 20.0))
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
    config = parse_config(table(tmp_path, **receiver))
    always = booked(catalogue_of, START.timestamp(), START.timestamp() + 3600)
    assert rolling_of(always, config) == (Rolling(600.0, 3) if rolls else None)


@pytest.mark.parametrize("wrong", [{"segment_s": 1}, {"segment_s": 7200}, {"keep_segments": 1}])
def test_segments_out_of_bounds_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(StationError, match="geostationary"):
        parse_config(table(tmp_path, type="rtl_tcp") | {"geostationary": wrong})


def test_what_is_kept_is_kept_by_the_recorder_as_well(tmp_path: Path) -> None:
    """The description that an observation leaves says it; without a word a recording is one file."""
    assert Rolling.of({"segments": {"segment_s": 60, "keep_segments": 4}}) == Rolling(60.0, 4)
    assert Rolling.of({"segments": None}) is None
    assert Rolling.of({}) is None
    assert Rolling(60.0, 4).length_s == 300.0


def test_old_recordings_are_tidied_up_although_something_is_always_recorded(
    tmp_path: Path, catalogue_of: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked(catalogue_of, START.timestamp(), START.timestamp() + 3600)
    over, clock = threading.Event(), ManualClock(START, START + timedelta(minutes=1))
    told: list[bool] = []
    waits: list[None] = []

    def goes_on(observation: Observation, _: Crew) -> Observation:
        over.wait()
        return observation

    config = parse_config(table(tmp_path, type="rtl_tcp"))
    daemon = Daemon(config, clock=clock, observe_one=goes_on, planner=AtOnce())
    monkeypatch.setattr(daemon._housekeeping, "look", lambda _, *, busy: told.append(busy))

    def between() -> None:
        waits.append(None)
        if len(waits) == 2:
            daemon._threads["a_pass"] = threading.Thread(target=over.wait)
            daemon._threads["a_pass"].start()
        elif len(waits) == 3:
            over.set()

    clock.between = between
    try:
        daemon.run()
    finally:
        over.set()
    assert told[:3] == [False, False, True]


class _Painter:
    """Makes the pictures of a segment at once."""

    def __init__(self, out: Path) -> None:
        out.mkdir()
        (out / "products.json").write_text("{}")

    def poll(self) -> Ended:
        return Ended(0, 0.1, 1.0, "")


def _decode(observation: Observation, name: str, report: Mapping[str, Any]) -> None:
    folder = observation.folder / "decoded" / name
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "frames.cadu").write_bytes(name.encode())
    (folder / "picture_l1a.nc").write_bytes(b"")
    (folder / "run.json").write_text(json.dumps({"end": CONTINUED}))


def test_what_a_full_disk_does_not_take_is_entered_later_and_once(
    catalogue_of: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two segments, one of whose reports is no report."""
    monkeypatch.setattr("station.rolling._LOOK_S", 0.0)
    observation = booked(catalogue_of, START.timestamp(), START.timestamp() + 3600)
    told: dict[str, Any] = {"sample_rate": 100.0, "start": None, "samples": 1000, "gaps": []}
    _decode(observation, "recording", {"frames": {"good": 3}, "input": told})
    _decode(observation, "recording-0001", {"of another": "version"})
    add, tries = catalogue_of.add, itertools.cycle([False, True])

    def full_each_second_time(*given: Any) -> None:
        if not next(tries):
            raise CatalogueError("database or disk is full")
        add(*given)

    monkeypatch.setattr(catalogue_of, "add", full_each_second_time)
    results = SegmentResults(
        observation, catalogue_of, lambda _, out: cast("Worker", _Painter(out)), limit_s=60.0
    )
    for _ in range(20):
        with contextlib.suppress(CatalogueError):
            results.look()
    got = catalogue_of.observation("always")
    result = got.job("decode").result
    assert result is not None
    assert result["report"]["frames"]["good"] == 3
    assert [segment["name"] for segment in result["segments"]["newest"]] == ["recording", "recording-0001"]
    names = sorted("/".join(entry.path.parts[-2:]) for entry in got.files)
    files = ("frames.cadu", "picture_l1a.nc", "products.json", "report.json", "run.json")
    assert names == sorted(f"{name}/{file}" for name in ("recording", "recording-0001") for file in files)


@pytest.mark.slow
def test_a_kill_costs_no_segment_and_none_goes_undecoded(tmp_path: Path, catalogue_of: Catalogue) -> None:
    """The real daemon; its decoder, its recorder and itself are killed, then the decoder stands still."""
    frames = long_sky(tmp_path, 150)
    now = time.time()
    station_file(
        tmp_path,
        receiver=radio(tmp_path, epoch=now),
        geostationary={"segment_s": 5, "keep_segments": 2},
        self_test={"before_passes": False},
    )
    observation = booked(catalogue_of, now, now + 3600)
    desk = Desk(tmp_path)
    desk.begin()
    try:
        desk.wait_for_segments(catalogue_of, 1)
        for who in ("decoder", "recorder"):
            desk.kill(who)
            desk.wait_for_segments(catalogue_of, 1)
        desk.daemon.kill()
        desk.daemon.wait()
        desk.begin()
        desk.wait_for_segments(catalogue_of, 2)
        (decoder,) = workers_of(tmp_path, b"--by-segment")
        os.kill(decoder, signal.SIGSTOP)
        try:
            wait_for(lambda: len(segments(observation)) >= 5, "no segment waits for the decoder", 60)
        finally:
            os.kill(decoder, signal.SIGCONT)
        wait_for(lambda: len(segments(observation)) <= 3, "the decoder does not come back")
    finally:
        desk.daemon.send_signal(signal.SIGTERM)
        desk.daemon.wait(120)
    said = (tmp_path / "daemon.log").read_text()
    done = catalogue_of.observation("always")
    assert [done.job(step).state for step in ("record", "decode")] == ["done", "done"], said
    newest = segments(done)[-1]
    folders = {f.name for f in (done.folder / "decoded").iterdir() if f.is_dir()}
    assert folders == {f"recording-{n:04d}" if n else "recording" for n in range(newest + 1)}
    assert len(segments(done)) == 2
    judged(frames, done, 20.0)


def long_sky(folder: Path, seconds: float) -> dict[bytes, int]:
    """As `sky`, for more than fits into memory."""
    request = PassSimulation(
        start=START, end=START + timedelta(seconds=seconds), mode="gk2a_lrit", sample_rate=RATE,
        format="cs16", elements=None, site=None, ebn0_db=7.0,
    )  # fmt: skip
    simulate(request, folder / "long")
    (folder / "long.sigmf-data").rename(folder / "sky.cs16")
    return {frame: number for number, frame in enumerate(cut((folder / "long.sent.cadu").read_bytes()))}


class Desk:
    """A daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        self.daemon = begin_daemon(self.folder, environment())

    def kill(self, who: str) -> None:
        """The recorder that records, and its spare; or the decoder."""
        kill_workers(self.folder, {"recorder": b"station.record", "decoder": b"--follow"}[who])

    def wait_for_segments(self, catalogue: Catalogue, more: int) -> None:
        """Until so many more are decoded."""
        before = _shown(catalogue)
        wait_for(lambda: _shown(catalogue) >= before + more or self.daemon.poll() is not None, "no segment")
