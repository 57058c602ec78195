"""A small modulator for tests, written from the textbook and sharing nothing with decoder or simulator.

Bits are serial, I then Q of each symbol, 1 as +1. OQPSK delays the Q rail by half a symbol. Pulses are summed
at their exact times, so carrier, clock, phase and start may take any value. Signal power is such that a
symbol (two bits) has the energy 2 * samples per symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPAN = 12


def pulse(x: NDArray[np.float64], rolloff: float) -> NDArray[np.float64]:
    """Root raised cosine, Proakis 5th ed. eq. 9.2-29, unit energy; x in symbols."""
    x = np.where(np.abs(x) < 1e-9, 1e-9, x)
    x = np.where(np.abs(np.abs(4 * rolloff * x) - 1) < 1e-7, x + 1e-6, x)
    top = np.sin(np.pi * x * (1 - rolloff)) + 4 * rolloff * x * np.cos(np.pi * x * (1 + rolloff))
    return top / (np.pi * x * (1 - (4 * rolloff * x) ** 2))


@dataclass(frozen=True)
class Setting:
    modulation: str = "qpsk"
    symbol_rate: float = 72_000.0
    sample_rate: float = 250_000.0
    rolloff: float = 0.6
    offset_hz: float = 0.0
    drift_hz_s: float = 0.0
    phase: float = 0.0
    clock_ppm: float = 0.0
    delay: float = 0.0  # samples


def modulate(bits: NDArray[np.int_], s: Setting) -> NDArray[np.complex128]:
    """The signal without noise."""
    rails = 2.0 * bits.reshape(-1, 2) - 1
    rate = s.symbol_rate * (1 + s.clock_ppm * 1e-6)
    count = int(len(rails) / rate * s.sample_rate)
    at = (np.arange(count) - s.delay) / s.sample_rate * rate
    nearest = np.round(at).astype(int)
    late = 0.5 if s.modulation == "oqpsk" else 0.0
    out = np.zeros(count, complex)
    for step in range(-SPAN, SPAN + 1):
        index = nearest + step
        inside = (index >= 0) & (index < len(rails))
        symbol = rails[np.clip(index, 0, len(rails) - 1)] * inside[:, None]
        out += symbol[:, 0] * pulse(at - index, s.rolloff)
        out += 1j * symbol[:, 1] * pulse(at - index - late, s.rolloff)
    time = np.arange(count) / s.sample_rate
    turns = s.offset_hz * time + s.drift_hz_s / 2 * time**2
    return out * np.exp(1j * (s.phase + 2 * np.pi * turns))


def noise(count: int, ebn0_db: float, s: Setting, rng: np.random.Generator) -> NDArray[np.complex128]:
    """White noise for a signal of `modulate`; Eb per bit out of a rate 1/2 code, that is per symbol."""
    energy = 2 * s.sample_rate / s.symbol_rate
    deviation = np.sqrt(energy / 10 ** (ebn0_db / 10) / 2)
    return deviation * (rng.standard_normal(count) + 1j * rng.standard_normal(count))


def received(
    bits: NDArray[np.int_], ebn0_db: float, s: Setting, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Signal and noise."""
    clean = modulate(bits, s)
    return (clean + noise(len(clean), ebn0_db, s, rng)).astype(np.complex64)


def bit_errors(
    soft_bits: NDArray[np.int8], bits: NDArray[np.int_], modulation: str, lag: int = 0
) -> tuple[float, str]:
    """Lowest error rate over the ambiguities that a demodulator may leave open, and which one it was.

    `lag` is the number of bits by which `soft_bits` may be early or late.
    """
    hard = (soft_bits > 0).astype(int)
    found = (1.0, "")
    for shift in range(-lag, lag + 1):
        if modulation == "qpsk" and shift % 2:
            continue
        got, sent = (hard[shift:], bits) if shift >= 0 else (hard, bits[-shift:])
        count = min(len(got), len(sent)) // 2 * 2
        sent_rails = sent[:count].reshape(-1, 2)
        rails = got[:count].reshape(-1, 2)
        for name, pair in (("", rails), ("swapped", rails[:, ::-1])):
            if name and modulation != "qpsk":
                continue
            wrong = (pair != sent_rails).mean(axis=0)
            rate = float(np.minimum(wrong, 1 - wrong).mean())
            signs = "".join("-" if w > 0.5 else "+" for w in wrong)
            found = min(found, (rate, f"{shift} {signs} {name}".strip()))
    return found
