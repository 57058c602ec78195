"""The second try at a damaged frame: what is proven of it helps to decode the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from decoders.coding.allowance import Allowance
from decoders.coding.codeblock import PROVEN, CodeBlock, dull_words, wire_bits
from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import FAILED, LENGTH, decode_word, split_block
from decoders.coding.siso import UNKNOWN, siso
from decoders.coding.viterbi import Bits, SoftBits
from decoders.demodulation.softbits import SOFT_PER_LLR
from decoders.downlink import Mode

# A guess proves nothing, so it may be a false one as often as this per decoding; the best ones are followed.
GUESS, MOST_GUESSES = 1e-3, 4
# Orders in which bytes are given up to find guesses, in 4 portions; how far they are shaken: in units of log
# odds, by a Gumbel distribution (of a set of bytes, each is then given up in proportion to its odds).
_SHAKEN_BY = 1.0
_SHAKES = _SHAKEN_BY * np.random.default_rng(1).gumbel(size=(4, 32, LENGTH))
_SHAKES[0, 0] = 0.0
# Wrong bytes expected in the best word up to which all portions, or the first one, or decoding without a
# guess are worth their time. Of words that can be decoded nine in ten have less than 14; hopeless frames have
# 14 and more. Of 80 with 22 and more, at 1 to 2.3 dB, none was decoded.
_WORTH_ALL, _WORTH_FIRST, _WORTH_ANY = 13.0, 16.0, 22.0
CERTAIN_LLR = 60.0
# Numbers of bytes given up for a guess, in eighths of the parity.
_GIVEN_UP_EIGHTHS = (2, 3, 4, 5)
# What the trellis of a bit takes of an `Allowance`: as long as so many decodings of a word.
_TRELLIS_PER_BIT = 16 / 8192

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def second_try(
    block: CodeBlock,
    soft: SoftBits,
    known: Bits,
    start: int,
    mode: Mode,
    *,
    allowance: Allowance | None = None,
) -> CodeBlock:
    """Decode again what failed, with proven codewords laid down as known and the weakest bytes given up.

    Where not one codeword is proven, many choices of bytes to give up are tried. What decodes then is a
    guess: it is laid down as known for a moment, and has done its part when it helped to prove another.

    False codewords: whatever is laid down, a word that is not near its codeword is taken for random bytes. Of
    the 256^(P - s) syndromes left by s erasures, those of e errors among the r least reliable other bytes are
    at most sum over k <= e of C(r, k) 255^k. That fraction, times `proving_decodes`, bounds the chance that
    any decoding of a word proves a false one; it is held below `PROVEN`.

    Args:
        block: the outcome of the first try.
        soft: soft bits of the frame and some bits around it, shape (2 n,).
        known: what is known of those bits (the markers), shape (n,).
        start: where the block begins in `known`.
        mode: the downlink's mode.
        allowance: decodings that are left, of which those of this try are taken; None: as many as it takes.
    """
    allowance = Allowance.of_decodings(mode) if allowance is None else allowance
    if allowance.left <= 0:
        return block
    trellis = _Trellis(soft, known, start, mode, allowance)
    words, reliability = trellis.words(block)
    expected = np.minimum(0.5, np.exp(-reliability)).sum(axis=1).min()
    if not block.proven_words and expected >= _WORTH_ANY:
        return block
    block = _in_rounds(block, trellis, words, reliability)
    if block.proven_words:
        return block
    cost = _SHAKES.shape[1] * len(_GIVEN_UP_EIGHTHS) * mode.rs_interleave
    for portion in _SHAKES[: 4 if expected < _WORTH_ALL else 1 if expected < _WORTH_FIRST else 0]:
        if allowance.left < cost:
            break
        allowance.spend(cost)
        for guess in _guesses(words, reliability, portion, mode):
            better = _in_rounds(block, trellis, *trellis.words(block, guess), leave=guess[0])
            if better.proven_words:
                return better
    return block


def erasures_tried(parity: int) -> range:
    """Numbers of bytes that are given up to prove a word."""
    return range(0, parity - 6, 2)


@cache
def proving_decodes(interleave: int, parity: int) -> int:
    """Decodings of a word that may prove it.

    In a round for each word of the frame, of the plain second try and of each guess, with every number of
    erasures; each with every number of errors, whose outermost one decides.
    """
    tries = 1 + len(_SHAKES) * MOST_GUESSES
    return interleave * tries * len(erasures_tried(parity)) * (parity // 2 + 1)


def _in_rounds(
    block: CodeBlock, trellis: _Trellis, words: Bytes, reliability: Floats, *, leave: int | None = None
) -> CodeBlock:
    """Decode the failed codewords as long as each round proves another.

    Args:
        block: what is proven so far.
        trellis: decides on the words anew.
        words: as decided on now, shape (interleave, 255).
        reliability: of their bytes, same shape.
        leave: a codeword that is not decoded in the first round, as a guess of it was laid down.
    """
    while True:
        improved = _prove(block, words, reliability, trellis.mode, leave=leave)
        if improved.proven or improved.proven_words == block.proven_words:
            return improved
        block, leave = improved, None
        words, reliability = trellis.words(block)


@dataclass(frozen=True)
class _Trellis:
    """What a second try decodes; the fields are the arguments of `second_try`."""

    soft: SoftBits
    known: Bits
    start: int
    mode: Mode
    allowance: Allowance

    def words(self, block: CodeBlock, guess: tuple[int, Bytes] | None = None) -> tuple[Bytes, Floats]:
        """Codewords as decided with what is proven (and a guess) laid down; how reliable each byte is.

        They are decoded next, so that is taken off the allowance here.
        """
        mode, known = self.mode, self.known.copy()
        failed = len(block.corrected) - block.proven_words
        self.allowance.spend(
            round(_TRELLIS_PER_BIT * known.size) + len(erasures_tried(mode.rs_parity)) * failed
        )
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
    decodes = proving_decodes(mode.rs_interleave, mode.rs_parity)
    for i, count in enumerate(block.corrected):
        if count != FAILED or i == leave:
            continue
        order = np.argsort(reliability[i], kind="stable").astype(np.uint8)
        for erasures in erasures_tried(mode.rs_parity):
            decoded = _decode(fresh[i], order, erasures, mode.rs_parity)
            if decoded is not None and decodes * decoded.chance <= PROVEN:
                words[i], corrected[i] = decoded.word, decoded.corrected
                break
    return _without_dull_words(CodeBlock(words, tuple(corrected)), mode)


def _guesses(words: Bytes, reliability: Floats, shakes: Floats, mode: Mode) -> list[tuple[int, Bytes]]:
    """Codewords that may be right, the likeliest first, with their indices.

    Bytes are given up in the order of their reliability, with a little chance mixed in.
    """
    found: dict[tuple[int, bytes], float] = {}
    for i, word in enumerate(words):
        for order in np.argsort(reliability[i] + shakes, axis=1, kind="stable").astype(np.uint8):
            for erasures in (eighths * mode.rs_parity // 8 for eighths in _GIVEN_UP_EIGHTHS):
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


def _decode(word: Bytes, order: Bytes, erasures: int, parity: int) -> _Decoded | None:
    """Decode with the first bytes of an order given up, least reliable first."""
    fixed, corrected = decode_word(word, order[:erasures], parity)
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


def _without_dull_words(block: CodeBlock, mode: Mode) -> CodeBlock:
    dull = dull_words(block.words[np.newaxis], mode)[0].tolist()
    counts = (FAILED if is_dull else count for is_dull, count in zip(dull, block.corrected, strict=True))
    return replace(block, corrected=tuple(counts))
