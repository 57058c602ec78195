"""What recordings are worth together: integrals of their densities, and shares for which they compete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scheduler.plan.model import Array, Booking, Candidate
from scheduler.value import PassValue, Share

REPEAT = 0.25


@dataclass(frozen=True)
class Competition:
    """How shares add up: a key is worth `repeat * S + (1 - repeat) * min(S, largest[key])`.

    S is the sum of the chosen parts, `largest` the largest single share among all candidates that are not
    refused beforehand.
    """

    largest: Mapping[str, float]
    repeat: float = REPEAT

    @classmethod
    def among(cls, candidates: Iterable[Candidate], repeat: float = REPEAT) -> Competition:
        """Of all candidates of a plan."""
        largest: dict[str, float] = {}
        for candidate in candidates:
            for view in candidate.views if candidate.refused is None else ():
                for share in view.value.shares:
                    largest[share.key] = max(share.value, largest.get(share.key, 0.0))
        return cls(largest, repeat)

    def of(self, key: str, total: float) -> float:
        """Worth of a key of which so much was chosen."""
        return self.repeat * total + (1 - self.repeat) * min(total, self.largest.get(key, total))


def integral_until(value: PassValue, time: npt.ArrayLike) -> Array:
    """Integral of the density from its beginning to each time [n]; linear between the points of the grid."""
    steps = np.diff(value.time) * (value.density[1:] + value.density[:-1]) / 2
    return np.asarray(np.interp(np.asarray(time), value.time, np.concatenate([[0.0], np.cumsum(steps)])))


def share_before(share: Share, time: npt.ArrayLike) -> Array:
    """What lies before each time [n]: lost by a recording that begins then."""
    return np.asarray(share.value * _summed(share)[np.searchsorted(share.time, time, side="left")])


def share_until(share: Share, time: npt.ArrayLike) -> Array:
    """What lies at or before each time [n]: held by a recording that ends then."""
    return np.asarray(share.value * _summed(share)[np.searchsorted(share.time, time, side="right")])


@dataclass(frozen=True)
class Alone:
    """What one recording holds when nothing competes: its own integral, and its part of each share."""

    own: float
    shares: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of it."""
        return self.own + sum(self.shares.values())


class Tally:
    """Sums over chosen bookings, from which any change of a few is told quickly."""

    def __init__(self, bookings: Sequence[Booking], competition: Competition) -> None:
        self.competition = competition
        self.alone = [alone(booking) for booking in bookings]
        self.sums: dict[str, float] = {}
        for one in self.alone:
            for key, part in one.shares.items():
                self.sums[key] = self.sums.get(key, 0.0) + part

    def change(self, without: Sequence[Alone] = (), added: Sequence[Alone] = ()) -> float:
        """By how much the worth grows when some are taken out and others put in."""
        grown = sum(one.own for one in added) - sum(one.own for one in without)
        keys: dict[str, float] = {}
        for sign, several in ((-1, without), (1, added)):
            for one in several:
                for key, part in one.shares.items():
                    keys[key] = keys.get(key, 0.0) + sign * part
        for key, difference in keys.items():
            before = self.sums.get(key, 0.0)
            grown += self.competition.of(key, max(before + difference, 0.0)) - self.competition.of(
                key, before
            )
        return grown


def valued(bookings: Sequence[Booking], competition: Competition) -> tuple[tuple[Booking, ...], float]:
    """The bookings with what each adds, and the sum; a share is spread evenly over what was chosen."""
    tally = Tally(bookings, competition)
    scale = {key: competition.of(key, s) / s for key, s in tally.sums.items() if s > 0}
    done: list[Booking] = []
    for booking, one in zip(bookings, tally.alone, strict=True):
        parts = {"picture": one.own} if one.own else {}
        for key, part in one.shares.items():
            name = key.split("@")[0]
            parts[name] = parts.get(name, 0.0) + part * scale.get(key, 0.0)
        done.append(replace(booking, value=float(sum(parts.values())), value_parts=parts))
    return tuple(done), float(sum(booking.value for booking in done))


def alone(booking: Booking) -> Alone:
    """What a recording holds when nothing competes; nothing is known of one without a view."""
    if booking.view is None:
        return Alone(0.0, {})
    value, edges = booking.view.value, np.array([booking.start, booking.end], np.float64)
    low, high = integral_until(value, edges)
    shares: dict[str, float] = {}
    for share in value.shares:
        part = float(share_until(share, edges)[1] - share_before(share, edges)[0])
        shares[share.key] = shares.get(share.key, 0.0) + max(part, 0.0)
    return Alone(float(max(high - low, 0.0)), shares)


def _summed(share: Share) -> Array:
    return np.concatenate([[0.0], np.cumsum(share.weight)])
