"""Whatever was done to a stream, frames come again soon after: nothing leaves the decoder stuck."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.coding.ambiguity import ambiguities
from decoders.coding.ambiguity_trial import NOISE_SHARE, AmbiguityTrial
from decoders.coding.inner_decoder import GRIDS, GROUP_BLOCKS
from decoders.downlink import Mode, load_downlink
from decoders.framing.frames import FrameDecoder
from tests.decoders import coded_stream, lrpt_stream
from tests.decoders.disturbed_soft import KINDS, DisturbedLine
from tests.decoders.punctured_stream import turned

MODES = {
    "72k": load_downlink("meteor_lrpt_72k").modes[0],
    "80k": load_downlink("meteor_lrpt_80k").modes[0],
    "metop_ahrpt": load_downlink("metop_ahrpt").modes[0],
}
# So many frames behind a disturbance all come again: two groups of blocks, in which a wrong ambiguity is
# found whatever made it, and one more frame; interleaved, the 18 s through which the rows are spread, too.
GROUP_FRAMES = {
    name: GROUP_BLOCKS * GRIDS[mode.code].block_bits // mode.frame_bits for name, mode in MODES.items()
}
SPREAD_FRAMES = 160
BLOCK_SOFT = {"72k": 2048, "metop_ahrpt": 2728}  # soft bits of a block of the inner decoder
LOCKED_AGAIN = {
    "72k": 2 * GROUP_FRAMES["72k"] + 1,
    "metop_ahrpt": 2 * GROUP_FRAMES["metop_ahrpt"] + 1,
    "80k": SPREAD_FRAMES + 2 * GROUP_FRAMES["80k"] + 1,
}


def sent(name: str, frames: int, ebn0_db: float, rng: np.random.Generator) -> tuple[list[bytes], NDArray]:
    """CADUs and their soft bits."""
    seed = int(rng.integers(1 << 30))
    if name == "metop_ahrpt":
        cadus = coded_stream.sent_cadus(name, frames, scid=11, seed=seed)
        return cadus, coded_stream.received(name, coded_stream.coded_bits(name, cadus), ebn0_db, rng)
    cadus = lrpt_stream.sent_cadus(frames, seed=seed)
    return cadus, lrpt_stream.received(lrpt_stream.coded_bits(name, cadus), ebn0_db, rng)


def soft_per_frame(mode: Mode) -> float:
    """On air; interleaved, a marker of 8 stands before every 72 of them."""
    markers = 80 / 72 if mode.interleaver != "none" else 1.0
    return markers * mode.frame_bits * mode.soft_bits_per_symbol / mode.information_bits_per_symbol


def good(name: str, soft: NDArray, position: NDArray, portion: int) -> tuple[set[bytes], set[str]]:
    """Good frames and the states in which they came."""
    decoder = FrameDecoder(MODES[name])
    frames = [
        frame
        for k in range(0, position.size, portion)
        for frame in decoder.process(soft[2 * k : 2 * (k + portion)], position[k : k + portion])
    ] + decoder.flush()
    return {frame.cadu for frame in frames if frame.good}, {frame.state for frame in frames if frame.good}


def missing_after(
    name: str, quiet: int, bouts: int, rng: np.random.Generator, kinds: tuple[str, ...] = KINDS
) -> tuple[int, int, set[str], list[str]]:
    """Bouts of close disturbances, each followed by a quiet stretch.

    Returns:
        Frames behind the last disturbance of a bout up to the last one missing, at most; frames that were
        never sent; states; what was done.
    """
    each = soft_per_frame(MODES[name])
    # Interleaved, a frame is on air for so many more, and far longer disturbances are borne.
    spread, bout = (SPREAD_FRAMES, 60) if name == "80k" else (0, 6)
    quiet += spread
    cadus, soft = sent(name, bouts * (bout + quiet), float(rng.uniform(3.5, 9.0)), rng)
    line = DisturbedLine(rng, longest=int(bout / 3 * each), kinds=kinds)
    quiet_from: list[float] = []
    for k in range(bouts):
        begin, end = int(k * (bout + quiet) * each), int((k + 1) * (bout + quiet) * each)
        places = np.sort(rng.uniform(begin + each * (k == 0), begin + bout * each, int(rng.integers(2, 12))))
        edges = [begin, *(places // 2 * 2).astype(int).tolist(), end if k + 1 < bouts else soft.size]
        for first, last in pairwise(edges):
            if last - first > 4:
                line.send(soft[first:last], first, 0 if first == begin else int(rng.integers(1, 3)))
        quiet_from.append(edges[-2] / each)
    portion = int(rng.choice([3000, 20_000, 10**7]))
    found, states = good(name, *line.received(), portion)
    worst = 0
    for k, start in enumerate(quiet_from):
        frames = range(int(start), (k + 1) * (bout + quiet) - spread)
        worst = max(worst, *(0 if cadus[n] in found else n + 1 - int(start) for n in frames))
    invented = found - set(cadus) - set(lrpt_stream.beside() if name == "80k" else ())
    return worst, len(invented), states, line.seen


def gaps_on_blocks(
    name: str, gaps: int, rng: np.random.Generator
) -> tuple[list[bytes], NDArray, list[float]]:
    """CADUs, soft bits with gaps told wrongly, and the frames within which the gaps begin, four frames apart.

    What was filled in is a whole block of the inner decoder and holds three soft bits of the smallest size;
    its run-up and run-out are full of signal. Behind each gap the ambiguity is another one.
    """
    each, block = soft_per_frame(MODES[name]), BLOCK_SOFT[name]
    cadus, soft = sent(name, 4 * (gaps + 1), 7.0, rng)
    pieces: list[NDArray] = []
    places: list[float] = []
    at = received = 0
    for k in range(1, gaps + 1):
        end = int(4 * k * each)
        end += -(received + end - at) % block
        gap = np.zeros(block, np.int8)
        gap[rng.choice(block, 3, replace=False)] = rng.choice([-1, 1], 3)
        pieces += [soft[at:end], gap]
        received += end - at + block
        places.append(end / each)
        at = end + block + int(rng.integers(-60, 60))
        pairs = soft[at + at % 2 :]
        pairs[:] = turned(pairs, int(rng.integers(4)))
    return cadus, np.concatenate([*pieces, soft[at:]]), places


@pytest.mark.parametrize("name", BLOCK_SOFT)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_gap_that_fills_a_block_costs_the_frames_next_to_it(name: str, seed: int) -> None:
    """Three soft bits told an ambiguity, and that noise agrees with it; then no frame came any more."""
    cadus, soft, places = gaps_on_blocks(name, 40, np.random.default_rng(seed))
    decoder = FrameDecoder(MODES[name])
    frames = decoder.process(soft) + decoder.flush()
    found = {frame.cadu for frame in frames if frame.good}
    length = (BLOCK_SOFT[name] + 60) / soft_per_frame(MODES[name])
    for start, end in zip([-2.0, *places], [*places, float(len(cadus))], strict=True):
        due = range(int(np.ceil(max(0.0, start + length + 1))), int(end))
        assert {cadus[n] for n in due} <= found, start
    states = {frame.state.split(", then")[0].removesuffix(", inverted") for frame in frames if frame.good}
    assert len(states) >= 4
    assert found <= set(cadus)


@pytest.mark.parametrize("name", BLOCK_SOFT)
def test_few_soft_bits_prove_nothing(name: str) -> None:
    """However well they fit: that takes an eighth of a block, and more where others beside are larger."""
    mode, rng = MODES[name], np.random.default_rng(2)
    choices = [alike[0] for alike in ambiguities(mode.modulation, mode.code, mode.rail_order)]
    grid, cycle = GRIDS[mode.code], choices[0].bits
    block, margin = grid.block_bits // cycle * cycle, -(-grid.margin_bits // cycle) * cycle
    trial = AmbiguityTrial(choices, block, margin)
    size, edge = BLOCK_SOFT[name], margin // choices[0].bits * choices[0].cycle
    row = rng.choice([-40, 40], size + 2 * edge + 8).astype(np.int8)
    assert trial.widening(row, 0, grid.spread) == 1.0
    half = row.copy()
    half[edge + size // 4 : edge + size] = 0
    assert trial.widening(half, 0, grid.spread) == pytest.approx(np.sqrt(NOISE_SHARE * 4), rel=0.02)
    few = row.copy()
    few[edge + size // 10 : edge + size] = 0
    assert trial.widening(few, 0, grid.spread) == np.inf
    small = row.copy()
    small[edge : edge + size] = rng.choice([-1, 1], size)  # taken for zero: their score is chance
    assert trial.widening(small, 0, grid.spread) == pytest.approx(1 / grid.spread / np.sqrt(size), rel=0.02)
    assert trial.widening(np.zeros_like(row), 0, grid.spread) == np.inf


@pytest.mark.parametrize("name", ["72k", "metop_ahrpt"])
def test_a_bar_that_noise_passes_holds_for_two_groups(name: str) -> None:
    """Whatever made it so low: a group without a marker is looked at again."""
    mode, rng = MODES[name], np.random.default_rng(3)
    for turns in (1, 3):
        cadus, soft = sent(name, 4 * GROUP_FRAMES[name] + 8, 5.0, rng)
        cut = int(1.5 * GROUP_FRAMES[name] * soft_per_frame(mode)) // 4 * 4
        decoder = FrameDecoder(mode)
        frames = decoder.process(soft[:cut])
        decoder._framing._inner._suspect_below = 0.0
        frames += decoder.process(turned(soft[cut : soft.size // 2 * 2], turns)) + decoder.flush()
        found = {frame.cadu for frame in frames if frame.good}
        behind = [n for n in range(int(cut / soft_per_frame(mode)), len(cadus) - 1) if cadus[n] not in found]
        assert 2 <= len(behind) <= LOCKED_AGAIN[name]
        assert set(cadus[behind[-1] + 1 : -1]) <= found


@pytest.mark.parametrize("name", ["72k", "metop_ahrpt"])
def test_many_disturbances(name: str) -> None:
    soak(name, range(2), bouts=6)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODES)
def test_no_sequence_of_disturbances_leaves_it_stuck(name: str) -> None:
    soak(name, range(100, 114 if name == "80k" else 140), bouts=3 if name == "80k" else 12)


def soak(name: str, seeds: range, bouts: int) -> None:
    """Every seed locks again in time, invents no frame, and all kinds of disturbance were among them."""
    seen: set[str] = set()
    for seed in seeds:
        worst, invented, _, done = missing_after(
            name, LOCKED_AGAIN[name] + 3, bouts, np.random.default_rng(seed)
        )
        assert worst <= LOCKED_AGAIN[name], seed
        assert invented == 0, seed
        seen.update(done)
    assert seen == set(KINDS)
