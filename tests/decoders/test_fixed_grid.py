"""A live decoder reads shorter portions than a replay; what is judged of them is judged on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.downlink import load_downlink
from decoders.iq_source import READ_SAMPLES, IqSource
from sdr.recording import RecordingInfo
from sim.link_test import link_test

Samples = NDArray[np.complex64]
# Noise for six windows: more than is kept for a mode that may be found later.
QUIET = 18 * READ_SAMPLES


@dataclass
class Given:
    """A reader of given samples; `waiting` says whether they are still being received."""

    samples: Samples
    info: RecordingInfo
    waiting: int | None
    position: int = 0
    unusable: int = 0
    notes: tuple[str, ...] = ()

    def read(self, count: int) -> Samples:
        got = self.samples[self.position : self.position + count]
        self.position += len(got)
        return got

    def read_codes(self, count: int) -> Samples:
        return self.read(count)

    def hash_while_reading(self) -> None: ...

    def sha256(self) -> str:
        return ""

    def close(self) -> None: ...


def decoded(samples: Samples, rate: float, waiting: int | None) -> tuple[list[Any], tuple[str, ...]]:
    """Frames with their places, and what the report says."""
    info = RecordingInfo(Path("given"), "cf32", rate, None, None, None, (), {})
    source = IqSource(Given(samples, info, waiting), load_downlink("meteor_lrpt"), tap=None)
    frames = [(frame.cadu, frame.good, frame.sample_index) for found in source.frames() for frame in found]
    return frames, source.facts.notes


def noise(count: int, deviation: float) -> Samples:
    pairs = np.random.default_rng(1).normal(0, deviation, (count, 2)).astype(np.float32)
    return pairs.view(np.complex64)[:, 0]


def test_the_strongest_stretch_is_the_same_live_and_in_a_replay() -> None:
    """A carrier that comes, drifts and goes: the stretch decides which offset is told."""
    rate = 144e3
    t = np.arange(int(12 * rate)) / rate
    samples = noise(len(t), 0.05)
    samples += 0.2 * np.exp(2j * np.pi * (5000 * t + 400 * t * t) - ((t - 7.3) / 2.0) ** 2)
    replayed, live = (decoded(samples, rate, waiting) for waiting in (None, 1 << 20))
    assert live == replayed
    assert "a carrier without modulation" in replayed[1][-1]


@pytest.mark.parametrize("rest", [30_000, 60_000])
def test_a_signal_that_comes_at_the_end_is_looked_for_on_the_same_grid(rest: int) -> None:
    """What is kept for the mode found there is the same, and frames lie where they were sent."""
    sent = link_test("72k", frames=14, ebn0_db=8.0, sample_rate=144e3)
    size = 2 * READ_SAMPLES + rest
    scale = float(np.std(sent.samples))
    samples = np.concatenate([noise(QUIET, scale / 2), sent.samples[:size]])
    replayed, live = (decoded(samples, 144e3, waiting) for waiting in (None, 1 << 20))
    assert live == replayed
    assert sum(good for _, good, _ in replayed[0]) >= 5
    began = {frame.data: QUIET + frame.first_sample for frame in sent.frames}
    for cadu, good, place in replayed[0]:
        if good:
            assert place == pytest.approx(began[cadu], abs=30)
