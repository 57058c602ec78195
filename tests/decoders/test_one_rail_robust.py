"""BPSK and split-phase PM among disturbances, and inputs that hold neither."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from decoders.demodulation.demodulators import open_demodulator
from decoders.demodulation.intake import DemodulatorReport
from decoders.downlink import Mode, load_downlink
from decoders.errors import DecoderError
from tests.decoders import lrpt_modulator
from tests.decoders.one_rail_modulator import Link, bit_error_theory, bit_errors, modulate, noise, received

HRPT = load_downlink("noaa_hrpt").modes[0]
LRIT = load_downlink("gk2a_lrit").modes[0]
PM = Link(offset_hz=50e3, drift_hz_s=300.0, clock_ppm=30.0, phase=1.0)
BPSK = Link("bpsk", 128_000.0, 500_000.0, offset_hz=40e3, clock_ppm=-30.0, phase=1.0)
LINKS = pytest.mark.parametrize("link", [PM, BPSK], ids=["split phase", "BPSK"])
BITS = 100_000
LEVEL_DB = 4.0

Samples = NDArray[np.complex64]


def mode_of(link: Link) -> Mode:
    return LRIT if link.modulation == "bpsk" else HRPT


def soft_of(samples: Samples, link: Link) -> tuple[NDArray[np.int8], NDArray[np.bool_], DemodulatorReport]:
    demodulator = open_demodulator(mode_of(link), link.sample_rate)
    blocks = [demodulator.process(samples.astype(np.complex64)), demodulator.flush()]
    soft_bits = np.concatenate([block.soft_bits for block in blocks])
    return soft_bits, np.concatenate([block.locked for block in blocks]), demodulator.report


def random_bits(count: int = BITS, seed: int = 7) -> NDArray[np.int_]:
    return np.random.default_rng(seed).integers(0, 2, count)


def tone(away: float, amplitude: float) -> Callable[[Samples, Link], Samples]:
    """A steady carrier, `away` symbol rates from the signal's own."""

    def add(x: Samples, link: Link) -> Samples:
        hertz = link.offset_hz + away * link.symbol_rate
        return x + amplitude * np.exp(2j * np.pi * hertz / link.sample_rate * np.arange(len(x)))

    return add


def spike(amplitude: float) -> Callable[[Samples, Link], Samples]:
    return lambda x, _: x + amplitude


def imbalance(x: Samples, link: Link) -> Samples:
    return 1.1 * x.real + 1j * (x.imag + 0.1 * x.real)


