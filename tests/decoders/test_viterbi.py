from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from decoders import _fec
from decoders.ambiguity import AMBIGUITIES
from decoders.differential import NrzMDecoder, nrz_m_encode
from decoders.inner_decoder import InnerDecoder
from decoders.siso import UNKNOWN, siso, siso_plain
from decoders.viterbi import MARGIN_BITS, encode, viterbi, viterbi_plain

INSTRUCTION_SETS = [name for name in ("generic", "v3", "v4") if name <= _fec.instruction_set()]


def bits_of(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))


def noisy(bits: np.ndarray, ebn0_db: float, rng: np.random.Generator, scale: float = 40.0) -> np.ndarray:
    """Soft bits of rate 1/2 symbols; Es/N0 is half Eb/N0, so the variance is 1 / (Eb/N0)."""
    received = 2.0 * bits - 1 + rng.normal(scale=10 ** (-ebn0_db / 20), size=bits.size)
    return np.clip(np.rint(scale * received), -127, 127).astype(np.int8)


def union_bound(ebn0_db: float, spectra: dict) -> float:
    """P_b <= sum c_d Q(sqrt(2 d R Eb/N0)) (Conan 1984)."""
    snr = 10 ** (ebn0_db / 10)
    return sum(
        term["c_d_sum_over_phases"] * 0.5 * math.erfc(math.sqrt(term["d"] * 0.5 * snr))
        for term in spectra["1/2"]["terms"]
    )


def test_encoder_equals_the_vectors(shared_vectors: Path) -> None:
    vectors = json.loads((shared_vectors / "convolutional.json").read_text())
    for vector in vectors["vectors"]:
        assert (
            np.packbits(encode(bits_of(vector["input_hex"]))).tobytes().hex() == vector["output_g2_plain_hex"]
        )
    asm = nrz_m_encode(bits_of("1acffc1d"))
    assert np.packbits(asm).tobytes().hex() == vectors["nrzm"]["asm_nrzm_hex"]
    assert np.packbits(encode(asm)).tobytes().hex() == vectors["nrzm"]["asm_nrzm_conv_g2_plain_hex"]


def test_encoder_continues_from_a_state() -> None:
    bits = np.random.default_rng(1).integers(0, 2, 200).astype(np.uint8)
    newest_first = int("".join(str(b) for b in bits[99:93:-1]), 2)
    before = int(f"{newest_first:06b}"[::-1][::-1], 2)
    assert np.array_equal(encode(bits)[200:], encode(bits[100:], before=before))


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("rows", [1, 7, 33])
def test_kernel_equals_plain_form(instruction_set: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    # Full scale both ways, -128 included: the metrics must not overflow; and ties, where rules matter.
    for soft in (
        rng.integers(-128, 128, (rows, 2 * 300)),
        rng.choice([-128, 127], (rows, 2 * 300)),
        rng.integers(-1, 2, (rows, 2 * 300)),
    ):
        got = viterbi(soft.astype(np.int8), head=40, length=210, tail=50, instruction_set=instruction_set)
        wanted = viterbi_plain(soft.astype(np.int8), head=40, length=210, tail=50)
        assert np.array_equal(got[0], wanted[0])
        assert np.array_equal(got[1], wanted[1])


def test_kernel_does_not_overflow_on_long_full_scale_rows() -> None:
    bits = np.random.default_rng(2).integers(0, 2, 100_000).astype(np.uint8)
    soft = np.where(encode(bits) > 0, 127, -128).astype(np.int8)[None, :]
    got, score = viterbi(soft, head=0, length=bits.size, tail=0)
    assert np.array_equal(got[0], bits)
    assert score[0] == np.abs(soft.astype(np.int64)).sum()


def test_an_unknown_instruction_set_and_misfitting_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="lacks the instruction set"):
        viterbi(np.zeros((1, 20), np.int8), head=0, length=10, tail=0, instruction_set="v9")
    with pytest.raises(ValueError, match="columns"):
        viterbi(np.zeros((1, 21), np.int8), head=0, length=10, tail=0)


