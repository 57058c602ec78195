"""The image code against published vectors, libjpeg's tables, scipy's transform, and its own plain form."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.fft import idctn

from decoders.instruments.msu_mr_codec import (
    AC_LENGTHS,
    AC_VALUES,
    DC_LENGTHS,
    DC_VALUES,
    decode_packet,
    decode_packet_plain,
    inverse_transform,
    quantiser,
    zigzag,
)

GREY_14 = bytes.fromhex("28a28a28a28a28a28a28a0")  # 14 times DC difference 0 (00) and end of block (1010)


def fresh() -> np.ndarray:
    return np.full((8, 112), 77, np.uint8)


@pytest.fixture(scope="module")
def vectors(shared_vectors: Path) -> list[dict]:
    return json.loads((shared_vectors / "lrpt_segment.json").read_text())["vectors"]


@pytest.mark.parametrize("index", range(4))
def test_published_packets(vectors: list[dict], index: int):
    case = vectors[index]
    counts = fresh()
    blocks, bits = decode_packet(bytes.fromhex(case["scan_hex"]), case["q"], counts)
    expected = np.array([list(bytes.fromhex(row)) for row in case["decoded_rows_hex"]])
    assert blocks == 14
    assert 0 <= len(case["scan_hex"]) * 4 - bits < 8
    assert np.abs(counts - expected).max() <= case["tolerance"]


def test_published_packets_at_every_cut(vectors: list[dict]):
    """A packet cut at any byte gives its whole blocks and leaves the rest alone."""
    case = vectors[1]
    scan, whole = bytes.fromhex(case["scan_hex"]), fresh()
    decode_packet(scan, case["q"], whole)
    before = 0
    for length in range(len(scan) + 1):
        counts = fresh()
        blocks, bits = decode_packet(scan[:length], case["q"], counts)
        assert before <= blocks <= 14
        assert bits <= 8 * length
        assert np.array_equal(counts[:, : blocks * 8], whole[:, : blocks * 8])
        assert (counts[:, blocks * 8 :] == 77).all()
        before = blocks
    assert before == 14


@pytest.mark.parametrize("quality", range(1, 101))
def test_quantiser_is_libjpegs(quality: int):
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", quality=quality)
    stream.seek(0)
    theirs = np.array(Image.open(stream).quantization[0]).reshape(8, 8)
    assert np.array_equal(np.minimum(quantiser(quality), 255), theirs)  # a baseline file holds 8 bits


def test_code_tables_are_libjpegs():
    """Libjpeg writes T.81's tables K.3 and K.5 into a file unless told to optimise."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG")
    octets = stream.getvalue()
    for kind, lengths, values in ((0x00, DC_LENGTHS, DC_VALUES), (0x10, AC_LENGTHS, AC_VALUES)):
        table = bytes([kind, *lengths]) + values
        assert table in octets


def test_zigzag():
    """T.81 figure 5, written out."""
    figure = np.array(
        [
            [0, 1, 5, 6, 14, 15, 27, 28],
            [2, 4, 7, 13, 16, 26, 29, 42],
            [3, 8, 12, 17, 25, 30, 41, 43],
            [9, 11, 18, 24, 31, 40, 44, 53],
            [10, 19, 23, 32, 39, 45, 52, 54],
            [20, 22, 33, 38, 46, 51, 55, 60],
            [21, 34, 37, 47, 50, 56, 59, 61],
            [35, 36, 48, 49, 57, 58, 62, 63],
        ]
    )
    assert np.array_equal(figure.ravel()[zigzag()], np.arange(64))


def test_transform_is_scipys():
    generator = np.random.default_rng(3)
    for _ in range(200):
        coefficients = generator.integers(-200, 200, (8, 8)) * (generator.random((8, 8)) < 0.3)
        exact = idctn(coefficients.astype(float), norm="ortho") + 128
        clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-6  # away from ties
        expected = np.clip(np.floor(exact + 0.5), 0, 255)
        assert np.array_equal(inverse_transform(coefficients)[clear], expected[clear])


@pytest.mark.parametrize("dc", range(-40, 41))
def test_halves_round_up(dc: int):
    """A flat block is dc / 8 above 128; halves go up whatever the basis' last bit."""
    coefficients = np.zeros((8, 8), np.int64)
    coefficients[0, 0] = dc
    assert (inverse_transform(coefficients) == (dc + 4) // 8 + 128).all()


@pytest.mark.parametrize("quality", [-1, 0, 101, 255])
def test_quality_out_of_range(quality: int):
    counts = fresh()
    assert decode_packet(GREY_14, quality, counts) == decode_packet_plain(GREY_14, quality, counts) == (0, 0)
    assert (counts == 77).all()
    with pytest.raises(ValueError, match="quality factor"):
        quantiser(quality)


def test_flat_packet():
    counts = fresh()
    assert decode_packet(GREY_14, 50, counts) == (14, 84)
    assert (counts == 128).all()


def test_no_such_code_ends_the_packet():
    assert decode_packet(GREY_14[:3] + b"\xff" * 20, 50, fresh())[0] == 4


def test_view_of_a_picture():
    picture = np.zeros((24, 1568), np.uint8)
    assert decode_packet(GREY_14, 50, picture[8:16, 112:224])[0] == 14
    assert (picture[8:16, 112:224] == 128).all()
    assert picture.sum() == 8 * 112 * 128


@pytest.mark.parametrize(
    ("counts", "error"),
    [
        (np.zeros((8, 111), np.uint8), ValueError),
        (np.zeros((7, 112), np.uint8), ValueError),
        (np.zeros((112, 8), np.uint8).T, ValueError),
        (np.zeros((8, 112), np.uint16), TypeError),
        (np.frombuffer(bytes(896), np.uint8).reshape(8, 112), TypeError),
    ],
)
def test_wrong_array_is_refused(counts: np.ndarray, error: type[Exception]):
    with pytest.raises(error):
        decode_packet(GREY_14, 50, counts)


def both_agree(scan: bytes, quality: int) -> int:
    fast, plain = fresh(), fresh()
    result = decode_packet(scan, quality, fast)
    assert result == decode_packet_plain(scan, quality, plain)
    assert np.array_equal(fast, plain)
    return result[0]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 101))
@example(b"", 50)
@example(b"\xff" * 40, 50)
@example(bytes(40), 1)
def test_kernel_equals_plain_on_anything(scan: bytes, quality: int):
    both_agree(scan, quality)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3), st.integers(1, 100), st.lists(st.integers(0, 10**4), max_size=6), st.data())
def test_kernel_equals_plain_on_broken_packets(
    vectors: list[dict], index: int, quality: int, flips: list[int], data: st.DataObject
):
    scan = bytearray.fromhex(vectors[index]["scan_hex"])
    for flip in flips:
        scan[flip % len(scan)] ^= 1 << flip % 8
    both_agree(bytes(scan[: data.draw(st.integers(0, len(scan)))]), quality)
