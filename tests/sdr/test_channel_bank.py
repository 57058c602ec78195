"""Channels out of a wide stream: the sum that defines them, the mask, any portions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sdr.channel_bank import Channel, ChannelBank
from sdr.channel_filter import half_length, low_pass, rate_ratio
from sdr.channel_grid import ROWS, grid_for
from sdr.errors import RecordingError

RATE, CENTER = 2.4e6, 137.5e6
START_S = 1_774_322_055.926535


def noise(count: int, seed: int = 1) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).normal(size=2 * count)).astype(np.float32).view(np.complex64)


def plain(samples: np.ndarray, ratio: Fraction, shift: float) -> np.ndarray:
    """The specification where outputs fall on samples: mixed, filtered by all taps, one of every few kept."""
    assert ratio.numerator == 1
    mixed = samples * np.exp(-2j * np.pi * shift * np.arange(len(samples)))
    half = half_length(ratio)
    return np.convolve(mixed, low_pass(ratio))[half : half + len(samples)][:: ratio.denominator]


def given(bank: ChannelBank, parts: list[np.ndarray]) -> list[np.ndarray]:
    outputs = [bank.process(part) for part in parts] + [bank.flush()]
    return [np.concatenate(channel) for channel in zip(*outputs, strict=True)]


def whole(samples: np.ndarray, *channels: Channel) -> list[np.ndarray]:
    return given(ChannelBank(RATE, CENTER, channels, start_s=START_S), [samples])


def tone(hz: float, count: int, rate: float = RATE) -> np.ndarray:
    return np.exp(2j * np.pi * hz / rate * np.arange(count)).astype(np.complex64)


@pytest.mark.parametrize(
    ("frequency", "rate", "count"),
    [(137.1e6, 300e3, 150_001), (137.912345e6, 240e3, 91_234), (136.3e6, 1.2e6, 5), (137.5e6, 2.4e6, 70_000)],
)
def test_what_comes_out_is_the_sum_that_defines_it(frequency: float, rate: float, count: int) -> None:
    samples = noise(count)
    (out,) = whole(samples, Channel(frequency, rate))
    expected = plain(samples, Fraction(rate) / Fraction(RATE), (frequency - CENTER) / RATE)
    assert out.dtype == np.complex64
    assert len(out) == len(expected)
    # Beginning and end included; the bins left out lie 85 dB down.
    assert np.abs(out - expected).max() < 3e-5


def test_channels_beside_one_another_are_as_alone() -> None:
    samples = noise(200_000)
    channels = Channel(137.1e6, 250e3), Channel(137.9e6, 240e3), Channel(137.5e6, 48e3)
    for channel, out in zip(channels, whole(samples, *channels), strict=True):
        (alone,) = whole(samples, channel)
        assert len(alone) == len(out)
        assert np.abs(alone - out).max() < 2e-5


@pytest.mark.parametrize("seed", range(4))
def test_any_portions_give_the_same_bits(seed: int) -> None:
    samples = noise(300_007)
    curve = (START_S + np.arange(5.0) / 20, np.array([3e3, 2e3, 0.0, -2e3, -3e3]))
    channels = Channel(137.1e6, 250e3), Channel(137.9e6, 240e3, curve)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(samples), [3, 2000, 60, 7][seed]))
    for one, other in zip(
        whole(samples, *channels),
        given(ChannelBank(RATE, CENTER, channels, start_s=START_S), np.split(samples, cuts)),
        strict=True,
    ):
        assert np.array_equal(one.view(np.uint64), other.view(np.uint64))


def test_it_comes_out_as_soon_as_it_says() -> None:
    bank = ChannelBank(RATE, CENTER, [Channel(137.1e6, 250e3)])
    assert bank.delay_s <= 0.05
    taken, out, waits = 0, 0, []
    for part in np.array_split(noise(500_000), 5000):
        taken += len(part)
        out += len(bank.process(part)[0])
        waits.append(taken / RATE - out / 250e3)
    assert max(waits) <= bank.delay_s
    assert max(waits) > bank.delay_s * 0.99  # it says no more than is true


@pytest.mark.parametrize("rate", [250e3, 48e3, 1.6e6, 200e3])
def test_the_pass_band_is_flat_and_without_delay(rate: float) -> None:
    """Tones within 0.42 of the rate to either side come out as they are: level, phase, instant."""
    frequency = 137.6e6 + 123.4
    for share in np.linspace(-0.42, 0.42, 9):
        hz = share * rate
        (out,) = whole(tone(frequency - CENTER + hz, 100_000), Channel(frequency, rate))
        middle = slice(len(out) // 4, 3 * len(out) // 4)
        error = (out / tone(hz, len(out), rate))[middle]
        assert np.abs(20 * np.log10(np.abs(error))).max() < 0.01, share
        assert np.degrees(np.abs(np.angle(error))).max() < 0.05, share


@pytest.mark.parametrize("rate", [250e3, 48e3, 1.6e6])
def test_everything_else_is_stopped_with_all_its_aliases(rate: float) -> None:
    frequency = 137.6e6
    hz = np.linspace(rate / 2, RATE - rate / 2, 37) + 11.1
    for offset in hz[:-1]:
        (out,) = whole(tone(frequency - CENTER + offset, 60_000), Channel(frequency, rate))
        middle = out[len(out) // 4 : 3 * len(out) // 4]
        assert 10 * np.log10(np.mean(np.abs(middle) ** 2)) < -80, offset


def test_a_carrier_that_moves_as_predicted_comes_to_stand_still() -> None:
    time = np.arange(-1, 3, 0.25)
    hz = 3400 * np.tanh(-time)
    at = np.arange(int(1.5 * RATE)) / RATE
    cycles = -3400 * np.log(np.cosh(at))  # the integral of the curve, by hand
    samples = np.exp(2j * np.pi * (cycles + (137.9e6 - CENTER) * at)).astype(np.complex64)
    curve = (START_S + time, hz)
    (out,) = whole(samples, Channel(137.9e6, 250e3, curve))
    turned = np.unwrap(np.angle(out[2000:-2000])) / (2 * np.pi)
    # What is left comes of the curve's own points, a quarter of a second apart: no step, no offset.
    assert np.ptp(turned) < 0.1
    assert np.abs(np.diff(turned)).max() * 250e3 < 0.5
    (left,) = whole(samples, Channel(137.9e6, 250e3))
    assert np.ptp(np.unwrap(np.angle(left[2000:-2000]))) / (2 * np.pi) > 1000


def test_the_rate_is_the_wanted_one_or_a_little_more() -> None:
    assert rate_ratio(2.4e6, 250e3) == Fraction(5, 48)
    assert rate_ratio(10e6, 192e3) == Fraction(12, 625)
    assert rate_ratio(2.4e6, 2.4e6) == 1
    for wide, wanted in ((2_399_999.7, 250e3), (2.4e6, 237_600.1), (10e6, 2_661_600.0), (2.048e6, 250e3)):
        ratio = rate_ratio(wide, wanted)
        assert wanted <= float(ratio) * wide <= 1.02 * wanted
        assert ratio.denominator <= 1024


@pytest.mark.parametrize("wanted", [0.0, -1.0, 2.5e6, float("nan"), float("inf"), 100.0])
def test_a_rate_that_cannot_be_is_refused(wanted: float) -> None:
    with pytest.raises(RecordingError, match="samples/s out of"):
        rate_ratio(2.4e6, wanted)


@pytest.mark.parametrize(("frequency", "bandwidth"), [(138.8e6, 0), (138.65e6, 120e3), (float("nan"), 0)])
def test_a_channel_beyond_the_recording_is_refused(frequency: float, bandwidth: float) -> None:
    with pytest.raises(RecordingError, match=r"holds 136\.3 to 138\.7 MHz"):
        ChannelBank(RATE, CENTER, [Channel(frequency, 250e3, None, bandwidth)])


def test_a_curve_needs_the_time_of_the_first_sample() -> None:
    with pytest.raises(RecordingError, match="does not say when it began"):
        ChannelBank(RATE, CENTER, [Channel(137.9e6, 250e3, ([0.0], [100.0]))])


@pytest.mark.parametrize("wide", [250e3, 1e6, 2.048e6, 2.4e6, 10e6, 20e6])
@pytest.mark.parametrize("ratio", [Fraction(1), Fraction(4, 5), Fraction(1, 8), Fraction(3, 625)])
def test_a_grid_holds_whole_samples_of_every_channel(wide: float, ratio: Fraction) -> None:
    grid = grid_for(wide, [ratio, Fraction(5, 48)])
    assert grid.length == grid.step + 2 * grid.margin
    assert grid.margin >= half_length(ratio)
    assert all((n * r).denominator == 1 for n in (grid.step, grid.margin) for r in (ratio, Fraction(5, 48)))
    assert ROWS * grid.step <= max(0.03 * wide, 8 * grid.margin)


def test_rates_without_a_grid_in_common_are_refused() -> None:
    with pytest.raises(RecordingError, match="one by one"):
        grid_for(2.4e6, [Fraction(1, 4096), Fraction(1, 2187)])


def test_nothing_comes_of_nothing() -> None:
    assert [len(out) for out in whole(noise(0), Channel(137.1e6, 250e3))] == [0]
