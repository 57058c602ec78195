import numpy as np
from numpy.typing import NDArray

def modulate(
    out: NDArray[np.float32],
    i_rail: NDArray[np.float32],
    q_rail: NDArray[np.float32],
    bank: NDArray[np.float32],
    symbol: NDArray[np.float64],
    cycles: NDArray[np.float64],
    gain: NDArray[np.float64],
    lag: float,
) -> None: ...
