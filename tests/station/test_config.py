"""station.toml: the example loads, and each slip is named with the nearest key."""

from __future__ import annotations

import contextlib
import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.config import load_config, parse_config
from station.description import products_options
from station.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[2] / "station.example.toml"
TABLE = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def test_the_example_loads_and_its_paths_count_from_its_folder() -> None:
    config = load_config(EXAMPLE)
    assert config.station.data_dir == EXAMPLE.parent / "data"
    assert config.elements.files == (EXAMPLE.parent / "weather.json",)
    assert [s.name for s in config.satellite] == ["METEOR-M2 4", "METEOR-M2 3"]
    assert config.station.site.latitude_deg == 22.40


@pytest.mark.parametrize("kind", ["soapy", "simulator", "rotator", "products", "publish"])
def test_every_commented_alternative_of_the_example_is_valid(kind: str) -> None:
    table = copy.deepcopy(TABLE)
    table |= {
        "soapy": {
            "receiver": {"type": "soapy", "driver": "airspy", "antenna": "RX", "sample_rate": 2_500_000}
        },
        "simulator": {
            "receiver": {
                "type": "simulator",
                "mode": "72k",
                "noise": "rural",
                "sample_rate": 250_000,
                "format": "cu8",
            }
        },
        "rotator": {"rotator": {"host": "127.0.0.1", "port": 4533, "azimuth_max_deg": 450}},
        "products": {
            "products": {
                "areas": ["lai_chau"],
                "boundaries": "provinces_2025.geojson",
                "attitude": "nominal",
            }
        },
        "publish": {"publish": {"folder": "/srv/share/tramthu"}},
    }[kind]
    parse_config(table)


def _change(path: str, value: Any) -> dict[str, Any]:
    table: Any = copy.deepcopy(TABLE)
    *parents, last = path.split(".")
    part = table
    for name in parents:
        part = part[int(name)] if name.isdigit() else part.setdefault(name, {})
    if value is None:
        part.pop(last)
    else:
        part[last] = value
    return table


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("station.lattitude_deg", 3.0, r"station.lattitude_deg: unknown key; did you mean 'latitude_deg'"),
        ("receiver.gian_db", 3.0, r"receiver.gian_db: unknown key; did you mean 'gain_db'"),
        (
            "satellite.1.min_elevation",
            5,
            r"satellite.1.min_elevation: unknown key; did you mean 'min_elevation_deg'",
        ),
        ("statoin", {}, "statoin: unknown key; did you mean 'station'"),
        ("receiver.type", "rtlsdr", "does not match any of the expected tags"),
        ("station.name", None, "station.name: is missing"),
        ("elements", None, "elements: is missing"),
        ("station.latitude_deg", 91, "less than or equal to 90"),
        ("station.latitude_deg", float("nan"), "finite"),
        ("satellite.0.name", "METEOR-M2 44", "the nearest is 'METEOR-M2 4'"),
        ("satellite.0.downlink", "hrpt", "it has: meteor_lrpt"),
        ("products.attitude", "METEOR-M2 9", "'METEOR-M2 9' is not known; there are METEOR-M2, METEOR-M2 3"),
        ("elements.warn_timing_s", 61, "warn_timing_s is above"),
        ("station.horizon_mask", [[90, 3], [10, 2]], "rising"),
        ("schedule.margin_s", "ten", "valid number"),
    ],
)
def test_a_slip_is_one_sentence_with_its_place(path: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        parse_config(_change(path, value))
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 2


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"copy station.example.toml"):
        load_config(tmp_path / "station.toml")
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"[station\n\xff")
    with pytest.raises(ConfigError, match="no valid TOML"):
        load_config(broken)


def test_the_attitude_reaches_the_worker() -> None:
    assert "--attitude" not in products_options(parse_config(TABLE))
    options = products_options(parse_config(_change("products.attitude", "nominal")))
    assert options[options.index("--attitude") + 1] == "nominal"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(TABLE)), values)
def test_any_section_of_anything_is_taken_or_refused(section: str, value: Any) -> None:
    with contextlib.suppress(ConfigError):
        assert parse_config(copy.deepcopy(TABLE) | {section: value}).station.name


def test_limits_of_age_in_days_are_optional_and_in_order() -> None:
    limits = parse_config(_change("elements.refuse_timing_s", 90.0)).elements.limits
    assert (limits.warn_s, limits.refuse_s, limits.warn_days, limits.refuse_days) == (2.0, 90.0, None, None)
    table = _change("elements.warn_age_days", 40)
    table["elements"]["refuse_age_days"] = 30
    with pytest.raises(ConfigError, match="warn_age_days is above refuse_age_days"):
        parse_config(table)
