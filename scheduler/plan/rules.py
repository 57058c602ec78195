"""When two bookings cannot both be: the rules in their plain form, one pair at a time.

The optimiser states the same rules as rows of a matrix; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scheduler.plan.model import Array, Booking, Candidate, View
from scheduler.plan.resources import AntennaResource, Maintenance, ReceiverResource, Resources


def pointing(candidate: Candidate, view: View | None) -> Hashable:
    """Equal for recordings between which a rotator need not be asked: the same pass by the same turn."""
    if view is None or not view.azimuth_deg.size:
        return candidate.id
    start = (round(float(view.azimuth_deg[0]), 3), round(float(view.elevation_deg[0]), 3))
    return (candidate.seen.norad_id, candidate.seen.tca, *start)


def direction(view: View, time: npt.ArrayLike) -> tuple[Array, Array]:
    """Azimuth and elevation in the rotator's degrees at times; outside the pass its first and last."""
    times = np.asarray(time, np.float64)
    grid = view.value.time
    return np.interp(times, grid, view.azimuth_deg), np.interp(times, grid, view.elevation_deg)


@dataclass(frozen=True)
class Rules:
    """The rules for given resources."""

    resources: Resources

    @cached_property
    def receivers(self) -> dict[tuple[str, str], ReceiverResource]:
        """By station and name."""
        return {(r.station, r.name): r for r in self.resources.receivers}

    @cached_property
    def antennas(self) -> dict[tuple[str, str], AntennaResource]:
        """By station and name."""
        return {(a.station, a.name): a for a in self.resources.antennas}

    def clash(self, a: Booking, b: Booking) -> bool:
        """Whether two bookings cannot both be."""
        if a.candidate.id == b.candidate.id:
            return True
        if a.candidate.station != b.candidate.station:
            return False
        first, second = (a, b) if a.start <= b.start else (b, a)
        return self._receiver_clash(first, second) or self._antenna_clash(first, second)

    def closed(self, booking: Booking, maintenance: Maintenance) -> bool:
        """Whether a booking falls into a time of maintenance that concerns it."""
        if maintenance.station != booking.candidate.station:
            return False
        if maintenance.resource not in (None, booking.receiver, booking.antenna):
            return False
        return booking.start < maintenance.end.timestamp() and maintenance.start.timestamp() < booking.end

    def fits(self, booking: Booking, others: Iterable[Booking]) -> bool:
        """Whether a booking can be added to others."""
        if any(self.closed(booking, m) for m in self.resources.maintenance):
            return False
        return not any(self.clash(booking, other) for other in others)

    def _receiver_clash(self, first: Booking, second: Booking) -> bool:
        if first.receiver != second.receiver:
            return False
        receiver = self.receivers.get((first.candidate.station, first.receiver))
        same_tuning = (first.antenna, first.center_hz) == (second.antenna, second.center_hz)
        if receiver is not None and receiver.wide and same_tuning:
            return False
        return second.start < first.end + (receiver.setup_s if receiver else 0)

    def _antenna_clash(self, first: Booking, second: Booking) -> bool:
        antenna = self.antennas.get((first.candidate.station, first.antenna))
        if first.antenna != second.antenna or antenna is None or antenna.rotator is None:
            return False
        if pointing(first.candidate, first.view) == pointing(second.candidate, second.view):
            return False
        if second.start < first.end:
            return True
        return bool(
            second.start - first.end < slew_s(antenna, first.view, first.end, second.view, second.start)
        )


def slew_s(
    antenna: AntennaResource,
    before: View | None,
    end: npt.ArrayLike,
    after: View | None,
    start: npt.ArrayLike,
) -> Array:
    """Seconds from the direction at the end of one recording to that at the start of the next."""
    if antenna.rotator is None:
        return np.zeros(np.broadcast_shapes(np.shape(end), np.shape(start)))
    if any(view is None or not view.azimuth_deg.size for view in (before, after)):
        return np.full(np.broadcast_shapes(np.shape(end), np.shape(start)), antenna.rotator.longest_s)
    assert before is not None  # noqa: S101 - for the type checker
    assert after is not None  # noqa: S101 - for the type checker
    (from_az, from_el), (to_az, to_el) = direction(before, end), direction(after, start)
    return antenna.rotator.time_s(to_az - from_az, to_el - from_el)
