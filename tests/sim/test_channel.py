"""Noise against theory, Doppler against skyfield, every impairment against its definition."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from scheduler.elements import Elements, load_elements, select
from scheduler.passes import Site
from sim import noise
from sim.channel import FadingPath, Timeline
from sim.channel import Path as LightPath
from sim.errors import SimulationError
from sim.front_end import FrontEnd, LostStretch, lost_stretches
from sim.impairments import Crystal, Fading, Gaps, Impairments, Interferer, seed_of
from sim.packet_source import FillSource
from sim.pass_signal import PassSignal
from sim.request import PassSimulation

START = datetime(2026, 1, 1, tzinfo=UTC)
LAI_CHAU = Site("Lai Châu", 22.40, 103.45, 900.0)


def _request(seconds: float = 1.0, **changes: object) -> PassSimulation:
    return PassSimulation(
        None, None, START, START + timedelta(seconds=seconds), **{"ebn0_db": 6.0, **changes}
    )


def _samples(request: PassSimulation, block: int = 1 << 16) -> NDArray[np.complex64]:
    return np.concatenate([b.samples for b in PassSignal(request, FillSource()).blocks(block)])


# --- noise ---


def test_noise_kernel_equals_plain() -> None:
    for first in (0, 255, 2**40 + 17):
        fast = np.zeros(5001, np.complex64)
        noise.add_noise(fast, 0xFEDCBA9876543210, first, 0.7)
        plain = noise.noise_plain(0xFEDCBA9876543210, first, 5001, 0.7)
        # The radius in single precision: near zero its square root magnifies 1e-6.
        assert np.max(np.abs(fast - plain)) < 2e-3
        assert np.sqrt(np.mean(np.abs(fast - plain) ** 2)) < 2e-5


def test_split_mix_equals_published_sequence() -> None:
    """First outputs for seed 1234567, from the reference implementation (prng.di.unimi.it/splitmix64.c)."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert noise.split_mix(1234567, 0, 4).tolist() == expected


def test_noise_does_not_depend_on_blocks() -> None:
    whole = np.zeros(10_000, np.complex64)
    noise.add_noise(whole, 7, 1000, 1.0)
    pieces = np.zeros(10_000, np.complex64)
    for start, end in ((0, 1), (1, 700), (700, 701), (701, 10_000)):
        noise.add_noise(pieces[start:end], 7, 1000 + start, 1.0)
    assert np.array_equal(whole, pieces)


def test_noise_is_white_and_gaussian() -> None:
    count = 1 << 21
    x = np.zeros(count, np.complex64)
    noise.add_noise(x, noise.noise_key(seed_of(4, "noise")), 0, 1.0)
    margin = 5 / np.sqrt(count)
    assert abs(np.mean(x)) < margin
    assert np.mean(np.abs(x) ** 2) == pytest.approx(1.0, abs=margin)
    assert abs(np.mean(x**2)) < 1.5 * margin  # I and Q alike and independent
    for component in (x.real, x.imag):
        assert np.mean(component**4) == pytest.approx(3 / 4, abs=5 * margin)
    for power in (1.0, 4.0, 9.0):  # tails: |x|² is exponential
        expected = np.exp(-power)
        assert np.mean(np.abs(x) ** 2 > power) == pytest.approx(expected, abs=5 * np.sqrt(expected / count))
    spectrum = np.abs(np.fft.fft(x.reshape(-1, 256), axis=1)) ** 2
    assert np.max(np.abs(spectrum.mean(axis=0) / 256 - 1)) < 5 * np.sqrt(256 / count)
    other = np.zeros(count, np.complex64)
    noise.add_noise(other, noise.noise_key(seed_of(5, "noise")), 0, 1.0)
    assert abs(np.mean(x * other.conj())) < margin


