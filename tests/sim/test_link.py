"""The link budget against figures worked out by hand elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from sim.errors import SimulationError
from sim.link import ANTENNAS, LinkBudget, free_space_loss_db

# Slant ranges for an orbit at 820 km; C/N0 worked for 6 dBW, 0 dBic, 1.5 dB of losses, at 137.5 MHz.
ROWS = [
    (5, 2827, 59.8, 56.3, 51.1),
    (10, 2408, 61.2, 57.7, 52.4),
    (20, 1805, 63.7, 60.2, 54.9),
    (30, 1426, 65.7, 62.2, 57.0),
    (60, 930, 69.5, 65.9, 60.7),
    (90, 820, 70.6, 67.0, 61.8),
]


@pytest.mark.parametrize("row", ROWS)
def test_worked_link_budgets(row: tuple[float, ...]) -> None:
    elevation, distance, *expected = row
    for noise, cn0 in zip((800.0, 1800.0, 6000.0), expected, strict=True):
        link = LinkBudget(antenna="isotropic", noise=noise)
        found = link.cn0_dbhz(np.array([distance]), np.array([elevation]), np.array([0.0]), 137.5e6)
        assert found[0] == pytest.approx(cn0, abs=0.1)


@pytest.mark.parametrize(("distance", "frequency", "loss"), [(3337, 137.5e6, 145.7), (820, 8160e6, 169.0)])
def test_free_space_loss(distance: float, frequency: float, loss: float) -> None:
    assert free_space_loss_db(np.array([distance]), frequency)[0] == pytest.approx(loss, abs=0.06)


def test_named_noise_levels() -> None:
    assert [LinkBudget(noise=n).system_temperature_k for n in ("quiet", "rural", "suburban", 123)] == [
        800.0, 2000.0, 6000.0, 123.0,
    ]  # fmt: skip


def test_quadrifilar_is_what_is_told_of_it() -> None:
    elevation = np.array([90.0, 30.0, 10.0, 5.0])
    gain = ANTENNAS["qfh"](elevation, np.zeros(4))
    assert 3 <= gain[0] <= 4
    assert abs(gain[1]) < 0.5
    assert np.all((gain[2:] <= -3) & (gain[2:] >= -5))
    assert np.all(np.diff(ANTENNAS["qfh"](np.arange(91.0), np.zeros(91))) >= 0)


def test_v_dipole_hears_least_along_its_wire() -> None:
    azimuth = np.arange(0.0, 360.0, 5.0)
    low = ANTENNAS["v-dipole"](np.full(72, 10.0), azimuth)
    assert set(azimuth[low == low.min()]) == {90.0, 270.0}
    assert low.max() - low.min() > 6
    assert ANTENNAS["v-dipole"](np.array([45.0]), np.array([0.0]))[0] == pytest.approx(2 - 3)
    high = ANTENNAS["v-dipole"](np.full(72, 89.0), azimuth)
    assert high.max() - high.min() < 0.1


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"antenna": "dish"}, "qfh"), ({"noise": "noisy"}, "suburban"), ({"noise": 0.0}, "above zero")],
)
def test_wrong_words_are_refused(changes: dict, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        LinkBudget(**changes)
