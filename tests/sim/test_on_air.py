"""The new downlinks' samples: read by a textbook receiver, and measured against theory.

The receiver knows place and phase from the simulation's timeline; everything else it does by itself.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.downlink import pulses
from sim.errors import SimulationError
from sim.impairments import Crystal, Gaps, Impairments, Interferer, Outages
from sim.link_test import link_test, request_of, source_of
from sim.modes import MODES
from sim.pass_signal import PassSignal
from sim.request import PassSimulation
from sim.sample_flow import SampleFlow

NEW = ("metop_ahrpt", "noaa_hrpt", "meteor_hrpt", "jpss_hrd", "noaa21_hrd", "gk2a_lrit")
MARKERS = {"noaa_hrpt": "a116fd719d83c95"}


def _made(request: PassSimulation) -> tuple[PassSignal, NDArray[np.complex128], list[bytes]]:
    """Signal, samples at a carrier of no frequency and phase, frames."""
    frames = []
    signal = PassSignal(request, source_of(request), lambda slot: frames.append(slot.frame.cadu))
    samples = np.concatenate([block.samples for block in signal.blocks()]).astype(np.complex128)
    samples = samples[: samples.size // 4096 * 4096]  # a size that transforms fast
    turned = samples * np.exp(-2j * np.pi * signal.timeline.cycles(np.arange(samples.size)))
    return signal, turned, frames


def _at(
    signal: PassSignal, samples: NDArray[np.complex128], late: float, matched: bool
) -> NDArray[np.complex128]:
    """Values at the pulses that lie well inside, behind a matched filter of the root-raised cosine."""
    mode, rate = signal.mode, signal.request.sample_rate
    places = signal.timeline.place(np.array([0.0, samples.size - 1.0]))
    number = np.arange(math.ceil(places[0]) + 40, math.floor(places[1]) - 40)
    at, _ = signal.arrival(number + late)
    f = np.fft.fftfreq(samples.size, 1 / rate)
    shape = np.ones(f.size)
    if matched:
        edge = np.clip((np.abs(f) / mode.symbol_rate - (1 - mode.rolloff) / 2) / mode.rolloff, 0, 1)
        shape = np.cos(np.pi / 2 * edge)
    spectrum = np.fft.fft(samples) * shape
    # Eight times the rate by zeros in the spectrum, straight in between.
    fine = np.zeros(8 * f.size, np.complex128)
    half = f.size // 2
    fine[:half], fine[-half:] = spectrum[:half], spectrum[-half:]
    dense = np.fft.ifft(fine)
    grid = np.arange(dense.size) / 8
    return np.interp(at, grid, dense.real) + 1j * np.interp(at, grid, dense.imag)


def _inverse(pairs: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    """Bits of the code K = 7 from its pairs (-1: dropped), given without errors; None if there is none."""
    for guess in range(64):
        u = [(guess >> k) & 1 for k in range(6)]
        for g1, g2 in pairs:
            a = u[-1] ^ u[-2] ^ u[-3] ^ u[-6]
            b = u[-2] ^ u[-3] ^ u[-5] ^ u[-6]
            new = int(g1) ^ a if g1 >= 0 else int(g2) ^ b
            if g2 >= 0 and new ^ b != g2:
                break
            u.append(new)
        else:
            return np.array(u[6:], np.uint8)
    return None


def _pairs(name: str, i_bits: NDArray[np.uint8], q_bits: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """Candidates of the pairs (C1, C2) that the encoder made, by the downlink's description."""
    if name == "metop_ahrpt":  # (C1(1), C2(1)), (C1(3), C2(2)), either may come first
        out = []
        for first in (0, 1):
            size = (i_bits.size - first) // 2
            i, q = (x[first : first + 2 * size].reshape(-1, 2).astype(np.int64) for x in (i_bits, q_bits))
            gone = np.full(size, -1)
            rows = [i[:, 0], q[:, 0], gone, q[:, 1], i[:, 1], gone]
            out.append(np.stack(rows, axis=1).reshape(-1, 2))
        return out
    if name == "gk2a_lrit":
        return [i_bits[k : k + (i_bits.size - k) // 2 * 2].reshape(-1, 2).astype(np.int64) for k in (0, 1)]
    return [np.stack([i_bits, 1 - q_bits], axis=1).astype(np.int64)]  # JPSS: I = G1, Q = not G2


def _bits(name: str, signal: PassSignal, samples: NDArray[np.complex128]) -> list[NDArray[np.uint8]]:
    """Candidates of the information bits."""
    if signal.mode.split_phase:
        phase = _at(signal, samples, 0.0, matched=False).imag > 0
        return [phase[k : k + (phase.size - k) // 2 * 2 : 2].astype(np.uint8) for k in (0, 1)]
    i_bits = (_at(signal, samples, 0.0, matched=True).real < 0).astype(np.uint8)
    q_bits = (_at(signal, samples, signal.mode.lag, matched=True).imag < 0).astype(np.uint8)
    found = [bits for pairs in _pairs(name, i_bits, q_bits) if (bits := _inverse(pairs)) is not None]
    return [bits[1:] ^ bits[:-1] if name in ("jpss_hrd", "noaa21_hrd") else bits for bits in found]


def _frames(name: str, bits: NDArray[np.uint8]) -> list[bytes]:
    """Frames from every marker on, derandomised or as 16-bit words."""
    digits = MARKERS.get(name, "1acffc1d")
    marker = np.array([int(d) for d in f"{int(digits, 16):0{4 * len(digits)}b}"], np.uint8)
    size = {"noaa_hrpt": 110_900, "noaa21_hrd": 10_232}.get(name, 8192)
    windows = np.lib.stride_tricks.sliding_window_view(bits, marker.size)
    starts = [k for k in np.flatnonzero((windows == marker).all(axis=1)) if k + size <= bits.size]
    out = []
    for start in starts:
        part = bits[start : start + size]
        if name == "noaa_hrpt":
            out.append((part.reshape(-1, 10) @ (1 << np.arange(9, -1, -1))).astype(">u2").tobytes())
        else:
            out.append((np.packbits(part) ^ _mask(name, size // 8)).tobytes())
    return out


def _mask(name: str, size: int) -> NDArray[np.uint8]:
    if name == "meteor_hrpt":
        return np.zeros(size, np.uint8)
    state = [1] * 8
    while len(state) < 8 * (size - 4):
        state.append(state[-8] ^ state[-5] ^ state[-3] ^ state[-1])
    return np.packbits([0] * 32 + state[: 8 * (size - 4)])


@pytest.mark.parametrize("name", NEW)
def test_textbook_receiver_finds_the_frames(name: str) -> None:
    shift = {"doppler_hz": -2e-5 * MODES[name].frequency_hz, "doppler_rate_hz_s": 300.0}
    wrong = Impairments(crystal=Crystal(offset_ppm=30.0))
    count = {"noaa_hrpt": 2}.get(name, 4)
    signal, samples, sent = _made(request_of(name, frames=count, seed=5, impairments=wrong, **shift))
    found = [frames for bits in _bits(name, signal, samples) if (frames := _frames(name, bits))]
    assert len(found) == 1
    assert len(found[0]) >= count - 1
    first = sent.index(found[0][0])
    assert found[0] == sent[first : first + len(found[0])]


@pytest.mark.parametrize("name", NEW)
def test_link_test_holds_the_frames_asked_for(name: str) -> None:
    made = link_test(name, frames=3, ebn0_db=8.0, seed=2)
    assert len(made.complete) == 3
    for frame in made.frames:
        inside = frame.first_sample >= 0 and frame.last_sample < made.samples.size
        assert frame.complete == inside
    spans = [frame.last_sample - frame.first_sample for frame in made.frames]
    period = MODES[name].frame_period_s * made.sample_rate
    assert np.allclose(spans, period, atol=made.sample_rate / MODES[name].pulse_rate * 2 + 1)
    again = link_test(name, frames=3, ebn0_db=8.0, seed=2)
    assert np.array_equal(made.samples, again.samples)


def test_the_second_generator_of_bpsk_may_be_inverted() -> None:
    bits = np.random.default_rng(2).integers(0, 2, 64, dtype=np.uint8)
    mode = MODES["gk2a_lrit"]
    plain, inverted = (pulses(replace(mode, second_inverted=turn), bits)[0] for turn in (False, True))
    assert np.array_equal(plain, 1 - 2.0 * bits)
    assert np.array_equal(inverted, plain * np.tile([1, -1], 32))


def test_bits_per_second_are_those_of_the_satellites() -> None:
    expected = {
        "72k": 72e3, "80k": 72e3, "metop_ahrpt": 3.5e6, "noaa_hrpt": 665.4e3, "meteor_hrpt": 665.4e3,
        "jpss_hrd": 15e6, "noaa21_hrd": 25e6, "gk2a_lrit": 64e3,
    }  # fmt: skip
    for name, rate in expected.items():
        assert MODES[name].bit_rate == pytest.approx(rate)
    assert MODES["80k"].energy_rate == pytest.approx(80e3)  # sync words count like data
    assert 1 / MODES["noaa_hrpt"].frame_period_s == pytest.approx(6)
    assert 1 / MODES["metop_ahrpt"].frame_period_s == pytest.approx(427.2, abs=0.05)
    assert 1 / MODES["meteor_hrpt"].frame_period_s == pytest.approx(81.2256, abs=1e-4)


def _density(samples: NDArray[np.complex64], sample_rate: float) -> tuple[NDArray, NDArray]:
    """Frequencies and power per Hz, by averaged and windowed pieces."""
    count = 4096
    window = np.hanning(count)
    pieces = samples[: samples.size // count * count].reshape(-1, count) * window
    power = np.mean(np.abs(np.fft.fft(pieces, axis=1)) ** 2, axis=0) / np.sum(window**2) / sample_rate
    return np.fft.fftfreq(count, 1 / sample_rate), power


@pytest.mark.parametrize(
    ("name", "rate", "edge", "frames"),
    [
        ("metop_ahrpt", 10e6, 2e6, 300),
        ("noaa_hrpt", 12e6, 4.5e6, 3),
        ("gk2a_lrit", 500e3, 110e3, 30),
        ("noaa21_hrd", 80e6, 20e6, 300),
    ],
)
def test_noise_stands_where_eb_n0_puts_it(name: str, rate: float, edge: float, frames: int) -> None:
    """Noise density where no signal is; total power less the noise is the signal's."""
    made = link_test(name, frames=frames, ebn0_db=6.0, seed=4, sample_rate=rate)
    f, power = _density(made.samples, rate)
    noise = power[np.abs(f) > edge].mean()
    signal = np.mean(np.abs(made.samples) ** 2) - noise * rate
    ebn0 = signal / MODES[name].bit_rate / noise
    assert 10 * np.log10(ebn0) == pytest.approx(6.0, abs=0.1)


def _statistics(name: str, ebn0_db: float, frames: int, rate: float) -> NDArray[np.float64]:
    """Of the symbols on I behind a matched filter; of split phase of the half-bits on Q."""
    signal, samples, _ = _made(request_of(name, frames=frames, ebn0_db=ebn0_db, seed=8, sample_rate=rate))
    if not signal.mode.split_phase:
        return _at(signal, samples, 0.0, matched=True).real
    f = np.fft.fftfreq(samples.size, 1 / rate)
    shape = np.sinc(f / 1_330_800) / np.sqrt(1 + (f / 1.5e6) ** 8)
    return _at(signal, np.fft.ifft(np.fft.fft(samples) * shape), 0.0, matched=False).imag


@pytest.mark.parametrize(
    ("name", "share", "frames", "rate"),
    [("metop_ahrpt", 0.75, 20, 6e6), ("gk2a_lrit", 0.5, 10, 500e3), ("jpss_hrd", 0.5, 20, 30e6)],
)
def test_channel_symbols_err_as_often_as_theory_says(
    name: str, share: float, frames: int, rate: float
) -> None:
    """Q(sqrt(2 R Eb/N0)) for a coded bit of rate R; 0.1 dB is 7 % of the errors here."""
    expected = 0.5 * math.erfc(math.sqrt(share * 10**0.4))
    clean, noisy = (_statistics(name, level, frames, rate) for level in (math.inf, 4.0))
    assert np.mean((clean > 0) != (noisy > 0)) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("rate", [3e6, pytest.param(6e6, marks=pytest.mark.slow)])
def test_split_phase_bits_err_as_often_as_theory_says(rate: float) -> None:
    """Q(sqrt(2 s Eb/N0)): the data's share s is 0.72 dB, and the filters may take another 0.15 dB."""
    clean, noisy = (_statistics("noaa_hrpt", level, 1, rate) for level in (math.inf, 5.0))
    pairs = [[v[k : k + (v.size - k) // 2 * 2].reshape(-1, 2) for v in (clean, noisy)] for k in (0, 1)]
    bits = [[v[:, 0] - v[:, 1] for v in pair] for pair in pairs]
    truth, heard = max(bits, key=lambda pair: np.abs(pair[0]).min())  # elsewhere a half-bit meets its like
    found = np.mean((truth > 0) != (heard > 0))
    least, most = (0.5 * math.erfc(math.sqrt(10 ** ((5.0 - loss) / 10))) for loss in (0.72, 0.87))
    assert least < found < most


def test_split_phase_spectrum_and_carrier_follow_theory() -> None:
    """Against the spectrum of random split-phase data; without filter and with that of the transmitter."""
    rate, bit_rate = 12e6, 665_400.0
    request = request_of("noaa_hrpt", frames=3, seed=6, sample_rate=rate)
    made = link_test("noaa_hrpt", frames=3, seed=6, sample_rate=rate)
    samples = made.samples.astype(np.complex128)
    samples /= np.sqrt(np.mean(np.abs(samples) ** 2))
    carrier = np.abs(np.mean(samples)) ** 2
    x = np.pi * np.linspace(-5e6, 5e6, 20_001) / bit_rate / 2
    data = np.divide(np.sin(x) ** 4, x**2, out=np.zeros_like(x), where=x != 0) / bit_rate
    f = np.linspace(-5e6, 5e6, 20_001)
    kept = data / (1 + (f / 1.5e6) ** 8)
    share = 0.1527 / (0.1527 + 0.8473 * kept.sum() * 500.0)  # cos² and sin² of 67 degrees
    assert 10 * np.log10(0.1527) == pytest.approx(-8.16, abs=0.01)
    assert 10 * np.log10(carrier / share) == pytest.approx(0, abs=0.1)
    g, power = _density((samples - np.mean(samples)).astype(np.complex64), rate)
    scale = (1 - share) / (kept.sum() * 500.0)
    for low, high in ((0.1e6, 0.3e6), (0.4e6, 0.6e6), (0.8e6, 1.0e6), (1.6e6, 2.0e6), (2.2e6, 2.5e6)):
        wanted = scale * kept[(np.abs(f) > low) & (np.abs(f) < high)].mean()
        assert 10 * np.log10(power[(np.abs(g) > low) & (np.abs(g) < high)].mean() / wanted) == pytest.approx(
            0, abs=0.4
        )
    assert request.deviation_deg == 67.0


@pytest.mark.parametrize("deviation", [60.0, 67.0, 75.0])
def test_carrier_share_of_the_unfiltered_signal(deviation: float) -> None:
    """Many samples a bit and no filter: cos² of the deviation."""
    from sim.split_phase import half_bits, split_phase_bank

    mode = replace(MODES["noaa_hrpt"], filter_hz=0.0, deviation_deg=deviation)
    bank = split_phase_bank(mode, 60e6).astype(np.float64)
    bits = np.random.default_rng(3).integers(0, 2, 500, dtype=np.uint8)
    i_rail, q_rail = half_bits(bits, deviation)
    near = np.arange(40, q_rail.size - 40)[:, None] + np.arange(-7, 9)
    values = np.concatenate([i_rail[near] @ row + 1j * (q_rail[near] @ row) for row in bank[:-1]])
    assert np.mean(np.abs(values) ** 2) == pytest.approx(1.0, abs=0.01)
    assert values.real.std() < 1e-3
    assert values.real.mean() == pytest.approx(math.cos(math.radians(deviation)), abs=1e-3)
    phase = np.degrees(np.angle(values))
    assert np.median(np.abs(phase)) == pytest.approx(deviation, abs=0.5)


def test_a_narrow_receiver_loses_what_lies_outside_only() -> None:
    """At 3 MS/s the second lobes of split phase are cut off; what folds back is nothing."""
    wide, narrow = (
        link_test("noaa_hrpt", frames=2, ebn0_db=math.inf, seed=3, sample_rate=rate) for rate in (12e6, 3e6)
    )
    mean = [np.mean(np.abs(m.samples) ** 2) / np.abs(np.mean(m.samples)) ** 2 for m in (wide, narrow)]
    assert -0.1 < 10 * np.log10(mean[1] / mean[0]) < -0.02
    f, power = _density(narrow.samples, 3e6)
    assert 10 * np.log10(power[np.abs(f) > 1.45e6].mean() / power[np.abs(np.abs(f) - 5e5) < 1e5].mean()) < -40


def test_a_moving_transmitter_shifts_carrier_and_clock_alike() -> None:
    request = request_of("metop_ahrpt", frames=400, doppler_hz=-30e3, doppler_rate_hz_s=350.0)
    timeline = PassSignal(request, source_of(request)).timeline
    sample = np.arange(0, request.sample_count, 6000, dtype=np.float64)
    time = sample / 6e6
    carrier = np.diff(timeline.cycles(sample)) / np.diff(time)
    middle = (time[1:] + time[:-1]) / 2
    assert np.allclose(carrier, -30e3 + 350.0 * middle, atol=0.05)
    clock = np.diff(timeline.place(sample)) / np.diff(time)
    assert np.allclose(clock, 7e6 / 3 * (1 + (-30e3 + 350.0 * middle) / 1701.3e6), atol=0.05)


def test_offset_and_phase_move_the_carrier_only() -> None:
    plain = link_test("metop_ahrpt", frames=2, ebn0_db=math.inf).samples
    moved = link_test("metop_ahrpt", frames=2, offset_hz=40e3, carrier_phase_deg=90.0).samples
    turn = 1j * np.exp(2j * np.pi * 40e3 / 6e6 * np.arange(plain.size))
    assert np.max(np.abs(moved - plain * turn)) < 3e-3 * np.abs(plain).max()


def test_exchanged_rails_and_mirrored_spectrum() -> None:
    plain, swapped, mirrored = (
        link_test("metop_ahrpt", frames=2, ebn0_db=5.0, impairments=wrong).samples
        for wrong in (Impairments(), Impairments(swapped=True), Impairments(mirrored=True))
    )
    assert np.array_equal(swapped, plain.imag + 1j * plain.real)
    assert np.array_equal(mirrored, np.conj(plain))


def test_interferers_beside_the_signal() -> None:
    """A carrier and a wide FM station stand where they should; one beyond the band is not heard."""
    others = (
        Interferer(2.5e6, -10.0),
        Interferer(-2.5e6, -3.0, "fm", deviation_hz=60e3),
        Interferer(3.5e6, 30.0),
    )
    plain, disturbed = (
        link_test("metop_ahrpt", frames=30, ebn0_db=6.0, impairments=wrong).samples
        for wrong in (Impairments(), Impairments(interferers=others))
    )
    f, power = _density(disturbed - plain, 6e6)
    power *= 6e6 / f.size
    noise_to_signal = 6e6 / 3.5e6 / 10**0.6
    received = np.mean(np.abs(plain) ** 2) / (1 + noise_to_signal)
    assert 10 * np.log10(power[np.abs(f - 2.5e6) < 5e3].sum() / received) == pytest.approx(-10, abs=0.1)
    assert 10 * np.log10(power[np.abs(f + 2.5e6) < 70e3].sum() / received) == pytest.approx(-3, abs=0.1)
    assert power[np.abs(np.abs(f) - 2.5e6) > 0.1e6].sum() < 1e-6 * received


def test_outages_leave_the_noise() -> None:
    wrong = Impairments(outages=Outages(period_s=0.02, length_s=0.005, at=((0.001, 0.002),)))
    made = link_test("metop_ahrpt", frames=20, ebn0_db=20.0, impairments=wrong)
    power = np.abs(made.samples[: 6_000_000 * 49 // 1000]) ** 2
    by_ms = power.reshape(49, -1).mean(axis=1)
    off = np.isin(np.arange(49) % 20, range(15, 20)) | np.isin(np.arange(49), (1, 2))
    assert by_ms[off].max() < by_ms[~off].min() / 20
    assert by_ms[off].min() > 0
    with pytest.raises(SimulationError, match="shorter"):
        Outages(period_s=1.0, length_s=2.0)


def test_gain_steps_scale_signal_and_noise() -> None:
    steps = Impairments(gain_steps=((0.002, -6.0206), (0.004, 12.0412)))
    plain = link_test("metop_ahrpt", frames=4, ebn0_db=5.0).samples
    made = link_test("metop_ahrpt", frames=4, ebn0_db=5.0, impairments=steps).samples
    part = made / plain
    assert np.allclose(part[:12_000], 1)
    assert np.allclose(part[12_000:24_000], 0.5, atol=1e-4)
    assert np.allclose(part[24_000:], 2.0, atol=1e-3)


def test_gaps_are_told_by_the_frames() -> None:
    gone = Impairments(gaps=Gaps(at=((0.0035, 0.0001),), marked=False))
    made = link_test("metop_ahrpt", frames=4, impairments=gone)
    assert len(made.complete) == 3
    assert made.samples.size == request_of("metop_ahrpt", frames=4).sample_count - 600


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mode": "jpss_hrd", "sample_rate": 20e6}, "2.25e\\+07"),
        ({"mode": "noaa_hrpt", "sample_rate": 2e6}, "too few"),
        ({"mode": "noaa_hrpt", "deviation_deg": 100.0}, "deviation"),
        ({"mode": "metop_ahrpt", "doppler_hz": math.nan}, "not a number"),
    ],
)
def test_impossible_links_are_refused(changes: dict, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        link_test(frames=1, **changes)


def test_a_device_hears_the_link() -> None:
    """The same samples as in one piece, taken as a live receiver takes them."""
    request = replace(request_of("noaa_hrpt", frames=1, ebn0_db=10.0), format="cs16")
    flow, parts = SampleFlow(request), []
    while (part := flow.take(100_000, 1.0)) is not None:
        parts.append(part.raw)
    whole = link_test("noaa_hrpt", frames=1, ebn0_db=10.0).samples
    heard = np.frombuffer(b"".join(parts), "<i2").astype(np.float32).view(np.complex64) / 32768
    assert np.max(np.abs(heard - whole)) < 1e-4
