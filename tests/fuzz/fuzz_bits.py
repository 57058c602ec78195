"""Files of soft and hard bits: the first byte chooses which and the downlink, what follows is the file."""

from __future__ import annotations

from itertools import product

import numpy as np
from harness import fuzz, instrumented
from inputs import read_frames
from lrpt import sent_frames

with instrumented():
    from decoders.errors import InputError
    from sdr.errors import RecordingError

from sim.downlink import ChannelCoder, mode_named

DOWNLINKS = {"m2_72k": "meteor_m2_lrpt_72k", "72k": "meteor_lrpt_72k", "80k": "meteor_lrpt_80k"}
WAYS = list(product(("soft", "hard"), (*DOWNLINKS.values(), "meteor_lrpt")))
LONGEST = 18_000  # a frame of soft bits and a little


def one_input(data: bytes) -> None:
    if data:
        level, downlink = WAYS[data[0] % len(WAYS)]
        read_frames(data[1:], level, downlink)


def seeds() -> list[bytes]:
    cadus = np.frombuffer(b"".join(frame.cadu for frame in sent_frames(2)), np.uint8).reshape(-1, 1024)
    found = []
    for number, (level, downlink) in enumerate(WAYS):
        mode = next((mode for mode, name in DOWNLINKS.items() if name == downlink), "72k")
        bits = ChannelCoder(mode_named(mode), np.random.SeedSequence(1)).process(cadus)
        bits[1::2] ^= 1  # G2 is inverted on air
        soft = np.where(bits > 0, 60, -60).astype(np.int8).tobytes()
        text = soft if level == "soft" else np.packbits(bits).tobytes()
        found.append(bytes([number]) + text[: LONGEST - 1])
    return found


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(InputError, RecordingError), longest=LONGEST)
