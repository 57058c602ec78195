"""Symbols that are missing, by the positions of their neighbours, are put in as erasures.

So a gap costs what was lost and no more: behind it, frames and the rows of an interleaver stand where they
are expected. A position is known to a fraction of a symbol, so short gaps are filled exactly; of long ones,
whose length the clock tells to some parts in a million, the markers settle the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding.deinterleaver import SPAN_ROWS
from decoders.coding.marker_sync import PERIOD, ROWS_PER_GROUP
from decoders.coding.viterbi import SoftBits
from decoders.downlink import Mode
from decoders.framing.frame_sync import FLYWHEEL_FRAMES

Floats = npt.NDArray[np.float64]

# Symbols over which the samples per symbol are measured, and how much longer a step is with a symbol missing.
ANCHOR_SYMBOLS, STEP = 8192, 1.6


class GapFiller:
    """Soft bits in, soft bits with erasures out.

    Args:
        bits_per_symbol: soft bits per channel symbol.
        most_symbols: of a longer gap only so many are filled in.
    """

    def __init__(self, bits_per_symbol: int, most_symbols: int) -> None:
        self._bits, self._most = bits_per_symbol, most_symbols
        self._count = 0  # symbols since the first anchor
        self._anchors: list[tuple[int, float]] = []  # numbers of symbols since a gap, with their positions
        self._last: float | None = None

    @classmethod
    def for_mode(cls, mode: Mode) -> GapFiller:
        """Fills gaps up to the interleaver's span, or up to as many frames as the flywheel turns."""
        symbols = FLYWHEEL_FRAMES * mode.frame_bits / mode.information_bits_per_symbol
        if mode.interleaver != "none":
            symbols = SPAN_ROWS // ROWS_PER_GROUP * PERIOD / mode.soft_bits_per_symbol
        return cls(mode.soft_bits_per_symbol, round(symbols))

    def process(
        self, soft: SoftBits, position: Floats, level: npt.NDArray[np.float32] | None
    ) -> tuple[SoftBits, Floats, npt.NDArray[np.float32] | None]:
        """The same with the missing symbols filled in.

        Args:
            soft: int8, shape (k * symbols,).
            position: sample index of each symbol, rising, shape (symbols,).
            level: anything measured per symbol, repeated through a gap, shape (symbols,).
        """
        if position.size == 0 or soft.size != self._bits * position.size:
            return soft, position, level
        places, missing = self._gaps(position)
        if not places.size:
            return soft, position, level
        before = np.repeat(np.append(self._before, position)[places], missing)
        steps = np.concatenate([np.arange(1, count + 1) / (count + 1) for count in missing])
        width = np.repeat(position[places] - np.append(self._before, position)[places], missing)
        where = np.repeat(places, missing)
        filled = np.insert(soft, np.repeat(self._bits * where, self._bits), np.int8(0))
        return (
            filled,
            np.insert(position, where, before + steps * width),
            None if level is None else np.insert(level, where, level[where]),
        )

    def _gaps(self, position: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Symbols before which others are missing, and how many are filled in there."""
        self._before = position[0] if self._last is None else self._last
        nothing = np.zeros(0, dtype=np.intp)
        expected = self._samples_per_symbol(self._before)
        if abs(position[-1] - self._before - position.size * expected) < expected / 2:
            self._anchor(position)
            self._last = float(position[-1])
            return nothing, nothing
        steps = np.diff(position, prepend=self._before)
        usual = expected or float(np.median(steps))
        places = np.flatnonzero(steps > STEP * usual) if usual > 0 else nothing
        missing = []
        for start, end in zip([0, *places], [*places, position.size], strict=True):
            if start or (places.size and places[0] == 0):
                self._anchors = []
            if end > start:
                self._anchor(position[start:end])
            if end < position.size:
                before = float(position[end - 1]) if end else self._before
                samples = self._samples_per_symbol(before) or usual
                missing.append(min(self._most, max(0, round(float(steps[end]) / samples) - 1)))
        self._last = float(position[-1])
        return places, np.array(missing, dtype=np.intp)

    def _anchor(self, position: Floats) -> None:
        """Note positions of symbols that follow each other without a gap."""
        first = self._count
        self._count += position.size
        if not self._anchors:
            self._anchors = [(first, float(position[0]))]
        while self._count - 1 >= self._anchors[-1][0] + ANCHOR_SYMBOLS:
            number = self._anchors[-1][0] + ANCHOR_SYMBOLS
            self._anchors = [self._anchors[-1], (number, float(position[number - first]))]

    def _samples_per_symbol(self, last: float) -> float:
        """Over the last symbols, the one at `last` included; 0 where there are too few to tell."""
        if not self._anchors or self._count - 1 == self._anchors[0][0]:
            return 0.0
        number, position = self._anchors[0]
        return (last - position) / (self._count - 1 - number)
