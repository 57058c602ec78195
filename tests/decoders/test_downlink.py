from __future__ import annotations

import tomllib
from fractions import Fraction

import pytest

from decoders.downlink import FOLDER, downlink_names, load_downlink, misfits, parse_downlink
from decoders.errors import DownlinkError


def table(name: str = "meteor_lrpt_72k") -> dict:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", downlink_names())
def test_every_definition_loads_and_fits(name: str) -> None:
    downlink = load_downlink(name)
    assert downlink.modes
    assert downlink.note
    for mode in downlink.modes:
        assert misfits(mode) == []
        assert mode.marker_pattern.size == mode.marker_bits
        assert int("".join(map(str, mode.marker_pattern)), 2) == mode.marker_value


def test_the_ten_downlinks_are_there() -> None:
    lrpt = {"meteor_lrpt", "meteor_lrpt_72k", "meteor_lrpt_80k", "meteor_m2_lrpt_72k"}
    others = {"metop_ahrpt", "noaa_hrpt", "meteor_hrpt", "jpss_hrd", "noaa21_hrd", "gk2a_lrit"}
    assert set(downlink_names()) == lrpt | others


# Published rates: bit/s of frames, bytes without marker and parity.
@pytest.mark.parametrize(
    ("name", "bit_rate", "vcdu_bytes"),
    [
        ("meteor_lrpt_72k", 72_000, 892),
        ("meteor_m2_lrpt_72k", 72_000, 892),
        ("metop_ahrpt", 3_500_000, 892),
        ("noaa_hrpt", 665_400, None),
        ("meteor_hrpt", 665_400, 1020),
        ("jpss_hrd", 15_000_000, 892),
        ("noaa21_hrd", 25_000_000, 1115),
        ("gk2a_lrit", 64_000, 892),
    ],
)
def test_rates_and_sizes_are_the_published_ones(name: str, bit_rate: float, vcdu_bytes: int | None) -> None:
    (mode,) = load_downlink(name).modes
    assert mode.symbol_rate * mode.information_bits_per_symbol == pytest.approx(bit_rate, rel=1e-9)
    if vcdu_bytes is not None:
        assert mode.vcdu_bytes == vcdu_bytes


def test_derived_values() -> None:
    (ahrpt,), (hrpt,) = (load_downlink(name).modes for name in ("metop_ahrpt", "noaa_hrpt"))
    assert (ahrpt.code_rate, ahrpt.soft_bits_per_symbol) == (Fraction(3, 4), 2)
    assert (ahrpt.marker_bits, ahrpt.marker_bytes, ahrpt.protected) == (32, b"\x1a\xcf\xfc\x1d", True)
    assert ahrpt.carrier_reach_hz > 125e3
    assert ahrpt.carrier_drift_hz_s > 400
    assert (hrpt.marker_bits, hrpt.protected, hrpt.soft_bits_per_symbol) == (60, False, 1)
    assert hrpt.frame_bits * 6 == hrpt.symbol_rate  # six minor frames a second


def test_the_common_downlink_has_the_modes_of_the_others() -> None:
    lrpt = {"meteor_lrpt_72k", "meteor_lrpt_80k", "meteor_m2_lrpt_72k"}
    single = {load_downlink(name).modes[0] for name in lrpt}
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
        ("modulation", "8psk", "modulation '8psk' is not known"),
        ("carrier_hz", 0, "carrier_hz"),
        ("rolloff", 1.5, "rolloff 1.5"),
        ("rolloff", "wide", "must be of type float"),
        ("symbol_rate", True, "must be of type float"),
        ("frame_bits", 10232, "8 x rs_interleave x 255"),
        ("frame_bits", 8190, "not a multiple of 8"),
        ("marker", "xyz", "hexadecimal"),
        ("marker", "1acf", "marker has 16 bits"),
        ("rs_parity", 24, "rs_parity 24"),
        ("rs_interleave", 9, "rs_interleave 9"),
        ("scids", [300], "scids must be a list"),
        ("scids", 12, "scids must be a list"),
        ("deviation_deg", 67, "only split-phase-pm"),
        ("modulation", "split-phase-pm", "split phase is not shaped"),
        ("code", "none", "oqpsk needs a code"),
        ("rail_order", "metop", "rail_order metop belongs to qpsk with ccsds-k7-r3/4"),
        ("framing", "raw16", "carry no Reed-Solomon"),
        ("time", "none", "needs a time"),
        ("instrument", "none", "without an instrument"),
        ("rs_basis", "none", "rs_interleave and rs_parity must be 0"),
        ("insert_zone_bytes", 900, "insert_zone_bytes"),
        ("rolof", 0.5, "unknown key 'rolof'; did you mean 'rolloff'"),
    ],
)
def test_an_ill_formed_mode_is_refused_with_the_reason(key: str, value: object, message: str) -> None:
    changed = table()
    changed["modes"][0][key] = value
    with pytest.raises(DownlinkError, match=message):
        parse_downlink("changed", changed)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("noaa_hrpt", {"code": "ccsds-k7-r1/2"}, "split-phase-pm is not supported"),
        ("noaa_hrpt", {"deviation_deg": 90}, "residual carrier"),
        ("noaa_hrpt", {"randomiser": "ccsds-255"}, "randomiser ccsds-255"),
        ("noaa_hrpt", {"frame_bits": 110901}, "not a multiple of 10"),
        ("noaa_hrpt", {"marker": "a116fd719d83c950ff"}, "marker has 72 bits"),
        ("gk2a_lrit", {"rs_basis": "none", "rs_interleave": 0, "rs_parity": 0}, "rs_basis none with code"),
        ("gk2a_lrit", {"interleaver": "meteor-80k"}, "belongs to .o.qpsk"),
        ("metop_ahrpt", {"code": "ccsds-k7-r2/3"}, "rail_order metop"),
        ("jpss_hrd", {"instrument": "msu-mr"}, "needs a time"),
    ],
)
def test_stages_that_misfit_are_refused(name: str, changes: dict, message: str) -> None:
    changed = table(name)
    changed["modes"][0].update(changes)
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
