"""The image encoder of MSU-MR's LRPT packets: baseline JPEG's (ITU-T T.81) DCT and Huffman code, bare.

A packet holds 14 blocks of 8 x 8, left to right; the DC prediction begins at 0 in every packet; no marker, no
stuffed byte.

    counts  uint8 [..., 8, width]   ->  spectra  float32 [..., width / 8, 64], zigzag order
    spectra, quality factor         ->  levels   int16 [..., width / 8, 64]
    levels of packets [p, 14, 64]   ->  lengths in bits, and the bytes

Symbols are never looped over: each becomes a (value, length) pair at its place in a dense array, a run of
zeros above 15 folded into the value that follows it (at most 3 x 11 + 16 + 10 bits, so 64-bit words hold it).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.errors import SimulationError

BLOCKS_PER_PACKET = 14
LOWEST_QUALITY, HIGHEST_QUALITY = 21, 100

# T.81 annex K, table K.1, row by row: the steps of quality 50.
_STEPS_50 = """
16 11 10 16 24 40 51 61   12 12 14 19 26 58 60 55   14 13 16 24 40 57 69 56   14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77
24 35 55 64 81 104 113 92   49 64 78 87 103 121 120 101   72 92 95 98 112 100 103 99
"""

# T.81 annex K, tables K.3 and K.5 in the form of annex C: how many codes of each length 1, 2 ... 16, and what
# they mean.
_DC_COUNTS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
_DC_VALUES = tuple(range(12))
_AC_COUNTS = (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125)
_AC_VALUES = bytes.fromhex(
    "01 02 03 00 04 11 05 12 21 31 41 06 13 51 61 07 22 71 14 32 81 91 a1 08 23 42 b1 c1 15 52 d1 f0"
    "24 33 62 72 82 09 0a 16 17 18 19 1a 25 26 27 28 29 2a 34 35 36 37 38 39 3a 43 44 45 46 47 48 49"
    "4a 53 54 55 56 57 58 59 5a 63 64 65 66 67 68 69 6a 73 74 75 76 77 78 79 7a 83 84 85 86 87 88 89"
    "8a 92 93 94 95 96 97 98 99 9a a2 a3 a4 a5 a6 a7 a8 a9 aa b2 b3 b4 b5 b6 b7 b8 b9 ba c2 c3 c4 c5"
    "c6 c7 c8 c9 ca d2 d3 d4 d5 d6 d7 d8 d9 da e1 e2 e3 e4 e5 e6 e7 e8 e9 ea f1 f2 f3 f4 f5 f6 f7 f8"
    "f9 fa"
)
_END_OF_BLOCK, _SIXTEEN_ZEROS = 0x00, 0xF0


def _zigzag() -> NDArray[np.int64]:
    """Row-major place of the k-th coefficient of the zigzag order (T.81 figure 5)."""
    cells = [(row, column) for row in range(8) for column in range(8)]
    cells.sort(key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return np.array([8 * row + column for row, column in cells])


def _codes(
    counts: tuple[int, ...], values: tuple[int, ...] | bytes
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Code word and length of each symbol 0 ... 255 (T.81 figures C.1, C.2); length 0: none."""
    words, lengths = np.zeros(256, np.uint64), np.zeros(256, np.int64)
    code, at = 0, 0
    for length, count in enumerate(counts, start=1):
        for _ in range(count):
            words[values[at]], lengths[values[at]] = code, length
            code, at = code + 1, at + 1
        code <<= 1
    return words, lengths


_ZIGZAG = _zigzag()
_BASE_STEPS = np.array(_STEPS_50.split(), np.int64)[_ZIGZAG]
_DC_WORDS, _DC_LENGTHS = _codes(_DC_COUNTS, _DC_VALUES)
_AC_WORDS, _AC_LENGTHS = _codes(_AC_COUNTS, _AC_VALUES)
# Number of bits of a magnitude (T.81 tables F.1 and F.2).
_SIZE = np.array([value.bit_length() for value in range(4096)], np.int64)
# T.81 A.3.3 as a matrix: [frequency, sample].
_DCT = np.sqrt(0.25) * np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * np.pi / 16)
_DCT[0] /= np.sqrt(2)
_DCT = _DCT.astype(np.float32)


