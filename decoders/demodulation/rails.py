"""From matched filter outputs to soft bits: carrier phase, level and noise, each by windows on a fixed grid
of symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.carrier import (
    REACH,
    WINDOW_SYMBOLS,
    edge_taps,
    follow,
    oqpsk_lines,
    qpsk_lines,
    smooth,
    turn_back,
    turn_to_rails,
)
from decoders.demodulation.softbits import (
    llr_gain,
    moments,
    signal_share,
    signal_to_noise,
    to_soft_bits,
    window_kurtosis,
)

LEVEL_REACH = 12
"""Windows to either side over which the signal's share of the power is averaged: 20 ms at 72 kBd."""

_POWER_REACH = 2
"""Windows to either side over which the power itself is averaged: a dongle's gain step spoils no more."""

QUALITY_REACH = 64
"""Windows to either side over which Es/N0 is averaged: 0.1 s at 72 kBd, for a scatter of 0.2 dB at 1.5 dB."""


class PhaseFollower:
    """Takes the carrier's phase out of the outputs and returns rail values, whole windows at a time."""

    def __init__(self, *, modulation: str, rolloff: float) -> None:
        self.offset = modulation == "oqpsk"
        self._size = WINDOW_SYMBOLS * (2 if self.offset else 1)
        self._taps = edge_taps(rolloff)
        self._margin = len(self._taps) // 2 if self.offset else 0
        self._outputs = np.zeros(self._margin, np.complex64)  # from `_margin` before the first waiting window
        self._lines = np.zeros(0, np.complex128)  # from `_past` windows before the first waiting one
        self._past = 0
        self._phase: float | None = None  # of the window before the first waiting one

    def process(self, outputs: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Rail values float32[windows, 2 * WINDOW_SYMBOLS], serial, of the windows that became final."""
        self._outputs = np.concatenate([self._outputs, outputs])
        known = len(self._lines) - self._past
        windows = max((len(self._outputs) - 2 * self._margin) // self._size, known)
        if windows > known:
            begin, end = known * self._size, windows * self._size + 2 * self._margin
            fresh = self._outputs[begin:end]
            lines = oqpsk_lines(fresh, self._taps) if self.offset else qpsk_lines(fresh)
            self._lines = np.concatenate([self._lines, lines])
        return self._release(windows - REACH - 1, windows - REACH)

    def flush(self) -> NDArray[np.float32]:
        """The remaining windows; the last one is filled up with zeros."""
        waiting = len(self._outputs) - self._margin
        fill = -waiting % self._size + self._margin
        head = self.process(np.zeros(fill, np.complex64))
        left = len(self._lines) - self._past
        return np.concatenate([head, self._release(left, left)])

    def _release(self, windows: int, phased: int) -> NDArray[np.float32]:
        """Turns back and drops the first `windows` waiting windows, with the phases of the first `phased`."""
        if windows <= 0:
            return np.zeros((0, 2 * WINDOW_SYMBOLS), np.float32)
        fold = 2 if self.offset else 4
        smoothed = smooth(self._lines, REACH)[self._past : self._past + phased]
        phases = follow(np.angle(smoothed), fold, self._phase)
        at = (np.arange(len(phases)) + 0.5) * self._size
        if self._phase is not None:
            at = np.concatenate([[-0.5 * self._size], at])
            phases = np.concatenate([[self._phase], phases])
        count = windows * self._size
        # Straight between the middles of windows, so over half a window each time.
        half = self._size // 2
        corner = np.interp(np.arange(2 * windows + 1) * half, at, phases) / (2 * np.pi)
        step = np.diff(corner) / half
        waiting = self._outputs[self._margin : self._margin + count]
        turned = self._turned(waiting, corner[:-1] + step / 2, step, half)
        self._phase = float(phases[windows - 1 + len(phases) - phased])
        self._outputs = self._outputs[count:]
        drop = max(self._past + windows - REACH, 0)
        self._lines = self._lines[drop:]
        self._past += windows - drop
        return turned.reshape(windows, -1)

    def _turned(
        self,
        outputs: NDArray[np.complex64],
        turns: NDArray[np.float64],
        steps: NDArray[np.float64],
        length: int,
    ) -> NDArray[np.float32]:
        if self.offset:
            return turn_to_rails(outputs, turns, steps, length)
        return turn_back(outputs, turns, steps, length).view(np.float32)


@dataclass(frozen=True)
class LevelBlock:
    """Soft bits int8[windows, 2 * WINDOW_SYMBOLS], Es/N0 in dB float32[windows], present bool[windows].

    Es/N0 is NaN where nothing stands above the noise; nothing is present there either.
    """

    soft_bits: NDArray[np.int8]
    esn0_db: NDArray[np.float32]
    present: NDArray[np.bool_]


class LevelKeeper:
    """Scales rail values to soft bits by the level and noise around them."""

    def __init__(self) -> None:
        self._rails = np.zeros((0, 2 * WINDOW_SYMBOLS), np.float32)
        # Count, and count times power and kurtosis; from `_past` windows before the first waiting one.
        self._moments = np.zeros((0, 3))
        self._past = 0

    def process(self, rails: NDArray[np.float32]) -> LevelBlock:
        """Soft bits of the windows that became final; `rails` as from `PhaseFollower`."""
        # Zeros were never there (gaps, the filling of the last window): they count for nothing.
        filled, second, fourth = moments(rails).T
        power = second / np.maximum(filled, 1)
        kurtosis = window_kurtosis(power, fourth / np.maximum(filled, 1), rails.shape[1])
        fresh = np.stack([filled, second, filled * kurtosis], axis=1)
        self._moments = np.concatenate([self._moments, fresh])
        return self._release(rails, len(self._rails) + len(rails) - QUALITY_REACH)

    def flush(self) -> LevelBlock:
        """The remaining windows."""
        return self._release(self._rails[:0], len(self._rails))

    def _release(self, rails: NDArray[np.float32], windows: int) -> LevelBlock:
        """Soft bits of the first `windows` of the waiting ones and of `rails`; the others wait."""
        if windows <= 0:
            self._rails = np.concatenate([self._rails, rails])
            nothing = np.zeros((0, 2 * WINDOW_SYMBOLS), np.int8)
            return LevelBlock(nothing, np.zeros(0, np.float32), np.zeros(0, np.bool_))
        gain = llr_gain(
            self._averaged(1, windows, _POWER_REACH), signal_share(self._averaged(2, windows, LEVEL_REACH))
        ).astype(np.float32)
        ratio = signal_to_noise(signal_share(self._averaged(2, windows, QUALITY_REACH)))
        esn0_db = (10 * np.log10(np.where(ratio > 0, ratio, np.nan))).astype(np.float32)
        old = min(len(self._rails), windows)
        soft_bits = np.concatenate(
            [to_soft_bits(self._rails[:old], gain[:old]), to_soft_bits(rails[: windows - old], gain[old:])]
        )
        self._rails = np.concatenate([self._rails[old:], rails[windows - old :]])
        present = (gain > 0) & (ratio > 0) & (self._moments[self._past : self._past + windows, 0] > 0)
        drop = max(self._past + windows - QUALITY_REACH, 0)
        self._moments = self._moments[drop:]
        self._past += windows - drop
        return LevelBlock(soft_bits, esn0_db, present)

    def _averaged(self, column: int, windows: int, reach: int) -> NDArray[np.float64]:
        weight = smooth(self._moments[:, 0], reach).real
        average = smooth(self._moments[:, column], reach).real / np.maximum(weight, 1.0)
        chosen = slice(self._past, self._past + windows)
        return np.asarray(np.where(weight > 0, average, (0.0, 0.0, 3.0)[column])[chosen])
