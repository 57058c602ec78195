"""Planck's law against the tables of the literature, and the two black bodies met exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from products import calibration
from products.calibration import BlackBodies, black_bodies, dark_word, inverse_planck, planck

# METEOR-M2 3 on 2026-02-14: words of channels 1 to 6, cold and hot body (the third hot sensor is broken).
WORDS = np.array([[[222, 39], [237, 37], [209, 41], [186, 629], [377, 606], [601, 822]]] * 5, float)
COLD = np.full((5, 3), 262.65)
HOT = np.tile([317.15, 318.15, 222.65], (5, 1))


def test_planck_integrates_to_stefan_boltzmann() -> None:
    wavenumber = np.arange(1.0, 20000.0)
    total = sum(float(planck(300.0, n)) for n in wavenumber) * np.pi * 1e-3
    assert total == pytest.approx(5.670374e-8 * 300**4, rel=1e-3)


def test_planck_agrees_with_pyspectral() -> None:
    blackbody = pytest.importorskip("pyspectral.blackbody")
    wavenumber = 925.4075
    theirs = blackbody.planck(wavenumber * 100, 290.0, wavelength=False)  # W / (m^2 sr m^-1)
    assert float(planck(290.0, wavenumber)) * 1e-5 == pytest.approx(float(np.squeeze(theirs)), rel=1e-4)


@given(st.floats(180, 340), st.sampled_from(sorted(calibration.WAVENUMBER_PER_CM.values())))
def test_inverse_undoes_planck(temperature: float, wavenumber: float) -> None:
    assert float(inverse_planck(planck(temperature, wavenumber), wavenumber)) == pytest.approx(
        temperature, abs=1e-6
    )


@pytest.mark.parametrize("channel", [4, 5, 6])
def test_views_of_the_black_bodies_read_their_temperatures(channel: int) -> None:
    bodies = black_bodies(channel, WORDS, COLD, HOT)
    assert bodies is not None
    table = calibration.temperature_table(channel, bodies)
    for word, temperature in ((bodies.cold_word, bodies.cold_k), (bodies.hot_word, bodies.hot_k)):
        read = np.interp(word / calibration.WORD_PER_COUNT, np.arange(256), np.nan_to_num(table))
        assert read == pytest.approx(temperature, abs=0.05)
    assert bodies.hot_k == pytest.approx(317.65)


@pytest.mark.parametrize(
    "change",
    [
        {"cold_k": np.full((5, 3), 100.0)},
        {"hot_k": np.full((5, 3), np.nan)},
        {"words": np.zeros((5, 6, 2))},
        {"words": np.full((5, 6, 2), 500.0)},
        {"words": np.zeros((0, 6, 2))},
    ],
)
def test_incredible_telemetry_calibrates_nothing(change: dict[str, np.ndarray]) -> None:
    assert black_bodies(5, **({"words": WORDS, "cold_k": COLD, "hot_k": HOT} | change)) is None


def test_reflectance_runs_from_dark_to_full_scale() -> None:
    dark = dark_word(1, WORDS)
    assert dark == 39
    table = calibration.reflectance_table(dark)
    assert table[0] == 0
    assert table[255] == pytest.approx(100)
    assert table[128] == pytest.approx((128 * 1023 / 255 - 39) / (1023 - 39) * 100, rel=1e-5)
    assert dark_word(1, WORDS + 300) == 0


@given(st.lists(st.integers(0, 65535), min_size=12, max_size=48), st.floats(width=32), st.floats(width=32))
def test_no_telemetry_breaks_the_tables(words: list[int], cold: float, hot: float) -> None:
    rows = len(words) // 12
    views = np.array(words[: rows * 12], float).reshape(rows, 6, 2)
    for channel in (4, 5, 6):
        bodies = black_bodies(channel, views, np.full((rows, 3), cold), np.full((rows, 3), hot))
        if bodies is not None:
            table = calibration.temperature_table(channel, bodies)
            assert np.nanmin(table) > 0
    assert 0 <= dark_word(2, views) <= calibration.MAX_DARK_WORD


def test_a_gain_turned_round_is_calibrated_all_the_same() -> None:
    """Cold may read high: the line does not mind its sign."""
    straight = calibration.temperature_table(5, BlackBodies(260, 310, 300, 700))
    turned = calibration.temperature_table(5, BlackBodies(260, 310, 1023 - 300, 1023 - 700))
    assert np.allclose(straight, turned[::-1], equal_nan=True, atol=1e-3)