def bit_error_rate(ebn0_db: float, count: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, count).astype(np.uint8)
    decoder = InnerDecoder()
    blocks = decoder.process(noisy(encode(bits), ebn0_db, rng)) + decoder.flush()
    return float(np.mean(np.concatenate([block.bits for block in blocks]) != bits))


def test_the_noise_is_what_it_is_said_to_be() -> None:
    """Uncoded symbols first: their error rate is Q(sqrt(2 Es/N0)), Es/N0 half of Eb/N0."""
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2, 400_000).astype(np.uint8)
    rate = np.mean((noisy(bits, 3.0, rng) > 0) != bits)
    expected = 0.5 * math.erfc(math.sqrt(10**0.3 / 2))
    assert rate == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("seed", [11, 12])
def test_bit_error_rate_against_the_union_bound(shared_vectors: Path, seed: int) -> None:
    """A maximum-likelihood decoder sits at 0.47 to 0.65 of the bound at 3 dB, over seeds of 2e6 bits."""
    spectra = json.loads((shared_vectors / "conv_spectra.json").read_text())
    ratio = bit_error_rate(3.0, 2_000_000, seed) / union_bound(3.0, spectra)
    assert 0.4 < ratio < 0.8  # 0.25 dB of loss gives 1.0 to 1.3


@pytest.mark.parametrize(("ebn0_db", "expected"), [(1.5, 1.62e-2), (2.0, 4.9e-3), (2.5, 1.37e-3)])
def test_bit_error_rate_against_unquantised_decoding(ebn0_db: float, expected: float) -> None:
    """Table of an independent decoder without quantisation; 0.1 dB is a factor 1.25 to 1.35 there."""
    assert bit_error_rate(ebn0_db, 2_000_000, seed=5) < 1.3 * expected


@pytest.mark.parametrize("size", [1, 3, 777, 4096, 100_001])
def test_blocks_equal_whole(size: int) -> None:
    rng = np.random.default_rng(4)
    bits = rng.integers(0, 2, 6_543 if size == 1 else 30_001).astype(np.uint8)
    soft = AMBIGUITIES[5].apply(noisy(encode(bits), 2.0, rng))
    whole = InnerDecoder()
    wanted = whole.process(soft) + whole.flush()
    parts = InnerDecoder()
    got = [block for k in range(0, soft.size, size) for block in parts.process(soft[k : k + size])]
    got += parts.flush()
    assert np.array_equal(
        np.concatenate([block.bits for block in got]), np.concatenate([block.bits for block in wanted])
    )
    assert np.array_equal(
        np.concatenate([block.soft for block in got]), np.concatenate([block.soft for block in wanted])
    )


@pytest.mark.parametrize("ambiguity", AMBIGUITIES, ids=str)
def test_every_ambiguity_is_found_and_nothing_is_lost_at_either_end(ambiguity) -> None:
    rng = np.random.default_rng(6)
    bits = rng.integers(0, 2, 5_000).astype(np.uint8)
    soft = noisy(encode(bits), 5.0, rng)
    # The inverse of what the receiver did: every ambiguity is its own inverse but for the shift.
    pairs = soft.reshape(-1, 2).copy()
    if ambiguity.invert_second:
        pairs[:, 1] = -pairs[:, 1]
    if ambiguity.swap:
        pairs = pairs[:, ::-1]
    sent = np.concatenate([np.zeros(ambiguity.shift, np.int8), pairs.reshape(-1)])
    decoder = InnerDecoder()
    blocks = decoder.process(sent) + decoder.flush()
    got = np.concatenate([block.bits for block in blocks])
    assert str(ambiguity) in {block.state for block in blocks}
    assert np.mean(got[: bits.size] != bits[: got.size]) in (0.0, 1.0)  # the common sign stays open


