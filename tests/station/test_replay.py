"""What a recording is replayed with, and what the replay is compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from station.errors import StationError
from station.replay import Earlier, recording_source

DESCRIBED = {
    "satellite": "METEOR-M2 4",
    "downlink": "meteor_lrpt",
    "site": {"name": "Lai Châu", "latitude_deg": 22.4, "longitude_deg": 103.45, "altitude_m": 900.0},
    "products_options": ["--language", "vi"],
}


def results(folder: Path, name: str = "recording", good: int = 10) -> None:
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"input": {"name": name}, "frames": {"good": good}}))


def observation(folder: Path, **more: Any) -> Path:
    folder.mkdir()
    (folder / "observation.json").write_text(json.dumps(DESCRIBED | more), "utf-8")
    for suffix in ("data", "meta", "index"):
        (folder / f"recording.sigmf-{suffix}").touch()
    return folder


def option(options: tuple[str, ...], name: str) -> str:
    """The last one counts."""
    return options[len(options) - options[::-1].index(name)]


@pytest.mark.parametrize("spelled", ["", "recording", "recording.sigmf-meta", "recording.sigmf-data"])
def test_it_is_compared_with_the_live_results_however_often_it_was_replayed(
    tmp_path: Path, spelled: str
) -> None:
    folder = observation(tmp_path / "pass")
    results(folder / "decoded")
    (folder / "products").mkdir()
    for time in ("20261122T071725.0Z", "20261122T071746.9Z"):
        results(folder / f"replay-{time}/decoded")
    source = recording_source(folder / spelled, ())
    assert source.before == Earlier(folder / "decoded", folder / "products", live=True)
    assert source.recording == folder / (spelled or "recording")
    assert source.products_options == ("--language", "vi")


def test_a_downlink_of_ones_own_leaves_out_nothing_that_the_observation_says(tmp_path: Path) -> None:
    folder = observation(tmp_path / "pass")
    source = recording_source(folder / "recording", ("--downlink", "meteor_lrpt_72k"))
    options = source.decode_options
    assert option(options, "--downlink") == "meteor_lrpt_72k"
    assert option(options, "--satellite") == "METEOR-M2 4"
    assert option(options, "--elements") == str(folder / "elements.json")
    assert option(options, "--site") == "Lai Châu,22.4,103.45,900.0"
    assert source.products_options == ("--language", "vi")


def test_the_best_attempt_and_the_newest_pictures_are_the_live_results(tmp_path: Path) -> None:
    folder = observation(tmp_path / "pass")
    for name, good in (("decoded", 20), ("decoded-2", 300), ("decoded-3", 10)):
        results(folder / name, good=good)
    for number in ("", "-2", "-10"):
        (folder / f"products{number}").mkdir()
    before = recording_source(folder, ()).before
    assert before == Earlier(folder / "decoded-2", folder / "products-10", live=True)


def test_without_live_results_it_is_the_last_replay(tmp_path: Path) -> None:
    folder = observation(tmp_path / "pass")
    assert recording_source(folder, ()).before is None
    results(folder / "replay-20261122T071725.0Z/decoded")
    (folder / "replay-20261122T071746.9Z").mkdir()  # one that failed
    replayed = folder / "replay-20261122T071725.0Z"
    before = recording_source(folder, ()).before
    assert before == Earlier(replayed / "decoded", replayed / "products", live=False)


def test_of_recordings_in_one_folder_each_has_its_own_last_replay(tmp_path: Path) -> None:
    for name in ("one.cu8", "two.cu8"):
        (tmp_path / name).touch()
    results(tmp_path / "replay-1/decoded", "one.cu8")
    results(tmp_path / "replay-2/decoded", "two.cu8")
    bare = ("--downlink", "meteor_lrpt", "--rate", "250e3")
    before = recording_source(tmp_path / "one.cu8", bare).before
    assert before is not None
    assert before.decoded == tmp_path / "replay-1/decoded"


@pytest.mark.parametrize("inside", ["", "decoded"])
def test_a_folder_that_is_no_observation_is_told(tmp_path: Path, inside: str) -> None:
    observation(tmp_path / "pass")
    results(tmp_path / "pass/decoded")
    folder = tmp_path / "pass" / inside if inside else tmp_path
    with pytest.raises(StationError, match=r"without observation\.json; give a recording or the folder of"):
        recording_source(folder, ())
