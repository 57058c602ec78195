"""Samples through a demodulator to its end, in any portions."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.demodulators import AnyDemodulator
from decoders.demodulation.soft_block import SoftBlock


def all_soft_bits(
    demodulator: AnyDemodulator, samples: NDArray[np.complex64], portions: tuple[int, ...] = ()
) -> SoftBlock:
    """All soft bits of `samples`, handed in whole or in the given portions, over and over."""
    blocks, at = [], 0
    sizes = cycle(portions or (len(samples),))
    while at < len(samples):
        size = next(sizes)
        blocks.append(demodulator.process(samples[at : at + size]))
        at += size
    return SoftBlock.joined([*blocks, demodulator.flush()])
