"""The markers of METEOR's 80k mode: the byte 0x27 before every 72 interleaved bits.

The markers are neither interleaved nor differential, so they tell at once where a group begins, whether the
soft bits of a pair are swapped, and the sign of both. 64 periods are folded upon each other and correlated;
then the place is kept by a flywheel, and changed where another place is proven (a lost bit, a rotation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding.ambiguity import negative
from decoders.coding.deinterleaver import BRANCHES
from decoders.coding.row_gaps import RowGaps
from decoders.coding.viterbi import SoftBits

MARKER = np.array([0, 0, 1, 0, 0, 1, 1, 1])
PERIOD, MARKER_BITS = 80, 8
ROWS_PER_GROUP = (PERIOD - MARKER_BITS) // BRANCHES
WINDOW = 64  # periods folded
# In standard deviations of one rail's folded correlation: noise passes in one of 1e7 windows; a signal of
# 1 dB Eb/N0 stands at 24.
PROOF, LEAD = 9.0, 5.0
# With pairs swapped and one bit late, seven of the marker's eight bits fit as well. Where an interleaver that
# starts empty sends zeros, that alignment may be taken; a rival that wins so often running is followed.
RIVAL_WINS = 6
_KEPT_WINDOWS = 16
# Periods (8 ms) looked at together to tell a fade, and the correlation of their markers below which it is
# one, in standard deviations of noise: noise stays below 5 in 1e6 windows; a signal of 1 dB has 8.5.
FADE_PERIODS, PRESENT = 16, 5.0
_SIGNS = 2.0 * MARKER - 1.0
# In two folded periods, the other of a pair; pairs begin at even places, or at odd ones (then the first and
# the last place take theirs from the period beside).
_PARTNER = (
    np.arange(2 * PERIOD) ^ 1,
    np.concatenate([[PERIOD - 1], (np.arange(2 * PERIOD - 2) ^ 1) + 1, [PERIOD]]),
)
_NOTHING = (np.zeros(0, dtype=np.int8), np.zeros(0))

Floats = npt.NDArray[np.float64]


def _correlation_matrix() -> Floats:
    """Two folded periods to the marker's correlation at 80 places: of its even bits, then of its odd ones."""
    matrix = np.zeros((2 * PERIOD, 2 * PERIOD))
    for place in range(PERIOD):
        for k in range(MARKER_BITS):
            matrix[place + k, place + k % 2 * PERIOD] = _SIGNS[k]
    return matrix


_CORRELATION = _correlation_matrix()


@dataclass(frozen=True)
class Alignment:
    """How soft bits must be turned: pairs swapped from an even or odd index (or not), signs of both rails."""

    swap: int | None
    sign_first: int
    sign_second: int


@dataclass(frozen=True)
class Rows:
    """Rows of 36 soft bits: number of the first, the bits, and where in the input each row began."""

    first_row: int
    soft: SoftBits
    soft_index: Floats


