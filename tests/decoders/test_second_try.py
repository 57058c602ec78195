"""The second try at damaged frames: what it mends, and that it never invents."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import decoders.coding.second_try as tries
from decoders.coding import allowance
from decoders.coding.allowance import Allowance
from decoders.coding.codeblock import PROVEN, CodeBlock, decode_codeblock, wire_bits
from decoders.coding.differential import NrzMDecoder, nrz_m_encode
from decoders.coding.inner_decoder import InnerDecoder
from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import FAILED, chance_of_random_decode
from decoders.coding.second_try import _chance, proving_decodes, second_try
from decoders.coding.siso import UNKNOWN
from decoders.coding.viterbi import encode
from decoders.downlink import Mode
from decoders.framing.frame_sync import FrameFinder
from tests.decoders.lrpt_stream import sent_cadus
from tests.decoders.punctured_stream import in_noise, mode_of, sent_symbols

MARKER = np.unpackbits(np.frombuffer(bytes.fromhex("1acffc1d"), np.uint8))
FRAME, AROUND = 8192, 128


def frame_mode(kind: tuple[str, str, str], differential: str = "none") -> Mode:
    """MetOp's frames, but in the basis that the frame maker of these tests uses."""
    return dataclasses.replace(mode_of(*kind, differential=differential), rs_basis="conventional")


def wire(cadus: list[bytes]) -> np.ndarray:
    blocks = np.stack([np.frombuffer(cadu[4:], np.uint8) for cadu in cadus])
    blocks = np.stack([randomise(block, "ccsds-255") for block in blocks])
    return np.concatenate([np.tile(MARKER, (len(cadus), 1)), np.unpackbits(blocks, axis=1)], axis=1)


def losses(mode: Mode, ebn0_db: float, count: int, seed: int) -> tuple[int, int]:
    """Frames lost by the first try, and by both, of frames whose places are known."""
    rng = np.random.default_rng(seed)
    cadus = sent_cadus(count + 2, seed=seed)
    sent = wire(cadus)
    levels = nrz_m_encode(sent.reshape(-1)) if mode.differential == "nrz-m" else sent.reshape(-1)
    decoder = InnerDecoder(mode)
    soft = in_noise(sent_symbols(levels, mode.code, mode.rail_order), mode.code, ebn0_db, rng)
    pieces = decoder.process(soft) + decoder.flush()
    bits = np.concatenate([piece.bits for piece in pieces])
    bits = NrzMDecoder().process(bits) if mode.differential == "nrz-m" else bits
    ordered = np.concatenate([piece.soft for piece in pieces])
    first = both = 0
    for k in range(1, count + 1):
        block = decode_codeblock(bits[FRAME * k + 32 : FRAME * (k + 1)], mode)
        if block.proven:
            continue
        first += 1
        around = slice(2 * (FRAME * k - AROUND), 2 * (FRAME * (k + 1) + AROUND))
        mended = second_try(block, ordered[around], known(), AROUND + 32, mode)
        both += not mended.proven
        for i in range(4):
            if mended.corrected[i] != FAILED:
                assert mended.words[i].tobytes() == cadus[k][4 + i :: 4]
    return first, both


def known() -> np.ndarray:
    bits = np.full(FRAME + 2 * AROUND, UNKNOWN, np.uint8)
    bits[AROUND : AROUND + 32] = MARKER
    return bits


HALF, METOP = ("qpsk", "ccsds-k7-r1/2", "serial"), ("qpsk", "ccsds-k7-r3/4", "metop")


