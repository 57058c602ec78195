"""A whole recording in one reading: spectra, levels and gaps against what was written."""

from __future__ import annotations

import gzip
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdr.errors import SdrError
from sdr.recording import RecordingWriter, SampleReader, open_recording
from sdr.spectrum import power_density
from sdr.spectrum_image import draw_survey, save_survey
from sdr.survey import Survey, survey

RATE = 250_000.0
RED, GREY = (214, 39, 40), (154, 154, 154)


def record(path: Path, samples: np.ndarray, *, gap: int = 0, rate: float = RATE) -> Path:
    with RecordingWriter(
        path,
        format="cf32",
        sample_rate=rate,
        center_frequency_hz=137.9e6,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        durable=False,
    ) as writer:
        writer.write(samples)
        if gap:
            writer.gap(gap, "test")
            writer.write(samples)
    return path


def noise(count: int, power: float = 0.01, seed: int = 2) -> np.ndarray:
    parts = np.random.default_rng(seed).normal(size=(2, count)) * np.sqrt(power / 2)
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def tone(count: int, offset_hz: float, rate: float = RATE) -> np.ndarray:
    return np.exp(2j * np.pi * offset_hz / rate * np.arange(count)).astype(np.complex64)


def surveyed(path: Path, **options: float) -> Survey:
    with open_recording(path) as reader:
        return survey(reader, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("offset_hz", [-60_000.0, 10_000.0, 123_456.0])
def test_a_tone_lies_at_its_frequency_with_its_power(tmp_path: Path, offset_hz: float) -> None:
    found = surveyed(record(tmp_path / "a", 0.5 * tone(100_000, offset_hz)))
    peak = int(np.argmax(found.mean))
    assert abs(found.waterfall.frequency_hz[peak] - offset_hz) <= RATE / 1024
    near = slice(max(peak - 3, 0), peak + 4)
    assert found.mean[near].sum() * RATE / 1024 == pytest.approx(0.25, rel=0.01)
    assert found.max_hold[near].sum() * RATE / 1024 == pytest.approx(0.25, rel=0.01)


def test_the_sum_of_the_spectrum_is_the_mean_power(tmp_path: Path) -> None:
    """Parseval, over the mean and over each row, with the levels measured without any transform."""
    samples = noise(500_000) * np.linspace(0.5, 2, 500_000, dtype=np.float32)
    found = surveyed(record(tmp_path / "a", samples), bins=256)
    power = float(np.mean(np.abs(samples) ** 2))
    assert found.mean.sum() * RATE / 256 == pytest.approx(power, rel=0.002)
    rows = found.waterfall.density.sum(axis=1) * RATE / 256
    each = 10 ** (np.interp(found.waterfall.time_s, found.levels.time_s, found.levels.level_dbfs) / 10)
    assert len(rows) > 100
    inside = (found.waterfall.time_s > 0.5) & (found.waterfall.time_s < 1.5)
    assert rows[inside] == pytest.approx(each[inside], rel=0.15)


def test_the_mean_is_that_of_welch_over_the_whole(tmp_path: Path) -> None:
    """Also across the borders of the blocks that are read, and in the last look, which is shorter."""
    samples = noise(2 * (1 << 18) + 12_345)
    found = surveyed(record(tmp_path / "a", samples), bins=512)
    assert found.mean == pytest.approx(power_density(samples, RATE, 512), rel=1e-4)


def test_max_hold_keeps_a_burst_that_the_mean_hides(tmp_path: Path) -> None:
    samples = noise(1_000_000)
    samples[600_000:605_000] += tone(5000, 50_000.0)
    found = surveyed(record(tmp_path / "a", samples))
    at = int(np.argmin(np.abs(found.waterfall.frequency_hz - 50_000)))
    assert 10 * np.log10(found.max_hold[at] / found.mean[at]) > 15
    row = int(np.nanargmax(found.waterfall.density[:, at]))
    assert found.waterfall.time_s[row] == pytest.approx(2.41, abs=2 * found.waterfall.row_s)


def test_rows_have_the_time_of_their_middle_and_gaps_are_no_numbers(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(50_000), gap=50_000)
    found = surveyed(path, row_s=0.1, bins=500)
    assert found.waterfall.row_s == pytest.approx(0.1)
    assert found.waterfall.time_s.tolist() == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45, 0.55])
    inside = np.isnan(found.waterfall.density).all(axis=1).tolist()
    assert inside == [False, False, True, True, False, False]
    # No row beside the gap is weaker for the windows that reach into it.
    assert found.waterfall.density[[0, 1, 4, 5]].mean(axis=1) == pytest.approx(0.01 / RATE, rel=0.03)
    assert found.mean == pytest.approx(np.full(500, 0.01 / RATE), rel=0.35)


