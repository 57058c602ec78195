"""A carrier's predicted way: the phase by which it has turned, from the curve of its frequency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from sdr.errors import RecordingError

Array = npt.NDArray[np.float64]


class DopplerPhase:
    """The integral of a curve of frequency, smooth between its points and constant beyond its ends.

    Args:
        time_s: float64 [n], rising, seconds of any origin.
        hz: float64 [n], received minus nominal frequency.

    Raises:
        RecordingError: no point, lengths that differ, times that do not rise, or what is no number.
    """

    def __init__(self, time_s: npt.ArrayLike, hz: npt.ArrayLike) -> None:
        time, frequency = (np.array(values, np.float64, ndmin=1) for values in (time_s, hz))
        if not (time.ndim == 1 and time.shape == frequency.shape and len(time)):
            raise RecordingError(
                f"a Doppler curve of {time.shape} times and {frequency.shape} frequencies; "
                "give as many of each, at least 1"
            )
        if not (np.isfinite(time).all() and np.isfinite(frequency).all() and (np.diff(time) > 0).all()):
            raise RecordingError("a Doppler curve whose times do not rise, or that holds what is no number")
        if len(time) == 1:
            time, frequency = np.append(time, time + 1.0), np.append(frequency, frequency)
        self._first, self._last = float(time[0]), float(time[-1])
        self._hz = CubicSpline(time, frequency)
        self._cycles = self._hz.antiderivative()

    def cycles(self, start_s: Array, offset_s: Array) -> Array:
        """Cycles turned since the curve's first time, float64 [m, n], at `start_s` [m] + `offset_s` [n].

        Offsets are short (a block): there the curve is taken for its Taylor polynomial of second order, which
        is off by less than 1e-6 cycles within 10 ms of any satellite's pass.
        """
        inside = np.clip(start_s, self._first, self._last)
        within = (start_s >= self._first) & (start_s < self._last)
        hz = self._hz(inside)
        begun = self._cycles(inside) + hz * (start_s - inside)
        slope = np.where(within, self._hz(inside, 1), 0.0)
        bend = np.where(within, self._hz(inside, 2), 0.0)
        parts = (begun, hz, slope / 2, bend / 6)
        total = np.zeros((len(start_s), len(offset_s)))
        for part in reversed(parts):
            total *= offset_s
            total += part[:, np.newaxis]
        return total
