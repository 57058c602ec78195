"""Files of frames: the first byte chooses CADUs or VCDUs, what follows is the file."""

from __future__ import annotations

from harness import fuzz, instrumented
from inputs import read_frames
from lrpt import sent_frames

with instrumented():
    from decoders.errors import InputError
    from sdr.errors import RecordingError

LEVELS = ("cadu", "vcdu")


def one_input(data: bytes) -> None:
    if data:
        read_frames(data[1:], LEVELS[data[0] % len(LEVELS)])


def seeds() -> list[bytes]:
    frames = sent_frames(3)
    cadus, vcdus = (b"".join(frame.cadu[part] for frame in frames) for part in (slice(None), slice(4, 896)))
    odd = b"\x55" + (int.from_bytes(cadus[:2048], "big") << 3).to_bytes(2049, "big")
    return [b"\0" + cadus, b"\0" + odd, b"\1" + vcdus, b"\1" + vcdus[:1500]]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(InputError, RecordingError))
