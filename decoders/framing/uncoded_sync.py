"""Frames that nothing protects (NOAA and METEOR HRPT): two markers at frame distance make one.

Places where a marker may stand are found on soft values. Two of them at frame distance and of one polarity,
with few enough wrong bits together, are *proven* markers: `pair_errors` is the most for which random bits
give less than 1e-12 such pairs per bit. The frame between them is good. Chains of proven markers are carried
on, in both directions and through fades, by fainter ones at whole frame lengths from them: a frame between
two proven markers n lengths apart is located for sure, and good where of the bits of its own two markers no
more than one in eight is wrong; else it is located, not good, and says so. Beyond the last proven marker, and
before the first, markers must be plainer. Where two proven markers are some bits nearer or farther than whole
frames, bits were lost or doubled between them, and the frame is damaged.

False frames: a chain must begin with a proven pair, so fewer than 1e-12 per bit: 1e-3 in 1e9 bits of noise.
Where a signal breaks off within a frame, noise passes for the marker behind it once in 4000 times.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from decoders.coding.viterbi import Bits, SoftBits
from decoders.downlink import Mode
from decoders.framing.marker_search import strength_of

MOST_FALSE_PAIRS = 1e-12  # per bit
# Strength (see `marker_search`) at which a place is looked at, and at which a marker stands at the end of a
# chain: random signs pass once in 4000 times in one polarity; and between two proven markers: once in 160.
SEARCH_STRENGTH, WEAK_STRENGTH = 3.5, 2.5
FLYWHEEL_FRAMES = 24
SLIP_BITS = 64
LOOK_BACK_FRAMES = 8
ERASED_RUN = 8  # so many erasures in a row are no chance: a soft bit is zero less than once in 10
# Of the markers' bits one in so many may be wrong in a good frame: METEOR's at 2 dB has 2.4 of 64, and more
# than 8 once in 2000. Of a third wrong bits, with which a marker still stands weakly, nothing could be used.
FEWEST_PER_ERROR = 8


@dataclass(frozen=True)
class UncodedFrame:
    """A located frame.

    Attributes:
        bit_index: number of its marker's first bit in the stream; negative where the input begins within it.
        bits: 0/1 in the right polarity, shape (frame_bits,); 0 beyond the ends of the input.
        good: between two markers at frame distance, and no bits are missing.
        state: what is to be said about it.
        marker_errors: wrong bits of its own marker, None where that lies outside the input.
        ebn0_db: Es/N0 of the bits of its markers in dB, rough (1 dB); None where they are too few.
        symbol_errors: 0: nothing tells.
    """

    bit_index: int
    bits: Bits
    good: bool
    state: str
    marker_errors: int | None
    ebn0_db: float | None
    symbol_errors: int = 0


@dataclass(frozen=True)
class _Mark:
    """A place that resembles the marker: in which polarity, and with how many wrong bits."""

    sign: int
    errors: int


@cache
def pair_errors(marker_bits: int) -> int:
    """Most wrong bits of two markers together: random bits pass at less than `MOST_FALSE_PAIRS` places."""
    total, passed = 2 * marker_bits, 0
    for errors in range(total):
        passed += math.comb(total, errors)
        if 2 * passed / 2**total > MOST_FALSE_PAIRS:
            return errors - 1
    raise AssertionError(marker_bits)


class UncodedFinder:
    """Find unprotected frames in soft bits as they come, one per bit."""

    def __init__(self, mode: Mode) -> None:
        self._length, self._size = mode.frame_bits, mode.marker_bits
        self._signs = (2 * mode.marker_pattern.astype(np.int8) - 1).astype(np.int8)
        self._most_errors = pair_errors(self._size)
        self._soft = np.zeros(0, dtype=np.int8)
        self._base = 0  # number of the first soft bit kept
        self._end = 0  # of all that came
        self._looked = 0  # places before this have been looked at
        self._marks: dict[int, _Mark] = {}
        self._places: list[int] = []  # of the marks, ascending
        self._anchor: int | None = None  # a proven marker: the next frame's
        self._floor = 0  # end of what was given out
        self._last = False
        self.wants_level = True

    def process(self, soft: SoftBits) -> list[UncodedFrame]:
        """Frames that are settled.

        Args:
            soft: int8, positive = 1, shape (n,).
        """
        self._soft = np.concatenate([self._soft, soft])
        self._end += soft.size
        self._look()
        found = list(self._settle())
        self._forget()
        return found

    def flush(self) -> list[UncodedFrame]:
        """Frames up to the very end."""
        self._last = True
        found = list(self._settle())
        if self._anchor is not None:
            found += self._tail(self._anchor, self._end)
            self._anchor = None
        return found

    def _look(self) -> None:
        window = self._soft[self._looked - self._base :]
        strength = strength_of(window, self._signs)
        for index in np.flatnonzero(np.abs(strength) >= SEARCH_STRENGTH).tolist():
            sign = 1 if strength[index] > 0 else -1
            place = self._looked + index
            self._marks[place] = _Mark(sign, self._errors_at(place, sign))
            self._places.append(place)
        self._looked += strength.size

    def _errors_at(self, place: int, sign: int) -> int:
        start = place - self._base
        turned = self._soft[start : start + self._size].astype(np.int16) * self._signs * sign
        return int(np.count_nonzero(turned <= 0))  # an erasure is no agreement

    def _settle(self) -> Iterator[UncodedFrame]:
        while True:
            if self._anchor is None:
                following = self._next_proven(self._floor)
                if following is None:
                    return
                yield from self._look_back(following)
            elif self._is_pair(self._anchor):
                following = self._anchor + self._length
                yield self._whole(self._anchor)
            else:
                following = self._next_proven(self._anchor + 1)
                if following is None:
                    if self._decided() <= self._anchor + FLYWHEEL_FRAMES * self._length:
                        return
                    yield from self._tail(self._anchor, self._anchor + FLYWHEEL_FRAMES * self._length)
                    self._anchor = None
                    continue
                yield from self._between(self._anchor, following)
            self._anchor = following
            self._floor = max(self._floor, following)

    def _is_pair(self, place: int) -> bool:
        """Whether markers stand here and one frame later."""
        first, second = self._marks.get(place), self._marks.get(place + self._length)
        if first is None or second is None or first.sign != second.sign:
            return False
        return first.errors + second.errors <= self._most_errors

    def _decided(self) -> int:
        """Before this place it is known which markers are proven."""
        return self._end if self._last else self._looked - self._length

    def _next_proven(self, start: int) -> int | None:
        """The first marker from here on that begins a pair."""
        limit = self._decided()
        for place in self._places[bisect_left(self._places, start) :]:
            if place >= limit:
                return None
            if self._is_pair(place):
                return place
        return None

    def _between(self, first: int, second: int) -> Iterator[UncodedFrame]:
        """Frames from one proven marker to another that is not simply one frame later."""
        count = round((second - first) / self._length)
        slip = second - first - count * self._length
        if not 1 <= count <= FLYWHEEL_FRAMES or abs(slip) > SLIP_BITS:
            yield from self._tail(first, second)
            yield from self._look_back(second)
        elif slip == 0:
            for k in range(count):
                yield self._whole(first + k * self._length)
        else:
            yield from self._slipped(first, count, slip)

    def _slipped(self, first: int, count: int, slip: int) -> Iterator[UncodedFrame]:
        """`count` frames among which bits were lost or doubled; markers tell before and behind which."""
        before = 0
        while before < count - 1 and self._stands(first + (before + 1) * self._length):
            before += 1
        behind = count
        while behind > before + 1 and self._stands(first + slip + (behind - 1) * self._length):
            behind -= 1
        what = f"{abs(slip)} bits {'too many' if slip > 0 else 'lost'}"
        where = "within it" if behind - before == 1 else f"within {behind - before} frames"
        for k in range(count):
            place = first + k * self._length + (slip if k >= behind else 0)
            whole = k < before or k >= behind
            yield self._whole(place) if whole else self._made(place, f"damaged: {what} {where}")

    def _tail(self, first: int, end: int) -> Iterator[UncodedFrame]:
        """Frames behind a proven marker that no proven one follows, as long as plain ones do."""
        while first + self._length <= end and self._stands(first + self._length, SEARCH_STRENGTH):
            yield self._whole(first)
            first += self._length
        self._floor = first + self._length
        if self._floor + self._size <= min(end, self._end):
            yield self._made(first, "damaged or faded: no marker behind it")
        elif end < self._end:
            yield self._made(first, f"damaged: another frame begins {end - first} bits on")
        elif self._floor <= end:
            yield self._complete(first, "the input ends with it")
        elif first < end:
            yield self._made(first, f"the input ends {self._floor - end} bits before it does")

    def _look_back(self, first: int) -> Iterator[UncodedFrame]:
        """Frames before a proven marker, as long as weak ones stand there."""
        places: list[int] = []
        place = first - self._length
        while (
            place >= self._floor and len(places) < LOOK_BACK_FRAMES and self._stands(place, SEARCH_STRENGTH)
        ):
            places.insert(0, place)
            place -= self._length
        begin = places[0] if places else first
        if self._floor == 0 and 0 < begin < self._length:
            yield self._made(begin - self._length, f"the input begins {self._length - begin} bits late")
        for start in places:
            yield self._whole(start)

    def _strength(self, place: int) -> float:
        start = place - self._base
        window = self._soft[start : start + self._size] if start >= 0 else self._soft[:0]
        strength = strength_of(window, self._signs)
        return float(strength[0]) if strength.size else 0.0

    def _stands(self, place: int, least: float = WEAK_STRENGTH) -> bool:
        """Whether a marker stands here so plainly, in either polarity."""
        return abs(self._strength(place)) >= least

    def _whole(self, place: int) -> UncodedFrame:
        """A frame at a place that is known; good if its markers stand and agree in polarity."""
        begin, end = self._strength(place), self._strength(place + self._length)
        faint = [
            name for name, strength in (("first", begin), ("following", end)) if abs(strength) < WEAK_STRENGTH
        ]
        if faint:
            return self._made(place, f"faded: {' and '.join(faint)} marker not seen")
        if begin * end < 0:
            return self._made(place, "damaged: polarity turned within it")
        return self._complete(place)

    def _complete(self, place: int, state: str = "") -> UncodedFrame:
        """A frame that is good unless bits of it are missing, or many are wrong."""
        sign = 1 if self._strength(place) > 0 else -1
        markers = [marker for marker in (place, place + self._length) if marker + self._size <= self._end]
        errors = sum(self._errors_at(marker, sign) for marker in markers)
        if FEWEST_PER_ERROR * errors > self._size * len(markers):
            return self._made(place, f"faded: {errors} bits of its markers are wrong")
        if missing := self._missing(place):
            return self._made(place, f"damaged: {missing} bits of it are missing")
        return self._made(place, state, good=True)

    def _missing(self, place: int) -> int:
        """Bits of a frame that are erased, several in a row: samples were lost, or there was no signal."""
        start = place - self._base
        known = self._soft[start : start + self._length] != 0
        if np.count_nonzero(known) > self._length - ERASED_RUN:
            return 0
        edges = np.flatnonzero(np.diff(known, prepend=True, append=True))
        runs = edges[1::2] - edges[::2]
        return int(runs[runs >= ERASED_RUN].sum())

    def _made(self, place: int, state: str, *, good: bool = False) -> UncodedFrame:
        start, stop = place - self._base, place - self._base + self._length
        soft = np.zeros(self._length, dtype=np.int8)
        first, last = max(0, start), min(stop, self._soft.size)
        soft[first - start : last - start] = self._soft[first:last]
        begin, end = self._strength(place), self._strength(place + self._length)
        sign = 1 if (begin if abs(begin) >= abs(end) else end) >= 0 else -1
        inside = start >= 0 and start + self._size <= self._soft.size
        return UncodedFrame(
            bit_index=place,
            bits=(soft > 0).astype(np.uint8) if sign > 0 else (soft < 0).astype(np.uint8),
            good=good,
            state=", ".join(filter(None, ["inverted" * (sign < 0), state])),
            marker_errors=self._errors_at(place, sign) if inside else None,
            ebn0_db=self._level(place, sign) if self.wants_level else None,
        )

    def _level(self, place: int, sign: int) -> float | None:
        """Es/N0 from mean and variance of the markers' bits, m^2 / 2 v; hard decisions have no variance."""
        known = []
        for marker in (place, place + self._length):
            window = self._soft[max(0, marker - self._base) :][: self._size]
            if marker >= self._base and window.size == self._size:
                known.append(window.astype(np.float64) * self._signs * sign)
        if not known:
            return None
        mean, variance = float(np.concatenate(known).mean()), float(np.concatenate(known).var())
        if mean <= 0:
            return None
        return 10 * math.log10(mean**2 / (2 * max(variance, 1e-2 * mean**2)))

    def _forget(self) -> None:
        """Keep what may still be given out, or looked back at."""
        need = self._anchor if self._anchor is not None else self._decided() - LOOK_BACK_FRAMES * self._length
        drop = max(0, min(need, self._looked) - self._base)
        if drop > self._length:  # now and then only: each time the rest is copied
            self._soft = self._soft[drop:].copy()
            self._base += drop
            old = bisect_right(self._places, self._base - 1)
            for place in self._places[:old]:
                del self._marks[place]
            self._places = self._places[old:]
