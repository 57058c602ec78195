"""Finds where between two estimates one clock ended and another began: samples were lost, or the signal came
anew.

Both clocks are tried on the samples between the estimates. With the right one the line that shows the carrier
is strong, window by window; the break is put where the old clock's windows before and the new clock's windows
after sum highest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.carrier import WINDOW_SYMBOLS, bpsk_lines, edge_taps, oqpsk_lines, qpsk_lines
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.matched_filter import matched_samples


@dataclass(frozen=True)
class Clock:
    """Symbol `position` at sample number `at`, `step` symbols per sample, carrier in cycles per sample."""

    at: float
    position: float
    step: float
    frequency: float


class BreakFinder:
    """Compares clocks on samples of one modulation."""

    def __init__(self, *, modulation: str, bank: PolyphaseBank, rolloff: float) -> None:
        self.offset = modulation == "oqpsk"
        self.bank = bank
        self.modulation = modulation
        self._taps = edge_taps(rolloff) if self.offset else np.zeros(0, np.complex64)

    def find(
        self, samples: NDArray[np.complex64], origin: int, end: float, clocks: tuple[Clock, Clock]
    ) -> float:
        """Sample number of the break, between ``clocks[0].at`` and `end`.

        Args:
            samples: complex64[n].
            origin: Sample number of ``samples[0]``.
            end: Sample number up to which to look.
            clocks: The old and the new one.
        """
        old, new = (self._strengths(samples, origin, clocks[0].at, end, clock) for clock in clocks)
        windows = min(len(old), len(new))
        before = np.concatenate([[0.0], np.cumsum(old[:windows])])
        after = np.concatenate([[0.0], np.cumsum(new[:windows])])
        best = int((before + after[-1] - after).argmax())
        return min(clocks[0].at + best * WINDOW_SYMBOLS / clocks[0].step, end)

    def _strengths(
        self, samples: NDArray[np.complex64], origin: int, start: float, end: float, clock: Clock
    ) -> NDArray[np.float64]:
        """Strength of the carrier's line in windows from `start` on."""
        per_symbol = 2 if self.offset else 1
        windows = max(int((end - start) * clock.step / WINDOW_SYMBOLS), 0)
        margin = len(self._taps) // 2
        position = clock.position + (start - clock.at) * clock.step
        first = (np.ceil(position * per_symbol) - margin) / per_symbol
        outputs = matched_samples(
            samples,
            self.bank,
            first=start + (first - position) / clock.step - origin,
            step=1 / clock.step / per_symbol,
            count=windows * WINDOW_SYMBOLS * per_symbol + 2 * margin,
            frequency=clock.frequency,
        )
        return np.abs(self._lines(outputs))

    def _lines(self, outputs: NDArray[np.complex64]) -> NDArray[np.complex128]:
        if self.offset:
            return oqpsk_lines(outputs, self._taps)
        return qpsk_lines(outputs) if self.modulation == "qpsk" else bpsk_lines(outputs)
