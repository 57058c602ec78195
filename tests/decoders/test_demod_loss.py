"""What the demodulator loses against an ideal receiver of the same samples, which is told carrier and clock;
and whether its soft bits and its Es/N0 say what they should.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erfcinv

from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.softbits import SOFT_LIMIT, SOFT_PER_LLR
from tests.decoders.lrpt_modulator import Setting, bit_errors, pulse, received

LRPT = Setting("oqpsk", 72e3, 288e3, 0.6, offset_hz=3e3, drift_hz_s=30.0, phase=0.3, clock_ppm=40.0)
AHRPT = Setting("qpsk", 7e6 / 3, 6e6, 0.5, offset_hz=1.2e5, drift_hz_s=400.0, phase=0.3, clock_ppm=40.0)
NOAA21 = Setting("oqpsk", 25e6, 40e6, 0.5, offset_hz=2e5, drift_hz_s=2_000.0, phase=0.3, clock_ppm=40.0)


@dataclass(frozen=True)
class Run:
    """Soft bits and sent bits side by side, soft ones with the sign that makes them agree."""

    soft: NDArray[np.int_]
    sent: NDArray[np.int_]
    esn0_db: NDArray[np.float32]


def demodulated(
    s: Setting, bits: NDArray[np.int_], samples: NDArray[np.complex64], rolloff: float | None = None
) -> Run:
    fast = s.symbol_rate > 1e6
    demodulator = Demodulator(
        sample_rate=s.sample_rate,
        modulation=s.modulation,
        symbol_rate=s.symbol_rate,
        rolloff=rolloff or s.rolloff,
        carrier_reach_hz=0.065 * s.symbol_rate if fast else 12_500.0,
        carrier_drift_hz_s=3_500.0 if fast else 60.0,
    )
    blocks = [demodulator.process(samples), demodulator.flush()]
    soft = np.concatenate([block.soft_bits for block in blocks]).astype(int)
    _, state = bit_errors(soft.astype(np.int8), bits, s.modulation, lag=6)
    shift = int(state.split()[0])
    soft, sent = soft[max(shift, 0) :], bits[max(-shift, 0) :]
    count = min(len(soft), len(sent)) // 2 * 2
    pairs = soft[:count].reshape(-1, 2)
    pairs = pairs[:, ::-1] if "swapped" in state else pairs
    signs = [1 if sign == "+" else -1 for sign in state.split()[1]]
    levels = np.concatenate([block.esn0_db for block in blocks])
    return Run((pairs * signs).ravel(), sent[:count], levels)


def ideal_error_rate(s: Setting, bits: NDArray[np.int_], samples: NDArray[np.complex64]) -> float:
    """Of a matched filter that is told everything; written from the pulse, at a tenth of the symbols."""
    rate = s.symbol_rate * (1 + s.clock_ppm * 1e-6)
    spacing, reach = s.sample_rate / rate, int(10 * s.sample_rate / rate)
    time = np.arange(len(samples)) / s.sample_rate
    turns = s.offset_hz * time + s.drift_hz_s / 2 * time**2
    still = samples * np.exp(-1j * (s.phase + 2 * np.pi * turns))
    late = 0.5 if s.modulation == "oqpsk" else 0.0
    errors = 0
    chosen = np.arange(20, len(bits) // 2 - 20)
    for rail, offset in enumerate((0.0, late)):
        instant = s.delay + (chosen + offset) * spacing
        nearest = np.round(instant).astype(int)
        sums = np.zeros(len(chosen))
        for step in range(-reach, reach + 1):
            values = still[nearest + step]
            part = values.imag if rail else values.real
            sums += part * pulse((nearest + step - instant) / spacing, s.rolloff)
        errors += int(np.count_nonzero((sums > 0) != (bits[2 * chosen + rail] > 0)))
    return errors / (2 * len(chosen))


def decibels(error_rate: float) -> float:
    """Es/N0 at which an ideal receiver errs as often: Q(sqrt(Es/N0)), Proakis, 5th ed., eq. 4.3-13."""
    return 20 * math.log10(math.sqrt(2) * float(erfcinv(2 * error_rate)))


def loss_db(s: Setting, esn0_db: float, count: int, rolloff: float | None = None) -> float:
    """Against the ideal receiver, and the ideal receiver itself held against theory."""
    rng = np.random.default_rng(17)
    bits = rng.integers(0, 2, count)
    samples = received(bits, esn0_db, s, rng)
    run = demodulated(s, bits, samples, rolloff)
    ideal = ideal_error_rate(s, bits, samples)
    expected = 0.5 * math.erfc(math.sqrt(10 ** (esn0_db / 10) / 2))
    assert abs(ideal - expected) < 4 * math.sqrt(expected / count)
    return decibels(ideal) - decibels(float(np.mean((run.soft > 0) != run.sent)))


@pytest.mark.parametrize(
    ("s", "esn0_db"), [(LRPT, 1.45), (AHRPT, 2.65 + 10 * math.log10(1.5))], ids=["LRPT", "AHRPT"]
)
def test_loss_at_the_threshold_of_the_code(s: Setting, esn0_db: float) -> None:
    """At most 0.05 dB with the drift of a pass, the first and the last symbol included."""
    assert loss_db(s, esn0_db, 300_000) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize(
    ("per_symbol", "rolloff"), [(1.31, 0.3), (1.6, 0.6), (2.0, 0.6), (math.pi, 0.6), (7.3, 0.6), (20.0, 0.6)]
)
def test_loss_at_any_sample_rate(modulation: str, per_symbol: float, rolloff: float) -> None:
    """From the least that holds the signal on, at ratios that are no whole numbers too."""
    s = Setting(modulation, 72e3, per_symbol * 72e3, rolloff, clock_ppm=40.0, phase=1.0)
    assert loss_db(s, 1.45, 150_000) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("s", "esn0_db"), [(NOAA21, 1.45), (LRPT, 7.0), (AHRPT, 9.0)])
def test_loss_of_others(s: Setting, esn0_db: float) -> None:
    assert loss_db(s, esn0_db, 400_000) < 0.05


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
def test_a_rolloff_that_is_not_the_expected_one_costs_little(modulation: str) -> None:
    """Sent with 0.5, received as 0.6; the satellites' filters are not published."""
    assert loss_db(replace(LRPT, modulation=modulation, rolloff=0.5), 3.0, 150_000, rolloff=0.6) < 0.07