@pytest.mark.parametrize("count", [1_300_000, 5_000_000])
def test_rows_are_joined_so_that_their_number_stays(tmp_path: Path, count: int) -> None:
    path = record(tmp_path / "a", noise(count))
    found = surveyed(path, rows=50)
    shape = found.waterfall.density.shape
    assert 50 <= shape[0] <= 100
    assert found.waterfall.row_s * shape[0] == pytest.approx(count / RATE, abs=found.waterfall.row_s)
    means = found.waterfall.density.mean(axis=1)
    assert means == pytest.approx(np.full(shape[0], 0.01 / RATE), rel=0.1)


def test_a_file_that_does_not_say_how_long_it_is_gives_the_same(tmp_path: Path) -> None:
    samples = noise(700_000)
    (tmp_path / "a.cf32").write_bytes(samples.tobytes())
    (tmp_path / "b.cf32.gz").write_bytes(gzip.compress(samples.tobytes(), 1))
    both = []
    for name in ("a.cf32", "b.cf32.gz"):
        with open_recording(tmp_path / name, sample_rate=RATE) as reader:
            both.append(survey(reader, rows=40))
    plain, zipped = both
    assert np.array_equal(plain.waterfall.density, zipped.waterfall.density)
    assert np.array_equal(plain.levels.level_dbfs, zipped.levels.level_dbfs)