@pytest.mark.parametrize(
    ("kind", "differential", "ebn0_db", "once"),
    [
        (HALF, "none", 1.4, 0.201),
        (HALF, "nrz-m", 1.4, 0.239),
        (METOP, "none", 2.6, 0.11),
    ],
)
def test_second_try_keeps_all_but_one_of_a_hundred(kind, differential, ebn0_db, once) -> None:
    """`once`: what hard Reed-Solomon decoding alone loses there (Monte-Carlo tables)."""
    first, both = losses(frame_mode(kind, differential), ebn0_db, 300, seed=3)
    assert 0.6 * once < first / 300 < 1.6 * once
    assert both <= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "differential", "ebn0_db", "most"),
    [
        (HALF, "nrz-m", 1.30, 0.04),
        (HALF, "nrz-m", 1.40, 0.01),
        (METOP, "none", 2.50, 0.04),
        (METOP, "none", 2.60, 0.01),
    ],
)
def test_loss_behind_the_second_try(kind, differential, ebn0_db, most) -> None:
    _, both = losses(frame_mode(kind, differential), ebn0_db, 1500, seed=4)
    assert both / 1500 <= most


def damaged(
    rng: np.random.Generator, errors: tuple[int, int], mode: Mode
) -> tuple[CodeBlock, np.ndarray, list]:
    """A frame sent with so many wrong bytes in each word: its marker is right, its symbols are sure.

    The strength of the symbols changes from byte to byte, so that the bytes given up are any.
    """
    cadu = sent_cadus(1, seed=int(rng.integers(1 << 30)))[0]
    block = np.frombuffer(cadu[4:], np.uint8).reshape(255, 4).copy()
    for i in range(4):
        places = rng.permutation(255)[: rng.integers(errors[0], errors[1] + 1)]
        block[places, i] ^= rng.integers(1, 256, places.size, dtype=np.uint8)
    bits = wire([cadu[:4] + block.tobytes()])[0]
    stream = np.concatenate([rng.integers(0, 2, AROUND, dtype=np.uint8), bits, MARKER])
    stream = np.concatenate([stream, rng.integers(0, 2, AROUND - 32, dtype=np.uint8)])
    symbols = 2.0 * encode(nrz_m_encode(stream) if mode.differential == "nrz-m" else stream) - 1
    strength = np.repeat(rng.gamma(1.5, 12.0, stream.size // 8), 16)
    soft = np.clip(np.rint(strength * (symbols + rng.normal(scale=0.5, size=symbols.size))), -127, 127)
    sent = [cadu[4 + i :: 4] for i in range(4)]
    return decode_codeblock(bits[32:], mode), soft.astype(np.int8), sent


def invented(count: int, seed: int, mode: Mode) -> int:
    """Words that were proven and are not what was encoded, of frames with 17 to 40 wrong bytes a word."""
    rng, false = np.random.default_rng(seed), 0
    for _ in range(count):
        block, soft, sent = damaged(rng, (17, 40), mode)
        for outcome in (block, second_try(block, soft, known(), AROUND + 32, mode)):
            false += sum(
                count != FAILED and word.tobytes() != right
                for word, count, right in zip(outcome.words, outcome.corrected, sent, strict=True)
            )
    return false


@pytest.mark.parametrize("differential", ["none", "nrz-m"])
def test_no_word_is_invented_of_17_to_40_errors(differential: str) -> None:
    assert invented(30, 5, frame_mode(HALF, differential)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("differential", ["none", "nrz-m"])
def test_no_word_is_invented_of_many(differential: str) -> None:
    assert invented(1200, 6, frame_mode(HALF, differential)) == 0


def test_the_damage_is_as_said_and_sixteen_errors_are_mended() -> None:
    mode, rng = frame_mode(HALF), np.random.default_rng(7)
    for _ in range(10):
        block, _, sent = damaged(rng, (16, 16), mode)
        assert block.corrected == (16,) * 4
        assert [word.tobytes() for word in block.words] == sent
        block, _, _ = damaged(rng, (17, 17), mode)
        assert block.corrected == (FAILED,) * 4


def test_a_proven_word_lies_nearer_than_chance_allows() -> None:
    """The bound: nothing is proven that one of 1e9 random words would pass, in all its decodings together."""
    decodes = proving_decodes(5, 32)
    assert decodes == 5 * 17 * 13 * 17
    for errors, erasures in [(16, 0), (12, 8), (8, 16), (4, 24)]:
        assert _chance(errors, 255 - erasures, erasures, 32) == pytest.approx(
            chance_of_random_decode(errors, erasures)
        )
    assert _chance(16, 255, 0, 32) * decodes < PROVEN
    assert _chance(8, 239, 16, 32) * decodes > PROVEN
    assert _chance(8, 20, 16, 32) * decodes < PROVEN
    assert _chance(0, 0, 30, 32) * decodes > PROVEN


def test_sixteen_parity_bytes_prove_six_errors_at_first_and_more_by_pinning() -> None:
    """With seven or eight errors a random word decodes too often to be called proven."""
    mode = dataclasses.replace(frame_mode(HALF), rs_parity=16)
    zeros = CodeBlock(np.zeros((4, 255), np.uint8), (0, 0, 0, 0))
    clean = wire_bits(zeros, dataclasses.replace(mode, randomiser="none"))
    rng = np.random.default_rng(8)
    for errors, proven in ((6, True), (7, False), (8, False)):
        word = np.zeros((255, 4), np.uint8)
        word[rng.permutation(255)[:errors], 1] = 77
        plain = dataclasses.replace(mode, randomiser="none")
        block = decode_codeblock(clean ^ np.unpackbits(word.reshape(-1)), plain)
        assert (block.corrected[1] == errors) is proven
        assert block.corrected[0] == 0


def found_frames(mode: Mode, bits: np.ndarray, soft: np.ndarray, step: int) -> list[tuple]:
    """Where frames are found, and their words, in a stream handed in by blocks."""
    finder = FrameFinder(mode)
    found = [
        one
        for k in range(0, bits.size, step)
        for one in finder.process(bits[k : k + step], soft[2 * k : 2 * (k + step)])
    ]
    return [
        (one.bit_index, one.block.corrected, one.block.words.tobytes()) for one in [*found, *finder.flush()]
    ]


def test_a_weak_signal_costs_no_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.3 dB below the threshold guesses would take several cores; what is allowed is so in any blocks."""
    mode, spent = frame_mode(METOP), [0]

    def counted(work, cost):
        def done(*given, **named):
            spent[0] += cost(*given)
            return work(*given, **named)

        return done

    monkeypatch.setattr(tries, "decode_word", counted(tries.decode_word, lambda *_: 1))
    monkeypatch.setattr(tries, "siso", counted(tries.siso, lambda _, known: known.size * 16 / 8192))
    frames, rng = 80, np.random.default_rng(9)
    decoder = InnerDecoder(mode)
    symbols = sent_symbols(wire(sent_cadus(frames, seed=9)).reshape(-1), mode.code, mode.rail_order)
    pieces = decoder.process(in_noise(symbols, mode.code, 2.3, rng)) + decoder.flush()
    stream = [np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("bits", "soft")]

    monkeypatch.setattr(allowance, "MOST_SAVED", 1e6)
    freely = found_frames(mode, *stream, 1 << 17)
    assert spent[0] > 200 * frames
    monkeypatch.setattr(allowance, "MOST_SAVED", 1000)
    spent[0] = 0
    held = found_frames(mode, *stream, 1 << 17)
    per_frame = (
        allowance.DECODINGS_PER_S * mode.frame_bits / (mode.symbol_rate * mode.information_bits_per_symbol)
    )
    dearest = 5 * 68 + 512 + 4 * 5 * 68  # what was begun with little left: rounds, guesses and theirs
    assert 25 * frames < spent[0] < 1000 + per_frame * frames + dearest
    assert found_frames(mode, *stream, 12_345) == held
    proven = [sum(FAILED not in corrected for _, corrected, _ in found) for found in (freely, held)]
    assert proven[0] / 2 < proven[1] < proven[0]


def test_an_allowance_grows_with_the_stream_and_not_beyond_its_limit() -> None:
    mode = dataclasses.replace(frame_mode(METOP), symbol_rate=2_333_333.0)
    left = Allowance.of_decodings(mode)
    left.spend(30_000)
    assert left.left == -5000
    left.reach(100 * FRAME)
    left.reach(50 * FRAME)
    assert left.left == pytest.approx(-5000 + 100 * 25_000 * FRAME / 3.5e6, rel=1e-6)
    left.reach(10_000 * FRAME)
    assert left.left == 25_000
