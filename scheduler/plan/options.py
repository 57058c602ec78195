"""Every way to take a candidate: which receiver by which antenna, tuned to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scheduler.plan.model import Booking, Candidate, View
from scheduler.plan.resources import AntennaResource, ReceiverResource
from scheduler.plan.rules import Rules, pointing

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Machine = tuple[str, str, str]  # "receiver" or "antenna", station, name


@dataclass(frozen=True, eq=False)
class Option:
    """One way to take a candidate, from the first of its starts to the last of its ends (POSIX, rising)."""

    candidate: Candidate
    view: View
    receiver: ReceiverResource
    antenna: AntennaResource
    center_hz: float
    starts: Ints
    ends: Ints

    @property
    def uses(self) -> Iterator[tuple[Machine, Hashable]]:
        """What it occupies, each with the group of those that can be there at once."""
        tuning = (self.antenna.name, self.center_hz) if self.receiver.wide else self.candidate.id
        yield ("receiver", self.receiver.station, self.receiver.name), tuning
        if self.antenna.rotator is not None:
            yield ("antenna", self.antenna.station, self.antenna.name), pointing(self.candidate, self.view)

    def booking(self, start: int, end: int) -> Booking:
        """Booked from `start` to `end`."""
        return Booking(
            self.candidate, self.receiver.name, self.antenna.name, start, end, self.center_hz, self.view
        )


def covers(ranges: Sequence[tuple[float, float]], candidate: Candidate) -> bool:
    """Whether every downlink of a candidate lies within one of the ranges."""
    return all(
        any(low <= need.low_hz and need.high_hz <= high for low, high in ranges)
        for need in candidate.downlinks
    )


def band(candidate: Candidate) -> tuple[float, float]:
    """From the lowest to the highest edge of its downlinks, in Hz."""
    return min(n.low_hz for n in candidate.downlinks), max(n.high_hz for n in candidate.downlinks)


def ways(candidate: Candidate, rules: Rules) -> list[Option]:
    """Every receiver and view that can take it, tuned to its own middle, whole; times are not looked at."""
    found: list[Option] = []
    low, high = band(candidate)
    start, end = candidate.window
    for view in candidate.views:
        antenna = rules.antennas.get((candidate.station, view.antenna))
        if antenna is None or not covers(antenna.frequency_ranges_hz, candidate):
            continue
        for receiver in rules.resources.receivers:
            if receiver.station != candidate.station or view.antenna not in receiver.antennas:
                continue
            if high - low <= receiver.bandwidth_hz and covers(receiver.frequency_ranges_hz, candidate):
                edges = (np.array([start]), np.array([end]))
                found.append(Option(candidate, view, receiver, antenna, (low + high) / 2, *edges))
    return found


def tuned(whole: list[Option], fixed: Sequence[Booking]) -> list[Option]:
    """For wide receivers an option per tuning that holds as many bands as fit together, or is in use."""
    at: dict[tuple[ReceiverResource, str], set[tuple[float, float]]] = defaultdict(set)
    for way in whole:
        at[way.receiver, way.antenna.name].add(band(way.candidate))
    tunings = {key: _tunings(bands, key[0].bandwidth_hz) for key, bands in at.items()}
    for booking in fixed:
        for (receiver, antenna), found in tunings.items():
            if (receiver.station, receiver.name, antenna) == (
                booking.candidate.station, booking.receiver, booking.antenna,
            ):  # fmt: skip
                found.add((booking.center_hz, receiver.bandwidth_hz / 2))
    done: list[Option] = []
    for way in whole:
        if not way.receiver.wide:
            done.append(way)
            continue
        low, high = band(way.candidate)
        for center, half in sorted(tunings[way.receiver, way.antenna.name]):
            if center - half <= low and high <= center + half:
                done.append(replace(way, center_hz=center))
    return done


def _tunings(bands: set[tuple[float, float]], bandwidth_hz: float) -> set[tuple[float, float]]:
    """Middle and half width of each largest set of bands that fits into the bandwidth."""
    sets = {frozenset(b for b in bands if b[0] >= low and b[1] <= low + bandwidth_hz) for low, _ in bands}
    largest = [s for s in sets if not any(s < other for other in sets)]
    edges = [(min(b[0] for b in s), max(b[1] for b in s)) for s in largest]
    return {((low + high) / 2, (high - low) / 2) for low, high in edges}
