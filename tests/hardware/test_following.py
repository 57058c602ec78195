"""Following with a simulated clock and rotators that stall, run away, go silent, or count modulo 360."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from hardware.errors import RotatorError
from hardware.follow import follow
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.rotator_model import RotatorModel
from hardware.safety import Inhibit
from hardware.track import TrackPlan, plan_track
from hardware.watch import MotionWatch

LIMITS = Limits(0, 450, 0, 90)
AXIS = Axis(6.0, 6.0, resolution_deg=0.5)
MODEL = RotatorModel(LIMITS, AXIS, AXIS)


@dataclass
class Rotator:
    """A rotator of a given speed on its own clock."""

    speed_deg_s: float = 6.0
    modulo: bool = False
    stall_at: float = np.inf
    runaway_at: float = np.inf
    away: tuple[float, float] = (np.inf, np.inf)
    now: float = 0.0
    at: list[float] = field(default_factory=lambda: [0.0, 0.0])
    target: list[float] = field(default_factory=lambda: [0.0, 0.0])
    stopped_at: float | None = None
    stops: list[float] = field(default_factory=list)
    parked_at: float | None = None
    park_position: tuple[float, float] | None = None
    log: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def clock(self) -> dict[str, Callable]:
        """For `follow`."""
        return {"now": lambda: self.now, "steady": lambda: self.now, "sleep": self.sleep}

    def sleep(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now += 0.01
            for axis in (0, 1):
                self.at[axis] += self._step(axis)

    def _step(self, axis: int) -> float:
        most = 0.01 * self.speed_deg_s
        if self.now >= self.runaway_at and axis == 0 and self.stopped_at is None:
            return most
        if self.now >= self.stall_at or self.stopped_at is not None:
            return 0.0
        return min(max(self.target[axis] - self.at[axis], -most), most)

    def _contact(self) -> None:
        if self.away[0] <= self.now < self.away[1]:
            raise RotatorError("no answer")

    def position(self) -> tuple[float, float]:
        self._contact()
        return (self.at[0] % 360 if self.modulo else self.at[0]), self.at[1]

    def point(self, azimuth_deg: float, elevation_deg: float) -> None:
        self._contact()
        assert LIMITS.allow(azimuth_deg, elevation_deg)
        self.target, self.stopped_at = [azimuth_deg, elevation_deg], None
        self.log.append((self.now, azimuth_deg, elevation_deg))

    def stop(self) -> None:
        self._contact()
        self.stopped_at = self.now
        self.stops.append(self.now)

    def park(self) -> None:
        self._contact()
        self.parked_at, self.stopped_at = self.now, None
        if self.park_position is not None:
            self.target = list(self.park_position)

    def unpark(self) -> None:
        self.unparked_at = self.now


def overhead_pass(start: float = 60.0, model: RotatorModel = MODEL) -> TrackPlan:
    """300 over north to 60 degrees in 400 s, culmination 50 degrees."""
    time = start + np.arange(401.0)
    share = 0.5 + np.arctan(np.linspace(-4, 4, 401)) / (2 * np.arctan(4))
    elevation = 50 * np.sin(np.pi * np.linspace(0, 1, 401))
    weight = np.ones(401)
    return plan_track(
        time, (300 + 120 * share) % 360, elevation, model, 10.0, weight=weight, from_direction=(0, 0)
    )


@pytest.mark.parametrize("modulo", [False, True])
def test_a_healthy_rotator_follows_within_the_dead_band(modulo: bool) -> None:
    rotator = Rotator(modulo=modulo)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert report.fault == ""
    assert report.notes == ()
    assert report.worst_error_deg < 1.5 + 0.5 * 0.6  # dead band, and the motion of one look
    azimuths = [azimuth for _, azimuth, _ in rotator.log]
    assert np.abs(np.diff(azimuths)).max() < 5  # north was crossed without unwinding
    assert report.commands == len(azimuths) < 500


def test_the_start_is_reached_before_the_pass() -> None:
    rotator = Rotator()
    plan = overhead_pass(start=60)
    report = follow(rotator, plan, **rotator.clock)
    assert rotator.log[0] == (0.0, pytest.approx(300), pytest.approx(0))
    assert report.arrived


def test_a_stall_stops_the_rotator_within_three_seconds() -> None:
    rotator = Rotator(stall_at=200.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert "stands still" in report.fault
    # The command moves by 0.5 degrees in some seconds here: three steps of 1 degree take longer than 2 s.
    assert 200 < rotator.stops[0] < 213
    assert rotator.stopped_at == rotator.stops[-1]


def test_a_stall_on_the_way_to_the_start_is_seen_too() -> None:
    rotator = Rotator(stall_at=10.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert "azimuth stands still" in report.fault
    assert 10 < rotator.stops[0] < 12


def test_a_runaway_stops_the_rotator() -> None:
    rotator = Rotator(runaway_at=100.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert "azimuth runs away" in report.fault
    assert 100 < rotator.stops[0] < 104


def test_lost_contact_is_noted_and_the_pass_goes_on() -> None:
    rotator = Rotator(away=(150.0, 170.0))
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert report.fault == ""
    assert report.away_s == pytest.approx(20, abs=1)
    assert len(report.notes) == 2


def test_after_lost_contact_it_is_commanded_anew_even_to_the_same_place() -> None:
    """Whoever restarted the controller may have left it anywhere."""
    rotator = Rotator(away=(50.0, 60.0))
    plan = plan_track(np.arange(101.0), np.full(101, 30.0), np.full(101, 20.0), MODEL, 10.0)
    follow(rotator, plan, **rotator.clock)
    assert len(rotator.log) == 2
    assert rotator.log[1] == (pytest.approx(60, abs=1), *plan.start)


def test_contact_that_never_comes_ends_with_the_pass() -> None:
    rotator = Rotator(away=(0.0, np.inf))
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert report.commands == 0
    assert report.away_s > 400


def test_a_stop_flag_stops_the_rotator() -> None:
    rotator, flag = Rotator(), threading.Event()

    def sleep(seconds: float) -> None:
        rotator.sleep(seconds)
        if rotator.now > 100:
            flag.set()

    follow(rotator, overhead_pass(), **(rotator.clock | {"sleep": sleep}), stop=flag)
    assert rotator.stopped_at == pytest.approx(100, abs=1)


def test_an_unavoidable_unwinding_is_no_fault() -> None:
    """A 0 … 360 rotator goes the long way round in mid-pass; that is neither a stall nor a runaway."""
    plan = overhead_pass(model=RotatorModel(Limits(), AXIS, AXIS))
    assert plan.unwind is not None
    rotator = Rotator()
    report = follow(rotator, plan, **rotator.clock)
    assert report.fault == ""
    assert report.worst_error_deg < 10  # and it runs as planned


def test_an_axis_at_rest_on_its_target_never_stalls() -> None:
    watch = MotionWatch()
    watch.commanded((10, 5), 0.0)
    assert all(watch.fault((10.0, 5.0), t) == "" for t in np.arange(0, 100, 0.5))


def test_one_axis_may_stall_alone() -> None:
    watch = MotionWatch()
    assert watch.fault((0, 0), 0.0) == ""
    watch.commanded((100, 40), 0.0)
    assert watch.fault((5, 0), 1.0) == ""
    assert "elevation stands still" in watch.fault((15, 0), 3.0)


def test_after_a_stall_it_is_asked_once_more_and_the_pass_goes_on() -> None:
    """A command lost on the line looks like a stall: stopped first, then tried again."""
    rotator = Rotator(stall_at=100.0)

    def sleep(seconds: float) -> None:
        rotator.sleep(seconds)
        if rotator.stops:
            rotator.stall_at = np.inf

    report = follow(rotator, overhead_pass(), **(rotator.clock | {"sleep": sleep}))
    assert len(rotator.stops) == 1
    assert report.fault == ""
    assert "stands still" in report.notes[0]
    assert report.notes[1].endswith("it is asked to move once more")
    assert rotator.log[-1][0] > 400


def test_a_second_stall_ends_the_pass() -> None:
    rotator = Rotator(stall_at=100.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert len(rotator.stops) == 2
    assert "stands still" in report.fault


def test_a_runaway_is_not_tried_again() -> None:
    rotator = Rotator(runaway_at=100.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert len(rotator.stops) == 1
    assert "runs away" in report.fault


def test_a_rotator_that_does_not_stop_is_said() -> None:
    rotator = Rotator(runaway_at=100.0)
    rotator.stop = lambda: None  # type: ignore[method-assign]
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert "still moves after the stop" in report.notes[1]
    assert "switch off its power" in report.notes[1]
    assert "not known to stand" in report.notes[-1]


@pytest.mark.parametrize(("park", "parked"), [(True, True), (False, False)])
def test_forbidden_motion_parks_or_stops(park: bool, parked: bool) -> None:
    rotator = Rotator()

    def inhibit() -> Inhibit | None:
        return Inhibit("wind 21 m/s, limit 15", 150.0, park) if rotator.now > 150 else None

    report = follow(rotator, overhead_pass(), **rotator.clock, inhibit=inhibit)
    assert (rotator.parked_at is not None) == parked
    assert bool(rotator.stops) == (not parked)
    assert report.inhibited == "wind 21 m/s, limit 15"
    assert report.fault == ""
    assert rotator.log[-1][0] < 151


def test_a_rotator_that_cannot_park_is_stopped() -> None:
    rotator = Rotator()

    def park() -> None:
        raise RotatorError("this rotator cannot do that")

    rotator.park = park  # type: ignore[method-assign]
    report = follow(
        rotator,
        overhead_pass(),
        **rotator.clock,
        inhibit=lambda: Inhibit("lightning", 0.0, True),
    )
    assert len(rotator.stops) == 1
    assert "it could not be parked: this rotator cannot do that; it is stopped instead" in report.notes[-2]
    assert "it stands at" in report.notes[-1]


def test_a_slower_rotator_than_configured_is_said_not_stopped() -> None:
    rotator = Rotator(speed_deg_s=2.0)
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert report.fault == ""
    assert not report.arrived  # 300 degrees take 150 s, and the plan allowed 60
    assert report.worst_error_deg > 100  # and that is told, whatever comes later
    assert any("is it slower" in note for note in report.notes)


def test_one_damaged_reading_is_no_fault_and_two_are() -> None:
    for count, stops in ((1, 0), (30, 1)):
        rotator = Rotator()
        true_position, left = rotator.position, [count]

        def position(
            rotator: Rotator = rotator, left: list[int] = left, true_position: object = true_position
        ) -> tuple[float, float]:
            if rotator.now > 200 and left[0] > 0:
                left[0] -= 1
                return 35.0, 3.0
            return true_position()  # type: ignore[operator,no-any-return]

        rotator.position = position  # type: ignore[method-assign]
        report = follow(rotator, overhead_pass(), **rotator.clock)
        assert len(rotator.stops) == stops
        assert ("jumps" in report.fault) == bool(stops)


def test_beyond_the_limits_it_is_stopped() -> None:
    watch = MotionWatch(AXIS, AXIS, limits=LIMITS, shows_turns=True)
    watch.commanded((450.0, 10.0), 0.0)
    assert watch.fault((449.0, 10.0), 0.0) == ""
    assert watch.fault((451.5, 10.0), 0.2) == ""  # one reading may be damaged
    assert "azimuth at 451.5 is beyond its limits 0 to 450" in watch.fault((451.5, 10.0), 0.4)


def test_on_the_wrong_turn_is_not_there() -> None:
    """Where the read-back tells turns apart, 10 is not 370."""
    watch = MotionWatch(AXIS, AXIS, shows_turns=True)
    assert watch.fault((10.0, 10.0), 0.0) == ""
    watch.commanded((370.0, 10.0), 0.0)
    assert any(watch.fault((10.0, 10.0), t) for t in np.arange(0, 4, 0.2))


@pytest.mark.parametrize("set_by_s", [-30.0, -5.0, -2.0, 2.0, 30.0])
def test_a_clock_that_is_set_in_the_pass_is_no_fault(set_by_s: float) -> None:
    """Durations are told by a clock that nobody sets; the plan goes by the new time."""
    for at in (30.0, 150.0, 260.0):
        rotator = Rotator()

        def now(rotator: Rotator = rotator, at: float = at) -> float:
            return rotator.now + (set_by_s if rotator.now > at else 0)

        watch = MotionWatch.of(MODEL, shows_turns=True)
        report = follow(rotator, overhead_pass(), watch=watch, **(rotator.clock | {"now": now}))
        assert (report.fault, rotator.stops) == ("", [])
        assert report.notes[0].endswith(f"the clock was set by {set_by_s:+.1f} s")
        assert len(rotator.log) > 50


def test_refused_commands_are_told_though_the_read_back_works() -> None:
    rotator = Rotator()

    def point(_azimuth_deg: float, _elevation_deg: float) -> None:
        raise RotatorError("the rotator refuses 'P': Hamlib error -1")

    rotator.point = point  # type: ignore[method-assign]
    report = follow(rotator, overhead_pass(), **rotator.clock)
    assert "the rotator refuses 'P'" in report.notes[0]
    assert (report.commands, report.arrived) == (0, False)
    assert report.refused_s > 400
    assert report.worst_error_deg > 50


def test_whatever_breaks_the_rotator_is_stopped() -> None:
    rotator = Rotator()

    def inhibit() -> None:
        if rotator.now > 100:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        follow(rotator, overhead_pass(), inhibit=inhibit, **rotator.clock)
    assert rotator.stops


def test_an_operator_stops_what_the_wind_had_sent_to_park() -> None:
    rotator = Rotator(park_position=(0.0, 90.0))

    def inhibit() -> Inhibit | None:
        if rotator.now > 155:
            return Inhibit("operator forbids motion", 155.0, False)
        return Inhibit("wind 21 m/s, limit 15", 150.0, True) if rotator.now > 150 else None

    report = follow(rotator, overhead_pass(), inhibit=inhibit, **rotator.clock)
    assert rotator.parked_at == pytest.approx(150, abs=1)
    assert rotator.stops[0] == pytest.approx(155, abs=1)
    assert report.inhibited == "operator forbids motion"


def test_when_motion_is_allowed_again_the_pass_goes_on() -> None:
    rotator = Rotator(park_position=(0.0, 90.0))

    def inhibit() -> Inhibit | None:
        return Inhibit("wind 21 m/s, limit 15", 150.0, True) if 150 < rotator.now < 200 else None

    report = follow(rotator, overhead_pass(), inhibit=inhibit, **rotator.clock)
    assert not any(150.5 < time < 200 for time, _, _ in rotator.log)
    assert rotator.log[-1][0] > 400
    assert rotator.unparked_at == pytest.approx(200, abs=1)
    assert (report.fault, report.inhibited) == ("", "")


def test_parking_is_tried_again_when_contact_was_lost() -> None:
    rotator = Rotator(park_position=(0.0, 90.0), away=(149.0, 154.0))
    report = follow(
        rotator,
        overhead_pass(),
        inhibit=lambda: Inhibit("wind", 150.0, True) if rotator.now > 150 else None,
        **rotator.clock,
    )
    assert rotator.parked_at == pytest.approx(154, abs=1)
    assert rotator.stops == []
    assert report.notes[-1].endswith("it is parked at 0.0, 90.0")


def test_a_park_command_that_got_lost_is_said_again() -> None:
    rotator, lost = Rotator(park_position=(0.0, 90.0)), [True]
    true_park = rotator.park

    def park() -> None:
        if not lost:
            true_park()
        lost.clear()

    rotator.park = park  # type: ignore[method-assign]
    follow(rotator, overhead_pass(), inhibit=lambda: Inhibit("wind", 0.0, True), **rotator.clock)
    assert rotator.at == pytest.approx([0, 90], abs=0.1)


@pytest.mark.parametrize("away", [(100.0, 103.0), (100.0, 160.0)])
def test_a_stop_is_tried_until_it_gets_through(away: tuple[float, float]) -> None:
    rotator, flag = Rotator(away=away), threading.Event()

    def sleep(seconds: float) -> None:
        rotator.sleep(seconds)
        if rotator.now > 101:
            flag.set()

    report = follow(rotator, overhead_pass(), stop=flag, **(rotator.clock | {"sleep": sleep}))
    assert rotator.stops[0] == pytest.approx(away[1], abs=1)
    assert any("stopping it: no answer" in note for note in report.notes)


def test_at_rest_a_read_back_may_tremble_by_a_step() -> None:
    rotator, flag = Rotator(stall_at=100.0), [1.0]
    true_position = rotator.position

    def position() -> tuple[float, float]:
        flag[0] = -flag[0]
        azimuth_deg, elevation_deg = true_position()
        return azimuth_deg + 0.5 * flag[0], elevation_deg

    rotator.position = position  # type: ignore[method-assign]
    watch = MotionWatch.of(MODEL, shows_turns=True)
    report = follow(rotator, overhead_pass(), watch=watch, retries=0, **rotator.clock)
    assert len(rotator.stops) <= 1
    assert not any("still moves" in note for note in report.notes)


def test_an_axis_that_starts_softly_has_time_for_a_step() -> None:
    """Accelerated half-way and braked: 2 sqrt(step / a), 2.8 s at 0.5 degrees/s²."""
    soft = Axis(6.0, 0.5, resolution_deg=1.0)
    watch = MotionWatch(soft, soft, shows_turns=True)
    watch.commanded((60.0, 10.0), 0.0)
    assert watch.fault((60.0, 10.0), 0.0) == ""
    watch.commanded((62.0, 10.0), 10.0)
    # Two degrees take 4 s; the first one is shown after 2.
    places = [(60.0 if t < 12.0 else 61.0 if t < 14.0 else 62.0) for t in np.arange(10.0, 16.0, 0.25)]
    told = [watch.fault((p, 10.0), t) for p, t in zip(places, np.arange(10.0, 16.0, 0.25), strict=True)]
    assert told == [""] * len(told)


def test_a_read_back_that_tells_no_turns_after_all_is_no_torn_sensor() -> None:
    """Many controllers speak like a GS-232B and tell 1 after 359."""
    rotator = Rotator(modulo=True)
    watch = MotionWatch.of(MODEL, shows_turns=True)
    report = follow(rotator, overhead_pass(), watch=watch, **rotator.clock)
    assert (report.fault, rotator.stops) == ("", [])
    assert sum("tells no turns" in note for note in report.notes) == 1
    assert report.worst_error_deg < 2


@pytest.mark.parametrize("jump_deg", [-200.0, -330.0, 200.0])
def test_another_jump_is_still_a_torn_sensor(jump_deg: float) -> None:
    watch = MotionWatch(AXIS, AXIS, shows_turns=True)
    watch.commanded((200.0, 10.0), 0.0)
    assert watch.fault((200.0, 10.0), 0.0) == ""
    assert watch.fault((200.0 + jump_deg, 10.0), 0.2) == ""
    assert "jumps" in watch.fault((200.0 + jump_deg, 10.0), 0.4)


def test_after_a_first_bad_look_nothing_is_sent_before_the_second() -> None:
    """A command takes a slow line 0.6 s, in which a runaway goes on."""
    watch = MotionWatch(AXIS, AXIS, limits=LIMITS, shows_turns=True)
    rotator, looked_at = Rotator(), []
    true_position = rotator.position

    def position() -> tuple[float, float]:
        looked_at.append(rotator.now)
        azimuth_deg, elevation_deg = true_position()
        return azimuth_deg, -5.0 if rotator.now > 200 else elevation_deg

    rotator.position = position  # type: ignore[method-assign]
    report = follow(rotator, overhead_pass(), watch=watch, **rotator.clock)
    assert "beyond its limits" in report.fault
    first, second = [time for time in looked_at if time > 200][:2]
    assert second - first < 0.1
    assert not any(first <= time <= rotator.stops[0] for time, _, _ in rotator.log)
