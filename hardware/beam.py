"""What a pointing error costs: the main lobe of a dish, and angles on the sky."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hardware.errors import HardwareError

Curve = npt.NDArray[np.float64]

SIDE_LOBE_DB = 20.0  # beyond the main lobe: the first side lobes of a dish fed with a taper of 10 dB, about


def loss_db(error_deg: npt.ArrayLike, beam_width_deg: float) -> Curve:
    """Loss against the peak of a Gaussian main lobe, 12 (θ/HPBW)², at most `SIDE_LOBE_DB`.

    Source: ITU-R F.699-8, recommends 2, G(φ) = Gmax − 2.5e-3 (D φ/λ)², with HPBW = 70 λ/D: 12.25 (φ/HPBW)²;
    12 gives 3 dB at half the beam width, by definition.

    Args:
        error_deg: angle between the dish and the satellite, any shape.
        beam_width_deg: between the points of half power.
    """
    return np.minimum(12 * (np.asarray(error_deg, np.float64) / beam_width_deg) ** 2, SIDE_LOBE_DB)


def lost_share(loss: npt.ArrayLike) -> Curve:
    """Share of the power that a loss in dB takes."""
    return np.asarray(1 - 10 ** (-np.asarray(loss, np.float64) / 10))


def error_for_loss_deg(loss: float, beam_width_deg: float) -> float:
    """The pointing error in degrees that costs a loss in dB."""
    return beam_width_deg * math.sqrt(loss / 12)


def check_beam_width(beam_width_deg: float) -> None:
    """Refuse what is no beam.

    Raises:
        HardwareError: not above 0 and at most 360 degrees.
    """
    if not 0 < beam_width_deg <= 360:
        raise HardwareError(f"a beam width of {beam_width_deg:g} degrees; allowed is above 0 to 360")


def angle_deg(azimuth_a: Curve, elevation_a: Curve, azimuth_b: Curve, elevation_b: Curve) -> Curve:
    """Great-circle angle between directions in degrees, by the haversine, exact for small angles.

    Elevations above 90 degrees lie beyond the top.
    """
    a, b = np.radians(elevation_a), np.radians(elevation_b)
    turn = np.radians(azimuth_a - azimuth_b)
    square = np.sin((a - b) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.clip(square, 0, 1)))))


def best_elevation_deg(turn_deg: Curve, elevation_deg: Curve, floor_deg: float, ceiling_deg: float) -> Curve:
    """The elevation that comes nearest to a satellite when the azimuth is off by `turn_deg`.

    The foot of the perpendicular on the dish's vertical circle: tan e' = tan e / cos δ, beyond the top for
    δ > 90 degrees; then the nearest within the limits. (Right spherical triangle, Napier.)
    """
    e = np.radians(elevation_deg)
    foot = np.degrees(np.arctan2(np.sin(e), np.cos(e) * np.cos(np.radians(turn_deg))))
    return np.asarray(np.clip(foot, floor_deg, ceiling_deg))
