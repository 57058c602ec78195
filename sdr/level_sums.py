"""Sums over raw samples, from which level, clipping and DC of a second follow.

    k    code of I or Q, in units that make it whole and centred: cs16 and cs8 as they are, cu8 2 code - 255
    S_I  sum of k over I;  S_Q  over Q;  P  sum of k squared over both;  C  samples with I or Q at full scale

Integer formats give exact sums. cf32 is summed in float64; what is not finite counts as zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr import _levels
from sdr.formats import bytes_per_sample, sample_format

# The highest positive code of eight bits is 127/128 (cs8) or 1 (cu8); of sixteen bits 32767/32768, and of a
# converter of 12 bits in sixteen 32752/32768.
CLIPPED = 127 / 128


@dataclass(frozen=True)
class Unit:
    """What one unit of k is in samples of full scale ±1, and from which |k| on a sample is clipped."""

    size: float
    clipped: float


UNITS = {
    "cs16": Unit(1 / 32768, 32512),
    "cs8": Unit(1 / 128, 127),
    "cu8": Unit(1 / 255, 255),
    "cf32": Unit(1.0, CLIPPED),
}


@dataclass(frozen=True)
class LevelSums:
    """Sums of `count` samples; see the head of the module."""

    count: int = 0
    i: float = 0
    q: float = 0
    power: float = 0
    clipped: int = 0

    def __add__(self, other: LevelSums) -> LevelSums:
        return LevelSums(
            self.count + other.count,
            self.i + other.i,
            self.q + other.q,
            self.power + other.power,
            self.clipped + other.clipped,
        )


def level_sums(raw: bytes | bytearray | memoryview, fmt: str) -> LevelSums:
    """Sums of whole raw samples.

    Args:
        raw: a whole number of samples.
        fmt: one of `sdr.formats.FORMATS`.
    """
    return LevelSums(memoryview(raw).nbytes // bytes_per_sample(fmt), *_levels.level_sums(raw, fmt))


def plain_level_sums(raw: bytes | bytearray | memoryview, fmt: str) -> LevelSums:
    """The specification of `level_sums`."""
    form, limit = sample_format(fmt), UNITS[fmt].clipped
    codes = np.frombuffer(raw, form.dtype).reshape(-1, 2)
    k: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    if form.dtype.kind == "f":
        k = np.where(np.isfinite(codes), codes, 0).astype(np.float64)
    elif fmt == "cu8":
        k = 2 * codes.astype(np.int64) - 255
    else:
        k = codes.astype(np.int64)
    clipped = int(np.count_nonzero((np.abs(k) >= limit).any(axis=1)))
    total_i, total_q = k.sum(axis=0)
    return LevelSums(
        len(raw) // bytes_per_sample(fmt), total_i.item(), total_q.item(), np.sum(k * k).item(), clipped
    )
