"""Quality of frames: their symbols by another encoder, Eb/N0 and symbol errors as they were made."""

from __future__ import annotations

import numpy as np
import pytest

from decoders.coding.viterbi import encode
from decoders.downlink import load_downlink
from decoders.framing import frame_quality
from tests.decoders.coded_stream import coded_bits, received, sent_cadus

NAMES = ("metop_ahrpt", "jpss_hrd", "noaa21_hrd", "gk2a_lrit")


def blocks_of(cadus: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(cadus), np.uint8).reshape(len(cadus), -1)[:, 4:]


@pytest.mark.parametrize("name", [one for one in NAMES if one != "metop_ahrpt"])
def test_symbols_are_those_of_the_simulator(name: str) -> None:
    """Behind a differential code all of a frame may be turned; only the memory before it is not known."""
    (mode,) = load_downlink(name).modes
    cadus = sent_cadus(name, 3, scid=1)
    coded = coded_bits(name, cadus).reshape(3, -1)
    soft = (50 * (2 * coded.astype(np.int8) - 1)).astype(np.int8)
    quality = frame_quality.measure(blocks_of(cadus), soft, mode)
    assert quality.symbol_errors.tolist() == [0, 0, 0]
    soft[1, 100:110] *= -1
    soft[2, 300:320] = 0
    assert frame_quality.measure(blocks_of(cadus), soft, mode).symbol_errors.tolist() == [0, 10, 0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ebn0_db", [1.0, 5.0])
def test_eb_n0_and_symbol_errors_are_those_of_the_noise(name: str, ebn0_db: float) -> None:
    (mode,) = load_downlink(name).modes
    rate = float(mode.code_rate)
    cadus = sent_cadus(name, 12, scid=1)
    sent = frame_quality.sent_bytes(blocks_of(cadus), mode)
    symbols = np.stack([encode(row) for row in np.unpackbits(sent, axis=1)])
    punctured = np.resize(np.array([1, 1, 0, 1, 1, 0] if rate == 0.75 else [1]), symbols.shape[1])
    soft = received(name, symbols.reshape(-1), ebn0_db, np.random.default_rng(1)).reshape(symbols.shape)
    wrong = np.count_nonzero((soft * punctured) * (2 * symbols.astype(int) - 1) < 0, axis=1)
    quality = frame_quality.measure(blocks_of(cadus), (soft * punctured).astype(np.int8), mode)
    assert quality.ebn0_db == pytest.approx(np.full(12, ebn0_db), abs=0.35)
    assert np.abs(quality.symbol_errors - wrong).max() <= 6  # in the first pairs, which are left out


def test_too_few_symbols_tell_nothing() -> None:
    (mode,) = load_downlink("gk2a_lrit").modes
    quality = frame_quality.measure(
        blocks_of(sent_cadus("gk2a_lrit", 1, scid=1)), np.zeros((1, 16384), np.int8), mode
    )
    assert np.isnan(quality.ebn0_db[0])
    assert quality.symbol_errors[0] == 0
