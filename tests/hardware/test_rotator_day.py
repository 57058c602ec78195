"""One pass of the day of tests/figures/rotator_day.py, with each fault; the whole day is a longer proof."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hardware import rotctld_line
from sim.rotator.rotctld_server import FAULTS, Fault
from tests.figures.rotator_day import (
    HEALTHY,
    JAMS,
    MAKES,
    Make,
    day,
    fly,
    line_day,
    line_faults,
    stall_day,
    stop_of,
)
from tests.figures.rotator_truth import Sky, passes, sky_of

MAKE_IDS = [make.name.split(",")[0] for make in MAKES]


@cache
def one_pass() -> Sky:
    """The first high one of METEOR-M2 3 (the first satellite), cut to five minutes around its middle."""
    elements, seen = next(passes(6.0, 55.0))
    sky = sky_of(elements, seen, "high")
    return sky.between(sky.hard_spot_s - 150, sky.hard_spot_s + 150)


@pytest.mark.parametrize("kind", FAULTS)
def test_contact_is_back_in_time_and_nothing_breaks(kind: str) -> None:
    sky, make = one_pass(), MAKES[FAULTS.index(kind) % 2]
    begin = float(sky.time[0]) + 60
    run = fly(sky, make, fault=Fault(kind, begin, begin + 12))
    assert line_faults(run) == []
    assert run.contact_s is not None
    assert run.report.away_s > 0


@pytest.mark.parametrize("harm", JAMS)
@pytest.mark.parametrize("make", MAKES, ids=MAKE_IDS)
@pytest.mark.parametrize("after_s", [pytest.param(-80.0, marks=pytest.mark.slow), 130.0])
def test_motors_are_off_in_time(harm: str, make: Make, after_s: float) -> None:
    sky = one_pass()
    at = float(sky.time[0]) + after_s
    run = fly(sky, make, harm=harm, harm_at=at)
    stop = stop_of(run, harm, at)
    assert stop is None or stop.in_time
    assert run.judged.harm == ()
    assert stop is not None or after_s < 0  # on the way to the start one axis may have nothing to do


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.name)
def test_a_healthy_rotator_is_not_stopped(make: Make) -> None:
    run = fly(one_pass(), make)
    assert line_faults(run) == []
    assert run.report.notes == () or "slower" in make.name


def test_without_the_watch_a_stall_is_not_stopped() -> None:
    sky = one_pass()
    at = float(sky.time[0]) + 130
    run = fly(sky, MAKES[0], harm="jammed azimuth", harm_at=at, watched=False)
    stop = stop_of(run, "jammed azimuth", at)
    assert stop is not None
    assert np.isinf(stop.after_s)


def test_with_long_pauses_between_tries_contact_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotctld_line, "_BACK_OFF_S", (60.0,))
    sky = one_pass()
    begin = float(sky.time[0]) + 60
    run = fly(sky, MAKES[0], fault=Fault("killed", begin, begin + 12))
    assert any("contact only after" in words for words in line_faults(run))


@pytest.mark.slow
def test_the_whole_day() -> None:
    skies = day()
    assert len(skies) >= 15
    assert [line_faults(run) for run in line_day(skies) if line_faults(run)] == []
    stops = [stop for _, _, stop in stall_day(skies) if stop is not None]
    assert len(stops) > 80
    assert all(stop.in_time for stop in stops)
