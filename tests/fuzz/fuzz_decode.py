"""The whole way from a file of frames to report and NetCDF; the first byte chooses downlink and start."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import product

from harness import file_named, fuzz, instrumented
from lrpt import START, sent_frames

with instrumented(comparisons=False):
    from decoders.decode import DecodeRequest, decode
    from decoders.errors import InputError
    from sdr.errors import RecordingError

PATH = file_named("frames.vcdu")
OUT = file_named("out")
WAYS = list(
    product(
        ("meteor_lrpt", "meteor_m2_lrpt_72k"), (None, datetime.fromtimestamp(START, UTC)), ("vcdu", "cadu")
    )
)
FRAMES = 12


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def one_input(data: bytes) -> None:
    if not data:
        return
    downlink, start, level = WAYS[data[0] % len(WAYS)]
    PATH.write_bytes(data[1:])
    report = decode(DecodeRequest(PATH, downlink, OUT, level=level, start=start))
    said = json.loads((OUT / "report.json").read_text(), parse_constant=refuse)
    assert said["frames"]["good"] == report.frames.good
    for name in said["files"]:
        assert (OUT / name).is_file()
        assert (OUT / name).resolve().parent == OUT.resolve()
    for path in OUT.iterdir():
        path.unlink()


def seeds() -> list[bytes]:
    frames = sent_frames(FRAMES)
    parts = {"cadu": slice(None), "vcdu": slice(4, 896)}
    return [
        bytes([number]) + b"".join(frame.cadu[parts[level]] for frame in frames)
        for number, (_, _, level) in enumerate(WAYS)
    ]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(InputError, RecordingError), longest=FRAMES * 1024 + 1)
