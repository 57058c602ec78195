import numpy as np
import numpy.typing as npt

def decimate(
    before: npt.NDArray[np.complex64],
    samples: npt.NDArray[np.complex64],
    taps: npt.NDArray[np.float32],
    factor: int,
    instruction_set: str = "",
) -> npt.NDArray[np.complex64]: ...