def test_a_recording_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    true_read = SampleReader.read

    def counted(self: SampleReader, count: int) -> np.ndarray:
        samples = true_read(self, count)
        read.append(len(samples))
        return samples

    monkeypatch.setattr(SampleReader, "read", counted)
    surveyed(record(tmp_path / "a", noise(900_000)))
    assert sum(read) == 900_000


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    def peak_of(count: int) -> int:
        (tmp_path / f"{count}.cu8").write_bytes(bytes(range(256)) * (count // 128))
        tracemalloc.start()
        with open_recording(tmp_path / f"{count}.cu8", sample_rate=RATE) as reader:
            survey(reader, rows=100)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    short, long = peak_of(2_000_000), peak_of(16_000_000)
    assert long < 1.2 * short


@pytest.mark.parametrize("bins", [6, 1023])
def test_impossible_transforms_are_refused(tmp_path: Path, bins: int) -> None:
    path = record(tmp_path / "a", noise(5000))
    with open_recording(path) as reader, pytest.raises(SdrError, match="an even number of 8 or more"):
        survey(reader, bins=bins)


def test_rows_too_short_for_the_transform_are_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(1000))
    with open_recording(path) as reader, pytest.raises(SdrError, match="rows of 250 samples and 1024 bins"):
        survey(reader, row_s=0.001)


def test_less_than_a_transform_gives_no_row(tmp_path: Path) -> None:
    found = surveyed(record(tmp_path / "a", noise(1000)))
    assert len(found.waterfall.time_s) == 0
    assert np.isnan(found.mean).all()
    assert found.levels.level_dbfs[0] == pytest.approx(-20, abs=0.3)


def test_levels_second_by_second(tmp_path: Path) -> None:
    rate = 10_000.0
    samples = np.concatenate([np.full(10_000, 0.1 + 0j), np.zeros(10_000), np.full(5000, 1j)])
    samples[3] = 2.0
    levels = surveyed(record(tmp_path / "a", samples.astype(np.complex64), rate=rate)).levels
    assert levels.time_s.tolist() == pytest.approx([0.5, 1.5, 2.25])
    assert levels.level_dbfs[0] == pytest.approx(10 * np.log10((9999 * 0.01 + 4) / 10_000), abs=1e-3)
    assert levels.level_dbfs[1] == -np.inf
    assert levels.level_dbfs[2] == pytest.approx(0, abs=1e-5)
    assert levels.clipped.tolist() == pytest.approx([1 / 10_000, 0, 1])
    assert levels.dc[2] == pytest.approx(1j)


def test_a_gap_weakens_no_level(tmp_path: Path) -> None:
    levels = surveyed(record(tmp_path / "a", noise(200_000), gap=100_000)).levels
    assert levels.received.tolist() == [200_000, 200_000]
    assert levels.level_dbfs == pytest.approx([-20, -20], abs=0.1)


def test_the_picture_shows_the_tone_and_the_gap_where_they_are(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(250_000) + 0.5 * tone(250_000, 62_500.0), gap=125_000)
    with open_recording(path) as reader:
        found = survey(reader)
        info = reader.info
    figure = draw_survey(found, info)
    save_survey(found, tmp_path / "a.png", info)
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    figure.savefig(tmp_path / "b.png", dpi=100)  # the layout is known once it is drawn
    box = figure.axes[0].get_window_extent()
    left, right = round(box.x0), round(box.x1)
    top, bottom = len(picture) - round(box.y1), len(picture) - round(box.y0)

    def at(seconds: float) -> int:
        return round(top + (bottom - top) * seconds / 2.5)

    inner = slice(left + (right - left) // 20, right - (right - left) // 20)
    yellow = picture[at(0.5), inner, 0] + picture[at(0.5), inner, 1] - picture[at(0.5), inner, 2]
    place = (inner.start + int(np.argmax(yellow)) - left) / (right - left)
    assert place == pytest.approx(0.75, abs=0.01)  # three quarters to the right
    assert (picture[at(1.05) : at(1.45), inner] == GREY).all()
    assert not (picture[at(0.9), inner] == GREY).all(axis=-1).any()
    assert (picture[at(1.05) : at(1.45), left + 3] == RED).all()
    assert not (picture[at(0.9), left + 3] == RED).all()


def written(path: Path, *pieces: np.ndarray, fmt: str = "cu8") -> Path:
    """Pieces of samples as a receiver gives them, without a gap."""
    with RecordingWriter(
        path,
        format=fmt,
        sample_rate=RATE,
        center_frequency_hz=137.9e6,
        start=datetime(2026, 1, 1, tzinfo=UTC),
        durable=False,
    ) as writer:
        for piece in pieces:
            writer.write(piece)
    return path


@pytest.mark.parametrize("fmt", ["cu8", "cf32"])
@pytest.mark.parametrize("value", [0.0, 0.4 + 0.1j])
def test_constant_samples_set_no_scale_and_weaken_nothing(tmp_path: Path, fmt: str, value: complex) -> None:
    """A receiver that hangs for a third of a recording; zeros that no gap accounts for."""
    dead = np.full(250_000, value, np.complex64)
    path = written(tmp_path / "a", noise(250_000), dead, noise(250_000, seed=3), fmt=fmt)
    with open_recording(path) as reader:
        found, info = survey(reader, row_s=0.1, bins=500), reader.info
    assert np.flatnonzero(found.waterfall.constant).tolist() == list(
        range(10, 19)
    )  # noise reaches into the last
    assert np.isnan(found.waterfall.density).all(axis=1).tolist() == found.waterfall.constant.tolist()
    assert np.median(found.mean) * RATE == pytest.approx(0.01, rel=0.1)
    figure = draw_survey(found, info)
    low, high = figure.axes[0].get_images()[0].get_clim()
    middle = 10 * np.log10(0.01 / RATE)
    assert middle - 10 < low < middle < high < middle + 10
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["constant samples: nothing is heard"]


def test_a_long_gap_and_constant_samples_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with RecordingWriter(
        path, format="cu8", sample_rate=RATE, center_frequency_hz=137.9e6, start=None, durable=False
    ) as writer:
        writer.write(noise(100_000))
        writer.gap(1_000_000, "test")
        writer.write(np.zeros(100_000, np.complex64))
    with open_recording(path) as reader:
        found, info = survey(reader, row_s=0.1, bins=500), reader.info
    assert np.flatnonzero(found.waterfall.constant).tolist() == list(range(44, 48))
    figure = draw_survey(found, info)
    low, high = figure.axes[0].get_images()[0].get_clim()
    assert -84 < low < high < -64  # noise of -74 dB
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 2


@pytest.mark.parametrize("count", [1, 100, 500_000])
def test_a_recording_without_anything_is_drawn_without_a_scale(tmp_path: Path, count: int) -> None:
    path = written(tmp_path / "a", np.zeros(count, np.complex64))
    with open_recording(path) as reader:
        found = survey(reader)
        save_survey(found, tmp_path / "a.png", reader.info)
    assert found.waterfall.constant.all()
    assert np.isnan(found.mean).all()


def test_a_gap_of_a_millisecond_is_marked(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(1_250_000), gap=250)
    with open_recording(path) as reader:
        found, info = survey(reader), reader.info
        save_survey(found, tmp_path / "a.png", reader.info)
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    assert info.gaps[0].sample_count == 250
    red = np.flatnonzero((picture == RED).all(axis=-1).sum(axis=1) > 20)
    assert 1 <= len(red) <= 4


def test_the_same_data_give_the_same_picture(tmp_path: Path) -> None:
    path = record(tmp_path / "a", noise(100_000))
    for name in ("a.png", "b.png"):
        with open_recording(path) as reader:
            save_survey(survey(reader), tmp_path / name, reader.info)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
