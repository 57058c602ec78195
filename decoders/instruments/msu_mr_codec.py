"""The image code of MSU-MR on LRPT: one packet is a row of 14 blocks of 8x8 samples, coded like JPEG.

ITU-T T.81 (09/92): entropy code F.2.2, zigzag order figure 5, inverse transform A.3.3, tables K.1, K.3, K.5.
It differs from a JPEG file: no markers, no stuffed bytes, DC prediction begins at 0 in every packet, and a
quality factor scales table K.1 as in the IJG's libjpeg (`jpeg_quality_scaling`).

The plain form here is the specification; `decode_packet` runs the kernel, which gives the same bytes.

Two choices the standards leave open, with what the real passes said about them:
- The inverse transform is the exact one in double precision, rounded to nearest with halves up. SatDump has
  the integer transform of the MPEG-2 reference decoder: of 4.2 million samples of a pass 99.15 % are equal,
  the others differ by 1; with that transform all are equal (tests/figures/m2_3_against_satdump.py).
- The quantiser's scale is integer division (libjpeg). A decoder that divides in floating point gets other
  steps for some quality factors from 21 to 48. No recording seen so far holds such a factor, so the flight
  unit's own rounding is unknown; the difference is at most one unit of a step.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoders.instruments import _msu_mr

BLOCKS_PER_PACKET: Final = 14
BLOCK_SIDE: Final = 8
PACKET_COLUMNS: Final = BLOCKS_PER_PACKET * BLOCK_SIDE

# T.81 table K.1, luminance, at quality 50.
QUANTISER_50: Final = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.int64,
)

# T.81 table K.3 (luminance DC) and K.5 (luminance AC): how many codes of length 1, 2 … 16, then their values.
DC_LENGTHS: Final = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
DC_VALUES: Final = bytes(range(12))
AC_LENGTHS: Final = (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125)
AC_VALUES: Final = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435"
    "363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798"
    "999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4"
    "f5f6f7f8f9fa"
)
END_OF_BLOCK: Final = 0x00

# cos(k pi/16) / 2, as in the kernel; cos(4 pi/16) / 2 is also C(0)/2 of T.81 section A.3.3.
HALF_COSINE: Final = (
    0.5,
    0.49039264020161522,
    0.46193976625564337,
    0.41573480615127262,
    0.35355339059327379,
    0.27778511650980109,
    0.19134171618254489,
    0.097545161008064124,
    0.0,
)


class _DamagedError(Exception):
    """The bits cannot go on: no such code, a run past the block, or the end of the data."""


def zigzag() -> NDArray[np.intp]:
    """T.81 figure 5: position (row * 8 + column) of the k-th coefficient sent, k = 0 to 63."""
    cells = [(row, column) for row in range(8) for column in range(8)]
    # Diagonals in turn; odd ones run down and left, even ones up and right.
    cells.sort(key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return np.array([row * 8 + column for row, column in cells])


def quantiser(quality: int) -> NDArray[np.int64]:
    """The 8x8 steps for a quality factor.

    Args:
        quality: 1 to 100.

    Returns:
        int64 [8, 8], row by row.

    Raises:
        ValueError: the quality factor is out of range.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality factor {quality}; MSU-MR uses 1 to 100")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.maximum((scale * QUANTISER_50 + 50) // 100, 1)


@cache
def code_book(lengths: tuple[int, ...], values: bytes) -> dict[tuple[int, int], int]:
    """(length, code) to value: T.81 section C.2, codes of one length count up."""
    book, code, taken = {}, 0, iter(values)
    for length, number in enumerate(lengths, start=1):
        for _ in range(number):
            book[length, code] = next(taken)
            code += 1
        code <<= 1
    return book


