"""Kernel of decoders.instruments.msu_mr_codec (see there)."""

import numpy as np
from numpy.typing import NDArray

def decode_packet(scan: bytes, quality: int, counts: NDArray[np.uint8]) -> tuple[int, int]: ...
