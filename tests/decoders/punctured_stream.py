"""Soft bits of every inner code in white noise, by an encoder written from the standard's words alone."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.softbits import SOFT_PER_LLR
from decoders.downlink import Mode, load_downlink

# Serial order of the sent symbols (131.0-B-5 table 3-2), generator and bit of the period; then MetOp's pairs.
SENT = {
    "ccsds-k7-r1/2": "11 21",
    "ccsds-k7-r2/3": "11 21 22",
    "ccsds-k7-r3/4": "11 21 22 13",
    "ccsds-k7-r5/6": "11 21 22 13 24 15",
    "ccsds-k7-r7/8": "11 21 22 23 24 15 26 17",
}
METOP = {"ccsds-k7-r3/4": "11 21 13 22"}
RATES = {code: int(code[-3]) / int(code[-1]) for code in SENT}
TAPS = {1: "1111001", 2: "1011011"}  # newest bit at the left

# Every kind of downlink that is coded.
KINDS = (
    ("qpsk", "ccsds-k7-r1/2", "serial"),
    ("oqpsk", "ccsds-k7-r1/2", "serial"),
    ("bpsk", "ccsds-k7-r1/2", "serial"),
    ("qpsk", "ccsds-k7-r2/3", "serial"),
    ("bpsk", "ccsds-k7-r2/3", "serial"),
    ("qpsk", "ccsds-k7-r3/4", "metop"),
    ("qpsk", "ccsds-k7-r3/4", "serial"),
    ("bpsk", "ccsds-k7-r3/4", "serial"),
    ("qpsk", "ccsds-k7-r5/6", "serial"),
    ("bpsk", "ccsds-k7-r5/6", "serial"),
    ("qpsk", "ccsds-k7-r7/8", "serial"),
    ("bpsk", "ccsds-k7-r7/8", "serial"),
)


def mode_of(modulation: str, code: str, rail_order: str, *, differential: str = "none") -> Mode:
    """A mode with MetOp's frames and any inner code."""
    (metop,) = load_downlink("metop_ahrpt").modes
    return dataclasses.replace(
        metop, modulation=modulation, code=code, rail_order=rail_order, differential=differential
    )


def sent_symbols(bits: NDArray[np.uint8], code: str, rail_order: str) -> NDArray[np.uint8]:
    """Sent symbols 0/1 of the whole periods in these bits, the encoder starting from zeros."""
    order = (METOP if rail_order == "metop" else SENT)[code].split()
    period = int(code[-3])
    columns = {g: np.convolve(bits, [int(tap) for tap in taps])[: bits.size] & 1 for g, taps in TAPS.items()}
    return np.stack(
        [columns[int(g)][int(k) - 1 : bits.size // period * period : period] for g, k in order], axis=1
    ).reshape(-1)


def in_noise(
    symbols: NDArray[np.uint8], code: str, ebn0_db: float, rng: np.random.Generator
) -> NDArray[np.int8]:
    """int8 soft bits of antipodal symbols at this Eb/N0 per information bit, in the decoder's scale."""
    variance = 1 / (2 * RATES[code] * 10 ** (ebn0_db / 10))
    received = 2.0 * symbols - 1 + rng.normal(scale=np.sqrt(variance), size=symbols.size)
    return np.clip(np.rint(SOFT_PER_LLR * 2 * received / variance), -127, 127).astype(np.int8)


def turned(soft: NDArray[np.int8], quarter_turns: int, *, mirrored: bool = False) -> NDArray[np.int8]:
    """Pairs of soft bits (I, Q) as a receiver gives them with the carrier turned or the spectrum mirrored."""
    i, q = soft.reshape(-1, 2).T
    q = -q if mirrored else q
    for _ in range(quarter_turns % 4):
        i, q = -q, i
    return np.stack([i, q], axis=1).reshape(-1)
