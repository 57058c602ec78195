"""The decoder behind a recording that grows in real time: delay, lag, and the same bytes as from a replay."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders import iq_source
from decoders.decode import DecodeRequest, decode
from decoders.pace import BEHIND_S, Pace
from sdr.recording import RecordingWriter
from sim.link_test import link_test


class Receiver(threading.Thread):
    """Writes samples as they come off an antenna, `speed` times as fast as life."""

    def __init__(
        self,
        stem: Path,
        samples: NDArray[np.complex64],
        sample_rate: float,
        speed: float,
        center_frequency_hz: float | None = None,
    ) -> None:
        super().__init__()
        self._writer = RecordingWriter(
            stem, format="cf32", sample_rate=sample_rate, center_frequency_hz=center_frequency_hz, start=None,
            commit_interval_s=0.05, durable=False,
        )  # fmt: skip
        self._samples, self._sample_rate, self._speed = samples, sample_rate, speed
        self.lateness_s = 0.0

    def run(self) -> None:
        step = max(int(self._sample_rate * 0.05), 1)
        began = time.monotonic()
        for at in range(0, len(self._samples), step):
            due = began + (at + step) / self._sample_rate / self._speed
            self.lateness_s = max(self.lateness_s, time.monotonic() - due)
            time.sleep(max(due - time.monotonic(), 0))
            self._writer.write(self._samples[at : at + step])
        self._writer.close()


def follow(
    folder: Path, downlink: str, samples: NDArray[np.complex64], sample_rate: float, speed: float = 1.0
) -> tuple[dict[str, Any], list[float], Receiver]:
    """The report of a live decoding, the lags it told, and the receiver."""
    receiver = Receiver(folder / "live", samples, sample_rate, speed)
    receiver.start()
    lags: list[float] = []
    request = DecodeRequest(
        input=folder / "live.sigmf-data", downlink=downlink, out=folder / "live-out", follow=True
    )
    decode(request, lag=lags.append)
    receiver.join()
    return json.loads((folder / "live-out/run.json").read_text()), lags, receiver


def replayed(folder: Path, downlink: str) -> None:
    decode(DecodeRequest(input=folder / "live.sigmf-data", downlink=downlink, out=folder / "replay-out"))


def frames(folder: Path) -> bytes:
    return (folder / "frames.cadu").read_bytes()


# downlink, simulator's mode, samples per second, frames, largest delay besides the frame itself
LIVE = [
    ("meteor_lrpt_72k", "72k", 288e3, 36, 1.2),
    ("metop_ahrpt", "metop_ahrpt", 4e6, 400, 0.5),
]


@pytest.mark.parametrize(("downlink", "mode", "sample_rate", "count", "delay_s"), LIVE)
def test_live_gives_what_a_replay_gives_and_soon(
    tmp_path: Path, downlink: str, mode: str, sample_rate: float, count: int, delay_s: float
) -> None:
    sent = link_test(mode, frames=count, ebn0_db=6.0, sample_rate=sample_rate)
    speed = 1.0 if sample_rate < 1e6 else 0.25  # the delay is counted in samples
    pace, _, _ = follow(tmp_path, downlink, sent.samples, sample_rate, speed)
    replayed(tmp_path, downlink)
    assert frames(tmp_path / "live-out") == frames(tmp_path / "replay-out") == b"".join(sent.complete)
    assert (tmp_path / "live-out/report.json").read_bytes() == (
        tmp_path / "replay-out/report.json"
    ).read_bytes()
    assert pace["largest_frame_delay_s"] < delay_s
    assert 0 < sum(pace["cpu_s_per_s"].values()) < (0.5 if sample_rate < 1e6 else 5)


def test_a_decoder_that_is_too_slow_says_so_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that takes 1.5 times as long as the samples to come falls 2 s behind; the recording goes on."""
    sent = link_test("72k", frames=60, ebn0_db=6.0, sample_rate=250e3)
    opened = iq_source.open_demodulator

    def throttled(*arguments: Any) -> Any:
        demodulator = opened(*arguments)
        process = demodulator.process

        def slow(samples: NDArray[np.complex64], *, patient: bool) -> Any:
            time.sleep(0.2 * len(samples) / 65_536)
            return process(samples, patient=patient)

        demodulator.process = slow
        return demodulator

    monkeypatch.setattr(iq_source, "open_demodulator", throttled)
    table, lags, receiver = follow(tmp_path, "meteor_lrpt_72k", sent.samples, 250e3, speed=2.0)
    monkeypatch.undo()
    assert receiver.lateness_s < 1.0  # the receiver was never held up
    assert (tmp_path / "live.sigmf-data").stat().st_size == 8 * len(sent.samples)
    worst = int(np.argmax(lags))
    assert lags[worst] > BEHIND_S > lags[0]
    assert lags[-1] < 0.3  # it has caught up
    assert table["largest_lag_s"] == pytest.approx(max(lags), abs=0.6)
    assert any("behind the recording" in message for message in table["messages"])
    replayed(tmp_path, "meteor_lrpt_72k")
    assert frames(tmp_path / "live-out") == frames(tmp_path / "replay-out") == b"".join(sent.complete)


def test_pace_counts() -> None:
    seconds = iter([0.0, 0.25, 10.0, 10.5])
    pace = Pace(1000.0, cpu_time=lambda: next(seconds))
    for _ in range(2):
        with pace.stage("decode"):
            pace.read(1000, 3000)
    pace.frame(1500.0)
    assert pace.table["cpu_s_per_s"] == {"decode": 0.375}
    assert pace.table["largest_frame_delay_s"] == 0.5
    assert pace.note is not None
    assert "up to 3.0 s behind" in pace.note
    assert Pace(1000.0).table["cpu_s_per_s"] == {}
    assert Pace(1000.0).note is None
