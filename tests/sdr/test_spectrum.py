"""Spectra against what is known of noise and tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdr.errors import SdrError
from sdr.levels import measure_levels
from sdr.recording import RecordingWriter, open_recording
from sdr.spectrum import power_density, waterfall
from sdr.spectrum_image import nice_step, save_waterfall

RATE = 250_000.0


def record(path: Path, samples: np.ndarray, *, gap: int = 0) -> Path:
    with RecordingWriter(
        path, format="cf32", sample_rate=RATE, center_frequency_hz=137.9e6, start=None, durable=False
    ) as writer:
        writer.write(samples)
        if gap:
            writer.gap(gap, "test")
            writer.write(samples)
    return path


def noise(count: int, power: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(2, count)) * np.sqrt(power / 2)
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def test_white_noise_has_its_power_over_the_rate() -> None:
    density = power_density(noise(400_000), RATE, 256)
    # 3100 half-overlapping windows: a bin's standard deviation is 1.9 % of 1/sqrt(windows).
    assert density == pytest.approx(np.full(256, 0.01 / RATE), rel=0.12)
    assert density.sum() * RATE / 256 == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("offset_hz", [-60_000.0, 10_000.0, 123_456.0])
def test_a_tone_lies_at_its_frequency_with_its_power(tmp_path: Path, offset_hz: float) -> None:
    time = np.arange(100_000) / RATE
    path = record(tmp_path / "a", 0.5 * np.exp(2j * np.pi * offset_hz * time).astype(np.complex64))
    with open_recording(path) as reader:
        result = waterfall(reader, row_s=0.1, bins=1024)
    spectrum = result.mean()
    peak = int(np.argmax(spectrum))
    assert abs(result.frequency_hz[peak] - offset_hz) <= RATE / 1024
    assert spectrum[max(peak - 3, 0) : peak + 4].sum() * RATE / 1024 == pytest.approx(0.25, rel=0.01)


def test_rows_have_the_time_of_their_middle_and_gaps_are_no_numbers(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(50_000), gap=50_000)
    with open_recording(path) as reader:
        result = waterfall(reader, row_s=0.1, bins=256)
    assert result.time_s.tolist() == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45, 0.55])
    assert np.isnan(result.density).all(axis=1).tolist() == [False, False, True, True, False, False]
    assert result.mean() == pytest.approx(np.full(256, 0.01 / RATE), rel=0.4)


def test_grouping_changes_nothing() -> None:
    """A long row is transformed in parts; the sum is that of all its windows."""
    samples, bins = noise(600_000), 4096
    window = np.hanning(bins + 1)[:-1]
    starts = range(0, len(samples) - bins + 1, bins // 2)
    plain = sum(np.abs(np.fft.fft(samples[at : at + bins] * window)) ** 2 for at in starts) / len(starts)
    expected = np.fft.fftshift(plain) / (RATE * np.sum(window**2))
    assert power_density(samples, RATE, bins) == pytest.approx(expected, rel=1e-4)


def test_rows_too_short_for_the_transform_are_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(1000))
    with open_recording(path) as reader, pytest.raises(SdrError, match="rows of 250 samples and 1024 bins"):
        waterfall(reader, row_s=0.001)


def test_levels(tmp_path: Path) -> None:
    samples = np.concatenate([np.full(25_000, 0.1 + 0j), np.zeros(25_000), np.full(12_500, 1j)])
    samples[3] = 2.0
    path = record(tmp_path / "a", samples.astype(np.complex64))
    with open_recording(path) as reader:
        levels = measure_levels(reader, row_s=0.1)
    assert levels.time_s.tolist() == pytest.approx([0.05, 0.15, 0.225])
    assert levels.level_dbfs[1] == -np.inf
    assert levels.level_dbfs[2] == pytest.approx(0)
    assert levels.level_dbfs[0] == pytest.approx(10 * np.log10((24_999 * 0.01 + 4) / 25_000), abs=1e-3)
    assert levels.clipped.tolist() == pytest.approx([1 / 25_000, 0, 1])
    assert levels.dc[2] == pytest.approx(1j)


def test_the_picture_shows_the_tone_where_it_is(tmp_path: Path) -> None:
    time = np.arange(250_000) / RATE
    tone = 0.5 * np.exp(2j * np.pi * 62_500 * time).astype(np.complex64)
    path = record(tmp_path / "a", noise(250_000) + tone, gap=125_000)
    with open_recording(path) as reader:
        result = waterfall(reader, row_s=0.05, bins=512)
    save_waterfall(result, tmp_path / "a.png", center_frequency_hz=137.9e6)
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image).astype(int)
    row = picture[28 + 100, 64 : 64 + 512]
    assert int(np.argmax(row.sum(axis=1))) == pytest.approx(384, abs=1)  # three quarters to the right
    assert (picture[28 + 270, 64 : 64 + 512] == 120).all()  # the gap is grey


@pytest.mark.parametrize(("span", "step"), [(250_000, 50_000), (10, 2), (7, 1), (900, 200)])
def test_scales_step_by_round_numbers(span: float, step: float) -> None:
    assert nice_step(span, 6 if span > 1000 else 8) == pytest.approx(step)
