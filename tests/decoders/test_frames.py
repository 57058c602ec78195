from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.coding import _fec
from decoders.coding.ambiguity import negative
from decoders.coding.codeblock import PROVEN, decode_codeblock
from decoders.coding.differential import nrz_m_encode
from decoders.coding.reed_solomon import FAILED, chance_of_random_decode
from decoders.coding.second_try import second_try
from decoders.coding.siso import UNKNOWN
from decoders.coding.timeline import Timeline
from decoders.coding.viterbi import encode
from decoders.downlink import load_downlink
from decoders.framing import frame_sync
from decoders.framing.frame import Frame, make_frame
from decoders.framing.frame_sync import FrameFinder
from decoders.framing.frames import FrameDecoder
from decoders.framing.marker_search import marker_distance_plain
from decoders.mode_search import ModeSearch
from tests.decoders.lrpt_stream import coded_bits, received, sent_cadus

MODES = {mode.name: mode for mode in load_downlink("meteor_lrpt").modes}
PLAIN = ("m2_72k", "72k")
FRAME_SOFT = 16384


def decode(mode: str, soft: np.ndarray, block: int = 50_000) -> list[Frame]:
    decoder = FrameDecoder(MODES[mode])
    frames = [f for k in range(0, soft.size, block) for f in decoder.process(soft[k : k + block])]
    return frames + decoder.flush()


def good(frames: list[Frame]) -> list[bytes]:
    return [frame.cadu for frame in frames if frame.good]


@pytest.mark.parametrize("mode", [*PLAIN, "80k"])
def test_every_frame_comes_out_first_and_last_included(mode: str) -> None:
    cadus = sent_cadus(12)
    soft = received(coded_bits(mode, cadus), 6.0, np.random.default_rng(1))
    got = good(decode(mode, soft))
    assert [cadu for cadu in got if cadu in set(cadus)] == cadus
    if mode != "80k":
        assert got == cadus


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("cut", [201, 8190, 12_345])
def test_a_cut_frame_at_either_end_is_left_out_and_no_other(mode: str, cut: int) -> None:
    cadus = sent_cadus(6)
    soft = received(coded_bits(mode, cadus), 6.0, np.random.default_rng(2))
    assert good(decode(mode, soft[cut:-cut])) == cadus[1:-1]


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("cut", [1, 21, 60])
def test_a_frame_that_lacks_a_few_symbols_at_either_end_comes_out(mode: str, cut: int) -> None:
    cadus = sent_cadus(6)
    soft = received(coded_bits(mode, cadus), 8.0, np.random.default_rng(2))
    assert good(decode(mode, soft[cut:-cut])) == cadus


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("block", [1, 1001, 16384, 10**9])
def test_blocks_equal_whole(mode: str, block: int) -> None:
    cadus = sent_cadus(2 if block == 1 else 9)
    soft = received(coded_bits(mode, cadus), 1.6, np.random.default_rng(3))
    assert decode(mode, soft, block) == decode(mode, soft, 30_011)


