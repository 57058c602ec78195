"""What the sky, the neighbours and the dongle do to a signal, and inputs that hold none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.intake import DemodulatorReport
from decoders.errors import DecoderError
from tests.decoders.lrpt_modulator import Setting, bit_errors, noise, received

RATE = 250_000.0
Samples = NDArray[np.complex64]


def soft_of(
    samples: Samples, modulation: str
) -> tuple[NDArray[np.int8], NDArray[np.bool_], DemodulatorReport]:
    demodulator = Demodulator(sample_rate=RATE, modulation=modulation, symbol_rate=72_000.0, rolloff=0.6)
    blocks = [demodulator.process(samples), demodulator.flush()]
    soft_bits = np.concatenate([block.soft_bits for block in blocks])
    locked = np.concatenate([block.locked for block in blocks])
    return soft_bits, locked, demodulator.report


def noise_of(count: int) -> Samples:
    return noise(count, 0.0, Setting(), np.random.default_rng(1)).astype(np.complex64)


def tone(hertz: float, amplitude: float) -> Callable[[Samples], Samples]:
    return lambda x: (x + amplitude * np.exp(2j * np.pi * hertz / RATE * np.arange(len(x)))).astype(
        np.complex64
    )


def imbalance(x: Samples) -> Samples:
    return (1.1 * x.real + 1j * (x.imag + 0.1 * x.real)).astype(np.complex64)


def gain_step(x: Samples) -> Samples:
    return np.concatenate([x[:200_000], 4 * x[200_000:]])


def clipped(x: Samples) -> Samples:
    limit = np.percentile(np.abs(np.concatenate([x.real, x.imag])), 80)
    return (np.clip(x.real, -limit, limit) + 1j * np.clip(x.imag, -limit, limit)).astype(np.complex64)


# name, what is done, largest loss in dB (as Q^-1 of the error rate)
DISTURBANCES = [
    ("DC spike as strong as the signal", tone(0, 1.4), 0.15),
    ("carrier in the band", tone(25_000, 1.4), 0.15),
    ("carrier 11 dB over the signal on the band edge", tone(41_000, 5.0), 0.25),
    ("carrier 27 dB over the signal beside the band", tone(100_000, 30.0), 0.15),
    ("I/Q imbalance of 1 dB and 6 degrees", imbalance, 0.3),
    ("gain step of 12 dB", gain_step, 0.15),
    ("clipping at 20 %", clipped, 1.0),
]


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize(("what", "do", "loss_db"), DISTURBANCES, ids=[name for name, _, _ in DISTURBANCES])
def test_disturbance(what: str, do: Callable[[Samples], Samples], loss_db: float, modulation: str) -> None:
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2, 2 * 100_000)
    samples = received(bits, 6.0, Setting(modulation, offset_hz=5_000.0, clock_ppm=50.0), rng)
    soft_bits, _, _ = soft_of(do(samples), modulation)
    rate, _ = bit_errors(soft_bits, bits, modulation, lag=1)
    # Error rates of uncoded bits at 6 dB minus the loss, Q(sqrt(Eb/N0)), and 4 sigma of chance.
    allowed = {0.15: 0.0243, 0.25: 0.0252, 0.3: 0.0256, 1.0: 0.0377}[loss_db]
    assert rate < allowed + 4 * np.sqrt(allowed / len(bits)), what


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("filling", ["zeros", "noise"])
def test_signal_that_goes_and_comes_back(modulation: str, filling: str) -> None:
    """0.36 s without signal: silence there, and right symbols within 10 ms of its return."""
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2, 2 * 144_000)
    s = Setting(modulation, offset_hz=-6_000.0, drift_hz_s=30.0, clock_ppm=-40.0)
    samples = received(bits, 6.0, s, rng)
    gap = slice(200_000, 290_000)
    samples[gap] = 0 if filling == "zeros" else noise(90_000, 6.0, s, rng)
    soft_bits, _, _ = soft_of(samples, modulation)
    bit = (np.array([200_000, 290_000]) / RATE * 2 * 72_000).astype(int)
    hush = soft_bits[bit[0] + 2_000 : bit[1] - 4_000].astype(int)
    assert np.abs(hush).mean() < 0.5
    for part in (slice(0, bit[0] - 500), slice(bit[1] + 1_500, len(bits))):
        rate, _ = bit_errors(soft_bits[part], bits[part], modulation, lag=2)
        assert rate < 0.026


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("lost", [2, 7])
def test_lost_samples_cost_no_more_than_their_place(modulation: str, lost: int) -> None:
    """Unmarked loss in the middle of two estimates: right symbols up to 10 ms before it and from 10 ms after
    it on."""
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, 2 * 108_000)
    samples = received(bits, 6.0, Setting(modulation, offset_hz=4_000.0, clock_ppm=30.0), rng)
    soft_bits, _, _ = soft_of(np.concatenate([samples[:200_000], samples[200_000 + lost :]]), modulation)
    cut = int(200_000 / RATE * 144_000)
    for part in (slice(cut - 40_000, cut - 1_500), slice(cut + 1_500, cut + 40_000)):
        rate, _ = bit_errors(soft_bits[part], bits[part], modulation, lag=8)
        assert rate < 0.027


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("hertz", [64.0, pytest.param(100.0, marks=pytest.mark.slow), 1_000.0, 7_000.0])
def test_carrier_that_jumps(modulation: str, hertz: float) -> None:
    """As when a receiver is tuned anew: right symbols from 50 ms after it on."""
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, 2 * 200_000)
    samples = received(bits, 6.0, Setting(modulation, offset_hz=4_000.0, clock_ppm=30.0), rng)
    cut = int(360_000 / RATE * 144_000)
    samples[360_000:] *= np.exp(2j * np.pi * hertz / RATE * np.arange(len(samples) - 360_000))
    soft_bits, _, _ = soft_of(samples, modulation)
    for start in (cut - 47_200, *range(cut + 7_200, len(bits) - 40_000, 40_000)):
        part = slice(start, start + 40_000)
        assert bit_errors(soft_bits[part], bits[part], modulation, lag=8)[0] < 0.027


def test_weak_rise_and_set() -> None:
    """A pass that rises to 8 dB and sets again: every stretch above 2 dB comes out, under one ambiguity."""
    rng = np.random.default_rng(9)
    s = Setting("oqpsk", offset_hz=3_000.0, drift_hz_s=-30.0, clock_ppm=25.0)
    bits = rng.integers(0, 2, 2 * 72_000 * 6)
    clean = received(bits, 200.0, s, rng)
    time = np.arange(len(clean)) / RATE
    level_db = 8 - 30 * (time / 3 - 1) ** 2
    samples = (clean * 10 ** (level_db / 20) + noise(len(clean), 0.0, s, rng)).astype(np.complex64)
    soft_bits, _, report = soft_of(samples, "oqpsk")
    states = set()
    step = 8_000
    for start in range(0, len(bits) - step, step):
        worst = min(level_db[int(b / 144_000 * RATE)] for b in (start, start + step))
        if worst > 2.0:
            part = slice(start, start + step)
            rate, state = bit_errors(soft_bits[part], bits[part], "oqpsk", lag=8)
            assert rate < 0.115
            states.add(state)
    assert len(states) == 1
    assert report.jumps == 1


NOTHING = {
    "noise": noise_of(300_000),
    "zeros": np.zeros(300_000, np.complex64),
    "constant": np.ones(300_000, np.complex64),
    "carrier": tone(2_500, 3.0)(0.1 * noise_of(300_000)),
    "carrier alone": tone(2_500, 3.0)(np.zeros(300_000, np.complex64)),
    "NaN": np.full(300_000, np.nan, np.complex64),
    "infinite": np.full(300_000, np.inf, np.complex64),
    "huge": noise_of(300_000) * np.float32(1e30),
    "tiny": noise_of(300_000) * np.float32(1e-30),
    "a hundred samples": noise_of(100),
    "one sample": noise_of(1),
    "no samples": noise_of(0),
}


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize("what", NOTHING)
def test_where_nothing_is_nothing_is_claimed(what: str, modulation: str) -> None:
    soft_bits, locked, report = soft_of(NOTHING[what], modulation)
    assert not locked.any()
    assert np.abs(soft_bits.astype(int)).sum() <= 0.01 * len(soft_bits)
    assert abs(len(soft_bits) - 2 * len(NOTHING[what]) * 72_000 / RATE) <= 4
    assert report.samples_not_finite == (len(NOTHING[what]) if what in ("NaN", "infinite", "huge") else 0)


@given(
    arrays(np.float32, st.integers(0, 400).map(lambda n: 2 * n), elements=st.floats(width=32)),
    st.sampled_from(["qpsk", "oqpsk"]),
)
@settings(max_examples=30, deadline=None)
def test_any_floats_are_survived(parts: NDArray[np.float32], modulation: str) -> None:
    soft_bits, locked, report = soft_of(parts.view(np.complex64), modulation)
    assert len(soft_bits) == 2 * len(locked)
    assert report.samples == len(parts) // 2


def test_a_few_bad_samples_cost_little() -> None:
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 2, 2 * 72_000)
    samples = received(bits, 8.0, Setting(), rng)
    samples[rng.integers(0, len(samples), 500)] = np.nan
    soft_bits, _, report = soft_of(samples, "qpsk")
    assert 450 <= report.samples_not_finite <= 500
    assert bit_errors(soft_bits, bits, "qpsk")[0] < 0.01


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sample_rate": 80_000.0}, "record with at least 93600 Hz"),
        ({"sample_rate": float("nan")}, "too low"),
        ({"modulation": "bpsk"}, "give one of qpsk, oqpsk"),
        ({"symbol_rate": 0.0}, "positive number"),
        ({"rolloff": 0.05}, "0.2 to 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object], says: str) -> None:
    good = {"sample_rate": RATE, "modulation": "qpsk", "symbol_rate": 72_000.0, "rolloff": 0.6}
    with pytest.raises(DecoderError, match=says):
        Demodulator(**(good | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
def test_fill_that_repeats_the_randomiser_is_no_interference(modulation: str) -> None:
    """Fill frames of zeros repeat 255 bits for a second: at 21 dB the signal is nothing but strong lines."""
    register, fill = [1] * 8, []
    for _ in range(255):
        fill.append(register[0])
        register = [*register[1:], register[0] ^ register[3] ^ register[5] ^ register[7]]
    rng = np.random.default_rng(3)
    # Each rail repeats the sequence, the second one later: what the code makes of it is a sum of such.
    rails = np.stack([np.resize(fill, 72_000), np.resize(np.roll(fill, 100), 72_000)], axis=1)
    bits = np.concatenate([rng.integers(0, 2, 60_000), rails.ravel(), rng.integers(0, 2, 60_000)])
    samples = received(bits, 21.0, Setting(modulation=modulation, offset_hz=700.0), rng)
    soft, locked, report = soft_of(samples, modulation)
    assert locked.mean() > 0.99
    assert report.jumps == 1
    assert bit_errors(soft, bits, modulation, lag=6)[0] < 1e-4
