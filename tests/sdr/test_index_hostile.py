"""An index that no recorder wrote is refused in words, before anything is done with its recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdr.errors import RecordingError
from sdr.index import Gap, IndexReader
from sdr.index_line import IndexHeader, commit_line
from sdr.recording import finish_interrupted

HEADER = IndexHeader("cs16", 250e3, 1e8, None, {"antenna": "helix"})


def index(tmp_path: Path, raw: bytes) -> Path:
    (tmp_path / "a.sigmf-data").write_bytes(bytes(4000))
    path = tmp_path / "a.sigmf-index"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"helix"', b'"\\ud800"'),
        (b'"antenna"', b'"\\ud800"'),
        (b'"helix"', b"NaN"),
        (b'"helix"', b"1e999"),
        (b"100000000.0", b"-Infinity"),
        (b"250000.0", b"1e-310"),
        (b"250000.0", b"0.5"),
    ],
)
def test_what_cannot_be_written_again_is_no_header(tmp_path: Path, old: bytes, new: bytes) -> None:
    line = HEADER.to_line()
    assert line.count(old) == 1
    path = index(tmp_path, line.replace(old, new) + commit_line(1000, 0.0))
    with pytest.raises(RecordingError, match="no index of a recording"):
        finish_interrupted(tmp_path / "a")
    with pytest.raises(RecordingError, match="no index of a recording"):
        IndexReader(path)


def test_a_cause_that_is_no_text_does_not_keep_a_recording_from_being_ended(tmp_path: Path) -> None:
    line = commit_line(1000, 0.0, gap=Gap(100, 20, "overflow"))
    path = index(tmp_path, HEADER.to_line() + line.replace(b'"overflow"', b'"over\\ud800flow"'))
    finish_interrupted(tmp_path / "a")
    reader = IndexReader(path)
    assert reader.gaps == (Gap(100, 20, "over?flow"),)
    assert reader.end == "the recorder died"
