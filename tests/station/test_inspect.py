"""`tramthu inspect` of a simulated pass: link, Doppler and frames against what the simulator knows."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scheduler.elements import Elements, load_elements
from scheduler.passes import find_passes
from scheduler.track import track_at
from sdr.index_line import CONTINUED, IndexHeader, commit_line
from sdr.recording import RecordingWriter
from sdr.recording_files import segment_stem
from sim.link import LinkBudget
from station import registry
from station.commands.options import SITES
from station.config import SimulatorReceiver
from station.engineer.decoded import load_decoded, missing_frames
from station.engineer.doppler import fit_doppler
from station.engineer.examine import Given, channel_for, findings_of, given_by
from station.engineer.recorded import level_facts
from station.engineer.sky import sky_of
from station.errors import StationError
from tests.station.conftest import ELEMENTS, Run, one_sentence

SITE, SENT_HZ, PPM = SITES["lai-chau"], 137.9e6, 3.0
BIT_RATE = 72e3
SECONDS = 50.0
ORBIT = ("--elements", ELEMENTS, "--satellite", "METEOR-M2 4", "--site", "lai-chau")
PICTURES = {"spectrum.png", "link.png", "frames.png", "tracks.png", "symbols.png"}


def elements() -> Elements:
    return next(one for one in load_elements(ELEMENTS) if one.norad_id == 59051)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a rising satellite, with a gap that is marked, by a crystal that is 3 ppm fast."""
    chosen = elements()
    passes = find_passes(chosen, SITE, chosen.epoch, chosen.epoch + timedelta(days=1))
    best = max(passes, key=lambda one: one.max_elevation_deg)
    start = best.aos + timedelta(seconds=70)
    wanted = registry.SimulatedPass(
        chosen, SITE, start, start + timedelta(seconds=SECONDS), SENT_HZ,
        SimulatorReceiver.model_validate({"type": "simulator", "sample_rate": 150e3, "seed": 3}),
        {"crystal": {"offset_ppm": PPM}},
    )  # fmt: skip
    stem = tmp_path_factory.mktemp("pass") / "one"
    registry.simulate_pass(wanted, stem)
    return stem


