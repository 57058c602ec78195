"""Pulses and mapping: kernel against its plain form, vectors, Nyquist's criterion, spectrum."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sim import coding, modulator
from sim.modulator import Knots


def _straight(count: int, place: float, rate: float, cycles: float = 0.0, turn: float = 0.0) -> Knots:
    """Knots of a steady clock: `rate` symbols and `turn` turns of the carrier per sample."""
    at = 256.0 * np.arange(-(-count // 256) + 1)
    return Knots(place + rate * at, cycles + turn * at, np.ones(at.size, np.complex128))


def _random_rails(count: int, seed: int = 3) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return modulator.rails(np.random.default_rng(seed).integers(0, 2, 2 * count, dtype=np.uint8))


def _whole_rrc(rate: float, rolloff: float = 0.6) -> NDArray[np.float64]:
    """Textbook matched filter, 1 / rate samples a symbol, 40 symbols long, transformed from its spectrum."""
    count = 4096
    f = np.abs(np.fft.fftfreq(count)) / rate
    low, high = (1 - rolloff) / 2, (1 + rolloff) / 2
    raised = np.where(
        f <= low, 1.0, np.where(f >= high, 0.0, 0.5 * (1 + np.cos(np.pi * (f - low) / rolloff)))
    )
    taps = np.fft.fftshift(np.fft.ifft(np.sqrt(raised)).real)
    half = round(20 / rate)
    taps = taps[count // 2 - half : count // 2 + half + 1]
    return taps / np.sqrt(np.sum(taps**2))


@pytest.mark.parametrize("name", ["m2_qpsk_72k", "m2x_oqpsk_72k_nrzm"])
def test_rails_equal_published_vectors(shared_vectors: Path, name: str) -> None:
    vector = json.loads((shared_vectors / "lrpt_iq.json").read_text())[name]
    cadu = json.loads((shared_vectors / "cadu.json").read_text())["vectors"][0]["cadu_1024_hex"]
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(cadu), np.uint8))
    if "nrzm" in name:
        bits = coding.NrzM().process(bits)
    pair = modulator.rails(coding.ConvolutionalEncoder().process(bits))
    for rail, letter in zip(pair, "IQ", strict=True):
        packed = np.packbits(rail < 0).tobytes()
        assert packed[:8].hex() == vector[f"{letter}_bits_first_64_hex"]
        assert hashlib.sha256(packed).hexdigest() == vector[f"{letter}_sha256"]


@pytest.mark.parametrize("lag", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 3000])
def test_kernel_equals_plain(lag: float, count: int) -> None:
    rng = np.random.default_rng(count)
    spans = -(-count // 256) + 1
    knots = Knots(
        12.3 + np.cumsum(rng.uniform(60, 90, spans)),
        -1e5 + np.cumsum(rng.uniform(-20, 20, spans)),
        rng.normal(size=spans) + 1j * rng.normal(size=spans),
    )
    pair, bank = _random_rails(1500), modulator.pulse_bank(0.6)
    fast = modulator.modulate(count, pair, bank, knots, lag)
    plain = modulator.modulate_plain(count, pair, bank, knots, lag)
    assert np.max(np.abs(fast - plain)) < 2e-6


@pytest.mark.parametrize("place", [7.0, 1490.0, np.nan])
def test_kernel_refuses_what_lies_outside_the_symbols(place: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        modulator.modulate(
            256, _random_rails(1500), modulator.pulse_bank(0.6), _straight(256, place, 0.3), 0.5
        )


@pytest.mark.parametrize(
    ("first", "last", "fits"),
    [
        (8.5, 100.0, True),  # the earliest place, seven symbols before it and half a symbol for Q
        (8.499, 100.0, False),
        (1400.0, 1490.999, True),  # the latest
        (1400.0, 1491.0, False),
        (1400.0, 1491.001, False),
    ],
)
def test_kernel_goes_to_the_edge_and_no_further(first: float, last: float, fits: bool) -> None:
    pair, bank = _random_rails(1500), modulator.pulse_bank(0.6)
    knots = _straight(256, first, (last - first) / 256)
    if fits:
        made = modulator.modulate(256, pair, bank, knots, 0.5)
        assert np.max(np.abs(made - modulator.modulate_plain(256, pair, bank, knots, 0.5))) < 2e-6
    else:
        with pytest.raises(ValueError, match="outside"):
            modulator.modulate(256, pair, bank, knots, 0.5)


def test_kernel_refuses_rails_of_unequal_length() -> None:
    i_rail, q_rail = _random_rails(400)
    with pytest.raises(ValueError, match="same length"):
        modulator.modulate(
            256, (i_rail, q_rail[:-1]), modulator.pulse_bank(0.6), _straight(256, 20.0, 0.3), 0.5
        )


def test_pulse_equals_the_transform_of_its_spectrum() -> None:
    taps = _whole_rrc(0.25)  # four samples a symbol
    places = (np.arange(taps.size) - taps.size // 2) * 0.25
    assert (
        np.max(np.abs(modulator.root_raised_cosine(places, 0.6) - taps / taps.max() * (0.4 + 2.4 / np.pi)))
        < 1e-3
    )
    at = np.array([0.0, 1 / 2.4, -1 / 2.4])  # where the formula divides by zero
    near = modulator.root_raised_cosine(at + 1e-6, 0.6)
    assert np.allclose(modulator.root_raised_cosine(at, 0.6), near, atol=1e-5)


@pytest.mark.parametrize(
    ("rate", "rolloff"),
    [
        (72e3 / 250e3, 0.6),
        (80e3 / 240e3, 0.6),
        (72e3 / 1.024e6, 0.6),
        (7e6 / 3 / 6e6, 0.5),
        (128e3 / 500e3, 0.5),
        (25e6 / 50e6, 0.5),
    ],
)
@pytest.mark.parametrize("lag", [0.0, 0.5])
def test_matched_filter_finds_the_symbols(rate: float, rolloff: float, lag: float) -> None:
    """Sampled at its own symbols each rail is what went in; half a symbol beside it is not."""
    pair, symbols = _random_rails(3000), 2000
    count = int(symbols / rate)
    samples = modulator.modulate(
        count, pair, modulator.pulse_bank(rolloff), _straight(count, 20.0, rate), lag
    )
    filtered = np.convolve(samples, _whole_rrc(rate, rolloff), "same") * np.sqrt(rate)
    number = np.arange(60, symbols - 60)

    def rail_at(values: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.interpolate import CubicSpline

        return np.asarray(CubicSpline(np.arange(count), values)((places - 20.0) / rate))

    for values, rail, late in ((filtered.real, pair[0], 0.0), (filtered.imag, pair[1], lag)):
        error = rail_at(values, number + late) - rail[number]
        assert 10 * np.log10(np.mean(error**2) / 0.5) < -35
        assert np.std(rail_at(values, number + late + 0.5) - rail[number]) > 0.3


def test_power_is_one_and_the_band_is_kept() -> None:
    rate, count = 0.288, 1 << 18
    samples = modulator.modulate(
        count, _random_rails(80_000), modulator.pulse_bank(0.6), _straight(count, 20.0, rate), 0.5
    )
    assert np.mean(np.abs(samples) ** 2) == pytest.approx(1.0, abs=0.01)
    power = np.abs(np.fft.fft((samples * np.hanning(count))[:count])) ** 2
    power = power.reshape(256, -1).mean(axis=1)
    f = np.abs(np.fft.fftfreq(256)) / rate
    density = 10 * np.log10(power / power[f < 0.15].mean())
    assert np.max(np.abs(density[f < 0.15])) < 1.5
    assert density[(f > 0.48) & (f < 0.52)].mean() == pytest.approx(-3.0, abs=0.5)
    assert density[f > 0.85].max() < -40.0


def test_pieces_equal_the_whole() -> None:
    pair, bank, rate = _random_rails(3000), modulator.pulse_bank(0.6), 0.2881
    whole = modulator.modulate(4096, pair, bank, _straight(4096, 20.0, rate, 5.0, 0.013), 0.5)
    parts = [
        modulator.modulate(
            512, pair, bank, _straight(512, 20.0 + rate * n, rate, 5.0 + 0.013 * n, 0.013), 0.5
        )
        for n in range(0, 4096, 512)
    ]
    assert np.max(np.abs(np.concatenate(parts) - whole)) < 2e-6
