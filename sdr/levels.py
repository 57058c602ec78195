"""How strong samples are: level and clipping of a block; `sdr.survey_levels` has them second by second."""

from __future__ import annotations

import numpy as np

from sdr.formats import Samples
from sdr.level_sums import CLIPPED


def level_dbfs(samples: Samples) -> float:
    """Mean power below full scale; -inf for zeros and for nothing."""
    power = float(np.mean(samples.real**2 + samples.imag**2, dtype=np.float64)) if len(samples) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else -np.inf


def clipped_share(samples: Samples) -> float:
    """Share of samples with I or Q at full scale, 0 for nothing."""
    if not len(samples):
        return 0.0
    return float(np.mean((np.abs(samples.real) >= CLIPPED) | (np.abs(samples.imag) >= CLIPPED)))
