from __future__ import annotations

import numpy as np
import pytest

from decoders.downlink import load_downlink
from decoders.framing.frames import FrameDecoder
from decoders.framing.gap_filler import GapFiller
from tests.decoders.lrpt_stream import coded_bits, received, sent_cadus

MODES = {mode.name: mode for mode in load_downlink("meteor_lrpt").modes}
RATE = 3.6123  # samples per symbol


def stream(symbols: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Soft bits without zeros, positions with the jitter of a clock loop, and a level."""
    rng = np.random.default_rng(seed)
    soft = rng.integers(1, 100, 2 * symbols).astype(np.int8)
    position = 1000.0 + RATE * np.arange(symbols) + rng.normal(scale=0.05 * RATE, size=symbols)
    return soft, position, np.linspace(3, 4, symbols).astype(np.float32)


def filled(soft, position, level, cut: int, most: int = 10**6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    filler = GapFiller(2, most)
    parts = [
        filler.process(soft[2 * k : 2 * (k + cut)], position[k : k + cut], level[k : k + cut])
        for k in range(0, position.size, cut)
    ]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


@pytest.mark.parametrize("lost", [1, 2, 40, 5000, 80_000])
@pytest.mark.parametrize("cut", [1, 777, 10**6])
@pytest.mark.parametrize("place", [10, 20_000, 39_999])
def test_what_is_missing_is_put_in_as_erasures(lost: int, cut: int, place: int) -> None:
    soft, position, level = stream(40_000 + lost if cut > 1 else 21_000 + lost)
    place = min(place, position.size - lost - 1)
    kept = np.r_[0:place, place + lost : position.size]
    got = filled(soft.reshape(-1, 2)[kept].reshape(-1), position[kept], level[kept], cut)
    # Near the start the samples per symbol are known from few symbols; a long gap is told less finely.
    if place >= 10_000:
        assert abs(got[0].size - soft.size) <= (4 if lost == 80_000 else 0)
    if got[0].size == soft.size:
        wanted = soft.copy()
        wanted[2 * place : 2 * (place + lost)] = 0
        assert np.array_equal(got[0], wanted)
        assert np.abs(got[1] - position).max() < 0.5 * RATE
    assert np.count_nonzero(got[0]) == 2 * kept.size
    assert got[1].size == got[2].size == got[0].size // 2
    assert np.all(np.diff(got[1]) > 0)


def test_nothing_is_changed_without_a_gap_and_long_ones_are_filled_in_part() -> None:
    soft, position, level = stream(30_000)
    got = filled(soft, position, level, 1000)
    assert all(np.array_equal(a, b) for a, b in zip(got, (soft, position, level), strict=True))
    position[20_000:] += 100_000 * RATE
    assert filled(soft, position, level, 1000, most=500)[0].size == soft.size + 1000


def test_several_gaps_in_one_block() -> None:
    soft, position, level = stream(60_000)
    kept = np.ones(60_000, bool)
    for place, lost in ((20_000, 7), (20_100, 1), (35_000, 300)):
        kept[place : place + lost] = False
    got = filled(soft.reshape(-1, 2)[kept].reshape(-1), position[kept], level[kept], 10**6)
    assert np.array_equal(got[0].reshape(-1, 2)[kept], soft.reshape(-1, 2)[kept])
    assert not got[0].reshape(-1, 2)[~kept].any()


@pytest.mark.parametrize("lost", [37, 100, 3000])
def test_a_gap_costs_only_the_frames_in_it(lost: int) -> None:
    """72k: behind the gap frames stand where they are expected; a short one costs none."""
    cadus = sent_cadus(12)
    soft = received(coded_bits("72k", cadus), 5.0, np.random.default_rng(2))
    position = 100.0 + 4.0 * np.arange(soft.size // 2)
    kept = np.r_[0 : 5 * 8192 + 3000, 5 * 8192 + 3000 + lost : position.size]
    decoder = FrameDecoder(MODES["72k"])
    frames = decoder.process(soft.reshape(-1, 2)[kept].reshape(-1), position[kept]) + decoder.flush()
    good = [frame.cadu for frame in frames if frame.good]
    assert good == (cadus if lost < 200 else cadus[:5] + cadus[6:])


@pytest.mark.parametrize("lost", [60, 1234, 80_000])
def test_a_gap_in_the_interleaved_mode_costs_nothing_where_the_code_bears_it(lost: int) -> None:
    """1 s of 18 s missing: the interleaver spreads it as erasures. Without positions frames are lost."""
    cadus = sent_cadus(60)
    soft = received(coded_bits("80k", cadus), 5.0, np.random.default_rng(3))
    position = 100.0 + 4.0 * np.arange(soft.size // 2)
    gap = slice(soft.size // 4, soft.size // 4 + lost)
    kept = np.delete(np.arange(position.size), gap)
    for known in (True, False) if lost == 80_000 else (True,):  # without, up to 0.35 s are told by the code
        decoder = FrameDecoder(MODES["80k"])
        frames = decoder.process(soft.reshape(-1, 2)[kept].reshape(-1), position[kept] if known else None)
        good = {frame.cadu for frame in frames + decoder.flush() if frame.good}
        assert (set(cadus) <= good) is known


def test_a_fade_of_full_sized_noise_costs_what_erasures_do() -> None:
    """1 s in every 4 without signal, at 4.5 dB; once told, once as an automatic gain gives it."""
    cadus = sent_cadus(80)
    bits = coded_bits("80k", cadus)
    rng = np.random.default_rng(4)
    soft = received(bits, 4.5, rng)
    off = np.arange(soft.size) / 160e3 % 4 >= 3
    told, noise = soft.copy(), soft.copy()
    told[off] = 0
    noise[off] = np.clip(np.rint(rng.normal(scale=soft.std(), size=off.sum())), -127, 127)
    count = []
    for given in (told, noise):
        decoder = FrameDecoder(MODES["80k"])
        frames = decoder.process(given) + decoder.flush()
        count.append(len({frame.cadu for frame in frames if frame.good} & set(cadus)))
    assert count[0] >= 79
    assert count[1] >= 0.98 * count[0]
