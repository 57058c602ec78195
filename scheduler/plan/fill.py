"""Geostationary satellites in the time that is left between passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from scheduler.plan.model import Booking, Candidate, Filler, Rejection, z
from scheduler.plan.options import Option, ways
from scheduler.plan.reasons import reason
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import near, stretches


def fill(
    fillers: Sequence[Filler], bookings: Sequence[Booking], rules: Rules, not_before: int
) -> tuple[list[Booking], list[Rejection]]:
    """Book every filler in what is free of receivers, never the same twice at once.

    A piece of it that is under way is among the bookings.
    """
    done: list[Booking] = []
    left: list[Rejection] = []
    for filler in fillers:
        if filler.candidate.refused is not None:
            left.append(Rejection(filler.candidate, filler.candidate.refused))
            continue
        mine = [b for b in bookings if _same(b.candidate, filler.candidate)]
        under_way = len(mine)
        for way in ways(filler.candidate, rules):
            for start, end in _free(way, [*bookings, *done], rules, not_before):
                mine += [_part(way, *piece) for piece in _apart(start, end, mine, way)]
        if not mine:
            none = reason("no_free_time", least=filler.candidate.least_s)
            left.append(Rejection(filler.candidate, none))
        done += mine[under_way:]
    return done, left


def _same(a: Candidate, b: Candidate) -> bool:
    """Whether they are the same satellite and downlinks by the same station."""
    return (a.station, a.seen.norad_id) == (b.station, b.seen.norad_id) and (
        {need.name for need in a.downlinks} == {need.name for need in b.downlinks}
    )


def _free(way: Option, taken: Sequence[Booking], rules: Rules, not_before: int) -> Iterator[tuple[int, int]]:
    """Free times of an option, one gap between bookings after the other."""
    low, high = max(int(way.starts[0]), not_before), int(way.ends[-1])
    users = sorted(
        (b for b in taken if b.candidate.station == way.receiver.station and _meets(b, way)),
        key=lambda b: b.start,
    )
    for booking in [*users, None]:
        until = high if booking is None else min(booking.start, high)
        if until - low >= way.candidate.least_s:
            gap = replace(way, starts=np.array([low]), ends=np.array([until]))
            for part in stretches(gap, rules, near(users, low, until), not_before):
                yield int(part.starts[0]), int(part.ends[-1])
        if booking is not None:
            low = max(low, booking.end)


def _meets(booking: Booking, way: Option) -> bool:
    """Whether they want the same machine; a wide receiver of the same tuning is shared."""
    shared = way.receiver.wide and (booking.antenna, booking.center_hz) == (way.antenna.name, way.center_hz)
    same_rotator = booking.antenna == way.antenna.name and way.antenna.rotator is not None
    return (booking.receiver == way.receiver.name and not shared) or same_rotator


def _apart(start: int, end: int, mine: Sequence[Booking], way: Option) -> Iterator[tuple[int, int]]:
    """What of a time is not covered yet, in pieces that are long enough."""
    low = start
    for booking in [*sorted(mine, key=lambda b: b.start), None]:
        until = end if booking is None else min(max(booking.start, low), end)
        if until - low >= way.candidate.least_s:
            yield low, until
        if booking is not None:
            low = max(low, booking.end)


def _part(way: Option, start: int, end: int) -> Booking:
    candidate = replace(way.candidate, id=f"{way.candidate.id}/{z(start)}")
    return replace(way.booking(start, end), candidate=candidate, filler=True)
