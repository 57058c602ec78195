"""Soft bits as a demodulator gives them over a disturbed line: gaps told rightly or wrongly, slips, turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.decoders.punctured_stream import turned

SAMPLES_PER_SYMBOL = 200e3 / 72e3
KINDS = (
    "gap told rightly",
    "gap told wrongly",
    "silent slip",
    "doubled",
    "turn",
    "level",
    "burst",
    "silence",
    "tone",
    "fade",
)


@dataclass
class DisturbedLine:
    """Pairs of soft bits in as they were sent, out as they come; each stretch begins with disturbances.

    A turn, a level and a slip stay until the next one. `seen` notes what was done.
    """

    rng: np.random.Generator
    longest: int  # soft bits of a gap, a burst, a silence, a tone, a fade
    kinds: Sequence[str] = KINDS
    seen: list[str] = field(default_factory=list)
    _turns: int = 0
    _level: float = 1.0
    _late: float = 0.0  # by so many soft bits the position is told wrongly
    _soft: list[NDArray[np.int8]] = field(default_factory=list)
    _place: list[NDArray[np.float64]] = field(default_factory=list)

    def send(self, soft: NDArray[np.int8], first: int, disturbances: int) -> None:
        """A stretch of soft bits, the first of which is number `first` of the stream."""
        whole = turned(soft[: soft.size // 2 * 2], self._turns)
        soft = self._scaled(whole, self._level)
        place = first + np.arange(soft.size, dtype=float)
        for _ in range(disturbances):
            soft, place = self._disturb(soft, place)
        self._soft.append(soft)
        self._place.append(place + self._late)

    def received(self) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Soft bits and the position of each pair, which rises."""
        soft, place = np.concatenate(self._soft), np.concatenate(self._place)
        count = soft.size // 2
        position = np.maximum.accumulate(place[: 2 * count : 2] / 2 * SAMPLES_PER_SYMBOL)
        return soft[: 2 * count], 1000 + position + 1e-6 * np.arange(count)

    def _disturb(
        self, soft: NDArray[np.int8], place: NDArray[np.float64]
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        if soft.size < 64:
            return soft, place
        what = str(self.rng.choice(list(self.kinds)))
        self.seen.append(what)
        length = int(min(soft.size - 2, np.exp(self.rng.uniform(0, np.log(self.longest)))))
        some = int(self.rng.integers(1, 20))
        match what:
            case "gap told rightly":
                return soft[length:], place[length:]
            case "gap told wrongly":
                self._late += max(2 * self.rng.uniform(-100, 100), -length)
                return soft[length:], place[length:]
            case "silent slip":
                self._late -= some
                return soft[some:], place[some:]
            case "doubled":
                self._late += some
                return np.concatenate([soft[:some], soft]), np.concatenate([place[:some] - some, place])
            case "turn":
                turns = int(self.rng.integers(1, 4))
                self._turns += turns
                begin = int(place[-1] + soft.size - 1) % 2  # pairs stand at even places
                end = begin + (soft.size - begin) // 2 * 2
                return turned(soft[begin:end], turns), place[begin:end]
            case "level":
                level = float(np.exp(self.rng.uniform(np.log(0.2), np.log(3))))
                change, self._level = level / self._level, level
                return self._scaled(soft, change), place
        self._overwrite(what, soft[:length], some)
        return soft, place

    def _overwrite(self, what: str, soft: NDArray[np.int8], some: int) -> None:
        rng, size = self.rng, int(self.rng.integers(2, 127))
        match what:
            case "burst":
                soft[:] = rng.integers(-size, size + 1, soft.size)
            case "silence":  # but for some soft bits of the smallest size near its ends
                soft[:] = 0
                edge = min(soft.size, 300)
                places = np.append(rng.integers(0, edge, some), -1 - rng.integers(0, edge, some))
                soft[places] = rng.integers(-1, 2, 2 * some)
            case "tone":
                soft[:] = np.resize(size * rng.integers(-1, 2, int(rng.integers(1, 9))), soft.size)
            case "fade":
                soft[:] = soft // 16

    @staticmethod
    def _scaled(soft: NDArray[np.int8], level: float) -> NDArray[np.int8]:
        return np.clip(np.rint(soft * level), -127, 127).astype(np.int8)
