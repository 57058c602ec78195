"""One frame behind its marker: derandomised, corrected, proven; and the second try at a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from .viterbi import Bits, SoftBits

# A codeword counts as proven where a random word would have passed as well in one of so many cases. Without
# this limit a word could be decoded out of nothing but erasures.
PROVEN = 1e-9
# Numbers of bytes given up, least reliable first, in the order in which they are tried.
ERASURE_STEPS = tuple(range(0, 26, 2))

# Words of repeating bytes, such as all zeros, are codewords too. A randomised word has some 160
# different byte values; with fewer than this it is a stuck signal or a gap, and proves nothing.
VARIED_BYTES = 32

Bytes = npt.NDArray[np.uint8]


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
    fixed = fixed.reshape(words.shape)
    counts[_dull(fixed, mode)] = FAILED
    return [CodeBlock(*pair) for pair in zip(fixed, map(tuple, counts.tolist()), strict=True)]


def _dull(words: Bytes, mode: Mode) -> npt.NDArray[np.bool_]:
    """Which of the codewords, shape (n, interleave, 255), had too few different bytes on the wire."""
    if mode.randomiser == "none":
        return np.zeros(words.shape[:2], dtype=bool)
    sent = wire_blocks(words, mode).reshape(len(words), LENGTH, mode.rs_interleave).transpose(0, 2, 1)
    seen = np.zeros((words.shape[0] * words.shape[1], 256), dtype=bool)
    seen[np.arange(len(seen))[:, np.newaxis], sent.reshape(-1, LENGTH)] = True
    dull: npt.NDArray[np.bool_] = (seen.sum(axis=1) < VARIED_BYTES).reshape(words.shape[:2])
    return dull


def wire_blocks(words: Bytes, mode: Mode) -> Bytes:
    """The bytes behind the markers as sent, shape (n, block_bytes), of words (n, interleave, 255)."""
    wire = TO_DUAL[words] if mode.rs_basis == "dual" else words
    joined = np.ascontiguousarray(wire.transpose(0, 2, 1)).reshape(len(words), -1)
    return randomise(joined, mode.randomiser)


def _without_dull_words(block: CodeBlock, mode: Mode) -> CodeBlock:
    dull = _dull(block.words[np.newaxis], mode)[0].tolist()
    counts = (FAILED if is_dull else count for is_dull, count in zip(dull, block.corrected, strict=True))
    return replace(block, corrected=tuple(counts))


def wire_bits(block: CodeBlock, mode: Mode) -> Bits:
    """The bits behind the marker as they were sent, if the block is right."""
    return np.unpackbits(randomise(join_block(block.words, basis=mode.rs_basis), mode.randomiser))


def second_try(block: CodeBlock, soft: SoftBits, known: Bits, start: int, mode: Mode) -> CodeBlock:
    """Decode again what failed, with the proven codewords laid down as known and the weakest bytes given up.

    Args:
        block: the outcome of the first try.
        soft: soft bits of the frame and some bits around it, shape (2 n,).
        known: what is known of those bits (the markers), shape (n,).
        start: where the block begins in `known`.
        mode: the downlink's mode.
    """
    known = known.copy()
    inside = slice(start, start + 8 * mode.block_bytes)
    while True:
        known[inside] = _known_bits(block, mode)
        llr = siso(soft, known, nrz_m=mode.differential == "nrz-m")[inside]
        improved = _decode_reliable(block, llr, mode)
        if improved.proven or improved.proven_words == block.proven_words:
            return improved
        block = improved


def _known_bits(block: CodeBlock, mode: Mode) -> Bits:
    proven = np.array([count != FAILED for count in block.corrected])
    per_byte = np.resize(proven, mode.block_bytes)  # codeword i holds bytes i, i + interleave, …
    return np.where(np.repeat(per_byte, 8), wire_bits(block, mode), UNKNOWN).astype(np.uint8)


def _decode_reliable(block: CodeBlock, llr: npt.NDArray[np.int32], mode: Mode) -> CodeBlock:
    wire = np.packbits((llr > 0).astype(np.uint8))
    reliability = np.abs(llr).reshape(-1, 8).min(axis=1).reshape(-1, mode.rs_interleave).T
    fresh = split_block(randomise(wire, mode.randomiser), interleave=mode.rs_interleave, basis=mode.rs_basis)
    words, corrected = block.words.copy(), list(block.corrected)
    for i, count in enumerate(block.corrected):
        if count == FAILED:
            words[i], corrected[i] = _decode_with_erasures(fresh[i], reliability[i])
    return _without_dull_words(CodeBlock(words, tuple(corrected)), mode)


def _decode_with_erasures(word: Bytes, reliability: npt.NDArray[np.int32]) -> tuple[Bytes, int]:
    """Give up ever more of the least reliable bytes until the word decodes and is proven."""
    order = np.argsort(reliability, kind="stable")
    for count in ERASURE_STEPS:
        erased = order[:count]
        fixed, corrected = decode_word(word, erased.tolist())
        if corrected == FAILED:
            continue
        errors = np.count_nonzero(np.delete(fixed != word, erased))
        if chance_of_random_decode(int(errors), count) <= PROVEN:
            return fixed, corrected
    return word, FAILED
