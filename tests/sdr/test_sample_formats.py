"""Formats: rounding, saturation, zero; every code survives the way there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdr.errors import RecordingError
from sdr.formats import FORMATS, bytes_per_sample, from_samples, to_samples, zero_bytes

CODES = {
    "cu8": np.arange(256, dtype=np.uint8),
    "cs8": np.arange(-128, 128).astype(np.int8),
    "cs16": np.arange(-32768, 32768).astype("<i2"),
}


@pytest.mark.parametrize("fmt", CODES)
def test_every_code_survives(fmt: str) -> None:
    raw = np.stack([CODES[fmt], CODES[fmt][::-1]], axis=1).tobytes()
    samples = to_samples(raw, fmt)
    assert np.abs(samples.real).max() <= 1
    assert from_samples(samples, fmt) == raw


@pytest.mark.parametrize(
    ("fmt", "value", "code"),
    [
        ("cu8", 0.0, 128), ("cu8", 1.0, 255), ("cu8", -1.0, 0), ("cu8", 7.0, 255), ("cu8", -7.0, 0),
        ("cu8", 0.4 / 127.5, 128), ("cu8", -0.4 / 127.5, 127),
        ("cs8", 0.0, 0), ("cs8", 1.0, 127), ("cs8", -1.0, -128), ("cs8", 0.49 / 128, 0),
        ("cs8", 0.51 / 128, 1),
        ("cs16", 0.0, 0), ("cs16", 2.0, 32767), ("cs16", -2.0, -32768), ("cs16", -0.51 / 32768, -1),
        ("cs16", float("nan"), 0), ("cs16", float("inf"), 32767),
    ],
)  # fmt: skip
def test_rounding_and_saturation(fmt: str, value: float, code: int) -> None:
    raw = from_samples(np.array([complex(value, 0.0)], np.complex64), fmt)
    assert int(np.frombuffer(raw, CODES[fmt].dtype)[0]) == code


def test_byte_order_is_little_endian_i_then_q() -> None:
    assert from_samples(np.array([(1 + 2j) / 32768], np.complex64), "cs16") == b"\x01\x00\x02\x00"
    assert to_samples(b"\x01\x00\x02\x00", "cs16")[0] == np.complex64((1 + 2j) / 32768)
    assert from_samples(np.array([1 - 2j], np.complex64), "cf32") == b"\x00\x00\x80\x3f\x00\x00\x00\xc0"


def test_quantisation_error_is_half_a_step() -> None:
    rng = np.random.default_rng(4)
    samples = (rng.uniform(-0.99, 0.99, 20_000) + 1j * rng.uniform(-0.99, 0.99, 20_000)).astype(np.complex64)
    for fmt, step in (("cu8", 1 / 127.5), ("cs8", 1 / 128), ("cs16", 1 / 32768)):
        error = to_samples(from_samples(samples, fmt), fmt) - samples
        assert np.abs(error.real).max() <= step / 2 * 1.01
        # Uniform error: rms is step / sqrt(12); truncation instead of rounding would double the first figure.
        assert np.sqrt(np.mean(error.real**2)) == pytest.approx(step / np.sqrt(12), rel=0.03)
        assert abs(np.mean(error.real)) < step / 100


def test_cf32_is_bit_exact() -> None:
    samples = np.random.default_rng(5).normal(size=200).astype(np.float32).view(np.complex64)
    assert to_samples(from_samples(samples, "cf32"), "cf32").tobytes() == samples.tobytes()


def test_samples_can_be_changed_in_place() -> None:
    samples = to_samples(bytes(16), "cf32")
    samples[0] = 1
    assert samples[0] == 1


@given(st.sampled_from(FORMATS), st.binary(max_size=64))
def test_torn_samples_are_refused(fmt: str, raw: bytes) -> None:
    if len(raw) % bytes_per_sample(fmt):
        with pytest.raises(RecordingError, match="no whole number"):
            to_samples(raw, fmt)
    else:
        assert len(to_samples(raw, fmt)) == len(raw) // bytes_per_sample(fmt)


def test_zero_bytes_are_the_nearest_code_to_zero() -> None:
    assert zero_bytes(2, "cu8") == b"\x80" * 4
    assert zero_bytes(1, "cs16") == bytes(4)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(RecordingError, match="cf32, cs16, cu8, cs8"):
        bytes_per_sample("cs12")
