"""One frame behind its marker: derandomised, corrected, proven; and the second try at a damaged one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .downlink import Mode
from .randomiser import randomise
from .reed_solomon import FAILED, chance_of_random_decode, decode_word, decode_words, join_block, split_block
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
    block = randomise(np.packbits(bits), mode.randomiser)
    words, corrected = decode_words(split_block(block, interleave=mode.rs_interleave, basis=mode.rs_basis))
    return _without_dull_words(CodeBlock(words, corrected), mode)


def _without_dull_words(block: CodeBlock, mode: Mode) -> CodeBlock:
    if mode.randomiser == "none":
        return block
    wire = np.packbits(wire_bits(block, mode)).reshape(-1, mode.rs_interleave).T
    counts = (
        FAILED if np.unique(word).size < VARIED_BYTES else count
        for word, count in zip(wire, block.corrected, strict=True)
    )
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