class _Bits:
    """Bits of a packet, most significant first."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
        self.used = 0

    def take(self, number: int) -> int:
        if self.used + number > len(self._bits):
            raise _DamagedError
        value = 0
        for bit in self._bits[self.used : self.used + number]:
            value = value << 1 | bit
        self.used += number
        return value

    def symbol(self, book: dict[tuple[int, int], int]) -> int:
        code = 0
        for length in range(1, 17):
            code = code << 1 | self.take(1)
            if (length, code) in book:
                return book[length, code]
        raise _DamagedError

    def signed(self, size: int) -> int:
        """T.81 section F.2.2.1, RECEIVE and EXTEND."""
        value = self.take(size)
        return value if size == 0 or value >= 1 << (size - 1) else value - (1 << size) + 1


def _read_block(bits: _Bits, dc: int) -> list[int]:
    sent = [0] * 64
    sent[0] = dc + bits.signed(bits.symbol(code_book(DC_LENGTHS, DC_VALUES)))
    k = 1
    while k < 64:
        symbol = bits.symbol(code_book(AC_LENGTHS, AC_VALUES))
        if symbol == END_OF_BLOCK:
            break
        run, size = symbol >> 4, symbol & 15
        value = bits.signed(size)
        k += run
        if k > 63:
            raise _DamagedError
        sent[k] = value
        k += 1
    return sent


def transform_basis() -> NDArray[np.float64]:
    """T.81 section A.3.3: [u, x] = C(u)/2 cos((2x+1) u pi/16)."""

    def half_cosine(k: int) -> float:
        k = min(k % 32, 32 - k % 32)
        return -HALF_COSINE[16 - k] if k > 8 else HALF_COSINE[k]

    rows = [[HALF_COSINE[4] if u == 0 else half_cosine((2 * x + 1) * u) for x in range(8)] for u in range(8)]
    return np.array(rows)


def inverse_transform(coefficients: NDArray[np.int64]) -> NDArray[np.uint8]:
    """One block's counts: rows, then columns, sums in order of frequency; shift by 128, halves up, 0 to 255.

    Args:
        coefficients: [8, 8], vertical frequency first.
    """
    basis = transform_basis()
    half = np.zeros((8, 8))
    whole = np.zeros((8, 8))
    for u in range(8):
        half = half + coefficients[:, u, None] * basis[u][None, :]
    for v in range(8):
        whole = whole + basis[v][:, None] * half[v][None, :]
    return np.clip(np.floor(whole + 128.5), 0, 255).astype(np.uint8)


def read_coefficients(scan: bytes, quality: int) -> tuple[NDArray[np.int64], int]:
    """The blocks of one packet before the transform.

    Returns:
        int64 [blocks, 8, 8], vertical frequency first, times the quantiser's steps; and the bits they took.
    """
    steps, order, bits = quantiser(quality).ravel(), zigzag(), _Bits(scan)
    blocks = np.zeros((BLOCKS_PER_PACKET, 64), np.int64)
    dc = used = 0
    for block in range(BLOCKS_PER_PACKET):
        try:
            sent = _read_block(bits, dc)
        except _DamagedError:
            return blocks[:block].reshape(-1, 8, 8), used
        dc, used = sent[0], bits.used
        blocks[block, order] = np.array(sent) * steps[order]
    return blocks.reshape(-1, 8, 8), used


def decode_packet_plain(scan: bytes, quality: int, counts: NDArray[np.uint8]) -> tuple[int, int]:
    """The specification of `decode_packet`: same arguments, same results."""
    if not 1 <= quality <= 100:
        return 0, 0
    blocks, used = read_coefficients(scan, quality)
    for number, coefficients in enumerate(blocks):
        counts[:, number * BLOCK_SIDE : (number + 1) * BLOCK_SIDE] = inverse_transform(coefficients)
    return len(blocks), used


def decode_packet(scan: bytes, quality: int, counts: NDArray[np.uint8]) -> tuple[int, int]:
    """Decodes the blocks of one packet until they end or the bits forbid going on.

    Args:
        scan: the entropy-coded bytes, any length.
        quality: the packet's quality factor; outside 1 to 100 nothing is decoded.
        counts: uint8 [8, 112], columns contiguous; the whole blocks are written, the rest is left as it is.

    Returns:
        Number of whole blocks (0 to 14), and the bits they took.

    Raises:
        ValueError: `counts` has another shape or layout.
        TypeError: `counts` is not a writable uint8 array.
    """
    return _msu_mr.decode_packet(scan, quality, counts)
