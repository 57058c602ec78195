"""Disks that stand still, fill and refuse under a recording whose every sample tells its number."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sdr import disk_thread
from sdr.errors import RecordingError
from sdr.index import Gap, IndexReader
from sdr.memory_writer import memory_index_path
from sdr.receiver import Block, Opened, Tuning
from sdr.record import open_writer, record
from sdr.recording import RecordingInfo, open_recording, recording_sha256
from tests.waiting import wait_for

START = datetime(2026, 3, 24, 3, 14, 15, 500_000, tzinfo=UTC)
TUNING = Tuning(137.9e6, 250_000)
RATE = 250_000
RING = 1 << 20  # bytes, the smallest
BLOCK = 8192  # samples
Step = Callable[[], object]


class Counting:
    """Sample n is the 32-bit number n; before a block, `steps` may do something at a sample number."""

    def __init__(self, total: int, steps: dict[int, Step] | None = None) -> None:
        self.total, self.count, self.steps = total, 0, steps or {}

    def open(self, tuning: Tuning) -> Opened:
        return Opened("counting", "cs16", tuning.frequency_hz, tuning.sample_rate)

    def read(self, count: int, timeout_s: float) -> Block:  # noqa: ARG002 it never waits
        if self.count in self.steps:
            self.steps.pop(self.count)()
        first, self.count = self.count, min(self.count + BLOCK, self.total)
        raw = np.arange(first, self.count, dtype="<u4").tobytes()
        return Block(raw, time=START.timestamp() + first / RATE, ended=self.count == self.total)

    def close(self) -> None:
        pass


class Followed:
    """A recording of counted samples that somebody follows, by its `name`; it never falls behind."""

    def __init__(self, stem: Path, total: int, steps: dict[int, Step], *, name: str = "a") -> None:
        self.stem, self.name, self.read = stem, name, 0
        self.receiver = Counting(total, dict.fromkeys(range(0, total, 4 * BLOCK), self.keeps_up) | steps)
        self.parts: list[np.ndarray] = []
        self.thread = threading.Thread(target=self._follow)

    def record(self, segment_s: float | None = None, **options: object) -> RecordingInfo:
        """However it ends, every sample came to the follower."""
        writer = open_writer(self.receiver.open(TUNING), self.stem, segment_s=segment_s)
        self.thread.start()
        try:
            return record(self.receiver, writer, **({"ring_bytes": RING, "reserve_bytes": 0} | options))
        finally:
            self.thread.join(60)
            assert np.array_equal(np.concatenate(self.parts), as_samples(0, self.receiver.total))

    def keeps_up(self) -> None:
        wait_for(lambda: self.read >= self.receiver.count - 5 * BLOCK)

    def _follow(self) -> None:
        # A last page that is not full waits for the next look.
        with open_recording(self.stem.with_name(self.name), follow=True) as reader:
            for part in reader.blocks(1024):
                self.parts.append(part)
                self.read += len(part)


class Disk:
    """The disk of the files under a folder, which can be made to stand still or to refuse."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.turns = threading.Event()
        self.turns.set()
        self.refuses = 0
        self.folder = str(folder)
        for name in ("pwrite", "fdatasync", "ftruncate"):
            monkeypatch.setattr(os, name, self._guarded(getattr(os, name)))

    def _guarded(self, act: Callable[..., object]) -> Callable[..., object]:
        def guarded(descriptor: int, *more: object) -> object:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(self.folder):
                assert self.turns.wait(60)
                if self.refuses:
                    raise OSError(self.refuses, os.strerror(self.refuses))
            return act(descriptor, *more)

        return guarded

    def refusing(self, stem: Path, blocks: int, refusal: int = errno.EIO) -> Step:
        """A step that lets it refuse when so many blocks of that file are on it."""

        def step() -> None:
            settled(stem, blocks)
            self.refuses = refusal

        return step

    def working(self, stem: Path) -> Step:
        """A step that lets it take samples again once it is left, and waits until it has them."""

        def step() -> None:
            in_memory(stem)
            self.refuses = 0
            on_disk(stem)

        return step


class Room:
    """What is free on the disk, which is looked at all the time; the reserve is 10 MiB."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 10 << 30
        monkeypatch.setattr(disk_thread, "free_bytes", lambda _: self.free)
        monkeypatch.setattr(disk_thread, "_LOOK_S", 0.0)

    def filling(self, stem: Path, blocks: int) -> Step:
        """A step that fills it when so many blocks of that file are on it, and waits until it is left."""

        def step() -> None:
            settled(stem, blocks)
            self.free = 9 << 20
            in_memory(stem)

        return step


def settled(stem: Path, blocks: int) -> None:
    """Wait until that many blocks are committed; the last page may still wait."""

    def committed() -> bool:
        with contextlib.suppress(OSError, RecordingError):
            return IndexReader(stem.with_name(stem.name + ".sigmf-index")).committed >= blocks * BLOCK
        return False

    wait_for(committed)


def in_memory(stem: Path) -> None:
    """Wait until the disk is left."""
    wait_for(memory_index_path(stem).exists)


def on_disk(stem: Path) -> None:
    """Wait until nothing is in memory only."""
    wait_for(lambda: not memory_index_path(stem).exists())


def check(stem: Path, count: int) -> tuple[Gap, ...]:
    """The recording holds these samples, each in its place, zeros in its gaps; returns the gaps."""
    with open_recording(stem) as reader:
        raw = b"".join(iter(lambda: reader._source.read(1 << 20), b""))
        gaps = reader.info.gaps
    expected = np.arange(count, dtype="<u4")
    for gap in gaps:
        expected[gap.sample_index : gap.sample_index + gap.sample_count] = 0
    assert raw == expected.tobytes()
    index = IndexReader(stem.with_name(stem.name + ".sigmf-index"))
    assert index.sha256 == recording_sha256(stem)
    assert index.bad_lines == 0
    return gaps


def as_samples(first: int, count: int) -> np.ndarray:
    """Numbers as a reader gives them."""
    raw = np.arange(first, first + count, dtype="<u4")
    return raw.view("<i2").astype(np.float32).view(np.complex64) / 32768
