"""The loss clock against a model of arrivals: losses are found within their uncertainty, nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sdr.loss_clock import NETWORK_PATIENCE_S, ClockLoss, LossClock, visible_loss_s
from tests.sdr.arrivals import Machine, arrivals

QUIET = Machine()
MACHINES = {
    "quiet": QUIET,
    "crystal 100 ppm fast": replace(QUIET, ppm=100),
    "crystal 100 ppm slow": replace(QUIET, ppm=-100),
    "busy": replace(QUIET, busy=0.3),
    "very busy": replace(QUIET, busy=0.6, ppm=40),
    "stalling": replace(QUIET, busy=0.2, stall_every_s=10, stall_s=1.0),
    "small transfers": replace(QUIET, batch=512, busy=0.02),
    "large batches in pieces": Machine(2.4e6, 30, 131_072, 48_000, 0.2),
}


def run(
    machine: Machine, losses: list[tuple[int, int]], seconds: float, seed: int
) -> tuple[list[ClockLoss], LossClock, float]:
    clock, found, visible_s = LossClock(machine.rate), [], 0.0
    for arrival in arrivals(machine, losses, seconds, np.random.default_rng(seed)):
        found += clock.arrived(arrival.time_s, arrival.count, arrival.waited_s)
        visible_s = max(visible_s, clock.visible_s)
        assert clock.judged <= clock.count
    return found, clock, visible_s


def random_losses(machine: Machine, count: int, seed: int) -> list[tuple[int, int]]:
    """At random places 3 to 6 s apart, from twice what a quiet machine sees to a second."""
    random = np.random.default_rng(seed)
    places = np.cumsum(random.uniform(3, 6, count) * machine.rate).astype(int)
    shortest = 4 * visible_loss_s(machine.batch / machine.rate)
    lengths = np.exp(random.uniform(np.log(shortest), 0, count)) * machine.rate
    return list(zip(places.tolist(), lengths.astype(int).tolist(), strict=True))


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_is_lost_where_nothing_is_missing(name: str) -> None:
    found, clock, _ = run(MACHINES[name], [], 120, 1)
    assert found == []
    assert clock.judged > 0.95 * clock.count


@pytest.mark.parametrize("name", MACHINES)
def test_losses_are_found_within_their_uncertainty(name: str) -> None:
    machine = MACHINES[name]
    right = seen = extra = 0
    for seed in range(4):
        losses = random_losses(machine, 15, seed)
        found, _, visible_s = run(machine, losses, losses[-1][0] / machine.rate + 4, seed)
        for place, length in losses:
            near = [one for one in found if abs(one.place - place) < machine.rate]
            if not near and length < 2 * visible_s * machine.rate:
                continue  # too short to be seen on that machine at its worst
            seen += 1
            right += any(
                abs(one.place - place) <= one.uncertainty and abs(one.length - length) <= one.uncertainty
                for one in near
            )
        extra += max(len(found) - len(losses), 0)
    assert seen >= 30
    assert right >= 0.95 * seen
    assert extra <= 0.05 * seen  # one loss told as two next to each other, on a very busy machine


@pytest.mark.parametrize("name", ["quiet", "busy", "large batches in pieces", "small transfers"])
def test_a_loss_while_the_clock_still_learns_is_where_it_is_said_to_be(name: str) -> None:
    machine = MACHINES[name]
    for number in range(30):
        place = round((0.1 + 0.02 * number) * machine.rate)
        ((loss, *more), clock, _) = run(machine, [(place, round(0.1 * machine.rate))], 6, number)
        assert not more
        assert abs(loss.place - place) <= loss.uncertainty
        assert abs(loss.length - 0.1 * machine.rate) <= loss.uncertainty
        assert clock.judged > 0.9 * clock.count


def test_the_total_of_losses_is_kept() -> None:
    """What was read too short at one place is made good at the next: the clock never runs away."""
    losses = random_losses(QUIET, 30, 7)
    found, _, _ = run(MACHINES["very busy"], losses, losses[-1][0] / QUIET.rate + 4, 7)
    total = sum(length for _, length in losses)
    assert sum(one.length for one in found) == pytest.approx(total, abs=0.03 * QUIET.rate)


def test_a_reader_that_stalls_and_catches_up_slowly_lost_nothing() -> None:
    """5 s of standstill, then 1.2 times the speed of life for half a minute."""
    clock, found, time_s = LossClock(QUIET.rate), [], 0.0
    for number in range(1, 2000):
        taken_s = number * 8192 / QUIET.rate
        if number == 300:
            time_s += 5.0
        time_s = max(taken_s, time_s + 8192 / QUIET.rate / 1.2)
        found += clock.arrived(time_s, 8192, 0.001)
    assert found == []
    assert clock.judged == clock.count


def test_a_queue_in_the_network_that_stands_for_seconds_is_no_loss() -> None:
    """30 ms later for 3 s, then as before; what is late for good is a loss there as well."""
    clock, found = LossClock(QUIET.rate, NETWORK_PATIENCE_S), []
    for number in range(1, 600):
        taken_s = number * 8192 / QUIET.rate
        late_s = 0.03 if 5 < taken_s < 8 else 0.1 if taken_s > 12 else 0.0
        found += clock.arrived(taken_s + late_s, 8192, 0.005)
    (loss,) = found
    assert loss.length == pytest.approx(0.1 * QUIET.rate, abs=loss.uncertainty)
    assert loss.place == pytest.approx(12 * QUIET.rate, abs=loss.uncertainty)


@pytest.mark.parametrize("for_good", [False, True])
def test_a_loss_that_later_samples_disprove_is_owned_up_to(
    caplog: pytest.LogCaptureFixture, for_good: bool
) -> None:
    """Late for longer than the clock has patience, and then as before: the zeros are in the file by then."""
    clock, found = LossClock(QUIET.rate), []
    for number in range(1, 600):
        taken_s = number * 8192 / QUIET.rate
        late_s = 0.1 if 5 < taken_s < 8 or (for_good and taken_s > 5) else 0.0
        found += clock.arrived(taken_s + late_s, 8192, 0.005)
    (loss,) = found
    told = [record.getMessage() for record in caplog.records]
    words = f"the loss of {loss.length} samples told behind sample {loss.place} was probably none"
    assert [one[: len(words)] for one in told] == ([] if for_good else [words])


def test_a_told_overflow_is_placed_exactly_and_measured() -> None:
    clock, found = LossClock(QUIET.rate), []
    for number in range(1, 200):
        lost = 500 if number > 100 else 0
        if number == 101:
            clock.overflowed()
        found += clock.arrived((number * 2048 + lost) / QUIET.rate, 2048, 0.005)
    (loss,) = found
    assert loss.place == 100 * 2048
    assert abs(loss.length - 500) <= loss.uncertainty


def test_time_of_samples() -> None:
    clock = LossClock(QUIET.rate)
    for arrival in arrivals(MACHINES["busy"], [], 20, np.random.default_rng(3)):
        clock.arrived(1000 + arrival.time_s, arrival.count, arrival.waited_s)
    assert clock.time_of(0) == pytest.approx(1000, abs=0.002)
    assert clock.time_of(2_500_000) == pytest.approx(1010, abs=0.002)


def test_losses_without_end_are_told_in_sum() -> None:
    """A machine too weak for its radio: 1 ms is lost 20 times a second, each time too little to be seen."""
    clock, told, lost, time_s = LossClock(QUIET.rate), 0, 0, 0.0
    for number in range(1, 2000):
        if number > 200 and number % 4 == 0:
            lost += round(0.001 * QUIET.rate)
        time_s = (number * 2048 + lost) / QUIET.rate
        told += sum(one.length for one in clock.arrived(time_s, 2048, 0.004))
    assert told == pytest.approx(lost, rel=0.1)


def test_a_busy_instant_before_a_long_loss_is_no_loss_of_its_own() -> None:
    """As it was on a busy machine: four times a little later within 0.1 s, then half a second is missing."""
    late_s = dict(zip(range(610, 622, 3), (0.0048, 0.0062, 0.0075, 0.0272), strict=True))
    clock, found = LossClock(QUIET.rate), []
    for number in range(1, 1200):
        lost_s = 0.0 if number < 620 else 0.54
        busy_s = late_s.get(number, 0.03 if 609 < number < 620 else 0.0)
        found += clock.arrived(number * 2048 / QUIET.rate + lost_s + busy_s, 2048, 0.005)
    (loss,) = found
    assert abs(loss.length - 0.54 * QUIET.rate) <= loss.uncertainty
    assert abs(loss.place - 619 * 2048) <= loss.uncertainty


@pytest.mark.parametrize("lost", [False, True])
def test_what_a_reader_without_a_pause_misses_may_still_wait_for_it(lost: bool) -> None:
    """0.3 s behind for 3 s and never waiting, then it catches up, unless something is missing indeed."""
    clock, found = LossClock(QUIET.rate), []
    for number in range(1, 3000):
        taken_s = number * 2048 / QUIET.rate
        behind = taken_s > 5 if lost else 5 < taken_s < 8
        found += clock.arrived(taken_s + 0.3 * behind, 2048, 0.0 if behind else 0.005)
    assert [abs(loss.length - 0.3 * QUIET.rate) <= loss.uncertainty for loss in found] == [True] * lost
    assert clock.judged == clock.count


def test_a_reader_that_falls_behind_has_lost_nothing() -> None:
    """It never waits: what it gets has waited for it."""
    clock, found = LossClock(QUIET.rate), []
    for number in range(1, 1000):
        slow_s = 0.0003 * max(number - 200, 0)
        found += clock.arrived(number * 2048 / QUIET.rate + slow_s, 2048, 0.004 if number <= 200 else 0.0)
    assert found == []