@pytest.mark.parametrize("mode", ["m2_72k", "72k", "80k"])
@pytest.mark.parametrize("ebn0_db", [3.0, 6.0])
def test_uncoded_symbols_fail_as_theory_says(mode: str, ebn0_db: float) -> None:
    """Behind an ideal matched filter a coded bit fails with Q(sqrt(Es/N0)), and Es = Eb at rate 1/2."""
    symbol_rate = 80_000 if mode == "80k" else 72_000
    request = _request(8.0, mode=mode, ebn0_db=ebn0_db, seed=11, sample_rate=4.0 * symbol_rate)
    signal = PassSignal(request, FillSource())
    place = signal.timeline.place(np.array([0.0]))[0]
    lag = 0.0 if mode == "m2_72k" else 0.5
    clean, noisy = (_rails(_samples(r), place, lag) for r in (replace(request, ebn0_db=np.inf), request))
    assert np.std(np.abs(clean)) < 0.02 * np.mean(np.abs(clean))  # the eye is open just there
    wrong, count = np.count_nonzero((clean > 0) != (noisy > 0)), clean.size
    expected = count * NormalDist().cdf(-np.sqrt(10 ** (ebn0_db / 10)))
    assert count > 1.1e6
    # 4 standard deviations, and 1 % of slack for the pulse's truncation: 0.01 dB.
    assert abs(wrong - expected) < 4 * np.sqrt(expected) + 0.01 * expected


