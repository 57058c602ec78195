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
    stamped = Stamped(RATE, 2, 5000.0, monotonic=Clock(0.0))
    first = stamped.block(bytes(2000), 7_000_000_000, "overflow")
    second = stamped.block(bytes(2000), 7_001_000_400, "overflow")  # 0.4 samples late: rounding
    third = stamped.block(bytes(2000), 7_002_000_000 + 123_000, "overflow")
    assert [block.lost for block in (first, second, third)] == [0, 0, 123]
    assert [block.cause for block in (first, second, third)] == ["", "", "overflow"]
    assert third.time == pytest.approx(5007.002123, abs=1e-6)


@pytest.mark.parametrize("jump_s", [-0.5, -1e-5, 61.0, 1e9])
def test_stamps_that_cannot_be_are_no_loss_to_fill(jump_s: float) -> None:
    stamped = Stamped(RATE, 2, 0.0, monotonic=Clock(0.0))
    stamped.block(bytes(2000), 10**18, "")
    with pytest.raises(DeviceError, match=r"time jumps by .* s while 0\.0 s pass"):
        stamped.block(bytes(2000), 10**18 + 1_000_000 + round(jump_s * 1e9), "")


def test_a_long_standstill_is_a_loss() -> None:
    monotonic = Clock(0.0)
    stamped = Stamped(RATE, 2, 0.0, monotonic=monotonic)
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
    stamped = Stamped(3.2e6, 2, 0.0, monotonic=Clock(0.0))
    stamped.block(bytes(2 * 1000), 0, "")
    assert stamped.block(bytes(2 * 1000), 312_000, "").lost == 0  # 1.6 samples early: whole microseconds


class Device:
    """Sends a block a second; its crystal runs fast by that, the computer's clock is set as a test likes.

    Attributes:
        set_s: by how much the computer's clock has been set.
        wait_s: how long an answer takes to come back; there it was told as soon as it was asked.
        fails: whether it answers at all.
    """

    def __init__(self, ppm: float = 0.0) -> None:
        self.scale = 1 + ppm * 1e-6
        self.set_s = self.wait_s = 0.0
        self.fails = False
        self._seconds = 0
        self._true = Clock(0.0)
        self._stamped = Stamped(1000.0, 2, 1e9, self._ask, self._true)

    def blocks(self, seconds: int, late_s: float = 0.0) -> list[float]:
        """Errors of the times of the next blocks, which arrive that late."""
        errors = []
        for second in range(self._seconds, self._seconds + seconds):
            self._true.now = (second + 1) / self.scale + late_s
            block = self._stamped.block(bytes(2 * 1000), second * 10**9, "overflow")
            assert block.lost == 0
            assert block.time is not None
            errors.append(block.time - 1e9 - second / self.scale)
        self._seconds += seconds
        return errors

    def _ask(self) -> tuple[float, float]:
        if self.fails:
            raise DeviceError("no such function")
        return 1e9 + self.set_s + self._true.now * (1 - self.scale) + self.wait_s / 2, self.wait_s / 2


@pytest.mark.parametrize("ppm", [-50.0, 0.0, 50.0])
def test_times_stay_true_while_the_crystal_runs_away(ppm: float) -> None:
    """6 h of a device that nothing disciplines, on a machine that is slow to ask it every now and then."""
    device, random = Device(ppm), np.random.default_rng(4)
    for _ in range(6 * 60):
        device.wait_s = random.exponential(0.002)
        assert max(map(abs, device.blocks(60, late_s=random.exponential(0.1)))) < 0.02


def test_samples_that_are_late_for_hours_move_no_time() -> None:
    device = Device()
    errors = device.blocks(120) + device.blocks(3 * 3600, late_s=0.08) + device.blocks(600)
    assert max(map(abs, errors)) < 1e-6


@pytest.mark.parametrize("step_s", [-3600.0, 0.03, -0.03, 0.5, 2.0])
@pytest.mark.parametrize("after_s", [200, 4 * 3600])
def test_a_clock_that_is_set_is_no_drift(step_s: float, after_s: int) -> None:
    device = Device()
    errors = device.blocks(after_s)
    device.set_s = step_s
    assert max(map(abs, errors + device.blocks(4 * 3600))) < 1e-6
    device.set_s = 0.0
    assert max(map(abs, device.blocks(600))) < 1e-6


def test_an_answer_that_took_long_or_none_changes_nothing() -> None:
    device = Device()
    device.wait_s = 0.006
    assert max(map(abs, device.blocks(600))) < 1e-6
    device.fails = True
    assert max(map(abs, device.blocks(600))) < 1e-6
