"""Stamps of a device: losses, times, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from sdr.errors import DeviceError
from sdr.stamped import Stamped, align

RATE = 1e6


class Clock:
    """Seconds that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_the_quickest_answer_aligns_the_clocks() -> None:
    utc, waits = Clock(1000.0), iter([0.5, 0.01, 0.3, 0.2, 0.4])

    def device_ns() -> int:
        utc.now += (wait := next(waits)) / 2
        answer = round((utc.now - 990.0) * 1e9)
        utc.now += wait / 2
        return answer

    offset_s, uncertainty_s = align(device_ns, utc)
    assert offset_s == pytest.approx(990.0, abs=1e-6)
    assert uncertainty_s == pytest.approx(0.005)


def test_losses_and_times_by_the_stamps() -> None:
    stamped = Stamped(RATE, 2, 5000.0, Clock(0.0), Clock(0.0))
    first = stamped.block(bytes(2000), 7_000_000_000, "overflow")
    second = stamped.block(bytes(2000), 7_001_000_400, "overflow")  # 0.4 samples late: rounding
    third = stamped.block(bytes(2000), 7_002_000_000 + 123_000, "overflow")
    assert [block.lost for block in (first, second, third)] == [0, 0, 123]
    assert [block.cause for block in (first, second, third)] == ["", "", "overflow"]
    assert third.time == pytest.approx(5007.002123, abs=1e-6)


def test_without_a_clock_to_ask_the_arrival_tells_the_time() -> None:
    stamped = Stamped(RATE, 2, None, Clock(100.0), Clock(0.0))
    assert stamped.block(bytes(2 * 500_000), 0, "").time == pytest.approx(99.5)


@pytest.mark.parametrize("jump_s", [-0.5, -1e-5, 61.0, 1e9])
def test_stamps_that_cannot_be_are_no_loss_to_fill(jump_s: float) -> None:
    stamped = Stamped(RATE, 2, 0.0, Clock(0.0), Clock(0.0))
    stamped.block(bytes(2000), 10**18, "")
    with pytest.raises(DeviceError, match=r"time jumps by .* s while 0\.0 s pass"):
        stamped.block(bytes(2000), 10**18 + 1_000_000 + round(jump_s * 1e9), "")


def test_a_long_standstill_is_a_loss() -> None:
    monotonic = Clock(0.0)
    stamped = Stamped(RATE, 2, 0.0, Clock(0.0), monotonic)
    stamped.block(bytes(2000), 0, "")
    monotonic.now = 100.0
    assert stamped.block(bytes(2000), 100_000_000_000, "").lost == 99_999_000


@pytest.mark.parametrize("rate", [2.4e6, 3.2e6, 10e6, 20e6, 61.44e6])
def test_stamps_from_1970_lose_nothing_and_show_one_sample(rate: float) -> None:
    """A radio that keeps UTC, as a GPS receiver sets it: a float of its ns would have steps of 256."""
    began_ns, mtu, missing = 1_763_000_000 * 10**9, 4093, 0
    stamped, found = Stamped(rate, 4, 0.0), {}
    for number in range(2000):
        missing += number == 1234
        block = stamped.block(bytes(4 * mtu), began_ns + round((number * mtu + missing) * 1e9 / rate), "x")
        found |= {number: block.lost} if block.lost else {}
    assert found == {1234: 1}


def test_stamps_in_whole_ticks_of_a_slower_clock_are_no_nonsense() -> None:
    stamped = Stamped(3.2e6, 2, 0.0, Clock(0.0), Clock(0.0))
    stamped.block(bytes(2 * 1000), 0, "")
    assert stamped.block(bytes(2 * 1000), 312_000, "").lost == 0  # 1.6 samples early: whole microseconds


@pytest.mark.parametrize("ppm", [-50.0, 0.0, 50.0])
def test_times_stay_true_while_the_crystal_runs_away(ppm: float) -> None:
    """6 h of a device that nothing disciplines, on a machine that is late more often than not."""
    random = np.random.default_rng(4)
    now, device_ns, raw = [1e9], 0, bytes(2 * 1000)
    stamped = Stamped(1000.0, 2, 1e9, lambda: now[0], lambda: 0.0)
    for number in range(6 * 3600):
        began = 1e9 + number / (1 + ppm * 1e-6)
        now[0] = began + 1 / (1 + ppm * 1e-6) + 0.02 + random.exponential(0.01)
        block = stamped.block(raw, device_ns, "overflow")
        device_ns += 10**9
        assert block.lost == 0
        assert block.time == pytest.approx(began, abs=0.01)


@pytest.mark.parametrize("step_s", [-3600.0, 0.5])
def test_a_clock_that_is_set_is_no_drift(step_s: float) -> None:
    now, device_ns = [1e9], 0
    stamped = Stamped(1000.0, 2, 1e9, lambda: now[0], lambda: 0.0)
    for number in range(600):
        now[0] = 1e9 + number + 1 + (step_s if number > 200 else 0.0)
        block = stamped.block(bytes(2 * 1000), device_ns, "overflow")
        assert block.time == pytest.approx(1e9 + number, abs=1e-6)
        device_ns += 10**9
