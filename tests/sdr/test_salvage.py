"""What a killed recorder had in memory is let go only once it is safe on the disk."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import sdr.growing
from sdr.errors import DeviceError
from sdr.index import IndexReader
from sdr.recording import RecordingWriter
from sdr.ring import Ring, ring_path

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)
ON_DISK, RECEIVED = 5000, 9000


class Killed(BaseException):
    """In the place of a signal."""


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


@pytest.fixture
def stem(tmp_path: Path) -> Iterator[Path]:
    """A recorder was killed that had brought 5000 of 9000 samples to the disk; its start is not known."""
    writer = RecordingWriter(
        tmp_path / "a", format="cs16", sample_rate=1e5, center_frequency_hz=None, start=None
    )
    writer.write_raw(numbers(0, ON_DISK))
    writer.commit()
    ring = Ring.create(ring_path(tmp_path / "a"), 1 << 20)
    ring.put(numbers(0, ON_DISK))
    ring.release(4 * ON_DISK, ON_DISK, 0)
    ring.put(numbers(ON_DISK, RECEIVED - ON_DISK))
    ring.stamp(RECEIVED, time.time())
    ring.close()
    writer.let_go()
    yield tmp_path / "a"
    ring_path(tmp_path / "a").unlink(missing_ok=True)


def all_is_there(stem: Path) -> None:
    writer = RecordingWriter.resume(stem)
    assert writer.stamp is not None
    assert writer.stamp[0] == RECEIVED
    assert writer.committed == RECEIVED
    assert writer.start is not None
    writer.close()
    assert stem.with_name("a.sigmf-data").read_bytes() == numbers(0, RECEIVED)
    assert IndexReader(stem.with_name("a.sigmf-index")).start == writer.start
    assert not ring_path(stem).exists()


@pytest.mark.parametrize("verb", ["commit", "set_start"])
def test_killed_while_it_takes_up(stem: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """Before what came out of the ring was committed, and before its time was written down."""

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RecordingWriter, verb, killed)
        with pytest.raises(Killed):
            RecordingWriter.resume(stem)
    all_is_there(stem)


def test_a_disk_that_refuses_once(stem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same process tries again: neither the ring nor the lock stand in its way."""
    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        refused = OSError(errno.EIO, os.strerror(errno.EIO))
        patch.setattr(sdr.growing, "write_what_fits", lambda *_: (0, refused))
        with pytest.raises(DeviceError, match="refuses"):
            RecordingWriter.resume(stem)
    assert "hash" not in {thread.name for thread in set(threading.enumerate()) - before}
    all_is_there(stem)
