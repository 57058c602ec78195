"""Soft bits in white noise against theory: error rate, Eb/N0, scale; over a grid of offsets, clocks and
rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.soft_block import SoftBlock
from decoders.demodulation.softbits import SOFT_PER_LLR
from tests.decoders.all_soft_bits import all_soft_bits
from tests.decoders.lrpt_modulator import Setting, bit_errors, modulate, noise, received

BITS = 2 * 72_000


def demodulate(samples: NDArray[np.complex64], s: Setting, portions: tuple[int, ...] = ()) -> SoftBlock:
    demodulator = Demodulator(
        sample_rate=s.sample_rate, modulation=s.modulation, symbol_rate=s.symbol_rate, rolloff=0.6
    )
    return all_soft_bits(demodulator, samples, portions)


def random_bits(seed: int, count: int = BITS) -> NDArray[np.int_]:
    return np.random.default_rng(seed).integers(0, 2, count)


def bit_error_theory(ebn0_db: float) -> float:
    """Q(sqrt(2 E/N0)) with E = Eb/2 per coded bit (Proakis, 5th ed., eq. 4.3-13)."""
    return 0.5 * math.erfc(math.sqrt(10 ** (ebn0_db / 10) / 2))


def test_noise_of_the_tests_is_calibrated() -> None:
    """The yardstick first: the noise power in one symbol's bandwidth, and the energy of a symbol."""
    s = Setting()
    rng = np.random.default_rng(3)
    clean = modulate(random_bits(3), s)
    energy = np.mean(np.abs(clean) ** 2) * s.sample_rate / s.symbol_rate
    density = np.mean(np.abs(noise(1_000_000, 4.0, s, rng)) ** 2)
    assert 10 * np.log10(energy / density) == pytest.approx(4.0, abs=0.05)


GRID = [
    Setting(
        modulation,
        rate,
        sample_rate,
        offset_hz=offset,
        drift_hz_s=drift,
        phase=phase,
        clock_ppm=ppm,
        delay=delay,
    )
    for modulation in ("qpsk", "oqpsk")
    for rate, sample_rate, offset, drift, phase, ppm, delay in (
        (72_000.0, 250_000.0, -10_500.0, 30.0, 0.1, -72.0, 0.3),
        (72_000.0, 240_000.0, 3_441.0, 0.0, 2.0, 50.0, 5.8),
        (80_000.0, 288_000.0, 10_500.0, -30.0, -1.0, 72.0, 1.5),
        (80_000.0, 1_000_000.0, 0.0, 30.0, 3.0, 0.0, 0.0),
        (72_000.0, 150_000.0, 7_000.0, -10.0, 1.0, 20.0, 0.0),
    )
]


# Quick ones cover each modulation, both symbol rates and the lowest and highest sample rate.
QUICK = (GRID[0], GRID[4], GRID[5], GRID[7], GRID[8])


@pytest.mark.parametrize(
    "s", [s if s in QUICK else pytest.param(s, marks=pytest.mark.slow) for s in GRID], ids=str
)
def test_error_rate_is_that_of_theory(s: Setting) -> None:
    """At 1.5 dB within 3 % of the bit error rate (0.1 dB) plus chance, first and last symbol included."""
    bits = random_bits(11)
    block = demodulate(received(bits, 1.5, s, np.random.default_rng(12)), s)
    rate, _ = bit_errors(block.soft_bits, bits, s.modulation, lag=6)
    expected = bit_error_theory(1.5)
    chance = 4 * math.sqrt(expected * (1 - expected) / BITS)
    assert 0.97 * expected - chance < rate < 1.03 * expected + chance
    assert abs(len(block.soft_bits) - BITS) <= 4
    assert block.locked.all()


