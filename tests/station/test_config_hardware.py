"""Antennas, rotators, several receivers, maintenance: what is possible loads, what is not is named."""

from __future__ import annotations

import copy
import re
import tomllib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.value import Weights
from station.config import MaintenanceSection, StationConfig, load_config, parse_config
from station.errors import ConfigError
from tests.station.conftest import ROOT, station_table

DISH = """
[[receiver]]
name = "vhf"
type = "rtl_tcp"
antennas = ["helix"]
[[receiver]]
name = "wide"
type = "soapy"
driver = "airspy"
sample_rate = 10_000_000
antennas = ["dish"]
[[antenna]]
name = "helix"
kind = "qfh"
frequency_ranges_hz = [[137e6, 138e6]]
[[antenna]]
name = "dish"
diameter_m = 1.2
frequency_ranges_hz = [[1.67e9, 1.71e9]]
[antenna.rotator]
azimuth_max_deg = 450
rate_deg_s = 6
"""


def _table(tmp_path: Path) -> dict[str, Any]:
    return station_table(tmp_path) | tomllib.loads(DISH)


def _change(table: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    part: Any = copy.deepcopy(table)
    made = part
    *parents, last = path.split(".")
    for name in parents:
        part = part[int(name)] if name.isdigit() else part[name]
    part[last] = value
    return dict(made)


def test_two_receivers_and_two_antennas_load(tmp_path: Path) -> None:
    config = parse_config(_table(tmp_path))
    assert config.hearing(137.9e6, 150e3) == (("vhf", "helix"),)
    assert config.hearing(1.7e9, 3e6) == (("wide", "dish"),)
    assert config.hearing(1.7e9, 9e6) == ()
    rotator = config.antenna("dish").rotator
    assert rotator is not None
    assert rotator.rate_deg_s == (6.0, 6.0)
    assert rotator.capabilities.park == (0.0, 90.0)


def test_a_file_of_before_has_one_receiver_and_the_antenna_it_means(tmp_path: Path) -> None:
    old = parse_config(station_table(tmp_path))
    assert [receiver.name for receiver in old.receivers] == ["receiver"]
    assert old.hearing(137.9e6, 150e3) == (("receiver", "antenna"),)
    turned = parse_config(station_table(tmp_path) | {"rotator": {"azimuth_max_deg": 450}})
    (antenna,) = turned.all_antennas
    assert antenna.rotator is not None
    assert antenna.rotator.limits.azimuth_max_deg == 450


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("antenna.1.diamter_m", 1.2, r"antenna.1.diamter_m: unknown key; did you mean 'diameter_m'"),
        (
            "antenna.1.rotator.rate_deg",
            6,
            r"antenna.1.rotator.rate_deg: unknown key; did you mean 'rate_deg_s'",
        ),
        ("receiver.1.gian_db", 3, r"receiver.1.gian_db: unknown key; did you mean 'gain_db'"),
        ("receiver.1.drivr", "x", r"receiver.1.drivr: unknown key; did you mean 'driver'"),
        ("antenna.1.rotator.azimuth_max_deg", 300, "a turn of at least 360 degrees"),
        ("antenna.1.rotator.elevation_max_deg", -5, "greater than or equal to 0"),
        ("antenna.1.rotator.rate_deg_s", 0, "greater than 0"),
        ("antenna.1.rotator.flip", True, "elevation axis that goes to 180"),
        ("antenna.1.rotator.park_deg", [500, 10], "lies outside its limits"),
        ("antenna.0.kind", "helix", "allowed are: qfh"),
        ("antenna.0.diameter_m", 2.0, "exactly one of"),
        ("antenna.0.polarisation", "left", "allowed are: rhcp"),
        ("antenna.0.frequency_ranges_hz", [[138e6, 137e6]], r"give \[low, high\]"),
        ("antenna.0.name", "dish", "two are called 'dish'"),
        ("receiver.0.antennas", ["helixx"], "no antenna 'helixx'; there are: helix, dish"),
        ("antenna.0.frequency_ranges_hz", [[145e6, 146e6]], "no receiver with an antenna takes meteor_lrpt"),
        ("receiver.0.sample_rate", 100e3, r"meteor_lrpt at 137.9 MHz \(150 kHz wide\)"),
        ("rotator", {}, "belongs to an antenna"),
        ("elements.files", [], "give files, or sources"),
        (
            "maintenance",
            [{"reason": "x", "resource": "dich", "start": "2026-01-01T00:00Z", "end": "2026-01-01T01:00Z"}],
            "no 'dich'",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_place(
    tmp_path: Path, path: str, value: Any, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        parse_config(_change(_table(tmp_path), path, value))
    assert "\n" not in str(error.value)


def test_every_weight_of_the_value_can_be_configured(tmp_path: Path) -> None:
    usual = {item.name: getattr(Weights(), item.name) for item in fields(Weights)}
    assert parse_config(_table(tmp_path) | {"weights": usual}).weights.weights == Weights()
    assert parse_config(_table(tmp_path) | {"weights": {"area": 7}}).weights.weights == Weights(area=7)
    with pytest.raises(ConfigError, match=r"weights: weight repeat is 2\.0; 0 to 1 is possible"):
        parse_config(_table(tmp_path) | {"weights": {"repeat": 2}})
    with pytest.raises(ConfigError, match=r"weights\.nite: unknown key; did you mean 'night'"):
        parse_config(_table(tmp_path) | {"weights": {"nite": 1}})


def test_a_dish_must_be_turned_or_stand_still(tmp_path: Path) -> None:
    table = _table(tmp_path)
    del table["antenna"][1]["rotator"]
    with pytest.raises(ConfigError, match="a dish needs"):
        parse_config(table)
    table["antenna"][1] |= {"azimuth_deg": 134.0, "elevation_deg": 55.0}
    assert parse_config(table).antenna("dish").direction == (134.0, 55.0)


def _window(**given: Any) -> MaintenanceSection:
    text = "".join(f"{key} = {value}\n" for key, value in given.items())
    return MaintenanceSection.model_validate(tomllib.loads('reason = "greasing"\n' + text))


def test_maintenance_once_weekly_and_daily_in_the_clock_that_is_said() -> None:
    first = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
    last = first + timedelta(days=8)
    once = _window(start="2026-03-03T08:00:00+07:00", end="2026-03-03T09:30:00+07:00")
    assert once.windows(first, last) == [
        (datetime(2026, 3, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, 2, 30, tzinfo=UTC))
    ]
    weekly = _window(every='"tue"', start="01:00:00", end="02:00:00", zone='"UTC+7"')
    assert weekly.windows(first, last) == [
        (datetime(2026, 3, 2, 18, tzinfo=UTC), datetime(2026, 3, 2, 19, tzinfo=UTC)),
        (datetime(2026, 3, 9, 18, tzinfo=UTC), datetime(2026, 3, 9, 19, tzinfo=UTC)),
    ]
    nightly = _window(every='"day"', start="23:00:00", end="01:00:00", zone='"UTC"').windows(first, last)
    assert nightly[0] == (datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, 1, tzinfo=UTC))
    assert len(nightly) == 9


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"start": "08:00:00", "end": "09:00:00", "every": '"mon"'}, "of which clock"),
        ({"start": "08:00:00", "end": "09:00:00", "zone": '"UTC"'}, "give start and end as dates"),
        ({"start": "08:00:00", "end": "09:00:00", "every": '"monday"'}, "'mon'"),
        ({"start": "2026-03-03T08:00:00Z", "end": "2026-03-03T07:00:00Z"}, "does not lie after"),
        ({"start": "2026-03-03T08:00:00", "end": "2026-03-03T09:00:00"}, "of which clock"),
    ],
)
def test_a_window_that_means_nothing_is_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _window(**given)


