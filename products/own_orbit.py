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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from products.errors import InputError
from products.orbit import Orbit, satrec_from_omm, sidereal_angle, turned
from products.orbit_fit import GRAVITY_KM3_S2, expected_error_km, first_guess, fit, omm_of

Array = NDArray[np.float64]

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
    parameters = first_guess(time - epoch, sky)
    for _ in range(3):
        parameters, distance = fit(parameters, epoch, time, sky)
        scatter_km = max(1.4826 * float(np.median(distance)), LEAST_SCATTER_KM)
        near = distance < OUTLIER_SCATTERS * scatter_km
        if near.all():
            break
        _enough(time[near], told)
        time, sky = time[near], sky[near]
    else:
        parameters, distance = fit(parameters, epoch, time, sky)
    scatter_km = float(np.sqrt(np.mean(distance**2)))
    if not scatter_km <= MOST_SCATTER_KM:
        raise InputError(
            f"the positions that the satellite sent scatter by {scatter_km:.1f} km about any orbit; "
            f"{MOST_SCATTER_KM:g} km is allowed: decode again with elements"
        )
    error_km = expected_error_km(
        parameters, epoch, time, max(scatter_km, LEAST_SCATTER_KM), np.array([start, end])
    )
    if not error_km <= MOST_ERROR_KM:
        raise InputError(
            f"the positions that the satellite sent span {np.ptp(time):.0f} s, from which its orbit is known "
            f"to {error_km:.1f} km at all lines; {MOST_ERROR_KM:g} km is allowed: decode again with elements"
        )
    omm = omm_of(parameters, epoch)
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