def _rails(samples: NDArray[np.complex64], place: float, lag: float) -> NDArray[np.float32]:
    """Both rails at their symbols, by a textbook matched filter at four samples a symbol."""
    out = []
    for values, late in ((samples.real, 0.0), (samples.imag, lag)):
        at = (np.ceil(place) + 30 + late - place) * 4  # sample number of a symbol; the others are 4 apart
        whole = round(at)
        taps = _rrc((np.arange(-80, 81) + whole - at) / 4)
        rail = np.correlate(values, taps.astype(np.float32), "valid")[whole - 80 :: 4]
        out.append(rail[: samples.size // 4 - 100])
    return np.concatenate(out)


def _rrc(t: NDArray[np.float64], b: float = 0.6) -> NDArray[np.float64]:
    """Root raised cosine, from its spectrum by the integral over frequency, tabulated."""
    grid = np.arange(-25, 25, 1 / 64)
    f = np.linspace(0, (1 + b) / 2, 801)
    raised = np.where(f <= (1 - b) / 2, 1, 0.5 * (1 + np.cos(np.pi * (f - (1 - b) / 2) / b)))
    table = 2 * np.trapezoid(np.sqrt(np.clip(raised, 0, 1)) * np.cos(2 * np.pi * f * grid[:, None]), f)
    return np.interp(t, grid, table)


def test_levels_follow_the_signal_to_noise_density() -> None:
    silent = _samples(_request(ebn0_db=float("inf"), format="cf32"))
    assert 10 * np.log10(np.mean(np.abs(silent) ** 2)) == pytest.approx(-12.0, abs=0.1)
    noisy = _samples(_request(2.0, ebn0_db=-60.0, format="cf32"))
    assert 10 * np.log10(np.mean(np.abs(noisy) ** 2)) == pytest.approx(-26.0, abs=0.05)


# --- Doppler ---


@pytest.fixture(scope="module")
def elements() -> Elements:
    path = Path(__file__).parents[2] / "scheduler/data/elements/meteor_2024-07-16.txt"
    return select(load_elements(path), "METEOR-M2 4")


def _skyfield_range_km(elements: Elements, times: list[datetime]) -> NDArray[np.float64]:
    from skyfield.api import EarthSatellite, load, wgs84

    timescale = load.timescale(builtin=True)
    satellite = EarthSatellite(*elements.to_tle(), "x", timescale)
    here = wgs84.latlon(LAI_CHAU.latitude_deg, LAI_CHAU.longitude_deg, LAI_CHAU.altitude_m)
    return np.asarray((satellite - here).at(timescale.from_datetimes(times)).distance().km)


def test_carrier_and_clock_follow_skyfields_range(elements: Elements) -> None:
    """Turns and symbols between samples are the ones that range differences of another program give."""
    start = datetime(2024, 7, 17, 7, 35, tzinfo=UTC)
    request = PassSimulation(elements, LAI_CHAU, start, start + timedelta(seconds=700), mode="72k")
    timeline = PassSignal(request, FillSource()).timeline
    seconds = [0.0, 100.0, 300.0, 359.0, 360.0, 361.0, 500.0, 699.0]
    light_s = (
        _skyfield_range_km(elements, [start + timedelta(seconds=float(s)) for s in seconds]) / 299_792.458
    )
    # The wave left when the satellite was still where it was `light_s` ago.
    light_s = _skyfield_range_km(
        elements, [start + timedelta(seconds=s - float(d)) for s, d in zip(seconds, light_s, strict=True)]
    ) / 299_792.458  # fmt: skip
    sent = np.diff(np.array(seconds) - light_s)
    samples = np.array(seconds) * request.sample_rate
    assert (
        np.max(np.abs(np.diff(timeline.place(samples)) - 72_000 * sent)) < 72_000 / 3e8
    )  # of a symbol: a metre
    turns = np.diff(timeline.cycles(samples)) + request.frequency_hz * np.diff(light_s)
    assert np.max(np.abs(turns)) < 137.9e6 / 3e8  # again a metre, over millions of turns
    doppler = np.diff(timeline.cycles(samples)) / np.diff(seconds)
    assert doppler[0] > 2000
    assert doppler[-1] < -2000


def test_carrier_phase_is_smooth(elements: Elements) -> None:
    start = datetime(2024, 7, 17, 7, 40, 30, tzinfo=UTC)
    request = PassSimulation(elements, LAI_CHAU, start, start + timedelta(seconds=60))
    timeline = PassSignal(request, FillSource()).timeline
    cycles = timeline.cycles(np.arange(0, 60 * 250_000, 256.0))
    bend = np.diff(cycles, 2) / (256 / 250_000) ** 2  # Hz/s
    assert -35 < bend.min() < bend.max() < 0  # it only falls, by at most 27 Hz/s and the noise of doubles
    assert np.std(np.diff(bend)) < 0.2


def test_samples_carry_the_doppler_of_the_curve(elements: Elements) -> None:
    """The line that the fourth power of QPSK shows lies where skyfield's range rate puts the carrier."""
    start = datetime(2024, 7, 17, 7, 36, tzinfo=UTC)
    request = PassSimulation(
        elements, LAI_CHAU, start, start + timedelta(seconds=1), mode="m2_72k", ebn0_db=float("inf")
    )
    x = _samples(request)
    spectrum = np.abs(np.fft.fft(x**4 * np.hanning(x.size), 1 << 20))
    f = np.fft.fftfreq(1 << 20, 1 / request.sample_rate)
    near = np.abs(f) < 18_000
    carrier = f[near][spectrum[near].argmax()] / 4
    r = _skyfield_range_km(elements, [start, start + timedelta(seconds=1)])
    assert carrier == pytest.approx(-(r[1] - r[0]) / 299_792.458 * request.frequency_hz, abs=0.5)


def test_noise_density_of_a_pass_is_the_link_budgets(elements: Elements) -> None:
    """The satellite rises during the recording: before, noise alone; after, the signal of the budget."""
    start = datetime(2024, 7, 17, 7, 33, 14, tzinfo=UTC)  # it rises at 07:33:24.3
    request = PassSimulation(elements, LAI_CHAU, start, start + timedelta(seconds=70), format="cf32")
    signal = PassSignal(request, FillSource())
    x = np.concatenate([b.samples for b in signal.blocks()])
    power = np.mean(np.abs(x[: 70 * 250_000].reshape(70, -1)) ** 2, axis=1)
    noise_power = power[:9].mean()
    late = np.arange(60, 70)
    cn0 = 10 * np.log10((power[late] / noise_power - 1) * request.sample_rate)
    assert np.mean(cn0 - signal.level.cn0_at(late + 0.5)) == pytest.approx(0.0, abs=0.1)
    assert np.all(np.isnan(signal.level.cn0_at(np.arange(0.0, 9.0))))


# --- receiver ---


def _timeline(crystal: Crystal) -> Timeline:
    path = LightPath.overhead(np.linspace(-10.0, 700.0, 5), np.full(5, 1e6 / 299_792_458))
    return Timeline(path, crystal, 250_000.0, 137.9e6, 137.9e6, 72_000.0, -1.0)


def test_one_crystal_shifts_carrier_and_clock() -> None:
    n = np.array([0.0, 250_000.0 * 60])
    exact, fast = _timeline(Crystal()), _timeline(Crystal(offset_ppm=10.0))
    assert np.diff(exact.cycles(n))[0] == pytest.approx(0.0, abs=1e-6)
    assert np.diff(fast.cycles(n))[0] / 60 == pytest.approx(-1379.0, abs=0.1)
    assert np.diff(exact.place(n))[0] == pytest.approx(72_000 * 60)
    assert np.diff(fast.place(n))[0] == pytest.approx(72_000 * 60 * (1 - 10e-6), abs=0.001)


def test_crystal_drifts() -> None:
    drifting = _timeline(Crystal(1.0, 2.0))
    n = 250_000.0 * np.array([0.0, 1.0, 300.0, 301.0])
    step = np.diff(drifting.cycles(n))
    assert step[0] == pytest.approx(-137.9 * (1 + 1 / 60), abs=0.01)
    assert step[2] == pytest.approx(-137.9 * (1 + 2 * 300.5 / 60), abs=0.05)
    assert np.max(np.abs(drifting.sample_at(drifting.true_time(n)) - n)) < 1e-4


def test_fading_has_its_k_factor_and_its_pace() -> None:
    time = np.arange(0, 8_000, 0.2)
    gain = np.mean(
        [np.abs(FadingPath(Fading(6.0, 0.5), seed_of(s, "fading")).gain(time)) ** 2 for s in range(9)]
    )
    assert gain == pytest.approx(1.0, abs=0.02)
    scattered = FadingPath(Fading(6.0, 0.5), seed_of(1, "fading")).gain(time)
    assert np.abs(np.mean(scattered)) ** 2 == pytest.approx(10**0.6 / (1 + 10**0.6), abs=0.02)
    spectrum = np.abs(np.fft.fft(scattered - scattered.mean())) ** 2
    f = np.abs(np.fft.fftfreq(time.size, 0.2))
    assert spectrum[f < 0.51].sum() > 0.999 * spectrum.sum()


def test_samples_fade_as_the_path_does() -> None:
    request = _request(2.0, ebn0_db=float("inf"), seed=3)
    faded = _samples(replace(request, impairments=Impairments(fading=Fading(3.0, 2.0))))
    time = np.arange(faded.size) / request.sample_rate
    gain = FadingPath(Fading(3.0, 2.0), seed_of(3, "fading")).gain(time[::1000])
    clean = _samples(request)[::1000]
    assert np.max(np.abs(faded[::1000] - gain * clean)) < 1e-4 * np.max(np.abs(clean))
    assert np.std(np.abs(gain)) > 0.05


@pytest.mark.parametrize("kind", ["cw", "fm"])
def test_interferer_has_its_place_and_level(kind: str) -> None:
    request = _request(format="cf32", ebn0_db=float("inf"))
    clean = _samples(request)
    disturbed = _samples(
        replace(request, impairments=Impairments(interferers=(Interferer(60_000.0, 6.0, kind),)))
    )
    alone = disturbed - clean
    ratio = np.mean(np.abs(alone) ** 2) / np.mean(np.abs(clean) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(6.0, abs=0.1)
    power = np.abs(np.fft.fft(alone)) ** 2
    f = np.fft.fftfreq(alone.size, 1 / request.sample_rate)
    assert np.sum(f * power) / power.sum() == pytest.approx(60_000.0, abs=20)
    width = np.sqrt(np.sum((f - 60_000) ** 2 * power) / power.sum())
    assert width == pytest.approx(0 if kind == "cw" else 3000 / np.sqrt(2), abs=60)


def test_what_lies_outside_the_band_is_not_heard() -> None:
    """Neither our signal nor an interferer folds back into the band."""
    far = Impairments(interferers=(Interferer(140_000.0, 20.0),))
    x = _samples(_request(format="cf32", tuned_hz=137.5e6, impairments=far))
    assert 10 * np.log10(np.mean(np.abs(x) ** 2)) == pytest.approx(-26.0, abs=0.05)


def test_switching_an_effect_leaves_the_others() -> None:
    """What a gap, a fade or an interferer draws changes neither frames nor noise."""
    request = _request(format="cf32")
    plain = _samples(request)
    gone = Impairments(gaps=Gaps(per_minute=600, mean_s=0.01))
    blocks = list(PassSignal(replace(request, impairments=gone), FillSource()).blocks())
    assert sum(b.samples.size for b in blocks) < plain.size
    assert all(np.array_equal(b.samples, plain[b.first : b.first + b.samples.size]) for b in blocks)
    steady = Impairments(fading=Fading(k_factor_db=120.0))
    assert np.max(np.abs(_samples(replace(request, impairments=steady)) - plain)) < 1e-5


def test_dc_and_imbalance_and_gain() -> None:
    tone = np.exp(2j * np.pi * 0.1 * np.arange(10_000)).astype(np.complex64) * np.float32(0.25)
    out = FrontEnd(Impairments(dc_offset=0.1 - 0.05j), 1e4).process(tone.copy(), 0)
    assert np.mean(out) == pytest.approx(0.1 - 0.05j, abs=1e-4)
    out = FrontEnd(Impairments(gain_db=6.0206), 1e4).process(tone.copy(), 0)
    assert np.allclose(out, 2 * tone, rtol=1e-4)
    out = FrontEnd(Impairments(iq_gain_db=1.0, iq_phase_deg=3.0), 1e4).process(tone.copy(), 0)
    gain, lean = 10**0.05, np.radians(3.0)
    mirror = np.mean(out * np.exp(2j * np.pi * 0.1 * np.arange(10_000))) / 0.25
    # Image of a receiver with gain g and lean p: |1 - g exp(jp)| / 2 of the tone's amplitude.
    assert np.abs(mirror) == pytest.approx(np.abs(1 - gain * np.exp(1j * lean)) / 2, rel=1e-3)


def test_converter_steps_and_saturates() -> None:
    ramp = np.linspace(-2, 2, 4001).astype(np.float32)
    out = FrontEnd(Impairments(adc_bits=3), 1e4).process((ramp + 1j * ramp[::-1]).astype(np.complex64), 0)
    assert np.unique(out.real).tolist() == [-0.875, -0.625, -0.375, -0.125, 0.125, 0.375, 0.625, 0.875]
    inside = np.abs(ramp) < 1
    assert np.max(np.abs(out.real[inside] - ramp[inside])) <= 0.125 + 1e-6
    with pytest.raises(SimulationError, match="1 to 16"):
        Impairments(adc_bits=0)


def test_too_much_gain_clips() -> None:
    from sdr.formats import from_samples

    raw = from_samples(_samples(_request(impairments=Impairments(gain_db=20.0))), "cu8")
    codes = np.frombuffer(raw, np.uint8)
    assert np.mean((codes == 0) | (codes == 255)) > 0.03
    codes = np.frombuffer(from_samples(_samples(_request()), "cu8"), np.uint8)
    assert not np.any((codes == 0) | (codes == 255))


def test_gaps_are_where_they_are_told_and_never_touch() -> None:
    gaps = Gaps(at=((0.1, 0.1), (0.15, 0.2), (0.95, 1.0)))
    expected = (LostStretch(100, 250), LostStretch(950, 50))
    assert lost_stretches(gaps, 1000.0, 1000, seed_of(1, "gaps")) == expected
    random = lost_stretches(Gaps(per_minute=30, mean_s=0.1), 1000.0, 3_600_000, seed_of(1, "gaps"))
    assert len(random) == pytest.approx(1800, abs=200)
    assert all(a.first + a.count < b.first for a, b in pairwise(random))
    assert lost_stretches(None, 1000.0, 1000, seed_of(1, "gaps")) == ()


@pytest.mark.parametrize("mode", ["m2_72k", "72k", "80k"])
def test_block_size_changes_nothing(mode: str) -> None:
    gaps = Gaps(at=((0.3, 0.2), (0.9, 0.1)))
    request = _request(mode=mode, impairments=Impairments(crystal=Crystal(7.0, 1.0), gaps=gaps))
    whole = _samples(request)
    assert np.array_equal(_samples(request, 256 * 37), whole)
    # numpy's exponentials may differ in their last bit by where an array begins.
    more = replace(request.impairments, fading=Fading(), interferers=(Interferer(3e4, -3.0, "fm"),))
    request = replace(request, impairments=more)
    assert np.max(np.abs(_samples(request, 256 * 37) - _samples(request))) < 1e-7
    assert not np.array_equal(_samples(replace(request, seed=2)), whole)
