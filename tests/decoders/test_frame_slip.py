"""A slip of whole bytes: Reed-Solomon is cyclic and would pass every shifted frame; none may come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import join_block
from decoders.downlink import load_downlink
from decoders.framing.frame_sync import FrameFinder
from tests.decoders.lrpt_stream import sent_cadus

FRAME_BYTES = 1024


def stream(cadus: list[bytes]) -> np.ndarray:
    """The bits of the frames as they were sent, one after the other."""
    blocks = [np.frombuffer(cadu[4:], dtype=np.uint8) for cadu in cadus]
    sent = [
        np.concatenate([np.frombuffer(b"\x1a\xcf\xfc\x1d", np.uint8), randomise(b, "ccsds-255")])
        for b in blocks
    ]
    return np.unpackbits(np.concatenate(sent))


def cadus_found(bits: np.ndarray, block: int = 10**9) -> list[bytes]:
    (mode,) = load_downlink("meteor_m2_lrpt_72k").modes
    finder = FrameFinder(mode)
    found = [one for k in range(0, bits.size, block) for one in finder.process(bits[k : k + block])]
    found += finder.flush()
    return [join_block(f.block.words, basis=mode.rs_basis).tobytes() for f in found if f.block.proven]


@pytest.fixture
def cadus(shared_data: Path) -> list[bytes]:
    data = (shared_data / "lrpt" / "meteor-m2_2019-03-24_expected.cadu").read_bytes()
    return [data[i : i + FRAME_BYTES] for i in range(0, len(data), FRAME_BYTES)]


@pytest.mark.parametrize("slip_bytes", [-60, -21, -1, 1, 21, 60])
def test_a_slip_of_whole_bytes_brings_no_shifted_frame(cadus: list[bytes], slip_bytes: int) -> None:
    bits = stream(cadus)
    cut = (5 * FRAME_BYTES + 500) * 8
    extra = np.random.default_rng(1).integers(0, 2, 8 * max(slip_bytes, 0), dtype=np.uint8)
    slipped = np.concatenate([bits[:cut], extra, bits[cut - 8 * min(slip_bytes, 0) :]])
    expected = [cadu[4:] for i, cadu in enumerate(cadus) if i != 5]
    found = cadus_found(slipped)
    assert [block for block in found if block not in {cadu[4:] for cadu in cadus}] == []
    # The frame with the slip may itself be mended where the slip is small.
    assert [block for block in found if block != cadus[5][4:]] == expected


def test_a_slip_just_behind_a_marker_brings_no_shifted_frame() -> None:
    """The marker is right and the block behind it a cyclic shift; one in four has the right version."""
    cadus = sent_cadus(5, seed=5)
    sent, bits = {cadu[4:] for cadu in cadus}, stream(cadus)
    rng = np.random.default_rng(3)
    for _ in range(150):
        cut, slip = 8 * (2 * FRAME_BYTES + 4 + int(rng.integers(0, 50))), 8 * int(rng.integers(1, 50))
        more = rng.integers(0, 2, slip, dtype=np.uint8)
        for slipped in ((bits[:cut], bits[cut + slip :]), (bits[:cut], more, bits[cut:])):
            found = cadus_found(np.concatenate(slipped))
            assert set(found) <= sent
            assert len(found) >= 4


def test_frames_without_markers_at_the_start_come_out_the_same_in_any_blocks() -> None:
    """How far one looks back, and around a place without marker, must not depend on what was handed in."""
    cadus = sent_cadus(9, seed=6)
    bits = stream(cadus)
    for k in range(5):
        bits[8 * FRAME_BYTES * k :][:32] ^= np.resize([1, 0, 1, 0], 32).astype(np.uint8)
    whole = cadus_found(bits)
    assert whole[-4:] == [cadu[4:] for cadu in cadus[5:]]
    for block in (501, 8192, 20_011):
        assert cadus_found(bits, block) == whole


def test_a_frame_without_its_marker_is_still_found(cadus: list[bytes]) -> None:
    bits = stream(cadus)
    marker = slice(5 * FRAME_BYTES * 8, 5 * FRAME_BYTES * 8 + 32)
    bits[marker] = np.random.default_rng(2).integers(0, 2, 32, dtype=np.uint8)
    assert cadus_found(bits) == [cadu[4:] for cadu in cadus]
