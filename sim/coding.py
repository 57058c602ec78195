"""Channel coding of the transmitter, each stage with its own constants (CCSDS 131.0-B).

Stages that remember something have `process(bits)`; whatever the block sizes, the bits are the same. Bits are
uint8 0/1 in order of sending, most significant bit of a byte first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]

RS_MESSAGE_BYTES = 223
RS_PARITY_BYTES = 32
FIELD_POLYNOMIAL = 0x187  # x^8 + x^7 + x^2 + x + 1
GENERATOR_STEP = 11  # the code's roots are alpha^(11 j)
FIRST_ROOT = 112  # j = 112 … 143
DUAL_STEP = 117  # beta = alpha^117; bit j of a dual symbol, from the left, is the trace of u beta^j

G1_DELAYS = (0, 1, 2, 3, 6)  # 171 octal, newest bit first
G2_DELAYS = (0, 2, 3, 5, 6)  # 133 octal

BRANCHES = 36
BRANCH_CELLS = 2048
BRANCH_DELAY_BITS = BRANCHES * BRANCH_CELLS
INTERLEAVER_SPAN_BITS = (BRANCHES - 1) * BRANCH_DELAY_BITS
SYNC_WORD = np.array([0, 0, 1, 0, 0, 1, 1, 1], np.uint8)  # 0x27
SYNC_PAYLOAD_BITS = 72
SYNC_PERIOD_BITS = SYNC_PAYLOAD_BITS + SYNC_WORD.size


def _field_tables() -> tuple[list[int], list[int]]:
    """Powers of alpha (510 of them, so that sums of two logarithms need no reduction) and logarithms."""
    powers = [1]
    for _ in range(509):
        doubled = powers[-1] << 1
        powers.append(doubled ^ FIELD_POLYNOMIAL if doubled & 0x100 else doubled)
    logs = [0] * 256
    for exponent in range(255):
        logs[powers[exponent]] = exponent
    return powers, logs


def _generator() -> list[int]:
    """Coefficients of prod (x - alpha^(11 j)), highest power first; the leading one is 1."""
    powers, logs = _field_tables()
    polynomial = [1]
    for j in range(FIRST_ROOT, FIRST_ROOT + RS_PARITY_BYTES):
        root = GENERATOR_STEP * j % 255
        shifted = [*polynomial, 0]
        for index, coefficient in enumerate(polynomial):
            if coefficient:
                shifted[index + 1] ^= powers[logs[coefficient] + root]
        polynomial = shifted
    return polynomial


@cache
def _parity_table() -> NDArray[np.uint8]:
    """uint8 [223, 256, 32]: parity that a byte adds, by place and value (the code is linear)."""
    powers, logs = _field_tables()
    generator = np.array(_generator()[1:])
    basis = np.zeros((RS_MESSAGE_BYTES, RS_PARITY_BYTES), np.int64)  # parity of a single 1
    remainder = generator.copy()
    for place in reversed(range(RS_MESSAGE_BYTES)):
        basis[place] = remainder
        top = int(remainder[0])
        remainder = np.append(remainder[1:], 0)
        if top:
            remainder ^= np.array([powers[logs[top] + logs[int(g)]] for g in generator])
    product = np.zeros((256, 256), np.uint8)
    log_array = np.array(logs)
    product[1:, 1:] = np.array(powers)[log_array[1:, None] + log_array[None, 1:]]
    return product[:, basis].transpose(1, 0, 2).copy()


def reed_solomon_parity(messages: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Parity uint8 [n, 32] of messages uint8 [n, 223], conventional basis (CCSDS 131.0-B, RS(255, 223))."""
    table = _parity_table()
    places = np.arange(RS_MESSAGE_BYTES)
    parity: NDArray[np.uint8] = np.bitwise_xor.reduce(table[places, messages], axis=1)
    return parity


@cache
def dual_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """uint8 [256] to the dual basis and [256] back (CCSDS 131.0-B, annex on the dual basis)."""
    powers, logs = _field_tables()

    def trace(value: int) -> int:
        total = 0
        for k in range(8):  # u + u^2 + u^4 + … + u^128, which is 0 or 1
            total ^= powers[logs[value] * (1 << k) % 255] if value else 0
        return total

    to_dual = np.zeros(256, np.uint8)
    for value in range(1, 256):
        to_dual[value] = sum(trace(powers[(logs[value] + DUAL_STEP * j) % 255]) << (7 - j) for j in range(8))
    return to_dual, np.argsort(to_dual).astype(np.uint8)


def add_parity(vcdus: Sequence[bytes], interleave: int = 4, *, dual: bool = False) -> list[bytes]:
    """Frames to blocks with parity behind; byte i is of codeword i mod `interleave`.

    Args:
        vcdus: of `interleave` x 223 bytes each.
        interleave: codewords of a frame.
        dual: the bytes are symbols in the dual basis.
    """
    if not vcdus:
        return []
    data = np.frombuffer(b"".join(vcdus), np.uint8).reshape(len(vcdus), RS_MESSAGE_BYTES, interleave)
    messages = data.transpose(0, 2, 1).reshape(-1, RS_MESSAGE_BYTES)
    if dual:
        to_dual, to_conventional = dual_tables()
        parity = to_dual[reed_solomon_parity(to_conventional[messages])]
    else:
        parity = reed_solomon_parity(messages)
    blocks = parity.reshape(len(vcdus), interleave, RS_PARITY_BYTES).transpose(0, 2, 1)
    return [vcdu + block.tobytes() for vcdu, block in zip(vcdus, blocks, strict=True)]


