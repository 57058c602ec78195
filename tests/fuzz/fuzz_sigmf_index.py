"""The index of a growing recording, read as a finished and as a followed one."""

from __future__ import annotations

from harness import file_named, fuzz, instrumented
from mutators import json_lines, mixed
from recordings import SAMPLES, header, read_all

with instrumented():
    from sdr.errors import RecordingError
    from sdr.index_line import Gap, commit_line

INDEX = file_named("pass.sigmf-index")


def one_input(data: bytes) -> None:
    INDEX.write_bytes(data)
    for follow in (False, True):
        try:
            read_all(INDEX, follow=follow)
        except RecordingError:
            continue


def seeds() -> list[bytes]:
    lines = [
        header("cu8").to_line(),
        commit_line(0, 1_774_322_055.9, start=header("cu8").start),
        commit_line(64, 1_774_322_056.2),
        commit_line(100, 1_774_322_057.5, gap=Gap(80, 10, "overflow")),
    ]
    return [
        b"".join(lines),
        b"".join([*lines, commit_line(256, 1_774_322_058.1, end="finished")]),
        lines[0] + b"[" * 100_000 + b"\n",
    ]


if __name__ == "__main__":
    INDEX.with_suffix(".sigmf-data").write_bytes(SAMPLES)
    fuzz(one_input, seeds(), allowed=(), longest=200_000, mutate=mixed(json_lines))
