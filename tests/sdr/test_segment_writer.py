"""Rolling segments: no sample lost at a joint, the oldest go, a killed writer's file is gone on with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import RecordingError
from sdr.index import CONTINUED, Gap, IndexReader
from sdr.record import take_up
from sdr.recording import RecordingWriter, open_recording
from sdr.segment_writer import SegmentWriter, newest_segment, segmented

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
RATE = 10_000.0


def new(stem: Path, keep: int | None = None, segment_s: float = 0.5) -> SegmentWriter:
    return segmented(
        stem, segment_s, keep, format="cs16", sample_rate=RATE, center_frequency_hz=1e8, start=START
    )


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


def read(stem: Path) -> tuple[bytes, tuple[Gap, ...]]:
    with open_recording(stem) as reader:
        raw = b"".join(iter(lambda: reader._source.read(1 << 16), b""))
        return raw, reader.info.gaps


@pytest.mark.parametrize("block", [7, 1000, 4999, 5000, 12_345])
def test_no_sample_is_lost_at_a_joint(tmp_path: Path, block: int) -> None:
    writer = new(tmp_path / "a")
    for first in range(0, 23_000, block):
        writer.write_raw(numbers(first, min(block, 23_000 - first)))
    assert (writer.sample_count, writer.start) == (23_000, START)
    writer.close()
    assert read(tmp_path / "a") == (numbers(0, 23_000), ())
    heads = [IndexReader(path) for path in sorted(tmp_path.glob("*.sigmf-index"))]
    assert [path.name for path in sorted(tmp_path.glob("*.sigmf-data"))] == [
        "a-0001.sigmf-data", "a-0002.sigmf-data", "a-0003.sigmf-data", "a-0004.sigmf-data", "a.sigmf-data",
    ]  # fmt: skip
    by_number = {index.header.segment: index for index in heads}
    assert [by_number[k].header.first_sample for k in range(5)] == [0, 5000, 10_000, 15_000, 20_000]
    assert [by_number[k].end for k in range(5)] == [*[CONTINUED] * 4, "finished"]
    assert by_number[3].start == START + timedelta(seconds=1.5)


def test_a_gap_across_joints_lies_in_each_file(tmp_path: Path) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 4000))
    writer.gap(8000, "overflow", 3)
    writer.write_raw(numbers(12_000, 500))
    assert writer.lost_samples == 8000
    writer.close()
    raw, gaps = read(tmp_path / "a")
    assert raw == numbers(0, 4000) + bytes(32_000) + numbers(12_000, 500)
    assert gaps == (
        Gap(4000, 1000, "overflow", 3),
        Gap(5000, 5000, "overflow", 3),
        Gap(10_000, 2000, "overflow", 3),
    )


def test_the_oldest_go(tmp_path: Path) -> None:
    writer = new(tmp_path / "a", keep=3)
    for first in range(0, 42_000, 1000):
        writer.write_raw(numbers(first, 1000))
    writer.close()
    assert sorted({path.name.partition(".")[0] for path in tmp_path.iterdir()}) == [
        "a-0006",
        "a-0007",
        "a-0008",
    ]
    raw, _ = read(tmp_path / "a-0006.sigmf-index")
    assert raw == numbers(30_000, 12_000)


@pytest.mark.parametrize(("length", "keep"), [(0.0, None), (1.0, 1), (0.01, None)])
def test_segments_that_make_no_sense_are_refused(tmp_path: Path, length: float, keep: int | None) -> None:
    with pytest.raises(RecordingError, match=r"segments of .* are kept"):
        new(tmp_path / "a", keep, length)


def killed(writer: RecordingWriter) -> None:
    import os

    os.close(writer._data)
    os.close(writer._index)


@pytest.mark.parametrize("at", [3000, 5000, 7500])
def test_a_killed_writer_is_gone_on_with(tmp_path: Path, at: int) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, at))
    writer.commit()
    killed(writer.current)
    again = take_up(tmp_path / "a", segment_s=0.5)
    assert isinstance(again, SegmentWriter)
    assert (again.sample_count, again.resumed, again.start) == (at, True, START)
    again.write_raw(numbers(at, 9000))
    again.close()
    assert read(tmp_path / "a") == (numbers(0, at + 9000), ())


@pytest.mark.parametrize("torn", [True, False])
def test_killed_between_two_files(tmp_path: Path, torn: bool) -> None:
    """The next one is there, the one before it has no end mark yet; or the next one is not whole."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 5000))
    writer.commit()
    if torn:
        (tmp_path / "a-0001.sigmf-index").write_bytes(b'{"tramthu_in')
    else:
        first = writer.current
        first.close = lambda _reason: None
        writer.write_raw(numbers(5000, 10))
        writer.commit()
        killed(writer.current)
        writer.current = first
    killed(writer.current)
    again = SegmentWriter.resume(tmp_path / "a", 0.5)
    count = 5000 if torn else 5010
    assert again.sample_count == count
    again.write_raw(numbers(count, 2000))
    again.close()
    assert read(tmp_path / "a") == (numbers(0, count + 2000), ())
    assert newest_segment(tmp_path / "a") == 1


def test_nothing_begun_is_nothing_to_take_up(tmp_path: Path) -> None:
    assert take_up(tmp_path / "a") is None
    (tmp_path / "a.sigmf-index").write_bytes(b'{"tramthu_ind')
    assert take_up(tmp_path / "a") is None
    with new(tmp_path / "a").current as writer:
        writer.write_raw(numbers(0, 10))
    with pytest.raises(RecordingError, match="has ended"):
        take_up(tmp_path / "a")
