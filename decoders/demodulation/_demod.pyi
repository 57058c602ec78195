import numpy as np
from numpy.typing import NDArray

def matched_samples(
    samples: NDArray[np.complex64],
    taps: NDArray[np.float32],
    first: float,
    step: float,
    count: int,
    frequency: float,
    slope: float = 0.0,
    turns: float = 0.0,
    instruction_set: str = "",
) -> NDArray[np.complex64]: ...
def turn_back(
    samples: NDArray[np.complex64],
    turns: NDArray[np.float64],
    steps: NDArray[np.float64],
    length: int,
    instruction_set: str = "",
) -> NDArray[np.complex64]: ...
def fourth_power(symbols: NDArray[np.complex64], instruction_set: str = "") -> NDArray[np.complex64]: ...
def fourth_lines(
    symbols: NDArray[np.complex64], window: int, instruction_set: str = ""
) -> NDArray[np.complex128]: ...
def turn_to_rails(
    outputs: NDArray[np.complex64],
    turns: NDArray[np.float64],
    steps: NDArray[np.float64],
    length: int,
    instruction_set: str = "",
) -> NDArray[np.float32]: ...
def edge_lines(
    outputs: NDArray[np.complex64], taps: NDArray[np.complex64], window: int, instruction_set: str = ""
) -> NDArray[np.complex128]: ...
def moments(rails: NDArray[np.float32], instruction_set: str = "") -> NDArray[np.float64]: ...
def soft_bits(
    rails: NDArray[np.float32], gain: NDArray[np.float32], scale: float, instruction_set: str = ""
) -> NDArray[np.int8]: ...