@cache
def randomiser_sequence(count: int) -> bytes:
    """First `count` bytes of x^8 + x^7 + x^5 + x^3 + 1 from all ones (CCSDS 131.0-B, pseudo-randomizer)."""
    bits = [1] * 8
    while len(bits) < count * 8:
        bits.append(bits[-8] ^ bits[-5] ^ bits[-3] ^ bits[-1])
    return np.packbits(bits[: count * 8]).tobytes()


def randomise(cadus: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Randomise uint8 [n, frame bytes] behind the four bytes of the marker."""
    sequence = np.frombuffer(bytes(4) + randomiser_sequence(cadus.shape[-1] - 4), np.uint8)
    return cadus ^ sequence


class NrzM:
    """e[k] = d[k] xor e[k-1]: a one toggles the level (CCSDS 131.0-B, NRZ-M)."""

    def __init__(self, level: int = 0) -> None:
        self._level = np.uint8(level)

    def process(self, bits: Bits) -> Bits:
        """Levels, as many as bits."""
        levels = np.bitwise_xor.accumulate(bits) ^ self._level
        if levels.size:
            self._level = levels[-1]
        return levels


class ConvolutionalEncoder:
    """K = 7, rate 1/2, G1 first, neither output inverted (the modulator inverts the second rail)."""

    def __init__(self, memory: Sequence[int] = (0,) * 6) -> None:
        self._memory = np.array(memory, np.uint8)  # the six bits before the first, oldest first

    def process(self, bits: Bits) -> Bits:
        """Coded bits G1, G2, G1, G2 …, twice as many as bits."""
        line = np.concatenate([self._memory, bits])
        self._memory = line[line.size - 6 :]
        coded = np.zeros((bits.size, 2), np.uint8)
        for column, delays in enumerate((G1_DELAYS, G2_DELAYS)):
            for delay in delays:
                coded[:, column] ^= line[6 - delay : line.size - delay]
        return coded.reshape(-1)


# Places that are kept of the coded bits C1(1) C2(1) C1(2) C2(2) … of one period (CCSDS 131.0-B, punctured
# codes), in order of sending.
KEPT = {
    "1/2": (2, (0, 1)),
    "2/3": (4, (0, 1, 3)),
    "3/4": (6, (0, 1, 3, 4)),
    "5/6": (10, (0, 1, 3, 4, 7, 8)),
    "7/8": (14, (0, 1, 3, 5, 7, 8, 11, 12)),
}
# MetOp at 3/4: I carries C1(1), C1(3), Q carries C2(1), C2(2).
KEPT_METOP = {"3/4": (6, (0, 1, 4, 3))}


class Puncturer:
    """Drops coded bits by the pattern of a rate; bits of an unfinished period wait for the next block.

    Args:
        rate: "1/2", "2/3", "3/4", "5/6" or "7/8".
        rail_order: "serial", or "metop" (3/4 only).
    """

    def __init__(self, rate: str, rail_order: str = "serial") -> None:
        period, kept = (KEPT_METOP if rail_order == "metop" else KEPT)[rate]
        if len(kept) % 2:  # whole pairs for I and Q
            period, kept = 2 * period, (*kept, *(period + place for place in kept))
        self._period, self._kept = period, list(kept)
        self._rest = np.zeros(0, np.uint8)

    def process(self, coded: Bits) -> Bits:
        """What is left of the coded bits, an even number."""
        line = np.concatenate([self._rest, coded])
        whole = line.size // self._period * self._period
        self._rest = line[whole:]
        return line[:whole].reshape(-1, self._period)[:, self._kept].reshape(-1)


class Interleaver:
    """Forney interleaver of the 80k mode: 36 branches, branch b delayed by b x 2048 cells.

    Source: the inverse in meteor_decode's deinterleave.c and SatDump's deint.cpp, which agree. Works on whole
    rounds of the 36 branches; up to 35 bits wait for the next block. Before the first bit lie zeros.

    Args:
        branch_cells: cells of delay per branch.
    """

    def __init__(self, branch_cells: int = BRANCH_CELLS) -> None:
        self.branch_cells = branch_cells
        self._rounds = np.zeros(((BRANCHES - 1) * branch_cells, BRANCHES), np.uint8)
        self._rest = np.zeros(0, np.uint8)

    def process(self, bits: Bits) -> Bits:
        """Interleaved bits, a multiple of 36."""
        line = np.concatenate([self._rest, bits])
        count = line.size // BRANCHES
        self._rest = line[count * BRANCHES :]
        rounds = np.concatenate([self._rounds, line[: count * BRANCHES].reshape(count, BRANCHES)])
        past = self._rounds.shape[0]
        woven = np.empty((count, BRANCHES), np.uint8)
        for branch in range(BRANCHES):
            start = past - branch * self.branch_cells
            woven[:, branch] = rounds[start : start + count, branch]
        self._rounds = rounds[count:]
        return woven.reshape(-1)


class SyncInserter:
    """Puts 0x27 before every 72 bits (source: see Interleaver); up to 71 bits wait for the next block."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.uint8)

    def process(self, bits: Bits) -> Bits:
        """Bits with their markers, a multiple of 80."""
        line = np.concatenate([self._rest, bits])
        count = line.size // SYNC_PAYLOAD_BITS
        self._rest = line[count * SYNC_PAYLOAD_BITS :]
        out = np.empty((count, SYNC_PERIOD_BITS), np.uint8)
        out[:, : SYNC_WORD.size] = SYNC_WORD
        out[:, SYNC_WORD.size :] = line[: count * SYNC_PAYLOAD_BITS].reshape(count, SYNC_PAYLOAD_BITS)
        return out.reshape(-1)
