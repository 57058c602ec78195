"""Kernels of carrier phase and soft bits against their plain forms, and against what they must not accept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoders.demodulation import _demod
from decoders.demodulation.carrier import (
    WINDOW_SYMBOLS,
    edge_taps,
    fourth_power,
    fourth_power_plain,
    oqpsk_lines,
    oqpsk_lines_plain,
    qpsk_lines,
    qpsk_lines_plain,
    turn_back,
    turn_back_plain,
    turn_to_rails,
    turn_to_rails_plain,
)
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.softbits import moments, moments_plain, to_soft_bits, to_soft_bits_plain


def samples(count: int, seed: int) -> NDArray[np.complex64]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(np.complex64)


@given(count=st.integers(0, 300), length=st.integers(1, 130), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_turn_back(count: int, length: int, seed: int) -> None:
    x = samples(count, seed)
    rng = np.random.default_rng(seed)
    pieces = -(-count // length)
    turns, steps = rng.uniform(-3, 3, pieces), rng.uniform(-0.5, 0.5, pieces)
    difference = turn_back(x, turns, steps, length) - turn_back_plain(x, turns, steps, length)
    assert np.abs(difference).max(initial=0) <= 4e-6 * np.abs(x).max(initial=0)


@given(count=st.integers(0, 200), level=st.sampled_from([1e-3, 1.0, 1e3]), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_fourth_power(count: int, level: float, seed: int) -> None:
    x = (samples(count, seed) * level).astype(np.complex64)
    difference = fourth_power(x) - fourth_power_plain(x)
    assert np.all(np.abs(difference) <= 2e-6 * np.abs(x) ** 2)
    assert not np.any(fourth_power(np.zeros(3, np.complex64)))


@given(pieces=st.integers(0, 9), sixteens=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_turn_to_rails(pieces: int, sixteens: int, seed: int) -> None:
    length = 16 * sixteens
    x = samples(pieces * length, seed)
    rng = np.random.default_rng(seed)
    turns, steps = rng.uniform(-3, 3, pieces), rng.uniform(-0.5, 0.5, pieces)
    rails = turn_to_rails(x, turns, steps, length)
    difference = rails - turn_to_rails_plain(x, turns, steps, length)
    assert np.abs(difference).max(initial=0) <= 4e-6 * np.abs(x).max(initial=0)
    turned = turn_back(x, turns, steps, length)
    assert np.array_equal(rails[::2], turned.real[::2])
    assert np.array_equal(rails[1::2], turned.imag[1::2])


@pytest.mark.parametrize("windows", [0, 1, 5, 8])
@pytest.mark.parametrize("rolloff", [0.5, 0.6])
def test_edge_lines(windows: int, rolloff: float) -> None:
    taps = edge_taps(rolloff)
    x = samples(windows * 2 * WINDOW_SYMBOLS + len(taps) - 1, windows)
    if windows == 0:
        assert len(oqpsk_lines(x, taps)) == 0
        return
    plain = oqpsk_lines_plain(x, taps)
    assert np.abs(oqpsk_lines(x, taps) - plain).max() <= 1e-5 * np.abs(plain).max()


@pytest.mark.parametrize("windows", [0, 1, 7])
def test_qpsk_lines(windows: int) -> None:
    x = samples(windows * WINDOW_SYMBOLS, windows)
    difference = qpsk_lines(x) - qpsk_lines_plain(x)
    assert len(difference) == windows
    assert np.abs(difference).max(initial=0) <= 1e-6 * WINDOW_SYMBOLS


@given(rows=st.integers(0, 5), columns=st.integers(0, 70), level=st.floats(0, 1e4), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_soft_bits(rows: int, columns: int, level: float, seed: int) -> None:
    rails = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    gain = np.full(rows, level, np.float32)
    assert np.array_equal(to_soft_bits(rails, gain), to_soft_bits_plain(rails, gain))


@given(rows=st.integers(0, 5), columns=st.integers(0, 70), level=st.floats(0, 1e4), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_moments(rows: int, columns: int, level: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rails = (level * rng.standard_normal((rows, columns)) * rng.integers(0, 2, (rows, columns))).astype(
        np.float32
    )
    assert np.allclose(moments(rails), moments_plain(rails), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("instruction_set", ["generic", "v3", "v4"])
def test_every_instruction_set_gives_the_same_bits(instruction_set: str) -> None:
    """Bit for bit, at lengths and places that fit no vector."""
    try:
        _demod.fourth_power(samples(1, 0), instruction_set)
    except ValueError as error:
        pytest.skip(str(error))
    x = samples(5003, 1)
    rails = x[:4992].view(np.float32).reshape(39, 256)
    taps = edge_taps(0.6)
    edges = x[: 8 * 2 * WINDOW_SYMBOLS + len(taps) - 1]
    pieces = np.linspace(-3, 3, 80)
    ran = []
    for chosen in (instruction_set, ""):
        for rate in (93_600.0, 288_000.0, 1_000_000.0):
            bank = PolyphaseBank.matched(sample_rate=rate, symbol_rate=72_000.0, rolloff=0.6)
            ran.append(_demod.matched_samples(x, bank.taps, -40.3, 1.7, 3000, 0.0317, 1e-9, 0.3, chosen))
        ran.append(_demod.turn_back(x, pieces, pieces / 7, 67, chosen))
        ran.append(_demod.turn_to_rails(x[:4992], pieces[:39], pieces[:39] / 7, 128, chosen))
        ran.append(_demod.fourth_power(x, chosen))
        ran.append(_demod.fourth_lines(x[:4992], 48, chosen))
        ran.append(_demod.edge_lines(edges, taps, 2 * WINDOW_SYMBOLS, chosen))
        ran.append(_demod.moments(rails, chosen))
        ran.append(_demod.soft_bits(rails, np.full(39, 3.7, np.float32), 8.0, chosen))
    half = len(ran) // 2
    for one, other in zip(ran[:half], ran[half:], strict=True):
        assert one.tobytes() == other.tobytes()


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="generic, v3 or v4, not avx"):
        _demod.fourth_power(samples(1, 0), "avx")


def test_lengths_are_checked() -> None:
    x = samples(100, 0)
    with pytest.raises(ValueError, match="cover all samples"):
        _demod.turn_back(x, np.zeros(1), np.zeros(2), 64)
    with pytest.raises(ValueError, match="length must be positive"):
        _demod.turn_back(x, np.zeros(1), np.zeros(1), 0)
    with pytest.raises(ValueError, match="multiple of 16"):
        _demod.turn_to_rails(x, np.zeros(2), np.zeros(2), 50)
    with pytest.raises(ValueError, match="as many pieces"):
        _demod.turn_to_rails(x, np.zeros(6), np.zeros(6), 16)
    with pytest.raises(ValueError, match="whole windows of a multiple of 16"):
        _demod.fourth_lines(x, 50)
    with pytest.raises(ValueError, match="whole windows"):
        _demod.edge_lines(x, edge_taps(0.6), 256)
    with pytest.raises(ValueError, match="odd"):
        _demod.edge_lines(x, np.ones(4, np.complex64), 2)
    with pytest.raises(ValueError, match="one gain per row"):
        _demod.soft_bits(np.zeros((3, 2), np.float32), np.zeros(2, np.float32), 1.0)
    with pytest.raises(ValueError, match="multiple of 8"):
        _demod.matched_samples(x, np.zeros((3, 9), np.float32), 0.0, 1.0, 5, 0.0)
