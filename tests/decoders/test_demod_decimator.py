"""The lowering of the rate against a mask and a tone, in any portions; what keeps samples and places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.demodulation.decimator import (
    Decimated,
    Decimator,
    decimated,
    decimated_plain,
    decimation,
    low_pass,
)
from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.places import Places
from decoders.demodulation.sample_store import SampleStore
from sdr.formats import Samples, from_samples, to_codes
from tests.decoders.lrpt_modulator import Setting, received


def runs(level: str) -> bool:
    """Whether this processor has an instruction set."""
    try:
        decimated(
            noise(0), noise(1), np.zeros(0, np.float32), 1, out=noise(1), chunk=1, instruction_set=level
        )
    except ValueError:
        return False
    return True


def noise(count: int) -> Samples:
    rng = np.random.default_rng(count)
    return (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(np.complex64)


LEVELS = [level for level in ("generic", "v3", "v4") if runs(level)]


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


def lowered(samples: Samples, decimator: Decimator, cuts: Sequence[int] = ()) -> Samples:
    """All outputs for samples that come in pieces."""
    store = SampleStore()
    for piece in np.split(samples, cuts):
        decimator.process(piece, store)
    decimator.flush(store)
    return store.held


def test_output_m_stands_for_input_m_times_the_factor() -> None:
    tone = np.exp(2j * np.pi * (0.03 * np.arange(4_000) + 0.1)).astype(np.complex64)
    out = lowered(tone, Decimator(4, 0.07))
    assert len(out) == 1_000
    assert np.abs(out - tone[::4])[20:-20].max() < 2e-3


def outputs_of(run: Callable[..., Decimated], *job: Any, chunk: int) -> tuple[tuple[int, ...], Samples]:
    """What a form of the kernel counts; its outputs, and behind them what it holds."""
    out = np.empty(2_000, np.complex64)
    done = run(*job, out=out, chunk=chunk)
    counts = done.outputs, done.blanked, done.unusable
    return counts, np.concatenate([out[: done.outputs], done.held])


@pytest.mark.parametrize("fmt", ["cf32", "cs16", "cs8", "cu8"])
@pytest.mark.parametrize(
    ("before", "count", "chunk"),
    [(0, 0, 9), (19, 20, 20), (0, 40, 40), (3, 30, 10), (39, 500, 100), (30, 90, 45)],
)
@pytest.mark.parametrize("factor", [0, 1, 2, 4, 7, 40])
def test_kernel_equals_plain_form(fmt: str, before: int, count: int, chunk: int, factor: int) -> None:
    """To float32 rounding, and it blanks the same samples; every instruction set to the bit."""
    taps = low_pass(4, 0.0701) if factor else np.zeros(0, np.float32)
    loud = np.where(np.isin(np.arange(count), (99, 203, 470)), 5.0, 0.1) * noise(count)
    loud[300:350] = 0  # a gap
    if fmt == "cf32" and count == 500:
        loud[[7, 8, 9, 210, 450]] = np.nan, complex(0, np.inf), 3e25, 2e6, 0.9e6 + 0.9e6j
    codes = to_codes(from_samples(loud, fmt), fmt)
    job = noise(before if factor else 0), codes, taps, max(factor, 1)
    counts, out = outputs_of(decimated, *job, chunk=chunk)
    plain, plain_out = outputs_of(decimated_plain, *job, chunk=chunk)
    assert counts == plain
    assert np.allclose(out, plain_out, atol=1e-6, rtol=1e-6)
    assert count < 500 or (counts[1] > 0 and (counts[2] > 0) == (fmt == "cf32"))
    for level in LEVELS:
        same = outputs_of(partial(decimated, instruction_set=level), *job, chunk=chunk)
        assert (same[0], same[1].tobytes()) == (counts, out.tobytes())


def impulsive(rng: np.random.Generator) -> Samples:
    """Quiet samples, zeros among them, and impulses beside each other, at either end and elsewhere."""
    count = int(rng.integers(20, 200))
    power = rng.choice([0.0, 0.1, 1.0, 1.1, 4.0], count)
    first, impulses = int(rng.integers(count)), int(rng.integers(1, 8))
    power[(first + rng.integers(0, rng.choice([8, count]), impulses)) % count] = rng.choice(
        [23, 30, 900, 1e6]
    )
    samples = (np.sqrt(power) * np.exp(2j * np.pi * rng.random(count))).astype(np.complex64)
    if rng.random() < 0.3:
        samples[rng.integers(0, count, 2)] = rng.choice(np.array([np.nan, complex(0, -np.inf), 1e30, 2e6]))
    return samples


def test_the_kernel_blanks_what_the_plain_form_does() -> None:
    rng = np.random.default_rng(1)
    blanked = spared = 0
    for _ in range(1_000):
        samples = impulsive(rng)
        job = noise(0), samples, np.zeros(0, np.float32), 1
        counts, out = outputs_of(decimated, *job, chunk=len(samples))
        plain, plain_out = outputs_of(decimated_plain, *job, chunk=len(samples))
        assert counts == plain
        assert np.array_equal(out, plain_out)
        blanked += counts[1] > 0
        spared += counts[1] == 0
    assert min(blanked, spared) > 200


@pytest.mark.parametrize(
    ("samples", "blanked", "unusable"),
    [
        (np.full(1024, 2e6), 0, 1024),
        (np.full(1024, 0.9e6 + 0.9e6j), 0, 0),
        (np.where(np.arange(1024) < 100, 20, 2), 0, 0),  # too many and too weak for impulses
        (np.where(np.arange(1024) == 7, np.nan, np.where(np.arange(1024) < 200, 20, 2)), 0, 1),
        (np.where(np.arange(1024) % 9 == 5, 200, 2), 0, 0),  # with their skirts more than a quarter
        (np.where(np.arange(1024) % 99 == 5, 200, 2), 55, 0),
        (np.where(np.arange(1024) % 99 == 0, 200, 2), 53, 0),  # at the beginning without one skirt
    ],
)
def test_what_is_blanked(samples: np.ndarray, blanked: int, unusable: int) -> None:
    for run in (decimated, decimated_plain):
        counts, _ = outputs_of(
            run, noise(0), samples.astype(np.complex64), np.zeros(0, np.float32), 1, chunk=1024
        )
        assert counts == (1024, blanked, unusable)


def test_bytes_that_begin_anywhere_are_taken() -> None:
    raw = from_samples(noise(100), "cs16")
    moved = to_codes(memoryview(b"x" + raw)[1:], "cs16")
    job = noise(0), np.zeros(0, np.float32), 1
    assert np.array_equal(
        outputs_of(decimated, job[0], moved, *job[1:], chunk=100)[1], to_codes(raw, "cs16").samples()
    )


def test_what_the_kernel_cannot_take_is_refused() -> None:
    taps, none = low_pass(4, 0.0701), np.zeros(0, np.float32)
    for message, before, count, chosen, factor, room, chunk in (
        ("multiple of eight", 3, 100, np.ones(12, np.float32), 2, 100, 100),
        ("at least 1", 3, 100, taps, 0, 100, 100),
        ("as many as taps", 3, 100, taps, 41, 100, 100),
        ("as many as taps", 0, 100, none, 2, 100, 100),
        ("less than an output", 3, 100, none, 1, 200, 100),
        ("less than an output", 40, 100, taps, 1, 200, 100),
        ("whole chunks", 3, 100, taps, 2, 100, 30),
        ("whole chunks", 3, 100, taps, 2, 100, 0),
        ("no room", 3, 100, taps, 2, 31, 100),
    ):
        with pytest.raises(ValueError, match=message):
            decimated(
                noise(before),
                noise(count),
                chosen,
                factor,
                out=np.empty(room, np.complex64),
                chunk=chunk,
            )


@given(cuts=st.lists(st.integers(0, 700), max_size=6), count=st.integers(0, 700), factor=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_any_portions_give_the_same_bits(cuts: list[int], count: int, factor: int) -> None:
    samples = noise(count)
    expected = lowered(samples, Decimator(factor, 0.3 / factor))
    got = lowered(samples, Decimator(factor, 0.3 / factor), sorted(min(cut, count) for cut in cuts))
    assert len(got) == -(-count // factor)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("rate", "bits"), [(1e6, 72_000), (150e3, 640_000)])
def test_demodulated_blocks_equal_the_whole(rate: float, bits: int) -> None:
    """At a high rate, and where whole steps of the tracker wait for the end of a patient reading."""
    s = Setting("oqpsk", sample_rate=rate, offset_hz=-4_000.0, drift_hz_s=20.0, clock_ppm=40.0)
    rng = np.random.default_rng(52)
    samples = received(rng.integers(0, 2, bits), 3.0, s, rng)
    found = []
    for portion, patient in ((len(samples), False), (65_536, False), (65_536, True), (100_003, True)):
        demodulator = Demodulator(sample_rate=rate, modulation="oqpsk", symbol_rate=72e3, rolloff=0.6)
        starts = range(0, len(samples), portion)
        blocks = [demodulator.process(samples[at : at + portion], patient=patient) for at in starts]
        blocks.append(demodulator.flush())
        found.append(
            [
                np.concatenate([getattr(block, field) for block in blocks]).tobytes()
                for field in ("soft_bits", "sample_index", "esn0_db", "locked")
            ]
        )
    assert all(one == found[0] for one in found)


@given(steps=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 120)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_store_holds_what_was_not_forgotten(steps: list[tuple[int, int]]) -> None:
    samples, store, taken, origin = noise(1_200), SampleStore(), 0, 0
    for count, forget in steps:
        store.room(count)[:count] = samples[taken : taken + count]
        store.grow(count)
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
