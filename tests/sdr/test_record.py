"""The recording loop with receivers that lose, stall, vanish and come back, and with disks that fill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr import record_session
from sdr.errors import DeviceError
from sdr.formats import from_samples
from sdr.playback import Playback
from sdr.receiver import Block, Opened, Tuning
from sdr.record import RecordProgress, open_patiently, open_writer, record
from sdr.recording import Gap, RecordingWriter, open_recording, recording_sha256

START = datetime(2026, 3, 24, 3, 14, 15, 500_000, tzinfo=UTC)
TUNING = Tuning(137.9e6, 250_000)
RATE = 250_000


class Scripted:
    """Delivers the blocks of a script; a callable in it is called instead, an exception raised."""

    def __init__(self, script: list[Block | Exception | Callable[[], Block]]) -> None:
        self.script = script
        self.opened = 0
        self.asked: list[int] = []

    def open(self, tuning: Tuning) -> Opened:
        self.opened += 1
        return Opened(
            "script", "cs16", tuning.frequency_hz, tuning.sample_rate, notes=("a wish not granted",)
        )

    def read(self, count: int, timeout_s: float) -> Block:  # noqa: ARG002 the script says what comes
        self.asked.append(count)
        if not self.script:
            return Block(b"", ended=True)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step

    def close(self) -> None:
        pass


def ones(count: int, **more: object) -> Block:
    return Block(from_samples(np.full(count, 0.5, np.complex64), "cs16"), **more)


def run(script: list[object], stem: Path, **options: object):
    receiver = Scripted(script)
    writer = open_writer(receiver.open(TUNING), stem)
    return record(receiver, writer, reserve_bytes=0, **options), receiver


def test_the_first_sample_tells_the_start_exactly(tmp_path: Path) -> None:
    info, _ = run([Block(b""), ones(500, time=START.timestamp()), ones(500)], tmp_path / "a")
    assert info.start == START
    assert (info.sample_count, info.end) == (1000, "the source ended")
    assert info.metadata == {"hw": "script", "receiver_notes": ["a wish not granted"]}


def test_losses_before_the_first_sample_move_the_start_back(tmp_path: Path) -> None:
    info, _ = run([ones(500, time=START.timestamp(), lost=250_000, cause="warming up")], tmp_path / "a")
    assert info.start == START - timedelta(seconds=1)
    assert info.gaps == (Gap(0, 250_000, "warming up"),)


def test_every_loss_is_marked_with_its_cause(tmp_path: Path) -> None:
    script = [
        ones(100),
        ones(200, lost=50, cause="overflow"),
        ones(10, lost=7, cause="usb", lost_uncertainty=3),
    ]
    info, _ = run(script, tmp_path / "a")
    assert info.gaps == (Gap(100, 50, "overflow"), Gap(350, 7, "usb", 3))
    assert info.sample_count == 367
    with open_recording(tmp_path / "a") as reader:
        samples = reader.read(1000)
    assert np.flatnonzero(samples == 0).tolist() == [*range(100, 150), *range(350, 357)]


def test_duration_is_exact_to_the_sample(tmp_path: Path) -> None:
    info, _ = run([ones(1000) for _ in range(10)], tmp_path / "a", duration_s=2500 / RATE)
    assert (info.sample_count, info.end) == (2500, "finished")


def test_whole_blocks_are_read_to_the_end(tmp_path: Path) -> None:
    """Samples under suspicion are held back; whoever asks for the few missing ones meanwhile falls behind."""
    script = [ones(2490), *(Block(b"") for _ in range(5)), ones(1000)]
    info, receiver = run(script, tmp_path / "a", duration_s=2500 / RATE)
    assert info.sample_count == 2500
    assert set(receiver.asked) == {RATE // 10}


def test_a_gap_across_the_end_is_cut(tmp_path: Path) -> None:
    info, _ = run([ones(1000), ones(1000, lost=10_000, cause="x")], tmp_path / "a", duration_s=2500 / RATE)
    assert (info.sample_count, info.gaps) == (2500, (Gap(1000, 1500, "x"),))


def test_stop_at_is_by_the_time_of_the_samples(tmp_path: Path) -> None:
    script = [ones(1000, time=START.timestamp()), *(ones(1000) for _ in range(10))]
    info, _ = run(script, tmp_path / "a", stop_at=START + timedelta(seconds=0.01))
    assert info.sample_count == 2500


def test_a_stop_event_ends_cleanly(tmp_path: Path) -> None:
    flag = threading.Event()

    def last() -> Block:
        flag.set()
        return ones(10)

    info, receiver = run([ones(100), last, ones(1000)], tmp_path / "a", stop=flag)
    assert (info.sample_count, info.end) == (110, "stopped on request")
    assert len(receiver.script) == 1


@pytest.mark.parametrize("limit", [{"duration_s": 5}, {"stop_at": START}])
def test_a_silent_device_ends_with_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, object]
) -> None:
    now = [0.0]

    def silence() -> Block:
        now[0] += 0.5
        return Block(b"")

    monkeypatch.setattr(record_session.time, "monotonic", lambda: now[0])
    info, _ = run([silence] * 1000, tmp_path / "a", **limit)
    assert (info.sample_count, info.end) == (0, "no more samples came, and the time is over")
    assert now[0] == pytest.approx(10, abs=1)


def test_a_receiver_that_fails_is_opened_again_and_the_time_becomes_a_gap(tmp_path: Path) -> None:
    came_s: list[float] = []

    def came() -> Block:
        came_s.append(time.monotonic())
        return ones(100)

    def back() -> Block:
        time.sleep(0.3)
        return came()

    script = [came, DeviceError("unplugged"), DeviceError("still gone"), back, ones(100)]
    notes: list[str] = []
    info, receiver = run(
        script, tmp_path / "a", tuning=TUNING, timeout_s=0.1, progress=lambda state: notes.append(state.note)
    )
    assert receiver.opened == 3
    (gap,) = info.gaps
    assert gap.sample_index == 100
    away_s = came_s[1] - came_s[0]
    assert away_s >= 0.3
    assert gap.sample_count == pytest.approx(away_s * RATE, abs=0.1 * RATE)
    assert gap.cause == "receiver opened anew after: unplugged"
    assert gap.uncertainty > 0
    assert info.sample_count == 300 + gap.sample_count
    assert "the receiver failed: unplugged" in notes


def test_a_receiver_that_is_slow_to_deliver_again_is_not_opened_over_and_over(tmp_path: Path) -> None:
    script = [ones(100), DeviceError("unplugged"), *[Block(b"")] * 20, ones(100)]
    info, receiver = run(script, tmp_path / "a", tuning=TUNING)
    assert receiver.opened == 2
    assert len(info.gaps) == 1


def test_a_failure_before_the_first_sample_only_moves_the_start(tmp_path: Path) -> None:
    script = [DeviceError("busy"), ones(100, time=START.timestamp())]
    info, _ = run(script, tmp_path / "a", tuning=TUNING)
    assert (info.start, info.gaps, info.sample_count) == (START, (), 100)


def test_a_receiver_that_comes_back_different_ends_the_recording(tmp_path: Path) -> None:
    class Changed(Scripted):
        def open(self, tuning: Tuning) -> Opened:
            opened = super().open(tuning)
            return opened if self.opened == 1 else Opened("other", "cu8", 1e8, 1e6)

    receiver = Changed([ones(100), DeviceError("unplugged"), ones(100)])
    writer = open_writer(receiver.open(TUNING), tmp_path / "a")
    with pytest.raises(DeviceError, match="came back with cu8 at 1e"):
        record(receiver, writer, tuning=TUNING, reserve_bytes=0)
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.sample_count == 100
        assert reader.info.end.startswith("stopped by DeviceError")


def test_no_room_at_the_start_is_said(tmp_path: Path) -> None:
    receiver = Scripted([ones(100)])
    writer = open_writer(receiver.open(TUNING), tmp_path / "a")
    with pytest.raises(DeviceError, match=r"no room to record in .*MiB are free"):
        record(receiver, writer, reserve_bytes=1 << 62)


def test_progress_tells_level_and_clipping_and_cannot_stop_the_recording(tmp_path: Path) -> None:
    seen: list[RecordProgress] = []

    def listen(state: RecordProgress) -> None:
        seen.append(state)
        raise RuntimeError("a listener that fails")

    clipped = Block(from_samples(np.array([1 + 0j, 0, 0, 0], np.complex64), "cs16"), lost=3, cause="overflow")
    info, _ = run([ones(100), clipped, ones(4, lost=1, cause="x")], tmp_path / "a", progress=listen)
    assert info.sample_count == 112
    assert seen[-1].lost_samples == 4
    assert seen[-1].level_dbfs == pytest.approx(10 * np.log10(0.25), abs=0.01)
    assert seen[-1].clipped == 0.25


@pytest.mark.parametrize("fmt", ["cf32", "cs16", "cu8", "cs8"])
def test_a_recording_of_a_playback_is_the_recording(tmp_path: Path, fmt: str) -> None:
    rng = np.random.default_rng(7)
    with RecordingWriter(
        tmp_path / "a", format=fmt, sample_rate=RATE, center_frequency_hz=137.1e6, start=START
    ) as writer:
        for count in (3000, 1, 5000):
            writer.write((0.3 * rng.normal(size=2 * count)).astype(np.float32).view(np.complex64))
            writer.gap(count // 2 + 1, f"after {count}")
    player = Playback(tmp_path / "a", paced=False)
    opened = player.open(TUNING)
    assert opened.frequency_hz == 137.1e6
    assert "centred on 137100000 Hz, not 137900000 Hz" in opened.notes[0]
    info = record(player, open_writer(opened, tmp_path / "b"), reserve_bytes=0, block_s=0.005)
    player.close()
    with open_recording(tmp_path / "a") as reader:
        original = reader.info
    assert (info.gaps, info.start, info.sample_count) == (
        original.gaps,
        original.start,
        original.sample_count,
    )
    assert recording_sha256(tmp_path / "b") == recording_sha256(tmp_path / "a")


def test_a_paced_playback_keeps_the_radios_pace(tmp_path: Path) -> None:
    (tmp_path / "a.cu8").write_bytes(bytes(2 * RATE))
    player = Playback(tmp_path / "a.cu8", sample_rate=RATE)
    opened, began = player.open(TUNING), time.monotonic()
    info = record(player, open_writer(opened, tmp_path / "b"), reserve_bytes=0, duration_s=0.5)
    player.close()
    assert info.sample_count == RATE // 2
    # Never faster than the radio; how much slower is the machine's affair.
    assert time.monotonic() - began >= 0.45


class Late(Scripted):
    """Is there at the third try."""

    def open(self, tuning: Tuning) -> Opened:
        opened = super().open(tuning)
        if self.opened < 3:
            raise DeviceError(f"no radio at try {self.opened}")
        return opened


def test_a_receiver_that_comes_late_is_waited_for() -> None:
    reasons: list[str] = []
    until = datetime.now(UTC) + timedelta(seconds=30)
    assert open_patiently(Late([]), TUNING, until, told=reasons.append, retry_s=0.01).device == "script"
    assert reasons == ["no radio at try 1", "no radio at try 2"]


def test_what_the_radio_really_took_stands_in_the_metadata(tmp_path: Path) -> None:
    facts = {"ppm": 1.5, "gains_db": {"LNA": 12.0}, "bias_tee": True}
    opened = Opened("a radio", "cs16", 1e8, 250e3, facts=facts)
    writer = open_writer(opened, tmp_path / "a", durable=False)
    writer.write_raw(bytes(4000))
    writer.close()
    with open_recording(tmp_path / "a", format="sigmf") as reader:
        assert reader.info.metadata == {"hw": "a radio", **facts}


def test_a_receiver_that_never_comes_is_given_up() -> None:
    with pytest.raises(DeviceError, match="no radio at try 1"):
        open_patiently(Late([]), TUNING, datetime.now(UTC))
    flag = threading.Event()
    flag.set()
    with pytest.raises(DeviceError, match="no radio at try 1"):
        open_patiently(Late([]), TUNING, datetime.now(UTC) + timedelta(days=1), stop=flag)
