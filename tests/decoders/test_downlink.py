from __future__ import annotations

import tomllib

import pytest

from decoders.downlink import FOLDER, WORDS, downlink_names, load_downlink, parse_downlink
from decoders.errors import DownlinkError


def table(name: str = "meteor_lrpt_72k") -> dict:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", downlink_names())
def test_every_definition_loads_and_fits(name: str) -> None:
    downlink = load_downlink(name)
    assert downlink.modes
    for mode in downlink.modes:
        assert mode.vcdu_bytes == 892
        assert mode.modulation in WORDS["modulation"]


def test_the_common_downlink_has_the_modes_of_the_others() -> None:
    single = {load_downlink(name).modes[0] for name in downlink_names() if name != "meteor_lrpt"}
    assert set(load_downlink("meteor_lrpt").modes) == single


def test_an_unknown_downlink_names_the_nearest() -> None:
    with pytest.raises(DownlinkError, match="did you mean 'meteor_lrpt_72k'"):
        load_downlink("meteor_lrpt_72")


@pytest.mark.parametrize("name", ["../downlink", "meteor_lrpt/", "", "METEOR_LRPT\0"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(DownlinkError):
        load_downlink(name)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("modulation", "bpsk", "modulation 'bpsk' is not known"),
        ("rolloff", 1.5, "rolloff 1.5"),
        ("rolloff", "wide", "must be of type float"),
        ("symbol_rate", True, "must be of type float"),
        ("frame_bytes", 1279, "rs_interleave x 255"),
        ("marker", "xyz", "hexadecimal"),
        ("marker", "1acf", "marker has 2 bytes"),
        ("rs_parity", 16, "rs_parity 16"),
        ("insert_zone_bytes", 900, "insert_zone_bytes"),
        ("rolof", 0.5, "unknown key 'rolof'; did you mean 'rolloff'"),
    ],
)
def test_an_ill_formed_mode_is_refused_with_the_reason(key: str, value: object, message: str) -> None:
    changed = table()
    changed["modes"][0][key] = value
    with pytest.raises(DownlinkError, match=message):
        parse_downlink("changed", changed)


def test_a_missing_key_is_named() -> None:
    changed = table()
    del changed["modes"][0]["time"]
    with pytest.raises(DownlinkError, match="missing time"):
        parse_downlink("changed", changed)


def test_modes_must_differ_in_name() -> None:
    changed = table()
    changed["modes"] *= 2
    with pytest.raises(DownlinkError, match="not unique"):
        parse_downlink("changed", changed)
