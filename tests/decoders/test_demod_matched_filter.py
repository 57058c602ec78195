"""The matched filter kernel against its plain form, the pulse against theory, a mask for the stop band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from decoders.demodulation.filters import PolyphaseBank, root_raised_cosine
from decoders.demodulation.matched_filter import matched_samples, matched_samples_plain
from tests.decoders.lrpt_modulator import Setting, modulate


@pytest.mark.parametrize("rolloff", [0.5, 0.6, 1.0])
def test_pulse_is_the_transform_of_its_spectrum(rolloff: float) -> None:
    def spectrum(f: float) -> float:  # square root of the raised cosine, Proakis 5th ed. eq. 9.2-26
        if f < (1 - rolloff) / 2:
            return 1.0
        return float(np.cos(np.pi / (2 * rolloff) * (f - (1 - rolloff) / 2)))

    for x in (0.0, 0.37, 1 / (4 * rolloff), 1.0, 2.71):
        integral, _ = quad(
            lambda f, x=x: 2 * spectrum(f) * np.cos(2 * np.pi * f * x), 0, (1 + rolloff) / 2, limit=200
        )
        assert root_raised_cosine(np.array([x]), rolloff)[0] == pytest.approx(integral, abs=1e-6)


@given(
    count=st.integers(0, 700),
    first=st.floats(-300, 900),
    step=st.floats(0.5, 20),
    outputs=st.integers(0, 300),
    frequency=st.floats(-0.5, 0.5),
    sample_rate=st.sampled_from([93_600.0, 240_000.0, 1_000_000.0]),
    slope=st.sampled_from([0.0, 1e-10, -3e-11]),
    turns=st.floats(-2, 2),
)
@settings(max_examples=60, deadline=None)
def test_kernel_equals_plain_form(
    count: int,
    first: float,
    step: float,
    outputs: int,
    frequency: float,
    sample_rate: float,
    slope: float,
    turns: float,
) -> None:
    rng = np.random.default_rng(count)
    samples = (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(np.complex64)
    bank = PolyphaseBank.matched(sample_rate=sample_rate, symbol_rate=72_000, rolloff=0.6)
    chosen = {
        "first": first,
        "step": step,
        "count": outputs,
        "frequency": frequency,
        "slope": slope,
        "turns": turns,
    }
    difference = matched_samples(samples, bank, **chosen) - matched_samples_plain(samples, bank, **chosen)
    assert np.abs(difference).max(initial=0) <= 2e-5 * np.abs(samples).max(initial=0)


def test_carrier_that_drifts_stays_in_phase() -> None:
    """Over a segment of 130 000 samples at 30 Hz/s, far beyond one turn, to the stated bound."""
    slope, frequency = 30.0 / 288e3**2, 0.01
    time = np.arange(130_000)
    samples = np.exp(2j * np.pi * (0.2 + time * (frequency + slope / 2 * time))).astype(np.complex64)
    bank = PolyphaseBank.matched(sample_rate=288e3, symbol_rate=72_000, rolloff=0.6)
    chosen = {"first": 100.0, "step": 2.0, "count": 64_900, "frequency": frequency}
    out = matched_samples(samples, bank, **chosen, slope=slope, turns=0.2)
    assert np.abs(np.angle(out)).max() < 100 * slope * len(time) + 1e-4
    assert np.abs(np.angle(out)).std() < 3e-3


@pytest.mark.parametrize(
    "bad", [{"first": np.nan}, {"step": np.inf}, {"count": -1}, {"frequency": np.nan}, {"turns": np.inf}]
)
def test_kernel_refuses_what_it_cannot_compute(bad: dict[str, float]) -> None:
    bank = PolyphaseBank.matched(sample_rate=250_000, symbol_rate=72_000, rolloff=0.6)
    good = {"first": 0.0, "step": 3.0, "count": 5, "frequency": 0.0}
    with pytest.raises((ValueError, TypeError)):
        matched_samples(np.zeros(9, np.complex64), bank, **(good | bad))


@pytest.mark.parametrize("sample_rate", [150_000.0, 240_000.0, 250_000.0, 2_400_000.0])
def test_symbols_come_out_clean(sample_rate: float) -> None:
    """Interference between symbols stays 50 dB below them (45 dB is asserted), at any ratio of the rates."""
    bits = np.random.default_rng(1).integers(0, 2, 2 * 1500)
    samples = modulate(bits, Setting(sample_rate=sample_rate)).astype(np.complex64)
    bank = PolyphaseBank.matched(sample_rate=sample_rate, symbol_rate=72_000, rolloff=0.6)
    out = matched_samples(samples, bank, first=0.0, step=sample_rate / 72_000, count=1500, frequency=0.0)
    error = out - ((2 * bits[0::2] - 1) + 1j * (2 * bits[1::2] - 1))
    assert 10 * np.log10(np.mean(np.abs(error[20:-20]) ** 2) / 2) < -45


def test_stop_band_mask() -> None:
    """Half a symbol rate beyond the band's end the filter lets through less than -50 dB."""
    bank = PolyphaseBank.matched(sample_rate=250_000, symbol_rate=72_000, rolloff=0.6)
    response = np.abs(np.fft.fft(bank.taps[0], 4096))
    frequency = np.abs(np.fft.fftfreq(4096)) * 250_000
    assert response[0] == pytest.approx(1.0, abs=0.01)
    assert 20 * np.log10(response[frequency > 1.1 * 72_000].max()) < -50


@pytest.mark.parametrize(("first", "step"), [(-1e300, 3e299), (1e10, -1e8), (-3e9, 2e9), (0.0, 1e308)])
def test_instants_beyond_all_samples_see_nothing(first: float, step: float) -> None:
    bank = PolyphaseBank.matched(sample_rate=250_000, symbol_rate=72_000, rolloff=0.6)
    samples = np.ones(300, np.complex64)
    out = matched_samples(samples, bank, first=first, step=step, count=7, frequency=0.0)
    inside = np.array([0 <= first + m * step <= 300 for m in range(7)])
    assert np.array_equal(np.abs(out) > 0.1, inside)
