"""The flight of one satellite over the Earth between moments at which SGP4 was asked.

Fifth-degree polynomials through position, velocity and acceleration at the nodes (Hermite) stand in for SGP4
where a few metres are near enough: to see where passes can be, at a tenth of the cost. What is told to the
millisecond is solved on SGP4 itself.

    r, v   from SGP4, Earth-fixed        a = gravity(J2) - 2 w x v - w x (w x r)
    u      part of a segment, 0 to 1     h = length of a segment in s
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sgp4.api import Satrec

from scheduler.elements import Elements
from scheduler.frames import DAY_S, EARTH_TURN_RAD_PER_S, Array, fixed_or_nan, no_position

_MU = 398_600.8  # km³/s², WGS 72 as SGP4 has it
_J2 = 1.082_616e-3
_EARTH_KM = 6378.135
# Turn about the Earth at perigee within one segment; at 0.4 rad the polynomial is 5 m off at most.
_STEP_RAD = 0.4
_LONGEST_STEP_S = 1800.0

# Bernstein coefficients of a segment from (p0, h p0', h² p0'', p1, h p1', h² p1''): a polynomial lies between
# the least and the greatest of them (G. Farin, Curves and Surfaces for CAGD, section 5.1).
_TO_BERNSTEIN = np.array([
    [1, 0, 0, 0, 0, 0],
    [1, 1 / 5, 0, 0, 0, 0],
    [1, 2 / 5, 1 / 20, 0, 0, 0],
    [0, 0, 0, 1, -2 / 5, 1 / 20],
    [0, 0, 0, 1, -1 / 5, 0],
    [0, 0, 0, 1, 0, 0],
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Flight:
    """Nodes from `start` (POSIX s) every `step` s, each array [3, n], in the Earth-fixed frame; km and s.

    `problem` says why it ends before it should; no node is left when SGP4 gives nothing at all.
    """

    elements: Elements
    satrec: Satrec
    start: float
    step: float
    position: Array
    velocity: Array
    acceleration: Array
    problem: str = ""

    @property
    def segments(self) -> int:
        """Number of polynomials."""
        return max(int(self.position.shape[1]) - 1, 0)

    @property
    def end(self) -> float:
        """POSIX time of the last node."""
        return self.start + self.step * self.segments

    def bernstein(self, direction: Array, offset: float) -> Array:
        """Coefficients [6, segments] of the component along a unit vector [3], less an offset in km."""
        p, v, a = (direction @ x for x in (self.position, self.velocity, self.acceleration))
        ends = np.stack([p - offset, self.step * v, self.step**2 * a])
        return np.asarray(_TO_BERNSTEIN @ np.concatenate([ends[:, :-1], ends[:, 1:]]))

    def at(self, time: npt.ArrayLike) -> Array:
        """Position [3, k] at POSIX times [k] within the flight, to some metres."""
        along = (np.asarray(time, dtype=np.float64) - self.start) / self.step
        segment = np.clip(along.astype(np.int64), 0, self.segments - 1)
        basis = (bernstein_basis(along - segment) @ _TO_BERNSTEIN).T  # [6, k]
        h = self.step
        known = (self.position, h * self.velocity, h**2 * self.acceleration)
        found = np.zeros((3, segment.size))
        for end in (0, 1):
            for order, x in enumerate(known):
                found += x[:, segment + end] * basis[3 * end + order]
        return found


def bernstein_basis(u: Array) -> Array:
    """The six basis polynomials of degree 5 at parts of a segment: [k, 6]."""
    v = 1 - u
    uu, vv = u * u, v * v
    return np.column_stack([
        vv * vv * v, 5 * u * vv * vv, 10 * uu * vv * v, 10 * uu * u * vv, 5 * uu * uu * v, uu * uu * u,
    ])  # fmt: skip


def fly(elements: Elements, start: float, end: float) -> Flight:
    """The flight between two POSIX times, or the longest part of it for which SGP4 gives positions."""
    satrec = elements.satrec()
    step = node_step_s(elements)
    time: Array = start + step * np.arange(max(math.ceil((end - start) / step), 1) + 1, dtype=np.float64)
    code, position, velocity = fixed_or_nan(satrec, time)
    problem = ""
    if code.any():
        first, last = _longest_run(code == 0)
        bad = int(np.flatnonzero(code)[0])
        problem = no_position(elements, float(time[bad]), int(code[bad]))
        time, position, velocity = time[first:last], position[:, first:last], velocity[:, first:last]
    began = float(time[0]) if time.size else start
    return Flight(
        elements, satrec, began, step, position, velocity, _acceleration(position, velocity), problem
    )


def node_step_s(elements: Elements) -> float:
    """Seconds between the nodes, by how fast the satellite turns about the Earth at its perigee."""
    mean = 2 * math.pi * elements.mean_motion_rev_per_day / DAY_S
    e = min(elements.eccentricity, 0.99)
    fastest = mean * math.sqrt(1 + e) / (1 - e) ** 1.5
    return float(min(_STEP_RAD / fastest, _LONGEST_STEP_S))


def _acceleration(position: Array, velocity: Array) -> Array:
    """Gravity with the Earth's flattening, in the frame that turns with it, [3, n] in km/s²."""
    x, y, z = position
    squared = (position**2).sum(axis=0)
    pull = -_MU / (squared * np.sqrt(squared))
    flat = 1.5 * _J2 * _EARTH_KM**2 / squared
    tilt = 5 * z**2 / squared
    w = EARTH_TURN_RAD_PER_S
    return np.stack([
        pull * x * (1 + flat * (1 - tilt)) + 2 * w * velocity[1] + w**2 * x,
        pull * y * (1 + flat * (1 - tilt)) - 2 * w * velocity[0] + w**2 * y,
        pull * z * (1 + flat * (3 - tilt)),
    ])  # fmt: skip


def _longest_run(good: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """First index and the one behind the last of the longest run of true values; (0, 0) without any."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    if not edges.size:
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest])
