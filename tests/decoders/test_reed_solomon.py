from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import (
    FAILED,
    FROM_DUAL,
    TO_DUAL,
    chance_of_random_decode,
    decode_word,
    decode_word_plain,
    decode_words,
    join_block,
    split_block,
)

PARITIES = (32, 16)
# First half of the generator's coefficients as powers of alpha, the other half mirrors it (131.0-B-5 annex).
GENERATOR = {
    32: (0, 249, 59, 66, 4, 43, 126, 251, 97, 30, 3, 213, 50, 66, 170, 5, 24),
    16: (0, 30, 230, 49, 235, 129, 81, 76, 173),
}


def product(a: int, b: int) -> int:
    """In the field, by shifts and additions: no table is shared with the decoder."""
    result = 0
    for k in range(8):
        result ^= (a << k) * (b >> k & 1)
    for k in range(14, 7, -1):
        result ^= (0x187 << (k - 8)) * (result >> k & 1)
    return result


def alpha_to(exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = product(value, 2)
    return value


def encoded(message: np.ndarray, parity: int) -> np.ndarray:
    """Message and parity, by long division with the published generator."""
    half = [alpha_to(log) for log in GENERATOR[parity]]
    generator = [*half, *half[-2::-1]]
    rest = [*message.tolist(), *[0] * parity]
    for k in range(message.size):
        top = rest[k]
        for j, coefficient in enumerate(generator):
            rest[k + j] ^= product(top, coefficient)
    return np.array([*message.tolist(), *rest[-parity:]], dtype=np.uint8)


@lru_cache
def codeword(seed: int = 1, parity: int = 32) -> np.ndarray:
    message = np.random.default_rng(seed).integers(0, 256, 255 - parity).astype(np.uint8)
    return encoded(message, parity)


def damaged(word: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hurt = word.copy()
    hurt[places] ^= rng.integers(1, 256, len(places)).astype(np.uint8)
    return hurt


def decoded(block: np.ndarray, *, interleave: int, basis: str) -> tuple[np.ndarray, tuple[int, ...]]:
    words, corrected = decode_words(split_block(block, interleave=interleave, basis=basis))
    return join_block(words, basis=basis), corrected


@pytest.mark.parametrize("parity", PARITIES)
def test_codewords_of_the_vectors_are_clean_and_mend_in_both_bases(parity: int, shared_vectors: Path) -> None:
    vectors = json.loads((shared_vectors / "rs.json").read_text())
    rng, most = np.random.default_rng(2), parity // 2
    for vector in vectors[f"rs_255_{255 - parity}"]["vectors"]:
        for basis in ("conventional", "dual"):
            word = np.frombuffer(
                bytes.fromhex(vector["message_hex"] + vector[f"parity_{basis}_hex"]), np.uint8
            )
            conventional = split_block(word, interleave=1, basis=basis)
            assert np.array_equal(conventional[0], encoded(conventional[0][:-parity], parity))
            assert decode_words(conventional, parity)[1] == (0,)
            hurt = word.copy()
            hurt[rng.permutation(255)[:most]] ^= 0x55
            words, corrected = decode_words(split_block(hurt, interleave=1, basis=basis), parity)
            assert corrected == (most,)
            assert np.array_equal(join_block(words, basis=basis), word)


def test_dual_basis_equals_the_published_tables(shared_vectors: Path) -> None:
    tables = json.loads((shared_vectors / "rs.json").read_text())["dual_basis"]
    assert TO_DUAL.tobytes().hex() == tables["to_dual_hex"]
    assert FROM_DUAL.tobytes().hex() == tables["to_conventional_hex"]


def test_the_interleaved_block_of_the_vectors(shared_vectors: Path) -> None:
    for vector in json.loads((shared_vectors / "cadu.json").read_text())["vectors"]:
        basis = "dual" if vector["dual_basis"] else "conventional"
        block = np.frombuffer(bytes.fromhex(vector["codeblock_before_randomizing_1020_hex"]), np.uint8)
        wire = np.frombuffer(bytes.fromhex(vector["cadu_1024_hex"])[4:], np.uint8)
        assert np.array_equal(randomise(wire, "ccsds-255"), block)
        assert decoded(block, interleave=4, basis=basis)[1] == (0, 0, 0, 0)
        hurt = block.copy()
        hurt[100:164] ^= 0xA5  # a burst of 64 bytes: 16 in each codeword
        fixed, corrected = decoded(hurt, interleave=4, basis=basis)
        assert corrected == (16, 16, 16, 16)
        assert fixed.tobytes().hex().startswith(vector["vcdu_892_hex"])


def test_randomiser_equals_the_vector_and_is_itself_a_codeword(shared_vectors: Path) -> None:
    vector = json.loads((shared_vectors / "randomizer.json").read_text())
    sequence = randomise(np.zeros(1020, np.uint8), "ccsds-255")
    assert sequence[:255].tobytes().hex() == vector["first_255_bytes_hex"]
    # So a clean Reed-Solomon block proves nothing about the randomiser.
    assert decoded(sequence, interleave=4, basis="conventional")[1] == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="unknown randomiser"):
        randomise(sequence, "other")


@settings(max_examples=80, deadline=None)
@given(
    parity=st.sampled_from(PARITIES),
    errors=st.integers(0, 20),
    erasures=st.integers(0, 34),
    spared=st.integers(0, 34),
    seed=st.integers(0, 2**32),
)
def test_kernel_equals_plain_form(parity: int, errors: int, erasures: int, spared: int, seed: int) -> None:
    """`spared` of the erased bytes are right after all."""
    rng = np.random.default_rng(seed)
    word, places = codeword(1, parity), rng.permutation(255)
    wrong = places[min(spared, erasures) : erasures + errors]
    hurt = damaged(word, wrong, rng)
    erased = places[:erasures].tolist()
    got, wanted = decode_word(hurt, erased, parity), decode_word_plain(hurt, erased, parity)
    assert got[1] == wanted[1]
    assert np.array_equal(got[0], wanted[0])
    if 2 * errors + erasures <= parity:
        assert np.array_equal(got[0], word)
        assert got[1] == wrong.size
    elif got[1] == FAILED:
        assert np.array_equal(got[0], hurt)


@pytest.mark.parametrize("parity", PARITIES)
def test_every_number_of_errors_and_erasures_within_reach_is_mended(parity: int) -> None:
    rng = np.random.default_rng(parity)
    for errors in range(parity // 2 + 1):
        for erasures in range(parity - 2 * errors + 1):
            word, places = codeword(rng.integers(4), parity), rng.permutation(255)
            hurt = damaged(word, places[: errors + erasures], rng)
            fixed, corrected = decode_word(hurt, places[errors : errors + erasures].tolist(), parity)
            assert corrected == errors + erasures
            assert np.array_equal(fixed, word)


@pytest.mark.parametrize("parity", PARITIES)
def test_beyond_its_reach_a_word_is_refused_or_another_codeword(parity: int) -> None:
    """A wrong codeword is within reach of one word in E! (McEliece and Swanson 1986): 2e13, 4e4."""
    rng, word, most = np.random.default_rng(9), codeword(2, parity), parity // 2
    hurt = np.stack([damaged(word, rng.permutation(255)[: most + 1 + k % 40], rng) for k in range(4000)])
    fixed, corrected = decode_words(hurt, parity)
    for given_word, got, count in zip(hurt, fixed, corrected, strict=True):
        if count == FAILED:
            assert np.array_equal(got, given_word)
        else:
            assert 0 < count <= most
            assert decode_word_plain(got, (), parity)[1] == 0
    assert sum(count != FAILED for count in corrected) <= (2 if parity == 16 else 0)


@pytest.mark.slow
@pytest.mark.parametrize("parity", PARITIES)
def test_a_million_words_decode_as_they_must(parity: int) -> None:
    rng = np.random.default_rng(10 + parity)
    words = np.stack([codeword(seed, parity) for seed in range(8)])
    for _ in range(100):
        sent = words[rng.integers(0, 8, 10_000)]
        errors = rng.integers(0, parity // 2 + 1, 10_000)
        order = rng.random(sent.shape).argsort(axis=1).argsort(axis=1)
        noise = rng.integers(1, 256, sent.shape) * (order < errors[:, None])
        fixed, corrected = decode_words(sent ^ noise.astype(np.uint8), parity)
        assert np.array_equal(fixed, sent)
        assert np.array_equal(corrected, errors)


def test_words_in_one_call_are_decoded_as_one_by_one() -> None:
    rng = np.random.default_rng(8)
    hurt = np.stack([damaged(codeword(k % 4), rng.permutation(255)[:k], rng) for k in range(20)])
    before = hurt.copy()
    fixed, corrected = decode_words(hurt)
    assert np.array_equal(hurt, before)
    for word, got, count in zip(hurt, fixed, corrected, strict=True):
        alone = decode_word(word)
        assert np.array_equal(got, alone[0])
        assert count == alone[1]
    empty, counts = decode_words(np.zeros((0, 255), np.uint8))
    assert (empty.shape, counts) == ((0, 255), ())


@settings(max_examples=40, deadline=None)
@given(
    word=st.binary(min_size=255, max_size=255),
    erased=st.lists(st.integers(0, 254), unique=True, max_size=40),
    parity=st.sampled_from(PARITIES),
)
def test_random_words_give_a_codeword_or_failure(word: bytes, erased: list[int], parity: int) -> None:
    given_word = np.frombuffer(word, np.uint8)
    fixed, corrected = decode_word(given_word, erased, parity)
    if corrected == FAILED:
        assert np.array_equal(fixed, given_word)
    else:
        assert decode_word_plain(fixed, (), parity)[1] == 0


@pytest.mark.parametrize("erased", [[3, 3], [255]])
def test_ill_formed_erasures_are_refused(erased: list[int]) -> None:
    with pytest.raises(ValueError, match="distinct"):
        decode_word(codeword(), erased)


def test_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="255 bytes"):
        decode_word(np.zeros(254, np.uint8))
    with pytest.raises(ValueError, match="255 bytes"):
        decode_words(np.zeros((2, 256), np.uint8))
    with pytest.raises(ValueError, match="16 or 32"):
        decode_words(np.zeros((2, 255), np.uint8), 20)
    with pytest.raises(ValueError, match="1020 bytes"):
        split_block(np.zeros(1000, np.uint8), interleave=4, basis="conventional")


def test_chance_of_a_random_decode_against_trial() -> None:
    """With 28 of 32 erased and up to 2 errors two random words in five decode: no proof at all."""
    rng = np.random.default_rng(3)
    erased = list(range(28))
    decoded = [
        decode_word(rng.integers(0, 256, 255).astype(np.uint8), erased)[1] != FAILED for _ in range(1500)
    ]
    assert np.mean(decoded) == pytest.approx(chance_of_random_decode(2, 28), rel=0.15)
    assert chance_of_random_decode(16, 0) < 1e-13
    assert chance_of_random_decode(0, 32) == 1.0
    erased = list(range(12))
    decoded = [
        decode_word(rng.integers(0, 256, 255).astype(np.uint8), erased, 16)[1] != FAILED for _ in range(1500)
    ]
    assert np.mean(decoded) == pytest.approx(chance_of_random_decode(2, 12, 16), rel=0.15)
    assert chance_of_random_decode(8, 0, 16) == pytest.approx(1 / math.factorial(8), rel=0.2)


def test_split_and_join_are_inverse() -> None:
    block = np.random.default_rng(4).integers(0, 256, 5 * 255).astype(np.uint8)
    for basis in ("conventional", "dual"):
        assert np.array_equal(join_block(split_block(block, interleave=5, basis=basis), basis=basis), block)


@pytest.mark.parametrize("parity", PARITIES)
def test_more_erasures_than_parity_decode_nothing(parity: int) -> None:
    word = codeword(1, parity)
    for form in (decode_word, decode_word_plain):
        assert form(word, range(parity), parity)[1] == 0
        assert form(word, range(parity + 1), parity)[1] == FAILED
