"""Files of frames: the first byte chooses CADUs or VCDUs and the downlink, what follows is the file."""

from __future__ import annotations

import random

from harness import fuzz, instrumented
from inputs import read_frames
from lrpt import sent_frames

with instrumented():
    from decoders.errors import InputError
    from sdr.errors import RecordingError

from sim.coding import add_parity

DOWNLINKS = ("meteor_lrpt_72k", "metop_ahrpt", "noaa21_hrd", "gk2a_lrit")
WAYS = [(level, downlink) for downlink in DOWNLINKS for level in ("cadu", "vcdu")]


def one_input(data: bytes) -> None:
    if data:
        read_frames(data[1:], *WAYS[data[0] % len(WAYS)])


def seeds() -> list[bytes]:
    frames = sent_frames(3)
    cadus, vcdus = (b"".join(frame.cadu[part] for frame in frames) for part in (slice(None), slice(4, 896)))
    odd = b"\x55" + (int.from_bytes(cadus[:2048], "big") << 3).to_bytes(2049, "big")
    others = [bytes([2 * k]) + b"".join(coded_frames(name)) for k, name in enumerate(DOWNLINKS) if k]
    return [b"\0" + cadus, b"\0" + odd, b"\1" + vcdus, b"\1" + vcdus[:1500], *others]


def coded_frames(downlink: str) -> list[bytes]:
    """Frames of random bytes with parity in the dual basis, three of them."""
    interleave, size = (5, 1115) if downlink == "noaa21_hrd" else (4, 892)
    vcdus = [bytes.fromhex("42c90000") + random.Random(k).randbytes(size - 4) for k in range(3)]
    return [b"\x1a\xcf\xfc\x1d" + block for block in add_parity(vcdus, interleave, dual=True)]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(InputError, RecordingError))
