"""BPSK and split-phase PM in white noise against theory: error rate, Es/N0, scale; over offsets and rates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.demodulation.demodulators import open_demodulator
from decoders.demodulation.soft_block import SoftBlock
from decoders.demodulation.softbits import SOFT_PER_LLR
from decoders.downlink import Mode, load_downlink
from tests.decoders.all_soft_bits import all_soft_bits
from tests.decoders.one_rail_modulator import (
    Link,
    bit_error_theory,
    bit_errors,
    modulate,
    noise,
    received,
    total_energy,
)

HRPT = load_downlink("noaa_hrpt").modes[0]
LRIT = load_downlink("gk2a_lrit").modes[0]
GOES = replace(LRIT, symbol_rate=927_000.0, rolloff=0.3, carrier_hz=1694.1e6)

PM = Link()
BPSK = Link("bpsk", 128_000.0, 1_000_000.0, offset_hz=20_000.0)


def mode_of(link: Link) -> Mode:
    if link.modulation == "bpsk":
        return replace(LRIT, symbol_rate=link.symbol_rate, rolloff=link.rolloff)
    return HRPT


def demodulate(samples: NDArray[np.complex64], link: Link, portions: tuple[int, ...] = ()) -> SoftBlock:
    return all_soft_bits(open_demodulator(mode_of(link), link.sample_rate), samples, portions)


def random_bits(seed: int, count: int) -> NDArray[np.int_]:
    return np.random.default_rng(seed).integers(0, 2, count)


def loss_db(rate: float, link: Link, esn0_db: float) -> float:
    """How much less noise would give the same error rate by theory."""
    levels = np.linspace(esn0_db - 3, esn0_db + 1, 4001)
    rates = np.array([bit_error_theory(level, link) for level in levels])
    return esn0_db - float(np.interp(-rate, -rates, levels))


@pytest.mark.parametrize("link", [PM, BPSK], ids=["split phase", "BPSK"])
def test_noise_of_the_tests_is_calibrated(link: Link) -> None:
    """The yardstick first: energy of a symbol and density of the noise, measured on the samples."""
    link = replace(link, sample_rate=6e6)
    clean = modulate(random_bits(3, 10_000), link)
    energy = np.mean(np.abs(clean) ** 2) * link.sample_rate / link.symbol_rate
    assert energy == pytest.approx(total_energy(link), rel=0.02)
    density = np.mean(np.abs(noise(1_000_000, 4.0, link, np.random.default_rng(3))) ** 2)
    assert 10 * np.log10(energy / density) == pytest.approx(4.0, abs=0.05)


GRID = [
    (replace(PM, offset_hz=-125e3, drift_hz_s=400.0, clock_ppm=-75.0, phase=0.1, delay=0.3), 4.0, 0.25),
    (replace(PM, offset_hz=152e3, drift_hz_s=-400.0, clock_ppm=75.0, phase=2.0, delay=1.7), 4.0, 0.25),
    (replace(PM, sample_rate=6e6, offset_hz=125e3, drift_hz_s=-400.0, clock_ppm=75.0, delay=5.4), 4.0, 0.12),
    (replace(PM, sample_rate=6e6, offset_hz=-3.0, phase=3.0), 1.0, 0.15),
    (replace(PM, sample_rate=3.2e6, offset_hz=40e3, drift_hz_s=700.0, clock_ppm=20.0), 7.0, 0.2),
    (replace(PM, sample_rate=2e6, offset_hz=50e3, drift_hz_s=100.0, clock_ppm=20.0), 4.0, 0.45),
    (replace(PM, deviation_deg=60.0, offset_hz=30e3), 4.0, 0.2),
    (replace(PM, deviation_deg=75.0, offset_hz=30e3), 4.0, 0.2),
    (replace(BPSK, offset_hz=85e3, clock_ppm=50.0, drift_hz_s=3.0, phase=1.0, delay=0.4), -2.0, 0.1),
    (replace(BPSK, offset_hz=-150e3, clock_ppm=-50.0, delay=2.2), 2.0, 0.1),
    (replace(BPSK, sample_rate=250e3, offset_hz=-25e3, clock_ppm=-50.0), 2.0, 0.15),
    (replace(BPSK, sample_rate=2.4e6, offset_hz=10e3, clock_ppm=-50.0), -2.0, 0.1),
    (Link("bpsk", 927e3, 2.4e6, 0.3, offset_hz=-85e3, clock_ppm=50.0), -1.0, 0.1),
    (Link("bpsk", 927e3, 6e6, 0.3, offset_hz=85e3, clock_ppm=-50.0, drift_hz_s=20.0), 3.0, 0.1),
]


@pytest.mark.parametrize(("link", "esn0_db", "allowed_db"), GRID, ids=str)
def test_error_rate_is_that_of_theory(link: Link, esn0_db: float, allowed_db: float) -> None:
    """Cold start, first and last symbol included; what a low sample rate cuts off is part of the loss."""
    bits = random_bits(11, 100_000)
    block = demodulate(received(bits, esn0_db, link, np.random.default_rng(12)), link)
    rate, _, _ = bit_errors(block.soft_bits, bits)
    expected = bit_error_theory(esn0_db + 0.03, link)
    chance = 4 * math.sqrt(rate / len(bits))
    assert rate > expected - chance
    assert loss_db(rate - chance, link, esn0_db) < allowed_db
    assert loss_db(rate, link, esn0_db) < allowed_db + 0.1
    assert abs(len(block.soft_bits) - len(bits)) <= 2
    assert block.locked.all()
    assert np.median(block.esn0_db) == pytest.approx(esn0_db, abs=0.45)


def test_error_rate_of_two_million_bits() -> None:
    """The figure to reach: split phase at 4 dB within 0.2 dB of Q(sqrt(2 sin^2(67 deg) Eb/N0))."""
    link = replace(PM, offset_hz=-100e3, drift_hz_s=400.0, clock_ppm=60.0, phase=1.0)
    bits = random_bits(21, 2_000_000)
    rate, _, _ = bit_errors(
        demodulate(received(bits, 4.0, link, np.random.default_rng(22)), link).soft_bits, bits
    )
    assert 0.0 < loss_db(rate, link, 4.0) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("sample_rate", [2.4e6, 6e6])
@pytest.mark.parametrize("ebn0_db", [1.0, 4.0, 6.0, 8.0, 10.0])
def test_curve_of_split_phase(sample_rate: float, ebn0_db: float) -> None:
    link = replace(PM, sample_rate=sample_rate, offset_hz=110e3, drift_hz_s=-400.0, clock_ppm=-60.0)
    bits = random_bits(23, 4_000_000)
    block = demodulate(received(bits, ebn0_db, link, np.random.default_rng(24)), link)
    rate, _, _ = bit_errors(block.soft_bits, bits)
    chance = 3 * math.sqrt(rate / len(bits))
    assert rate + chance > bit_error_theory(ebn0_db, link)
    assert loss_db(rate - chance, link, ebn0_db) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("esn0_db", [-2.0, -1.0, 1.0, 4.0, 8.0])
def test_curve_of_bpsk(esn0_db: float) -> None:
    link = replace(BPSK, offset_hz=80e3, drift_hz_s=3.0, clock_ppm=-50.0)
    bits = random_bits(25, 2_000_000)
    block = demodulate(received(bits, esn0_db, link, np.random.default_rng(26)), link)
    rate, _, _ = bit_errors(block.soft_bits, bits)
    chance = 3 * math.sqrt(rate / len(bits))
    assert loss_db(rate - chance, link, esn0_db) < 0.05


@pytest.mark.parametrize(
    ("link", "esn0_db"),
    [(link, level) for link in (PM, replace(PM, deviation_deg=60.0)) for level in (1.0, 8.0, 15.0)]
    + [(BPSK, level) for level in (-2.0, 5.0, 12.0)],
    ids=str,
)
def test_esn0_within_half_a_decibel(link: Link, esn0_db: float) -> None:
    """Per bit and with the residual carrier's share, whatever the deviation."""
    block = demodulate(received(random_bits(31, 100_000), esn0_db, link, np.random.default_rng(32)), link)
    assert np.median(block.esn0_db) == pytest.approx(esn0_db, abs=0.4)
    assert np.percentile(np.abs(block.esn0_db - esn0_db), 95) < 0.8


