"""What Hamlib's drivers make of a command on its way to the controller: seen on the wire of Hamlib 4.5.4.

The GS-232 drivers round to whole degrees and send a negative azimuth as that plus 360: where our limits begin
below 0, such a rotator would unwind its cable in mid-pass. SPID's read the controller's own steps and cut to
them; they never empty their input: after an answer later than 0.7 s each further one is that of an earlier
question, and with a byte lost besides each is put together from two, until somebody empties it.
tests/hardware/test_real_rotctld.py looks at the wire again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardware.limits import Limits


@dataclass(frozen=True)
class Driver:
    """One family of drivers.

    Attributes:
        step_deg: of the angles that reach the controller.
        truncates: whether they are cut to that step, not rounded.
        negative_azimuth: whether azimuths below 0 reach it as such.
        shows_turns: whether the read-back tells 10 from 370.
        asks_again_s: an answer that took longer was asked for more than once; 0 where that leaves nothing
            behind.
    """

    step_deg: float = 0.01
    truncates: bool = False
    negative_azimuth: bool = True
    shows_turns: bool = True
    asks_again_s: float = 0.0

    def on_step(self, angle_deg: float, low_deg: float, high_deg: float) -> float:
        """What to send for the nearest step that lies within the limits; the angle itself where none does."""
        step = self.step_deg
        low, high = math.ceil(low_deg / step - 1e-9), math.floor(high_deg / step + 1e-9)
        if low > high:
            return angle_deg
        sent = step * min(max(round(angle_deg / step), low), high)
        return min(sent + 0.3 * step, high_deg) if self.truncates else sent


_GS232 = Driver(step_deg=1.0, negative_azimuth=False)
_SPID = Driver(step_deg=0.1, truncates=True, asks_again_s=0.9)
_EASYCOMM = Driver(step_deg=0.1, negative_azimuth=False, shows_turns=False)
_DRIVERS = {
    601: _GS232,
    602: _GS232,
    603: _GS232,
    604: _GS232,
    606: _GS232,
    608: _GS232,
    901: _SPID,
    903: _SPID,
    202: _EASYCOMM,
    204: _EASYCOMM,
}
UNKNOWN = Driver(shows_turns=False)


def driver_of(model_number: int) -> Driver:
    """What is known of a Hamlib rotator model; for others the least is assumed."""
    return _DRIVERS.get(model_number, UNKNOWN)


def unfit(limits: Limits, driver: Driver) -> str:
    """Why limits do not fit a driver, or empty."""
    if limits.azimuth_min_deg < 0 and not driver.negative_azimuth:
        return (
            f"azimuth_min_deg = {limits.azimuth_min_deg:g}, but Hamlib's driver sends azimuths below 0 as "
            "that plus 360, which unwinds the cable; set azimuth_min_deg = 0 (and azimuth_max_deg = 450 "
            "where the rotator goes there)"
        )
    return ""