@pytest.mark.parametrize("s", [LRPT, AHRPT], ids=["LRPT", "AHRPT"])
@pytest.mark.parametrize("esn0_db", [1.45, 4.41, 7.0])
def test_scale_of_the_soft_bits(s: Setting, esn0_db: float) -> None:
    """The factor on all soft bits that makes the bits sent most likely is 1, within 3 %.

    With z the log-likelihood ratio times the sign sent, the likelihood is the product of 1 / (1 + exp(-k z));
    its highest point is found by Newton's steps.
    """
    rng = np.random.default_rng(19)
    bits = rng.integers(0, 2, 240_000)
    run = demodulated(s, bits, received(bits, esn0_db, s, rng))
    true = np.abs(run.soft) < SOFT_LIMIT
    z = run.soft[true] / SOFT_PER_LLR * (2 * run.sent[true] - 1)
    factor = 1.0
    for _ in range(20):
        wrong = 1 / (1 + np.exp(factor * z))
        factor += float((z * wrong).sum() / (z * z * wrong * (1 - wrong)).sum())
    assert factor == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("esn0_db", [1.0, 4.0, 8.0, 12.0, 15.0])
def test_esn0_of_every_tenth_of_a_second(modulation: str, esn0_db: float) -> None:
    """Within half a decibel, in every one of thirty blocks."""
    s = replace(LRPT, modulation=modulation, sample_rate=144e3, offset_hz=500.0)
    rng = np.random.default_rng(23)
    bits = rng.integers(0, 2, 2 * 216_000)
    run = demodulated(s, bits, received(bits, esn0_db, s, rng))
    tenths = run.esn0_db[:216_000].reshape(30, -1).mean(axis=1)
    assert np.abs(tenths - esn0_db).max() < 0.5
