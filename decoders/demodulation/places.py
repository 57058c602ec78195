"""Where symbols came from, kept until their soft bits are final."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class _Run:
    """Evenly spaced outputs: number `output` begins the next symbol, `left` symbols begin in the run."""

    first: float
    step: float
    seen: bool
    output: int
    left: int


class Places:
    """Sample positions of outputs that go in, of symbols that come out, in order."""

    def __init__(self, outputs_per_symbol: int) -> None:
        self._per_symbol = outputs_per_symbol
        self._outputs = 0
        self._runs: deque[_Run] = deque()

    def add(self, first: float, step: float, count: int, seen: bool) -> None:
        """So many outputs from sample position `first` on, `step` apart, all with or without a signal."""
        output = -self._outputs % self._per_symbol
        self._runs.append(_Run(first, step, seen, output, len(range(output, count, self._per_symbol))))
        self._outputs += count

    def take(self, symbols: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Positions float64[m], and bool[m] whether a signal was seen, of the next symbols.

        Fewer than asked for where the last window was filled up: only symbols whose outputs all were there.
        """
        symbols = min(symbols, self._outputs // self._per_symbol)
        self._outputs -= symbols * self._per_symbol
        instants, seen = np.empty(symbols), np.empty(symbols, np.bool_)
        done = 0
        while done < symbols:
            run = self._runs[0]
            here = min(run.left, symbols - done)
            behind = run.output + here * self._per_symbol
            part = instants[done : done + here]
            np.multiply(np.arange(run.output, behind, self._per_symbol, dtype=np.float64), run.step, out=part)
            part += run.first
            seen[done : done + here] = run.seen
            run.output, run.left, done = behind, run.left - here, done + here
            if run.left == 0:
                self._runs.popleft()
        return instants, seen
