"""Random losses, and what a receiver told of them held against what the device really lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdr.recording import Gap

Stretch = tuple[int, int]


def random_losses(
    count: int, sample_rate: float, *, apart_s: tuple[float, float], longest_s: float, seed: int
) -> list[Stretch]:
    """(first, length) of losses at random places, of lengths from 1 sample on, evenly by their logarithm."""
    random = np.random.default_rng(seed)
    lengths = np.exp(random.uniform(0, np.log(longest_s * sample_rate), count)).astype(int)
    between = (random.uniform(*apart_s, count) * sample_rate).astype(int)
    first = np.cumsum(between) + np.concatenate([[0], np.cumsum(lengths[:-1])])
    return list(zip(first.tolist(), lengths.tolist(), strict=True))


@dataclass(frozen=True)
class Exact:
    """Losses that were to be told exactly."""

    lost: int
    right: int
    invented: int

    @classmethod
    def of(cls, truth: list[Stretch], gaps: list[Gap]) -> Exact:
        """Place and length equal, and stated without any uncertainty."""
        told = {(gap.sample_index, gap.sample_count) for gap in gaps if gap.uncertainty == 0}
        right = len(told & set(truth))
        return cls(len(truth), right, len(gaps) - right)


@dataclass(frozen=True)
class Estimated:
    """Losses that the clock was to find.

    Attributes:
        right: place and length within the stated uncertainty.
        wrong: found, but beyond it: length, error of the length and of the place, uncertainty stated.
        missed: lengths of those not found, though long enough to be seen.
        invisible: lengths of those too short to be seen, in samples; stated as such.
        invented: told where nothing is missing, or a second time.
        total_error: samples by which all told lengths together differ from all true ones.
        uncertainty: median of those stated, samples.
    """

    right: int
    wrong: list[tuple[int, int, int, int]]
    missed: list[int]
    invisible: list[int]
    invented: int
    total_error: int
    uncertainty: int

    @classmethod
    def of(
        cls, truth: list[Stretch], gaps: list[Gap], visible: list[tuple[int, int]], near: int
    ) -> Estimated:
        """Compare.

        Args:
            truth: in the device's count of samples.
            gaps: in the recording's.
            visible: (sample of the recording, shortest loss seen then), as the receiver told.
            near: samples between a loss and what may be told of it.
        """
        # Both counted in samples that were received, which losses and their lengths do not shift.
        # What was lost before the first one is in no recording.
        places = _received([first for first, _ in truth], [count for _, count in truth])
        told = _received([gap.sample_index for gap in gaps], [gap.sample_count for gap in gaps])
        free, right, wrong, missed, invisible = set(range(len(gaps))), 0, [], [], []
        there = [(place, length) for place, (_, length) in zip(places, truth, strict=True) if place]
        for place, length in there:
            close = [i for i in free if abs(told[i] - place) < near]
            if not close:
                (invisible if length <= _visible_at(place, visible, near) else missed).append(length)
                continue
            best = min(close, key=lambda i: abs(gaps[i].sample_count - length))
            free.discard(best)
            gap = gaps[best]
            errors = gap.sample_count - length, told[best] - place
            if max(map(abs, errors)) <= gap.uncertainty:
                right += 1
            else:
                wrong.append((length, *errors, gap.uncertainty))
        error = sum(gap.sample_count for gap in gaps) - sum(count for _, count in there)
        stated = int(np.median([gap.uncertainty for gap in gaps])) if gaps else 0
        return cls(right, wrong, missed, invisible, len(free), error, stated)


def _received(first: list[int], counts: list[int]) -> list[int]:
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    return [int(at - lost) for at, lost in zip(first, before, strict=True)]


def _visible_at(place: int, visible: list[tuple[int, int]], near: int) -> int:
    """The largest of what the receiver stated around a place."""
    return max((size for at, size in visible if abs(at - place) < 10 * near), default=0)
