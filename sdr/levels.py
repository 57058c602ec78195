"""How strong the samples are: level, clipping, DC, second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr.formats import Samples
from sdr.recording import SampleReader

# The highest positive code of eight bits is 127/128 (cs8) or 1 (cu8); of sixteen bits 32767/32768.
_CLIPPED = 127 / 128

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """Per row: middle of the row since the first sample, and what the samples were like, all [rows].

    Attributes:
        time_s: seconds.
        level_dbfs: mean power, -inf where all is zero.
        clipped: share of samples with I or Q at full scale.
        dc: mean, complex.
    """

    time_s: Floats
    level_dbfs: Floats
    clipped: Floats
    dc: npt.NDArray[np.complex128]


def level_dbfs(samples: Samples) -> float:
    """Mean power below full scale; -inf for zeros and for nothing."""
    power = float(np.mean(samples.real**2 + samples.imag**2, dtype=np.float64)) if len(samples) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else -np.inf


def clipped_share(samples: Samples) -> float:
    """Share of samples with I or Q at full scale, 0 for nothing."""
    if not len(samples):
        return 0.0
    return float(np.mean((np.abs(samples.real) >= _CLIPPED) | (np.abs(samples.imag) >= _CLIPPED)))


def measure_levels(reader: SampleReader, *, row_s: float = 1.0) -> Levels:
    """Read a recording to its end and measure it."""
    rate = reader.info.sample_rate
    times, levels, clipped, dc = [], [], [], []
    for samples in reader.blocks(max(round(row_s * rate), 1)):
        times.append((reader.position - len(samples) / 2) / rate)
        levels.append(level_dbfs(samples))
        clipped.append(clipped_share(samples))
        dc.append(complex(samples.mean(dtype=np.complex128)))
    return Levels(np.array(times), np.array(levels), np.array(clipped), np.array(dc, np.complex128))
