"""Which strip of the picture a packet belongs to: the packet counter and the clock watch each other.

All packets of a strip carry the same time stamp, and one counter of 14 bits runs through the packets of all
channels. With n channels on air a strip takes 14 n + 1 counts (the period: 43 for three channels); the count
less the packet's place in its strip, here its *phase*, then grows by one period from strip to strip, for each
channel by itself. Nothing else protects the packets, so a strip number is believed when counter and clock
agree on it, or when several packets agree that one of the two has stepped. The period is odd, so a phase
tells the number of strips passed without ambiguity for 16384 strips (5.6 hours), though the counter wraps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from decoders.instruments.msu_mr_times import STRIP_SECONDS

COUNT_MODULUS: Final = 1 << 14
TIME_TOLERANCE: Final = 0.05  # of a strip
RATE_TOLERANCE: Final = 1e-4
AGREEING_PACKETS: Final = 3  # enough to believe a step of clock or counter
WRAP_STRIPS: Final = COUNT_MODULUS // (6 * 14 + 1)  # the shortest wrap, with six channels
MAX_STRIPS: Final = 1000  # 20 minutes either way; no pass lasts longer


@dataclass(frozen=True, slots=True)
class StripKey:
    """What a packet says about its strip.

    Attributes:
        apid: the packet's source.
        phase: count less the number of packets before it within its channel's strip, modulo 16384.
        stamp_s: POSIX seconds; None when the packet's time is nonsense.
    """

    apid: int
    phase: int
    stamp_s: float | None


@dataclass(frozen=True, slots=True)
class StripNumbers:
    """A number for each packet (None: rejected), counted from some strip, and the periods seen."""

    numbers: tuple[int | None, ...]
    periods: tuple[int, ...]


@dataclass(slots=True)
class _Group:
    """Successive packets with one time stamp: a strip or a part of one.

    `phases` holds by APID the phase that most of its packets have, `votes` how many have it.
    """

    stamp_s: float | None
    members: list[int]
    phases: dict[int, int]
    votes: dict[int, int]

    @property
    def weight(self) -> int:
        """Packets that agree among themselves."""
        return sum(self.votes.values())


def number_strips(keys: Sequence[StripKey]) -> StripNumbers:
    """Numbers the strips of packets in the order of their arrival.

    Args:
        keys: one for each packet that is plausible by itself.

    Returns:
        Equal numbers for packets of one strip, whatever their channel; lost strips leave numbers out.
    """
    groups = _groups(keys)
    if not groups:
        return StripNumbers((), ())
    periods = _periods(groups, keys)
    seed = _seed(groups, periods)
    numbers: list[int | None] = [None] * len(keys)
    # From the seed to the end and back to the beginning: the seed is sound, the first packet need not be.
    for order in (groups[seed:], groups[seed::-1]):
        tracker = _Tracker(periods, groups[seed])
        for group in order:
            number = tracker.number(group)
            if number is None:
                continue
            accepted = tracker.accept(group, number)
            for member in group.members:
                if keys[member].phase == accepted.get(keys[member].apid):
                    numbers[member] = number
    return StripNumbers(tuple(numbers), periods)


def _groups(keys: Sequence[StripKey]) -> list[_Group]:
    runs: list[list[int]] = []
    for index, key in enumerate(keys):
        if not runs or not _same_strip(keys[runs[-1][-1]], key):
            runs.append([])
        runs[-1].append(index)
    groups = []
    for run in runs:
        seen: dict[int, Counter[int]] = {}
        for index in run:
            seen.setdefault(keys[index].apid, Counter())[keys[index].phase] += 1
        best = {apid: phases.most_common(1)[0] for apid, phases in seen.items()}
        phases = {apid: phase for apid, (phase, _) in best.items()}
        votes = {apid: number for apid, (_, number) in best.items()}
        groups.append(_Group(keys[run[0]].stamp_s, run, phases, votes))
    return groups


def _same_strip(before: StripKey, after: StripKey) -> bool:
    if before.stamp_s is None or after.stamp_s is None:  # only the counter tells
        return (before.apid, before.phase) == (after.apid, after.phase)
    return before.stamp_s == after.stamp_s


def _periods(groups: Sequence[_Group], keys: Sequence[StripKey]) -> tuple[int, ...]:
    """The counts per strip that neighbouring groups show; else what the number of channels lets expect."""
    votes: Counter[int] = Counter()
    for before, after in pairwise(groups):
        strips = _strips_between(before.stamp_s, after.stamp_s)
        if strips is None or not 1 <= strips <= WRAP_STRIPS:
            continue
        for apid in before.phases.keys() & after.phases.keys():
            period, rest = divmod((after.phases[apid] - before.phases[apid]) % COUNT_MODULUS, strips)
            if rest == 0 and period % 2:
                votes[period] += 1
    least = max(2, sum(votes.values()) // 20)
    seen = tuple(sorted(period for period, number in votes.items() if number >= least))
    channels = len({key.apid for key in keys if key.apid != 70})
    return seen or (14 * max(channels, 1) + 1,)


def _strips_between(before_s: float | None, after_s: float | None) -> int | None:
    """Whole strips between two stamps; None when they do not lie on the strips' grid."""
    if before_s is None or after_s is None:
        return None
    strips = (after_s - before_s) / STRIP_SECONDS
    if abs(strips) > COUNT_MODULUS:
        return None
    whole = round(strips)
    return whole if abs(strips - whole) <= TIME_TOLERANCE + RATE_TOLERANCE * abs(whole) else None


