"""The line along which the punctual samples arrive: delay against time, found under the late ones."""

from __future__ import annotations

from collections import deque

import numpy as np

_POINTS, _NEWEST = 60, 9  # windows for the slope, and for where the line lies now
_USUAL = 0.9  # of the windows; a stall now and then must not blind us
_PPM = 1e-6
_CRYSTAL_PPM = 60.0  # the device's crystal against the computer's, one standard deviation
_FIRST_ERROR_S = 0.001  # of a line that has seen little yet
_CLOCK_S = 20e-6  # what reading the clock itself may be wrong


class Envelope:
    """A robust line through the least delay of each window of time.

    Attributes:
        spread_s: by how much nine windows in ten have lain off the line lately, at most.
        newest_s: time of the newest window.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=_POINTS)
        self._late: deque[float] = deque(maxlen=_POINTS)
        self._offset_s = self._slope = 0.0
        self.spread_s = self.newest_s = 0.0

    def at(self, time_s: float) -> float:
        """Delay of punctual samples at a time."""
        return self._offset_s + self._slope * (time_s - self.newest_s)

    def add(self, time_s: float, delay_s: float, early_s: float) -> None:
        """Take in a window.

        Args:
            time_s: when its least delay was.
            delay_s: the least delay.
            early_s: a window that lies so far below the line shows that all before it were late.
        """
        if self._points and time_s <= self.newest_s:
            return  # of what was judged again
        if self._points:
            late_s = delay_s - self.at(time_s)
            if late_s < -early_s:
                self._points.clear()
            else:
                self._late.append(abs(late_s))
        self._points.append((time_s, delay_s))
        self.spread_s = sorted(self._late)[int(_USUAL * len(self._late))] if self._late else 0.0
        self._fit()

    def lift(self, step_s: float) -> None:
        """From now on all delays are longer by a loss."""
        self._points = deque(((time_s, delay_s + step_s) for time_s, delay_s in self._points), _POINTS)
        self._offset_s += step_s

    def error_s(self, time_s: float) -> float:
        """± error of a step measured against the line at a time, in 95 % of cases."""
        few_s = _FIRST_ERROR_S / max(len(self._points), 1)
        drift_s = (
            2 * _CRYSTAL_PPM * _PPM * (time_s - self.newest_s) * (1.0 if len(self._points) < 20 else 0.2)
        )
        return max(self.spread_s, few_s) + drift_s + _CLOCK_S

    def _fit(self) -> None:
        """Slope by Theil and Sen (median of all pairs), drawn towards zero while the line is short."""
        times, delays = np.array(self._points).T
        self.newest_s = float(times[-1])
        times = times - self.newest_s
        rows, columns = np.triu_indices(len(times), 1)
        if len(rows):
            slope = float(np.median((delays[columns] - delays[rows]) / (times[columns] - times[rows])))
            scatter = float(np.median(np.abs(delays - np.median(delays) - slope * times))) + _CLOCK_S
            long = float(np.sum((times - times.mean()) ** 2))
            self._slope = slope * long / (long + (scatter / (_CRYSTAL_PPM * _PPM)) ** 2)
        newest = slice(-_NEWEST, None)
        self._offset_s = float(np.median((delays - self._slope * times)[newest]))
