"""The phase of a predicted carrier: the integral of its curve, continuous, constant beyond the ends."""

from __future__ import annotations

import numpy as np
import pytest

from sdr.doppler import DopplerPhase
from sdr.errors import RecordingError

BLOCK = np.arange(2000) / 250e3  # 8 ms


def test_it_is_the_integral_of_the_curve() -> None:
    """Of a pass: 800 s of a tanh of 40 kHz, points a second apart, against the integral by hand."""
    time = np.arange(-400.0, 401.0)
    phase = DopplerPhase(time, -40e3 * np.tanh(time / 60))
    start = np.arange(-399.0, 399.0, 7.3)
    seconds = start[:, np.newaxis] + BLOCK
    truth = -40e3 * 60 * (np.log(np.cosh(seconds / 60)) - np.log(np.cosh(-400 / 60)))
    # In cycles: what a cubic between points a second apart leaves over the whole pass.
    assert np.abs(phase.cycles(start, BLOCK) - truth).max() < 1e-3


def test_blocks_join_without_a_step() -> None:
    time = np.arange(0.0, 20.0)
    phase = DopplerPhase(time, 1e4 * np.cos(time / 3))
    step = len(BLOCK) / 250e3
    cycles = phase.cycles(np.arange(-100, 2700) * step, np.append(BLOCK, step))
    assert np.abs(cycles[:-1, -1] - cycles[1:, 0]).max() < 1e-6


def test_beyond_its_ends_the_frequency_stays() -> None:
    phase = DopplerPhase([0.0, 1.0, 2.0, 3.0], [100.0, 50.0, 20.0, 10.0])
    cycles = phase.cycles(np.array([-50.0, 70.0]), np.array([0.0, 1.0]))
    assert np.diff(cycles, axis=1)[:, 0] == pytest.approx([100.0, 10.0], abs=1e-9)


def test_one_point_is_a_constant() -> None:
    cycles = DopplerPhase([1e9], [-7.5]).cycles(np.array([1e9, 1e9 + 10]), np.zeros(1))
    assert cycles[1, 0] - cycles[0, 0] == pytest.approx(-75)


@pytest.mark.parametrize(
    ("time", "hz"),
    [([], []), ([0.0, 1.0], [1.0]), ([0.0, 0.0], [1.0, 1.0]), ([1.0, 0.0], [1.0, 1.0]), ([0.0], [np.nan]),
     ([[0.0, 1.0]], [[1.0, 1.0]])],
)  # fmt: skip
def test_what_is_no_curve_is_refused(time: list, hz: list) -> None:
    with pytest.raises(RecordingError, match="a Doppler curve"):
        DopplerPhase(time, hz)
