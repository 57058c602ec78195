"""The orbit that a satellite tells of itself: SGP4 elements fitted to the positions it sends.

METEOR-M2 2, M2 3 and M2 4 send their Earth-fixed position with every strip (APID 70); level 1a keeps it. With
it a pass can be put on the map without elements from anywhere else: METEOR-M2 3's own positions of
2026-02-14 lie within 6 m of the orbit found (tests/figures/m2_3_on_the_coast.py).

Received numbers are not trusted: a circle through two of the positions that most others agree with tells the
sound ones from the rest, then elements are fitted to those. How far the fit can be trusted at the lines' own
times follows from its covariance; where that is too far, or too little agrees, there is no orbit.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from products.errors import InputError
from products.orbit import DAY_S, Orbit, satrec_from_omm, sidereal_angle, states, turned

Array = NDArray[np.float64]

GRAVITY_KM3_S2 = 398600.4418  # WGS 84
# Altitudes from 420 to 1220 km: weather satellites that scan the Earth, with a margin.
RADIUS_KM = (6800.0, 7600.0)
# Positions are told a second or two late; others are of another pass.
MARGIN_S = 120.0
LEAST_POSITIONS, LEAST_SHARE, LEAST_SPAN_S = 12, 0.6, 30.0
# A circle is this far from a METEOR's orbit in a quarter of an hour; a speed of a few per cent more is none.
CIRCLE_KM, SPEED_TOLERANCE = 40.0, 0.03
# The positions scatter by some metres; the fit's errors are not taken for smaller than that.
LEAST_SCATTER_KM, MOST_SCATTER_KM = 0.01, 0.2
OUTLIER_SCATTERS = 6.0
MOST_ERROR_KM = 2.0
_CANDIDATES = 24
# Steps of the six parameters: mean motion (rev/day), eccentricity vector, inclination, node, argument (rad).
_SCALE = np.array([1e-2, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])


@dataclass(frozen=True)
class OwnOrbit(Orbit):
    """Elements fitted to positions, epoch in their middle; `error_km` is one sigma at the worst line.

    Attributes:
        used: positions that the fit goes through.
        told: positions that were told of this pass.
        scatter_km: root mean square of the distances left.
        worst_km: the largest of them.
    """

    used: int
    told: int
    scatter_km: float
    worst_km: float


def own_orbit(time: Array, position_m: Array, start: float, end: float) -> OwnOrbit:
    """The orbit through a satellite's own positions.

    Args:
        time: (n,) POSIX seconds, NaN where none is told.
        position_m: (n, 3) Earth-fixed, metres.
        start: POSIX seconds of the first line that is to be located.
        end: of the last one.

    Raises:
        InputError: too few positions, or no orbit goes through them that holds for the lines.
    """
    time, place = _plausible(time, position_m / 1e3, start, end)
    told = time.size
    _enough(time, told)
    sky = turned(place, -sidereal_angle(time))
    agreed = _on_one_circle(time, sky)
    _enough(time[agreed], told)
    time, sky = time[agreed], sky[agreed]
    epoch = round(float(time.mean()))
    parameters = _first_guess(time - epoch, sky)
    for _ in range(3):
        parameters, distance = _fit(parameters, epoch, time, sky)
        scatter_km = max(1.4826 * float(np.median(distance)), LEAST_SCATTER_KM)
        near = distance < OUTLIER_SCATTERS * scatter_km
        if near.all():
            break
        _enough(time[near], told)
        time, sky = time[near], sky[near]
    else:
        parameters, distance = _fit(parameters, epoch, time, sky)
    scatter_km = float(np.sqrt(np.mean(distance**2)))
    if not scatter_km <= MOST_SCATTER_KM:
        raise InputError(
            f"the positions that the satellite sent scatter by {scatter_km:.1f} km about any orbit; "
            f"{MOST_SCATTER_KM:g} km is allowed: decode again with elements"
        )
    error_km = _error_km(parameters, epoch, time, scatter_km, np.array([start, end]))
    if not error_km <= MOST_ERROR_KM:
        raise InputError(
            f"the positions that the satellite sent span {np.ptp(time):.0f} s, from which its orbit is known "
            f"to {error_km:.1f} km at all lines; {MOST_ERROR_KM:g} km is allowed: decode again with elements"
        )
    omm = _omm(parameters, epoch)
    return OwnOrbit(
        omm=omm,
        satrec=satrec_from_omm(omm),
        source=f"elements fitted to {time.size} of {told} positions that the satellite sent of itself, "
        f"{1000 * scatter_km:.0f} m rms",
        error_km=error_km,
        error_km_per_day=0.0,
        used=time.size,
        told=told,
        scatter_km=scatter_km,
        worst_km=float(distance.max()),
    )


def _plausible(time: Array, place: Array, start: float, end: float) -> tuple[Array, Array]:
    """Times and places (km) that can be the satellite's in this pass, one for each time, in order."""
    with np.errstate(invalid="ignore", over="ignore"):
        radius = np.linalg.norm(place, axis=1)
        kept = (time > start - MARGIN_S) & (time < end + MARGIN_S)
        kept &= (radius > RADIUS_KM[0]) & (radius < RADIUS_KM[1])
    _, first = np.unique(time[kept], return_index=True)
    return time[kept][first], place[kept][first]