def test_noise_and_silence_prove_no_ambiguity() -> None:
    rng = np.random.default_rng(8)
    decoder = InnerDecoder()
    decoder.process(np.zeros(50_000, np.int8))
    decoder.process(rng.integers(-128, 128, 400_000).astype(np.int8))
    decoder.process(rng.choice([-64, 64], 400_000).astype(np.int8))
    decoder.flush()
    assert decoder.changes == 0


def test_margin_costs_nothing() -> None:
    """Blocks with their margin decode as the whole stream at once does, but for one bit in 1e4."""
    rng = np.random.default_rng(9)
    bits = rng.integers(0, 2, 60_000).astype(np.uint8)
    soft = noisy(encode(bits), 1.5, rng)
    whole, _ = viterbi(soft[None, :], head=0, length=bits.size, tail=0)
    decoder = InnerDecoder()
    blocks = decoder.process(soft) + decoder.flush()
    assert np.mean(np.concatenate([block.bits for block in blocks]) != whole[0]) < 1e-4
    assert MARGIN_BITS >= 10 * 7


@pytest.mark.parametrize("nrz_m", [False, True])
@pytest.mark.parametrize("share_known", [0.0, 0.3, 1.0])
def test_siso_kernel_equals_plain_form(nrz_m: bool, share_known: float) -> None:
    rng = np.random.default_rng(10)
    soft = rng.integers(-128, 128, 2 * 260).astype(np.int8)
    known = np.where(rng.random(260) < share_known, rng.integers(0, 2, 260), UNKNOWN).astype(np.uint8)
    got, wanted = (decode(soft, known, nrz_m=nrz_m) for decode in (siso, siso_plain))
    assert np.array_equal(got, wanted)
    assert np.array_equal(got[known < UNKNOWN] > 0, known[known < UNKNOWN] == 1)


@pytest.mark.parametrize("nrz_m", [False, True])
def test_siso_decides_as_viterbi_does_and_known_bits_help(nrz_m: bool) -> None:
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2, 20_000).astype(np.uint8)
    soft = noisy(encode(nrz_m_encode(bits) if nrz_m else bits), 0.5, rng)
    nothing = np.full(bits.size, UNKNOWN, np.uint8)
    llr = siso(soft, nothing, nrz_m=nrz_m)
    path, _ = viterbi(soft[None, :], head=0, length=bits.size, tail=0)
    decided = NrzMDecoder().process(path[0]) if nrz_m else path[0]
    sure = llr != 0  # equal paths are decided by rule
    sure[0] = False  # the level before the first is not known
    assert np.array_equal((llr > 0)[sure], decided[sure])
    known = np.where(np.arange(bits.size) // 8 % 4 < 2, bits, UNKNOWN).astype(np.uint8)
    free = known == UNKNOWN
    before = np.mean((llr > 0)[free] != bits[free])
    after = np.mean((siso(soft, known, nrz_m=nrz_m) > 0)[free] != bits[free])
    assert after < 0.5 * before


def test_siso_reliability_tells_right_from_wrong() -> None:
    rng = np.random.default_rng(12)
    bits = rng.integers(0, 2, 40_000).astype(np.uint8)
    llr = siso(noisy(encode(bits), 1.5, rng), np.full(bits.size, UNKNOWN, np.uint8), nrz_m=False)
    order = np.argsort(np.abs(llr))
    rates = [np.mean((llr[part] > 0) != bits[part]) for part in np.array_split(order, 4)]
    assert all(a >= b for a, b in pairwise(rates))
    assert rates[0] > 20 * max(rates[2], 1e-5)


def test_nrz_m_round_trip_in_blocks() -> None:
    bits = np.random.default_rng(13).integers(0, 2, 1000).astype(np.uint8)
    decoder = NrzMDecoder()
    levels = nrz_m_encode(bits)
    got = np.concatenate([decoder.process(levels[k : k + 7]) for k in range(0, 1000, 7)])
    assert np.array_equal(got, bits)
