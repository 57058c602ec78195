"""One observation through its real workers: a playback of a real recording, resumed, replayed, published."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest

from scheduler.elements import load_elements
from station.catalogue import Booking, Catalogue, Observation, sha256_of
from station.config import parse_config
from station.description import describe
from station.observation import Crew, decode_arguments, observe, record_and_decode
from station.publish import publish_files
from station.replay import recording_source, replay
from station.resume import resume
from station.shared import description_of
from station.table_file import write_table
from tests.station.conftest import ELEMENTS, station_table

REAL = "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz"
EXPECTED = "lrpt/meteor-m2_2019-03-24_expected.cadu"


def _quiet(step: str, fraction: float) -> None:
    """No progress wanted."""


@pytest.fixture
def crew(tmp_path: Path, shared_data: Path) -> Crew:
    table = station_table(
        tmp_path / "data", type="playback", file=str(shared_data / REAL), format="cu8", sample_rate=300e3
    )
    return Crew(parse_config(table), Catalogue(tmp_path / "data"))


@pytest.fixture
def booked(crew: Crew, booking: Booking) -> Observation:
    elements = load_elements(ELEMENTS)[1].to_omm()
    made = crew.catalogue.book(replace(booking, downlink="meteor_m2_lrpt_72k", elements=elements))
    assert made is not None
    return made


def test_record_and_decode_give_the_frames_that_an_independent_decoder_got(
    crew: Crew, booked: Observation, shared_data: Path
) -> None:
    crew.stop.clear()
    booked.folder.mkdir(parents=True)
    record_and_decode(booked, crew)
    done = crew.catalogue.observation(booked.name)
    assert [done.job(step).state for step in ("record", "decode")] == ["done", "done"], done.jobs
    frames = booked.folder / "decoded/frames.cadu"
    assert frames.read_bytes() == (shared_data / EXPECTED).read_bytes()
    assert done.job("decode").result["report"]["frames"]["good"] == 14  # type: ignore[index]
    entered = {entry.path: entry.sha256 for entry in done.files}
    assert entered[frames] == sha256_of(frames)
    assert booked.folder / "recording.sigmf-data" in entered

    again = replay(recording_source(booked.folder / "recording", ()), _quiet)
    assert again.decoded is not None
    assert again.decoded.identical, again.decoded
    assert again.decoded.frames_same
    assert (
        sha256_of(booked.folder / "recording.sigmf-data") == entered[booked.folder / "recording.sigmf-data"]
    )


def test_a_step_that_was_cut_off_is_done_again_but_not_for_ever(crew: Crew, booked: Observation) -> None:
    now = booked.end
    booked.folder.mkdir(parents=True)
    crew.catalogue.begin(booked.name, "record")
    crew.catalogue.finish(booked.name, "record", {})
    for attempt in (1, 2):
        crew.catalogue.begin(booked.name, "decode")
        assert [o.name for o in resume(crew.catalogue, now, lambda _: True)] == [booked.name]
        job = crew.catalogue.observation(booked.name).job("decode")
        assert (job.state, job.attempts, job.reason) == ("due", attempt, "cut off: the station died")
    crew.catalogue.begin(booked.name, "decode")
    assert resume(crew.catalogue, now, lambda _: True) == []
    assert "cut off 3 times" in crew.catalogue.observation(booked.name).job("decode").reason


def test_a_recording_without_a_sample_fails_with_its_reason(
    crew: Crew, booked: Observation, tmp_path: Path
) -> None:
    absent = station_table(
        tmp_path / "data", type="playback", file=str(tmp_path / "absent.cu8"), format="cu8", sample_rate=3e5
    )
    ended = observe(booked, Crew(parse_config(absent), crew.catalogue))
    assert ended.state == "failed"
    assert "absent.cu8" in ended.job("record").reason
    assert ended.job("decode").reason == "not begun: record failed"


def test_publishing_copies_whole_passes_only(crew: Crew, booked: Observation, tmp_path: Path) -> None:
    picture = booked.folder / "products/day.png"
    picture.parent.mkdir(parents=True)
    of_segment = booked.folder / "products/recording-0001/day.png"
    of_segment.parent.mkdir(parents=True)
    for path in (picture, of_segment):
        path.write_bytes(b"picture")
    crew.catalogue.begin(booked.name, "image")
    crew.catalogue.finish(booked.name, "image", {}, [picture, of_segment])
    share = tmp_path / "share"
    table = station_table(tmp_path / "data") | {"publish": {"folder": str(share)}}
    published = publish_files(crew.catalogue.observation(booked.name), parse_config(table))
    copied = (p for p in (share / booked.name).rglob("*") if p.is_file())
    assert sorted(str(p.relative_to(share / booked.name)) for p in copied) == [
        "day.png", "manifest.json", "recording-0001/day.png"
    ]  # fmt: skip
    assert [p.name for p in share.iterdir()] == [booked.name]
    manifest = json.loads(published.files[0].read_text())
    assert manifest["files"][0]["sha256"] == sha256_of(picture)


@pytest.mark.slow
def test_a_simulated_pass_goes_all_the_way_and_comes_back_the_same(tmp_path: Path) -> None:
    """Stopped in mid-pass, resumed by the next start, and replayed."""
    from scheduler.frames import Site
    from station.commands.simulate import best_pass, receiver_of
    from station.demo import DemoRequest, run_demo

    elements = load_elements(ELEMENTS)[1]
    site = Site("Lai Châu", 22.4, 103.45, 900)
    seen = best_pass(elements, site, elements.epoch, daylight=True)
    receiver = receiver_of("72k", 250e3, "cu8", "rural", "1,2,5", 7)
    report = run_demo(DemoRequest(elements, site, seen, receiver, tmp_path, seconds=45), _quiet)
    assert report.exit_status == 0, report.observation.jobs
    assert report.frames is not None
    assert report.frames.exact_fraction > 0.995
    assert report.frames.wrong == 0
    assert report.places is not None
    assert report.places.median_km < 0.5
    assert report.places.percentile_95_km < 1.0
    assert report.places.worst_time_s < 0.001
    assert all((job.result or {}).get("peak_rss_mib", 0) < 2000 for job in report.observation.jobs)
    again = replay(recording_source(report.observation.folder / "recording", ()), _quiet)
    assert again.decoded is not None
    assert again.decoded.identical, again.decoded
    assert again.products is not None
    assert again.products.identical, again.products


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"center_hz": 137.5e6},
        {"center_hz": 137.5e6, "wide": "/host/recording"},
        {"segments": {"keep_segments": 2}},
    ],
)
def test_a_replay_decodes_with_every_option_of_the_live_decoding(
    crew: Crew, booked: Observation, more: dict[str, object]
) -> None:
    booked.folder.mkdir(parents=True)
    describe(booked, crew.config, crew.catalogue)
    write_table(booked.folder / "observation.json", {**description_of(booked), **more})
    live = decode_arguments(booked, booked.folder / "decoded", follow=True)
    options = recording_source(booked.recording, ()).decode_options
    given = ["decode", str(booked.recording), "--out", f"{booked.folder}/decoded", "--follow"]
    assert live == [*given, *options]
    assert ("--channel" in options) == (list(more) == ["center_hz"])
    assert ("--by-segment" in options) == ("segments" in more)


def test_the_decoder_of_a_pass_whose_description_is_lost_is_told_what_the_row_says(
    crew: Crew, booked: Observation
) -> None:
    arguments = decode_arguments(booked, booked.folder / "decoded", follow=False)
    told = {name: arguments[arguments.index(name) + 1] for name in ("--downlink", "--satellite", "--site")}
    assert told == {
        "--downlink": "meteor_m2_lrpt_72k",
        "--satellite": "METEOR-M2 4",
        "--site": "Lai Châu,22.4,103.45,900.0",
    }


def test_stop_leaves_images_for_the_next_start(crew: Crew, booked: Observation) -> None:
    booked.folder.mkdir(parents=True)
    for step in ("record", "decode"):
        crew.catalogue.begin(booked.name, step)
        crew.catalogue.finish(booked.name, step, {})
    crew.stop.set()
    assert observe(crew.catalogue.observation(booked.name), crew).job("image").state == "due"
    crew.stop = threading.Event()
    assert (
        observe(crew.catalogue.observation(booked.name), crew).job("image").reason
        == "no image in the decoded data"
    )


@pytest.mark.parametrize(
    "left", [None, "", '{"name": "half', '{"name": "whole", "end": "2026-03-24T04:00:00+00:00"}']
)
def test_a_description_that_a_dead_daemon_did_not_finish_is_written_anew(
    crew: Crew, booked: Observation, monkeypatch: pytest.MonkeyPatch, left: str | None
) -> None:
    begun = crew.catalogue.begin(booked.name, "record")
    booked.folder.mkdir(parents=True)
    if left is not None:
        (booked.folder / "observation.json").write_text(left)

    def recorder(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("station.observation.Recorder", recorder)
    with pytest.raises(InterruptedError):
        record_and_decode(begun, crew)
    told = json.loads((booked.folder / "observation.json").read_text())
    assert told["name"] == ("whole" if left and "whole" in left else booked.name)


def test_what_cannot_be_described_is_not_called_running(
    crew: Crew, booked: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays due, so that the daemon begins it again; a kill at that point leaves nothing to mend."""
    booked.folder.mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("station.observation.describe", refuse)
    with pytest.raises(OSError, match="No space left"):
        record_and_decode(booked, crew)
    assert crew.catalogue.observation(booked.name).job("record").state == "due"
