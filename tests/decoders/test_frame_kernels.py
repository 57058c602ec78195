"""The kernels around the Viterbi decoder against their plain forms."""

from __future__ import annotations

import numpy as np
import pytest

from decoders.coding import _fec
from decoders.coding.ambiguity import ambiguities
from decoders.coding.codeblock import decode_codeblocks, decode_codeblocks_plain
from decoders.coding.randomiser import randomise
from decoders.coding.viterbi import viterbi, viterbi_stream
from decoders.downlink import Mode, load_downlink
from decoders.framing.frame_quality import symbol_signs, symbol_signs_plain
from tests.decoders.coded_stream import sent_cadus

LEVELS = ["generic", "v3", "v4"]
# An odd interleave, both bases, 32 bytes of parity and 16.
NAMES = {"metop_ahrpt": "metop_ahrpt", "noaa21_hrd": "noaa21_hrd", "m2_72k": "meteor_lrpt_72k"}


def at_level(level: str) -> str:
    try:
        _fec.marker_distance(np.zeros(64, np.uint8), 0, 32, level)
    except ValueError:
        pytest.skip(f"this processor does not run {level}")
    return level


def mode_of(name: str) -> Mode:
    return load_downlink(NAMES[name]).modes[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("skip", [0, 32])
def test_blocks_are_those_of_the_plain_form(name: str, skip: int) -> None:
    """Clean, hurt within and beyond what is corrected, inverted, random, and all of one byte."""
    mode, rng = mode_of(name), np.random.default_rng(1)
    cadus = np.frombuffer(b"".join(sent_cadus(name, 12, scid=1)), np.uint8).reshape(12, -1)[:, 4:]
    sequence = randomise(np.zeros(cadus.shape[1], np.uint8), mode.randomiser)
    sent = cadus ^ sequence
    for k, row in enumerate(sent[:8]):
        row[rng.permutation(row.size)[: 11 * k]] ^= rng.integers(1, 256, 11 * k).astype(np.uint8)
    sent[8] = rng.integers(0, 256, sent.shape[1])
    sent[9] = sequence  # zeros before the randomiser: a codeword
    sent[10] = 0  # zeros on the wire: too few different bytes to prove anything
    bits = np.unpackbits(sent, axis=1)
    turned = rng.integers(0, 2, len(bits)).astype(bool)
    bits ^= turned[:, np.newaxis]
    rows = np.concatenate([rng.integers(0, 2, (len(bits), skip)).astype(np.uint8), bits], axis=1)
    blocks = decode_codeblocks(rows, mode, skip=skip, turned=turned)
    plain = decode_codeblocks_plain(rows, mode, skip=skip, turned=turned)
    for one, other in zip(blocks, plain, strict=True):
        assert np.array_equal(one.words, other.words)
        assert one.corrected == other.corrected
    assert [block.proven for block in blocks[:2]] == [True, True]
    assert not blocks[7].proven
    assert not blocks[10].proven


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("octets", [1, 2, 3, 4, 63, 64, 1024, 1279])
def test_signs_of_symbols_are_those_of_the_plain_form(level: str, octets: int) -> None:
    rng = np.random.default_rng(octets)
    sent = rng.integers(0, 256, (3, octets)).astype(np.uint8)
    soft = rng.integers(-127, 128, (3, 16 * octets)).astype(np.int8)
    soft[1] = 127
    soft[2, rng.random(16 * octets) < 0.4] = 0
    assert np.array_equal(_fec.symbol_signs(sent, soft, at_level(level)), symbol_signs_plain(sent, soft))
    assert np.array_equal(symbol_signs(sent, soft), symbol_signs_plain(sent, soft))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "kind",
    [
        ("oqpsk", "ccsds-k7-r1/2", "serial"),
        ("bpsk", "ccsds-k7-r1/2", "serial"),
        ("qpsk", "ccsds-k7-r3/4", "metop"),
        ("qpsk", "ccsds-k7-r2/3", "serial"),
        ("qpsk", "ccsds-k7-r5/6", "serial"),
        ("bpsk", "ccsds-k7-r7/8", "serial"),
    ],
)
def test_symbols_stand_where_the_plain_form_puts_them(level: str, kind: tuple[str, str, str]) -> None:
    rng, level = np.random.default_rng(1), at_level(level)
    soft = rng.integers(-127, 128, 600).astype(np.int8)
    for alike in ambiguities(*kind):
        for choice in alike:
            for count in (0, choice.cycle + choice.shift, 37, 600):
                part = soft[:count]
                plain = choice.apply_plain(part)
                assert np.array_equal(choice.apply(part), plain)
                whole = part[choice.shift : choice.shift + plain.size // (2 * choice.bits) * choice.cycle]
                spread = _fec.spread_symbols(whole, choice.places, choice.signs, 2 * choice.bits, level)
                assert np.array_equal(spread, plain)


@pytest.mark.parametrize("rows", [0, 1, 31, 32, 33, 64, 97])
def test_rows_of_a_stream_are_rows_cut_out_of_it(rows: int) -> None:
    head, length, tail = 24, 80, 40
    rng = np.random.default_rng(rows)
    soft = rng.integers(-127, 128, 2 * (head + rows * length + tail)).astype(np.int8)
    bits, score, weight = viterbi_stream(soft, rows=rows, head=head, length=length, tail=tail)
    starts = 2 * length * np.arange(rows)
    cut = [soft[start : start + 2 * (head + length + tail)] for start in starts]
    alone = np.stack(cut) if rows else np.zeros((0, 2 * (head + length + tail)), np.int8)
    wanted, wanted_score = viterbi(alone, head=head, length=length, tail=tail)
    assert np.array_equal(bits, wanted)
    assert np.array_equal(score, wanted_score)
    scored = np.abs(alone[:, 2 * head : 2 * (head + length)].astype(int))
    assert np.array_equal(weight, scored.sum(axis=1))


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match="needed are 2"):
        viterbi_stream(np.zeros(100, np.int8), rows=2, head=8, length=16, tail=8)
    with pytest.raises(ValueError, match="16 places per byte"):
        symbol_signs(np.zeros((1, 4), np.uint8), np.zeros((1, 63), np.int8))
    with pytest.raises(ValueError, match="skip"):
        decode_codeblocks(np.zeros((2, 8159), np.uint8), mode_of("metop_ahrpt"))
    with pytest.raises(ValueError, match="row of bits"):
        decode_codeblocks(np.zeros((2, 8160), np.uint8), mode_of("metop_ahrpt"), turned=np.zeros(1, bool))
    with pytest.raises(ValueError, match="whole cycles"):
        _fec.spread_symbols(np.zeros(5, np.int8), (0, 1), (1, 1), 2)
    with pytest.raises(ValueError, match="beyond"):
        _fec.spread_symbols(np.zeros(4, np.int8), (0, 2), (1, 1), 2)
