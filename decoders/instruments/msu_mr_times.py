"""Line times of MSU-MR: a straight line through the strips' time stamps, without those a clock got wrong.

Strips follow at a fixed rate, so time is a line over the strip number. A satellite's clock may step (it is
set from the ground) or tell nonsense for a while. Stamps that agree over `PIECE_STRIPS` strips make a piece
with its own line; fewer are outliers. A piece further than `CREDIBLE_STEP_S` from the longest one is nonsense
too, and its lines take their time from the neighbouring piece that is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LINE_RATE_HZ: Final = 6.498  # 665400 * (948/1024) / (11850 * 8): frame structure of the direct broadcast
LINES_PER_STRIP: Final = 8
STRIP_SECONDS: Final = LINES_PER_STRIP / LINE_RATE_HZ
PIECE_STRIPS: Final = 5
CREDIBLE_STEP_S: Final = 60.0
STAMP_TOLERANCE_S: Final = 0.020
RATE_TOLERANCE: Final = 1e-4  # the scanner's rate against nominal, relative
SLOPE_STRIPS: Final = 30  # a shorter piece cannot tell the rate better than the nominal value


@dataclass(frozen=True, slots=True)
class ClockPiece:
    """Strips `first` to `last` keep the time `time_s + strip_s * (strip - first)`."""

    first: int
    last: int
    time_s: float
    strip_s: float
    strips: int
    rms_s: float

    def at(self, strip: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """POSIX seconds of strips, fractions allowed."""
        return np.asarray(self.time_s + self.strip_s * (np.asarray(strip, np.float64) - self.first))


@dataclass(frozen=True, slots=True)
class StripTimes:
    """The result: start of every line, and which strips carried a stamp that agrees."""

    line_time_s: NDArray[np.float64]
    stamped: NDArray[np.bool_]
    pieces: tuple[ClockPiece, ...]
    outliers: int


def line_times(
    strips: NDArray[np.int64], stamps_s: NDArray[np.float64], strip_count: int
) -> StripTimes | None:
    """Fits the time of each line.

    Args:
        strips: strip numbers that have a stamp, ascending, each once, 0 to strip_count - 1.
        stamps_s: their stamps in POSIX seconds; NaN where unknown.
        strip_count: number of strips of the picture.

    Returns:
        Times of 8 * strip_count lines; None when no stamp can be used.
    """
    known = np.isfinite(stamps_s)
    strips, stamps_s = strips[known], stamps_s[known]
    if not len(strips):
        return None
    runs = _believed(_runs(strips, stamps_s), strips, stamps_s)
    pieces = tuple(_fit(strips[run], stamps_s[run]) for run in runs)
    every = np.arange(strip_count)
    # A piece holds until the next one begins; before the first and behind the last one it is carried on.
    belongs = np.clip(np.searchsorted([piece.first for piece in pieces], every, side="right") - 1, 0, None)
    fractions = np.arange(LINES_PER_STRIP) / LINES_PER_STRIP
    time_s = np.empty((strip_count, LINES_PER_STRIP))
    stamped = np.zeros(strip_count, np.bool_)
    for number, piece in enumerate(pieces):
        own = every[belongs == number]
        time_s[own] = piece.at(own[:, None] + fractions)
    for strip, stamp in zip(strips, stamps_s, strict=True):
        stamped[strip] = abs(pieces[belongs[strip]].at(float(strip)) - stamp) <= STAMP_TOLERANCE_S
    outliers = len(strips) - int(stamped.sum())
    return StripTimes(time_s.ravel(), stamped, pieces, outliers)


def _runs(strips: NDArray[np.int64], stamps_s: NDArray[np.float64]) -> list[list[int]]:
    """Indices of stamps on one line each; runs interleave where a clock tells nonsense for a while."""
    runs: list[list[int]] = []
    for index in range(len(strips)):
        for run in reversed(runs):
            gap = int(strips[index] - strips[run[-1]])
            expected = stamps_s[run[-1]] + gap * STRIP_SECONDS
            if abs(stamps_s[index] - expected) <= STAMP_TOLERANCE_S + RATE_TOLERANCE * gap * STRIP_SECONDS:
                run.append(index)
                break
        else:
            runs.append([index])
    return runs


def _believed(
    runs: list[list[int]], strips: NDArray[np.int64], stamps_s: NDArray[np.float64]
) -> list[list[int]]:
    """The longest run and those that can be a step of the same clock, in order, not overlapping."""
    longest = max(runs, key=len)
    kept = [longest]
    for run in sorted(runs, key=len, reverse=True):
        if run is longest or len(run) < PIECE_STRIPS:
            continue
        step_s = (
            stamps_s[run[0]] - stamps_s[longest[0]] - (strips[run[0]] - strips[longest[0]]) * STRIP_SECONDS
        )
        apart = all(run[-1] < other[0] or run[0] > other[-1] for other in kept)
        if apart and abs(step_s) <= CREDIBLE_STEP_S:
            kept.append(run)
    return sorted(kept)


def _fit(strips: NDArray[np.int64], stamps_s: NDArray[np.float64]) -> ClockPiece:
    first = int(strips[0])
    x, y = strips - first, stamps_s - stamps_s[0]
    keep = np.ones(len(x), np.bool_)
    slope, offset = STRIP_SECONDS, 0.0
    for _ in range(3):
        if np.ptp(x[keep]) >= SLOPE_STRIPS:
            slope, offset = (float(value) for value in np.polyfit(x[keep], y[keep], 1))
        else:
            slope, offset = STRIP_SECONDS, float(np.median(y[keep] - STRIP_SECONDS * x[keep]))
        residual = y - offset - slope * x
        spread = float(np.median(np.abs(residual[keep]))) * 1.4826
        keep = np.abs(residual) <= max(3 * spread, 1e-3)
    rms_s = float(np.sqrt(np.mean(residual[keep] ** 2)))
    return ClockPiece(first, int(strips[-1]), float(stamps_s[0] + offset), slope, len(x), rms_s)
