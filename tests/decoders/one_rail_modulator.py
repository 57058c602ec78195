"""Split-phase PM and BPSK for tests, written from the textbook and sharing nothing with decoder or simulator.

Split phase: the phase waveform is averaged exactly over steps of a fraction of a sample, so that the clock
may take any value; then come the transmitter's filter and, once the carrier is in place, the receiver's,
which cuts at half the sample rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from tests.decoders.lrpt_modulator import pulse

TRANSMITTER_HZ = 1.5e6
CHUNK = 1 << 17
SPAN = 12


@dataclass(frozen=True)
class Link:
    modulation: str = "split-phase-pm"
    symbol_rate: float = 665_400.0
    sample_rate: float = 2_400_000.0
    rolloff: float = 0.5  # of BPSK
    deviation_deg: float = 67.0  # of split-phase PM
    offset_hz: float = 0.0
    drift_hz_s: float = 0.0
    phase: float = 0.0
    clock_ppm: float = 0.0
    delay: float = 0.0  # samples


def modulate(bits: NDArray[np.int_], link: Link) -> NDArray[np.complex64]:
    """The signal without noise; the data of split phase have the power sin^2(deviation) before filtering."""
    rate = link.symbol_rate * (1 + link.clock_ppm * 1e-6)
    count = int(len(bits) / rate * link.sample_rate)
    make = _bpsk if link.modulation == "bpsk" else _split_phase
    parts = [make(bits, link, rate, start, min(CHUNK, count - start)) for start in range(0, count, CHUNK)]
    return np.concatenate(parts).astype(np.complex64)


def _carrier(time: NDArray[np.float64], link: Link) -> NDArray[np.complex128]:
    turns = link.offset_hz * time + link.drift_hz_s / 2 * time**2
    return np.exp(1j * (link.phase + 2 * np.pi * turns))


def _bpsk(bits: NDArray[np.int_], link: Link, rate: float, start: int, count: int) -> NDArray[np.complex128]:
    """Pulses summed at their exact times; a symbol has the energy of its length in samples."""
    at = (start + np.arange(count) - link.delay) / link.sample_rate * rate
    nearest = np.round(at).astype(int)
    out = np.zeros(count)
    for step in range(-SPAN, SPAN + 1):
        index = nearest + step
        inside = (index >= 0) & (index < len(bits))
        symbol = (2.0 * bits[np.clip(index, 0, len(bits) - 1)] - 1) * inside
        out += symbol * pulse(at - index, link.rolloff)
    return out * _carrier((start + np.arange(count)) / link.sample_rate, link)


def _filters(link: Link, oversampling: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fast = link.sample_rate * oversampling
    half = oversampling * 24
    # Third-order magnitude without its delay: 3 dB down at the band's edge.
    frequency = np.fft.rfftfreq(8 * half, 1 / fast)
    response = 1 / np.sqrt(1 + (frequency / TRANSMITTER_HZ) ** 6)
    response /= np.sinc(frequency / fast)  # what averaging over a step has taken away
    transmitter = np.roll(np.fft.irfft(response), half)[: 2 * half + 1] * np.hanning(2 * half + 3)[1:-1]
    receiver = scipy.signal.firwin(2 * half + 1, 0.485 * link.sample_rate, fs=fast, window=("kaiser", 6.0))
    return transmitter / transmitter.sum(), receiver


def _split_phase(
    bits: NDArray[np.int_], link: Link, rate: float, start: int, count: int
) -> NDArray[np.complex128]:
    oversampling = 4 if link.sample_rate < 4e6 else 2
    transmitter, receiver = _filters(link, oversampling)
    half = len(receiver) // 2
    chips = np.stack([2.0 * bits - 1, 1 - 2.0 * bits], axis=1).ravel()
    fast = link.sample_rate * oversampling
    index = start * oversampling - 2 * half + np.arange(count * oversampling + 4 * half)
    edges = (np.append(index, index[-1] + 1) - 0.5) / fast - link.delay / link.sample_rate
    edges = edges * 2 * rate + 1  # in chips; the first bit's middle lies at sample `delay`
    low = max(int(edges[0]) - 1, 0)
    area = np.concatenate([[0.0], np.cumsum(chips[low : int(edges[-1]) + 2])])
    filled = np.interp(edges - low, np.arange(len(area)), area)
    wave = np.diff(filled) / (2 * rate / fast)
    wave = scipy.signal.oaconvolve(wave, transmitter, "valid")  # `half` fewer at either end
    deviation = math.radians(link.deviation_deg)
    signal = np.cos(deviation) + 1j * np.sin(deviation) * wave
    signal = signal * _carrier(index[half:-half] / fast, link)
    return scipy.signal.oaconvolve(signal, receiver, "valid")[::oversampling][:count]


@cache
def data_energy(link: Link) -> float:
    """Energy of a symbol's data as sent, samples times power; split phase behind the transmitter's filter."""
    length = link.sample_rate / link.symbol_rate
    if link.modulation == "bpsk":
        return length
    frequency = np.linspace(1e-6, 60, 600_001)  # bit rates
    density = np.sin(np.pi * frequency / 2) ** 4 / (np.pi * frequency / 2) ** 2
    passed = density / (1 + (frequency * link.symbol_rate / TRANSMITTER_HZ) ** 6)
    share = 2 * passed.sum() * (frequency[1] - frequency[0])  # of unit energy, both sides of the carrier
    return float(length * math.sin(math.radians(link.deviation_deg)) ** 2 * share)


def total_energy(link: Link) -> float:
    """Energy of a symbol with its share of the residual carrier."""
    if link.modulation == "bpsk":
        return data_energy(link)
    carrier = math.cos(math.radians(link.deviation_deg)) ** 2
    return data_energy(link) + carrier * link.sample_rate / link.symbol_rate


def noise(count: int, esn0_db: float, link: Link, rng: np.random.Generator) -> NDArray[np.complex64]:
    """White noise for a signal of `modulate`, at a ratio of the symbol's whole energy to N0."""
    deviation = math.sqrt(total_energy(link) / 10 ** (esn0_db / 10) / 2)
    parts = rng.standard_normal(2 * count, dtype=np.float32) * np.float32(deviation)
    return parts.view(np.complex64)


def received(
    bits: NDArray[np.int_], esn0_db: float, link: Link, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Signal and noise."""
    clean = modulate(bits, link)
    return clean + noise(len(clean), esn0_db, link, rng)


def bit_error_theory(esn0_db: float, link: Link) -> float:
    """Q(sqrt(2 Ed/N0)) with Ed what the residual carrier leaves (Proakis, 5th ed., eq. 4.3-13)."""
    data = data_energy(link) / total_energy(link) * 10 ** (esn0_db / 10)
    return 0.5 * math.erfc(math.sqrt(data))


def bit_errors(soft_bits: NDArray[np.int8], bits: NDArray[np.int_], lag: int = 2) -> tuple[float, int, bool]:
    """Lowest error rate over shifts up to `lag` and both signs; which shift, and whether inverted."""
    hard = (soft_bits > 0).astype(int)
    found = (1.0, 0, False)
    for shift in range(-lag, lag + 1):
        got, sent = (hard[shift:], bits) if shift >= 0 else (hard, bits[-shift:])
        count = min(len(got), len(sent))
        wrong = float(np.mean(got[:count] != sent[:count]))
        found = min(found, (min(wrong, 1 - wrong), shift, wrong > 0.5))
    return found
