"""What still fits into a plan whose search was cut off, taken greedily: no plan is empty for want of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scheduler.plan.model import Booking
from scheduler.plan.occupation import overdrawn
from scheduler.plan.options import Option
from scheduler.plan.rules import Rules
from scheduler.plan.stretches import near, stretches
from scheduler.plan.worth import Competition, Tally, alone


def completed(
    chosen: Sequence[Booking],
    options: Sequence[Option],
    rules: Rules,
    competition: Competition,
    *,
    fixed: Sequence[Booking],
    bonus: Mapping[tuple[str, str, str], float],
    not_before: int,
) -> list[Booking]:
    """The chosen bookings and every option that fits beside them and adds something.

    What is worth most alone comes first, the bonus of the last plan counted; each as long as it fits.
    """

    def worth(way: Option) -> float:
        kept = bonus.get((way.candidate.id, way.receiver.name, way.antenna.name), 0.0)
        return alone(way.booking(int(way.starts[0]), int(way.ends[-1]))).total + kept

    done = list(chosen)
    booked = {booking.candidate.id for booking in done}
    for way in sorted(options, key=lambda way: (-worth(way), way.candidate.id)):
        if way.candidate.id in booked:
            continue
        everything = [*fixed, *done]
        close = near(everything, int(way.starts[0]), int(way.ends[-1]))
        free = stretches(way, rules, close, not_before)
        parts = [part.booking(int(part.starts[0]), int(part.ends[-1])) for part in free]
        longest = max(parts, key=lambda b: b.end - b.start, default=None)
        if longest is None or Tally(everything, competition).change(added=[alone(longest)]) <= 0:
            continue
        if not overdrawn([*everything, longest], rules.resources.budgets, not_before):
            done.append(longest)
            booked.add(way.candidate.id)
    return done
