"""The metadata of a SigMF pair, then the samples that they describe."""

from __future__ import annotations

import json

from harness import file_named, fuzz, instrumented
from mutators import json_lines, mixed
from recordings import SAMPLES, header, read_all

with instrumented():
    from sdr.errors import RecordingError
    from sdr.index import Gap
    from sdr.sigmf_build import build_metadata

META = file_named("pass.sigmf-meta")


def one_input(data: bytes) -> None:
    META.write_bytes(data)
    read_all(META)


def seeds() -> list[bytes]:
    gaps = (Gap(3, 5, "overflow"), Gap(20, 2, "reconnected"))
    return [
        json.dumps(build_metadata(header(fmt), header(fmt).start, gaps)).encode() for fmt in ("cu8", "cf32")
    ]


if __name__ == "__main__":
    META.with_suffix(".sigmf-data").write_bytes(SAMPLES)
    fuzz(one_input, seeds(), allowed=(RecordingError,), longest=200_000, mutate=mixed(json_lines))
