from __future__ import annotations

import numpy as np
import pytest

from decoders.coding import _fec
from decoders.coding.marker import marker_correlation, marker_correlation_plain

INSTRUCTION_SETS = [name for name in ("generic", "v3", "v4") if name <= _fec.instruction_set()]
NOAA_HRPT = 0xA116FD719D83C95


@pytest.mark.parametrize(
    ("marker", "marker_bits"), [(0x1ACFFC1D, 32), (NOAA_HRPT, 60), (1, 1), (2**64 - 1, 64)]
)
@pytest.mark.parametrize("size", [0, 1, 31, 59, 60, 63, 64, 65, 127, 128, 200, 1000])
def test_distance_of_every_window(marker: int, marker_bits: int, size: int) -> None:
    bits = np.random.default_rng(size).integers(0, 2, size).astype(np.uint8)
    pattern = [int(digit) for digit in f"{marker:0{marker_bits}b}"]
    wanted = [
        sum(a != b for a, b in zip(bits[k : k + marker_bits], pattern, strict=True))
        for k in range(size - marker_bits + 1)
    ]
    for instruction_set in INSTRUCTION_SETS:
        got = _fec.marker_distance(bits, marker, marker_bits, instruction_set)
        assert got.dtype == np.uint8
        assert got.tolist() == wanted


def test_a_marker_is_at_distance_none_and_its_inverse_at_all() -> None:
    bits = np.array([int(digit) for digit in f"{NOAA_HRPT:060b}"], dtype=np.uint8)
    assert _fec.marker_distance(bits, NOAA_HRPT, 60).tolist() == [0]
    assert _fec.marker_distance(1 - bits, NOAA_HRPT, 60).tolist() == [60]


def test_markers_that_do_not_fit_are_refused() -> None:
    bits = np.zeros(100, np.uint8)
    for marker_bits in (0, 65):
        with pytest.raises(ValueError, match="1 … 64"):
            _fec.marker_distance(bits, 0, marker_bits)
    with pytest.raises(ValueError, match="more bits"):
        _fec.marker_distance(bits, NOAA_HRPT, 32)


@pytest.mark.parametrize("size", [1, 32, 60, 128, 129, 500])
@pytest.mark.parametrize("places", [0, 1, 63, 64, 65, 300])
def test_correlation_equals_plain_form(size: int, places: int) -> None:
    rng = np.random.default_rng(size)
    count = size - 1 + places
    pattern = rng.integers(-1, 2, size).astype(np.int8)
    for soft in (rng.integers(-128, 128, count), np.full(count, -128)):
        given = soft.astype(np.int8)
        for signs in (pattern, np.full(size, -1, np.int8)):
            got = marker_correlation(given, signs)
            assert got.dtype == np.int32
            wanted = marker_correlation_plain(given, signs)
            assert np.array_equal(got, wanted)
            for instruction_set in INSTRUCTION_SETS:
                assert np.array_equal(_fec.marker_correlation(given, signs, instruction_set), wanted)


def test_patterns_that_do_not_fit_are_refused() -> None:
    soft = np.zeros(100, np.int8)
    with pytest.raises(ValueError, match="-1, 0 and 1"):
        marker_correlation(soft, np.array([1, 2], np.int8))
    with pytest.raises(ValueError, match="1 … 65536"):
        marker_correlation(soft, np.zeros(0, np.int8))
