"""Samples of a device that stamps them: losses by its stamps, exact; UTC by its clock, kept aligned."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from sdr.errors import DeviceError
from sdr.receiver import Block

_TRIES = 5
# A jump of the stamps that real time cannot explain is nonsense, not a loss to fill with zeros.
_MOST_JUMP_S = 60.0
# So far back is rounding: stamps in whole ticks of a clock that is slower than the samples.
_ROUNDING_SAMPLES = 2
_ASK_AGAIN_S = 60.0
_MOST_DRIFT = 200e-6  # crystals have 50 ppm
_SURE_S = 0.002


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


class Stamped:
    """Turns stamped pieces into blocks.

    A device that nothing disciplines runs away from UTC: 50 ppm are 4.3 s a day. So it is asked for its time
    again each minute; how late samples arrive says nothing of that. What no crystal does since the last sure
    answer is a clock that was set, the device's or the computer's, and is left alone. Sure is ± 2 ms.

    Args:
        sample_rate: Hz by the device's own clock, which also stamps; not the rate corrected for its crystal.
        bytes_per_sample: of the raw samples.
        offset_s: POSIX seconds less the device's.
        ask: tells that anew, and ± how wrong it may be, as `align` does; None: it stays as it is.
        monotonic: seconds, to know a nonsensical stamp and when to ask.
    """

    def __init__(
        self,
        sample_rate: float,
        bytes_per_sample: int,
        offset_s: float,
        ask: Callable[[], tuple[float, float]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._size = sample_rate, bytes_per_sample
        self._offset_s = self._told_s = offset_s
        self._ask, self._monotonic = ask, monotonic
        # Whole numbers throughout: a radio may count from 1970, where a float of ns has steps of 256.
        self._expected_ns: int | None = None
        self._arrived_s = self._asked_s = self._told_at_s = monotonic()

    def block(self, raw: bytes, time_ns: int, cause: str) -> Block:
        """The block of a piece and its stamp; DeviceError when the stamp cannot be."""
        lost = 0 if self._expected_ns is None else self._lost(time_ns - self._expected_ns)
        self._expected_ns = time_ns + round(len(raw) // self._size * 1e9 / self._rate)
        self._arrived_s = self._monotonic()
        if self._ask is not None and self._arrived_s - self._asked_s >= _ASK_AGAIN_S:
            self._asked_s = self._arrived_s
            with suppress(DeviceError):  # its samples come nevertheless
                self._told(*self._ask())
        return Block(raw, lost, cause if lost else "", time=self._offset_s + time_ns * 1e-9)

    def _told(self, offset_s: float, uncertainty_s: float) -> None:
        """The device has been asked."""
        if uncertainty_s > _SURE_S:
            return
        change_s, passed_s = offset_s - self._told_s, self._arrived_s - self._told_at_s
        self._told_s, self._told_at_s = offset_s, self._arrived_s
        if abs(change_s) <= _MOST_DRIFT * passed_s:
            self._offset_s += change_s

    def _lost(self, jump_ns: int) -> int:
        lost = round(jump_ns * 1e-9 * self._rate)
        waited_s = self._monotonic() - self._arrived_s
        if lost < -_ROUNDING_SAMPLES or lost / self._rate > waited_s + _MOST_JUMP_S:
            raise DeviceError(
                f"the radio's time jumps by {jump_ns * 1e-9:g} s while {waited_s:.1f} s pass; open it anew"
            )
        return max(lost, 0)
