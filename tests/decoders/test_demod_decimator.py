"""The lowering of the rate against a mask and a tone, in any portions; what keeps samples and places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoders.demodulation import _intake
from decoders.demodulation.decimator import Decimator, decimated, decimated_plain, decimation, low_pass
from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.places import Places
from decoders.demodulation.sample_store import SampleStore
from tests.decoders.lrpt_modulator import Setting, received


def noise(count: int) -> NDArray[np.complex64]:
    rng = np.random.default_rng(count)
    return (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(np.complex64)


@pytest.mark.parametrize(
    ("sample_rate", "symbol_rate", "band_hz", "factor"),
    [
        (288e3, 72e3, 70_100.0, 1),
        (1e6, 72e3, 70_100.0, 4),
        (2.4e6, 72e3, 70_100.0, 10),
        (6e6, 7e6 / 3, 1.9e6, 1),
    ],
)
def test_factor(sample_rate: float, symbol_rate: float, band_hz: float, factor: int) -> None:
    assert decimation(sample_rate, symbol_rate, band_hz) == factor


@pytest.mark.parametrize(("factor", "band"), [(2, 0.19), (4, 0.0701), (10, 0.0292)])
def test_mask(factor: int, band: float) -> None:
    """Flat to 0.02 dB in the band, 60 dB down on everything that folds into it."""
    taps = low_pass(factor, band)
    response = 20 * np.log10(np.abs(np.fft.fft(taps.astype(float), 1 << 14)) + 1e-12)
    frequency = np.abs(np.fft.fftfreq(1 << 14))
    assert np.abs(response[frequency <= band]).max() < 0.02
    assert response[frequency >= 1 / factor - band].max() < -60


def test_output_m_stands_for_input_m_times_the_factor() -> None:
    tone = np.exp(2j * np.pi * (0.03 * np.arange(4_000) + 0.1)).astype(np.complex64)
    decimator = Decimator(4, 0.07)
    out = np.concatenate([decimator.process(tone), decimator.flush()])
    assert len(out) == 1_000
    assert np.abs(out - tone[::4])[20:-20].max() < 2e-3


@pytest.mark.parametrize("level", ["generic", "v3", "v4"])
@pytest.mark.parametrize(("before", "count"), [(0, 0), (19, 20), (0, 40), (3, 37), (39, 500), (700, 90)])
@pytest.mark.parametrize("factor", [1, 2, 4, 7])
def test_kernel_equals_plain_form(level: str, before: int, count: int, factor: int) -> None:
    """To float32 rounding; every instruction set to the bit."""
    samples, taps = noise(before + count), low_pass(4, 0.0701)
    parts = samples[:before], samples[before:]
    out = decimated(*parts, taps, factor)
    plain = decimated_plain(*parts, taps, factor)
    assert len(out) == len(plain)
    assert np.allclose(out, plain, atol=1e-6)
    try:
        same = _intake.decimate(*parts, taps, factor, level)
    except ValueError:
        pytest.skip(f"this processor does not run {level}")
    assert same.tobytes() == out.tobytes()


def test_taps_that_fill_no_vector_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of eight"):
        decimated(noise(3), noise(100), np.ones(12, np.float32), 2)
    with pytest.raises(ValueError, match="at least 1"):
        decimated(noise(3), noise(100), np.ones(16, np.float32), 0)


@given(cuts=st.lists(st.integers(0, 700), max_size=6), count=st.integers(0, 700), factor=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_any_portions_give_the_same_bits(cuts: list[int], count: int, factor: int) -> None:
    samples = noise(count)
    whole = Decimator(factor, 0.3 / factor)
    expected = np.concatenate([whole.process(samples), whole.flush()])
    parts = Decimator(factor, 0.3 / factor)
    pieces = np.split(samples, sorted(min(cut, count) for cut in cuts))
    got = np.concatenate([*(parts.process(piece) for piece in pieces), parts.flush()])
    assert len(got) == -(-count // factor)
    assert got.tobytes() == expected.tobytes()


def test_demodulated_blocks_equal_the_whole_at_a_high_rate() -> None:
    s = Setting("oqpsk", sample_rate=1e6, offset_hz=-4_000.0, drift_hz_s=20.0, clock_ppm=40.0)
    rng = np.random.default_rng(52)
    samples = received(rng.integers(0, 2, 72_000), 3.0, s, rng)
    found = []
    for portion in (len(samples), 65_536, 100_003):
        demodulator = Demodulator(sample_rate=1e6, modulation="oqpsk", symbol_rate=72e3, rolloff=0.6)
        starts = range(0, len(samples), portion)
        blocks = [demodulator.process(samples[start : start + portion]) for start in starts]
        blocks.append(demodulator.flush())
        found.append(
            [
                np.concatenate([getattr(block, field) for block in blocks]).tobytes()
                for field in ("soft_bits", "sample_index", "esn0_db", "locked")
            ]
        )
    assert found[0] == found[1] == found[2]


@given(steps=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 120)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_store_holds_what_was_not_forgotten(steps: list[tuple[int, int]]) -> None:
    samples, store, taken, origin = noise(1_200), SampleStore(), 0, 0
    for count, forget in steps:
        store.append(samples[taken : taken + count])
        taken += count
        origin = min(origin + forget, taken)
        store.forget(origin)
        assert (store.origin, store.end) == (origin, taken)
        assert np.array_equal(store.held, samples[origin:taken])


@given(pieces=st.lists(st.integers(0, 9), max_size=12), ask=st.integers(0, 4))
def test_a_symbol_lies_where_its_first_output_does(pieces: list[int], ask: int) -> None:
    places, given, at = Places(2), [], 0
    for count in pieces:
        places.add(float(at), 1.0, count, seen=bool(count % 2))
        at += count
        given += list(places.take(ask)[0])
    given += list(places.take(1_000)[0])
    assert given == list(range(0, at - at % 2, 2))