class MarkerSync:
    """Find the markers, drop them, and give the rows between them."""

    def __init__(self) -> None:
        # A period of erasures before the start lets the first, incomplete group be used.
        self._soft = np.zeros(PERIOD, dtype=np.int8)
        self._base = -PERIOD  # input index of the first kept
        self._next = 0  # index in _soft of the next marker, once locked
        self._alignment: Alignment | None = None
        self._row = 0
        self._taken = 0  # rows taken since the last that went on to the gaps
        self._jumps: list[int] = []  # among these, where the stream jumped
        self._gaps = RowGaps()
        self._rival: tuple[int, Alignment] | None = None
        self._rival_wins = 0
        self.strength = 0.0  # best correlation seen, in standard deviations
        self.slips = 0

    @property
    def locked(self) -> bool:
        """Whether markers have been found."""
        return self._alignment is not None

    def process(self, soft: SoftBits) -> Rows:
        """Rows that are settled."""
        self._soft = np.concatenate([self._soft, soft])
        pieces: list[tuple[SoftBits, Floats]] = []
        while True:
            piece = self._follow() if self._alignment is not None else self._acquire()
            if piece is None:
                return self._rows(pieces)
            pieces.append(piece)

    def flush(self) -> Rows:
        """The rows up to the end, filled up with erasures."""
        pieces: list[tuple[SoftBits, Floats]] = []
        while (piece := self._follow() if self.locked else self._acquire()) is not None:
            pieces.append(piece)
        if self._alignment is None:
            return self._rows(pieces, last=True)
        count = -(-max(0, self._soft.size - self._next) // PERIOD)
        self._soft = np.concatenate([self._soft, np.zeros(2 * PERIOD, dtype=np.int8)])
        return self._rows([*pieces, self._take(self._next, count, self._alignment)], last=True)

    def _acquire(self) -> tuple[SoftBits, Floats] | None:
        """Look at one window of unlocked input; on success step back to the beginning of what is kept."""
        if self._soft.size < self._next + (WINDOW + 2) * PERIOD:
            return None
        found = self._look(self._next)
        self.strength = max(self.strength, found.strength)
        if found.strength >= PROOF:
            self._alignment = found.alignment
            self._next = (self._next + found.place) % PERIOD
            return _NOTHING
        self._next += WINDOW * PERIOD
        if self._next >= _KEPT_WINDOWS * WINDOW * PERIOD:
            self._drop(WINDOW * PERIOD)
        return _NOTHING

    def _follow(self) -> tuple[SoftBits, Floats] | None:
        """Emit one window; the window behind it decides whether something changes inside the two."""
        assert self._alignment is not None  # noqa: S101 - said by the caller
        if self._soft.size < self._next + (2 * WINDOW + 2) * PERIOD:
            return None
        # Half a period before the second window, so that a slip either way is seen.
        found = self._look(self._next + (WINDOW - 1) * PERIOD + PERIOD // 2)
        self.strength = max(self.strength, found.strength)
        rival = (found.place - PERIOD // 2, found.alignment)
        if rival == (0, self._alignment) or found.strength < PROOF:
            self._rival = None
            return self._take_and_advance(WINDOW)
        self._rival_wins = self._rival_wins + 1 if rival == self._rival else 1
        self._rival = rival
        here = self._correlation(self._next + WINDOW * PERIOD, WINDOW, self._alignment).sum()
        if found.strength < here / found.deviation + LEAD and self._rival_wins < RIVAL_WINS:
            return self._take_and_advance(WINDOW)
        self._rival = None
        return self._change(*rival)

    def _look(self, start: int) -> _Found:
        return _best(self._soft[start : start + (WINDOW + 1) * PERIOD], start + self._base)

    def _change(self, slip: int, alignment: Alignment) -> tuple[SoftBits, Floats]:
        """Go over to another place and alignment where old and new correlations together are largest."""
        assert self._alignment is not None  # noqa: S101 - said by the caller
        old = self._correlation(self._next, 2 * WINDOW, self._alignment)
        new = self._correlation(self._next + slip, 2 * WINDOW, alignment)
        total = np.concatenate([[0.0], np.cumsum(old)]) + np.concatenate([np.cumsum(new[::-1])[::-1], [0.0]])
        count = int(total.argmax())
        self.slips += slip != 0
        before, index = self._take_and_advance(count)
        self._jumps.append(self._taken)
        self._next += slip
        if count and slip:
            # The bit was lost somewhere in the last group: its second row is read at its new place.
            fixed = self._take(self._next - PERIOD, 1, alignment)[0]
            before[-BRANCHES:] = fixed[BRANCHES:]
        self._alignment = alignment
        return before, index

    def _correlation(self, start: int, count: int, alignment: Alignment) -> Floats:
        turned = _turn(self._soft, start, count * PERIOD, self._base, alignment)
        return turned.reshape(count, PERIOD)[:, :MARKER_BITS] @ _SIGNS

    def _take_and_advance(self, count: int) -> tuple[SoftBits, Floats]:
        assert self._alignment is not None  # noqa: S101 - said by the caller
        piece = self._take(self._next, count, self._alignment)
        self._taken += count * ROWS_PER_GROUP
        self._next += count * PERIOD
        self._drop(self._next - 2 * PERIOD)
        return piece

    def _take(self, start: int, count: int, alignment: Alignment) -> tuple[SoftBits, Floats]:
        groups = _turn(self._soft, start, count * PERIOD, self._base, alignment).reshape(count, PERIOD)
        _erase_fades(groups)
        begin = self._base + start + PERIOD * np.arange(count)[:, None]
        index = begin + MARKER_BITS + BRANCHES * np.arange(ROWS_PER_GROUP)[None, :]
        return groups[:, MARKER_BITS:].reshape(-1).copy(), index.reshape(-1).astype(np.float64)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._soft = self._soft[count:]
            self._base += count
            self._next -= count

    def _rows(self, pieces: list[tuple[SoftBits, Floats]], *, last: bool = False) -> Rows:
        soft = np.concatenate([np.zeros(0, dtype=np.int8), *(piece[0] for piece in pieces)])
        index = np.concatenate([np.zeros(0), *(piece[1] for piece in pieces)])
        rows, index = self._gaps.process(soft.reshape(-1, BRANCHES), index, self._jumps)
        self._jumps, self._taken = [], 0
        if last:
            rest, rest_index = self._gaps.flush()
            rows, index = np.concatenate([rows, rest]), np.concatenate([index, rest_index])
        first, self._row = self._row, self._row + index.size
        return Rows(first, rows.reshape(-1), index)


def _erase_fades(groups: npt.NDArray[np.int8]) -> None:
    """Erase groups whose markers are not there: an automatic gain gives noise the size of the signal.

    Spread over the 18 s of the interleaver, noise of full size would hurt far more than erasures do.
    """
    for first in range(0, len(groups) - FADE_PERIODS + 1, FADE_PERIODS):
        part = groups[first : first + FADE_PERIODS]
        markers = part[:, :MARKER_BITS].astype(np.float64)
        if (markers @ _SIGNS).sum() < PRESENT * np.sqrt((markers**2).sum()):
            part[:] = 0


def _turn(soft: SoftBits, start: int, count: int, base: int, alignment: Alignment) -> SoftBits:
    """`count` soft bits from `start`, swapped and with their signs turned; erasures beyond the ends."""
    if alignment.swap is None:
        picked = _cut_out(soft, start, count)
    else:
        # Pairs begin where the index in the input has the swap's parity.
        early = (start + base - alignment.swap) % 2
        pairs = _cut_out(soft, start - early, count + 2 * early).reshape(-1, 2)
        picked = pairs[:, ::-1].reshape(-1)[early : early + count]
    turned = picked.reshape(-1, 2)
    if alignment.sign_first < 0:
        turned[:, 0] = negative(turned[:, 0])
    if alignment.sign_second < 0:
        turned[:, 1] = negative(turned[:, 1])
    return turned.reshape(-1)


def _cut_out(soft: SoftBits, start: int, count: int) -> SoftBits:
    """A copy of some soft bits, with erasures beyond the ends."""
    inside = soft[max(start, 0) : max(start + count, 0)]
    before = min(max(-start, 0), count)
    return np.concatenate(
        [np.zeros(before, np.int8), inside, np.zeros(count - before - inside.size, np.int8)]
    )


@dataclass(frozen=True)
class _Found:
    """Place 0 … 79 of the marker, alignment, strength in standard deviations of one rail's correlation."""

    place: int
    alignment: Alignment
    strength: float
    deviation: float


def _best(soft: SoftBits, origin: int) -> _Found:
    """The marker in a window folded; `origin` is the input index of soft[0]."""
    # Of one rail's folded correlation, were the soft bits noise: four bits per period.
    energy = float(np.mean(np.square(soft, dtype=np.float32)))
    deviation = max(2.0 * float(np.sqrt(WINDOW * energy)), 1e-9)
    periods = soft.reshape(-1, PERIOD)
    total = periods.sum(axis=0, dtype=np.int32)
    plain = np.concatenate([total - periods[-1], total - periods[0]]).astype(np.float64)
    swaps = (None, 0, 1)
    folds = np.stack([plain if swap is None else plain[_PARTNER[(origin - swap) % 2]] for swap in swaps])
    rails = folds @ _CORRELATION
    strengths = (np.abs(rails[:, :PERIOD]) + np.abs(rails[:, PERIOD:])) / deviation
    best = _Found(0, Alignment(None, 1, 1), -1.0, deviation)
    for swap, strength, rail in zip(swaps, strengths, rails, strict=True):
        place = int(strength.argmax())
        if strength[place] > best.strength + 1e-6:
            first, second = (1 if rail[place + offset] >= 0 else -1 for offset in (0, PERIOD))
            best = _Found(place, Alignment(swap, first, second), float(strength[place]), deviation)
    return best
