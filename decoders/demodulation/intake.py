"""What every demodulator does with samples first: no NaN, no impulses, a lower rate, kept, tracked.

Segments of a clock come out, in order; the samples that they lie on are held until the next one is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoders.demodulation.clock import Segment
from decoders.demodulation.decimator import Decimator
from decoders.demodulation.sample_store import SampleStore
from decoders.demodulation.soft_block import SoftBlock
from decoders.demodulation.tracking import Tracker
from sdr.formats import Codes, Samples

PORTION = 1 << 18
"""Samples taken in at a time at most; whole chunks, so that the decimator need not keep the rest of one."""

PATIENT_BLOCKS = 12
"""Blocks of one estimate that are waited for where there is no hurry: 3 s at 72 kBd."""


@dataclass(frozen=True)
class DemodulatorReport:
    """What happened so far.

    Attributes:
        samples: Samples taken in.
        samples_not_finite: Of these, NaN, infinite or absurdly large ones, taken as zero.
        blocks: Blocks estimated.
        blocks_locked: Of these, blocks whose spectral lines stood out.
        blocks_disturbed: Blocks with steady carriers, which were taken out.
        jumps: Times the symbol clock had to start anew.
        symbols: Symbols given out.
        offset_hz: Carrier offset of the last locked block, None before the first.
        symbol_rate: Symbol rate of the last locked block in Bd, None before the first.
    """

    samples: int
    samples_not_finite: int
    blocks: int
    blocks_locked: int
    blocks_disturbed: int
    jumps: int
    symbols: int
    offset_hz: float | None
    symbol_rate: float | None


class Intake:
    """Takes samples in any portions and gives the segments that no later sample can change.

    Args:
        decimator: To the rate at which the tracker works.
        tracker: Finds the segments.
        block: Samples of one estimate, at the lower rate.
        margin: Samples before a segment, beyond the tracker's own, that stay held.
    """

    def __init__(self, decimator: Decimator, tracker: Tracker, block: int, margin: int = 0) -> None:
        self.factor = decimator.factor
        self._decimator, self._tracker, self._margin = decimator, tracker, margin
        self._block, self._looked_at = block, 0
        self._store = SampleStore()
        self._samples = self._symbols = 0

    @property
    def held(self) -> NDArray[np.complex64]:
        """The samples from number `origin` on, at the lower rate."""
        return self._store.held

    @property
    def origin(self) -> int:
        """Number of the first sample held."""
        return self._store.origin

    @property
    def end(self) -> int:
        """Number of the sample that comes next; 0 where none has come."""
        return self._store.end

    @property
    def report(self) -> DemodulatorReport:
        """What happened so far."""
        track = self._tracker.report
        return DemodulatorReport(
            samples=self._samples,
            samples_not_finite=self._decimator.unusable,
            blocks=track.blocks,
            blocks_locked=track.locked,
            blocks_disturbed=track.disturbed,
            jumps=track.jumps,
            symbols=self._symbols,
            offset_hz=track.offset_hz,
            symbol_rate=track.symbol_rate,
        )

    def process(self, samples: Samples | Codes, *, patient: bool = False) -> Iterator[Segment]:
        """Takes samples: complex64[n], or as they are written.

        Where nobody waits for them, the segments of many samples are made at a time: what is done for each
        finds its code in the processor's caches.
        """
        # Bounded work at a time: memory does not grow with the portion handed in.
        for start in range(0, len(samples), PORTION):
            part = samples[start : start + PORTION]
            self._samples += len(part)
            self._decimator.process(part, self._store)
            if patient and self._store.end < self._looked_at + PATIENT_BLOCKS * self._block:
                continue
            yield from self._tracked()

    def flush(self) -> Iterator[Segment]:
        """The rest, once there are no more samples."""
        yield from self._tracked()
        self._decimator.flush(self._store)
        if self._store.end:
            yield from self._tracker.flush(self._store.held, self._store.origin)

    def _tracked(self) -> Iterator[Segment]:
        self._looked_at = self._store.end
        yield from self._tracker.process(self._store.held, self._store.origin)
        self._store.forget(self._tracker.keep_from - self._margin)

    def within(self, block: SoftBlock) -> SoftBlock:
        """The symbols before the samples end: a recording shorter than a block was filled up to be one."""
        return block.before(float(self._samples))

    def counted(self, block: SoftBlock) -> SoftBlock:
        """The block, its symbols added to the report."""
        self._symbols += len(block.locked)
        return block
