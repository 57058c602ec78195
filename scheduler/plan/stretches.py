"""What fixed bookings, maintenance and the present leave of the time of an option."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from scheduler.plan.model import Array, Booking
from scheduler.plan.options import Flags, Ints, Option, ways
from scheduler.plan.rules import Rules, pointing, slew_s

_REACH_S = 1200  # no set-up and no turn of a rotator takes longer


def stretches(way: Option, rules: Rules, fixed: Collection[Booking], not_before: int) -> list[Option]:
    """One option per free stretch, with all seconds at which a recording may begin and end there."""
    low, high = max(int(way.starts[0]), not_before), int(way.ends[-1])
    if high - low < way.candidate.least_s:
        return []
    second = np.arange(low, high + 1)
    can_start, can_end = np.ones(second.size, bool), np.ones(second.size, bool)
    busy = np.zeros(second.size - 1, bool)  # from a second to the next
    for m in rules.resources.maintenance:
        if rules.closed(way.booking(low, high), m):
            busy |= (second[:-1] < m.end.timestamp()) & (second[1:] > m.start.timestamp())
    for booking in near(fixed, low, high):
        for need_after, need_before in _needs(way, booking, second):
            busy |= (second[:-1] < booking.end) & (second[1:] > booking.start)
            can_start &= (second < booking.start) | (second - booking.end >= need_after)
            can_end &= (second > booking.end) | (booking.start - second >= need_before)
    return [
        replace(way, starts=starts, ends=ends)
        for starts, ends in _runs(second, can_start, can_end, busy)
        if ends[-1] - starts[0] >= way.candidate.least_s
    ]


def _needs(way: Option, booking: Booking, second: Ints) -> Iterator[tuple[Array, Array]]:
    """Seconds needed behind and before a fixed booking, by one that starts or ends at each second."""
    if booking.candidate.station != way.candidate.station:
        return
    same_tuning = (booking.antenna, booking.center_hz) == (way.antenna.name, way.center_hz)
    if booking.receiver == way.receiver.name and not (way.receiver.wide and same_tuning):
        setup = np.full(second.size, float(way.receiver.setup_s))
        yield setup, setup
    same_direction = pointing(booking.candidate, booking.view) == pointing(way.candidate, way.view)
    if booking.antenna == way.antenna.name and way.antenna.rotator is not None and not same_direction:
        there, here = booking.view, way.view
        after = slew_s(way.antenna, there, booking.end, here, second)
        yield after, slew_s(way.antenna, here, second, there, booking.start)


def _runs(second: Ints, can_start: Flags, can_end: Flags, busy: Flags) -> Iterator[tuple[Ints, Ints]]:
    """Allowed starts and ends of each run of seconds that are not busy."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], busy, [True]]).astype(np.int8)))
    for low, high in edges.reshape(-1, 2):
        starts = second[low:high][can_start[low:high]]
        ends = second[low + 1 : high + 1][can_end[low + 1 : high + 1]]
        if starts.size and ends.size and starts[0] < ends[-1]:
            yield starts, ends


def near(bookings: Collection[Booking], low: int, high: int) -> list[Booking]:
    """Those that can touch what happens between two times."""
    return [b for b in bookings if b.start < high + _REACH_S and b.end > low - _REACH_S]


def lengthened(
    bookings: Sequence[Booking], rules: Rules, not_before: int, keep: Collection[str] = ()
) -> list[Booking]:
    """Every booking that is not fixed made as long as its neighbours allow, in order.

    Trim points are seconds apart that nobody uses; a longer recording is never worth less. Those of the
    stations in `keep` stay as they are: there a recording has a price.
    """
    done = list(bookings)
    starts, ends = np.array([b.start for b in done]), np.array([b.end for b in done])
    for i, booking in enumerate(done):
        if booking.fixed or booking.candidate.station in keep:
            continue
        low, high = booking.candidate.window
        close = np.flatnonzero((starts < high + _REACH_S) & (ends > low - _REACH_S))
        others = [done[k] for k in close.tolist() if k != i]
        for way in ways(booking.candidate, rules):
            if way.view is booking.view and way.receiver.name == booking.receiver:
                tuned = replace(way, center_hz=booking.center_hz)
                done[i] = _longest(booking, stretches(tuned, rules, others, not_before))
                starts[i], ends[i] = done[i].start, done[i].end
    return done


def _longest(booking: Booking, free: Sequence[Option]) -> Booking:
    for part in free:
        starts, ends = part.starts[part.starts <= booking.start], part.ends[part.ends >= booking.end]
        if starts.size and ends.size:
            return replace(booking, start=int(starts[0]), end=int(ends[-1]))
    return booking
