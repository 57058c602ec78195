"""The receiver's analogue side and its losses: I/Q imbalance, DC, gain, converter, gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.impairments import Gaps, Impairments

Samples = NDArray[np.complex64]


class FrontEnd:
    """Samples at the antenna to samples as converted, full scale ±1.

    Args:
        impairments: what goes wrong.
        sample_rate: Hz, for the steps of the gain.
    """

    def __init__(self, impairments: Impairments, sample_rate: float) -> None:
        # I stays; Q is amplified and leans towards I: Q' = g (Q cos p + I sin p).
        gain = 10 ** (impairments.iq_gain_db / 20)
        lean = np.radians(impairments.iq_phase_deg)
        self._across = np.float32(gain * np.sin(lean))
        self._along = np.float32(gain * np.cos(lean))
        self._imbalanced = bool(impairments.iq_gain_db or impairments.iq_phase_deg)
        self._dc = np.complex64(impairments.dc_offset)
        self._gain = np.float32(10 ** (impairments.gain_db / 20))
        self._gain_steps = [
            (round(second * sample_rate), np.float32(10 ** (db / 20)))
            for second, db in impairments.gain_steps
        ]
        self._swapped, self._mirrored = impairments.swapped, impairments.mirrored
        self._steps = 2.0 ** (impairments.adc_bits - 1) if impairments.adc_bits else 0.0

    def process(self, samples: Samples, first: int) -> Samples:
        """As many samples, numbered from `first`, changed in place where that is possible."""
        if self._imbalanced:
            samples.imag = self._along * samples.imag + self._across * samples.real
        if self._gain != 1:
            samples *= self._gain
        for sample, factor in self._gain_steps:
            samples[max(sample - first, 0) :] *= factor
        if self._dc:
            samples += self._dc
        if self._mirrored:
            np.conjugate(samples, out=samples)
        if self._swapped:
            samples = np.ascontiguousarray(samples.view(np.float32).reshape(-1, 2)[:, ::-1]).view(
                np.complex64
            )[:, 0]
        return self._convert(samples) if self._steps else samples

    def _convert(self, samples: Samples) -> Samples:
        """Mid-rise converter: no code for zero, saturates at its outermost codes."""
        values = np.floor(samples.view(np.float32) * np.float32(self._steps)) + np.float32(0.5)
        limit = np.float32(self._steps - 0.5)
        return np.asarray(np.clip(values, -limit, limit) / np.float32(self._steps)).view(np.complex64)


@dataclass(frozen=True)
class LostStretch:
    """Samples `first` … `first + count - 1`, as the converter would have numbered them, never arrive."""

    first: int
    count: int


def lost_stretches(
    gaps: Gaps | None, sample_rate: float, total: int, seed: np.random.SeedSequence
) -> tuple[LostStretch, ...]:
    """All gaps of a recording of `total` samples, in order, none touching the next."""
    if gaps is None:
        return ()
    rng = np.random.default_rng(seed)
    seconds = total / sample_rate
    number = rng.poisson(gaps.per_minute * seconds / 60)
    starts, lengths = rng.uniform(0, seconds, number), rng.exponential(gaps.mean_s, number)
    wanted = sorted([*gaps.at, *zip(starts.tolist(), lengths.tolist(), strict=True)])
    out: list[LostStretch] = []
    for start, length in wanted:
        first, last = round(start * sample_rate), min(round((start + length) * sample_rate), total)
        if out and first <= out[-1].first + out[-1].count:  # runs into the one before
            joined = max(last, out[-1].first + out[-1].count)
            out[-1] = LostStretch(out[-1].first, joined - out[-1].first)
        elif last > first >= 0:
            out.append(LostStretch(first, last - first))
    return tuple(out)
