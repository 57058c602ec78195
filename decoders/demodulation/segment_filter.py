"""The matched filter at the instants of a segment, with the estimated carrier taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.clock import Segment
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.interference import carriers
from decoders.demodulation.matched_filter import matched_samples

PIECE_OUTPUTS = 524_288
"""Outputs computed at a time: a bound on memory."""


@dataclass(frozen=True)
class Outputs:
    """Matched filter outputs complex64[n], from instant `first` on every `step` samples; whether a line was
    seen there.
    """

    values: NDArray[np.complex64]
    first: float
    step: float
    locked: bool


class SegmentFilter:
    """Filters segments of samples that the caller keeps."""

    def __init__(self, bank: PolyphaseBank, block: int, symbol_step: float) -> None:
        self._bank = bank
        self._symbol_step = symbol_step  # symbols per sample
        self._block = block  # samples, of the frames in which interferers are taken out

    def process(self, held: NDArray[np.complex64], origin: int, segment: Segment) -> Iterator[Outputs]:
        """All outputs of a segment; ``held[0]`` is sample number `origin`."""
        for first in range(0, segment.count, PIECE_OUTPUTS):
            count = min(PIECE_OUTPUTS, segment.count - first)
            instant = segment.first_instant + segment.output_step * first
            if segment.locked:
                values = self._filtered(held, origin, segment, instant, count)
            else:  # nobody will look at it
                values = np.zeros(count, np.complex64)
            yield Outputs(values, instant, segment.output_step, segment.locked)

    def oversampled(
        self,
        held: NDArray[np.complex64],
        origin: int,
        segment: Segment,
        *,
        output: int,
        step: float,
        count: int,
    ) -> NDArray[np.complex64]:
        """The same filter from an output of a segment on, closer by: `step` outputs apart, for an eye."""
        closer = replace(segment, output_step=segment.output_step * step)
        first = segment.first_instant + segment.output_step * output
        return self._filtered(held, origin, closer, first, count)

    def _filtered(
        self, held: NDArray[np.complex64], origin: int, segment: Segment, first: float, count: int
    ) -> NDArray[np.complex64]:
        margin = self._bank.half_span + 2
        begin = max(int(first) - margin, origin)
        end = int(first + segment.output_step * (count - 1)) + margin + 1
        samples = held[begin - origin : end - origin]
        if segment.disturbed:
            anchor = max(int(segment.start), 0) - origin
            low, high = begin - origin, begin - origin + len(samples)
            middle = segment.frequency + segment.frequency_slope * (segment.end - segment.start) / 2
            samples = samples - carriers(
                held, anchor, low, high, self._block, middle=middle, symbol_step=self._symbol_step
            )
        since = begin - segment.start
        turns = segment.turns + since * (segment.frequency + segment.frequency_slope / 2 * since)
        return matched_samples(
            samples,
            self._bank,
            first=first - begin,
            step=segment.output_step,
            count=count,
            frequency=segment.frequency + segment.frequency_slope * since,
            slope=segment.frequency_slope,
            turns=turns % 1.0,
        )
