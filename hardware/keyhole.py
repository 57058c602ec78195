"""How near the zenith a pass may come before a rotator's azimuth cannot keep up."""

from __future__ import annotations

import math

import numpy as np

from hardware.beam import error_for_loss_deg


def keyhole_deg(rate_deg_s: float, sky_rate_deg_s: float, beam_width_deg: float, loss: float) -> float:
    """The culmination in degrees above which a loss in dB cannot be avoided; 90 where there is none.

    Beside the zenith the satellite goes straight past at ω t, at the distance ε from it. The best an azimuth
    of rate r can do is to turn evenly through the culmination, the elevation following in the dish's vertical
    circle: it then misses by |ω t cos r t - ε sin r t| until the azimuths agree again. Derived here; without
    any loss it is the known cos e = ω / r. Acceleration and the steps of the controller are not in it.
    Distances are those of the orthographic projection, cos e.

    Args:
        rate_deg_s: of the azimuth axis, r.
        sky_rate_deg_s: of the satellite as seen at its culmination, ω.
        beam_width_deg: between half powers.
        loss: allowed, dB.
    """
    allowed = math.sin(math.radians(min(error_for_loss_deg(loss, beam_width_deg), 90)))
    low, high = 0.0, min(sky_rate_deg_s / rate_deg_s, 1.0)
    if _worst_miss(low, rate_deg_s, sky_rate_deg_s) <= allowed:
        return 90.0
    for _ in range(40):
        middle = (low + high) / 2
        if _worst_miss(middle, rate_deg_s, sky_rate_deg_s) > allowed:
            low = middle
        else:
            high = middle
    return math.degrees(math.acos(high))


def _worst_miss(distance: float, rate_deg_s: float, sky_rate_deg_s: float) -> float:
    """Greatest sine of the angle between dish and satellite; `distance` from the zenith, ε."""
    turned = np.linspace(0, math.pi / 2, 2001)
    gone = sky_rate_deg_s / rate_deg_s * turned
    miss = gone * np.cos(turned) - distance * np.sin(turned)
    return float(miss.max())
