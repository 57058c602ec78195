"""Neighbours wider than a carrier, impulses, fades, gaps, lost samples: what they touch is lost, no more."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from decoders.demodulation.blanker import CHUNK
from decoders.demodulation.decimator import Decimator
from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.intake import DemodulatorReport
from decoders.demodulation.sample_store import SampleStore
from sdr.formats import Codes, Samples, from_samples, to_codes
from tests.decoders.lrpt_modulator import Setting, bit_errors, received

RATE = 250_000.0
BITS = 2 * 72_000


def demodulated(samples: Samples, modulation: str) -> tuple[NDArray[np.int8], DemodulatorReport]:
    demodulator = Demodulator(sample_rate=RATE, modulation=modulation, symbol_rate=72_000.0, rolloff=0.6)
    blocks = [demodulator.process(samples), demodulator.flush()]
    return np.concatenate([block.soft_bits for block in blocks]), demodulator.report


def voice(count: int, hertz: float, amplitude: float) -> NDArray[np.complex128]:
    """Speech-like noise, 300 to 3000 Hz, on a narrow-band FM carrier of 3 kHz deviation."""
    rng = np.random.default_rng(4)
    taps = scipy.signal.firwin(2001, [300, 3000], pass_zero=False, fs=RATE)
    sound = scipy.signal.oaconvolve(rng.standard_normal(count), taps, "same")
    turns = np.cumsum(3_000 * sound / sound.std() / 1.5 + hertz) / RATE
    return amplitude * np.exp(2j * np.pi * turns)


def pager(count: int, hertz: float, amplitude: float) -> NDArray[np.complex128]:
    """Two tones 4.5 kHz to either side, 1200 Bd, on for half of every quarter of a second."""
    rng = np.random.default_rng(5)
    keyed = np.repeat(rng.integers(0, 2, count // 208 + 1) * 2 - 1, 208)[:count]
    on = (np.arange(count) % 62_500) < 31_250
    return amplitude * on * np.exp(2j * np.pi * np.cumsum(4_500 * keyed + hertz) / RATE)


def clicks(count: int) -> NDArray[np.complex128]:
    """Two hundred a second, 12 microseconds long, 40 dB over the signal."""
    rng = np.random.default_rng(6)
    out = np.zeros(count, complex)
    for at in rng.integers(0, count - 3, int(200 * count / RATE)):
        out[at : at + 3] = 140 * np.exp(2j * np.pi * rng.random(3))
    return out


# What is added to a signal of amplitude 1.4, and the largest error rate at 6 dB; undisturbed it is 0.0230. A
# notch that takes the share p of the band leaves the ratio (1 - p) / (N0/Es + p): 0.062 for 12 %, 0.080 for
# 17 %, which are the shares of voices 9 and 12 kHz wide. One as strong as the signal would give 0.18 if left.
ADDED: list[tuple[str, Callable[[int], NDArray[np.complex128]], float]] = [
    ("voice in the band, as strong as the signal", lambda n: voice(n, 20e3, 1.4), 0.068),
    ("voice in the band, 10 dB stronger", lambda n: voice(n, 20e3, 4.4), 0.090),
    ("voice beside the band, 20 dB stronger", lambda n: voice(n, 75e3, 14.0), 0.026),
    ("pager in the band, 6 dB stronger", lambda n: pager(n, -15e3, 2.8), 0.060),
    ("pager beside the band, 20 dB stronger", lambda n: pager(n, -80e3, 14.0), 0.026),
    ("clicks", clicks, 0.027),
]


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize(("what", "added", "most"), ADDED, ids=[name for name, _, _ in ADDED])
def test_what_is_added(
    what: str, added: Callable[[int], NDArray[np.complex128]], most: float, modulation: str
) -> None:
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2, BITS)
    clean = received(bits, 6.0, Setting(modulation, offset_hz=5_000.0, clock_ppm=50.0), rng)
    samples = (clean + added(len(clean))).astype(np.complex64)
    soft, report = demodulated(samples, modulation)
    rate, _ = bit_errors(soft, bits, modulation, lag=1)
    assert rate < most, what
    assert report.jumps == 1


def zeroed(x: Samples) -> Samples:
    x[200_000:212_500] = 0
    return x


def lost(x: Samples) -> Samples:
    return np.concatenate([x[:200_000], x[200_517:]])


def faded(x: Samples) -> Samples:
    """Rician, K = 6 dB, 3 Hz; the noise fades with the signal, so that what is tested is the change."""
    rng = np.random.default_rng(8)
    scattered = scipy.signal.lfilter(
        *scipy.signal.butter(2, 3, fs=RATE), rng.standard_normal((2, len(x) + 500_000))
    )
    scattered = (scattered[0] + 1j * scattered[1])[500_000:]
    scattered /= np.sqrt(np.mean(np.abs(scattered) ** 2))
    return (x * (np.sqrt(0.8) + np.sqrt(0.2) * scattered)).astype(np.complex64)


def stepped(x: Samples) -> Samples:
    return np.concatenate([x[:206_250], x[206_250:] * np.float32(10 ** (10 / 20))])


def pumped(x: Samples) -> Samples:
    """A gain control that swings by 6 dB four times a second."""
    swing_db = 3 * scipy.signal.sawtooth(2 * np.pi * 4 * np.arange(len(x)) / RATE)
    return (x * 10 ** (swing_db / 20)).astype(np.complex64)


# what is done, samples touched, errors outside of them per undisturbed error
TOUCHED = [
    ("a gap of zeros", zeroed, (200_000, 212_500), 1.02),
    ("517 samples lost without a mark", lost, (200_000, 200_517), 1.02),
    ("Rician fading", faded, (0, 0), 1.03),
    ("a gain step of 10 dB", stepped, (206_250, 206_250), 1.02),
    ("a gain control that pumps", pumped, (0, 0), 1.05),
]


@pytest.mark.parametrize("modulation", ["qpsk", "oqpsk"])
@pytest.mark.parametrize(("what", "do", "touched", "most"), TOUCHED, ids=[name for name, *_ in TOUCHED])
def test_loss_stays_where_it_happened(
    what: str, do: Callable[[Samples], Samples], touched: tuple[int, int], most: float, modulation: str
) -> None:
    """Symbols beyond 10 ms of the touched samples are as good as undisturbed."""
    rng = np.random.default_rng(9)
    bits = rng.integers(0, 2, BITS * 2)
    samples = received(
        bits, 5.0, Setting(modulation, offset_hz=-5_000.0, drift_hz_s=30.0, clock_ppm=-50.0), rng
    )
    plain, _ = demodulated(samples.copy(), modulation)
    disturbed, report = demodulated(do(samples.copy()), modulation)
    begin, end = (int(at / RATE * 144_000) // 2 * 2 for at in touched)
    lost_bits = 2 * round(517 / RATE * 72_000) if do is lost else 0
    parts = (
        [(0, begin - 1_500, 0), (end + 1_500, len(bits) - 4_000, lost_bits)] if end else [(0, len(bits), 0)]
    )
    wrong = expected = 0.0
    for low, high, missing in parts:
        expected += bit_errors(plain[low:high], bits[low:high], modulation, lag=2)[0] * (high - low)
        got = disturbed[low - missing : high - missing]
        wrong += bit_errors(got, bits[low:high], modulation, lag=8)[0] * (high - low)
    assert wrong < most * expected + 4 * math.sqrt(expected * (most - 1)), what
    assert report.jumps <= 2


@pytest.mark.parametrize("length", [2, 3_000, 40_000])
def test_gaps_at_every_position(length: int) -> None:
    """Zero-filled gaps wherever they lie among the blocks: no error beyond 10 ms of them."""
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 2, BITS)
    samples = received(bits, 7.0, Setting("oqpsk", offset_hz=2_000.0, clock_ppm=20.0), rng)
    for start in (0, 1, 31_250, 62_499, 62_500, 100_000, 125_001, 187_500, 250_000 - length):
        gapped = samples.copy()
        gapped[start : start + length] = 0
        soft, report = demodulated(gapped, "oqpsk")
        begin, end = (int(at / RATE * 144_000) // 2 * 2 for at in (start, start + length))
        for low, high in ((0, begin - 1_500), (end + 1_500, len(bits) - 100)):
            if high - low > 5_000:
                rate, _ = bit_errors(soft[low:high], bits[low:high], "oqpsk", lag=4)
                assert rate < 0.0126 + 4 * math.sqrt(0.0126 / (high - low)), (start, low)  # Q(sqrt(10^0.7))
        assert report.samples == len(samples)


def blanked(samples: Samples | Codes, portion: int, factor: int = 1) -> tuple[Samples, Decimator]:
    """What is left of samples that come in portions."""
    decimator, store = Decimator(factor, 0.07), SampleStore()
    for start in range(0, len(samples), portion):
        decimator.process(samples[start : start + portion], store)
    decimator.flush(store)
    return store.held, decimator


def test_blanking_does_not_depend_on_portions_and_spares_what_is_no_impulse() -> None:
    rng = np.random.default_rng(11)
    noise = (rng.standard_normal(50 * CHUNK + 77) + 1j * rng.standard_normal(50 * CHUNK + 77)).astype(
        np.complex64
    )
    samples = noise + clicks(len(noise)).astype(np.complex64)
    expected, whole = blanked(samples, len(samples))
    assert whole.blanked > 0
    assert np.abs(expected).max() < 10
    untouched = np.abs(clicks(len(noise))) == 0
    assert np.count_nonzero(expected[untouched] != samples[untouched]) <= 4 * 50
    for portion in (1_000, 4_097):
        assert np.array_equal(blanked(samples, portion)[0], expected)
    louder = np.where(np.arange(len(noise)) > 20 * CHUNK + 300, 100 * noise, noise).astype(np.complex64)
    gapped = np.where(np.arange(len(noise)) // 900 % 2, noise, 0).astype(np.complex64)
    for spared in (louder, gapped, np.zeros(3 * CHUNK, np.complex64), noise[:1]):
        assert np.array_equal(blanked(spared, len(spared))[0], spared)


def test_what_is_no_sample_counts_as_zero_wherever_it_stands() -> None:
    """In whole chunks, across the seams of portions, and in the rest behind the last chunk."""
    rng = np.random.default_rng(12)
    samples = (rng.standard_normal(8_000) + 1j * rng.standard_normal(8_000)).astype(np.complex64)
    bad = {0: np.nan, 1_500: complex(0, np.inf), 4_095: -np.inf, 4_096: 2e6, 5_000: 1e30j, 7_999: np.nan}
    expected, samples[3_000] = samples.copy(), 0.9e6 + 0.9e6j  # large, but still a sample: an impulse
    samples[list(bad)] = list(bad.values())
    expected[list(bad)] = 0
    expected[2_998:3_003] = 0
    for portion in (700, 8_000):
        cleaned, decimator = blanked(samples, portion)
        assert np.array_equal(cleaned, expected)
        assert (decimator.unusable, decimator.blanked) == (len(bad), 5)


@pytest.mark.parametrize("fmt", ["cs16", "cs8", "cu8"])
@pytest.mark.parametrize("factor", [1, 4])
def test_samples_as_they_are_written_are_the_same_samples(fmt: str, factor: int) -> None:
    """To the bit, in portions and chunks that end anywhere, with impulses at their seams and elsewhere."""
    rng = np.random.default_rng(13)
    noise = 0.05 * (rng.standard_normal(30_011) + 1j * rng.standard_normal(30_011))
    noise[rng.integers(0, 30_011, 600)] = 0.9
    codes = to_codes(from_samples(noise, fmt), fmt)
    expected, decimator = blanked(codes.samples(), 30_011, factor)
    assert decimator.blanked > 0
    for portion in (30_011, 1_777, CHUNK, 4 * CHUNK):
        assert blanked(codes, portion, factor)[0].tobytes() == expected.tobytes()


def test_a_chunk_of_large_samples_is_none_of_impulses() -> None:
    """Each part of a sample may be as large as `LARGEST`: its power is twice that squared."""
    samples = np.full(3 * CHUNK, 0.9e6 + 0.9e6j, np.complex64)
    assert np.array_equal(blanked(samples, len(samples))[0], samples)
