"""Playback of what recordings may be: with gaps anywhere, with what is no number, still growing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import DeviceError
from sdr.playback import Playback
from sdr.receiver import Block, Tuning
from sdr.recording import Gap
from sdr.writer import RecordingWriter

RATE = 250_000
TUNING = Tuning(137.9e6, RATE)


def writer(path: Path, fmt: str = "cf32") -> RecordingWriter:
    return RecordingWriter(
        path, format=fmt, sample_rate=RATE, center_frequency_hz=137.9e6, start=None, durable=False
    )


def play(path: Path, count: int = 700) -> tuple[list[Block], list[Gap]]:
    """All blocks, and the gaps that they tell."""
    player, blocks, gaps, at = Playback(path, paced=False), [], [], 0
    player.open(TUNING)
    while True:
        block = player.read(count, 1.0)
        blocks.append(block)
        assert len(block.raw) // 8 <= count
        if block.lost:
            gaps.append(Gap(at, block.lost, block.cause, block.lost_uncertainty))
        at += block.lost + len(block.raw) // 8
        if block.ended:
            player.close()
            return blocks, gaps


def test_gaps_at_the_start_side_by_side_and_at_the_end(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as made:
        made.gap(1000, "before the first sample", 20)
        made.write(np.full(2000, 0.5, np.complex64))
        made.gap(300, "one")
        made.gap(200, "and another", 7)
        made.write(np.full(100, 0.5, np.complex64))
        made.gap(5000, "at the end")
    blocks, gaps = play(tmp_path / "a")
    assert gaps == [
        Gap(0, 1000, "before the first sample", 20),
        Gap(3000, 500, "one; and another", 7),
        Gap(3600, 5000, "at the end"),
    ]
    assert b"".join(block.raw for block in blocks) == np.full(2100, 0.5, np.complex64).tobytes()


def test_nothing_but_a_gap(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as made:
        made.gap(1000, "nothing came")
    blocks, gaps = play(tmp_path / "a")
    assert gaps == [Gap(0, 1000, "nothing came")]
    assert not any(block.raw for block in blocks)


def test_what_is_no_number_is_played_as_zero(tmp_path: Path) -> None:
    values = np.array([1, np.nan, 2, np.inf, -np.inf, np.nan + 1j], np.complex64)
    (tmp_path / "a.cf32").write_bytes(values.tobytes())
    player = Playback(tmp_path / "a.cf32", paced=False, sample_rate=RATE)
    player.open(TUNING)
    expected = np.where(np.isfinite(values), values, 0).astype(np.complex64)
    assert player.read(100, 1.0).raw == expected.tobytes()
    assert player.read(100, 1.0).ended
    player.close()


@pytest.mark.parametrize("paced", [False, True])
def test_a_recording_that_still_grows_is_played_to_its_end(tmp_path: Path, paced: bool) -> None:
    made = writer(tmp_path / "a")
    made.write(np.arange(1, 2001).astype(np.complex64))
    made.commit()
    player = Playback(tmp_path / "a", paced=paced)
    player.open(TUNING)
    got = []

    def read_on() -> None:
        while not (block := player.read(500, 1.0)).ended:
            got.append(b"\0" * 8 * block.lost + block.raw)

    reading = threading.Thread(target=read_on)
    reading.start()
    made.gap(50, "lost")
    made.write(np.arange(2051, 3001).astype(np.complex64))
    made.commit()
    made.write(np.arange(3001, 4001).astype(np.complex64))
    made.close()
    reading.join(60)
    assert not reading.is_alive()
    player.close()
    expected = np.arange(1, 4001).astype(np.complex64)
    expected[2000:2050] = 0
    assert b"".join(got) == expected.tobytes()


def test_what_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="not open"):
        Playback(tmp_path / "a").read(1, 1.0)
