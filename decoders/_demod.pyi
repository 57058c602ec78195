import numpy as np
from numpy.typing import NDArray

def matched_samples(
    samples: NDArray[np.complex64],
    taps: NDArray[np.float32],
    first: float,
    step: float,
    count: int,
    frequency: float,
) -> NDArray[np.complex64]: ...
