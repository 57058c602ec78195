"""What AVHRR/3 sees: counts of a made-up Earth, and its views of space, target and thermometers.

A texture without any place on Earth: enough to tell line from line and channel from channel. Counts have ten
bits; warm is low in the infrared (KLM 7.1.2). The target stands at 288 K, which NOAA-19's thermometers read
as some 220.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.noise import split_mix

Counts = NDArray[np.uint16]

COLUMNS, CHANNELS = 2048, 5
PRT_CYCLE = 5  # thermometers 1 … 4, then zero
PRT_COUNTS = (223, 221, 218, 219)
SPACE_COUNTS = (39, 40, 990, 993, 994)
TARGET_COUNTS = (500, 440, 452)  # of the channels 3, 4 and 5
MEAN_COUNTS = (260, 280, 620, 560, 540)
SWING_COUNTS = (180, 190, 200, 240, 230)
VIEWS = 10  # of space and target in each line


@dataclass(frozen=True)
class AvhrrLine:
    """One line.

    Attributes:
        earth: uint16 [2048, 5].
        space: uint16 [10, 5].
        target: uint16 [10, 3], the channels 3, 4 and 5.
        prt: uint16 [3], readings of one thermometer, or zeros.
    """

    earth: Counts
    space: Counts
    target: Counts
    prt: Counts


def avhrr_line(number: int, seed: int) -> AvhrrLine:
    """Line `number` of the instrument; the same number gives the same line."""
    grain = (split_mix(seed, number * 4096, 4096) >> np.uint64(40)).astype(np.uint16)
    place = number % PRT_CYCLE
    prt = PRT_COUNTS[place] + grain[4000:4003] % 2 if place < len(PRT_COUNTS) else np.zeros(3, np.uint16)
    return AvhrrLine(
        earth=_earth(number, grain[:COLUMNS]),
        space=(np.array(SPACE_COUNTS) + grain[2048:2098].reshape(VIEWS, CHANNELS) % 3).astype(np.uint16),
        target=(np.array(TARGET_COUNTS) + grain[2100:2130].reshape(VIEWS, 3) % 3).astype(np.uint16),
        prt=prt.astype(np.uint16),
    )


def _earth(number: int, grain: Counts) -> Counts:
    """Waves of cloud that drift from line to line, each channel with its own mean and swing, and grain."""
    across, wide = _waves()
    cloud = 0.6 * np.sin(across + 0.011 * number) * np.cos(wide - 0.004 * number)
    cloud += 0.4 * np.sin(0.37 * across - 0.031 * number)
    counts = np.array(MEAN_COUNTS) + cloud[:, None] * np.array(SWING_COUNTS)
    return np.asarray(counts + (grain % 16)[:, None], np.uint16)


@cache
def _waves() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    column = np.arange(COLUMNS, dtype=np.float64)
    return column * (2 * np.pi / 160), column * (2 * np.pi / 900)
