"""Taking up a recording of which the disk lost samples that it had confirmed."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import RecordingError
from sdr.index import Gap, IndexReader
from sdr.index_line import IndexHeader
from sdr.recording import RecordingWriter, finish_interrupted, open_recording
from sdr.sigmf_build import metadata_text

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
LOST = "lost by the disk"


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    """Committed at 2000, 4000, 7000 and 10000 samples; 5000 to 7000 overflowed; the start is told last."""
    writer = RecordingWriter(
        tmp_path / "a",
        format="cs16",
        sample_rate=1000.0,
        center_frequency_hz=None,
        start=None,
        commit_interval_s=1e9,
    )
    for count in (2000, 2000, 1000, -2000, 1000, 2000):
        if count > 0:
            writer.write_raw(numbers(writer.sample_count, count))
        else:
            writer.gap(-count, "overflow", 3)
        if count != 1000:
            writer.commit()
    writer.set_start(START)
    writer.let_go()
    return tmp_path / "a"


def expected(*gaps: Gap, count: int = 10_000) -> bytes:
    values = np.arange(count, dtype="<u4")
    for gap in gaps:
        values[gap.sample_index : gap.sample_index + gap.sample_count] = 0
    return values.tobytes()


OVERFLOW = Gap(5000, 2000, "overflow", 3)


@pytest.mark.parametrize(
    ("there", "gaps"),
    [
        (10_000, (OVERFLOW,)),
        (9000, (OVERFLOW, Gap(9000, 1000, LOST))),
        (7500, (OVERFLOW, Gap(7500, 2500, LOST))),
        (6000, (Gap(5000, 5000, LOST),)),
        (4500, (Gap(4500, 5500, LOST),)),
        (0, (Gap(0, 10_000, LOST),)),
    ],
)
def test_what_the_disk_lost_is_a_gap(stem: Path, there: int, gaps: tuple[Gap, ...]) -> None:
    """What is there is kept, what is behind it keeps its place, and a new reader is told."""
    data = stem.with_name("a.sigmf-data")
    with data.open("r+b") as file:
        file.truncate(4 * there + (3 if there < 10_000 else 0))
    writer = RecordingWriter.resume(stem)
    assert (writer.sample_count, writer.start) == (10_000, START)
    writer.write_raw(numbers(10_000, 500))
    writer.close()
    with open_recording(stem) as reader:
        assert (reader.info.gaps, reader.info.start, reader.notes) == (gaps, START, ())
    assert data.read_bytes() == expected(*gaps, count=10_500)
    index = IndexReader(stem.with_name("a.sigmf-index"))
    assert (index.bad_lines, index.committed) == (0, 10_500)


@pytest.mark.parametrize("digit", ["9", "99999999999"])
def test_a_flipped_digit_is_not_believed(stem: Path, digit: str) -> None:
    """90 GB of zeros would be written for it."""
    index = stem.with_name("a.sigmf-index")
    lines = index.read_bytes().split(b"\n")[:-1]
    last = max(n for n, line in enumerate(lines) if b'"samples":10000' in line and b"level" not in line)
    lines[last] = lines[last].replace(b'"samples":10000', f'"samples":{digit}10000'.encode())
    index.write_bytes(b"\n".join(lines) + b"\n")
    finish_interrupted(stem)
    with open_recording(stem) as reader:
        assert reader.info.gaps == (OVERFLOW,)
        assert len(reader.read(1 << 20)) == 10_000
    assert stem.with_name("a.sigmf-data").read_bytes() == expected(OVERFLOW)


@pytest.mark.parametrize(
    ("metadata", "start"),
    [({"a": math.nan}, START), ({}, datetime(9999, 12, 31, 23, 59, 59, 900_000, tzinfo=UTC))],
)
def test_metadata_that_nobody_could_read_are_refused(metadata: dict[str, object], start: datetime) -> None:
    header = IndexHeader("cs16", 1000.0, None, start, metadata)
    with pytest.raises(RecordingError, match="cannot be written"):
        metadata_text(header, start, (Gap(0, 1000, "overflow"),))


def test_half_a_letter_is_written_as_a_question_mark() -> None:
    header = IndexHeader("cs16", 1000.0, None, START)
    text = metadata_text(header, START, (Gap(0, 1000, "/dev/\udce9"),))
    assert b'"/dev/?"' in text
