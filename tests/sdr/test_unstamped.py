"""Samples of a device that tells no losses, and the clock that watches over them."""

from __future__ import annotations

import time

import pytest

from sdr.unstamped import Unstamped

RATE, BATCH = 1_024_000, 16_384
SUSPENDED_S = 60.0


def test_what_a_suspended_machine_did_not_receive_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dongle's server on another machine goes on, and drops what nobody fetches."""
    running = {time.CLOCK_MONOTONIC: 100.0, time.CLOCK_MONOTONIC_RAW: 90.0, time.CLOCK_BOOTTIME: 700.0}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: running[clock])
    unstamped = Unstamped(RATE, 2, utc=lambda: 1e9 + running[time.CLOCK_BOOTTIME])
    blocks = []
    for number in range(1000):
        if number == 500:
            running[time.CLOCK_BOOTTIME] += SUSPENDED_S
        for clock in running:
            running[clock] += BATCH / RATE
        unstamped.put(bytes(2 * BATCH), BATCH / RATE)
        while block := unstamped.take(1 << 20):
            blocks.append(block)
    (number,) = (at for at, block in enumerate(blocks) if block.lost)
    lost = blocks[number]
    received = sum(len(block.raw) // 2 for block in blocks[:number])
    assert lost.lost == pytest.approx(SUSPENDED_S * RATE, abs=lost.lost_uncertainty)
    assert received == pytest.approx(500 * BATCH, abs=lost.lost_uncertainty)
    assert lost.lost_uncertainty <= 2 * BATCH
    before, after = blocks[0].time, blocks[-1].time
    assert before is not None
    assert after is not None
    samples = sum(len(block.raw) // 2 for block in blocks[:-1])
    assert after - before == pytest.approx(samples / RATE + SUSPENDED_S, abs=0.01)
