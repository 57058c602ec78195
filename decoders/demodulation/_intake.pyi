import numpy as np
import numpy.typing as npt

def decimate(
    before: npt.NDArray[np.complex64],
    values: npt.NDArray[np.generic],
    zero: float,
    scale: float,
    taps: npt.NDArray[np.float32],
    factor: int,
    out: npt.NDArray[np.complex64],
    chunk: int,
    largest: float,
    suspicious: float,
    over_median: float,
    most: float,
    skirt: int,
    instruction_set: str = "",
) -> tuple[int, int, int, npt.NDArray[np.complex64]]: ...
