"""A real METEOR-M2 recording: every symbol of its fourteen known frames, in every disguise of the same
samples."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from decoders.demodulation.demodulator import Demodulator
from decoders.demodulation.detect import choose_mode, describe
from decoders.downlink import load_downlink

FRAME_SYMBOLS = 8192
SAMPLE_RATE = 300_000.0


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> NDArray[np.complex64]:
    raw = gzip.decompress((shared_data / "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz").read_bytes())
    parts = (np.frombuffer(raw, np.uint8).astype(np.float32) - 127.5) / 127.5
    return parts.view(np.complex64)


@pytest.fixture(scope="module")
def sent(shared_data: Path) -> NDArray[np.float64]:
    """The expected frames as they were on air: randomised and coded, rails in columns, +1 for a 1."""
    frames = np.fromfile(shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu", np.uint8).reshape(14, 1024)
    sequence = [1] * 8  # h(x) = x^8 + x^7 + x^5 + x^3 + 1, CCSDS 131.0-B
    while len(sequence) < 8 * 1020:
        k = len(sequence)
        sequence.append(sequence[k - 8] ^ sequence[k - 5] ^ sequence[k - 3] ^ sequence[k - 1])
    frames[:, 4:] ^= np.packbits(sequence)
    bits = np.unpackbits(frames.reshape(-1))
    g1 = np.convolve(bits, [1, 1, 1, 1, 0, 0, 1])[: len(bits)] % 2  # 171 octal
    g2 = np.convolve(bits, [1, 0, 1, 1, 0, 1, 1])[: len(bits)] % 2  # 133 octal, inverted on air
    return np.stack([2.0 * g1 - 1, 1 - 2.0 * g2], axis=1)


def disguised(samples: NDArray[np.complex64], how: str) -> tuple[NDArray[np.complex64], float]:
    turns = np.arange(len(samples)) / SAMPLE_RATE
    if how in ("+2000", "-2000"):
        return (samples * np.exp(2j * np.pi * float(how) * turns)).astype(np.complex64), SAMPLE_RATE
    if how == "240 kS/s":
        return resample_poly(samples, 4, 5).astype(np.complex64), 240_000.0
    changed = {
        "as it is": samples,
        "mirrored": samples.conj(),
        "I and Q swapped": (samples.imag + 1j * samples.real).astype(np.complex64),
        "cut by 1": samples[1:],
        "cut by 777": samples[777:],
        "louder": samples * np.float32(3000),
    }
    return changed[how], SAMPLE_RATE


HOW = [
    "as it is",
    "+2000",
    "-2000",
    "240 kS/s",
    "mirrored",
    "I and Q swapped",
    "cut by 1",
    "cut by 777",
    "louder",
]


@pytest.mark.parametrize("how", HOW)
def test_all_fourteen_frames(samples: NDArray[np.complex64], sent: NDArray[np.float64], how: str) -> None:
    """Frame on frame without a slip, under one ambiguity; at 12 dB theory expects 8 wrong bits in all.

    The first six symbols hang on the frame before and are left out.
    """
    signal, sample_rate = disguised(samples, how)
    demodulator = Demodulator(sample_rate=sample_rate, modulation="qpsk", symbol_rate=72_000.0, rolloff=0.6)
    soft = np.concatenate([demodulator.process(signal).soft_bits, demodulator.flush().soft_bits])
    rails = np.sign(soft.reshape(-1, 2).astype(float))
    found = []
    for swapped in (False, True):
        pair = rails[:, ::-1] if swapped else rails
        size = len(pair) + len(sent)
        turned = np.fft.rfft(pair, size, axis=0) * np.fft.rfft(sent, size, axis=0).conj()
        match = np.abs(np.fft.irfft(turned, size, axis=0)).sum(axis=1)
        found.append((match.max(), int(match.argmax()), swapped))
    _, start, swapped = max(found)
    rails = (rails[:, ::-1] if swapped else rails)[start : start + len(sent)]
    assert len(rails) == len(sent)
    signs = np.sign((rails * sent).sum(axis=0))
    wrong = (rails * signs != sent)[6:].sum(axis=1)
    assert wrong.sum() <= 25
    assert np.add.reduceat(wrong, np.arange(0, len(wrong), FRAME_SYMBOLS)).max() <= 6


def test_mode_is_found(samples: NDArray[np.complex64]) -> None:
    guess = choose_mode(samples, SAMPLE_RATE, load_downlink("meteor_lrpt").modes)
    assert guess is not None
    assert (guess.mode.modulation, guess.mode.symbol_rate) == ("qpsk", 72_000.0)
    assert guess.signal.offset_hz == pytest.approx(3_441, abs=30)  # the recording's notes
    assert guess.signal.esn0_db == pytest.approx(12, abs=1)
    assert describe(samples, SAMPLE_RATE).startswith("QPSK at 72.0 kBd, +34")
