"""Split phase on the phase of a carrier: rectangular half-bits, the transmitter's filter, the receiver's.

The phase is +b or -b with b the deviation, so that the signal is exp(j b d) = cos b + j sin b d with d = ±1:
a carrier that stands still on I, and half-bits on Q. That is linear in d, and so a filter behind the
modulator acts on the pulse of a half-bit alone, whatever the sample rate. A half-bit has the spectrum
sin(x) / x, zero at the multiples of the half-bit rate but for 0: constant rails give a constant sum, the
carrier.

The filters: the transmitter's as a Butterworth amplitude of the fourth order without delay, 3 dB down at its
edges (KLM 4.1 gives 3 MHz between them); the receiver's flat up to 0.43 of the sample rate and silent from
0.48 on, so that nothing folds back. Power is counted behind the first and ahead of the second.
"""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from sim.coding import Bits
from sim.mode import Mode
from sim.modulator import BANK_PHASES, PULSE_SYMBOLS

FILTER_ORDER = 4
FLAT_SHARE, SILENT_SHARE = 0.43, 0.48
GRID_PULSES = 256  # length of the grid on which the pulse is transformed

Array = NDArray[np.float64]


def half_bits(bits: Bits, deviation_deg: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rails I and Q, two pulses a bit: 1 is + then - (KLM 4.1.2, and the METEOR-M HRPT page alike)."""
    level = sin(radians(deviation_deg))
    first = np.array([-level, level], np.float32)[bits]
    q_rail = np.stack([first, -first], axis=1).reshape(-1)
    return np.full(q_rail.size, cos(radians(deviation_deg)), np.float32), q_rail


def transmit_filter(frequency_hz: Array, width_hz: float) -> Array:
    """Amplitude at frequencies from the carrier; 1 everywhere where there is no filter."""
    if not width_hz:
        return np.ones_like(frequency_hz)
    return np.asarray(1 / np.sqrt(1 + (2 * frequency_hz / width_hz) ** (2 * FILTER_ORDER)))


def receive_filter(frequency_hz: Array, sample_rate: float) -> Array:
    """Amplitude at frequencies from the tuned one, with a cosine between flat and silent."""
    share = np.abs(frequency_hz) / sample_rate
    part = np.clip((share - FLAT_SHARE) / (SILENT_SHARE - FLAT_SHARE), 0, 1)
    return np.asarray(0.5 * (1 + np.cos(np.pi * part)))


def data_spectrum(frequency_hz: Array, bit_rate: float) -> Array:
    """Power density of random split-phase data of unit power, per Hz: T sin^4(x) / x², x = pi f T / 2."""
    x = np.pi * np.asarray(frequency_hz) / bit_rate / 2
    safe = np.where(x == 0, 1.0, x)
    return np.asarray(np.where(x == 0, 0.0, np.sin(safe) ** 4 / safe**2 / bit_rate))


def sent_power(mode: Mode) -> float:
    """Power behind the transmitter's filter for unit power ahead of it."""
    f = np.linspace(-200, 200, 400_001) * mode.symbol_rate
    kept = data_spectrum(f, mode.symbol_rate) * transmit_filter(f, mode.filter_hz) ** 2
    # Beyond the grid lies a thousandth of the data; without a filter it counts as well.
    data = float(np.sum(kept) * (f[1] - f[0])) if mode.filter_hz else 1.0
    return 1 - mode.data_share + mode.data_share * data


def split_phase_bank(mode: Mode, sample_rate: float) -> NDArray[np.float32]:
    """float32 [257, 16]: the filtered half-bit, in the form of `modulator.pulse_bank`.

    Scaled so that the signal behind the transmitter's filter has unit power, its carrier included.
    """
    count = GRID_PULSES * BANK_PHASES
    f = np.asarray(np.fft.fftfreq(count, 1 / BANK_PHASES), np.float64)  # in half-bit rates
    hertz = f * mode.pulse_rate
    shape = np.sinc(f) * transmit_filter(hertz, mode.filter_hz) * receive_filter(hertz, sample_rate)
    pulse = np.fft.ifft(shape).real * BANK_PHASES
    places = np.arange(BANK_PHASES + 1)[:, None] + BANK_PHASES * (
        PULSE_SYMBOLS // 2 - 1 - np.arange(PULSE_SYMBOLS)[None, :]
    )
    bank = pulse[places % count]
    bank /= bank.sum(axis=1, keepdims=True)  # of what the bank cuts off: the carrier stays free of ripple
    return np.asarray(bank / np.sqrt(sent_power(mode)), np.float32)