@pytest.mark.slow
@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("ebn0_db", [1.0, 1.5, 2.0, 3.0, 5.0])
def test_error_rate_of_two_million_bits(modulation: str, ebn0_db: float) -> None:
    s = Setting(modulation, offset_hz=-8_000.0, drift_hz_s=30.0, clock_ppm=60.0, phase=1.0)
    bits = random_bits(21, 2_000_000)
    block = demodulate(received(bits, ebn0_db, s, np.random.default_rng(22)), s)
    rate, _ = bit_errors(block.soft_bits, bits, modulation, lag=3)
    expected = bit_error_theory(ebn0_db)
    assert 0.985 * expected < rate < 1.02 * expected


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("ebn0_db", [1.0, 4.0, 8.0, 12.0, 15.0])
def test_esn0_within_half_a_decibel(modulation: str, ebn0_db: float) -> None:
    s = Setting(modulation, offset_hz=2_000.0, clock_ppm=30.0)
    block = demodulate(received(random_bits(31), ebn0_db, s, np.random.default_rng(32)), s)
    assert np.median(block.esn0_db) == pytest.approx(ebn0_db, abs=0.3)
    assert np.percentile(np.abs(block.esn0_db - ebn0_db), 95) < 0.8


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("level", [1e-3, 300.0])
def test_soft_bits_are_log_likelihood_ratios(modulation: str, level: float) -> None:
    """Of the bits with soft value v, the share sent as 1 is 1 / (1 + exp(-v / SOFT_PER_LLR)), whatever the
    level."""
    s = Setting(modulation, offset_hz=2_000.0)
    bits = random_bits(41, 2 * BITS)
    samples = (received(bits, 2.0, s, np.random.default_rng(42)) * level).astype(np.complex64)
    soft = demodulate(samples, s).soft_bits.astype(int)
    _, state = bit_errors(soft.astype(np.int8), bits, modulation, lag=1)
    shift = int(state.split()[0])
    soft, bits = soft[max(shift, 0) :], bits[max(-shift, 0) :]
    count = min(len(soft), len(bits)) // 2 * 2
    signs = [1 if sign == "+" else -1 for sign in state.split()[1]]
    soft = soft[:count].reshape(-1, 2)
    soft = (soft[:, ::-1] if "swapped" in state else soft) * signs
    sent = bits[:count].reshape(-1, 2)
    for low, high in ((2, 6), (10, 14), (18, 22), (26, 30)):
        for side in (1, -1):
            chosen = (soft * side >= low) & (soft * side <= high)
            right = np.mean(sent[chosen] == (side > 0))
            measured = math.log(right / (1 - right)) * SOFT_PER_LLR
            assert measured == pytest.approx(np.mean(np.abs(soft[chosen])), rel=0.1, abs=0.8)


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
def test_blocks_equal_whole(modulation: str) -> None:
    s = Setting(modulation, offset_hz=-4_000.0, drift_hz_s=20.0, clock_ppm=40.0)
    samples = received(random_bits(51), 3.0, s, np.random.default_rng(52))
    whole = demodulate(samples, s)
    for portions in ((1, 17, 62_499, 3), (50_000,), (130_001, 7)):
        parts = demodulate(samples, s, portions)
        for field in ("soft_bits", "sample_index", "esn0_db", "locked"):
            assert np.array_equal(getattr(whole, field), getattr(parts, field)), (portions, field)


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
def test_symbols_know_their_place(modulation: str) -> None:
    """sample_index is where the symbol's pulse peaked, to a twentieth of a symbol."""
    s = Setting(modulation, clock_ppm=-50.0, delay=12.25)
    block = demodulate(received(random_bits(61), 5.0, s, np.random.default_rng(62)), s)
    period = s.sample_rate / (s.symbol_rate * (1 + s.clock_ppm * 1e-6))
    phase = (block.sample_index - s.delay) / period
    grain = 0.5 if modulation == "oqpsk" else 1.0  # which rail comes first stays open
    away = np.abs((phase + grain / 2) % grain - grain / 2)
    assert away.max() < 0.05
    assert np.abs(np.diff(block.sample_index) / period - 1).max() < 0.02
