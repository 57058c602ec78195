"""The link budget against worked tables of a survey of these downlinks, and its properties."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.errors import ValueModelError
from scheduler.link_budget import KINDS, Antenna, atmosphere_db, cn0_dbhz, polarisation_loss_db, usable
from scheduler.satellites import DownlinkUse, satellite
from scheduler.track import Track

EARTH_KM = 6378.137
VHF, L_BAND, X_BAND = (130e6, 140e6), (1.6e9, 1.8e9), (7.7e9, 8.3e9)
LRPT = DownlinkUse("lrpt", 137.5e6, "rhcp", "active", "", eirp_dbw=6.0)
FLAT = Antenna("0 dBic", (VHF,), gain_dbi=((0.0, 0.0),), noise_temperature_k=800.0, losses_db=1.5)


def _track(elevation_deg: float, height_km: float) -> Track:
    """One moment over a round Earth."""
    sine = math.sin(math.radians(elevation_deg))
    range_km = math.sqrt((EARTH_KM * sine) ** 2 + height_km**2 + 2 * EARTH_KM * height_km) - EARTH_KM * sine
    one = np.ones(1)
    return Track(0 * one, 0 * one, elevation_deg * one, range_km * one, 0 * one)


@pytest.mark.parametrize(
    ("elevation", "quiet", "rural", "suburb"),
    [
        (5, 59.8, 56.3, 51.1),
        (10, 61.2, 57.7, 52.4),
        (20, 63.7, 60.2, 54.9),
        (30, 65.7, 62.2, 57.0),
        (60, 69.5, 65.9, 60.7),
        (90, 70.6, 67.0, 61.8),
    ],
)
def test_lrpt_by_elevation_and_noise(elevation: float, quiet: float, rural: float, suburb: float) -> None:
    """Survey, section 5: EIRP 6 dBW, 0 dBic, 1.5 dB of losses, 820 km."""
    for noise_k, expected in ((800.0, quiet), (1800.0, rural), (6000.0, suburb)):
        heard = cn0_dbhz(LRPT, replace(FLAT, noise_temperature_k=noise_k), _track(elevation, 820))
        assert heard[0] == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(
    ("diameter", "noise_k", "elevation", "expected"),
    [
        (0.9, 150, 5, 70.1), (0.9, 150, 30, 75.9), (1.2, 120, 5, 73.5), (1.2, 120, 30, 79.4),
        (1.2, 120, 90, 84.2), (2.4, 120, 5, 79.6), (2.4, 120, 30, 85.4),
    ],
)  # fmt: skip
def test_hrpt_by_dish(diameter: float, noise_k: float, elevation: float, expected: float) -> None:
    """Survey, section 5: EIRP 39 dBm, 1 dB of losses, 850 km; its losses hold the atmosphere."""
    hrpt = DownlinkUse("hrpt", 1.7e9, "rhcp", "active", "", eirp_dbw=9.0)
    zenith_db = float(atmosphere_db(1.7e9, elevation))
    dish = Antenna("d", (L_BAND,), diameter, noise_temperature_k=noise_k, losses_db=1.0 - zenith_db)
    assert cn0_dbhz(hrpt, dish, _track(elevation, 850))[0] == pytest.approx(expected, abs=0.3)


def test_viirs_at_five_degrees() -> None:
    """Survey, section 5: 2.4 m, 23.3 dB/K, EIRP 10.3 dBW, 1 dB of losses: 81.9 dB-Hz."""
    dish = Antenna("2.4 m", (X_BAND,), 2.4, noise_temperature_k=100.0, losses_db=0.5)
    assert cn0_dbhz(satellite("SUOMI NPP").downlink(), dish, _track(5, 820))[0] == pytest.approx(
        81.9, abs=0.3
    )


def test_gk2a_is_strong_in_a_dish_of_a_metre() -> None:
    """Survey, section 2: 5 to 10 dB of signal to noise in 128 kHz."""
    use = satellite("GK-2A").downlink()
    dish = Antenna("1 m", (L_BAND,), 1.0, polarisation="linear", noise_temperature_k=150.0)
    in_band = cn0_dbhz(use, dish, _track(52, 35786))[0] - 10 * math.log10(128e3)
    assert 5 < in_band < 10
    assert usable(use, cn0_dbhz(use, dish, _track(52, 35786)))[0] > 0.99


@pytest.mark.parametrize(
    ("diameter", "frequency", "gain", "beam"),
    [
        (0.9, 1.7e9, 21.5, 13.7), (1.2, 1.7e9, 24.0, 10.3), (1.8, 1.7e9, 27.5, 6.9), (2.4, 1.7e9, 30.0, 5.1),
        (1.2, 7.8e9, 37.2, 2.24), (2.4, 7.8e9, 43.3, 1.12),
    ],
)  # fmt: skip
def test_dishes_have_the_tabled_gain_and_beam(
    diameter: float, frequency: float, gain: float, beam: float
) -> None:
    dish = Antenna("dish", (L_BAND, X_BAND), diameter)
    assert dish.gain_at(frequency, [45.0])[0] == pytest.approx(gain, abs=0.1)
    assert dish.beam_width_deg(frequency) == pytest.approx(beam, rel=0.02)


def test_antennas_that_are_not_pointed_have_the_tabled_gain() -> None:
    """Survey, section 4."""
    helix = Antenna("qfh", (VHF,), kind="qfh")
    assert 3 <= helix.gain_at(137.9e6, 90.0) <= 4
    assert abs(helix.gain_at(137.9e6, 30.0)) <= 0.5
    assert all(-5 <= g <= -3 for g in helix.gain_at(137.9e6, [5.0, 10.0]))
    dipole = Antenna("v", (VHF,), kind="v-dipole", polarisation="linear")
    assert dipole.gain_at(137.9e6, 45.0) == pytest.approx(2, abs=0.5)
    assert polarisation_loss_db(LRPT, dipole) == 3.0
    assert helix.beam_width_deg(137.9e6) == 180.0
    for table in KINDS.values():
        elevations = [e for e, _ in table]
        assert elevations == sorted(elevations)
        assert (elevations[0], elevations[-1]) == (0.0, 90.0)


@given(st.floats(0, 90), st.floats(0, 20), st.sampled_from(["rhcp", "lhcp", "linear"]))
def test_what_is_lost_is_never_gained(elevation: float, lost_db: float, polarisation: str) -> None:
    seen = _track(elevation, 820)
    best = cn0_dbhz(LRPT, FLAT, seen)[0]
    assert cn0_dbhz(LRPT, FLAT, seen, lost_db)[0] == pytest.approx(best - lost_db)
    other = replace(FLAT, polarisation=polarisation)
    assert cn0_dbhz(LRPT, other, seen)[0] <= best
    assert 0 <= atmosphere_db(7.8e9, elevation) < 1.5


def test_the_chance_rises_with_the_margin_and_is_even_at_the_threshold() -> None:
    use = satellite("METEOR-M2 4").downlink()
    required = use.required_cn0_dbhz
    assert required is not None
    chance = usable(use, required + np.array([-8.0, -2.0, 0.0, 2.0, 8.0]))
    assert (np.diff(chance) > 0).all()
    assert chance[2] == pytest.approx(0.5)
    assert chance[0] < 0.01
    assert chance[-1] > 0.99
    weak = satellite("METEOR-M2 3").downlink()
    # The less is known of the transmitter, the less a margin assures.
    assert usable(weak, np.array([required + 2.0]))[0] < chance[3]
    assert usable(replace(use, required_cn0_dbhz=None), np.array([0.0]))[0] == 1.0


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({}, "exactly one"),
        ({"diameter_m": 1.0, "kind": "qfh"}, "exactly one"),
        ({"kind": "yagi"}, "allowed are: qfh, turnstile, v-dipole"),
        ({"diameter_m": -1.0}, "diameter_m"),
        ({"diameter_m": 1.0, "polarisation": "round"}, "allowed are: rhcp"),
        ({"diameter_m": 1.0, "noise_temperature_k": 0.0}, "noise_temperature_k"),
        ({"diameter_m": 1.0, "losses_db": math.nan}, "losses_db"),
        ({"gain_dbi": ((10.0, 1.0), (5.0, 1.0))}, "rising"),
        ({"diameter_m": 1.0, "frequency_ranges_hz": ((138e6, 137e6),)}, "frequency_ranges_hz"),
    ],
)
def test_an_impossible_antenna_is_named(given_: dict[str, object], says: str) -> None:
    with pytest.raises(ValueModelError, match=says) as error:
        Antenna(**({"name": "mast", "frequency_ranges_hz": (VHF,)} | given_))  # type: ignore[arg-type]
    assert "mast" in str(error.value)