def gain_step(x: Samples, link: Link) -> Samples:
    return np.concatenate([x[: len(x) // 2], 4 * x[len(x) // 2 :]])


def clipped(x: Samples, link: Link) -> Samples:
    limit = np.percentile(np.abs(np.concatenate([x.real, x.imag])), 80)
    return np.clip(x.real, -limit, limit) + 1j * np.clip(x.imag, -limit, limit)


def clicks(x: Samples, link: Link) -> Samples:
    """Three samples each, 40 dB over the signal, in one symbol of five hundred."""
    rng = np.random.default_rng(6)
    out = x.copy()
    for at in rng.integers(0, len(x) - 3, int(len(x) / link.sample_rate * link.symbol_rate / 500)):
        out[at : at + 3] += 100 * np.exp(2j * np.pi * rng.random(3))
    return out


# name, what is done, largest loss in dB
DISTURBANCES = [
    ("DC spike as strong as the signal", spike(1.0), 0.3),
    ("DC spike 20 dB above the signal", spike(10.0), 0.3),
    ("carrier in the band, 10 dB below the signal", tone(0.3, 0.3), 0.3),
    ("carrier in the band as strong as the signal", tone(0.3, 1.0), 0.3),
    ("carrier 2 kHz beside the signal's own", tone(0.003, 0.7), 0.3),
    ("two carriers either side", lambda x, link: tone(0.3, 1.0)(tone(-0.31, 0.8)(x, link), link), 0.3),
    ("carrier 27 dB over the signal beside the band", tone(1.2, 22.0), 0.4),
    ("I/Q imbalance of 1 dB and 6 degrees", imbalance, 0.3),
    ("gain step of 12 dB", gain_step, 0.3),
    ("clipping at 20 %", clipped, 0.6),
    ("clicks", clicks, 0.5),
]


@LINKS
@pytest.mark.parametrize(("what", "do", "loss_db"), DISTURBANCES, ids=[name for name, _, _ in DISTURBANCES])
def test_disturbance(what: str, do: Callable[[Samples, Link], Samples], loss_db: float, link: Link) -> None:
    bits = random_bits()
    samples = do(received(bits, LEVEL_DB, link, np.random.default_rng(8)), link)
    rate, _, _ = bit_errors(soft_of(samples, link)[0], bits)
    allowed = bit_error_theory(LEVEL_DB - loss_db, link)
    assert rate < allowed + 4 * np.sqrt(allowed / BITS), what


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 3.0])
def test_carrier_that_comes_across_the_spike_at_dc(amplitude: float) -> None:
    """As at the culmination: the spike is no carrier of the signal, for its phase nor for its sign."""
    link = replace(PM, offset_hz=-130.0, drift_hz_s=400.0)
    bits = random_bits(400_000)
    samples = received(bits, LEVEL_DB, link, np.random.default_rng(8)) + np.float32(amplitude)
    soft_bits, _, report = soft_of(samples, link)
    assert report.jumps == 1
    allowed = bit_error_theory(LEVEL_DB - 0.4, link)
    turned = []
    for start in range(0, len(bits), 8_000):
        part = slice(start, start + 8_000)
        wrong = float(np.mean((soft_bits[part] > 0) != bits[part]))
        turned.append(wrong > 0.5)
        if not 0.1 < wrong < 0.9:  # no turn of the sign in the middle of it
            assert min(wrong, 1 - wrong) < allowed + 4 * np.sqrt(allowed / 8_000)
    if amplitude < np.cos(np.radians(67)):
        assert not any(turned)
    # Which of a stronger spike and the carrier is which stays open, but does not change.
    assert len(set(turned)) == 1


@pytest.mark.parametrize("degrees", [120.0, 180.0])
def test_phase_that_jumps_turns_the_bits_once(degrees: float) -> None:
    """Where it jumps: turned back some frames later they would cost a frame there as well."""
    bits = random_bits(120_000)
    samples = received(bits, 13.0, PM, np.random.default_rng(9))
    cut = int(50_000 / PM.symbol_rate * PM.sample_rate)
    turned = np.concatenate([samples[:cut], samples[cut:] * np.exp(1j * np.radians(degrees))])
    wrong = (soft_of(turned, PM)[0][: len(bits)] > 0) != bits
    assert np.count_nonzero(wrong[:49_000]) == 0
    assert wrong[51_000:].all()


@pytest.mark.parametrize("lost", [1, 2])
def test_bits_beside_a_break_of_the_clock_are_given_as_lost(lost: int) -> None:
    """No code mends the bits of HRPT: what the wrong clock may have read must not pass for good bits."""
    bits = random_bits(160_000)
    samples = received(bits, 13.0, PM, np.random.default_rng(9))
    cut = int(90_400 / PM.symbol_rate * PM.sample_rate)
    soft_bits, _, _ = soft_of(np.concatenate([samples[:cut], samples[cut + lost :]]), PM)
    soft_bits = soft_bits[: len(bits)]
    wrong = (soft_bits > 0) != bits[: len(soft_bits)]
    assert min(np.count_nonzero(wrong & (soft_bits != 0)), np.count_nonzero(~wrong & (soft_bits != 0))) < 5
    assert np.count_nonzero(soft_bits == 0) < 2_000


@LINKS
@pytest.mark.parametrize("hertz", [200.0, 600.0, 3_000.0, 20_000.0])
def test_carrier_that_jumps(hertz: float, link: Link) -> None:
    """As when a receiver is tuned anew: the bits around it are lost, but no stale carrier is believed."""
    bits = random_bits(300_000)
    samples = received(bits, LEVEL_DB, link, np.random.default_rng(9))
    at = 200_000
    cut = int(at / link.symbol_rate * link.sample_rate)
    turn = np.exp(2j * np.pi * hertz / link.sample_rate * np.arange(len(samples) - cut))
    soft_bits, _, _ = soft_of(np.concatenate([samples[:cut], samples[cut:] * turn]), link)
    worst = 1.35 * bit_error_theory(LEVEL_DB, link)
    for part in (slice(0, at - 2_000), slice(at + 2_000, None)):
        assert bit_errors(soft_bits[part], bits[part])[0] < worst


@LINKS
@pytest.mark.parametrize("filling", ["zeros", "noise"])
def test_signal_that_goes_and_comes_back(link: Link, filling: str) -> None:
    """Silence while it is away, and right symbols within 2000 of its return."""
    rng = np.random.default_rng(8)
    bits = random_bits(160_000)
    samples = received(bits, LEVEL_DB, link, rng)
    gone = np.array([60_000, 100_000])
    begin, end = (gone / link.symbol_rate * link.sample_rate).astype(int)
    samples[begin:end] = 0 if filling == "zeros" else noise(end - begin, LEVEL_DB, link, rng)
    soft_bits, locked, _ = soft_of(samples, link)
    assert np.abs(soft_bits[gone[0] + 4_000 : gone[1] - 4_000].astype(int)).mean() < 0.5
    assert not locked[gone[0] + 4_000 : gone[1] - 4_000].any()
    for part in (slice(0, gone[0] - 500), slice(gone[1] + 2_000, None)):
        assert bit_errors(soft_bits[part], bits[part])[0] < 1.25 * bit_error_theory(LEVEL_DB, link)


@LINKS
@pytest.mark.parametrize("lost", [1, 2, 7, 11, 1000])
def test_lost_samples_cost_no_more_than_their_place(link: Link, lost: int) -> None:
    """Unmarked loss: right symbols up to 1500 before it and from 1500 after it on."""
    bits = random_bits(160_000)
    samples = received(bits, LEVEL_DB, link, np.random.default_rng(9))
    at = 90_000
    cut = int(at / link.symbol_rate * link.sample_rate)
    soft_bits, _, _ = soft_of(np.concatenate([samples[:cut], samples[cut + lost :]]), link)
    gone = int(lost / link.sample_rate * link.symbol_rate)
    worst = 1.35 * bit_error_theory(LEVEL_DB, link)
    assert bit_errors(soft_bits[: at - 1_500], bits, lag=1)[0] < worst
    assert bit_errors(soft_bits[at + 1_500 - gone :], bits[at + 1_500 :], lag=3)[0] < worst


def test_weak_rise_and_set() -> None:
    """A pass that rises to 8 dB and sets: every stretch above 1 dB comes out under one sign, in one piece."""
    link = replace(PM, drift_hz_s=-400.0)
    rng = np.random.default_rng(9)
    bits = random_bits(500_000)
    clean = modulate(bits, link)
    level_db = 8 - 16 * (np.arange(len(clean)) / len(clean) * 2 - 1) ** 2
    samples = clean * (10 ** (level_db / 20)).astype(np.float32) + noise(len(clean), 0.0, link, rng)
    soft_bits, _, report = soft_of(samples, link)
    assert report.jumps == 1
    for start in range(0, len(bits) - 10_000, 10_000):
        ends = np.array([start, start + 9_999]) / link.symbol_rate * link.sample_rate
        worst = level_db[np.minimum(ends.astype(int), len(clean) - 1)].min()
        if worst > 1.0:
            rate, shift, inverted = bit_errors(soft_bits[start:][:10_000], bits[start:][:10_000])
            assert rate < bit_error_theory(worst - 0.5, link) + 0.006
            assert (shift, inverted) == (0, False)


def noise_of(count: int) -> Samples:
    return noise(count, 0.0, PM, np.random.default_rng(1))


def qpsk(symbol_rate: float, sample_rate: float) -> Samples:
    setting = lrpt_modulator.Setting("qpsk", symbol_rate, sample_rate, 0.5, offset_hz=3_000.0)
    return lrpt_modulator.received(random_bits(60_000), 8.0, setting, np.random.default_rng(2))


def carrier_in_noise(count: int) -> Samples:
    return 0.3 * noise_of(count) + np.exp(2j * np.pi * 0.01234 * np.arange(count))


NOTHING: dict[str, Callable[[Link], Samples]] = {
    "noise": lambda _: noise_of(600_000),
    "zeros": lambda _: np.zeros(600_000, np.complex64),
    "constant": lambda _: np.ones(600_000, np.complex64),
    "carrier": lambda _: carrier_in_noise(600_000),
    "carrier alone": lambda _: np.exp(2j * np.pi * 0.01234 * np.arange(600_000)),
    "NaN": lambda _: np.full(600_000, np.nan, np.complex64),
    "QPSK of the same rate": lambda link: qpsk(link.symbol_rate, link.sample_rate),
    "QPSK of another rate": lambda link: qpsk(0.11 * link.sample_rate, link.sample_rate),
    "a rate 1 % off": lambda link: received(
        random_bits(60_000), 8.0, replace(link, clock_ppm=1e4), np.random.default_rng(2)
    ),
    "a hundred samples": lambda _: noise_of(100),
    "one sample": lambda _: noise_of(1),
    "no samples": lambda _: noise_of(0),
}


@LINKS
@pytest.mark.parametrize("what", NOTHING)
def test_where_nothing_is_nothing_is_claimed(what: str, link: Link) -> None:
    samples = NOTHING[what](link)
    soft_bits, locked, report = soft_of(samples, link)
    assert not locked.any()
    assert not soft_bits.any()
    assert abs(len(soft_bits) - len(samples) * link.symbol_rate / link.sample_rate) <= 4
    assert report.samples_not_finite == (len(samples) if what == "NaN" else 0)


@given(arrays(np.float32, st.integers(0, 400).map(lambda n: 2 * n), elements=st.floats(width=32)))
@settings(max_examples=20, deadline=None)
def test_any_floats_are_survived(parts: NDArray[np.float32]) -> None:
    for link in (PM, BPSK):
        soft_bits, locked, report = soft_of(parts.view(np.complex64), link)
        assert len(soft_bits) == len(locked)
        assert report.samples == len(parts) // 2


def test_a_few_bad_samples_cost_little() -> None:
    bits = random_bits(60_000)
    samples = received(bits, 8.0, PM, np.random.default_rng(10))
    samples[np.random.default_rng(11).integers(0, len(samples), 300)] = np.nan
    soft_bits, _, report = soft_of(samples, PM)
    assert 250 <= report.samples_not_finite <= 300
    assert bit_errors(soft_bits, bits)[0] < 0.004


@LINKS
def test_data_that_repeat_are_no_interference(link: Link) -> None:
    """Words of 50 bits over and over, as a dark scene or fill sends them: the signal is nothing but lines."""
    rng = np.random.default_rng(3)
    word = rng.integers(0, 2, 50)
    bits = np.concatenate([rng.integers(0, 2, 40_000), np.resize(word, 80_000), rng.integers(0, 2, 40_000)])
    soft_bits, locked, report = soft_of(received(bits, 12.0, link, rng), link)
    assert locked.mean() > 0.99
    assert report.jumps == 1
    assert bit_errors(soft_bits, bits)[0] < 1e-4


@pytest.mark.parametrize(("link", "run"), [(PM, [0]), (PM, [1]), (PM, [0, 1]), (BPSK, [0, 1])], ids=str)
def test_long_runs_keep_the_clock(link: Link, run: list[int]) -> None:
    """Equal bits leave open which instant is the middle of a bit, alternating ones have another line."""
    rng = np.random.default_rng(3)
    bits = np.concatenate([rng.integers(0, 2, 60_000), np.resize(run, 140_000), rng.integers(0, 2, 60_000)])
    soft_bits, _, _ = soft_of(received(bits, 10.0, link, rng), link)
    for part in (slice(0, 58_000), slice(62_000, 198_000), slice(202_000, None)):
        rate, shift, _ = bit_errors(soft_bits[part], bits[part], lag=0)
        assert (rate, shift) == (pytest.approx(0, abs=1e-3), 0)


@pytest.mark.slow
def test_memory_does_not_grow() -> None:
    """Five seconds at 6 MS/s in portions of a quarter second: below 100 MB, the same as for two."""
    link = replace(PM, sample_rate=6e6)
    samples = received(random_bits(200_000), 6.0, link, np.random.default_rng(4))
    piece = samples[:1_500_000]
    peaks = []
    for pieces in (8, 20):
        demodulator = open_demodulator(HRPT, link.sample_rate)
        tracemalloc.start()
        for _ in range(pieces):
            demodulator.process(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 100e6
    assert peaks[1] < 1.15 * peaks[0]


@pytest.mark.parametrize(
    ("mode", "sample_rate", "says"),
    [
        (HRPT, 1.4e6, "record with at least 1596960 Hz"),
        (HRPT, float("nan"), "too low"),
        (LRIT, 128_000.0, "record with at least 204800 Hz"),
    ],
)
def test_rates_that_cannot_work_are_refused(mode: Mode, sample_rate: float, says: str) -> None:
    with pytest.raises(DecoderError, match=says):
        open_demodulator(mode, sample_rate)
