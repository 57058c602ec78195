from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from decoders.coding import _fec
from decoders.coding.differential import nrz_m_encode
from decoders.coding.viterbi import LEVELS, encode, quantised, viterbi, viterbi_plain
from tests.decoders.convolutional import kernel_bits, maximum_likelihood, received, sent_places, soft_bits

INSTRUCTION_SETS = [name for name in ("generic", "v3", "v4") if name <= _fec.instruction_set()]


def bits_of(text: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))


def union_bound(ebn0_db: float, rate: str, shared_vectors: Path) -> float:
    """P_b <= 1/P sum c_d Q(sqrt(2 d R Eb/N0)), P the puncturing period (Conan 1984)."""
    terms = json.loads((shared_vectors / "conv_spectra.json").read_text())[rate]["terms"]
    period, symbols = map(int, rate.split("/"))
    snr = 10 ** (ebn0_db / 10) * period / symbols
    tail = sum(term["c_d_sum_over_phases"] * 0.5 * math.erfc(math.sqrt(term["d"] * snr)) for term in terms)
    return tail / period


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
    before = int("".join(str(b) for b in bits[99:93:-1]), 2)
    assert np.array_equal(encode(bits)[200:], encode(bits[100:], before=before))


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("rows", [1, 7, 16, 33, 65])
@pytest.mark.parametrize(("head", "length", "tail"), [(40, 210, 50), (0, 1, 0), (3, 9, 2), (1, 64, 0)])
def test_kernel_equals_plain_form(instruction_set: str, rows: int, head: int, length: int, tail: int) -> None:
    rng = np.random.default_rng(rows)
    shape = (rows, 2 * (head + length + tail))
    full_scale = rng.integers(-128, 128, shape)
    for soft in (
        full_scale,
        rng.choice([-128, 127], shape),
        rng.integers(-1, 2, shape),  # ties, where rules matter
        np.where(rng.random(shape) < 0.3, full_scale, 0),  # more is punctured than any code does
        full_scale // np.arange(1, rows + 1)[:, None],  # every row on its own scale
        np.zeros(shape),
        np.full(shape, -128),
    ):
        given = soft.astype(np.int8)
        got = viterbi(given, head=head, length=length, tail=tail, instruction_set=instruction_set)
        wanted = viterbi_plain(given, head=head, length=length, tail=tail)
        assert np.array_equal(got[0], wanted[0])
        assert np.array_equal(got[1], wanted[1])


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_metrics_stay_within_eight_bits_where_they_spread_most(instruction_set: str) -> None:
    """Paths that lead as far astray as they can, all soft bits at full size, and then the other way."""
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(64):
        bits = np.repeat(rng.integers(0, 2, 60), rng.integers(1, 14, 60))[:240].astype(np.uint8)
        symbols = encode(np.resize(bits, 240))
        symbols ^= np.repeat(rng.integers(0, 2, 48), 10).astype(np.uint8)
        rows.append(np.where(symbols > 0, 127, -127))
    soft = np.array(rows, dtype=np.int8)
    got = viterbi(soft, head=0, length=240, tail=0, instruction_set=instruction_set)
    wanted = viterbi_plain(soft, head=0, length=240, tail=0)
    assert np.array_equal(got[0], wanted[0])


def test_a_long_row_of_full_scale_is_decoded() -> None:
    bits = np.random.default_rng(2).integers(0, 2, 100_001).astype(np.uint8)
    soft = np.where(encode(bits) > 0, 127, -128).astype(np.int8)[None, :]
    got, score = viterbi(soft, head=0, length=bits.size, tail=0)
    assert np.array_equal(got[0], bits)
    assert score[0] == np.abs(soft.astype(np.int64)).sum()


def test_levels_are_odd_and_leave_small_soft_bits_alone() -> None:
    soft = np.random.default_rng(5).integers(-127, 128, (20, 400)).astype(np.int8)
    assert np.array_equal(quantised(-soft), -quantised(soft))
    assert np.abs(quantised(soft)).max() == LEVELS
    small = np.random.default_rng(6).integers(-8, 9, (3, 400)).astype(np.int8)
    assert np.array_equal(quantised(small), small)
    # Hard decisions of any size keep one level, and erasures do not count as soft bits.
    for size in (1, 20, 127):
        hard = np.array([[size, -size, 0, size, 0, 0, 0, 0]], dtype=np.int8)
        assert np.unique(np.abs(quantised(hard))).size == 2


