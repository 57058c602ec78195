"""Samples of a device that stamps them: losses by its stamps, exact; UTC by its clock, kept aligned."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sdr.errors import DeviceError
from sdr.receiver import Block

_TRIES = 5
# A jump of the stamps that real time cannot explain is nonsense, not a loss to fill with zeros.
_MOST_JUMP_S = 60.0
# So far back is rounding: stamps in whole ticks of a clock that is slower than the samples.
_ROUNDING_SAMPLES = 2
_WINDOW_NS = 60 * 10**9
_MOST_DRIFT = 200e-6


def align(device_ns: Callable[[], int], utc: Callable[[], float] = time.time) -> tuple[float, float]:
    """Device's clock against UTC.

    Args:
        device_ns: asks the device for its time.
        utc: POSIX seconds.

    Returns:
        What to add to the device's seconds to have POSIX seconds, and ± how wrong that may be for the time
        that asking takes (the quickest of a few answers).
    """
    tries = []
    for _ in range(_TRIES):
        before = utc()
        device_s = device_ns() * 1e-9
        after = utc()
        tries.append((abs(after - before) / 2, (before + after) / 2 - device_s))
    uncertainty_s, offset_s = min(tries)
    return offset_s, uncertainty_s


class Drift:
    """How far a device's clock has run away from UTC: 50 ppm are 4.3 s a day, where nothing disciplines it.

    A sample that nothing holds up arrives a fixed time after it was stamped, so the least delay of a minute
    against that of the first one tells. What no crystal does (a clock that is set, a playback) is left alone.

    Attributes:
        seconds: to be added to its times, by the newest whole minute.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began_ns: int | None = None
        self._least_s = math.inf
        self._first: tuple[int, float] | None = None

    def arrived(self, utc_s: float, stamp_ns: int) -> None:
        """The sample of that stamp is here."""
        if self._began_ns is None:
            self._began_ns = stamp_ns
        self._least_s = min(self._least_s, utc_s - stamp_ns * 1e-9)
        if stamp_ns - self._began_ns < _WINDOW_NS:
            return
        if self._first is None:
            self._first = self._began_ns, self._least_s
        first_ns, first_s = self._first
        if abs(self._least_s - first_s) <= _MOST_DRIFT * (stamp_ns - first_ns) * 1e-9:
            self.seconds = self._least_s - first_s
        self._began_ns, self._least_s = stamp_ns, math.inf


class Stamped:
    """Turns stamped pieces into blocks.

    Args:
        sample_rate: Hz by the device's own clock, which also stamps; not the rate corrected for its crystal.
        bytes_per_sample: of the raw samples.
        offset_s: POSIX seconds less the device's; None: taken from the arrival of the first piece.
        utc: POSIX seconds.
        monotonic: seconds, to know a nonsensical stamp.
    """

    def __init__(
        self,
        sample_rate: float,
        bytes_per_sample: int,
        offset_s: float | None,
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._size, self._offset_s = sample_rate, bytes_per_sample, offset_s
        self._utc, self._monotonic = utc, monotonic
        # Whole numbers throughout: a radio may count from 1970, where a float of ns has steps of 256.
        self._expected_ns: int | None = None
        self._drift = Drift()
        self._arrived_s = monotonic()

    def block(self, raw: bytes, time_ns: int, cause: str) -> Block:
        """The block of a piece and its stamp; DeviceError when the stamp cannot be."""
        length_ns = round(len(raw) // self._size * 1e9 / self._rate)
        if self._offset_s is None:
            self._offset_s = self._utc() - (length_ns + time_ns) * 1e-9
        lost = 0 if self._expected_ns is None else self._lost(time_ns - self._expected_ns)
        self._expected_ns = time_ns + length_ns
        self._arrived_s = self._monotonic()
        self._drift.arrived(self._utc(), self._expected_ns)
        at = self._offset_s + self._drift.seconds + time_ns * 1e-9
        return Block(raw, lost, cause if lost else "", time=at)

    def _lost(self, jump_ns: int) -> int:
        lost = round(jump_ns * 1e-9 * self._rate)
        waited_s = self._monotonic() - self._arrived_s
        if lost < -_ROUNDING_SAMPLES or lost / self._rate > waited_s + _MOST_JUMP_S:
            raise DeviceError(
                f"the radio's time jumps by {jump_ns * 1e-9:g} s while {waited_s:.1f} s pass; open it anew"
            )
        return max(lost, 0)
