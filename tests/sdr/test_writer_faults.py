"""A disk that does not keep what it took, and a hash that is slower than the samples."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import sdr.recording_hash
import sdr.writer
from sdr.errors import DeviceError
from sdr.index import IndexReader
from sdr.recording import RecordingWriter, finish_interrupted

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


def new(stem: Path) -> RecordingWriter:
    return RecordingWriter(
        stem, format="cs16", sample_rate=1e5, center_frequency_hz=None, start=START, commit_interval_s=1e9
    )


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordingWriter:
    """5000 samples are safe; of the next 1000, the disk tells once that it could not keep them."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 5000))
    writer.commit()
    writer.write_raw(numbers(5000, 1000))
    with monkeypatch.context() as patch:

        def sync(_descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "fdatasync", sync)
        with pytest.raises(DeviceError, match="refuses"):
            writer.commit()
    return writer


def test_what_a_sync_failed_for_is_never_committed(refused: RecordingWriter) -> None:
    refused.leave("the disk refuses")
    assert (refused.committed, refused.sample_count) == (5000, 5000)
    refused.close()
    index = IndexReader(refused.path_stem.with_name("a.sigmf-index"))
    assert (index.committed, index.ring, index.bad_lines) == (5000, "the disk refuses", 0)
    assert index.sha256 == hashlib.sha256(numbers(0, 5000)).hexdigest()


def test_nor_by_another_try(refused: RecordingWriter) -> None:
    with pytest.raises(DeviceError, match="refuses"):
        refused.commit()
    with pytest.raises(DeviceError, match="refuses"):
        refused.close()
    index = IndexReader(refused.path_stem.with_name("a.sigmf-index"))
    assert (index.committed, index.end) == (5000, None)


class Clock:
    """Each piece that is hashed takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self.now += 1.0
        return os.pread(descriptor, size, offset)


@pytest.mark.parametrize("left", [False, True])
def test_the_end_mark_does_not_wait_for_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    """Of a resumed recording: 8 MiB at 1 MiB/s, when the next samples, or the end of a joint, wait."""
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 2 << 20))
    writer.commit()
    writer.let_go()
    clock = Clock()
    monkeypatch.setattr(sdr.recording_hash, "time", clock)
    monkeypatch.setattr(sdr.recording_hash, "os", clock)
    monkeypatch.setattr(sdr.recording_hash.TrailingHash, "_run", lambda _self: None)
    writer = RecordingWriter.resume(tmp_path / "a")
    if left:
        writer.leave("the disk is full")
    writer.close()
    index = IndexReader(tmp_path / "a.sigmf-index")
    assert (index.end, index.committed, index.sha256) == ("finished", 2 << 20, None)
    assert clock.now <= 4


def test_a_recording_that_is_only_ended_is_hashed_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new(tmp_path / "a")
    writer.write_raw(numbers(0, 2 << 20))
    writer.commit()
    writer.let_go()
    monkeypatch.setattr(sdr.recording_hash, "time", Clock())
    monkeypatch.setattr(sdr.writer, "_HASH_S", 0.0)
    finish_interrupted(tmp_path / "a")
    digest = hashlib.sha256(numbers(0, 2 << 20)).hexdigest()
    assert IndexReader(tmp_path / "a.sigmf-index").sha256 == digest
