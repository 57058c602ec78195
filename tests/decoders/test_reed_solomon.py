from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.randomiser import randomise
from decoders.reed_solomon import (
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
from sim.coding import reed_solomon_parity


def codeword(seed: int = 1) -> np.ndarray:
    """By the simulator's encoder, which shares nothing with the decoder."""
    message = np.random.default_rng(seed).integers(0, 256, (1, 223)).astype(np.uint8)
    return np.concatenate([message, reed_solomon_parity(message)], axis=1)[0]


def decoded(block: np.ndarray, *, interleave: int, basis: str) -> tuple[np.ndarray, tuple[int, ...]]:
    words, corrected = decode_words(split_block(block, interleave=interleave, basis=basis))
    return join_block(words, basis=basis), corrected


def test_codewords_of_the_vectors_are_clean_and_mend_in_both_bases(shared_vectors: Path) -> None:
    vectors = json.loads((shared_vectors / "rs.json").read_text())
    rng = np.random.default_rng(2)
    for vector in vectors["rs_255_223"]["vectors"]:
        for basis in ("conventional", "dual"):
            word = np.frombuffer(
                bytes.fromhex(vector["message_hex"] + vector[f"parity_{basis}_hex"]), np.uint8
            )
            assert decoded(word, interleave=1, basis=basis)[1] == (0,)
            hurt = word.copy()
            hurt[rng.permutation(255)[:16]] ^= 0x55
            fixed, corrected = decoded(hurt, interleave=1, basis=basis)
            assert corrected == (16,)
            assert np.array_equal(fixed, word)


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


@settings(max_examples=60, deadline=None)
@given(
    errors=st.integers(0, 20),
    erasures=st.integers(0, 34),
    spared=st.integers(0, 34),
    seed=st.integers(0, 2**32),
)
def test_kernel_equals_plain_form(errors: int, erasures: int, spared: int, seed: int) -> None:
    """`spared` of the erased bytes are right after all."""
    rng = np.random.default_rng(seed)
    word, places = codeword(), rng.permutation(255)
    hurt = word.copy()
    wrong = places[min(spared, erasures) : erasures + errors]
    hurt[wrong] ^= rng.integers(1, 256, wrong.size).astype(np.uint8)
    erased = places[:erasures].tolist()
    got, wanted = decode_word(hurt, erased), decode_word_plain(hurt, erased)
    assert got[1] == wanted[1]
    assert np.array_equal(got[0], wanted[0])
    if 2 * errors + erasures <= 32:
        assert np.array_equal(got[0], word)
        assert got[1] == wrong.size
    elif got[1] == FAILED:
        assert np.array_equal(got[0], hurt)


@settings(max_examples=40, deadline=None)
@given(
    word=st.binary(min_size=255, max_size=255), erased=st.lists(st.integers(0, 254), unique=True, max_size=40)
)
def test_random_words_give_a_codeword_or_failure(word: bytes, erased: list[int]) -> None:
    given_word = np.frombuffer(word, np.uint8)
    fixed, corrected = decode_word(given_word, erased)
    if corrected == FAILED:
        assert np.array_equal(fixed, given_word)
    else:
        assert decode_word_plain(fixed)[1] == 0


@pytest.mark.parametrize("erased", [[3, 3], [255]])
def test_ill_formed_erasures_are_refused(erased: list[int]) -> None:
    with pytest.raises(ValueError, match="distinct"):
        decode_word(codeword(), erased)


def test_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="255 bytes"):
        decode_word(np.zeros(254, np.uint8))
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


def test_split_and_join_are_inverse() -> None:
    block = np.random.default_rng(4).integers(0, 256, 5 * 255).astype(np.uint8)
    for basis in ("conventional", "dual"):
        assert np.array_equal(join_block(split_block(block, interleave=5, basis=basis), basis=basis), block)
