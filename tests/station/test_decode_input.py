"""Recordings that are wrong in every way: what is said, the exit status, and that nothing usable is lost."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdr.formats import from_samples
from sim.link_test import link_test
from tests.sdr.test_segments import Recorder
from tests.station.conftest import Run

RATE, FRAMES = 288_000, 8


@pytest.fixture(scope="module")
def raw() -> bytes:
    return from_samples(link_test("72k", frames=FRAMES, ebn0_db=8.0, sample_rate=RATE).samples, "cs16")


def sigmf(path: Path, data: bytes | None, **fields: object) -> None:
    words = {"core:datatype": "ci16_le", "core:sample_rate": RATE, "core:version": "1.0.0"}
    words |= {f"core:{name}": value for name, value in fields.items() if name != "annotations"}
    values = {"global": {key: value for key, value in words.items() if value is not None}}
    values |= {"captures": [{"core:sample_start": 0}], "annotations": fields.get("annotations", [])}
    path.with_suffix(".sigmf-meta").write_text(json.dumps(values))
    if data is not None:
        path.with_suffix(".sigmf-data").write_bytes(data)


def wav(
    data: bytes, *, size: int | None = None, rate: int = RATE, kind: tuple[int, int, int] = (1, 2, 16)
) -> bytes:
    tag, channels, bits = kind
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)
    told = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", told) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


Made = Callable[[Path, bytes], None]
ALL, HALF, NONE = FRAMES, FRAMES // 2, 0

# What is wrong, how it is made beside the stem, what is named, exit status, frames, words of what is said.
INPUTS: list[tuple[str, Made, str, int, int, str]] = [
    (
        "no metadata",
        lambda p, r: write(p.with_suffix(".sigmf-data"), r),
        "a.sigmf-data",
        2,
        NONE,
        "metadata are missing; to read without them name the data file and give --format and --rate",
    ),
    (
        "no metadata, by stem",
        lambda p, r: write(p.with_suffix(".sigmf-data"), r),
        "a",
        2,
        NONE,
        "metadata are missing",
    ),
    (
        "no data",
        lambda p, _: sigmf(p, None),
        "a.sigmf-meta",
        2,
        NONE,
        "samples is missing beside its metadata",
    ),
    ("empty", lambda p, _: sigmf(p, b""), "a.sigmf-meta", 2, NONE, "nothing was recorded"),
    (
        "another datatype",
        lambda p, r: sigmf(p, r, datatype="cf32_le"),
        "a.sigmf-meta",
        1,
        NONE,
        "are they cf32?",
    ),
    (
        "real",
        lambda p, r: sigmf(p, r, datatype="ri16_le"),
        "a.sigmf-meta",
        2,
        NONE,
        "real samples, not I and Q",
    ),
    (
        "no datatype",
        lambda p, r: sigmf(p, r, datatype=None),
        "a.sigmf-meta",
        2,
        NONE,
        "lack the field 'core:data",
    ),
    ("no rate", lambda p, r: sigmf(p, r, sample_rate=None), "a.sigmf-meta", 2, NONE, "give --rate in Hz"),
    (
        "torn metadata",
        lambda p, r: (sigmf(p, r), write(p.with_suffix(".sigmf-meta"), b'{"global": {'))[0],
        "a.sigmf-meta",
        2,
        NONE,
        "cut off or no JSON",
    ),
    ("in mid-sample", lambda p, r: sigmf(p, r[:-3]), "a.sigmf-meta", 0, ALL, "the last sample is incomplete"),
    (
        "too few samples",
        lambda p, r: sigmf(
            p, r[: len(r) // 2], annotations=[{"core:sample_start": 0, "core:sample_count": len(r) // 4}]
        ),
        "a.sigmf-meta",
        0,
        HALF,
        "the metadata speak of at least",
    ),
    ("sound wav", lambda p, r: write(p.with_suffix(".wav"), wav(r)), "a.wav", 0, ALL, "frames"),
    (
        "wav, too long",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, size=len(r) + 4000)),
        "a.wav",
        0,
        ALL,
        "the file ends 4000 bytes before its header says",
    ),
    (
        "wav, too short",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, size=len(r) // 2)),
        "a.wav",
        0,
        ALL,
        "bytes too few; the samples are read to the end of the file",
    ),
    ("wav, size 0", lambda p, r: write(p.with_suffix(".wav"), wav(r, size=0)), "a.wav", 0, ALL, "frames"),
    (
        "wav, torn",
        lambda p, r: write(p.with_suffix(".wav"), wav(r)[:-1001]),
        "a.wav",
        0,
        ALL,
        "ends 1001 bytes",
    ),
    (
        "audio",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, kind=(1, 1, 16))),
        "a.wav",
        2,
        NONE,
        "1 channel",
    ),
    (
        "24 bits",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, kind=(1, 2, 24))),
        "a.wav",
        2,
        NONE,
        "24 bits",
    ),
    (
        "wav, no rate",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, rate=0)),
        "a.wav",
        2,
        NONE,
        "give --rate",
    ),
    (
        "wav, audio's rate",
        lambda p, r: write(p.with_suffix(".wav"), wav(r, rate=11025)),
        "a.wav",
        2,
        NONE,
        "11025 samples/s cannot hold this downlink",
    ),
    (
        "wav, no samples",
        lambda p, r: write(p.with_suffix(".wav"), wav(r)[:36]),
        "a.wav",
        2,
        NONE,
        "no samples",
    ),
    ("no wav", lambda p, _: write(p.with_suffix(".wav"), b"text " * 100), "a.wav", 2, NONE, "not a WAV file"),
]


@pytest.mark.parametrize(
    ("make", "name", "status", "count", "words"),
    [case[1:] for case in INPUTS],
    ids=[case[0] for case in INPUTS],
)
def test_a_wrong_recording(
    tmp_path: Path, tramthu: Run, raw: bytes, make: Made, name: str, status: int, count: int, words: str
) -> None:
    make(tmp_path / "a", raw)
    out = tmp_path / "out"
    code, _, err = tramthu("decode", tmp_path / name, "--downlink", "meteor_lrpt_72k", "--out", out)
    assert code == status, err
    assert words in err
    assert "Traceback" not in err
    good = json.loads((out / "report.json").read_text())["frames"]["good"] if status < 2 else 0
    assert good >= count


def test_chunks_behind_the_data_are_no_samples(tmp_path: Path, tramthu: Run, raw: bytes) -> None:
    """An odd chunk and one cut short: only the latter lets the header be doubted."""
    for rest, noted in (
        (b"LIST" + struct.pack("<I", 5) + b"abcde\0", False),
        (b"LIST\xff\xff\xff\0abc", True),
    ):
        (tmp_path / "a.wav").write_bytes(wav(raw, size=len(raw)) + rest)
        code, _, err = tramthu(
            "decode", tmp_path / "a.wav", "--downlink", "meteor_lrpt_72k", "--out", tmp_path / "out"
        )
        assert code == 0
        assert ("bytes too few" in err) == noted
        samples = json.loads((tmp_path / "out/report.json").read_text())["input"]["samples"]
        assert samples == len(raw) // 4 + (len(rest) // 4 if noted else 0)


def test_not_finite_is_told_once(tmp_path: Path, tramthu: Run) -> None:
    np.full(100_000, np.nan, np.complex64).tofile(tmp_path / "a.cf32")
    code, _, err = tramthu(
        "decode",
        tmp_path / "a.cf32",
        "--rate",
        RATE,
        "--downlink",
        "meteor_lrpt_72k",
        "--out",
        tmp_path / "out",
    )
    assert code == 1
    assert err.count("100000 samples were not finite") == 1


@pytest.mark.parametrize("good", [0, 3])
def test_segments_without_a_frame_are_no_success_the_second_time_either(
    tramthu: Run, tmp_path: Path, good: int
) -> None:
    recorder = Recorder(tmp_path / "day")
    recorder.begin()
    recorder.write(1000)
    recorder.line(end="time over")
    done = tmp_path / "out/day"
    done.mkdir(parents=True)
    (done / "run.json").write_text('{"end": "time over"}')
    (done / "report.json").write_text(json.dumps({"exit_status": 0 if good else 1, "frames": {"good": good}}))
    wanted = ("--downlink", "gk2a_lrit", "--out", tmp_path / "out", "--by-segment")
    status, _, err = tramthu("decode", tmp_path / "day.sigmf-index", *wanted)
    assert "1 segments" in err
    assert status == (0 if good else 1)
