"""Carrier phase of signals whose symbols lie on one axis, by looking both ways in time.

Windows of `WINDOW` symbols each give the sum of the squared symbols, whose angle is twice the phase of their
axis, and, where the signal has a residual carrier, the carrier's mean. Both are smoothed over `REACH` windows
to either side; the carrier counts as much as the squares lose by their noise. At 1 dB the phase error is 0.03
rad, a loss below 0.01 dB. The square leaves the sign open, which the residual carrier settles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.carrier import WINDOW_SYMBOLS, follow, smooth, turn_back

WINDOW = 2 * WINDOW_SYMBOLS
"""Symbols of a window: as many soft bits as the level keeper takes in a row."""

REACH = 4

_CARRIER_SUM = 32.0  # 80 windows of a carrier at 67 degrees settle the sign
_LARGEST_WEIGHT = 3.0
_TINY = 1e-30


@dataclass(frozen=True)
class RailWindows:
    """Windows whose phase is known.

    Attributes:
        rails: float32[windows, WINDOW], the symbols on their axis.
        symbols: complex64[windows, WINDOW], the same with what lies across it.
        carrier_share: float64[windows], power of the residual carrier over that of the data.
    """

    rails: NDArray[np.float32]
    symbols: NDArray[np.complex64]
    carrier_share: NDArray[np.float64]


class OneRailPhase:
    """Takes the carrier's phase out of the symbols, whole windows at a time."""

    def __init__(self, carrier_values: int) -> None:
        """Sets up; `carrier_values` of the residual carrier come per window, 0 where there is none."""
        self._carrier_values = carrier_values
        self._carrier = np.zeros(0, np.complex64)
        self._outputs = np.zeros(0, np.complex64)  # from the first waiting window on
        # Rows of mean square, carrier and power; from `_past` windows before the first waiting one.
        self._sums = np.zeros((0, 3), np.complex128)
        self._past = 0
        self._phase: float | None = None  # of the window before the first waiting one
        self._shown: float | None = None  # the same with the sign
        self._carrier_sum = 0.0  # of the residual carrier over the data's amplitude, window by window

    def process(self, outputs: NDArray[np.complex64], carrier: NDArray[np.complex64]) -> RailWindows:
        """The windows that became final.

        Args:
            outputs: complex64[n] symbols.
            carrier: complex64[m], the residual carrier turned onto the symbols' axis, `WINDOW` / k values per
                window of symbols; empty throughout where there is none.
        """
        self._outputs = np.concatenate([self._outputs, outputs])
        self._carrier = np.concatenate([self._carrier, carrier])
        windows = len(self._outputs) // WINDOW
        known = len(self._sums) - self._past
        if windows > known:
            fresh = self._outputs[known * WINDOW : windows * WINDOW].reshape(-1, WINDOW)
            self._sums = np.concatenate([self._sums, self._summed(fresh)])
        return self._release(windows - REACH - 1, windows - REACH)

    def flush(self) -> RailWindows:
        """The remaining windows; the last one is filled up with zeros."""
        fill = -len(self._outputs) % WINDOW
        head = self.process(np.zeros(fill, np.complex64), np.zeros(0, np.complex64))
        left = len(self._sums) - self._past
        rest = self._release(left, left)
        return RailWindows(
            np.concatenate([head.rails, rest.rails]),
            np.concatenate([head.symbols, rest.symbols]),
            np.concatenate([head.carrier_share, rest.carrier_share]),
        )

    def _summed(self, windows: NDArray[np.complex64]) -> NDArray[np.complex128]:
        """Mean square, residual carrier and mean power of whole windows."""
        sums = np.zeros((len(windows), 3), np.complex128)
        sums[:, 0] = np.mean(windows * windows, axis=1)
        sums[:, 2] = np.mean(windows.real**2 + windows.imag**2, axis=1)
        if self._carrier_values:
            chosen = self._carrier[: len(windows) * self._carrier_values]
            self._carrier = self._carrier[len(chosen) :]
            chosen = np.concatenate(
                [chosen, np.zeros(len(windows) * self._carrier_values - len(chosen), np.complex64)]
            )
            sums[:, 1] = chosen.reshape(len(windows), -1).mean(axis=1)
        return sums

    def _release(self, windows: int, phased: int) -> RailWindows:
        """Turns back and drops the first `windows` waiting windows, with the phases of the first `phased`."""
        if windows <= 0:
            nothing = np.zeros((0, WINDOW), np.complex64)
            return RailWindows(nothing.real, nothing, np.zeros(0))
        phases, sums, share = self._phases(phased)
        half = WINDOW // 2
        at = (np.arange(phased) + 0.5) * WINDOW
        shown = np.unwrap(phases + np.where(sums < 0, np.pi, 0.0))
        if self._shown is not None:
            at = np.concatenate([[-0.5 * WINDOW], at])
            shown = np.unwrap(np.concatenate([[self._shown], shown]))
        # Straight between the middles of windows, so over half a window each time.
        corner = np.interp(np.arange(2 * windows + 1) * half, at, shown) / (2 * np.pi)
        step = np.diff(corner) / half
        turned = turn_back(self._outputs[: windows * WINDOW], corner[:-1] + step / 2, step, half)
        self._phase, self._carrier_sum = float(phases[windows - 1]), float(sums[windows - 1])
        self._shown = float(shown[windows - 1 + len(shown) - phased])
        self._outputs = self._outputs[windows * WINDOW :]
        drop = max(self._past + windows - REACH, 0)
        self._sums = self._sums[drop:]
        self._past += windows - drop
        symbols = turned.reshape(windows, WINDOW)
        return RailWindows(np.ascontiguousarray(symbols.real), symbols, share[:windows])

    def _phases(self, windows: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of the first waiting windows: phase of the axis, sign by `_carrier_sums`, share of the carrier."""
        chosen = slice(self._past, self._past + windows)
        weight = smooth(np.ones(len(self._sums)), REACH).real
        square, carrier, power = (smooth(self._sums[:, k], REACH)[chosen] / weight[chosen] for k in range(3))
        data = np.maximum(np.abs(square), _TINY)
        # With more than half of the power (a deviation below 45 degrees) it is somebody else's.
        carrier = np.where(np.abs(carrier) ** 2 > data, 0.0, carrier)
        # The squares alone lose N0 / 2E to their noise; the carrier makes up for that and has no more say,
        # since a spike at DC may be mistaken for it while Doppler takes it across.
        importance = np.minimum((power.real - data) / (2 * data), _LARGEST_WEIGHT)
        phases = follow(np.angle(square + carrier**2 * importance), 2, self._phase)
        along = (carrier * np.exp(-1j * phases)).real
        sums = self._carrier_sums(along / np.sqrt(data), silent=power.real <= _TINY)
        return phases, sums, along**2 / data

    def _carrier_sums(self, along: NDArray[np.float64], silent: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The residual carrier on the axis over the data's amplitude, added up to a bound, window by window.

        Its sign tells which end of the axis is the carrier's. A spike at DC that the carrier comes across
        beats with it; the sum outlasts beats above 25 Hz. At the bound it stays until the signal is lost:
        where the phase jumps by half a turn the bits change their sign there and then, and to turn them back
        later would hurt another frame.
        """
        total = self._carrier_sum
        sums = np.empty(len(along))
        for window, value in enumerate(along):
            if silent[window]:
                total = 0.0
            elif abs(total) < _CARRIER_SUM:
                total = min(max(total + value, -_CARRIER_SUM), _CARRIER_SUM)
            sums[window] = total
        return sums