def test_an_unknown_instruction_set_and_misfitting_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="must be generic, v3 or v4, not v9"):
        viterbi(np.zeros((1, 20), np.int8), head=0, length=10, tail=0, instruction_set="v9")
    with pytest.raises(ValueError, match="columns"):
        viterbi(np.zeros((1, 21), np.int8), head=0, length=10, tail=0)


@pytest.mark.parametrize(("rate", "ebn0_db"), [("1/2", 3.0), ("3/4", 4.0)])
def test_the_noise_is_what_it_is_said_to_be(rate: str, ebn0_db: float) -> None:
    """Uncoded symbols first: their error rate is Q(sqrt(2 Es/N0))."""
    bits = np.random.default_rng(7).integers(0, 2, 400_000).astype(np.uint8)
    ratios = received(bits, ebn0_db, rate, np.random.default_rng(8))
    sent = sent_places(rate, bits.size)
    numerator, denominator = map(int, rate.split("/"))
    expected = 0.5 * math.erfc(math.sqrt(10 ** (ebn0_db / 10) * numerator / denominator))
    assert np.mean((ratios > 0)[sent] != encode(bits)[sent]) == pytest.approx(expected, rel=0.03)
    assert sent.sum() * numerator == pytest.approx(bits.size * denominator, rel=1e-4)


def error_rate(ebn0_db: float, rate: str, count: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, count).astype(np.uint8)
    return float(np.mean(kernel_bits(soft_bits(received(bits, ebn0_db, rate, rng))) != bits))


@pytest.mark.parametrize("seed", [11, 12])
def test_bit_error_rate_against_the_union_bound(shared_vectors: Path, seed: int) -> None:
    """A maximum-likelihood decoder sits at 0.47 to 0.65 of the bound at 3 dB, over seeds of 2e6 bits."""
    ratio = error_rate(3.0, "1/2", 2_000_000, seed) / union_bound(3.0, "1/2", shared_vectors)
    assert 0.4 < ratio < 0.8  # 0.25 dB of loss gives 1.0 to 1.3


@pytest.mark.parametrize(("ebn0_db", "expected"), [(1.5, 1.62e-2), (2.0, 4.9e-3), (2.5, 1.37e-3)])
def test_bit_error_rate_against_unquantised_decoding(ebn0_db: float, expected: float) -> None:
    """Table of an independent decoder without quantisation; 0.1 dB is a factor 1.25 to 1.35 there."""
    assert error_rate(ebn0_db, "1/2", 2_000_000, seed=5) < 1.3 * expected


def loss_db(ebn0_db: float, rate: str, count: int, slope: float) -> tuple[float, float]:
    """Loss against floating point on the same noise, and the bit error rate.

    Args:
        slope: of the curve there, in nepers of the bit error rate per dB.
    """
    rng = np.random.default_rng(17)
    kernel = floating = 0
    for _ in range(count // 500_000):
        bits = rng.integers(0, 2, 500_000).astype(np.uint8)
        ratios = received(bits, ebn0_db, rate, rng)
        kernel += np.count_nonzero(kernel_bits(soft_bits(ratios)) != bits)
        floating += np.count_nonzero(maximum_likelihood(ratios) != bits)
    return math.log(kernel / floating) / slope, floating / count


def test_quantisation_costs_little() -> None:
    """0.1 dB is a factor of 1.3; the long proof below is finer."""
    loss, found = loss_db(2.5, "1/2", 1_000_000, 2.7)
    assert 1.1e-3 < found < 1.9e-3
    assert loss < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "ebn0_db", "count", "error_rate", "slope"),
    [
        ("1/2", 1.5, 3_000_000, 1.6e-2, 2.1),
        ("1/2", 2.65, 10_000_000, 1e-3, 2.9),
        ("1/2", 3.4, 30_000_000, 1e-4, 3.2),
        ("1/2", 4.1, 80_000_000, 1e-5, 3.5),
        ("3/4", 3.6, 10_000_000, 1.3e-3, 2.9),
        ("7/8", 4.5, 10_000_000, 1.5e-3, 2.9),
    ],
)
def test_loss_against_floating_point(
    rate: str, ebn0_db: float, count: int, error_rate: float, slope: float
) -> None:
    loss, found = loss_db(ebn0_db, rate, count, slope)
    print(f"rate {rate} at {ebn0_db} dB: {found:.3g}, loss {loss:.3f} dB")
    assert 0.7 * error_rate < found < 1.4 * error_rate
    assert loss < 0.05
