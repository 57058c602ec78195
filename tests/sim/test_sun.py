"""The Sun and sidereal time against Meeus, Astronomical Algorithms (2nd ed.), and the almanac's seasons."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from sim.sun import greenwich_sidereal_angle, sun_at


def _posix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        ("1987-04-10T00:00:00", 13 + 10 / 60 + 46.3668 / 3600),  # example 12.a
        ("1987-04-10T19:21:00", 8 + 34 / 60 + 57.0896 / 3600),  # example 12.b
    ],
)
def test_sidereal_time_is_that_of_meeus(moment: str, hours: float) -> None:
    angle = greenwich_sidereal_angle(np.array([_posix(moment)]))[0]
    assert np.rad2deg(angle) * 240 == pytest.approx(hours * 3600, abs=0.001)


def test_the_sun_of_meeus_example_25a() -> None:
    """1992-10-13 0h: right ascension 198.38083, declination -7.78507, distance 0.99766."""
    time = np.array(_posix("1992-10-13T00:00:00") - 58.0)  # dynamical time
    sun = sun_at(time)
    right_ascension = sun.longitude_deg + np.rad2deg(greenwich_sidereal_angle(time))
    assert np.mod(right_ascension, 360) == pytest.approx(198.38083, abs=0.01)
    assert sun.latitude_deg == pytest.approx(-7.78507, abs=0.01)
    assert sun.distance_au == pytest.approx(0.99766, abs=1e-4)


@pytest.mark.parametrize(
    ("moment", "latitude", "tolerance"),
    [
        ("2024-03-20T03:06:00", 0.0, 0.005),
        ("2024-06-20T20:51:00", 23.436, 0.005),
        ("2024-09-22T12:44:00", 0.0, 0.005),
        ("2026-12-21T20:50:00", -23.436, 0.005),
    ],
)
def test_the_seasons(moment: str, latitude: float, tolerance: float) -> None:
    assert sun_at(np.array(_posix(moment))).latitude_deg == pytest.approx(latitude, abs=tolerance)


def test_the_equation_of_time_in_november() -> None:
    """On 3 November the Sun is 16 min 26 s early, so at noon of Greenwich it stands over 4.11 west."""
    assert sun_at(np.array(_posix("2024-11-03T12:00:00"))).longitude_deg == pytest.approx(-4.11, abs=0.02)
