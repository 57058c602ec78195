"""SGP4 elements fitted to positions: least squares in six parameters that are defined for a circle too.

Parameters: mean motion (rev/day), eccentricity times cosine and sine of the argument of perigee, inclination,
right ascension of the ascending node, and argument of latitude at the epoch (rad).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from products.orbit import DAY_S, satrec_from_omm, states

Array = NDArray[np.float64]

GRAVITY_KM3_S2 = 398600.4418  # WGS 84
# Steps of the parameters.
_SCALE = np.array([1e-2, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])


def first_guess(after_s: Array, sky: Array) -> Array:
    """Parameters (6,) of the circle through the position at 0 s that polynomials tell.

    Args:
        after_s: (n,) seconds from the epoch.
        sky: (n, 3) positions in TEME, km.
    """
    fits = [np.polynomial.Polynomial.fit(after_s, part, 4) for part in sky.T]
    r, v = (np.array([f(0.0) for f in part]) for part in (fits, [f.deriv() for f in fits]))
    h = np.cross(r, v)
    pole = h / np.linalg.norm(h)
    node = np.arctan2(h[0], -h[1])
    ahead = np.array([np.cos(node), np.sin(node), 0.0])
    # The period from the radius: a short arc tells the speed less well.
    motion = np.sqrt(GRAVITY_KM3_S2 / np.linalg.norm(r) ** 3) * DAY_S / (2 * np.pi)
    argument = np.arctan2(r @ np.cross(pole, ahead), r @ ahead)
    return np.array([motion, 1e-4, 1e-4, np.arccos(pole[2]), node, argument])


def omm_of(parameters: Array, epoch: int) -> str:
    """An OMM in JSON from parameters (6,) at an epoch in POSIX seconds."""
    motion, e_cos, e_sin, inclination, node, argument = parameters.tolist()
    perigee = np.arctan2(e_sin, e_cos)
    return json.dumps(
        {
            "EPOCH": datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None).isoformat(),
            "MEAN_MOTION": motion,
            "ECCENTRICITY": float(np.hypot(e_cos, e_sin)),
            "INCLINATION": float(np.rad2deg(inclination)),
            "RA_OF_ASC_NODE": float(np.rad2deg(node) % 360),
            "ARG_OF_PERICENTER": float(np.rad2deg(perigee) % 360),
            "MEAN_ANOMALY": float(np.rad2deg(argument - perigee) % 360),
            "BSTAR": 0.0,
        }
    )


def _positions(parameters: Array, epoch: int, time: Array) -> Array:
    return states(satrec_from_omm(omm_of(parameters, epoch)), time)[0]


def fit(first: Array, epoch: int, time: Array, sky: Array) -> tuple[Array, Array]:
    """Parameters (6,), and the distances (n,) in km that they leave; single outliers weigh little.

    Args:
        first: (6,) parameters to begin with.
        epoch: POSIX seconds.
        time: (n,) POSIX seconds.
        sky: (n, 3) positions in TEME, km.

    Raises:
        InputError: SGP4 knows no such orbit.
    """

    def residual(step: Array) -> Array:
        return (_positions(first + _SCALE * (step - 1), epoch, time) - sky).ravel()

    # Steps are taken in units of the scale, from one: relative steps from values near zero would be lost.
    found = least_squares(
        residual, np.ones(6), diff_step=1e-4, loss="soft_l1", f_scale=0.1, x_scale=1.0, max_nfev=60
    )
    distance = np.linalg.norm(residual(found.x).reshape(-1, 3), axis=1)
    return first + _SCALE * (found.x - 1), distance


def expected_error_km(parameters: Array, epoch: int, time: Array, scatter_km: float, at: Array) -> float:
    """Largest expected error of the position (one sigma) at times `at`, from the fit's covariance."""

    def slopes(moments: Array) -> Array:
        """Change of the positions (3 n, 6) with each parameter."""
        sides = [
            [_positions(parameters + sign * 1e-3 * step, epoch, moments).ravel() for sign in (1, -1)]
            for step in np.diag(_SCALE)
        ]
        return np.stack([(more - less) / 2e-3 for more, less in sides], axis=1)

    spread = slopes(time)
    variance = np.linalg.pinv(spread.T @ spread) * scatter_km**2
    there = slopes(at).reshape(at.size, 3, 6)
    return float(np.sqrt(np.einsum("nij,jk,nik->n", there, variance, there).max()))
