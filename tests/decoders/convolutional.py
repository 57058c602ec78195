"""Noise for the convolutional code, and a maximum-likelihood decoder without quantisation to compare with."""

from __future__ import annotations

import math

import numpy as np

from decoders.coding.viterbi import MARGIN_BITS, encode, viterbi
from decoders.demodulation.softbits import SOFT_LIMIT, SOFT_PER_LLR

BLOCK_BITS = 1024
# Symbols that are sent: C1 and C2 of each period (CCSDS 131.0-B-5 table 3-2).
PUNCTURING = {
    "1/2": ("1", "1"),
    "2/3": ("10", "11"),
    "3/4": ("101", "110"),
    "5/6": ("10101", "11010"),
    "7/8": ("1000101", "1111010"),
}


def sent_places(rate: str, bits: int) -> np.ndarray:
    """Whether each symbol of rate 1/2 is sent, shape (2 * bits,)."""
    rows = np.array([[int(digit) for digit in row] for row in PUNCTURING[rate]], dtype=bool)
    return np.resize(rows.T, 2 * bits)


def received(bits: np.ndarray, ebn0_db: float, rate: str, rng: np.random.Generator) -> np.ndarray:
    """Log-likelihood ratios of the encoded bits in white noise; 0 where the code is punctured.

    With Es = 1 a symbol of +-1 has noise of variance N0 / 2, and its ratio is 4 y / N0 (Proakis, 5th ed., eq.
    4.2-21); Es = rate * Eb.
    """
    numerator, denominator = map(int, rate.split("/"))
    esn0 = 10 ** (ebn0_db / 10) * numerator / denominator
    symbols = 2.0 * encode(bits) - 1
    noise = rng.standard_normal(symbols.size) * math.sqrt(0.5 / esn0)
    return np.where(sent_places(rate, bits.size), 4 * esn0 * (symbols + noise), 0.0)


def soft_bits(ratios: np.ndarray, scale: float = SOFT_PER_LLR) -> np.ndarray:
    """What the demodulator would give."""
    return np.clip(np.rint(scale * ratios), -SOFT_LIMIT, SOFT_LIMIT).astype(np.int8)


def in_blocks(soft: np.ndarray, margin: int = MARGIN_BITS, block: int = BLOCK_BITS) -> np.ndarray:
    """Rows of overlapping blocks; before and behind the stream are erasures."""
    padded = np.pad(soft, (2 * margin, 2 * margin + -soft.size % (2 * block)))
    row = 2 * (block + 2 * margin)
    return np.lib.stride_tricks.sliding_window_view(padded, row)[:: 2 * block]


def kernel_bits(soft: np.ndarray, margin: int = MARGIN_BITS, block: int = BLOCK_BITS) -> np.ndarray:
    """A whole stream through the kernel."""
    rows = in_blocks(soft, margin, block)
    return viterbi(rows, head=margin, length=block, tail=margin)[0].reshape(-1)[: soft.size // 2]


def maximum_likelihood(ratios: np.ndarray, margin: int = 160, block: int = BLOCK_BITS) -> np.ndarray:
    """Bits of the likeliest path, in floating point and on wide margins; written apart from the kernel.

    State: six bits, the newest lowest. Of a path only the sum of the symbols that are ones counts.
    """
    rows = in_blocks(ratios.astype(np.float32), margin, block)
    steps = rows.shape[1] // 2
    register = np.arange(128)  # oldest bit at the left
    taps = ([0, 1, 2, 3, 6], [0, 2, 3, 5, 6])  # ages of the bits that 171 and 133 octal add
    first, second = (sum(register >> age & 1 for age in ages) % 2 for ages in taps)
    metric = np.zeros((len(rows), 64), dtype=np.float32)
    decisions = np.zeros((steps, len(rows), 64), dtype=bool)
    for t in range(steps):
        x, y = rows[:, 2 * t, None], rows[:, 2 * t + 1, None]
        pairs = np.concatenate([0 * x, y, x, x + y], axis=1)
        paths = pairs[:, 2 * first + second]
        # Registers r and r + 64 lead to the same state r mod 64, from the states r >> 1 and (r >> 1) + 32.
        paths[:, :64] += np.repeat(metric[:, :32], 2, axis=1)
        paths[:, 64:] += np.repeat(metric[:, 32:], 2, axis=1)
        decisions[t] = paths[:, 64:] > paths[:, :64]
        metric = np.maximum(paths[:, :64], paths[:, 64:])
        if t % 64 == 63:
            metric -= metric.max(axis=1, keepdims=True)
    bits = np.zeros((len(rows), steps), dtype=np.uint8)
    state, every = metric.argmax(axis=1), np.arange(len(rows))
    for t in range(steps - 1, -1, -1):
        bits[:, t] = state & 1
        state = state >> 1 | decisions[t, every, state].astype(np.int64) << 5
    return bits[:, margin : margin + block].reshape(-1)[: ratios.size // 2]
