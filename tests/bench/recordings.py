"""Signals to decode: simulated once without noise, then noise, phase and faults added for every point.

Noise is added here and not by the simulator, so that one clean recording serves all levels: a signal of power
P whose bits come at the rate R has Eb = P / R, and complex noise of variance s² at the sample rate f has
N0 = s² / f.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.cases import Case

START = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1 << 20
FADE_PERIOD_S = 4.0
SABOTAGES = ("tap", "sample")
# Two symbols or more; one sample alone is a part of a symbol, which the decoder's clock takes without a loss.
LOST_SAMPLES = 10
RMS = 0.2  # of full scale


@dataclass(frozen=True)
class Reception:
    """How a clean recording is received.

    Attributes:
        ebn0_db: see `Case.bit_rate`.
        seed: of noise and carrier phase.
        lose_every: `LOST_SAMPLES` in a row are lost in so many, 0 none.
    """

    ebn0_db: float
    seed: int = 1
    lose_every: int = 0


def clean(case: Case, folder: Path, *, frames: int, seed: int, sabotage: str | None = None) -> Path:
    """Simulate without noise; the stem of STEM.sigmf-data (cf32), STEM.sent.* and STEM.power."""
    text = f"{case.mode} {case.sample_rate} {case.crystal_ppm} {case.doppler_hz} {case.drift_hz_s}"
    name = hashlib.sha256(f"{text} {frames} {seed} {sabotage}".encode()).hexdigest()[:8]
    stem = folder / f"{case.mode}-{name}"
    if stem.with_name(stem.name + ".power").exists():
        return stem
    from sim import coding
    from sim.impairments import Crystal, Impairments
    from sim.packet_source import FillSource
    from sim.simulate import PassSimulation, simulate

    taps = coding.G2_DELAYS
    if sabotage == "tap":
        coding.G2_DELAYS = (0, 2, 3, 6)  # type: ignore[assignment] # 173 octal in place of 133, or so
    # Whole frames and the span of the interleaver; the stream begins and ends in mid-frame.
    seconds = (frames + 1.5) * case.frame_s + (17.92 if case.mode == "80k" else 0.0)
    try:
        simulate(
            PassSimulation(
                elements=None,
                site=None,
                start=START,
                end=START + timedelta(seconds=seconds),
                mode=case.mode,
                frequency_hz=case.carrier_hz,
                sample_rate=case.sample_rate,
                format="cf32",
                ebn0_db=float("inf"),
                seed=seed,
                impairments=Impairments(crystal=Crystal(offset_ppm=case.crystal_ppm)),
                doppler_hz=case.doppler_hz,
                doppler_rate_hz_s=case.drift_hz_s,
            ),
            stem,
            source=FillSource(),
        )
    finally:
        coding.G2_DELAYS = taps
    stem.with_name(stem.name + ".power").write_text(str(_power(stem)))
    return stem


def samples_of(stem: Path) -> NDArray[np.complex64]:
    """The clean samples, mapped."""
    return np.memmap(stem.with_name(stem.name + ".sigmf-data"), np.complex64, mode="r")


def _power(stem: Path) -> float:
    samples = samples_of(stem)
    parts = (samples[at : at + CHUNK] for at in range(0, samples.size, CHUNK))
    return sum(float(np.sum(part.real.astype(float) ** 2 + part.imag**2)) for part in parts) / samples.size


def received(stem: Path, case: Case, reception: Reception, path: Path, *, form: str = "cf32") -> Path:
    """Write the recording as received, at the case's sample rate, in one of `sdr.formats.FORMATS`."""
    from sdr.formats import from_samples

    power = float(stem.with_name(stem.name + ".power").read_text())
    density = power / case.bit_rate / 10 ** (reception.ebn0_db / 10)
    deviation = np.float32(np.sqrt(density * case.sample_rate / 2))
    rng = np.random.default_rng([reception.seed, round(100 * reception.ebn0_db)])
    turn = np.complex64(np.exp(2j * np.pi * rng.uniform()))
    # Integers have a full scale to stay clear of.
    gain = np.float32(1 if form == "cf32" else RMS / np.sqrt(power + 2 * deviation**2))
    with path.open("wb") as file:
        for first, part in _chunks(samples_of(stem)):
            noise = (deviation * rng.standard_normal(2 * part.size, np.float32)).view(np.complex64)
            out = turn * part
            if case.off_s:
                seconds = (first + np.arange(part.size)) / case.sample_rate % FADE_PERIOD_S
                off = seconds >= FADE_PERIOD_S - case.off_s
                out[off] = 0
                if case.told:
                    noise[off] = 0
            out += noise
            if case.swapped:
                out = (1j * out.conj()).astype(np.complex64)
            if reception.lose_every:
                place = (first + np.arange(out.size)) % reception.lose_every
                out = out[place < reception.lose_every - LOST_SAMPLES]
            file.write(from_samples(gain * out, form))
    return path


def _chunks(samples: NDArray[np.complex64]) -> Iterator[tuple[int, NDArray[np.complex64]]]:
    for first in range(0, samples.size, CHUNK):
        yield first, samples[first : first + CHUNK]


@dataclass(frozen=True)
class Sent:
    """The frames that lie wholly inside a recording, as bytes to be compared, and all that were sent.

    `first_sample` is where each frame of `every` begins, `complete` whether it lies wholly inside.
    """

    whole: list[bytes]
    every: list[bytes]
    first_sample: NDArray[np.float64]
    complete: list[bool]

    @classmethod
    def read(cls, stem: Path) -> Sent:
        """From the simulator's log."""
        cadu, raw = (stem.with_name(stem.name + suffix) for suffix in (".sent.cadu", ".sent.raw16"))
        lines = [
            json.loads(line) for line in stem.with_name(stem.name + ".sent.jsonl").read_text().splitlines()
        ]
        data = (cadu if cadu.exists() else raw).read_bytes()
        every = cut(data, len(data) // len(lines))
        return cls(
            [frame for frame, line in zip(every, lines, strict=True) if line["complete"]],
            every,
            np.array([line["first_sample"] for line in lines], float),
            [line["complete"] for line in lines],
        )


def cut(data: bytes, size: int) -> list[bytes]:
    """Frames of one size, whole ones only."""
    return [data[at : at + size] for at in range(0, len(data) - size + 1, size)]