def quantiser_steps(quality: int) -> NDArray[np.int64]:
    """Quantiser steps [64] in zigzag order.

    The scale is IJG's, 5000 / QF below 50 and 200 - 2 QF from there on, without its rounding to an integer,
    which is how the decoders in use undo it.

    Raises:
        SimulationError: the quality is outside 21 ... 100.
    """
    if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
        raise SimulationError(f"quality factor {quality} is outside {LOWEST_QUALITY} ... {HIGHEST_QUALITY}")
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.maximum(np.floor(scale * _BASE_STEPS / 100 + 0.5), 1).astype(np.int64)


def spectra(counts: NDArray[np.uint8]) -> NDArray[np.float32]:
    """DCT of the blocks of strips [..., 8, width]: [..., width / 8, 64] zigzag order, level shift off."""
    *lead, rows, width = counts.shape
    if rows != 8 or width % 8:
        raise SimulationError(
            f"a strip of {rows} x {width} counts; 8 rows and a multiple of 8 columns are needed"
        )
    samples = counts.astype(np.float32) - np.float32(128)
    columns = np.matmul(_DCT, samples).reshape(*lead, 8, width // 8, 8)
    blocks = np.matmul(columns, _DCT.T)  # [..., vertical frequency, block, horizontal frequency]
    flat = np.moveaxis(blocks, -3, -2).reshape(*lead, width // 8, 64)
    return np.ascontiguousarray(flat[..., _ZIGZAG])


def quantise(spectrum: NDArray[np.float32], quality: int, keep: int = 64) -> NDArray[np.int16]:
    """Levels of the same shape; coefficients from `keep` on are dropped."""
    levels = np.rint(spectrum * (1 / quantiser_steps(quality)).astype(np.float32)).astype(np.int16)
    levels[..., keep:] = 0
    return levels


def _ac_symbols(levels: NDArray[np.int16]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Flat places, runs of zeros before, and magnitudes' sizes of the AC coefficients in blocks [n, 64]."""
    place = np.flatnonzero(levels)
    place = place[(place & 63) != 0]  # DC is not among them
    before = np.empty_like(place)
    before[:1], before[1:] = 0, place[:-1]
    # The first of a block counts from its DC.
    run = place - np.maximum(before, place & ~63) - 1
    return place, run, _SIZE[np.abs(levels.reshape(-1)[place])]


def _dc_differences(levels: NDArray[np.int16]) -> NDArray[np.int64]:
    """DC differences [packets, blocks], the prediction beginning at 0 in every packet."""
    dc = levels[:, :, 0].astype(np.int64)
    dc[:, 1:] -= dc[:, :-1].copy()
    return dc


def _ends_early(levels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which blocks need an end-of-block: those whose last coefficient is zero."""
    return np.asarray(levels[:, :, 63] == 0)


def coded_bits(levels: NDArray[np.int16]) -> NDArray[np.int64]:
    """Length in bits of each packet's scan [packets] from its levels [packets, blocks, 64]."""
    packets, blocks, _ = levels.shape
    size = _SIZE[np.abs(_dc_differences(levels))]
    bits = (_DC_LENGTHS[size] + size).sum(axis=1)
    bits += _ends_early(levels).sum(axis=1) * _AC_LENGTHS[_END_OF_BLOCK]
    place, run, size = _ac_symbols(levels)
    each = (run >> 4) * _AC_LENGTHS[_SIXTEEN_ZEROS] + _AC_LENGTHS[((run & 15) << 4) | size] + size
    return np.asarray(
        bits + np.bincount(place // (64 * blocks), weights=each, minlength=packets).astype(np.int64)
    )


def _magnitude_bits(value: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The additional bits: a negative value is sent less one, in `size` bits (T.81 F.1.2.1)."""
    low = np.where(value < 0, value - 1, value) & ((1 << size) - 1)
    return np.asarray(low, np.uint64)


def _symbols(levels: NDArray[np.int16]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Values and lengths [packets, blocks * 65]: DC, 63 AC places, end of block; length 0: not sent."""
    packets, blocks, _ = levels.shape
    values = np.zeros((packets * blocks, 65), np.uint64)
    lengths = np.zeros((packets * blocks, 65), np.int64)

    difference = _dc_differences(levels).reshape(-1)
    size = _SIZE[np.abs(difference)]
    values[:, 0] = (_DC_WORDS[size] << size.astype(np.uint64)) | _magnitude_bits(difference, size)
    lengths[:, 0] = _DC_LENGTHS[size] + size

    place, run, size = _ac_symbols(levels)
    symbol = ((run & 15) << 4) | size
    word = (_AC_WORDS[symbol] << size.astype(np.uint64)) | _magnitude_bits(
        levels.reshape(-1)[place].astype(np.int64), size
    )
    length = _AC_LENGTHS[symbol] + size
    for skips in (1, 2, 3):
        more = (run >> 4) >= skips
        word[more] |= _AC_WORDS[_SIXTEEN_ZEROS] << length[more].astype(np.uint64)
        length[more] += _AC_LENGTHS[_SIXTEEN_ZEROS]
    values[place >> 6, place & 63], lengths[place >> 6, place & 63] = word, length

    early = _ends_early(levels).reshape(-1)
    values[early, 64], lengths[early, 64] = _AC_WORDS[_END_OF_BLOCK], _AC_LENGTHS[_END_OF_BLOCK]
    return values.reshape(packets, -1), lengths.reshape(packets, -1)


def encode(levels: NDArray[np.int16]) -> list[bytes]:
    """The scan of each packet from its levels [packets, blocks, 64]; ones fill up the last byte."""
    values, lengths = _symbols(levels)
    bits = lengths.sum(axis=1)
    padding = -bits % 64
    # Ones at the end of each packet up to a whole word, so that every packet begins one.
    values = np.concatenate(
        [values, ((np.uint64(1) << padding.astype(np.uint64)) - np.uint64(1))[:, None]], axis=1
    )
    lengths = np.concatenate([lengths, padding[:, None]], axis=1)
    sent = lengths > 0
    words = _packed(values[sent], lengths[sent])
    stream = words.astype(">u8").tobytes()
    first = np.concatenate([[0], np.cumsum((bits + padding) // 8)])
    return [
        stream[at : at + (count + 7) // 8]
        for at, count in zip(first[:-1].tolist(), bits.tolist(), strict=True)
    ]


def _packed(values: NDArray[np.uint64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Values of 1 ... 63 bits one after another, most significant bit first, in 64-bit words."""
    end = np.cumsum(lengths)
    start = end - lengths
    words = np.zeros(int(end[-1]) // 64 + 2, np.uint64)
    # In the word where a value begins: shifted left where there is room, else its upper part, the rest in the
    # next word.
    room = 64 - (start & 63) - lengths
    upper = np.where(
        room >= 0,
        values << np.maximum(room, 0).astype(np.uint64),
        values >> np.maximum(-room, 0).astype(np.uint64),
    )
    firsts = np.flatnonzero(np.diff(start >> 6, prepend=-1))
    words[(start >> 6)[firsts]] = np.bitwise_or.reduceat(upper, firsts)
    over = np.flatnonzero(room < 0)  # at most one value runs over the end of a word
    words[(start[over] >> 6) + 1] |= values[over] << (64 + room[over]).astype(np.uint64)
    return words[: int(end[-1]) // 64]