def _seed(groups: Sequence[_Group], periods: tuple[int, ...]) -> int:
    """The group to begin with: the largest of those that agree with a neighbour, else the largest of all."""

    def agrees(index: int) -> bool:
        near = [*groups[max(index - 3, 0) : index], *groups[index + 1 : index + 4]]
        return any(_Tracker(periods, groups[index]).both_agree(other) for other in near)

    order = sorted(range(len(groups)), key=lambda index: -groups[index].weight)
    return next((index for index in order if agrees(index)), order[0])


class _Tracker:
    """Follows the strips from a group that has number 0."""

    def __init__(self, periods: tuple[int, ...], seed: _Group) -> None:
        self._periods = periods
        self._anchors: dict[int, tuple[int, int]] = {}  # by APID: strip number and phase
        self._support: Counter[int] = Counter()  # packets taken, by APID
        self._clocks: list[tuple[int, float]] = []  # strip number and stamp, the most trusted first
        self._last = 0
        self.accept(seed, 0)

    def both_agree(self, group: _Group) -> bool:
        """Counter and clock give the same number."""
        return bool(set(self._by_counter(group)) & set(self._by_clock(group)))

    def number(self, group: _Group) -> int | None:
        """The strip number of the next group; None when neither counter nor clock can be believed."""
        by_counter, by_clock = self._by_counter(group), self._by_clock(group)
        steady = [(votes, number) for number, votes in by_counter.items() if self._is_near(number, votes)]
        agreed = [number for number in by_clock if number in by_counter]
        if agreed:
            number = agreed[0]
        elif steady:  # the clock has stepped, or this stamp is wrong
            number = max(steady)[1]
        elif by_clock and (group.weight >= AGREEING_PACKETS or not by_counter):  # the counter has stepped
            number = by_clock[0]
        else:
            return None
        return number if abs(number) <= MAX_STRIPS else None

    def accept(self, group: _Group, number: int) -> dict[int, int]:
        """Takes a group as strip `number`.

        Returns:
            The phases by APID, without sources whose few packets contradict what is known of the counter.
        """
        accepted: dict[int, int] = {}
        for apid in sorted(group.phases, key=lambda apid: -group.votes[apid]):
            phase = group.phases[apid]
            if not self._fits(group, apid, number):
                continue
            if apid in self._anchors and not self._expects(apid, phase, number):
                self._anchors.clear()  # the counter has stepped, for all sources
                self._support.clear()
                self._anchors |= {taken: (number, accepted[taken]) for taken in accepted}
            accepted[apid] = phase
            self._anchors[apid] = (number, phase)
            self._support[apid] += group.votes[apid]
        if group.stamp_s is not None:
            # A stamp off the trusted clock's grid may be the first after a step of the clock: keep both.
            kept = [] if number in self._by_clock(group) else self._clocks[:1]
            self._clocks = [*kept, (number, group.stamp_s)]
        self._last = number
        return accepted

    def _fits(self, group: _Group, apid: int, number: int) -> bool:
        """Whether a source's phase is what the counter lets expect, or enough packets say otherwise."""
        if group.votes[apid] >= AGREEING_PACKETS:
            return True
        phase = group.phases[apid]
        rivals = [other for other in self._anchors if self._support[other] > self._support[apid]]
        if any(other != apid and self._expects(other, phase, number) for other in rivals):
            return False  # that place in the counter is another source's
        return apid not in self._anchors or self._expects(apid, phase, number)

    def _expects(self, apid: int, phase: int, number: int) -> bool:
        anchor, anchor_phase = self._anchors[apid]
        return any(
            (anchor_phase + period * (number - anchor) - phase) % COUNT_MODULUS == 0
            for period in self._periods
        )

    def _is_near(self, number: int, votes: int) -> bool:
        return abs(number - self._last) <= (WRAP_STRIPS if votes >= AGREEING_PACKETS else 1)

    def _by_counter(self, group: _Group) -> Counter[int]:
        """Numbers that the counter allows, with the packets that say so."""
        numbers: Counter[int] = Counter()
        for apid in group.phases.keys() & self._anchors.keys():
            anchor, phase = self._anchors[apid]
            allowed = {anchor + _passed(group.phases[apid] - phase, period) for period in self._periods}
            for number in allowed:
                numbers[number] += group.votes[apid]
        return numbers

    def _by_clock(self, group: _Group) -> list[int]:
        found = []
        for number, stamp_s in self._clocks:
            strips = _strips_between(stamp_s, group.stamp_s)
            if strips is not None:
                found.append(number + strips)
        return found


def _passed(phases: int, period: int) -> int:
    """Strips passed while the phase grew by `phases` modulo 16384: the one number from -8192 to 8191."""
    strips = phases * pow(period, -1, COUNT_MODULUS) % COUNT_MODULUS
    return strips if strips < COUNT_MODULUS // 2 else strips - COUNT_MODULUS
