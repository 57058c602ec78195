"""QPSK and OQPSK with root-raised-cosine pulses, sampled wherever the channel's clock falls.

Sample n lies at the place p(n) between the symbols and at the carrier phase c(n); both are given at knots
every 256 samples and run straight between them, so that Doppler on the symbol clock is a slope of p and on
the carrier a slope of c, without steps. The bend that is left out stays below 1e-4 rad for a LEO satellite
at 250 kS/s.

Mapping of LRPT (meteor_decode and SatDump agree up to a rotation): bit 0 is +1; I carries the first bit of a
pair, Q the inverse of the second; in OQPSK the rail Q comes half a symbol later. Sync words of the 80k mode
are mapped like any other pair: the recording of METEOR-M2 2 that holds them reads 0x27 and uninverted code
words on the same two rails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim import _modulator
from sim.coding import Bits

Rail = NDArray[np.float32]

KNOT_SAMPLES = 256
PULSE_SYMBOLS = 16
BANK_PHASES = 256
MARGIN_SYMBOLS = PULSE_SYMBOLS // 2 + 2  # symbols needed on either side of the outermost sample


def root_raised_cosine(places: NDArray[np.float64], rolloff: float) -> NDArray[np.float64]:
    """Pulse at `places` in symbols from its centre (Proakis, Digital Communications)."""
    t, b = np.asarray(places, np.float64), rolloff
    centre = np.isclose(t, 0.0)
    corner = np.isclose(np.abs(4 * b * t), 1.0)
    safe = np.where(centre | corner, 0.1234, t)
    top = np.sin(np.pi * safe * (1 - b)) + 4 * b * safe * np.cos(np.pi * safe * (1 + b))
    pulse = top / (np.pi * safe * (1 - (4 * b * safe) ** 2))
    at_corner = (
        b
        / np.sqrt(2)
        * ((1 + 2 / np.pi) * np.sin(np.pi / (4 * b)) + (1 - 2 / np.pi) * np.cos(np.pi / (4 * b)))
    )
    return np.where(centre, 1 - b + 4 * b / np.pi, np.where(corner, at_corner, pulse))


def pulse_bank(rolloff: float) -> NDArray[np.float32]:
    """float32 [257, 16]: row r holds the weights of the 16 symbols around a sample r/256 behind a symbol.

    The energy is normalised to one, so that a stream of unit symbols has unit power.
    """
    rows = np.arange(BANK_PHASES + 1)[:, None] / BANK_PHASES
    bank = root_raised_cosine(rows + PULSE_SYMBOLS / 2 - 1 - np.arange(PULSE_SYMBOLS)[None, :], rolloff)
    energy = np.sum(bank[:-1] ** 2) / BANK_PHASES
    return np.asarray(bank / np.sqrt(energy), np.float32)


def rails(bits: Bits, *, second_inverted: bool = True) -> tuple[Rail, Rail]:
    """Pairs of bits to the rails I and Q, each ±sqrt(1/2), so that a symbol has unit power; bit 0 is +."""
    level = np.float32(np.sqrt(0.5))
    signs = np.array([level, -level], np.float32)
    return signs[bits[0::2]], signs[bits[1::2] ^ np.uint8(second_inverted)]


@dataclass(frozen=True)
class Knots:
    """Curves given at every 256th sample, straight in between; the first knot is the first sample.

    Attributes:
        place: between the symbols, 0 at the first symbol of the rails.
        cycles: carrier phase in turns.
        gain: complex amplitude.
    """

    place: NDArray[np.float64]
    cycles: NDArray[np.float64]
    gain: NDArray[np.complex128]


def modulate_plain(
    count: int, rail_pair: tuple[Rail, Rail], bank: NDArray[np.float32], knots: Knots, lag: float
) -> NDArray[np.complex64]:
    """The specification of the kernel.

    Args:
        count: samples wanted.
        rail_pair: amplitudes of I and Q, one of each per symbol.
        bank: from `pulse_bank`.
        knots: one more than spans of 256 samples.
        lag: by how many symbols Q comes later, 0 or 0.5.
    """
    knot, fine = np.divmod(np.arange(count), KNOT_SAMPLES)
    part = fine / KNOT_SAMPLES
    place = knots.place[knot] + part * (knots.place[knot + 1] - knots.place[knot])
    cycles = knots.cycles[knot] + part * (knots.cycles[knot + 1] - knots.cycles[knot])
    gain = knots.gain[knot] + part * (knots.gain[knot + 1] - knots.gain[knot])
    samples = _rail_at(rail_pair[0], bank, place) + 1j * _rail_at(rail_pair[1], bank, place - lag)
    return np.asarray(samples * gain * np.exp(2j * np.pi * cycles), np.complex64)


def _rail_at(rail: Rail, bank: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.floor(place).astype(np.int64)
    row, part = np.divmod((place - whole) * BANK_PHASES, 1.0)
    row = row.astype(np.int64)
    weights = bank[row] + part[:, None].astype(np.float32) * (bank[row + 1] - bank[row])
    near = whole[:, None] + np.arange(1 - PULSE_SYMBOLS // 2, PULSE_SYMBOLS // 2 + 1)
    total: NDArray[np.float64] = np.sum(rail[near] * weights, axis=1, dtype=np.float64)
    return total


def modulate(
    count: int, rail_pair: tuple[Rail, Rail], bank: NDArray[np.float32], knots: Knots, lag: float
) -> NDArray[np.complex64]:
    """As `modulate_plain`, by the kernel; raises ValueError when a knot lies outside the symbols given."""
    out = np.empty(count, np.complex64)
    gain = np.ascontiguousarray(knots.gain, np.complex128).view(np.float64)
    _modulator.modulate(out.view(np.float32), *rail_pair, bank, knots.place, knots.cycles, gain, lag)
    return out
