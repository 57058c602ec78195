import numpy as np
from numpy.typing import NDArray

def add_noise(samples: NDArray[np.float32], key: int, first_sample: int, sigma: float) -> None: ...
