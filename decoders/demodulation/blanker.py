"""Takes out impulses: ignition, switches, a neighbour's radar. What is blanked is lost, but only that.

Samples are looked at in chunks on a fixed grid, so that the result does not depend on how they come in. Of
noise and of a signal the strongest sample of a chunk has some ten times the mean power; only chunks with more
are looked at closely, and what stands far above their median is set to zero. A level that rises for good is
no impulse and stays. The decimator's kernel does it on the way; here is what it does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdr.formats import Samples, usable

CHUNK = 1024
"""Samples among which an impulse is looked for."""

SUSPICIOUS = 16.0
"""Peak over mean power of a chunk that is looked at closely; noise alone reaches it once in 1e7 samples."""

OVER_MEDIAN = 23.0
"""Power of an impulse; the same seen from the median, which is ln 2 of the mean."""

MOST = 0.25
"""Share of a chunk that impulses can take."""

SKIRT = 2
"""Samples on either side that a receiver's filter smears an impulse over."""


def blanked_plain(samples: Samples, chunk: int) -> tuple[Samples, int, int]:
    """The specification of what the kernel `decimator.decimated` takes out of samples.

    Args:
        samples: complex64[n], whole chunks.
        chunk: Samples that are looked at together.

    Returns:
        The samples with zero in place of impulses and of what is no sample, and how many were either.
    """
    clean, bad = usable(samples)
    hits = np.concatenate([np.zeros(0, np.bool_), *map(impulses, clean.reshape(-1, chunk))])
    return np.where(hits, np.complex64(0), clean), int(np.count_nonzero(hits)), bad


def impulses(chunk: Samples) -> NDArray[np.bool_]:
    """Which samples of a chunk belong to impulses."""
    none = np.zeros(len(chunk), np.bool_)
    power = chunk.real**2 + chunk.imag**2
    there = power[power > 0]  # gaps are filled with zeros
    if power.max() <= SUSPICIOUS * power.mean(dtype=np.float64):
        return none
    high = np.flatnonzero(power > OVER_MEDIAN * np.median(there))
    hit = none.copy()
    for place in high:
        hit[max(place - SKIRT, 0) : place + SKIRT + 1] = True
    return hit if np.count_nonzero(hit) <= MOST * len(there) else none
