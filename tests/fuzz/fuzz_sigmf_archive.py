"""SigMF archives: a tar file from anywhere."""

from __future__ import annotations

import io
import json
import tarfile

from harness import file_named, fuzz, instrumented
from recordings import SAMPLES, header, read_all

with instrumented():
    from sdr.errors import RecordingError
    from sdr.sigmf_build import build_metadata

ARCHIVE = file_named("pass.sigmf")


def one_input(data: bytes) -> None:
    for text in (data, with_right_checksums(data)):
        ARCHIVE.write_bytes(text)
        try:
            read_all(ARCHIVE)
        except RecordingError:
            continue


def with_right_checksums(data: bytes) -> bytes:
    """No fuzzer guesses a checksum (ustar: the sum of all bytes of the header, its own as blanks)."""
    blocks = [data[k : k + 512] for k in range(0, len(data), 512)]
    for k, block in enumerate(blocks):
        if block[257:262] == b"ustar" and len(block) == 512:
            total = sum(block[:148]) + 8 * 32 + sum(block[156:])
            blocks[k] = block[:148] + b"%06o\0 " % total + block[156:]
    return b"".join(blocks)


def seeds() -> list[bytes]:
    parts = {
        "pass/pass.sigmf-meta": json.dumps(build_metadata(header("cs16"), None, ())).encode(),
        "pass/pass.sigmf-data": SAMPLES,
    }
    return [packed(parts, kind) for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]


def packed(parts: dict[str, bytes], kind: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind) as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_774_322_056
            if kind == tarfile.PAX_FORMAT:
                member.pax_headers = {"comment": "ä" * 10}
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()[:6144]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=6144)
