"""What is said of a signal that was not expected: its modulation, its symbol rate, what may be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.decode import DecodeRequest, decode
from decoders.demodulation.blind import guesses, occupied_bands
from decoders.demodulation.detect import choose_mode, describe
from decoders.downlink import load_downlink
from tests.decoders import one_rail_modulator as one_rail
from tests.decoders.lrpt_modulator import Setting, received

Samples = NDArray[np.complex64]
AHRPT_BD = 7e6 / 3


def two_rails(
    modulation: str, symbol_rate: float, sample_rate: float, esn0_db: float, rolloff: float
) -> Samples:
    rng = np.random.default_rng(3)
    seconds = 0.45 if sample_rate < 1e6 else 0.25 if symbol_rate < 1e5 else 0.04
    s = Setting(modulation, symbol_rate, sample_rate, rolloff, -3_000.0, 0.0, 1.0, 30.0, 0.3)
    return received(rng.integers(0, 2, 2 * int(seconds * symbol_rate)), esn0_db, s, rng)


def one_axis(modulation: str, symbol_rate: float, sample_rate: float, esn0_db: float) -> Samples:
    rng = np.random.default_rng(5)
    link = one_rail.Link(modulation, symbol_rate, sample_rate, offset_hz=5_000.0)
    return one_rail.received(rng.integers(0, 2, 80_000), esn0_db, link, rng)


# given to a decoder of which downlink, samples per second, signal, words of the answer
SIGNALS = [
    ("meteor_lrpt", 250e3, ("qpsk", 80e3, 5.0, 0.6), "QPSK at 80.0 kBd", ", expected 72.0"),
    (
        "meteor_lrpt",
        250e3,
        ("oqpsk", 72.72e3, 1.5, 0.6),
        "OQPSK at 72.72 kBd",
        "is the sample rate 1.0% off?",
    ),
    ("meteor_lrpt", 250e3, ("qpsk", 72.72e3, 1.5, 0.6), "QPSK at 72.72 kBd", "is the sample rate 1.0% off?"),
    ("meteor_lrpt", 250e3, ("qpsk", 50e3, 2.0, 0.6), "QPSK at 50.0 kBd", ", expected 72.0"),
    ("meteor_lrpt", 6e6, ("qpsk", AHRPT_BD, 6.0, 0.5), "QPSK at 2333.4 kBd", ", expected 72.0"),
    (
        "metop_ahrpt",
        6e6,
        ("qpsk", 1.01 * AHRPT_BD, 4.3, 0.5),
        "QPSK at 2356.",
        "is the sample rate 1.0% off?",
    ),
    ("metop_ahrpt", 6e6, ("oqpsk", 72e3, 6.0, 0.6), "OQPSK at 72.0 kBd", ", expected QPSK at 2333.3"),
    ("noaa_hrpt", 2.4e6, ("split-phase-pm", 672_054.0, 4.0), "split-phase PM at 672.1 kBd", "1.0% off?"),
    ("metop_ahrpt", 6e6, ("split-phase-pm", 665_400.0, 4.0), "split-phase PM at 665.4 kBd", "expected QPSK"),
    ("gk2a_lrit", 1e6, ("bpsk", 129_280.0, 2.0), "BPSK at 129.28 kBd", "is the sample rate 1.0% off?"),
    ("gk2a_lrit", 1e6, ("bpsk", 294e3, 4.0), "BPSK at 294.0 kBd", ", expected 128.0"),
]


@pytest.mark.parametrize(("downlink", "sample_rate", "signal", "what", "end"), SIGNALS, ids=str)
def test_a_wrong_signal_is_named(
    downlink: str, sample_rate: float, signal: tuple[str, float, float, float], what: str, end: str
) -> None:
    if len(signal) == 4:
        samples = two_rails(signal[0], signal[1], sample_rate, signal[2], signal[3])
    else:
        samples = one_axis(signal[0], signal[1], sample_rate, signal[2])
    modes = load_downlink(downlink).modes
    assert choose_mode(samples, sample_rate, modes) is None
    said = describe(samples, sample_rate, modes)
    assert said.startswith(what)
    assert said.endswith(end) if end.startswith(",") and "QPSK" not in end else end in said


def test_symbol_rates_are_found_blindly_to_fifty_millionths() -> None:
    """At 1 dB, from a second and a half, knowing nothing."""
    for modulation, kind in (("qpsk", "even"), ("oqpsk", "oqpsk")):
        s = Setting(modulation, 61_234.0, offset_hz=-3_000.0, clock_ppm=30.0)
        rng = np.random.default_rng(9)
        band = occupied_bands(received(rng.integers(0, 2, 180_000), 1.0, s, rng), 250e3)[0]
        assert band.middle_hz == pytest.approx(-3_000, abs=2_000)
        found = [guess.symbol_rate for guess in guesses(band) if guess.kind == kind]
        assert min(abs(rate / (61_234.0 * (1 + 30e-6)) - 1) for rate in found) < 50e-6


def noise(count: int) -> Samples:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(count) + 1j * rng.standard_normal(count)).astype(np.complex64)


def no_signals() -> dict[str, Samples]:
    time = np.arange(400_000) / 250e3
    turns = np.cumsum(3e3 * np.sin(2 * np.pi * 900 * time) + 2e3 * np.sin(2 * np.pi * 1.7 * time)) / 250e3
    voice = np.exp(2j * np.pi * (turns + 20e3 * time))
    return {
        "noise": noise(400_000),
        "noise of one rail": noise(400_000).real.astype(np.complex64),
        "coloured noise": np.convolve(noise(400_000), np.hanning(5), "same").astype(np.complex64),
        "a voice": (noise(400_000) + 3 * voice).astype(np.complex64),
        "two carriers": (noise(400_000) + voice**0 * (np.exp(5e4j * time) + np.exp(-1e5j * time))).astype(
            np.complex64
        ),
        "a ramp": (np.arange(400_000) / 4e5).astype(np.complex64),
        "clicks": np.where(np.arange(400_000) % 997 == 0, 100, 0).astype(np.complex64),
        "one sample": noise(1),
        "ten samples": noise(10),
        "five thousand samples": noise(5_000),
    }


@pytest.mark.parametrize("what", no_signals())
def test_no_signal_is_seen_where_none_is(what: str) -> None:
    said = describe(no_signals()[what], 250e3, load_downlink("meteor_lrpt").modes)
    few = {"one sample": 1, "ten samples": 10, "five thousand samples": 5000}
    if what in few:
        assert said == f"too little to tell: {few[what]} samples"
    else:
        assert said == "only noise" or said.startswith("a carrier without modulation")


WRONG = [
    ("meteor_lrpt", ("qpsk", 80e3, 5.0, 0.6), 250e3, "holds QPSK at 80.0 kBd"),
    ("metop_ahrpt", ("qpsk", 1.01 * AHRPT_BD, 6.0, 0.5), 6e6, "is the sample rate 1.0% off?"),
]


@pytest.mark.parametrize(("downlink", "signal", "sample_rate", "says"), WRONG, ids=str)
def test_the_report_says_what_was_there_instead(
    tmp_path: Path, downlink: str, signal: tuple[str, float, float, float], sample_rate: float, says: str
) -> None:
    path = tmp_path / "given.cf32"
    two_rails(signal[0], signal[1], sample_rate, signal[2], signal[3]).tofile(path)
    report = decode(
        DecodeRequest(
            input=path, downlink=downlink, out=tmp_path / "out", format="cf32", sample_rate=sample_rate
        )
    )
    assert report.exit_status == 1
    assert report.frames.good == 0
    assert any(
        says in message for message in json.loads((tmp_path / "out/report.json").read_text())["messages"]
    )
