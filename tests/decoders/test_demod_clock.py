"""Which estimates one clock and one carrier can have given: Doppler goes on, a jump does not pass for it; and
what lost samples leave of the clock that is known.
"""

from __future__ import annotations

import pytest

from decoders.demodulation.acquisition import Estimate
from decoders.demodulation.clock import ClockTrack

SAMPLE_RATE, SYMBOL_RATE, DRIFT_HZ_S = 288e3, 72e3, 60.0
STEP = SYMBOL_RATE / SAMPLE_RATE
BLOCK = 72_000


def estimate(at_s: float, offset_hz: float, *, late: float = 0.0, ppm: float = 0.0) -> Estimate:
    """Of a clock without any error, but for what is said: symbols late, and the rate that its block tells."""
    centre = at_s * SAMPLE_RATE
    symbol, step = (centre * STEP - late) % 0.5, STEP * (1 + ppm * 1e-6)
    return Estimate(centre, offset_hz / SAMPLE_RATE, symbol, step, coherence=0.9, samples=BLOCK)


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


def test_a_block_with_lost_samples_tells_no_rate() -> None:
    """Half of it has the clock before them, half the one behind: in between, and 36 ppm too fast."""
    track = followed(0.0)
    track.extend(3.375 * SAMPLE_RATE, estimate(3.375, 1000, late=0.15, ppm=36.0), lambda end, _: end - 9000)
    segments = track.extend(3.625 * SAMPLE_RATE, estimate(3.625, 1000, late=0.3), lambda end, _: end - 9000)
    assert not segments[-1].joined
    assert all(0.5 / one.output_step == pytest.approx(STEP, rel=1e-8) for one in segments)


def test_lost_samples_within_the_tolerance_are_no_rate() -> None:
    """0.1 symbols in a block are 5.6 ppm; three blocks later nothing may be foretold from them."""
    track = followed(0.0)
    track.extend(3.375 * SAMPLE_RATE, estimate(3.375, 1000, late=0.1), _no_break)
    (segment,) = track.extend(4.125 * SAMPLE_RATE, estimate(4.125, 1000, late=0.1), _no_break)
    assert 0.5 / segment.output_step == pytest.approx(STEP, rel=2e-6)


@pytest.mark.parametrize("ppm", [-55.6, -27.8, 27.8, 55.6])
def test_a_clock_that_gains_an_output_per_block_is_found_out(ppm: float) -> None:
    """At each middle of a block it looks right, in between it is half a symbol off."""
    track = ClockTrack(
        sample_rate=SAMPLE_RATE,
        outputs_per_symbol=2,
        nominal_step=STEP,
        tolerance=0.12,
        drift_hz_s=DRIFT_HZ_S,
    )
    track.extend(0.125 * SAMPLE_RATE, estimate(0.125, 1000, ppm=ppm), lambda end, _: end)
    assert not track.fits(estimate(0.375, 1000))
    track.extend(0.375 * SAMPLE_RATE, estimate(0.375, 1000), lambda end, _: end)
    assert track.fits(estimate(0.625, 1000))


def test_another_rate_is_taken_after_a_second() -> None:
    """Another transmitter's, 40 ppm away: no signal may be lost for good to a rate that was known."""
    track = followed(0.0)
    for number in range(6):
        at_s = 3.375 + number / 4
        other = estimate(at_s, 1000, late=-40e-6 * (at_s - 3.0) * SYMBOL_RATE - 0.2, ppm=40.0)
        found = track.fits(other)
        track.extend(at_s * SAMPLE_RATE, other, lambda end, _: end)
    assert found


def _no_break(end: float, _: object) -> float:
    raise AssertionError(f"a break was looked for before {end}")
