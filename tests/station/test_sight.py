"""What a station tells the planner of a rotator about a pass."""

from __future__ import annotations

import numpy as np

from hardware.limits import Limits
from hardware.motion import Axis
from hardware.track import RotatorModel, plan_track, sketch_track
from station.sight import worth_by_height


def test_a_cable_that_must_be_unwound_is_unwound_as_low_as_can_be() -> None:
    """A pass from south-east over east to beyond north: no turn of 0 to 450 degrees holds it."""
    time = np.arange(0.0, 901.0)
    azimuth = 154 - 164 / (1 + np.exp(-(time - 450) / 90))
    elevation = 50 * np.sin(np.pi * time / 900)
    north = float(time[np.flatnonzero(azimuth < 0)[0]])
    model = RotatorModel(Limits(0, 450, 0, 90), Axis(6.0, 6.0), Axis(6.0, 6.0))
    weight = worth_by_height(elevation)
    plan = plan_track(time, azimuth % 360, elevation, model, 2.2, weight=weight)
    assert plan.unwind is not None
    assert abs(plan.unwind[0] - north) < 15  # 60 s earlier it stands 10 degrees higher
    sketch = sketch_track(time, azimuth % 360, elevation, model, 2.2, weight=weight)
    lost = sketch.time[sketch.loss_db > 3]
    assert north - 15 < lost.min() < lost.max() < north + 75


def test_what_is_below_the_horizon_is_worth_nothing() -> None:
    worth = worth_by_height(np.array([-1.0, 0.0, 30.0, 90.0]))
    np.testing.assert_allclose(worth, [0.0, 0.5, 0.75, 1.0])
