"""The pulses of split-phase (Manchester) bits as filters, seen through the transmitter's and the receiver's
band.

Textbook symbols: ``f`` frequency in bit rates, ``t`` time in bits from the middle of the bit.
A bit is +1 in its first half and -1 in its second, so that its spectrum is odd:
P(f) = j sin^2(pi f / 2) / (pi f / 2) (Proakis, Digital Communications, 5th ed., section 3.4, Manchester).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.filters import PHASES, PolyphaseBank

TRANSMITTER_HZ = 3.0e6
"""Bandwidth of the transmitter's filter between its -3 dB points (NOAA KLM user's guide, section 4.1)."""

CARRIER_BITS = 8
"""Bits over which one value of the residual carrier is averaged; whole bits cancel the data."""

_TRANSMITTER_ORDER = 3
_SPAN_BITS = 1.1  # the band-limited bit is 1 bit long and rings 26 dB lower beside it
_BAND_EDGE = 0.15  # share of the band over which the filter falls
_NEIGHBOURS = 1  # on either side that must not be heard; the others are 40 dB down
_TAPS_MULTIPLE = 8
_STEPS = 200
_ENERGY_BAND = 8.0


def bit_pulse(t: NDArray[np.float64], band: float, transmitter: float) -> NDArray[np.float64]:
    """The pulse of one bit with nothing beyond `band`.

    Args:
        t: Times in bits, any shape.
        band: Highest frequency, bit rates.
        transmitter: -3 dB point of the transmitter's filter, bit rates.
    """
    f = (np.arange(_STEPS) + 0.5) / _STEPS * band
    x = np.pi * f / 2
    amplitude = np.sin(x) ** 2 / x / np.sqrt(1 + (f / transmitter) ** (2 * _TRANSMITTER_ORDER))
    edge = np.clip((band - f) / (_BAND_EDGE * band), 0, 1)
    weight = amplitude * (1 - np.cos(np.pi * edge)) / 2
    pulse = np.zeros_like(t)
    for frequency, share in zip(f, weight, strict=True):  # all at once would take 30 MB
        pulse -= share * np.sin(2 * np.pi * frequency * t)
    return 2 * band / _STEPS * pulse


def bit_energy(bit_rate: float) -> float:
    """Share of a bit's energy that the transmitter's filter lets through."""
    f = (np.arange(_STEPS) + 0.5) / _STEPS * _ENERGY_BAND
    x = np.pi * f / 2
    passed = 1 / (1 + (f * bit_rate / TRANSMITTER_HZ * 2) ** (2 * _TRANSMITTER_ORDER))
    return float(2 * np.sum((np.sin(x) ** 2 / x) ** 2 * passed) * _ENERGY_BAND / _STEPS)


def bit_bank(sample_rate: float, bit_rate: float) -> PolyphaseBank:
    """The filter of a bit: of all that give 1 for it and nothing for its neighbours, the least noisy."""
    t = _times(sample_rate / bit_rate, _SPAN_BITS)
    band = min(sample_rate / 2, TRANSMITTER_HZ) / bit_rate
    around = np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    pulses = bit_pulse(t[:, None] - around[:, None], band, TRANSMITTER_HZ / 2 / bit_rate)
    return PolyphaseBank((np.linalg.pinv(pulses)[:, :, _NEIGHBOURS]).astype(np.float32))


def carrier_bank(sample_rate: float, bit_rate: float) -> PolyphaseBank:
    """The mean over `CARRIER_BITS` bits: passes the residual carrier and nothing of whole bits about it."""
    samples_per_bit = sample_rate / bit_rate
    length = CARRIER_BITS * samples_per_bit
    samples = _times(samples_per_bit, CARRIER_BITS / 2 + 1) * samples_per_bit
    # The first and the last sample count as far as they lie inside.
    taps = np.clip((length + 1) / 2 - np.abs(samples), 0, 1) / length
    return PolyphaseBank(taps.astype(np.float32))


def _times(samples_per_bit: float, span: float) -> NDArray[np.float64]:
    """Times of the taps in bits, float64[PHASES + 1, taps]; as `PolyphaseBank` orders them."""
    half = int(np.ceil(span * samples_per_bit))
    count = -(-2 * half // _TAPS_MULTIPLE) * _TAPS_MULTIPLE
    fraction = np.arange(PHASES + 1)[:, None] / PHASES
    return np.asarray((np.arange(count)[None, :] - count // 2 + 1 - fraction) / samples_per_bit)
