"""Whoever sets the computer's clock while a recording is made changes no length of a gap in it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import DeviceError
from sdr.receiver import Block, Opened, Tuning
from sdr.record import open_writer, record
from sdr.recording import Gap
from sdr.ring import Ring, ring_path

RATE = 10_000
TUNING = Tuning(137.9e6, RATE)
PIECE = 500  # samples


class Clocks:
    """The computer's clocks under the hand of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed_s, self.set_by_s = 0.0, 0.0
        kept, begun = time.clock_gettime, time.time()
        monkeypatch.setattr(time, "time", lambda: begun + self.passed_s + self.set_by_s)
        monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + self.passed_s)
        monkeypatch.setattr(
            time,
            "clock_gettime",
            lambda which: 5000.0 + self.passed_s if which == time.CLOCK_BOOTTIME else kept(which),
        )


class Timed:
    """A receiver whose samples take their time; `steps` act before a block: a number sets the clock by it."""

    def __init__(self, clocks: Clocks, *, stamps: bool, steps: dict[int, object], blocks: int) -> None:
        self.clocks, self.stamps, self.steps, self.left = clocks, stamps, steps, blocks
        self.read_so_far = 0
        self.aligned_s = 0.0
        self.held_s = 0.3

    def open(self, tuning: Tuning) -> Opened:
        self.aligned_s = self.clocks.set_by_s
        return Opened("timed", "cs16", tuning.frequency_hz, tuning.sample_rate)

    def read(self, count: int, timeout_s: float) -> Block:  # noqa: ARG002 it has its own pieces
        step = self.steps.pop(self.read_so_far, None)
        if isinstance(step, float):
            self.clocks.set_by_s += step
        if isinstance(step, DeviceError):
            self.clocks.passed_s += 1.0
            raise step
        self.clocks.passed_s += PIECE / RATE
        self.read_so_far += 1
        set_by_s = self.aligned_s if self.stamps else self.clocks.set_by_s
        at = time.time() - self.clocks.set_by_s + set_by_s - self.held_s - PIECE / RATE
        return Block(bytes(4 * PIECE), time=at, ended=self.read_so_far == self.left)

    def close(self) -> None:
        pass


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("set_by_s", [0.0, 0.2, 5.0, -5.0, 600.0, -600.0])
def test_a_receiver_that_was_away_is_missed_for_as_long_as_it_was(
    tmp_path: Path, clocks: Clocks, stamps: bool, set_by_s: float
) -> None:
    steps = {5: set_by_s, 10: DeviceError("unplugged")}
    receiver = Timed(clocks, stamps=stamps, steps=steps, blocks=20)
    writer = open_writer(receiver.open(TUNING), tmp_path / "a")
    info = record(receiver, writer, reserve_bytes=0, tuning=TUNING)
    (gap,) = info.gaps
    assert gap.sample_index == 10 * PIECE
    assert gap.sample_count == pytest.approx(1.0 * RATE, abs=2)


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("set_by_s", [0.0, 5.0, -5.0, 600.0, -600.0])
def test_a_stamp_left_for_a_later_recorder_is_by_the_clock_of_then(
    tmp_path: Path, clocks: Clocks, stamps: bool, set_by_s: float
) -> None:
    seen: list[tuple[int, float]] = []

    class Looking(Timed):
        def read(self, count: int, timeout_s: float) -> Block:
            if self.read_so_far == 10 and not seen:
                ring = Ring.attach(ring_path(tmp_path / "a"))
                assert ring is not None
                assert ring.stamped is not None
                sample, at = ring.stamped
                seen.append((sample, time.time() - at))
                ring.close()
            return super().read(count, timeout_s)

    receiver = Looking(clocks, stamps=stamps, steps={5: set_by_s}, blocks=20)
    record(receiver, open_writer(receiver.open(TUNING), tmp_path / "a"), reserve_bytes=0, tuning=TUNING)
    ((sample, age_s),) = seen
    assert sample == 9 * PIECE
    assert age_s == pytest.approx(receiver.held_s + PIECE / RATE, abs=1e-3)


def test_a_gap_is_marked_where_nobody_knows_when_the_dead_recorder_began(
    tmp_path: Path, clocks: Clocks
) -> None:
    receiver = Timed(clocks, stamps=True, steps={}, blocks=4)
    writer = open_writer(receiver.open(TUNING), tmp_path / "a")
    writer.write_raw(np.arange(1000, dtype="<u4").tobytes())
    writer.resumed = True
    info = record(receiver, writer, reserve_bytes=0, tuning=TUNING)
    (gap,) = info.gaps
    assert gap == Gap(1000, gap.sample_count, "the recorder died", gap.uncertainty)
    assert info.sample_count == 1000 + gap.sample_count + 4 * PIECE