@pytest.mark.parametrize("link", [PM, BPSK], ids=["split phase", "BPSK"])
@pytest.mark.parametrize("level", [1e-3, 300.0])
def test_soft_bits_are_log_likelihood_ratios(link: Link, level: float) -> None:
    """Of the bits with soft value v, the share sent as 1 is 1 / (1 + exp(-v / SOFT_PER_LLR))."""
    bits = random_bits(41, 150_000)
    esn0_db = 0.0 if link.modulation == "bpsk" else 1.0
    samples = received(bits, esn0_db, link, np.random.default_rng(42)) * np.float32(level)
    soft = demodulate(samples, link).soft_bits
    rate, shift, inverted = bit_errors(soft, bits)
    assert rate < 0.1
    assert shift == 0
    value = soft.astype(int) * (-1 if inverted else 1)
    sent = bits[: len(value)]
    for low, high in ((2, 6), (10, 14), (18, 22), (26, 30)):
        for side in (1, -1):
            chosen = (value[: len(sent)] * side >= low) & (value[: len(sent)] * side <= high)
            right = np.mean(sent[chosen] == (side > 0))
            measured = math.log(right / (1 - right)) * SOFT_PER_LLR
            assert measured == pytest.approx(np.mean(np.abs(value[: len(sent)][chosen])), rel=0.1, abs=0.8)


