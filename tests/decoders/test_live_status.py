"""live.json: what whoever looks on is told, how often, and that it is the truth."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.demodulation.observer import Row
from decoders.downlink import load_downlink
from decoders.framing.frame import Frame
from decoders.live import LiveStatus
from decoders.live_spectrum import BINS, ROW_S, ROWS, LiveSpectrum
from sdr.recording import RecordingInfo

RATE = 288e3
MODE = load_downlink("meteor_lrpt_72k").modes[0]
FRAME_S = 8192 / 72e3


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Page:
    """A status whose file is read as the web does."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder, self.read = Clock(), folder, 0
        self.status = LiveStatus(folder, monotonic=self.clock)
        self.status.opened(RecordingInfo(folder / "a", "cf32", RATE, 137.9e6, None, None, (), {}))

    def samples(self, seconds: float) -> None:
        self.read += round(seconds * RATE)
        self.status.samples(np.ones(round(seconds * RATE), np.complex64), self.read, 0.25)

    def frames(self, *good: bool) -> None:
        frame = Frame(b"", 5, 57, 1, self.read - FRAME_S * RATE, 0, 8.0, 0, (), good=True, state="as sent")
        self.status.frames([replace(frame, good=one) for one in good], MODE)

    def table(self) -> dict[str, Any] | None:
        path = self.folder / "live.json"
        return json.loads(path.read_text()) if path.exists() else None


def row(*, locked: bool) -> Row:
    symbols = np.full(128, (1 + 1j) / np.sqrt(2), np.complex64)
    return Row(1.0, -1234.5, 2.0, 7.25, locked, symbols, np.zeros(0, np.complex64))


def test_what_it_says_through_a_pass(tmp_path: Path) -> None:
    page = Page(tmp_path)
    page.samples(0.1)
    page.frames()
    table = page.table()
    assert table is not None
    assert (table["schema"], table["state"], table["frames_good"]) == (1, "searching", 0)
    assert table["newest_frame_s"] is table["ebn0_db"] is table["carrier_hz"] is None
    assert table["constellation"] == []
    page.status.row(row(locked=True))
    page.clock.now += 1.0
    page.frames(False)
    table = page.table()
    assert (table["state"], table["frames_located"], table["mode"]) == ("signal", 1, "72k")
    assert (table["ebn0_db"], table["carrier_hz"], table["lag_s"]) == (7.25, -1234.5, 0.25)
    assert table["constellation"] == 128 * [[0.707, 0.707]]
    page.samples(0.9)
    page.clock.now += 0.2
    page.frames(True, True)
    table = page.table()
    assert (table["state"], table["frames_good"], table["frames_located"]) == ("frames", 2, 3)
    assert table["newest_frame_s"] == pytest.approx(1.0, abs=1e-3)
    assert (table["samples"], table["seconds"]) == (288_000, 1.0)
    page.status.row(row(locked=False))
    page.samples(3.5)
    page.clock.now += 1.0
    page.frames()
    table = page.table()
    assert (table["state"], table["ebn0_db"], table["constellation"]) == ("searching", None, [])
    page.status.over()
    assert page.table()["state"] == "over"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live.json"]


def test_how_often_it_writes(tmp_path: Path) -> None:
    page = Page(tmp_path)
    seen = []
    for _ in range(20):
        page.frames(True)
        seen.append(page.table()["frames_good"])
        page.clock.now += 0.06
    assert len(set(seen)) == 5  # in 1.2 s, the first at once
    assert seen[0] == 1
    page.clock.now += 0.1
    page.status.waiting()  # what came too soon is not forgotten
    assert page.table()["frames_good"] == 20
    (tmp_path / "live.json").unlink()
    page.clock.now += 0.9
    page.status.waiting()
    assert page.table() is None
    page.clock.now += 0.2
    page.status.waiting()  # at least once a second while nothing comes
    assert page.table()["frames_good"] == 20


def test_a_full_disk_does_not_end_the_decoding(tmp_path: Path) -> None:
    page = Page(tmp_path / "gone")
    page.frames(True)
    page.status.over()
    assert page.table() is None


def noise(count: int, seed: int = 1) -> NDArray[np.complex64]:
    return np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32).view(np.complex64)[:, 0]


def test_the_spectrum_is_in_full_scale_per_hertz() -> None:
    """White noise of mean power 2 lies at 10 lg(2 / rate); a tone where it is."""
    spectrum = LiveSpectrum(RATE)
    assert spectrum.spectrum() is None
    for _ in range(10):
        spectrum.samples(noise(28_800))
    table = spectrum.spectrum()
    assert (table["low_hz"], table["high_hz"]) == (-144e3, 144e3)
    assert np.mean(table["dbfs_per_hz"]) == pytest.approx(10 * np.log10(2 / RATE), abs=0.5)
    tone = np.exp(2j * np.pi * 60e3 / RATE * np.arange(28_800)).astype(np.complex64)
    spectrum.samples(tone)
    density = np.array(spectrum.spectrum()["dbfs_per_hz"])
    assert -144e3 + (density.argmax() + 0.5) * RATE / BINS == pytest.approx(60e3, abs=RATE / BINS)
    assert 10 * np.log10(np.sum(10 ** (density / 10)) * RATE / BINS) == pytest.approx(0, abs=0.3)


def test_constant_samples_weaken_no_row_and_are_a_row_of_nothing() -> None:
    """Zeros of a gap, or a receiver that hangs on one value, for most of a row and for a whole one."""
    half_s = round(RATE / 2)
    for value in (0.0, 0.4 + 0.1j):
        spectrum, dead = LiveSpectrum(RATE), np.full(half_s, value, np.complex64)
        for k in range(round(4 * ROW_S)):
            spectrum.samples(noise(half_s) if k < 2 else dead)
        rows = np.frombuffer(base64.b64decode(spectrum.waterfall()["rows"]), np.uint8).reshape(-1, BINS)
        levels = spectrum.waterfall()["floor_dbfs_per_hz"] + spectrum.waterfall()["step_db"] * rows
        assert levels[0].mean() == pytest.approx(10 * np.log10(2 / RATE), abs=1)
        assert not rows[1].any()
        assert max(spectrum.spectrum()["dbfs_per_hz"]) == min(spectrum.spectrum()["dbfs_per_hz"])


def test_the_waterfall_rolls() -> None:
    spectrum = LiveSpectrum(1000.0)
    spectrum.samples(np.zeros(1500, np.complex64))
    table = spectrum.waterfall()
    assert (table["first_row"], len(base64.b64decode(table["rows"]))) == (0, BINS)
    loud = 0.01 * np.tile(np.array([1, -1], np.complex64), 1250)
    for k in range(2 * (ROWS + 20) + 1):
        spectrum.samples(loud if k == 2 * (ROWS + 19) else 0.01 * loud)
    table = spectrum.waterfall()
    rows = np.frombuffer(base64.b64decode(table["rows"]), np.uint8).reshape(-1, BINS)
    assert len(rows) == ROWS
    assert table["row_s"] == ROW_S
    assert table["first_row"] + ROWS == ROWS + 20 + 1  # the unfinished one is the last
    peaks = rows.max(axis=1).astype(float)
    steps_db = table["step_db"] * (peaks[-2] - peaks[:-3])
    assert steps_db == pytest.approx(37, abs=1)  # half of that row's samples are 40 dB louder
