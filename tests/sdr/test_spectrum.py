"""Spectra against what is known of noise and tones."""

from __future__ import annotations

import numpy as np
import pytest

from sdr.spectrum import power_density

RATE = 250_000.0


def noise(count: int, power: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(2, count)) * np.sqrt(power / 2)
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def test_white_noise_has_its_power_over_the_rate() -> None:
    density = power_density(noise(400_000), RATE, 256)
    # 3100 half-overlapping windows: a bin's standard deviation is 1.9 % of 1/sqrt(windows).
    assert density == pytest.approx(np.full(256, 0.01 / RATE), rel=0.12)
    assert density.sum() * RATE / 256 == pytest.approx(0.01, rel=0.01)


def test_grouping_changes_nothing() -> None:
    """A long row is transformed in parts; the sum is that of all its windows."""
    samples, bins = noise(600_000), 4096
    window = np.hanning(bins + 1)[:-1]
    starts = range(0, len(samples) - bins + 1, bins // 2)
    plain = sum(np.abs(np.fft.fft(samples[at : at + bins] * window)) ** 2 for at in starts) / len(starts)
    expected = np.fft.fftshift(plain) / (RATE * np.sum(window**2))
    assert power_density(samples, RATE, bins) == pytest.approx(expected, rel=1e-4)


def test_windows_of_zeros_are_left_out() -> None:
    samples = np.concatenate([noise(50_000), np.zeros(50_000, np.complex64)])
    density = power_density(samples, RATE, 256)
    assert density.sum() * RATE / 256 == pytest.approx(0.01, rel=0.03)
    assert np.isnan(power_density(samples[50_000:], RATE, 256)).all()
