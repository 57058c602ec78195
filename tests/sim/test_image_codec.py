"""The image encoder against libjpeg (through Pillow) and the published vectors.

libjpeg writes a JPEG of the same size; its scan is replaced by ours, its tables kept, and libjpeg reads it
back.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sim.errors import SimulationError
from sim.image_codec import coded_bits, encode, quantise, quantiser_steps, spectra

Image8 = NDArray[np.uint8]


def _by_libjpeg(image: Image8, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=False)
    return file.getvalue()


def _with_scan(jpeg: bytes, scan: bytes) -> Image8:
    """The JPEG with another entropy-coded segment, decoded; one lost bit would wreck all that follows."""
    start = jpeg.index(b"\xff\xda")
    head = jpeg[: start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")]
    return np.asarray(Image.open(io.BytesIO(head + scan.replace(b"\xff", b"\xff\x00") + b"\xff\xd9")))


def _scan(image: Image8, quality: int) -> bytes:
    return encode(quantise(spectra(image), quality)[None])[0]


def _smooth(seed: int, width: int = 112) -> Image8:
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.standard_normal((8, width)), axis=1) + np.cumsum(
        random.standard_normal(width) * 4
    )
    return np.clip(128 + walk, 0, 255).astype(np.uint8)


IMAGES = {
    "smooth": _smooth(1),
    "noise": np.random.default_rng(2).integers(0, 256, (8, 112), dtype=np.uint8),
    "black": np.zeros((8, 112), np.uint8),
    "white": np.full((8, 112), 255, np.uint8),
    "chessboard": (np.indices((8, 112)).sum(axis=0) % 2 * 255).astype(np.uint8),
    "blocks": np.repeat(np.arange(14) % 2 * 255, 8)[None].repeat(8, 0).astype(np.uint8),
    "a dot": np.pad(np.full((1, 1), 255, np.uint8), ((7, 0), (7, 104))),
}


@pytest.mark.parametrize("quality", [50, 63, 80, 95, 100])
@pytest.mark.parametrize("name", IMAGES)
def test_libjpeg_reads_our_scan_like_its_own(name: str, quality: int) -> None:
    """From quality 50 up libjpeg's steps are ours; what differs is the rounding of the two transforms."""
    image = IMAGES[name]
    jpeg = _by_libjpeg(image, quality)
    ours = _with_scan(jpeg, _scan(image, quality)).astype(int)
    theirs = np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)
    assert ours.shape == (8, 112)
    _hold_equal(ours, theirs, quality)


def _hold_equal(ours: NDArray[np.int64], theirs: NDArray[np.int64], quality: int) -> None:
    """Equal to 1 but where a coefficient lies on the edge between two steps and may fall to either side.

    One that does moves its block by an eighth of a step in the mean.
    """
    off = np.abs(ours - theirs).reshape(8, 14, 8).mean(axis=(0, 2))
    assert np.median(off) <= 1
    assert off.max() <= 1 + quantiser_steps(quality).max() / 8


@given(st.integers(0, 2**32 - 1), st.integers(50, 100), st.floats(0, 200))
@settings(max_examples=40, deadline=None)
def test_any_picture_survives(seed: int, quality: int, roughness: float) -> None:
    random = np.random.default_rng(seed)
    image = np.clip(_smooth(seed) + roughness * random.standard_normal((8, 112)), 0, 255).astype(np.uint8)
    jpeg = _by_libjpeg(image, quality)
    ours = _with_scan(jpeg, _scan(image, quality)).astype(int)
    theirs = np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)
    _hold_equal(ours, theirs, quality)


def test_published_vectors_come_out(shared_vectors: Path) -> None:
    """Bit for bit at three qualities; at 95 one coefficient lies on the edge between two steps."""
    vectors = json.loads((shared_vectors / "lrpt_segment.json").read_text())
    image = np.array([list(bytes.fromhex(row)) for row in vectors["source_rows_hex"]], np.uint8)
    equal = {v["q"]: _scan(image, v["q"]).hex() == v["scan_hex"] for v in vectors["vectors"]}
    assert [q for q, same in equal.items() if same] == [30, 55, 80]
    last = vectors["vectors"][-1]
    assert abs(len(_scan(image, last["q"])) - len(last["scan_hex"]) // 2) <= 1


def test_the_length_is_known_before_coding() -> None:
    levels = np.stack(
        [quantise(spectra(image), quality) for image in IMAGES.values() for quality in (21, 50, 97)]
    )
    scans = encode(levels)
    assert [(bits + 7) // 8 for bits in coded_bits(levels).tolist()] == [len(scan) for scan in scans]


def test_packets_are_coded_alone() -> None:
    """Many at once equal one by one: the prediction starts anew."""
    levels = np.stack([quantise(spectra(_smooth(seed)), 80) for seed in range(9)])
    assert encode(levels) == [encode(one[None])[0] for one in levels]


def test_spectrum_of_a_strip_is_that_of_its_blocks() -> None:
    strip = _smooth(3, width=1568)
    whole = spectra(np.stack([strip, strip[::-1]]))
    assert whole.shape == (2, 196, 64)
    assert np.allclose(whole[0, 42:56], spectra(strip[:, 336:448]), atol=1e-3)


def test_quantiser_is_annex_k_at_50_and_one_at_100() -> None:
    """First steps in zigzag order of T.81 table K.1: 16 11 12 14 12 10 16 14 13 14."""
    assert quantiser_steps(50)[:10].tolist() == [16, 11, 12, 14, 12, 10, 16, 14, 13, 14]
    assert (quantiser_steps(100) == 1).all()
    assert quantiser_steps(30)[0] == 27  # 16 * 5000 / 30 / 100 = 26.67


def test_dropped_detail_is_dropped() -> None:
    levels = quantise(spectra(IMAGES["noise"]), 90, keep=10)
    assert not levels[:, 10:].any()
    assert levels[:, :10].any()


@pytest.mark.parametrize("quality", [20, 101, 0, -1])
def test_quality_outside_the_instruments_range_is_refused(quality: int) -> None:
    with pytest.raises(SimulationError, match=r"21 \.\.\. 100"):
        quantiser_steps(quality)


def test_a_strip_of_wrong_size_is_refused() -> None:
    with pytest.raises(SimulationError, match="8 rows"):
        spectra(np.zeros((7, 1568), np.uint8))
    with pytest.raises(SimulationError, match="multiple of 8"):
        spectra(np.zeros((8, 1570), np.uint8))
