"""One frame behind its marker: derandomised, corrected, proven by Reed-Solomon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import (
    FAILED,
    FROM_DUAL,
    LENGTH,
    TO_DUAL,
    chance_of_random_decode,
    decode_words,
    join_block,
)
from decoders.coding.viterbi import Bits
from decoders.downlink import Mode

# Chance of a false codeword per word that any of its decodings may have. Without this limit a word could be
# decoded out of nothing but erasures.
PROVEN = 1e-9
# Words of repeating bytes, such as all zeros, are codewords too. A randomised word has some 160
# different byte values; with fewer than this it is a stuck signal or a gap, and proves nothing.
VARIED_BYTES = 32
_IDENTITY = np.arange(256, dtype=np.uint8)
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


def decode_codeblocks(
    bits: Bits, mode: Mode, *, skip: int = 0, turned: npt.NDArray[np.bool_] | None = None
) -> list[CodeBlock]:
    """Correct the blocks behind several markers at once.

    Args:
        bits: 0/1, shape (n, skip + 8 * block_bytes).
        mode: the downlink's mode.
        skip: bits of each row before its block.
        turned: whether the bits of a row are inverted, shape (n,); None for none.

    Raises:
        ValueError: bits or turned of another shape.
    """
    return _blocks(*_fec.decode_blocks(*_job(bits, mode, skip, turned)), mode)


def decode_codeblocks_plain(
    bits: Bits, mode: Mode, *, skip: int = 0, turned: npt.NDArray[np.bool_] | None = None
) -> list[CodeBlock]:
    """The specification of `decode_codeblocks`."""
    if turned is not None:
        bits = bits ^ turned.astype(np.uint8)[:, np.newaxis]
    blocks = randomise(np.packbits(bits[:, skip:], axis=1), mode.randomiser)
    words = np.ascontiguousarray(blocks.reshape(len(blocks), -1, mode.rs_interleave).transpose(0, 2, 1))
    if mode.rs_basis == "dual":
        words = FROM_DUAL[words]
    fixed, corrected = decode_words(words.reshape(-1, LENGTH), mode.rs_parity)
    counts = np.array(corrected, dtype=np.int32).reshape(len(blocks), mode.rs_interleave)
    fixed = fixed.reshape(words.shape)
    counts[dull_words(fixed, mode)] = FAILED
    return _blocks(fixed, counts, mode)


def _job(
    bits: Bits, mode: Mode, skip: int, turned: npt.NDArray[np.bool_] | None
) -> tuple[Bits, npt.NDArray[np.bool_], int, Bytes, Bytes, int, int]:
    """What the kernel is given."""
    varied = 0 if mode.randomiser == "none" else VARIED_BYTES
    return (
        np.ascontiguousarray(bits),
        np.zeros(len(bits), np.bool_) if turned is None else turned,
        skip,
        randomise(np.zeros(mode.rs_interleave * LENGTH, np.uint8), mode.randomiser),
        FROM_DUAL if mode.rs_basis == "dual" else _IDENTITY,
        mode.rs_parity,
        varied,
    )


def _blocks(words: Bytes, counts: npt.NDArray[np.int32], mode: Mode) -> list[CodeBlock]:
    counts[counts > _most_errors(mode.rs_parity)] = FAILED
    return [CodeBlock(*pair) for pair in zip(words, map(tuple, counts.tolist()), strict=True)]


@cache
def _most_errors(parity: int) -> int:
    """Errors with which a codeword is proven: all that 32 parity bytes correct (16), 6 with 16 of them."""
    return max(e for e in range(parity // 2 + 1) if chance_of_random_decode(e, 0, parity) <= PROVEN)


def dull_words(words: Bytes, mode: Mode) -> npt.NDArray[np.bool_]:
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


def wire_bits(block: CodeBlock, mode: Mode) -> Bits:
    """The bits behind the marker as they were sent, if the block is right."""
    return np.unpackbits(randomise(join_block(block.words, basis=mode.rs_basis), mode.randomiser))
