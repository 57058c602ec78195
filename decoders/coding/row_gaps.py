"""How many interleaver rows are missing where the 80k stream jumps, told by the code itself.

Lost samples that nobody marked shift what follows. The markers tell the shift within a period of 80 bits; the
number of periods must be known too, or everything on air within the interleaver's 18 s is torn apart. Just
behind a jump, column 35 of a coded row is the only one that came after it. The code's parity check,
C1(D) g2(D) = C2(D) g1(D), predicts it from others that came before; where predictions and received column 35
correlate best, there the stream goes on.

What is not mended: a loss of a whole number of periods (40 symbols) moves no marker and goes unseen, and one
of more than 0.35 s leaves too few predictions. Then the frames that were on air within the interleaver's 18 s
are lost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding.deinterleaver import BRANCHES, DELAY_ROWS, SPAN_ROWS
from decoders.coding.viterbi import G1, G2

WAIT_ROWS = 1536  # looked at behind a jump: 0.4 s
# Rows that may be missing (0.35 s), and rows that may have come twice.
MOST_MISSING, MOST_DOUBLED = 1400, 64
# Correlation in standard deviations that proves a place: of 1465 places noise reaches it in 3e-6 of jumps.
# At 2 dB Eb/N0 it is 10 where nothing is missing and 6.7 where the most is, from the 650 rows that are left.
PROOF = 6.0
_BITS = BRANCHES // 2  # information bits of a row
_TAPS_1, _TAPS_2 = ([k for k in range(7) if generator >> (6 - k) & 1] for generator in (G1, G2))

Floats = npt.NDArray[np.float64]
SoftRows = npt.NDArray[np.int8]


class RowGaps:
    """Rows in, rows out; behind a jump they are held back until it is known how many are missing."""

    def __init__(self) -> None:
        self._past = np.zeros((SPAN_ROWS, BRANCHES), dtype=np.int8)  # the last rows that went out
        self._held = np.zeros((0, BRANCHES), dtype=np.int8)
        self._held_index = np.zeros(0)
        self._jumps: list[int] = []  # rows of `_held` before which the stream jumped
        self.inserted = 0

    def process(self, rows: SoftRows, index: Floats, jumps: list[int]) -> tuple[SoftRows, Floats]:
        """Rows that are settled.

        Args:
            rows: int8, shape (n, 36).
            index: where in the input each row began, shape (n,).
            jumps: rows of these before which the stream jumped, rising.
        """
        self._jumps += [len(self._held) + jump for jump in jumps]
        self._held = np.concatenate([self._held, rows])
        self._held_index = np.concatenate([self._held_index, index])
        return self._settle(WAIT_ROWS)

    def flush(self) -> tuple[SoftRows, Floats]:
        """All that is left."""
        return self._settle(0)

    def _settle(self, wait: int) -> tuple[SoftRows, Floats]:
        rows: list[SoftRows] = [self._held[:0]]
        index: list[Floats] = [self._held_index[:0]]
        while self._jumps:
            self._emit(self._jumps[0], rows, index)
            end = self._jumps[1] if self._jumps[1:] else len(self._held)
            if end < wait and not self._jumps[1:]:
                return np.concatenate(rows), np.concatenate(index)
            missing = missing_rows(self._past, self._held[: min(end, WAIT_ROWS)])
            self._jumps = self._jumps[1:]
            if missing < 0:
                self._drop(min(-missing, end))
            elif missing > 0:
                self.inserted += missing
                rows.append(np.zeros((missing, BRANCHES), dtype=np.int8))
                index.append(np.full(missing, self._held_index[0]))
                self._past = np.concatenate([self._past[missing:], rows[-1]])
        self._emit(len(self._held), rows, index)
        return np.concatenate(rows), np.concatenate(index)

    def _emit(self, count: int, rows: list[SoftRows], index: list[Floats]) -> None:
        rows.append(self._held[:count])
        index.append(self._held_index[:count])
        if count:
            self._past = np.concatenate([self._past, rows[-1]])[-SPAN_ROWS:]
        self._drop(count)

    def _drop(self, count: int) -> None:
        self._held, self._held_index = self._held[count:], self._held_index[count:]
        self._jumps = [max(0, jump - count) for jump in self._jumps]


def missing_rows(past: SoftRows, fresh: SoftRows) -> int:
    """How many rows are missing between the last `SPAN_ROWS` rows and those that follow; 0 without proof."""
    predicted = _prediction(past)
    received = fresh[:, BRANCHES - 1].astype(np.float64)
    if not received.size:
        return 0
    size = 2 * DELAY_ROWS
    # Lag m: received row s belongs to prediction s + m.
    sums, energy = (
        np.fft.irfft(np.fft.rfft(a, 2 * size) * np.conj(np.fft.rfft(b, 2 * size)))
        for a, b in ((predicted, received), (predicted**2, received**2))
    )
    lags = np.arange(-min(MOST_DOUBLED, received.size - 1), MOST_MISSING + 1)
    strength = np.abs(sums[lags]) / np.sqrt(np.maximum(energy[lags], 1.0))
    best = int(strength.argmax())
    return int(lags[best]) if strength[best] >= PROOF else 0


def _prediction(past: SoftRows) -> Floats:
    """Column 35 of the rows that come next, from five parity checks each; shape (DELAY_ROWS - 1,).

    Soft bits are combined as in min-sum decoding: the sign is the product's, the size the smallest.
    """
    total = np.zeros(DELAY_ROWS - 1)
    for delay in _TAPS_1:
        newest = _BITS - 1 + delay  # information bit of the check, counted from the row of column 35
        members = [(newest - k, 0) for k in _TAPS_2]
        members += [(newest - k, 1) for k in _TAPS_1 if k != delay]
        values = np.stack([_column(past, bit, branch) for bit, branch in members])
        total += np.sign(values).prod(axis=0) * np.abs(values).min(axis=0)
    return total


def _column(past: SoftRows, bit: int, symbol: int) -> Floats:
    """Soft bits of one information bit's symbol in each of the rows whose column 35 comes next."""
    column = 2 * (bit % _BITS) + symbol
    first = DELAY_ROWS * column + bit // _BITS
    return past[first : first + DELAY_ROWS - 1, column].astype(np.float64)
