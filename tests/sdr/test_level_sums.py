"""Level, clipping and DC: the kernel against its plain form, the plain form against what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sdr.formats import FORMATS, bytes_per_sample, from_samples, sample_format
from sdr.index_line import Level
from sdr.level_meter import LevelMeter
from sdr.level_sums import level_sums, plain_level_sums


def raw_of(fmt: str, count: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    if fmt == "cf32":
        return rng.normal(0, 0.6, 2 * count).astype("<f4").tobytes()
    info = np.iinfo(sample_format(fmt).dtype)
    return rng.integers(info.min, info.max + 1, 2 * count, sample_format(fmt).dtype).tobytes()


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 5000])
def test_the_kernel_equals_the_plain_form(fmt: str, count: int) -> None:
    raw = raw_of(fmt, count, count)
    fast, plain = level_sums(raw, fmt), plain_level_sums(raw, fmt)
    assert (fast.count, fast.clipped) == (count, plain.clipped)
    if fmt == "cf32":
        assert (fast.i, fast.q, fast.power) == pytest.approx((plain.i, plain.q, plain.power), rel=1e-12)
    else:
        assert (fast.i, fast.q, fast.power) == (plain.i, plain.q, plain.power)


@pytest.mark.parametrize("fmt", ["cs16", "cs8", "cu8"])
def test_extreme_codes_do_not_overflow(fmt: str) -> None:
    info = np.iinfo(sample_format(fmt).dtype)
    for code in (info.min, info.max):
        raw = np.full(2 * 3000, code, sample_format(fmt).dtype).tobytes()
        assert level_sums(raw, fmt) == plain_level_sums(raw, fmt)
        assert level_sums(raw, fmt).clipped == 3000


def test_what_is_not_finite_counts_as_zero() -> None:
    raw = np.array([np.nan, 0.5, np.inf, -np.inf], "<f4").tobytes()
    assert level_sums(raw, "cf32") == plain_level_sums(raw, "cf32")
    assert level_sums(raw, "cf32").power == 0.25


@pytest.mark.parametrize("fmt", FORMATS)
def test_bytes_at_any_place_and_of_no_whole_sample(fmt: str) -> None:
    raw = raw_of(fmt, 1500, 3)
    shifted = memoryview(bytearray(b"x" + raw))[1:]
    assert level_sums(shifted, fmt) == level_sums(raw, fmt)
    with pytest.raises(ValueError, match="whole samples"):
        level_sums(raw[:-1], fmt)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_known_tone_has_its_level_and_dc(fmt: str) -> None:
    rate = 8000
    time = np.arange(3 * rate) / rate
    samples = 0.25 * np.exp(2j * np.pi * 440 * time) + (0.125 - 0.0625j)
    meter = LevelMeter(fmt, rate)
    raw, done = from_samples(samples, fmt), []
    step = 777 * bytes_per_sample(fmt)
    for first in range(0, len(raw), step):
        done += meter.add(raw[first : first + step])
    done += meter.flush()
    assert [level.second for level in done] == [0, 1, 2]
    for level in done:
        assert level.dbfs == pytest.approx(10 * math.log10(0.25**2 + 0.125**2 + 0.0625**2), abs=0.05)
        assert level.dc == pytest.approx(0.125 - 0.0625j, abs=2e-3)
        assert level.clipped == 0


def test_seconds_in_a_gap_have_no_level() -> None:
    meter = LevelMeter("cs16", 1000.5)
    done = meter.add(bytes(4 * 500)) + meter.skip(3000) + meter.add(bytes(4 * 1000)) + meter.flush()
    assert done == [Level(0, None, 0.0, 0j), Level(3, None, 0.0, 0j), Level(4, None, 0.0, 0j)]
