"""Unprotected frames in soft bits: which come out, which are damaged, how seldom noise makes one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from decoders.downlink import Mode, load_downlink
from decoders.framing.uncoded_sync import UncodedFinder, UncodedFrame, pair_errors

NAMES = ("noaa_hrpt", "meteor_hrpt")


def mode_of(name: str) -> Mode:
    (mode,) = load_downlink(name).modes
    return mode


def sent(name: str, count: int, seed: int = 1) -> np.ndarray:
    """Frames of random bits behind their marker, shape (count, frame_bits)."""
    marker = {"noaa_hrpt": "a116fd719d83c95", "meteor_hrpt": "1acffc1d"}[name]
    length = {"noaa_hrpt": 110_900, "meteor_hrpt": 8192}[name]
    bits = np.random.default_rng(seed).integers(0, 2, (count, length)).astype(np.uint8)
    bits[:, : 4 * len(marker)] = [int(bit) for digit in marker for bit in f"{int(digit, 16):04b}"]
    return bits


def soft_of(bits: np.ndarray, ebn0_db: float, seed: int = 2) -> np.ndarray:
    """int8 soft bits of antipodal signals in white noise."""
    noise = np.random.default_rng(seed).normal(scale=math.sqrt(0.5 / 10 ** (ebn0_db / 10)), size=bits.size)
    value = 40 * (2.0 * bits.reshape(-1) - 1 + noise)
    return np.clip(np.rint(value), -127, 127).astype(np.int8)


def found(name: str, soft: np.ndarray, block: int = 50_000) -> list[UncodedFrame]:
    finder = UncodedFinder(mode_of(name))
    frames = [f for k in range(0, soft.size, block) for f in finder.process(soft[k : k + block])]
    return frames + finder.flush()


def good(frames: list[UncodedFrame]) -> list[int]:
    return [frame.bit_index for frame in frames if frame.good]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_every_frame_comes_out_first_and_last_included(name: str, sign: int) -> None:
    bits = sent(name, 7)
    frames = found(name, soft_of(bits, 12.0) * sign)
    assert good(frames) == [k * bits.shape[1] for k in range(7)]
    assert np.array_equal([frame.bits for frame in frames], bits)
    assert all(("inverted" in frame.state) == (sign < 0) for frame in frames)
    assert "the input ends with it" in frames[-1].state


@pytest.mark.parametrize("name", NAMES)
def test_the_cut_frames_at_both_ends_are_told(name: str) -> None:
    bits = sent(name, 5)
    length = bits.shape[1]
    frames = found(name, soft_of(bits, 12.0)[1000:-700])
    assert good(frames) == [k * length - 1000 for k in (1, 2, 3)]
    assert [frame.good for frame in frames] == [False, True, True, True, False]
    assert "begins 1000 bits late" in frames[0].state
    assert np.array_equal(frames[0].bits[1000:], bits[0, 1000:])
    assert "ends 700 bits before" in frames[-1].state
    assert np.array_equal(frames[-1].bits[:-700], bits[-1, :-700])


@pytest.mark.parametrize("name", NAMES)
def test_blocks_equal_whole(name: str) -> None:
    bits = sent(name, 4 if name == "noaa_hrpt" else 40)
    soft = soft_of(bits, 3.0)
    rng = np.random.default_rng(3)
    length = bits.shape[1]
    soft[2 * length + 5000 : 3 * length + 2000] = rng.integers(-30, 31, length - 3000)
    soft = np.concatenate([rng.integers(-30, 31, 20_000).astype(np.int8), soft[3000:]])

    def told(block: int) -> list[tuple[object, ...]]:
        frames = found(name, soft, block)
        return [(f.bit_index, f.good, f.state, f.marker_errors, f.ebn0_db, f.bits.tobytes()) for f in frames]

    whole = told(10**9)
    for block in (997, 8192, 100_003):
        assert told(block) == whole


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("slip", [-40, -1, 1, 40])
def test_a_slip_marks_its_frame_as_damaged_and_costs_no_other(name: str, slip: int) -> None:
    bits = sent(name, 6)
    length = bits.shape[1]
    soft = soft_of(bits, 10.0)
    at = 2 * length + length // 3
    soft = np.delete(soft, np.arange(at, at - slip)) if slip < 0 else np.insert(soft, [at] * slip, 30)
    frames = found(name, soft)
    assert good(frames) == [0, length, *(k * length + slip for k in (3, 4, 5))]
    assert [frame.good for frame in frames] == [True, True, False, True, True, True]
    assert f"damaged: {abs(slip)} bits {'lost' if slip < 0 else 'too many'} within it" in frames[2].state


@pytest.mark.parametrize("name", NAMES)
def test_polarity_that_turns_within_a_frame(name: str) -> None:
    bits = sent(name, 6)
    length = bits.shape[1]
    soft = soft_of(bits, 10.0)
    soft[2 * length + length // 2 :] *= -1
    frames = found(name, soft)
    assert [frame.good for frame in frames] == [True, True, False, True, True, True]
    assert "polarity turned" in frames[2].state
    assert np.array_equal(frames[5].bits, bits[5])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("faded", [1, 3])
def test_the_flywheel_carries_through_a_fade(name: str, faded: int) -> None:
    """Frames in the fade are located and counted, not passed on; the others come out."""
    count = faded + 6
    bits = sent(name, count)
    length = bits.shape[1]
    soft = soft_of(bits, 8.0)
    fade = slice(3 * length - 200, (3 + faded) * length - 200)
    soft[fade] = np.random.default_rng(4).integers(-3, 4, faded * length)
    frames = found(name, soft)
    assert [frame.bit_index for frame in frames] == [k * length for k in range(count)]
    assert [frame.good for frame in frames] == [True] * 2 + [False] * (faded + 1) + [True] * 3
    assert all("faded" in frame.state for frame in frames if not frame.good)


def test_a_frame_with_erased_bits_is_damaged() -> None:
    """Lost samples are filled in as erasures, so that the markers still stand at frame distance."""
    bits = sent("meteor_hrpt", 6)
    soft = soft_of(bits, 9.0)
    soft[2 * 8192 + 3000 : 2 * 8192 + 3500] = 0
    soft[4 * 8192 + np.random.default_rng(1).choice(np.arange(100, 8000), 200, replace=False)] = 0
    frames = found("meteor_hrpt", soft)
    assert [frame.good for frame in frames] == [True, True, False, True, True, True]
    assert "500 bits of it are missing" in frames[2].state


def test_samples_lost_within_a_frame_cut_it_and_nothing_else() -> None:
    bits = sent("meteor_hrpt", 8)
    soft = np.delete(soft_of(bits, 9.0), np.arange(3 * 8192 + 2000, 3 * 8192 + 2000 + 3000))
    frames = found("meteor_hrpt", soft)
    assert [frame.good for frame in frames] == [True] * 3 + [False] + [True] * 4
    assert "another frame begins 5192 bits on" in frames[3].state
    for frame, number in zip((f for f in frames if f.good), (0, 1, 2, 4, 5, 6, 7), strict=True):
        assert np.count_nonzero(frame.bits != bits[number]) < 20


@pytest.mark.parametrize("ebn0_db", [2.0, 4.0, 6.0])
def test_weak_signals_keep_their_frames(ebn0_db: float) -> None:
    """At 2 dB 3.8 % of the bits are wrong; the frames are found all the same."""
    bits = sent("meteor_hrpt", 100)
    frames = found("meteor_hrpt", soft_of(bits, ebn0_db))
    assert len(good(frames)) >= (97 if ebn0_db < 3 else 100)
    assert set(good(frames)) <= {k * 8192 for k in range(100)}
    levels = [frame.ebn0_db for frame in frames if frame.ebn0_db is not None]
    assert np.median(levels) == pytest.approx(ebn0_db, abs=0.6)


@pytest.mark.parametrize(("bits", "most"), [(32, 5), (60, 21)])
def test_the_bound_of_false_pairs(bits: int, most: int) -> None:
    """Twice (both polarities) the share of words of 2 x bits with so few wrong bits."""
    share = [sum(math.comb(2 * bits, k) for k in range(n + 1)) / 4**bits for n in (most, most + 1)]
    assert 2 * share[0] <= 1e-12 < 2 * share[1]
    assert pair_errors(bits) == most


@pytest.mark.parametrize("name", NAMES)
def test_no_frame_is_made_of_noise(name: str) -> None:
    rng = np.random.default_rng(5)
    for soft in (
        rng.integers(-127, 128, 600_000),
        rng.choice([-64, 64], 600_000),
        np.zeros(300_000),
        np.full(300_000, 127),
        np.tile([90, -90], 150_000),
        np.tile(np.repeat([-64, 64], 16), 10_000),
    ):
        assert found(name, soft.astype(np.int8)) == []


@settings(max_examples=40, deadline=None)
@example(cut=0, start=3626, size=4567, seed=0)
@given(
    cut=st.integers(0, 8191),
    start=st.integers(0, 6 * 8192),
    size=st.integers(0, 8191),
    seed=st.integers(0, 99),
)
def test_a_gap_anywhere_leaves_the_untouched_frames(cut: int, start: int, size: int, seed: int) -> None:
    bits = sent("meteor_hrpt", 8, seed)
    kept = np.delete(np.arange(cut, bits.size), np.arange(start, start + size))
    soft = soft_of(bits, 20.0)[kept]
    frames = found("meteor_hrpt", soft)
    # Behind the marker: of that itself some bits may have gone with the gap.
    rows = {row[32:].tobytes() for row in bits}
    got = [frame.bits[32:].tobytes() for frame in frames if frame.good]
    assert set(got) <= rows
    places = np.searchsorted(kept, np.arange(9) * 8192)
    whole = [k for k in range(8) if places[k + 1] - places[k] == 8192 and kept[places[k]] == 8192 * k]
    # A whole frame before a gap lacks its second marker; and a chain must begin with two.
    assert len(got) >= len(whole) - 2


@pytest.mark.parametrize("name", NAMES)
def test_frames_of_which_a_fifth_of_the_bits_is_wrong_are_not_good(name: str) -> None:
    """Their markers stand weakly, and the ones before and behind them are sure."""
    good_ones, weak = 0, 40 if name == "meteor_hrpt" else 4
    for seed in range(4):
        bits = sent(name, weak + 8, seed)
        length = bits.shape[1]
        soft = soft_of(bits, 12.0, seed)
        faint = slice(4 * length - 100, (4 + weak) * length + 100)
        soft[faint] = soft_of(bits.reshape(-1)[faint], -4.5, seed)
        frames = found(name, soft)
        assert {k * length for k in (*range(3), *range(5 + weak, 8 + weak))} <= set(good(frames))
        good_ones += len([at for at in good(frames) if 4 * length <= at < (3 + weak) * length])
    assert good_ones <= 0.1 * 4 * weak


def test_a_few_bits_that_are_missing_in_a_row_are_told() -> None:
    bits = sent("noaa_hrpt", 4)
    soft = soft_of(bits, 10.0)
    soft[110_900 + 5000 : 110_900 + 5011] = 0
    frames = found("noaa_hrpt", soft)
    assert [frame.good for frame in frames] == [True, False, True, True]
    assert "11 bits of it are missing" in frames[1].state
