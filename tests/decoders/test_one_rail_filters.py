"""Pulses of split phase against their integrals, and the removal of steady carriers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from decoders.demodulation.filters import PHASES
from decoders.demodulation.split_phase import (
    CARRIER_BITS,
    TRANSMITTER_HZ,
    bit_bank,
    bit_energy,
    bit_pulse,
    carrier_bank,
)
from decoders.demodulation.tones import find_tones, without_lines, without_tones
from tests.decoders.one_rail_modulator import Link, data_energy, modulate, noise

BIT_RATE = 665_400.0


def test_pulse_is_the_transform_of_its_spectrum() -> None:
    """Without band limit a bit is a rectangle of +1 and one of -1; with one, the integral over the band."""
    wide = bit_pulse(np.array([-0.6, -0.25, 0.25, 0.6]), 60.0, 1e3)
    assert wide == pytest.approx([0, 1, -1, 0], abs=0.05)

    def spectrum(f: float) -> float:
        taper = (1 - np.cos(np.pi * min((1.8 - f) / (0.15 * 1.8), 1.0))) / 2
        return float(np.sin(np.pi * f / 2) ** 2 / (np.pi * f / 2) / np.sqrt(1 + (f / 2.25) ** 6) * taper)

    for t in (0.1, 0.4, 0.9):
        integral, _ = quad(lambda f, t=t: -2 * spectrum(f) * np.sin(2 * np.pi * f * t), 1e-9, 1.8, limit=200)
        assert bit_pulse(np.array([t]), 1.8, 2.25)[0] == pytest.approx(integral, abs=2e-4)


@pytest.mark.parametrize("sample_rate", [2e6, 2.4e6, 3.2e6, 6e6])
def test_filter_hears_its_own_bit_alone(sample_rate: float) -> None:
    """Gain 1 at the bit, 30 dB less for what its neighbours leave, at any place between samples."""
    bank = bit_bank(sample_rate, BIT_RATE)
    bits = np.zeros(64, int)
    bits[32] = 1
    for delay in (0.0, 0.37):
        link = Link(sample_rate=sample_rate, deviation_deg=90.0, delay=delay)
        base = modulate(np.zeros(64, int), link).imag
        one = (modulate(bits, link).imag - base) / 2
        for away in range(-3, 4):
            instant = (32 + away) * sample_rate / BIT_RATE + delay
            whole = int(np.floor(instant))
            taps = bank.taps[round((instant - whole) * PHASES)]
            start = whole - len(taps) // 2 + 1
            heard = float(one[start : start + len(taps)] @ taps)
            assert heard == pytest.approx(1.0 if away == 0 else 0.0, abs=0.035)


def test_energy_behind_the_transmitters_filter() -> None:
    link = Link(deviation_deg=90.0)
    whole = link.sample_rate / link.symbol_rate
    assert bit_energy(BIT_RATE) == pytest.approx(data_energy(link) / whole, abs=0.002)
    assert TRANSMITTER_HZ / 2 > BIT_RATE


def test_carrier_filter_passes_the_carrier_and_no_data() -> None:
    """Whole bits cancel: what random data leave is 30 dB below the carrier of gain 1."""
    link = Link(sample_rate=3e6)
    bank = carrier_bank(link.sample_rate, BIT_RATE)
    assert np.allclose(bank.taps.sum(axis=1), 1.0, atol=1e-5)
    bits = np.random.default_rng(1).integers(0, 2, 4_000)
    data = modulate(bits, Link(sample_rate=3e6, deviation_deg=90.0)).imag
    values = []
    for first in range(100, 3_000, CARRIER_BITS):
        instant = (first + (CARRIER_BITS - 1) / 2) * link.sample_rate / BIT_RATE
        whole = int(np.floor(instant))
        taps = bank.taps[round((instant - whole) * PHASES)]
        start = whole - len(taps) // 2 + 1
        values.append(float(data[start : start + len(taps)] @ taps))
    assert 20 * np.log10(np.std(values)) < -30


def signal(seed: int, count: int = 200_000) -> np.ndarray:
    link = Link(offset_hz=50e3)
    bits = np.random.default_rng(seed).integers(0, 2, count)
    clean = modulate(bits, link)
    return clean + noise(len(clean), 6.0, link, np.random.default_rng(seed))


@pytest.mark.parametrize("hertz", [0.0, -311_234.5, 700_017.3])
@pytest.mark.parametrize("amplitude", [0.3, 10.0])
def test_steady_carrier_is_taken_out(hertz: float, amplitude: float) -> None:
    x = signal(1)
    tone = amplitude * np.exp(2j * np.pi * hertz / 2.4e6 * np.arange(len(x)) + 1j)
    clean, found = without_tones((x + tone).astype(np.complex64), 50e3 / 2.4e6, residual=True)
    assert found >= 1
    left = clean - x
    assert np.mean(np.abs(left) ** 2) < 0.005  # 23 dB below the signal, which loses a thousandth itself


def test_lines_of_the_signal_itself_stay() -> None:
    """Data that repeat are lines in pairs about the carrier, and the residual carrier is one of its own."""
    link = Link(offset_hz=3e3)  # the receiver cuts both sides alike
    word = np.random.default_rng(2).integers(0, 2, 50)
    x = modulate(np.resize(word, 100_000), link)
    x += noise(len(x), 20.0, link, np.random.default_rng(5))
    assert find_tones(x, 3e3 / 2.4e6, residual=True) == []
    assert find_tones(signal(3), 50e3 / 2.4e6, residual=True) == []
    assert find_tones(x[:100], 0.0, residual=True) == []


def test_lines_come_down_to_their_surroundings() -> None:
    rng = np.random.default_rng(4)
    spectrum = (rng.standard_normal(8_192) + 1j * rng.standard_normal(8_192)).astype(np.complex64)
    spectrum[1_000] = 500.0
    clean = without_lines(spectrum)
    assert abs(clean[1_000]) < 3.0
    assert np.count_nonzero(clean != spectrum) <= 3
