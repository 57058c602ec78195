"""Markers among soft bits: their strength, how seldom noise passes, frames whose marker is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.coding.viterbi import encode
from decoders.downlink import load_downlink
from decoders.framing.frame_sync import FrameFinder
from decoders.framing.marker_search import SEARCH_STRENGTH, MarkerSearch, strength_of
from tests.decoders.coded_stream import sent_cadus
from tests.decoders.test_frame_slip import stream

SIGNS = np.array([1, -1, -1, 1, 1, 1, -1], np.int8)


@settings(max_examples=100, deadline=None)
@given(soft=st.lists(st.integers(-127, 127), max_size=60), step=st.sampled_from([1, 2]))
def test_strength_is_its_formula(soft: list[int], step: int) -> None:
    given_soft = np.array(soft, np.int8)
    expected = []
    for k in range(0, max(0, len(soft) - 6), step):
        window = np.array(soft[k : k + 7], float)
        expected.append(float(window @ SIGNS) / max(1.0, math.sqrt(float(window @ window))))
    assert strength_of(given_soft, SIGNS, step) == pytest.approx(expected, abs=1e-5)


def test_full_scale_does_not_overflow() -> None:
    signs = np.ones(256, np.int8)
    assert strength_of(np.full(256, 127, np.int8), signs)[0] == pytest.approx(16.0)
    assert strength_of(np.full(256, -127, np.int8), signs)[0] == pytest.approx(-16.0)


@pytest.mark.parametrize("kind", ["gaussian", "hard", "bursts"])
def test_noise_passes_less_often_than_the_bound(kind: str) -> None:
    """2 exp(-z^2 / 2) whatever the magnitudes, here at z = 3.5: 4.4e-3."""
    rng = np.random.default_rng(1)
    size = rng.integers(1, 60, 400_000) if kind == "gaussian" else np.full(400_000, 64)
    if kind == "bursts":
        size = np.where(rng.random(400_000) < 0.05, 127, 3)
    soft = (size * rng.choice([-1, 1], 400_000)).astype(np.int8)
    marker = (2 * load_downlink("meteor_hrpt").modes[0].marker_pattern.astype(np.int8) - 1).astype(np.int8)
    passed = np.mean(np.abs(strength_of(soft, marker)) >= 3.5)
    assert passed < 2 * math.exp(-(3.5**2) / 2)


@pytest.mark.parametrize("name", ["meteor_m2_lrpt_72k", "meteor_lrpt_72k"])
def test_a_marker_whose_bits_are_wrong_is_found_by_its_symbols(name: str) -> None:
    (mode,) = load_downlink(name).modes
    search = MarkerSearch(mode)
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, 400).astype(np.uint8)
    bits[100:132] = mode.marker_pattern
    levels = np.bitwise_xor.accumulate(bits) if mode.differential == "nrz-m" else bits
    noisy = 2.0 * encode(levels) - 1 + rng.normal(scale=0.8, size=800)
    soft = np.clip(np.rint(40 * noisy), -127, 127).astype(np.int8)
    decoded = bits.copy()
    decoded[104:124] ^= rng.integers(0, 2, 20).astype(np.uint8)  # a burst of the Viterbi decoder
    assert 100 not in search.places(decoded, None)
    assert 100 in search.places(decoded, soft)
    seen = search.look(decoded[100:132], soft[200:264])
    assert seen.strength >= SEARCH_STRENGTH
    assert not seen.inverted
    if mode.differential == "none":
        turned = search.look(1 - decoded[100:132], -soft[200:264])
        assert turned.inverted
        assert turned.errors == seen.errors


def test_a_lone_frame_with_a_hidden_marker_comes_out() -> None:
    """Nothing but the symbols tells where it begins: no neighbour, a third of the marker's bits wrong."""
    (mode,) = load_downlink("meteor_m2_lrpt_72k").modes
    rng = np.random.default_rng(3)
    bits = stream(sent_cadus("m2_72k", 1, scid=0))
    bits = np.concatenate([rng.integers(0, 2, 3001).astype(np.uint8), bits, np.zeros(3000, np.uint8)])
    soft = np.where(encode(bits) > 0, 40, -40).astype(np.int8)
    hidden = bits.copy()
    hidden[3001 + np.arange(3, 32, 3)] ^= 1
    for given_soft, found_frames in ((None, 0), (soft, 1)):
        finder = FrameFinder(mode)
        found = [*finder.process(hidden, given_soft), *finder.flush()]
        assert [one.bit_index for one in found if one.block.proven] == [3001] * found_frames
