"""The whole chain to the disk: a simulated radio behind rtl_tcp, the recorder, and a reader that follows."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sdr.receiver import Tuning
from sdr.record import open_writer, record
from sdr.recording import open_recording
from sdr.rtl_tcp import RtlTcp
from sim.impairments import Gaps, Impairments
from sim.packet_source import FillSource
from sim.receiver import SimulatedReceiver
from sim.request import PassSimulation
from sim.rtl_tcp_server import RtlTcpServer

START = datetime(2026, 1, 1, tzinfo=UTC)
TUNING = Tuning(137.9e6, 250_000)


def request(**changes: object) -> PassSimulation:
    return PassSimulation(
        None, None, START, START + timedelta(seconds=20), ebn0_db=10.0, mode="m2_72k", **changes
    )


def test_live_and_replay_give_the_same_blocks(tmp_path: Path) -> None:
    live: list[bytes] = []
    seen_at: list[float] = []

    def follow() -> None:
        with open_recording(tmp_path / "a", follow=True) as reader:
            for block in reader.blocks(20_000):
                live.append(block.tobytes())
                seen_at.append(time.monotonic())

    with RtlTcpServer(request(), source=FillSource()) as server:
        receiver = RtlTcp(port=server.port)
        writer = open_writer(receiver.open(TUNING), tmp_path / "a")
        follower = threading.Thread(target=follow)
        follower.start()
        began = time.monotonic()
        info = record(receiver, writer, duration_s=3.0, tuning=TUNING)
        receiver.close()
        follower.join(10)
    assert (info.sample_count, info.gaps, info.end) == (750_000, (), "finished")
    assert abs(info.start.timestamp() - time.time()) < 60
    with open_recording(tmp_path / "a") as reader:
        replay = [block.tobytes() for block in reader.blocks(20_000)]
    assert live == replay
    # Seen while it was received: half of the blocks well before the end.
    assert seen_at[len(seen_at) // 2] - began < 2.7
    samples = np.concatenate([np.frombuffer(block, np.complex64) for block in replay])[250_000:]
    # QPSK to the fourth power has lines half a symbol rate to both sides of the carrier; noise has none.
    power = np.abs(np.fft.fft(samples[: 1 << 18] ** 4))
    assert power.max() > 20 * np.median(power)


def test_losses_of_the_simulated_radio_are_marked_at_their_place(tmp_path: Path) -> None:
    gaps = Gaps(at=((1.0, 0.01), (4.2, 0.002)))
    receiver = SimulatedReceiver(request(impairments=Impairments(gaps=gaps)), source=FillSource())
    opened = receiver.open(TUNING)
    info = record(receiver, open_writer(opened, tmp_path / "a"), duration_s=5.0)
    receiver.close()
    assert (info.start, info.sample_count) == (START, 1_250_000)
    assert [(gap.sample_index, gap.sample_count) for gap in info.gaps] == [(250_000, 2500), (1_050_000, 500)]
    with open_recording(tmp_path / "a") as reader:
        samples = reader.read(2_000_000)
    lost = np.zeros(len(samples), bool)
    lost[250_000:252_500] = lost[1_050_000:1_050_500] = True
    assert not samples[lost].any()
    assert np.count_nonzero(samples[~lost] == 0) < 100  # noise is hardly ever exactly zero