def test_paths_of_lists_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(
        '[station]\nname="X"\nlatitude_deg=1\nlongitude_deg=2\n[[receiver]]\ntype="playback"\nfile="a.cu8"\n'
        '[elements]\nfiles=["e.json"]\n[areas]\nfile="areas.geojson"\n[[satellite]]\nname="METEOR-M2 4"\n'
    )
    config: StationConfig = load_config(path)
    assert config.station.data_dir == tmp_path / "data"
    assert config.elements.files == (tmp_path / "e.json",)
    assert config.areas.file == tmp_path / "areas.geojson"
    assert getattr(config.receivers[0], "file", None) == tmp_path / "a.cu8"


def _uncommented(text: str) -> str:
    """The example with all that is commented out and looks like TOML switched on, alternatives left out."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        toml = re.match(r"(\[|[a-z_0-9]+ = )", bare)
        lines.append(bare if line.startswith("# ") and toml else line)
    return "\n".join(lines)


def test_every_commented_key_of_the_example_is_one_that_can_be_given() -> None:
    text = _uncommented((ROOT / "station.example.toml").read_text(encoding="utf-8"))
    # One receiver of two forms, and one dish that both stands still and turns, are alternatives.
    text = re.sub(
        r"^\[receiver\] +# several.*?(?=^\[\[receiver\]\])", "", text, flags=re.DOTALL | re.MULTILINE
    )
    text = re.sub(r"^\[receiver\] +# no radio.*?(?=^# Antennas)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(azimuth|elevation)_deg = .*$", "", text, flags=re.MULTILINE)
    text = text.replace('["dish"]', '["helix", "dish"]')
    table = tomllib.loads(text)
    config = parse_config(table)
    assert [antenna.name for antenna in config.all_antennas] == ["helix", "dish"]
    assert len(config.maintenance) == 2
    assert len(config.safety.rule) == 2
    assert config.budget.energy_wh_per_day == 400
    assert set(table) >= {"areas", "weights", "budget", "safety", "maintenance", "antenna"}


def test_the_station_of_two_receivers_in_the_docs_loads() -> None:
    config = load_config(ROOT / "docs" / "lang-son.toml")
    assert [r.name for r in config.receivers] == ["vhf", "l-band"]
    assert config.antenna("dish").rotator is not None
    assert config.elements.files == ()