def test_interleaved_blocks_equal_whole() -> None:
    soft = received(coded_bits("80k", sent_cadus(3)), 2.0, np.random.default_rng(4))
    assert decode("80k", soft, 12_347) == decode("80k", soft, 1_000_000)


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("cut", [0, 1])
def test_every_rotation_mirror_and_start(mode: str, swap: bool, signs: tuple[int, int], cut: int) -> None:
    cadus = sent_cadus(4)
    pairs = received(coded_bits(mode, cadus), 5.0, np.random.default_rng(5)).reshape(-1, 2) * np.array(signs)
    soft = (pairs[:, ::-1] if swap else pairs).reshape(-1)[cut:].astype(np.int8)
    assert good(decode(mode, soft)) == cadus


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("before", [1000, 2000, 3000, 4000])
def test_a_lone_frame_amid_other_symbols(mode: str, swap: bool, sign: int, before: int) -> None:
    """Its marker ends a block of the Viterbi decoder that is noise otherwise and proves no ambiguity."""
    rng = np.random.default_rng(before)
    cadus, other = sent_cadus(1), rng.integers(0, 2, 2 * before).astype(np.uint8)
    bits = np.concatenate([other, coded_bits(mode, cadus), other])
    pairs = received(bits, 20.0, rng).reshape(-1, 2) * np.array((1, sign))
    soft = (pairs[:, ::-1] if swap else pairs).reshape(-1).astype(np.int8)
    frames = decode(mode, soft)
    assert good(frames) == cadus
    for block in (777, 2048, 10**9):
        assert decode(mode, soft, block) == frames


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("between", [1900, 1950, 1980, 2000])
def test_a_frame_behind_a_break_that_turned_the_carrier(mode: str, between: int) -> None:
    """The block where it begins agrees better with the ambiguity that the next one proves."""
    rng = np.random.default_rng(between)
    cadus, other = sent_cadus(4), rng.integers(0, 2, 2 * between).astype(np.uint8)
    first, second = coded_bits(mode, cadus[:2]), coded_bits(mode, cadus[2:])
    pairs = received(np.concatenate([first, other, second]), 20.0, rng).reshape(-1, 2)
    pairs[first.size // 2 + 500 :, 1] *= -1
    soft = pairs.reshape(-1)
    assert good(decode(mode, soft)) == good(decode(mode, soft, 777)) == cadus


@pytest.mark.parametrize("mode", PLAIN)
def test_the_end_of_a_frame_before_such_a_break_is_kept(mode: str) -> None:
    """60 bits of it lie in the block before the one that proves the other ambiguity."""
    rng = np.random.default_rng(1)
    cadus, other = sent_cadus(4), rng.integers(0, 2, 2 * 1024).astype(np.uint8)
    first, second = coded_bits(mode, cadus[:2]), coded_bits(mode, cadus[2:])
    pairs = received(np.concatenate([other[:120], first, other[120:], second]), 20.0, rng).reshape(-1, 2)
    pairs[first.size // 2 + 60 :, 1] *= -1
    frames = decode(mode, pairs.reshape(-1))
    assert good(frames) == cadus
    assert max(sum(frame.bytes_corrected) for frame in frames) <= 1  # at the turn itself


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("what", ["lost", "doubled", "two lost", "turned", "mirrored", "inverted"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.97])
def test_a_slip_or_a_turn_costs_at_most_one_frame(mode: str, what: str, place: float) -> None:
    cadus = sent_cadus(9)
    soft = received(coded_bits(mode, cadus), 5.0, np.random.default_rng(6))
    at = int((4 + place) * FRAME_SOFT) & ~1
    if what == "lost":
        soft = np.delete(soft, at)
    elif what == "doubled":
        soft = np.insert(soft, at, soft[at])
    elif what == "two lost":
        soft = np.delete(soft, [at, at + 1])
    elif what == "inverted":
        soft[at:] = negative(soft[at:])
    else:
        pairs = soft[at:].reshape(-1, 2).copy()
        pairs[:, 1] = negative(pairs[:, 1])
        soft[at:] = (pairs[:, ::-1] if what == "turned" else pairs).reshape(-1)
    got = good(decode(mode, soft))
    assert set(got) <= set(cadus)
    # A place at the end of a block of 1024 bits may also hurt the frame that begins in that block.
    assert len(got) >= 8
    assert got == [cadu for cadu in cadus if cadu in set(got)]


@pytest.mark.parametrize("mode", PLAIN)
def test_a_fade_costs_what_it_covers(mode: str) -> None:
    cadus = sent_cadus(40)
    soft = received(coded_bits(mode, cadus), 5.0, np.random.default_rng(7))
    noise = np.random.default_rng(8).integers(-60, 61, 25 * FRAME_SOFT).astype(np.int8)
    soft[6 * FRAME_SOFT : 31 * FRAME_SOFT] = noise
    assert good(decode(mode, soft)) == cadus[:6] + cadus[31:]


def test_noise_before_the_signal_costs_nothing() -> None:
    cadus = sent_cadus(4)
    noise = np.random.default_rng(9).integers(-60, 61, 300_001).astype(np.int8)
    soft = np.concatenate([noise, received(coded_bits("72k", cadus), 5.0, np.random.default_rng(10)), noise])
    assert good(decode("72k", soft)) == cadus


def test_near_the_threshold_the_second_try_beats_the_published_failure_rate() -> None:
    """1.4 dB, NRZ-M: hard Reed-Solomon alone loses 0.239 (Monte-Carlo table, 3840 frames)."""
    cadus = sent_cadus(120)
    frames = decode("72k", received(coded_bits("72k", cadus), 1.4, np.random.default_rng(11)))
    got = good(frames)
    assert set(got) <= set(cadus)
    assert len(got) >= 108
    assert np.median([frame.ebn0_db for frame in frames]) == pytest.approx(1.4, abs=0.3)


def test_first_try_alone_keeps_to_the_published_failure_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without second try: 0.239 lost at 1.4 dB, 0.0044 at 1.7 dB."""
    monkeypatch.setattr("decoders.framing.frame_sync.second_try", lambda block, *_, **__: block)
    cadus = sent_cadus(300)
    lost = {}
    for ebn0_db in (1.4, 1.7):
        soft = received(coded_bits("72k", cadus), ebn0_db, np.random.default_rng(12))
        lost[ebn0_db] = 1 - len(good(decode("72k", soft))) / len(cadus)
    assert 0.12 < lost[1.4] < 0.45  # 0.1 dB of loss would double it
    assert lost[1.7] < 0.03


def test_no_frame_is_made_of_noise() -> None:
    rng = np.random.default_rng(13)
    for soft in (
        rng.integers(-128, 128, 400_000),
        rng.choice([-64, 64], 400_000),
        np.zeros(300_000),
        np.full(300_000, 127),
        np.tile([90, -90, -90, 90], 75_000),
    ):
        for mode in MODES:
            assert good(decode(mode, soft.astype(np.int8))) == []


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("stuck", [0x00, 0xFF, 0xAA, 0x80, 0xBF])
def test_a_stuck_transmitter_behind_good_frames_is_no_frame(mode: str, stuck: int) -> None:
    """Repeated bytes are clean Reed-Solomon words, and derandomised some of them have version 1."""
    cadus = sent_cadus(3)
    bits = np.unpackbits(np.full(8192, stuck, np.uint8))
    if mode == "72k":
        bits = nrz_m_encode(bits)
    tail = encode(bits)
    tail[1::2] ^= 1
    soft = received(coded_bits(mode, cadus), 8.0, np.random.default_rng(21))
    frames = decode(mode, np.concatenate([soft, np.where(tail > 0, 60, -60).astype(np.int8)]))
    assert good(frames) == cadus
    assert len(frames) == 3
    frames = decode(mode, np.concatenate([soft, np.zeros(200_000, np.int8)]))
    assert len(frames) == len(good(frames)) == 3


@pytest.mark.slow
def test_no_frame_is_made_of_much_noise() -> None:
    rng = np.random.default_rng(14)
    for _ in range(20):
        for mode in PLAIN:
            assert good(decode(mode, rng.integers(-100, 101, 2_000_000).astype(np.int8))) == []


def test_a_signal_too_weak_gives_right_frames_or_none() -> None:
    """At 0.7 dB nearly everything fails the first try, and the second must not invent."""
    cadus = sent_cadus(60)
    for mode in PLAIN:
        frames = decode(mode, received(coded_bits(mode, cadus), 0.7, np.random.default_rng(15)))
        assert set(good(frames)) <= set(cadus)


@settings(max_examples=25, deadline=None)
@given(kept=st.integers(0, 3), erased=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_the_second_try_never_invents(kept: int, erased: float, seed: int) -> None:
    """Soft bits that are partly right, partly erased, partly another frame's."""
    mode = MODES["72k"]
    rng = np.random.default_rng(seed)
    right, other = (received(coded_bits("72k", sent_cadus(1, seed=s)), 3.0, rng, scale=30) for s in (1, 2))
    soft = right.copy()
    soft[1::2], other[1::2] = negative(soft[1::2]), negative(other[1::2])
    place = rng.integers(0, soft.size)
    soft[place:] = other[place:] if kept == 0 else soft[place:]
    soft[rng.random(soft.size) < erased] = 0
    block = decode_codeblock(rng.integers(0, 2, 8160).astype(np.uint8), mode)
    known = np.full(8192, UNKNOWN, np.uint8)
    result = second_try(block, soft, known, 32, mode)
    words = {sent_cadus(1, seed=s)[0][4:] for s in (1, 2)}
    sent = [np.frombuffer(word, np.uint8).reshape(255, 4).T for word in words]
    for k, count in enumerate(result.corrected):
        assert count == FAILED or any(np.array_equal(result.words[k], word[k]) for word in sent)


def test_erasures_are_capped_below_decoding_out_of_nothing() -> None:
    assert chance_of_random_decode(0, 30) > PROVEN
    assert chance_of_random_decode(3, 24) > PROVEN
    assert chance_of_random_decode(16, 0) < PROVEN


def test_a_clean_block_of_another_version_is_no_frame() -> None:
    """All zeros, or the randomiser left in: Reed-Solomon is clean, the version is not 1."""
    cadu = sent_cadus(1)[0]
    assert make_frame(cadu, (0, 0, 0, 0), bit_index=0).good
    assert not make_frame(cadu[:4] + bytes(1020), (0, 0, 0, 0), bit_index=0).good
    assert not make_frame(cadu, (0, 0, -1, 0), bit_index=0).good
    turned = dataclasses.replace(MODES["72k"], randomiser="none")
    soft = received(coded_bits("72k", [cadu] * 3), 8.0, np.random.default_rng(16))
    decoder = FrameDecoder(turned)
    frames = decoder.process(soft) + decoder.flush()
    assert len(frames) == 3
    assert good(frames) == []
    assert all("version" in frame.state for frame in frames)


def test_header_fields_and_sample_index() -> None:
    cadus = sent_cadus(3, first_counter=0xFFFFFE)
    soft = received(coded_bits("72k", cadus), 8.0, np.random.default_rng(17))
    decoder = FrameDecoder(MODES["72k"])
    samples = 100.0 + 3.5 * np.arange(soft.size // 2)
    frames = decoder.process(soft, samples) + decoder.flush()
    assert [frame.counter for frame in frames] == [0xFFFFFE, 0xFFFFFF, 0]
    assert {(frame.vcid, frame.scid) for frame in frames} == {(5, 0)}
    assert [frame.sample_index for frame in frames] == pytest.approx([100 + 3.5 * 8192 * k for k in range(3)])


def test_measured_ebn0_and_symbol_errors() -> None:
    cadus = sent_cadus(10)
    bits = coded_bits("m2_72k", cadus)
    soft = received(bits, 4.0, np.random.default_rng(18))
    plain = np.where(bits > 0, 1, -1) * np.resize([1, -1], bits.size)
    frames = decode("m2_72k", soft)
    assert np.mean([frame.ebn0_db for frame in frames]) == pytest.approx(4.0, abs=0.2)
    wrong = [int(np.sum((soft * plain)[k * FRAME_SOFT + 12 : (k + 1) * FRAME_SOFT] < 0)) for k in range(10)]
    assert [frame.symbols_corrected for frame in frames] == wrong


@pytest.mark.parametrize("mode", [*PLAIN, "80k"])
def test_the_mode_is_found(mode: str) -> None:
    cadus = sent_cadus(4)
    soft = received(coded_bits(mode, cadus), 4.0, np.random.default_rng(19))
    search = ModeSearch(list(MODES.values()))
    frames = [f for k in range(0, soft.size, 40_000) for f in search.process(soft[k : k + 40_000])]
    frames += search.flush()
    assert search.mode is MODES[mode]
    assert frames == decode(mode, soft, 40_000)
    assert [cadu for cadu in good(frames) if cadu in set(cadus)] == cadus


def test_no_mode_is_found_in_noise() -> None:
    search = ModeSearch(list(MODES.values()))
    assert search.process(np.random.default_rng(20).integers(-90, 91, 400_000).astype(np.int8)) == []
    assert search.flush() == []
    assert search.mode is None


@settings(max_examples=30, deadline=None)
@given(bits=st.lists(st.integers(0, 1), max_size=300), marker=st.integers(0, 2**32 - 1))
def test_marker_distance_kernel_equals_plain_form(bits: list[int], marker: int) -> None:
    array = np.array(bits, np.uint8)
    assert np.array_equal(_fec.marker_distance(array, marker), marker_distance_plain(array, marker))


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=6000), inserted=st.integers(0, 7), seed=st.integers(0, 2**32))
def test_finder_takes_any_bits_and_finds_what_is_there(data: bytes, inserted: int, seed: int) -> None:
    """Random bits, a frame at an odd bit, random bits: exactly that frame."""
    mode = dataclasses.replace(MODES["m2_72k"], randomiser="none")
    cadu = sent_cadus(1, seed=3)[0]
    rng = np.random.default_rng(seed)
    around = np.unpackbits(np.frombuffer(data, np.uint8))
    bits = np.concatenate([around, rng.integers(0, 2, inserted).astype(np.uint8), _bits(cadu), around])
    finder, found = FrameFinder(mode), []
    for part in np.array_split(bits, 7):
        found += finder.process(part)
    found += finder.flush()
    proven = [one for one in found if one.block.proven]
    assert [one.bit_index for one in proven] == [around.size + inserted]


def _bits(cadu: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(cadu, np.uint8))


def test_positions_do_not_depend_on_the_portions_they_came_in() -> None:
    values = np.cumsum(np.random.default_rng(21).uniform(0.5, 6.0, 20_000))
    wanted = np.arange(100.0, 19_000.0, 77.7)
    answers = []
    for portion in (1, 255, 256, 1000, 20_000):
        line = Timeline()
        for first in range(0, values.size, portion):
            line.extend(float(first), values[first : first + portion])
        assert line.at(19_999.0) == values[-1]
        answers.append(line.at_all(wanted))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert np.abs(answers[0] - values[wanted.astype(int)]).max() < 256 * 6


def test_a_signal_full_of_markers_is_tried_at_few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """A marker in every second word would cost the time of 128 frames per frame."""
    (mode,) = load_downlink("metop_ahrpt").modes
    tried = [0]
    decode_one = frame_sync.decode_codeblock

    def counted(bits, mode):
        tried[0] += 1
        return decode_one(bits, mode)

    monkeypatch.setattr(frame_sync, "decode_codeblock", counted)
    words = np.random.default_rng(22).integers(0, 2, (40 * 128, 64)).astype(np.uint8)
    words[:, :32] = mode.marker_pattern
    finder = FrameFinder(mode)
    assert not any(one.block.proven for one in finder.process(words.reshape(-1)))
    assert 1000 < tried[0] <= 1000 + 8 * 40 + 1
