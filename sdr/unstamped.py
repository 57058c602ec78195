"""Samples of a device that tells no losses: watched by the clock, and held back while they are suspect."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from sdr.loss_clock import PATIENCE_S, ClockLoss, LossClock
from sdr.receiver import Block

_HOLD_S = 10.0


def steady() -> float:
    """Seconds of a clock that neither steps nor is slewed, and goes on while the machine is suspended.

    CLOCK_MONOTONIC_RAW stands still then, and so does CLOCK_MONOTONIC, but CLOCK_BOOTTIME does not
    (clock_gettime(2)). Read in this order the answer can only be late, as an arrival can.
    """
    awake_s = time.clock_gettime(time.CLOCK_MONOTONIC)
    suspended_s = time.clock_gettime(time.CLOCK_BOOTTIME) - awake_s
    return suspended_s + time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


class Unstamped:
    """Takes what arrives, gives blocks with their losses and times.

    Args:
        sample_rate: Hz.
        bytes_per_sample: of the raw samples.
        utc: POSIX seconds.
        patience_s: lateness that lasts longer is a loss.
    """

    def __init__(
        self,
        sample_rate: float,
        bytes_per_sample: int,
        utc: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.clock = LossClock(sample_rate, patience_s)
        self._size, self._utc = bytes_per_sample, utc
        self._held: deque[bytes] = deque()
        self._given = 0  # samples given out
        self._free = 0  # samples that may be given out
        self._losses: deque[tuple[ClockLoss, str]] = deque()
        self._told = False

    @property
    def smallest_visible_loss(self) -> int:
        """Samples: shorter losses cannot be seen as things stand."""
        return round(self.clock.visible_s * self.clock.sample_rate)

    def put(self, raw: bytes, waited_s: float) -> None:
        """Samples have just arrived, after the reader waited for them that long."""
        self._held.append(raw)
        for loss in self.clock.arrived(steady(), len(raw) // self._size, waited_s):
            self._losses.append((loss, "overflow" if self._told else "lost before they came here"))
            self._told = False
        held_too_long = self.clock.count - round(_HOLD_S * self.clock.sample_rate)
        self._free = max(self._free, self.clock.judged, held_too_long)

    def overflowed(self) -> None:
        """The device says that samples are missing here."""
        self._told = True
        self.clock.overflowed()

    def flush(self) -> None:
        """Nothing more comes: give out everything."""
        self.clock.flush()
        self._free = self.clock.count

    def take(self, count: int) -> Block | None:
        """The next block, None while there is nothing that may be given out."""
        most = min(self._free - self._given, count)
        if most <= 0:
            return None
        lost, cause, uncertainty = self._loss_here()
        if self._losses:
            most = min(most, self._losses[0][0].place - self._given)
        raw = self._first_bytes(most * self._size)
        # The envelope has been lifted by losses that lie ahead of these samples.
        ahead_s = sum(loss.length for loss, _ in self._losses) / self.clock.sample_rate
        at = self._utc() - steady() + self.clock.time_of(self._given) - ahead_s
        self._given += len(raw) // self._size
        return Block(raw, lost, cause, uncertainty, at)

    def _loss_here(self) -> tuple[int, str, int]:
        """Losses that lie here, or in what was given out already."""
        lost, uncertainty, causes = 0, 0, []
        while self._losses and self._losses[0][0].place <= self._given:
            loss, cause = self._losses.popleft()
            lost += loss.length
            uncertainty = max(uncertainty, loss.uncertainty + self._given - loss.place)
            causes.append(f"{cause}; found by the clock")
        return lost, ", ".join(causes), uncertainty

    def _first_bytes(self, size: int) -> bytes:
        """Up to that many bytes of the oldest piece held."""
        piece = self._held.popleft()
        if len(piece) > size:
            self._held.appendleft(piece[size:])
        return piece[:size]
