"""Which estimates one clock and one carrier can have given: Doppler goes on, a jump does not pass for it."""

from __future__ import annotations

import pytest

from decoders.demodulation.acquisition import Estimate
from decoders.demodulation.clock import ClockTrack

SAMPLE_RATE, SYMBOL_RATE, DRIFT_HZ_S = 288e3, 72e3, 60.0
STEP = SYMBOL_RATE / SAMPLE_RATE


def estimate(at_s: float, offset_hz: float) -> Estimate:
    """Of a clock without any error."""
    centre = at_s * SAMPLE_RATE
    return Estimate(centre, offset_hz / SAMPLE_RATE, (centre * STEP) % 0.5, STEP, coherence=0.9)


def followed(drift_hz_s: float) -> ClockTrack:
    """A track that has seen three seconds of a carrier that drifts."""
    track = ClockTrack(
        sample_rate=SAMPLE_RATE,
        outputs_per_symbol=2,
        nominal_step=STEP,
        tolerance=0.12,
        drift_hz_s=DRIFT_HZ_S,
    )
    for at_s in (0.125, 0.375, 0.875, 1.875, 3.125):
        track.extend(at_s * SAMPLE_RATE, estimate(at_s, 1000 + drift_hz_s * at_s), lambda end, _: end)
    return track


@pytest.mark.parametrize("drift_hz_s", [-35.0, 0.0, 35.0])
def test_doppler_goes_on_over_a_long_stride(drift_hz_s: float) -> None:
    """52 Hz in 1.5 s are more than a jump may have, and are foretold."""
    track = followed(drift_hz_s)
    assert track.fits(estimate(4.625, 1000 + drift_hz_s * 4.625))
    assert len(track.extend(4.625 * SAMPLE_RATE, estimate(4.625, 1000 + drift_hz_s * 4.625), _no_break)) == 1


@pytest.mark.parametrize("drift_hz_s", [-35.0, 0.0, 35.0])
@pytest.mark.parametrize("jump_hz", [-45.0, 45.0])
def test_a_jump_of_the_carrier_is_another_signal(drift_hz_s: float, jump_hz: float) -> None:
    assert not followed(drift_hz_s).fits(estimate(4.625, 1000 + drift_hz_s * 4.625 + jump_hz))


def test_a_drift_beyond_the_largest_is_another_signal() -> None:
    """However well it was foretold."""
    track = followed(55.0)
    assert track.fits(estimate(4.625, 1000 + 55.0 * 4.625))
    assert not track.fits(estimate(4.625, 1000 + 55.0 * 3.125 + 1.5 * DRIFT_HZ_S + 10))


def _no_break(end: float, _: object) -> float:
    raise AssertionError(f"a break was looked for before {end}")
