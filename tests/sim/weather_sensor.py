"""A wireless thermometer as it is heard: samples from which rtl_433 reads a temperature.

A Nexus sensor sends 36 bits twelve times: pulses of 500 µs with 1000 µs (0) or 2000 µs (1) behind each:
sensor 8 bits, battery 1, 0, channel 2, temperature 12 (0.1 °C), 1111, humidity 8.
Source: the head of nexus.c of rtl_433.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 250_000
TOLD = {"model": "Nexus-TH", "id": 90, "channel": 2, "battery_ok": 1, "temperature_C": 21.7, "humidity": 55}
PULSE_S, ZERO_S, ONE_S, PAUSE_S, QUIET_S = 500e-6, 1000e-6, 2000e-6, 4000e-6, 0.2
REPEATS = 12
OFFSET_HZ = 20e3


def sensor_bits() -> list[int]:
    """The 36 bits of what `TOLD` says."""
    fields = ((90, 8), (1, 1), (0, 1), (1, 2), (217, 12), (0b1111, 4), (55, 8))
    return [value >> place & 1 for value, width in fields for place in reversed(range(width))]


def sensor_samples() -> NDArray[np.complex64]:
    """1.3 s of the carrier keyed by the bits, full scale ±1, with quiet around and noise everywhere."""
    parts = [np.zeros(round(QUIET_S * RATE))]
    for _ in range(REPEATS):
        for gap_s in (*(ONE_S if bit else ZERO_S for bit in sensor_bits()), PAUSE_S):
            parts += [np.ones(round(PULSE_S * RATE)), np.zeros(round(gap_s * RATE))]
    keyed = np.concatenate([*parts, parts[0]])
    rng = np.random.default_rng(1)
    noise = 0.01 * (rng.standard_normal(keyed.size) + 1j * rng.standard_normal(keyed.size))
    carrier = np.exp(2j * np.pi * OFFSET_HZ / RATE * np.arange(keyed.size))
    return (0.4 * keyed * carrier + noise).astype(np.complex64)
