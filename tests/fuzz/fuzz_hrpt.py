"""Frames without protection: the first byte chooses the downlink and soft bits, hard bits or frames."""

from __future__ import annotations

from itertools import product

import numpy as np
from harness import fuzz, instrumented
from inputs import read_frames

with instrumented(comparisons=False):
    from decoders.errors import InputError
    from sdr.errors import RecordingError

MARKERS = {"meteor_hrpt": "1acffc1d", "noaa_hrpt": "a116fd719d83c95"}
FRAME_BITS = {"meteor_hrpt": 8192, "noaa_hrpt": 110_900}
WAYS = list(product(MARKERS, ("soft", "hard", "cadu")))
FRAMES = 3
LONGEST = 1 + 9 * 8192


def one_input(data: bytes) -> None:
    if data:
        downlink, level = WAYS[data[0] % len(WAYS)]
        read_frames(data[1:], level, downlink)


def seeds() -> list[bytes]:
    return [bytes([number]) + file_of(*way)[: LONGEST - 1] for number, way in enumerate(WAYS)]


def file_of(downlink: str, level: str) -> bytes:
    """Frames of random bits between markers, as a file of that level."""
    bits = np.random.default_rng(1).integers(0, 2, (FRAMES, FRAME_BITS[downlink])).astype(np.uint8)
    marker = [int(bit) for digit in MARKERS[downlink] for bit in f"{int(digit, 16):04b}"]
    bits[:, : len(marker)] = marker
    if level == "soft":
        return np.where(bits > 0, 50, -50).astype(np.int8).tobytes()
    if level == "hard" or downlink == "meteor_hrpt":
        return np.packbits(bits).tobytes()
    weights = 1 << np.arange(9, -1, -1)
    return (bits.reshape(-1, 10) @ weights).astype(">u2").tobytes()


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(InputError, RecordingError), longest=LONGEST)
