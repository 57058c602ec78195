"""Where in the recording something lay: positions in one stream against positions in another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EVERY = 256
_KEPT = 1 << 15


class Timeline:
    """A growing, piecewise linear map; every 256th position is kept, the oldest are forgotten.

    The kept ones lie on a fixed grid, whatever portions come in; behind them the last value stands until the
    next ones come.
    """

    def __init__(self) -> None:
        self._held = np.empty((2, 2 * _KEPT))  # positions, values
        self._count = 0
        self._last_is_spare = False  # it does not lie on the grid

    def extend(self, first: float, values: npt.NDArray[np.floating]) -> None:
        """Append values at the positions first, first + 1, …"""
        if not values.size:
            return
        self._count -= self._last_is_spare
        begin = 0 if not self._count else round(-first % _EVERY)
        on_grid = len(range(begin, values.size, _EVERY))
        self._last_is_spare = not on_grid or (values.size - 1 - begin) % _EVERY != 0
        count = on_grid + self._last_is_spare
        if self._count + count > self._held.shape[1]:
            room = max(2 * _KEPT, _KEPT + count)
            kept = self._held[:, max(0, self._count - _KEPT) : self._count]
            self._count = kept.shape[1]
            self._held = np.concatenate([kept, np.empty((2, room - self._count))], axis=1)
        positions, held = self._held[:, self._count : self._count + count]
        positions[:on_grid] = first + begin + _EVERY * np.arange(on_grid)
        held[:on_grid] = values[begin::_EVERY]
        positions[on_grid:], held[on_grid:] = first + values.size - 1, values[-1]
        self._count += count

    def at(self, position: float) -> float | None:
        """The value there, extended in a straight line beyond the ends; None when nothing is known."""
        values = self.at_all(np.array([position]))
        return None if values is None else float(values[0])

    def at_all(self, positions: Floats) -> Floats | None:
        """The values at several positions, as `at` has them."""
        x, y = self._held[:, : self._count]
        if x.size == 0:
            return None
        if x.size == 1:
            return np.full(positions.size, y[0])
        k = np.clip(np.searchsorted(x, positions), 1, x.size - 1)
        x0, x1, y0, y1 = x[k - 1], x[k], y[k - 1], y[k]
        slope = (y1 - y0) / np.where(x1 == x0, 1.0, x1 - x0)
        values: Floats = y0 + np.where(x1 == x0, 0.0, positions - x0) * slope
        return values