@pytest.mark.parametrize("link", [PM, BPSK], ids=["split phase", "BPSK"])
def test_blocks_equal_whole(link: Link) -> None:
    link = replace(link, drift_hz_s=20.0, clock_ppm=40.0)
    samples = received(random_bits(51, 130_000), 3.0, link, np.random.default_rng(52))
    samples += np.float32(0.5)  # a steady carrier has to be taken out as well
    whole = demodulate(samples, link)
    for portions in ((1, 17, 62_499, 3), (50_000,), (130_001, 7)):
        parts = demodulate(samples, link, portions)
        for field in ("soft_bits", "sample_index", "esn0_db", "locked"):
            assert np.array_equal(getattr(whole, field), getattr(parts, field)), (portions, field)


@pytest.mark.parametrize("link", [PM, replace(BPSK, sample_rate=1.3e6)], ids=["split phase", "BPSK"])
def test_symbols_know_their_place(link: Link) -> None:
    """sample_index is the symbol's middle, to 0.01 of its length."""
    link = replace(link, clock_ppm=-50.0, delay=2.25)
    block = demodulate(received(random_bits(61, 100_000), 5.0, link, np.random.default_rng(62)), link)
    period = link.sample_rate / (link.symbol_rate * (1 + link.clock_ppm * 1e-6))
    phase = (block.sample_index - link.delay) / period
    assert np.abs((phase + 0.5) % 1 - 0.5).max() < (0.01 if link.modulation == "split-phase-pm" else 0.03)
    assert np.abs(np.diff(block.sample_index) / period - 1).max() < 0.02


def test_residual_carrier_settles_the_sign() -> None:
    """+67 then -67 degrees is a positive soft bit, whatever the phase; so every lock gives the same sign."""
    bits = random_bits(71, 60_000)
    for phase in np.arange(8) * np.pi / 4:
        link = replace(PM, phase=float(phase), offset_hz=500.0)
        block = demodulate(received(bits, 3.0, link, np.random.default_rng(72)), link)
        _, shift, inverted = bit_errors(block.soft_bits, bits)
        assert (shift, inverted) == (0, False)
