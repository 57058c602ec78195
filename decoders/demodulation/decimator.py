"""Takes out impulses, and lowers the sample rate where most of the band holds no signal.

Every later stage costs less by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation import _intake
from decoders.demodulation.blanker import (
    CHUNK,
    MOST,
    OVER_MEDIAN,
    SKIRT,
    SUSPICIOUS,
    blanked_plain,
)
from decoders.demodulation.sample_store import SampleStore
from sdr.formats import LARGEST, Codes, Samples, as_samples

SAMPLES_LEFT = 3.3
"""Samples per symbol that are left at least: fewer make the filter longer than what they spare."""

_CLEAR = 1.3  # half the lowered rate, in units of the band that must stay clean
_STOP_DB = 65.0
_TAPS_MULTIPLE = 8  # the kernel works on eight samples at a time


def decimation(sample_rate: float, symbol_rate: float, band_hz: float) -> int:
    """The whole factor by which the rate is lowered; `band_hz` to either side is kept."""
    lowest = max(SAMPLES_LEFT * symbol_rate, 2 * _CLEAR * band_hz)
    return max(int(sample_rate / lowest), 1)


def low_pass(factor: int, band: float) -> NDArray[np.float32]:
    """Taps that keep `band` (cycles per sample) and stop what would fold into it, 65 dB down.

    Source: Kaiser, Nonrecursive digital filter design using the I0-sinh window function, IEEE ISCAS 1974:
    length (A - 7.95) / (14.36 width) + 1, window parameter 0.1102 (A - 8.7).
    """
    width = 1 / factor - 2 * band
    half = math.ceil(((_STOP_DB - 7.95) / (14.36 * width) + 1) / 2)
    count = -(-2 * half // _TAPS_MULTIPLE) * _TAPS_MULTIPLE
    offset = np.arange(count) - (count // 2 - 1)
    beta = 0.1102 * (_STOP_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.clip(1 - (offset / (count / 2)) ** 2, 0, 1))) / np.i0(beta)
    taps = np.sinc(offset / factor) / factor * window
    return np.asarray(taps / taps.sum(), np.float32)


class Decimator:
    """Keeps one filtered sample of every `factor`: the first of all, and so on. Takes out impulses before.

    Hand in samples in any portions, then flush.

    Attributes:
        factor: By which the rate is lowered.
        blanked: Samples of impulses so far, set to zero.
        unusable: NaN, infinite and absurdly large samples so far, set to zero.
    """

    def __init__(self, factor: int, band: float) -> None:
        """Sets up the filter.

        Args:
            factor: Whole number, 1 lowers and filters nothing.
            band: What is kept to either side, cycles per input sample, below 1/2 `factor`.
        """
        self.factor = factor
        self._taps = low_pass(factor, band) if factor > 1 else np.zeros(0, np.float32)
        self._rest = np.zeros(0, np.complex64)  # short of a chunk
        # From the first tap of the next output on; before the beginning the input counts as zero.
        self._held = np.zeros(max(len(self._taps) // 2 - 1, 0), np.complex64)
        self._taken = self._given = 0
        self.blanked = self.unusable = 0

    def process(self, samples: Samples | Codes, store: SampleStore) -> None:
        """Takes samples and puts what is final at the lower rate into the store."""
        if len(self._rest):
            missing = CHUNK - len(self._rest)
            begun = np.concatenate([self._rest, as_samples(samples[:missing])])
            samples = samples[missing:]
            if len(begun) < CHUNK:
                self._rest = begun
                return
            self._lower(begun, CHUNK, store)
        whole = len(samples) // CHUNK * CHUNK
        self._lower(samples[:whole], CHUNK, store)
        self._rest = np.array(as_samples(samples[whole:]))

    def flush(self, store: SampleStore) -> None:
        """The rest, once; behind the end the input counts as zero."""
        rest, self._rest = self._rest, self._rest[:0]
        if len(rest):
            self._lower(rest, len(rest), store)
        behind = np.zeros(len(self._taps) + self.factor, np.complex64)
        left = -(-self._taken // self.factor) - self._given
        self._decimated(behind, len(behind), store)
        store.grow(left)

    def _lower(self, samples: Samples | Codes, chunk: int, store: SampleStore) -> None:
        done = self._decimated(samples, chunk, store)
        store.grow(done.outputs)
        self._held = done.held
        self._taken += len(samples)
        self._given += done.outputs
        self.blanked += done.blanked
        self.unusable += done.unusable

    def _decimated(self, samples: Samples | Codes, chunk: int, store: SampleStore) -> Decimated:
        room = store.room((len(self._held) + len(samples)) // self.factor + 1)
        return decimated(self._held, samples, self._taps, self.factor, out=room, chunk=chunk)


@dataclass(frozen=True)
class Decimated:
    """What was done with samples.

    Attributes:
        outputs: How many there are.
        blanked: Samples of impulses, set to zero.
        unusable: What was no sample, set to zero.
        held: complex64, from the first tap of the next output on.
    """

    outputs: int
    blanked: int
    unusable: int
    held: Samples


def decimated(
    before: Samples,
    samples: Samples | Codes,
    taps: NDArray[np.float32],
    factor: int,
    *,
    out: Samples,
    chunk: int = CHUNK,
    instruction_set: str = "",
) -> Decimated:
    """The filter's outputs at every `factor`th sample of `before` followed by `samples`, freed of impulses.

    Args:
        before: complex64[m], free of them, fewer than taps.
        samples: n of them, whole chunks.
        taps: float32, a multiple of eight, no fewer than `factor`; output 0 is their sum over the first
            samples. None and `factor` 1: every sample is an output.
        factor: At least 1.
        out: Takes the outputs, as many as have all their taps on samples.
        chunk: Samples that are looked at together.
        instruction_set: "generic", "v3" or "v4"; empty for the best that this processor runs.

    Raises:
        ValueError: Another number of taps, no factor, no whole chunks, too little room, arrays that are not
            aligned.
    """
    if isinstance(samples, Codes):
        form = samples.form
        coded = samples.values, form.zero, 1.0 / form.scale
    else:
        coded = np.require(samples, np.complex64, ["C", "A"]).view(np.float32), 0.0, 1.0
    return Decimated(
        *_intake.decimate(
            before, *coded, taps, factor, out,
            chunk, LARGEST, SUSPICIOUS, OVER_MEDIAN, MOST, SKIRT, instruction_set,
        )
    )  # fmt: skip


def decimated_plain(
    before: Samples,
    samples: Samples | Codes,
    taps: NDArray[np.float32],
    factor: int,
    *,
    out: Samples,
    chunk: int = CHUNK,
) -> Decimated:
    """The specification of `decimated`, to float32 rounding."""
    clean, hits, bad = blanked_plain(as_samples(samples), chunk)
    joined = np.concatenate([before, clean]).astype(np.complex128)
    if not len(taps):
        outputs = joined
    elif len(joined) < len(taps):
        outputs = joined[:0]
    else:
        outputs = np.lib.stride_tricks.sliding_window_view(joined, len(taps))[::factor] @ taps.astype(float)
    out[: len(outputs)] = outputs
    held = joined[len(outputs) * factor :].astype(np.complex64)
    return Decimated(len(outputs), hits, bad, held)