def _enough(time: Array, told: int) -> None:
    """Refuse a fit through a few positions, or through a minority of them."""
    span_s = float(np.ptp(time)) if time.size else 0.0
    if time.size < max(LEAST_POSITIONS, LEAST_SHARE * told) or span_s < LEAST_SPAN_S:
        raise InputError(
            f"the satellite sent {told} positions of itself, {time.size} of them on one orbit, within "
            f"{span_s:.0f} s; {LEAST_POSITIONS}, {LEAST_SHARE:.0%} of all and {LEAST_SPAN_S:.0f} s are needed"
        )


def _on_one_circle(time: Array, sky: Array) -> NDArray[np.bool_]:
    """Which positions (n, 3) lie near the circle through two of them on which the most lie."""
    best = np.zeros(time.size, np.bool_)
    candidates = np.unique(np.linspace(0, time.size - 1, _CANDIDATES).round().astype(int))
    for a, b in itertools.combinations(candidates.tolist(), 2):
        span_s = time[b] - time[a]
        if span_s >= LEAST_SPAN_S / 2:
            near = _near_circle(time - time[a], sky, sky[a], sky[b], span_s)
            best = near if near.sum() > best.sum() else best
    return best


def _near_circle(after_s: Array, sky: Array, first: Array, last: Array, span_s: float) -> NDArray[np.bool_]:
    """Which positions lie near the arc that is at `first` at 0 s and at `last` at span_s."""
    ahead, radius = first / np.linalg.norm(first), (np.linalg.norm(first) + np.linalg.norm(last)) / 2
    side = last - ahead * (last @ ahead)
    length = np.linalg.norm(side)
    if length < 1.0:
        return np.zeros(after_s.size, np.bool_)
    rate = np.arctan2(length, last @ ahead) / span_s
    if abs(rate / np.sqrt(GRAVITY_KM3_S2 / radius**3) - 1) > SPEED_TOLERANCE:
        return np.zeros(after_s.size, np.bool_)
    angle = (rate * after_s)[:, None]
    circle = radius * (np.cos(angle) * ahead + np.sin(angle) * (side / length))
    return np.asarray(np.linalg.norm(sky - circle, axis=1) < CIRCLE_KM)


def _first_guess(after_s: Array, sky: Array) -> Array:
    """Parameters of the circle about the position and velocity at 0 s, which polynomials tell."""
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


def _omm(parameters: Array, epoch: int) -> str:
    """Eccentricity is a vector and the argument that of latitude: defined for a circle too."""
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
    return states(satrec_from_omm(_omm(parameters, epoch)), time)[0]


def _fit(first: Array, epoch: int, time: Array, sky: Array) -> tuple[Array, Array]:
    """Parameters, and the distances (n,) in km that they leave; single outliers weigh little."""

    def residual(step: Array) -> Array:
        return (_positions(first + _SCALE * (step - 1), epoch, time) - sky).ravel()

    # Steps are taken in units of the scale, from one: relative steps from values near zero would be lost.
    found = least_squares(
        residual, np.ones(6), diff_step=1e-4, loss="soft_l1", f_scale=0.1, x_scale=1.0, max_nfev=60
    )
    distance = np.linalg.norm(residual(found.x).reshape(-1, 3), axis=1)
    return first + _SCALE * (found.x - 1), distance


def _error_km(parameters: Array, epoch: int, time: Array, scatter_km: float, at: Array) -> float:
    """Largest expected error of the position (one sigma) at times `at`, from the fit's covariance."""

    def slopes(moments: Array) -> Array:
        """Change of the positions (3 n, 6) with each parameter."""
        sides = [
            [_positions(parameters + sign * 1e-3 * step, epoch, moments).ravel() for sign in (1, -1)]
            for step in np.diag(_SCALE)
        ]
        return np.stack([(more - less) / 2e-3 for more, less in sides], axis=1)

    spread = slopes(time)
    variance = np.linalg.pinv(spread.T @ spread) * max(scatter_km, LEAST_SCATTER_KM) ** 2
    there = slopes(at).reshape(at.size, 3, 6)
    return float(np.sqrt(np.einsum("nij,jk,nik->n", there, variance, there).max()))
