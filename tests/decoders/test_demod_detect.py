"""Which mode is on air, found from a second and a half, and what else there may be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.demodulation.detect import choose_mode, describe
from decoders.downlink import load_downlink
from sim.link_test import link_test
from tests.decoders.lrpt_modulator import Setting, received

MODES = load_downlink("meteor_lrpt").modes


def signal(modulation: str, symbol_rate: float, ebn0_db: float) -> NDArray[np.complex64]:
    s = Setting(modulation, symbol_rate, offset_hz=-9_000.0, drift_hz_s=30.0, clock_ppm=60.0)
    rng = np.random.default_rng(int(symbol_rate) + int(10 * ebn0_db))
    return received(rng.integers(0, 2, int(3 * symbol_rate)), ebn0_db, s, rng)


@pytest.mark.parametrize("ebn0_db", [0.0, pytest.param(3.0, marks=pytest.mark.slow), 20.0])
@pytest.mark.parametrize(("modulation", "symbol_rate"), [("qpsk", 72e3), ("oqpsk", 72e3), ("oqpsk", 80e3)])
def test_every_mode_is_found(modulation: str, symbol_rate: float, ebn0_db: float) -> None:
    guess = choose_mode(signal(modulation, symbol_rate, ebn0_db), 250_000.0, MODES)
    assert guess is not None
    assert (guess.mode.modulation, guess.mode.symbol_rate) == (modulation, symbol_rate)
    assert guess.signal.symbol_rate == pytest.approx(symbol_rate * (1 + 60e-6), abs=0.5)
    assert guess.signal.offset_hz == pytest.approx(-9_000, abs=60)
    assert guess.signal.esn0_db == pytest.approx(ebn0_db, abs=0.7)
    assert guess.confidence > 0.5


@pytest.mark.parametrize(("mode", "ebn0_db"), [("80k", 1.9), ("80k", 6.0), ("72k", 6.0), ("m2_72k", 6.0)])
def test_frames_with_markers_are_no_other_mode(mode: str, ebn0_db: float) -> None:
    """The markers of the 80k mode repeat every 40 symbols, which random bits do not show."""
    made = link_test(mode, frames=12, ebn0_db=ebn0_db, seed=3)
    guess = choose_mode(made.samples, made.sample_rate, MODES)
    assert guess is not None
    assert guess.mode.name == mode


def test_a_signal_that_was_not_expected_is_named_but_not_chosen() -> None:
    samples = signal("qpsk", 80e3, 5.0)
    assert choose_mode(samples, 250_000.0, MODES) is None
    assert describe(samples, 250_000.0).startswith("QPSK at 80.0 kBd, -89")


def test_noise_and_worse() -> None:
    rng = np.random.default_rng(2)
    noise = (rng.standard_normal(400_000) + 1j * rng.standard_normal(400_000)).astype(np.complex64)
    carrier = (noise + np.exp(2j * np.pi * 0.01 * np.arange(len(noise)))).astype(np.complex64)
    cases = {
        "only noise": noise,
        "a carrier without modulation, +2500 Hz off": carrier,
        "a carrier without modulation, +0 Hz off": np.ones(400_000, np.complex64),
        "nothing: every sample is zero": noise * np.complex64(np.nan),
        "nothing: there are no samples": noise[:0],
    }
    huge = np.where(np.arange(len(noise)) % 1000, noise, np.complex64(3e38 - 3e38j))
    for words, samples in [*cases.items(), ("only noise", huge)]:
        assert choose_mode(samples, 250_000.0, MODES) is None, words
        assert describe(samples, 250_000.0) == words
