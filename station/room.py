"""Room on the disk for a recording, and what becomes of it where there is not enough.

A recording in segments first lets its oldest ones go (`station.rolling`). Then, in this order, as a pass does
not come again:

1. a lower rate, of those that the receiver is told to have (`lower_rates`) and the downlink can stand;
2. no samples on the disk: they stay in memory for some seconds, enough for the live decoder, whose frames are
   kept.

`keep_free_gb` is never recorded into. The recorder itself looks, decides and reserves the room before the
first sample; what is reckoned here is said beforehand.
"""

from __future__ import annotations

import math
from pathlib import Path

from sdr.disk import free_bytes
from station.config import ReceiverSection
from station.records import Booking
from station.resources import recording_bytes_per_s

_USABLE = 0.8  # of a sample rate: what lies beyond is bent by the radio's own filter


def shortage(
    booking: Booking,
    receiver: ReceiverSection,
    folder: Path,
    keep_free_gb: float,
    most_s: float = math.inf,
) -> str:
    """What becomes of a recording for which the disk has no room, in one sentence; empty where it has.

    Args:
        booking: that is to be recorded.
        receiver: by which.
        folder: on that disk.
        keep_free_gb: of it, never recorded into.
        most_s: so many seconds of samples are kept at most.

    Raises:
        OSError: the folder cannot be asked.
    """
    seconds = min((booking.end - booking.start).total_seconds(), most_s)
    free, needed = free_bytes(folder) - keep_free_gb * 1e9, seconds * recording_bytes_per_s(receiver)
    if free >= needed:
        return ""
    said = f"short of room: {max(free, 0) / 1e9:.1f} GB are free for {needed / 1e9:.1f} GB; "
    full = receiver.sample_rate or 0.0
    for rate in standable_rates(receiver, booking.downlink):
        if free >= needed * rate / full:
            return f"{said}recorded at {rate:g} instead of {full:g} Hz"
    return f"{said}frames are decoded and kept, samples are not; move old recordings away"


def standable_rates(receiver: ReceiverSection, downlink: str) -> tuple[float, ...]:
    """Of a receiver's lower rates those at which every mode of a downlink can still be decoded, falling."""
    given: tuple[float, ...] = getattr(receiver, "lower_rates", ())
    if receiver.wide or not given:  # a wide one would lose what lies at the edges of its band
        return ()
    least = least_rate(downlink)
    full = receiver.sample_rate or 0.0
    return tuple(sorted((rate for rate in given if least <= rate < full), reverse=True))


def least_rate(downlink: str) -> float:
    """Samples a second, Hz, that hold a downlink wherever its carrier moves, inside a radio's own filter."""
    from decoders.channel import signal_half_width_hz
    from decoders.demodulation.demodulators import least_sample_rate
    from decoders.downlink import load_downlink

    modes = load_downlink(downlink).modes
    held = max(2 * (signal_half_width_hz(mode) + mode.carrier_reach_hz) / _USABLE for mode in modes)
    return max(held, *map(least_sample_rate, modes))
