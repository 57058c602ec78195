"""The end of a recording whose disk takes no more: its samples stay in the ring in memory for a while.

A decoder that follows reads on from there; what it makes of them is all that is kept. The index goes on in a
file beside the ring; its header names the ring (its path, and its nonce: a later ring has the same path) and
the position in it of the first sample that it speaks of.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sdr.formats import bytes_per_sample
from sdr.index_line import Gap, Level, commit_line
from sdr.level_meter import LevelMeter
from sdr.ring import Ring, ring_path

if TYPE_CHECKING:
    from sdr.growing import GrowingRecording


def memory_index_path(stem: Path) -> Path:
    """The index of what is in memory only."""
    return ring_path(stem).with_suffix(".index")


class MemoryWriter:
    """The verbs of a RecordingWriter, for samples that nothing but the ring holds.

    Args:
        left: the file on the disk, which ends with what it committed.
        ring: holds the samples.
        position: in the ring, of the sample behind the last committed one.
        reason: why the disk takes no more.
    """

    def __init__(self, left: GrowingRecording, ring: Ring, position: int, reason: str) -> None:
        header, start, sample_count = left.header, left.start, left.committed
        self.path = memory_index_path(left.path_stem)
        self.start, self.sample_count = start, sample_count
        self.bytes_per_sample = bytes_per_sample(header.format)
        self.level: Level | None = None
        self._meter = LevelMeter(header.format, header.sample_rate, sample_count)
        self._lines: list[bytes] = []
        where = {
            "ring": str(ring.path),
            "ring_nonce": ring.nonce,
            "ring_position": position,
            "ring_sample": sample_count,
        }
        head = replace(header, start=start, metadata=header.metadata | where)
        self._index = _opened(self.path) if ring.shared else -1
        self._write(head.to_line() + commit_line(sample_count, time.time(), ring=reason))

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Whole samples, which the ring holds already."""
        self._enter(self._meter.add(raw))
        self.sample_count += len(raw) // self.bytes_per_sample

    def gap(self, sample_count: int, cause: str, uncertainty: int = 0) -> None:
        """Samples were lost here."""
        gap = Gap(self.sample_count, sample_count, cause, uncertainty)
        self._enter(self._meter.skip(sample_count))
        self.commit()
        self.sample_count += sample_count
        self._lines.append(commit_line(self.sample_count, time.time(), gap=gap))

    def set_start(self, start: datetime) -> None:
        """State the exact time of the first sample, once it is known."""
        self.start = start
        self._lines.append(commit_line(self.sample_count, time.time(), start=start))

    def commit(self) -> None:
        """Tell followers what is there."""
        lines = [*self._lines, commit_line(self.sample_count, time.time())]
        self._lines = []
        self._write(b"".join(lines))

    def close(self, reason: str = "finished") -> None:
        """Tell followers that it is over."""
        self.commit()
        self._write(commit_line(self.sample_count, time.time(), end=reason))
        if self._index >= 0:
            os.close(self._index)

    def forsake(self) -> None:
        """The disk holds, or lacks, all that comes from here on: followers read on there."""
        self.commit()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self._index >= 0:
            os.close(self._index)
            self._index = -1

    def _write(self, lines: bytes) -> None:
        with contextlib.suppress(OSError):  # then nobody can follow; the reading goes on
            os.write(self._index, lines)

    def _enter(self, levels: list[Level]) -> None:
        self._lines += [commit_line(self.sample_count, time.time(), level=level) for level in levels]
        self.level = levels[-1] if levels else self.level


def _opened(path: Path) -> int:
    try:
        path.unlink(missing_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1
