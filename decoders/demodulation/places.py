"""Where symbols came from, kept until their soft bits are final."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Places:
    """Sample positions of outputs that go in, of symbols that come out, in order."""

    def __init__(self, outputs_per_symbol: int) -> None:
        self._per_symbol = outputs_per_symbol
        self._outputs = 0
        self._instants = np.zeros(0)  # of the first output of each symbol
        self._seen = np.zeros(0, np.bool_)

    def add(self, first: float, step: float, count: int, seen: bool) -> None:
        """So many outputs from sample position `first` on, `step` apart, all with or without a signal."""
        fresh = np.arange(-self._outputs % self._per_symbol, count, self._per_symbol, dtype=np.float64)
        fresh *= step
        fresh += first
        self._outputs += count
        self._instants = np.concatenate([self._instants, fresh])
        self._seen = np.concatenate([self._seen, np.full(len(fresh), seen)])

    def take(self, symbols: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Positions float64[m], and bool[m] whether a signal was seen, of the next symbols.

        Fewer than asked for where the last window was filled up: only symbols whose outputs all were there.
        """
        given = self._outputs // self._per_symbol
        symbols = min(symbols, given)
        self._outputs -= symbols * self._per_symbol
        instants, self._instants = self._instants[:symbols], self._instants[symbols:]
        seen, self._seen = self._seen[:symbols], self._seen[symbols:]
        return instants, seen
