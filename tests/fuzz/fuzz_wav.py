"""WAV headers of other recorders."""

from __future__ import annotations

import struct

from harness import file_named, fuzz, instrumented
from mutators import mixed, riff_chunks
from recordings import SAMPLES, read_all

with instrumented():
    from sdr.errors import RecordingError

WAV = file_named("pass.wav")


def one_input(data: bytes) -> None:
    WAV.write_bytes(data)
    read_all(WAV)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body)) + body


def seeds() -> list[bytes]:
    def form(tag: int, bits: int) -> bytes:
        return chunk(b"fmt ", struct.pack("<HHIIHH", tag, 2, 250_000, 250_000 * bits // 4, bits // 4, bits))

    sub_format = struct.pack("<HHI", 22, 16, 3) + struct.pack("<H", 1) + bytes(14)
    extensible = struct.pack("<HHIIHH", 0xFFFE, 2, 250_000, 1_000_000, 4, 16) + sub_format
    auxi = chunk(
        b"auxi", struct.pack("<16HI", *(2026, 3, 2, 24, 3, 14, 15, 926) * 2, 137_900_000) + bytes(32)
    )
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, len(SAMPLES), 64, 0))
    data = chunk(b"data", SAMPLES)
    return [
        riff(form(1, 8), data),
        riff(form(1, 16), auxi, data),
        riff(form(3, 32), chunk(b"LIST", b"INFOa"), data),
        riff(chunk(b"fmt ", extensible), data),
        riff(ds64, form(1, 16), b"data\xff\xff\xff\xff" + SAMPLES, magic=b"RF64"),
    ]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(RecordingError,), mutate=mixed(riff_chunks))
