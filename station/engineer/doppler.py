"""The carrier as it was measured against the Doppler curve of the elements: their age, and the crystals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from scheduler.satellites import DownlinkUse
from station.engineer.sky import Sky

Floats = npt.NDArray[np.float64]

_MOST_TURNS = 40
_MOST_STEP_S, _MOST_LATE_S = 60.0, 900.0
_MOST_REST = 0.1  # of the span of the curve; more is another satellite, or another time
_LEAST_REST_HZ = 50.0
_OUTLIER = 4.0  # times the usual deviation


@dataclass(frozen=True)
class DopplerFit:
    """The carrier that was measured against the predicted one.

    Attributes:
        predicted_hz: carrier off the centre of the recording, by the elements [n].
        residual_hz: measured less predicted [n].
        fitted_hz: what crystal and lateness explain of it [n].
        crystal_ppm: by which the receiver's crystal is fast, less that of the satellite.
        late_s: by which the satellite comes later than its elements say: their age, or a wrong clock.
        late_error_s: two standard deviations of that; much, where the recording is short.
        rest_hz: root mean square of what is left.
    """

    predicted_hz: Floats
    residual_hz: Floats
    fitted_hz: Floats
    crystal_ppm: float
    late_s: float
    late_error_s: float
    rest_hz: float


def fit_doppler(
    sky: Sky, start: datetime, time_s: Floats, carrier_hz: Floats, *, center_hz: float, sent_hz: float
) -> DopplerFit | None:
    """Crystal error and lateness by least squares; what lies far off all others is left out.

    Lateness d shifts the predicted curve f(t) to f(t - d); the crystal of a receiver that is fast by e tunes
    it e · centre too high. Gauss-Newton in these two, the curve computed anew at each turn.

    Args:
        sky: the orbit.
        start: of the recording.
        time_s: since then [n ≥ 3], rising.
        carrier_hz: measured, off the centre [n].
        center_hz: of the recording.
        sent_hz: by the satellite.

    Returns:
        None where the carrier does not follow these elements, within a quarter of an hour.
    """

    def expected(late_s: float) -> Floats:
        return np.asarray(sent_hz + sky.track(start, time_s - late_s).doppler_hz(sent_hz) - center_hz)

    predicted = expected(0.0)
    offset = late = 0.0
    used = np.ones(len(time_s), np.bool_)
    for _ in range(_MOST_TURNS):
        curve = expected(late)
        design = np.stack([np.ones_like(curve), expected(late + 0.5) - expected(late - 0.5)], axis=1)
        off = carrier_hz - curve
        (offset, more), *_ = np.linalg.lstsq(design[used], off[used], rcond=None)
        left = off - design @ (offset, more)
        usual = 1.4826 * float(np.median(np.abs(left)))
        used = np.abs(left) <= _OUTLIER * max(usual, 1.0)
        late += float(np.clip(more, -_MOST_STEP_S, _MOST_STEP_S))
        if abs(more) < 1e-4:
            break
    fitted = expected(late) + offset - predicted
    left = carrier_hz - predicted - fitted
    rest_hz = float(np.sqrt(np.mean(left[used] ** 2)))
    if abs(late) > _MOST_LATE_S or rest_hz > max(_LEAST_REST_HZ, _MOST_REST * float(np.ptp(carrier_hz))):
        return None
    return DopplerFit(
        predicted,
        carrier_hz - predicted,
        fitted,
        -1e6 * float(offset) / center_hz,
        late,
        2 * rest_hz * float(np.sqrt(np.linalg.pinv(design[used].T @ design[used])[1, 1])),
        rest_hz,
    )


def sent_frequency_hz(use: DownlinkUse, heard_hz: float) -> float:
    """Of the frequencies that the satellite may send on, the one nearest to what was heard."""
    return min((use.frequency_hz, *use.alternatives_hz), key=lambda sent: abs(sent - heard_hz))


def doppler_said(crystal_ppm: float, late_s: float, late_error_s: float, rest_hz: float) -> str:
    """The fit in words."""
    side = "late" if late_s >= 0 else "early"
    return (
        f"crystals {crystal_ppm:+.2f} ppm, satellite {abs(late_s):.2f} ± {late_error_s:.2f} s {side} by its "
        f"elements, {rest_hz:.2g} Hz are left"
    )
