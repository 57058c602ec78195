"""Where in the recording something lay: positions in one stream against positions in another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EVERY = 256
_KEPT = 1 << 16


class Timeline:
    """A growing, piecewise linear map; every 256th position is kept, the oldest are forgotten."""

    def __init__(self) -> None:
        self._x = np.zeros(0)
        self._y = np.zeros(0)

    def extend(self, first: float, values: Floats) -> None:
        """Append values at the positions first, first + 1, …"""
        picked = np.unique(np.append(np.arange(0, values.size, _EVERY), max(values.size - 1, 0)))
        picked = picked[picked < values.size]
        self._x = np.concatenate([self._x, first + picked])[-_KEPT:]
        self._y = np.concatenate([self._y, values[picked]])[-_KEPT:]

    def at(self, position: float) -> float | None:
        """The value there, extended in a straight line beyond the ends; None when nothing is known."""
        values = self.at_all(np.array([position]))
        return None if values is None else float(values[0])

    def at_all(self, positions: Floats) -> Floats | None:
        """The values at several positions, as `at` has them."""
        if self._x.size == 0:
            return None
        if self._x.size == 1:
            return np.full(positions.size, self._y[0])
        k = np.clip(np.searchsorted(self._x, positions), 1, self._x.size - 1)
        x0, x1, y0, y1 = self._x[k - 1], self._x[k], self._y[k - 1], self._y[k]
        slope = (y1 - y0) / np.where(x1 == x0, 1.0, x1 - x0)
        return y0 + np.where(x1 == x0, 0.0, positions - x0) * slope
