"""One pass as the receiver's converter gives it: request in, blocks of samples out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.track import track_at
from sim.channel import FadingPath, InterferingSignal, Path, Timeline, signal_there
from sim.downlink import SentSlot, SymbolStream
from sim.frame_streams import frame_stream
from sim.front_end import FrontEnd, LostStretch, lost_stretches
from sim.impairments import seed_of
from sim.level import Level
from sim.modulator import KNOT_SAMPLES, MARGIN_SYMBOLS, Knots, modulate, pulse_bank
from sim.noise import add_noise, noise_key
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.split_phase import split_phase_bank

BLOCK_SAMPLES = 1 << 16
MARGIN_S = 3.0


@dataclass(frozen=True)
class SignalBlock:
    """Samples numbered from `first`; `lost` of them are missing just before these."""

    first: int
    samples: NDArray[np.complex64]
    lost: int = 0


class PassSignal:
    """The samples of a request, in order.

    Args:
        request: what is to be simulated.
        source: of the packets; None where the mode has none (NOAA and METEOR HRPT).
        sent: is told of every frame that enters the stream.
    """

    def __init__(
        self,
        request: PassSimulation,
        source: PacketSource | None,
        sent: Callable[[SentSlot], None] = lambda slot: None,  # noqa: ARG005 nobody listens
    ) -> None:
        self.request, self.mode = request, request.downlink
        stream_seed = seed_of(request.seed, "stream")
        early = np.random.default_rng(stream_seed).uniform(4, 5) * self.mode.frame_period_s
        stream_start = -(self.mode.warm_up_s + early)
        self.path = _path(
            request, stream_start - MARGIN_S, request.duration_s + self.mode.warm_up_s + MARGIN_S
        )
        self.timeline = Timeline(
            self.path,
            request.impairments.crystal,
            request.sample_rate,
            request.frequency_hz,
            request.center_frequency_hz,
            self.mode.pulse_rate,
            stream_start,
        )
        # Straight between the path's seconds: off by the bend of the Doppler curve, at most 2e-3 of a symbol
        # of LRPT, 0.1 of AHRPT, 0.4 of JPSS.
        self._places = self.timeline.place(self.timeline.sample_at(self.path.time))
        frames = frame_stream(request, source, stream_start, request.duration_s + MARGIN_S, stream_seed)
        self._stream = SymbolStream(self.mode, frames, stream_start, stream_seed.spawn(1)[0], sent)
        self.level = Level.of(request, self.path, self.mode)
        self.lost = lost_stretches(
            request.impairments.gaps, request.sample_rate, request.sample_count, seed_of(request.seed, "gaps")
        )
        self._front_end = FrontEnd(request.impairments, request.sample_rate)
        self._bank = (
            split_phase_bank(self.mode, request.sample_rate)
            if self.mode.split_phase
            else pulse_bank(self.mode.rolloff)
        )
        self._noise_key = noise_key(seed_of(request.seed, "noise"))
        fading = request.impairments.fading
        self._fading = FadingPath(fading, seed_of(request.seed, "fading")) if fading else None
        seeds = seed_of(request.seed, "interferer").spawn(len(request.impairments.interferers))
        self._interferers = [
            InterferingSignal(interferer, self.level.strongest, request.sample_rate, seed)
            for interferer, seed in zip(request.impairments.interferers, seeds, strict=True)
            if request.in_band(interferer.offset_hz)
        ]

    def blocks(self, block_samples: int = BLOCK_SAMPLES) -> Iterator[SignalBlock]:
        """All samples in blocks of a multiple of 256; gaps cut them. Can be run through once."""
        if block_samples <= 0 or block_samples % KNOT_SAMPLES:
            raise ValueError(f"blocks of {block_samples} samples; a multiple of {KNOT_SAMPLES} is needed")
        total, before = self.request.sample_count, 0
        for first in range(0, total, block_samples):
            samples = self._converted(first, min(block_samples, total - first))
            for block, lost_after in _cut(first, samples, self.lost):
                if block.samples.size:
                    yield SignalBlock(block.first, block.samples, before)
                    before = 0
                before += lost_after
        if before:
            yield SignalBlock(total, np.zeros(0, np.complex64), before)

    def arrival(self, place: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sample numbers (not rounded) and receive times at which places of the stream arrive."""
        time = np.interp(place, self._places, self.path.time)
        return self.timeline.sample_at(time), time

    def file_index(self, sample: int) -> int:
        """Number in the file of a sample as the converter numbers it."""
        gaps = self.request.impairments.gaps
        if gaps is None or gaps.marked:
            return sample
        return sample - sum(min(max(sample - gap.first, 0), gap.count) for gap in self.lost)

    def _converted(self, first: int, count: int) -> NDArray[np.complex64]:
        samples = self._modulated(first, count)
        for interferer in self._interferers:
            samples += interferer.samples(first, count)
        add_noise(samples, self._noise_key, first, self.level.noise)
        return self._front_end.process(samples, first)

    def _modulated(self, first: int, count: int) -> NDArray[np.complex64]:
        knots = first + KNOT_SAMPLES * np.arange(-(-count // KNOT_SAMPLES) + 1, dtype=np.float64)
        time, place = self.timeline.true_time(knots), self.timeline.place(knots)
        gain = self.level.amplitude(time).astype(np.complex128)
        if not self.request.in_band(self.request.frequency_hz - self.request.center_frequency_hz):
            gain[:] = 0
        if self._fading:
            gain *= self._fading.gain(time)
        if self.request.impairments.outages:
            gain *= signal_there(self.request.impairments.outages, time)
        low, high = math.floor(place[0]) - MARGIN_SYMBOLS, math.ceil(place[-1]) + MARGIN_SYMBOLS
        rail_pair = self._stream.rails(low, high)
        curves = Knots(place - low, self.timeline.cycles(knots), gain)
        return modulate(count, rail_pair, self._bank, curves, self.mode.lag)


def _path(request: PassSimulation, start: float, end: float) -> Path:
    if request.elements is None or request.site is None:
        time = np.linspace(start, end, 4 * math.ceil(end - start) + 1)
        turns = request.carrier_phase_deg / 360 + request.doppler_hz * time
        turns += request.doppler_rate_hz_s * time**2 / 2
        return Path.overhead(time, -turns / request.frequency_hz)
    epoch = request.start.timestamp()
    times = np.linspace(start, end, math.ceil(end - start) + 1)  # steps of at most a second
    return Path.from_track(track_at(request.elements, request.site, epoch + times), epoch)


def _cut(
    first: int, samples: NDArray[np.complex64], lost: tuple[LostStretch, ...]
) -> Iterator[tuple[SignalBlock, int]]:
    """Pieces between the gaps, each with the number of samples lost behind it."""
    end, at = first + samples.size, first
    for gap in lost:
        begin, behind = max(gap.first, at), min(gap.first + gap.count, end)
        if begin >= behind:
            continue
        yield SignalBlock(at, samples[at - first : begin - first]), behind - begin
        at = behind
    if at < end:
        yield SignalBlock(at, samples[at - first :]), 0