@pytest.fixture(scope="module")
def inspected(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What the command made of it: folder and facts."""
    import io
    import sys
    from contextlib import redirect_stdout
    from unittest.mock import patch

    from station import cli

    out, said = tmp_path_factory.mktemp("inspected") / "out", io.StringIO()
    words = ["inspect", recording, "--downlink", "meteor_lrpt", "--out", out, *ORBIT, "--json"]
    with (
        patch.object(sys, "argv", ["tramthu", *map(str, words)]),
        redirect_stdout(said),
        pytest.raises(SystemExit) as end,
    ):
        cli.main()
    assert end.value.code == 0
    return out, json.loads(said.getvalue())


def test_ebn0_over_elevation_is_that_of_the_simulator(
    recording: Path, inspected: tuple[Path, dict[str, Any]]
) -> None:
    out, _ = inspected
    sky = sky_of(elements(), SITE, "meteor_lrpt")
    link = findings_of(out / "decoded", sky, SENT_HZ).link
    start = datetime.fromisoformat(json.loads((out / "decoded/report.json").read_text())["input"]["start"])
    track = track_at(elements(), SITE, start.timestamp() + link.time_s)
    truth = LinkBudget().cn0_dbhz(track.range_km, track.elevation_deg, track.azimuth_deg, SENT_HZ)
    truth = truth - 10 * np.log10(BIT_RATE)
    assert link.elevation_deg == pytest.approx(track.elevation_deg, abs=0.01)
    assert np.ptp(track.elevation_deg) > 2
    assert np.median(np.abs(link.measured_db - truth)) < 0.3
    assert np.quantile(np.abs(link.measured_db - truth), 0.99) < 1


def test_medians_over_elevation_are_within_a_decibel(inspected: tuple[Path, dict[str, Any]]) -> None:
    bins = inspected[1]["decoded"]["by_elevation"]
    assert len(bins) >= 2
    for one in bins:
        up = np.array([one["elevation_deg"]])
        # The distance at that elevation, by the height of the orbit over a round Earth.
        height, radius = 830.0, 6371.0
        sine = np.sin(np.radians(up))
        range_km = np.sqrt((radius * sine) ** 2 + height**2 + 2 * radius * height) - radius * sine
        truth = LinkBudget().cn0_dbhz(range_km, up, np.zeros(1), SENT_HZ) - 10 * np.log10(BIT_RATE)
        assert one["rising"] is True
        assert one["measured_db"] == pytest.approx(float(truth[0]), abs=1.0)


def test_the_crystal_is_found_by_the_doppler_curve(inspected: tuple[Path, dict[str, Any]]) -> None:
    found = inspected[1]["decoded"]
    assert found["follows_elements"] is True
    fit = found["doppler"]
    assert abs(fit["late_s"]) < max(4 * fit["late_error_s"], 0.5)
    assert fit["crystal_ppm"] == pytest.approx(PPM, abs=0.3)
    assert fit["rest_hz"] < 2


def test_the_pictures_open_and_show_something(inspected: tuple[Path, dict[str, Any]]) -> None:
    out, _ = inspected
    assert {path.name for path in out.glob("*.png")} == PICTURES
    for name in PICTURES:
        with Image.open(out / name) as image:
            colours = image.convert("RGB").getcolors(1 << 22) or []
        assert len(colours) > 50, name
        white = max(count for count, colour in colours if colour == (255, 255, 255))
        assert white < 0.95 * sum(count for count, _ in colours), name


def test_frames_are_those_of_the_report(inspected: tuple[Path, dict[str, Any]]) -> None:
    out, found = inspected
    decoded = load_decoded(out / "decoded")
    counts = found["decoded"]["frames"]
    assert counts["good"] > 300
    assert int(decoded.frames.good.sum()) == counts["good"]
    assert int((decoded.frames.corrected > 0).sum()) == counts["corrected"]
    _, weights = missing_frames(decoded.frames)
    assert weights.sum() == pytest.approx(counts["lost"])
    assert decoded.seconds == pytest.approx(SECONDS, abs=0.01)
    assert decoded.information_rate == pytest.approx(BIT_RATE)


def test_a_decoded_folder_is_inspected_without_its_taps(
    tramthu: Run, inspected: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copy(inspected[0] / "decoded/report.json", tmp_path)
    status, text, _ = tramthu("inspect", tmp_path, "--out", tmp_path / "out", *ORBIT)
    assert status == 0
    assert "against the link budget (QFH, assumed)" in text
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"link.png", "frames.png"}


def test_an_observation_brings_orbit_and_antenna(
    tramthu: Run, inspected: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "observation"
    shutil.copytree(inspected[0] / "decoded", folder / "decoded-2")
    described = {
        "satellite": "METEOR-M2 4",
        "downlink": "meteor_lrpt",
        "elements": dict(elements().to_omm()),
        "site": {"name": SITE.name, "latitude_deg": 22.4, "longitude_deg": 103.45, "altitude_m": 900.0},
        "antenna": {"name": "on the roof", "kind": "turnstile", "frequency_ranges_hz": [[137e6, 138e6]]},
    }
    (folder / "observation.json").write_text(json.dumps(described), "utf-8")
    status, text, _ = tramthu("inspect", folder, "--json")
    found = json.loads(text)["decoded"]
    assert status == 0
    assert found["antenna"] == "on the roof"
    assert found["folder"].endswith("decoded-2")
    assert found["doppler"]["crystal_ppm"] == pytest.approx(PPM, abs=0.3)
    assert channel_for(given_by(folder)) is None
    wide = described | {"center_hz": 137.5e6, "frequency_hz": 137.9e6}
    (folder / "observation.json").write_text(json.dumps(wide), "utf-8")
    assert channel_for(given_by(folder)) == 137.9e6
    (folder / "observation.json").write_text('{"elements": 5}', "utf-8")
    status, _, err = tramthu("inspect", folder)
    assert status == 2
    assert "no description of an observation" in one_sentence(err)


@pytest.mark.parametrize(("late_s", "ppm"), [(0.0, 0.0), (7.0, -20.0), (-45.0, 1.5), (300.0, 5.0)])
def test_lateness_and_crystal_are_told_apart(late_s: float, ppm: float) -> None:
    """A satellite that comes late and a crystal that is off, in what was measured over a pass."""
    chosen = elements()
    seen = find_passes(chosen, SITE, chosen.epoch, chosen.epoch + timedelta(days=1))[0]
    time_s = np.arange(0, seen.duration_s, 0.5)
    posix = seen.aos.timestamp() + time_s
    center_hz = SENT_HZ + 20e3
    carrier = (
        SENT_HZ + track_at(chosen, SITE, posix - late_s).doppler_hz(SENT_HZ) - center_hz * (1 + ppm * 1e-6)
    )
    carrier = carrier + np.random.default_rng(1).normal(0, 2.0, len(time_s))
    carrier[::97] += 5000  # wild values
    sky = sky_of(chosen, SITE, "meteor_lrpt")
    fit = fit_doppler(sky, seen.aos, time_s, carrier, center_hz=center_hz, sent_hz=SENT_HZ)
    assert fit is not None
    assert fit.late_s == pytest.approx(late_s, abs=0.05)
    assert abs(fit.late_s - late_s) < 2.5 * fit.late_error_s
    assert fit.crystal_ppm == pytest.approx(ppm, abs=0.01)
    assert fit.rest_hz == pytest.approx(2.0, rel=0.2)


def test_a_carrier_of_another_satellite_is_said_to_be_none() -> None:
    chosen = elements()
    seen = find_passes(chosen, SITE, chosen.epoch, chosen.epoch + timedelta(days=1))[0]
    time_s = np.arange(0, seen.duration_s, 0.5)
    sky = sky_of(chosen, SITE, "meteor_lrpt")
    rising = np.linspace(-3000, 3000, len(time_s))
    assert fit_doppler(sky, seen.aos, time_s, rising, center_hz=SENT_HZ, sent_hz=SENT_HZ) is None


def test_missing_frames_lie_between_the_good_ones(tmp_path: Path) -> None:
    """Of two virtual channels; a counter that leaps costs no memory, one that goes back counts for none."""
    rows = [
        (0, 10, 5),
        (1000, 11, 5),
        (2000, 7, 9),
        (5000, 15, 5),
        (6000, 8, 9),
        (7000, 2**23, 9),
        (8000, 3, 5),
    ]
    columns = {
        "sample_index": [row[0] for row in rows],
        "counter": [row[1] for row in rows],
        "vcid": [row[2] for row in rows],
        "scid": [1] * len(rows),
        "good": [True] * len(rows),
        "bytes_corrected": [[0, 3], None, [-1, 0], [], [0], [0], [0]],
        "ebn0_db": [None] * len(rows),
    }
    report = {"columns": columns, "input": {"sample_rate": 1000.0, "samples": 9000}, "frames": {}}
    (tmp_path / "report.json").write_text(json.dumps(report), "utf-8")
    frames = load_decoded(tmp_path).frames
    assert frames.lost_before.tolist() == [0, 0, 0, 3, 0, 2**23 - 9, 0]
    assert frames.corrected.tolist() == [3, 0, 0, 0, 0, 0, 0]
    at, weights = missing_frames(frames)
    assert at[:3] == pytest.approx([2.0, 3.0, 4.0])
    assert len(at) == 1003
    assert weights.sum() == pytest.approx(3 + 2**23 - 9)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"columns": {}, "input": {}}', '{"columns": 1, "input": 2}']
)
def test_a_damaged_report_is_told(tramthu: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content, "utf-8")
    status, _, err = tramthu("inspect", tmp_path)
    assert status == 2
    assert "no report of a decoding" in one_sentence(err)


def test_damaged_taps_are_told_or_left_out(inspected: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    for name in ("report.json", "tap.tracks.csv", "tap.eye.cf32"):
        shutil.copy(inspected[0] / "decoded" / name, tmp_path)
    with (tmp_path / "tap.eye.cf32").open("ab") as file:
        file.write(b"\0" * 8)
    assert load_decoded(tmp_path).eye is None
    (tmp_path / "tap.tracks.csv").write_text("time_s\n1,2,3\n4,5\n", "utf-8")
    with pytest.raises(StationError, match="no table of tracks"):
        load_decoded(tmp_path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--downlink", "meteor_lrpt"), "say which with --out"),
        (("--seconds", "5"), "say which with --out"),
        (("--elements", ELEMENTS), "needs both --elements FILE and --site"),
        (("--site", "lai-chau"), "needs both --elements FILE and --site"),
        (("--downlink", "meteor_lrtp", "--out", "new"), "meteor_lrpt"),
    ],
)
def test_wrong_use_is_told(
    tramthu: Run,
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[object, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = tramthu("inspect", recording, *options)
    assert status == 2
    assert says in one_sentence(err)


def test_folders_that_are_something_else_are_told(tramthu: Run, recording: Path, tmp_path: Path) -> None:
    status, _, err = tramthu("inspect", tmp_path)
    assert status == 2
    assert "without report.json and without observation.json" in one_sentence(err)
    (tmp_path / "kept").write_text("mine")
    status, _, err = tramthu("inspect", recording, "--out", tmp_path)
    assert status == 2
    assert "is not empty; nothing is overwritten" in one_sentence(err)


def record(stem: Path, **options: Any) -> Path:
    with RecordingWriter(
        stem, format="cs16", sample_rate=10_000.0, center_frequency_hz=137.9e6,
        start=datetime(2026, 1, 1, tzinfo=UTC), durable=False, **options,
    ) as writer:  # fmt: skip
        writer.write(np.full(20_000, 0.5 + 0.5j, np.complex64))
        writer.gap(5000, "overflow")
        writer.write(np.full(5000, 1.2, np.complex64))
    return stem


def test_the_recorded_hash_is_checked(tramthu: Run, tmp_path: Path) -> None:
    stem = record(tmp_path / "one")
    data = stem.with_name("one.sigmf-data")
    status, text, _ = tramthu("inspect", stem, "--json")
    found = json.loads(text)["sha256"]
    assert status == 0
    assert found == {
        "file": hashlib.sha256(data.read_bytes()).hexdigest(),
        "recorded": found["file"],
        "agrees": True,
    }
    raw = bytearray(data.read_bytes())
    raw[1000] ^= 1
    data.write_bytes(raw)
    status, text, _ = tramthu("inspect", stem)
    assert status == 2
    assert "the file is not what it was" in text


def test_each_segment_is_held_against_its_own_hash(tramthu: Run, tmp_path: Path) -> None:
    first_sample = 0
    for number, length in enumerate((3000, 2000, 1000)):
        stem = segment_stem(tmp_path / "long", number)
        raw = np.full(2 * length, number, np.int16).tobytes()
        stem.with_name(f"{stem.name}.sigmf-data").write_bytes(raw)
        header = IndexHeader("cs16", 1000.0, 137.9e6, None, segment=number, first_sample=first_sample)
        ends = {"end": "finished" if number == 2 else CONTINUED, "sha256": hashlib.sha256(raw).hexdigest()}
        index = header.to_line() + commit_line(length, 0.0, **ends)
        stem.with_name(f"{stem.name}.sigmf-index").write_bytes(index)
        first_sample += length
    status, text, _ = tramthu("inspect", tmp_path / "long", "--json")
    found = json.loads(text)
    assert status == 0
    assert found["seconds"] == 6.0
    assert (found["sha256"]["agrees"], found["sha256"]["segments"]) == (True, 3)
    (tmp_path / "long-0001.sigmf-data").write_bytes(np.full(4000, 7, np.int16).tobytes())
    status, text, _ = tramthu("inspect", tmp_path / "long")
    assert status == 2
    assert "a file is not what it was" in text


def test_a_stretch_is_the_same_signal(tramthu: Run, tmp_path: Path) -> None:
    stem = record(tmp_path / "one")  # 2 s, half a second lost, half a second
    status, text, _ = tramthu(
        "inspect", stem, "--from", "1.5", "--seconds", "1.2", "--out", tmp_path / "part", "--json"
    )
    found = json.loads(text)
    assert status == 0
    assert (found["sample_count"], found["start"]) == (12_000, "2026-01-01T00:00:01.500000+00:00")
    (gap,) = found["gaps"]
    assert (gap["sample_index"], gap["sample_count"], gap["cause"]) == (5000, 5000, "overflow")
    whole = (tmp_path / "one.sigmf-data").read_bytes()
    assert (tmp_path / "part/stretch.sigmf-data").read_bytes() == whole[60_000:108_000]
    status, _, err = tramthu("inspect", stem, "--from", "3", "--out", tmp_path / "none")
    assert status == 2
    assert "ends after 3.000 s; give a smaller --from" in one_sentence(err)


def test_a_stretch_is_decoded(tramthu: Run, recording: Path, tmp_path: Path) -> None:
    words = ("--downlink", "meteor_lrpt", "--from", "30", "--seconds", "10", "--out", tmp_path / "out")
    status, text, _ = tramthu("inspect", recording, *words, *ORBIT, "--json")
    found = json.loads(text)["decoded"]
    assert status == 0
    assert 70 <= found["frames"]["good"] <= 88
    assert found["doppler"]["crystal_ppm"] == pytest.approx(
        PPM, abs=max(1.0, found["doppler"]["late_error_s"])
    )
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == PICTURES


def test_words_for_people(tramthu: Run, tmp_path: Path) -> None:
    stem = record(tmp_path / "one", metadata={"driver": "test", "gain_db": 30})
    status, text, _ = tramthu("inspect", stem)
    assert status == 0
    for words in (
        "30000 of cs16 at 10000/s, centre 137.900000 MHz",
        "2026-01-01 00:00:00.000000 to 00:00:03.000000 UTC, 3.000 s",
        "1, together 0.5 s (16.7 %)",
        "at 2.000000 s 0.5 s, exactly: overflow",
        "clipping   20 % of all samples, at worst 100 % in second 2",
        "gain_db: 30",
        "as recorded",
    ):
        assert words in text, words


def test_nothing_received_has_no_level(tmp_path: Path) -> None:
    from sdr.index import Gap
    from sdr.survey_levels import SecondLevels

    meter = SecondLevels(1000.0)
    meter.add(np.zeros(2000, np.complex64), (Gap(0, 2000, "unplugged"),))
    assert level_facts(meter.levels()) is None


def test_matplotlib_is_only_there_to_draw() -> None:
    """The daemon, the recorder, the decoder and the page do without it."""
    import subprocess
    import sys

    modules = (
        "station.daemon, station.record, station.commands.app, station.web.app, sdr.record, decoders.decode"
    )
    code = f"import {modules}, sys; print('matplotlib' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == "False"


def test_of_an_observation_in_segments_the_newest_results_are_told(tmp_path: Path) -> None:
    (tmp_path / "observation.json").write_text("{}")
    (tmp_path / "recording-0009.sigmf-index").touch()  # the first one is gone
    for name in ("recording", "recording-9999", "recording-10000"):
        (tmp_path / "decoded" / name).mkdir(parents=True)
        (tmp_path / "decoded" / name / "report.json").write_text("{}")
    newest = tmp_path / "decoded/recording-10000"
    assert given_by(tmp_path) == Given(tmp_path / "recording", newest, tmp_path)
    assert given_by(newest) == Given(None, newest, tmp_path)


def test_an_observation_that_holds_nothing_is_told(tramthu: Run, tmp_path: Path) -> None:
    (tmp_path / "observation.json").write_text("{}")
    status, _, err = tramthu("inspect", tmp_path)
    assert status == 2
    assert "holds neither a recording nor results of one" in one_sentence(err)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("columns", "good"), []),
        (("columns", "bytes_corrected"), [[10**400]]),
        (("columns", "sample_index"), [10**400]),
        (("frames",), None),
        (("messages",), 5),
        (("input", "start"), "soon"),
        (("input", "start"), 5),
        (("input", "samples"), "x"),
        (("input", "samples"), 10**400),
        (("input", "gaps"), [{"sample_index": None, "sample_count": 1}]),
    ],
)
def test_a_damaged_report_is_said_to_be_none(tmp_path: Path, place: tuple[str, ...], value: object) -> None:
    names = ("sample_index", "ebn0_db", "counter", "scid", "vcid")
    columns = {name: [0] for name in names} | {"good": [True], "bytes_corrected": [[0]]}
    given = {"samples": 1000, "sample_rate": 1000.0, "start": None, "gaps": []}
    report: dict[str, Any] = {"input": given, "columns": columns, "frames": {}, "messages": ["said"]}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    assert load_decoded(tmp_path).seconds == 1.0
    part = report
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    path.write_text(json.dumps(report))
    with pytest.raises(StationError, match="no report of a decoding"):
        load_decoded(tmp_path)
