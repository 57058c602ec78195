"""One frame behind its marker: derandomised, corrected, proven; and the second try at a damaged one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from .downlink import Mode
from .randomiser import randomise
from .reed_solomon import (
    FAILED,
    FROM_DUAL,
    LENGTH,
    TO_DUAL,
    chance_of_random_decode,
    decode_word,
    decode_words,
    join_block,
    split_block,
)
from .siso import UNKNOWN, siso
from .softbits import SOFT_PER_LLR
from .viterbi import Bits, SoftBits

# Chance of a false codeword per word that any of its decodings may have. Without this limit a word could be
# decoded out of nothing but erasures.
PROVEN = 1e-9
# Decodings of a word that may prove it: in up to 5 rounds of the plain second try and of each of 16 guesses,
# at 13 numbers of erasures; each with up to 17 numbers of errors, whose outermost one decides.
PROVING_DECODES = 5 * (1 + 16) * 13 * 17
# A guess proves nothing, so it may be a false one as often as this per decoding; the best ones are followed.
GUESS, MOST_GUESSES = 1e-3, 4
# Orders in which bytes are given up to find guesses, in 4 portions; how far they are shaken: in units of log
# odds, by a Gumbel distribution (of a set of bytes, each is then given up in proportion to its odds).
_SHAKEN_BY = 1.0
_SHAKES = _SHAKEN_BY * np.random.default_rng(1).gumbel(size=(4, 32, LENGTH))
_SHAKES[0, 0] = 0.0
# Wrong bytes expected in the best word up to which all portions, or the first one, are worth their time. Of
# words that can be decoded nine in ten have less than 14; hopeless frames have 14 and more.
_WORTH_ALL, _WORTH_FIRST = 13.0, 16.0
CERTAIN_LLR = 60.0

# Words of repeating bytes, such as all zeros, are codewords too. A randomised word has some 160
# different byte values; with fewer than this it is a stuck signal or a gap, and proves nothing.
VARIED_BYTES = 32
_GLANCE_BYTES = 48  # of which a random word has fewer different ones than that once in 1e9

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CodeBlock:
    """A frame's Reed-Solomon block in the conventional basis, derandomised, shape (interleave, 255).

    `corrected` holds per codeword the number of corrected bytes, or `FAILED`.
    """

    words: Bytes
    corrected: tuple[int, ...]

    @property
    def proven_words(self) -> int:
        """How many of the codewords are proven."""
        return sum(count != FAILED for count in self.corrected)

    @property
    def proven(self) -> bool:
        """Whether all codewords are."""
        return self.proven_words == len(self.corrected)


def decode_codeblock(bits: Bits, mode: Mode) -> CodeBlock:
    """Correct the block in the bits behind a marker, shape (8 * block_bytes,)."""
    return decode_codeblocks(bits[np.newaxis], mode)[0]


def decode_codeblocks(bits: Bits, mode: Mode) -> list[CodeBlock]:
    """Correct the blocks behind several markers at once, shape (n, 8 * block_bytes)."""
    blocks = randomise(np.packbits(bits, axis=1), mode.randomiser)
    words = np.ascontiguousarray(blocks.reshape(len(blocks), -1, mode.rs_interleave).transpose(0, 2, 1))
    if mode.rs_basis == "dual":
        words = FROM_DUAL[words]
    fixed, corrected = decode_words(words.reshape(-1, LENGTH), mode.rs_parity)
    counts = np.array(corrected).reshape(len(blocks), mode.rs_interleave)
    counts[counts > _most_errors(mode.rs_parity)] = FAILED
    fixed = fixed.reshape(words.shape)
    counts[_dull(fixed, mode)] = FAILED
    return [CodeBlock(*pair) for pair in zip(fixed, map(tuple, counts.tolist()), strict=True)]


@cache
def _most_errors(parity: int) -> int:
    """Errors with which a codeword is proven: all that 32 parity bytes correct (16), 6 with 16 of them."""
    return max(e for e in range(parity // 2 + 1) if chance_of_random_decode(e, 0, parity) <= PROVEN)


def _dull(words: Bytes, mode: Mode) -> npt.NDArray[np.bool_]:
    """Which of the codewords, shape (n, interleave, 255), had too few different bytes on the wire."""
    if mode.randomiser == "none":
        return np.zeros(words.shape[:2], dtype=bool)
    # Most words are cleared by their first bytes; the others are counted in full.
    dull = _different(_sent_words(words[:, :, :_GLANCE_BYTES], mode)) < VARIED_BYTES
    if dull.any():
        dull[dull] = _different(_sent_words(words, mode)[dull]) < VARIED_BYTES
    return dull


def _sent_words(words: Bytes, mode: Mode) -> Bytes:
    """The first bytes of codewords, shape (n, interleave, bytes), as they were on the wire."""
    wire = TO_DUAL[words] if mode.rs_basis == "dual" else words
    sequence = randomise(np.zeros(words.shape[1] * words.shape[2], dtype=np.uint8), mode.randomiser)
    return wire ^ sequence.reshape(words.shape[2], words.shape[1]).T


def _different(words: Bytes) -> npt.NDArray[np.int64]:
    """How many different bytes each has, shape (..., bytes) to (...)."""
    ordered = np.sort(words, axis=-1)
    count: npt.NDArray[np.int64] = 1 + np.count_nonzero(ordered[..., 1:] != ordered[..., :-1], axis=-1)
    return count


def _without_dull_words(block: CodeBlock, mode: Mode) -> CodeBlock:
    dull = _dull(block.words[np.newaxis], mode)[0].tolist()
    counts = (FAILED if is_dull else count for is_dull, count in zip(dull, block.corrected, strict=True))
    return replace(block, corrected=tuple(counts))


def wire_bits(block: CodeBlock, mode: Mode) -> Bits:
    """The bits behind the marker as they were sent, if the block is right."""
    return np.unpackbits(randomise(join_block(block.words, basis=mode.rs_basis), mode.randomiser))


def second_try(block: CodeBlock, soft: SoftBits, known: Bits, start: int, mode: Mode) -> CodeBlock:
    """Decode again what failed, with proven codewords laid down as known and the weakest bytes given up.

    Where not one codeword is proven, many choices of bytes to give up are tried. What decodes then is a
    guess: it is laid down as known for a moment, and has done its part when it helped to prove another.

    False codewords: whatever is laid down, a word that is not near its codeword is taken for random bytes. Of
    the 256^(P - s) syndromes left by s erasures, those of e errors among the r least reliable other bytes are
    at most sum over k <= e of C(r, k) 255^k. That fraction, times `PROVING_DECODES`, bounds the chance that
    any decoding of a word proves a false one; it is held below `PROVEN`.

    Args:
        block: the outcome of the first try.
        soft: soft bits of the frame and some bits around it, shape (2 n,).
        known: what is known of those bits (the markers), shape (n,).
        start: where the block begins in `known`.
        mode: the downlink's mode.
    """
    trellis = _Trellis(soft, known, start, mode)
    block = _in_rounds(block, trellis)
    if block.proven_words:
        return block
    words, reliability = trellis.words(block)
    expected = np.minimum(0.5, np.exp(-reliability)).sum(axis=1).min()
    for portion in _SHAKES[: 4 if expected < _WORTH_ALL else 1 if expected < _WORTH_FIRST else 0]:
        for guess in _guesses(words, reliability, portion, mode):
            better = _in_rounds(block, trellis, guess)
            if better.proven_words:
                return better
    return block


def _in_rounds(block: CodeBlock, trellis: _Trellis, guess: tuple[int, Bytes] | None = None) -> CodeBlock:
    """Decode the failed codewords as long as each round proves another; a guess helps in the first round."""
    while not block.proven:
        words, reliability = trellis.words(block, guess)
        improved = _prove(block, words, reliability, trellis.mode, leave=None if guess is None else guess[0])
        if improved.proven_words == block.proven_words:
            return improved
        block, guess = improved, None
    return block


@dataclass(frozen=True)
class _Trellis:
    """What a second try decodes; the fields are the arguments of `second_try`."""

    soft: SoftBits
    known: Bits
    start: int
    mode: Mode

    def words(self, block: CodeBlock, guess: tuple[int, Bytes] | None = None) -> tuple[Bytes, Floats]:
        """Codewords as decided with what is proven (and a guess) laid down; how reliable each byte is."""
        mode, known = self.mode, self.known.copy()
        inside = slice(self.start, self.start + 8 * mode.block_bytes)
        laid = np.array([count != FAILED for count in block.corrected])
        if guess is not None:
            block = replace(block, words=block.words.copy())
            block.words[guess[0]], laid[guess[0]] = guess[1], True
        per_bit = np.repeat(
            np.resize(laid, mode.block_bytes), 8
        )  # codeword i holds bytes i, i + interleave, …
        known[inside] = np.where(per_bit, wire_bits(block, mode), UNKNOWN)
        llr = siso(self.soft, known, nrz_m=mode.differential == "nrz-m")[inside]
        wire = randomise(np.packbits((llr > 0).astype(np.uint8)), mode.randomiser)
        # A byte is wrong about as often as the sum over its bits of exp(-|LLR|).
        size = np.minimum(np.abs(llr) / SOFT_PER_LLR, CERTAIN_LLR).reshape(-1, 8)
        reliability = -np.log(np.exp(-size).sum(axis=1)).reshape(-1, mode.rs_interleave).T
        return split_block(wire, interleave=mode.rs_interleave, basis=mode.rs_basis), reliability


def _prove(
    block: CodeBlock, fresh: Bytes, reliability: Floats, mode: Mode, *, leave: int | None
) -> CodeBlock:
    """Decode the failed codewords but one; what is not proven fails."""
    words, corrected = block.words.copy(), list(block.corrected)
    for i, count in enumerate(block.corrected):
        if count != FAILED or i == leave:
            continue
        order = np.argsort(reliability[i], kind="stable")
        for erasures in range(0, mode.rs_parity - 6, 2):
            decoded = _decode(fresh[i], order, erasures, mode.rs_parity)
            if decoded is not None and PROVING_DECODES * decoded.chance <= PROVEN:
                words[i], corrected[i] = decoded.word, decoded.corrected
                break
    return _without_dull_words(CodeBlock(words, tuple(corrected)), mode)


def _guesses(words: Bytes, reliability: Floats, shakes: Floats, mode: Mode) -> list[tuple[int, Bytes]]:
    """Codewords that may be right, the likeliest first, with their indices.

    Bytes are given up in the order of their reliability, with a little chance mixed in.
    """
    found: dict[tuple[int, bytes], float] = {}
    for i, word in enumerate(words):
        for shaken in reliability[i] + shakes:
            order = np.argsort(shaken, kind="stable")
            for erasures in (eighths * mode.rs_parity // 8 for eighths in (2, 3, 4, 5)):
                decoded = _decode(word, order, erasures, mode.rs_parity)
                if decoded is not None and decoded.chance <= GUESS:
                    key = (i, decoded.word.tobytes())
                    found[key] = min(found.get(key, 1.0), decoded.chance)
    best = sorted(found, key=lambda key: found[key])[:MOST_GUESSES]
    return [(i, np.frombuffer(word, dtype=np.uint8)) for i, word in best]


@dataclass(frozen=True)
class _Decoded:
    """A codeword, how many bytes were changed, and how likely a random word would have decoded so near."""

    word: Bytes
    corrected: int
    chance: float


def _decode(word: Bytes, order: npt.NDArray[np.intp], erasures: int, parity: int) -> _Decoded | None:
    """Decode with the first bytes of an order given up, least reliable first."""
    fixed, corrected = decode_word(word, order[:erasures].tolist(), parity)
    if corrected == FAILED:
        return None
    errors = np.flatnonzero((fixed != word)[order[erasures:]])
    reach = int(errors[-1]) + 1 if errors.size else 0
    return _Decoded(fixed, corrected, _chance(errors.size, reach, erasures, parity))


@cache
def _chance(errors: int, reach: int, erasures: int, parity: int) -> float:
    """As `chance_of_random_decode`, with all errors among so many of the bytes that are not given up."""
    patterns = sum(math.comb(reach, e) * 255**e for e in range(errors + 1))
    return float(patterns / 256 ** (parity - erasures))
