"""One pass as the receiver's converter gives it: request in, blocks of samples out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.elements import Elements
from scheduler.passes import Site
from scheduler.track import track_at
from sdr.formats import FORMATS
from sim.channel import FadingPath, InterferingSignal, Path, Timeline
from sim.downlink import FRAME_PERIOD_S, Mode, SentSlot, SymbolStream, mode_named
from sim.errors import SimulationError
from sim.front_end import FrontEnd, LostStretch, lost_stretches
from sim.impairments import Impairments, seed_of
from sim.link import LinkBudget
from sim.modulator import KNOT_SAMPLES, MARGIN_SYMBOLS, ROLLOFF, Knots, modulate, pulse_bank
from sim.noise import add_noise, noise_key
from sim.packet_source import STRIP_PERIOD_S, PacketSource

BLOCK_SAMPLES = 1 << 16
# Level at the converter: noise some 20 dB above the rounding of 8 bits, the strongest signal clear of full
# scale.
NOISE_DBFS = -26.0
STRONGEST_DBFS = -12.0
MARGIN_S = 3.0


@dataclass(frozen=True)
class PassSimulation:
    """What is to be simulated.

    Attributes:
        elements: of the satellite; None lets a transmitter stand still overhead (tests of the link).
        site: the station; None likewise.
        start: time of the first sample, aware.
        end: when the last has been taken, aware.
        mode: one of `sim.downlink.MODES`.
        frequency_hz: carrier as sent.
        sample_rate: nominal, Hz.
        format: one of `sdr.formats.FORMATS`.
        ebn0_db: fixed Eb/N0 per information bit out of the inner decoder (equal to Es/N0 of a symbol at rate
        1/2;
            in 80k the sync words' symbols count as any other); inf for no noise; None for the link budget.
        link: used when `ebn0_db` is None.
        impairments: everything that is not noise.
        tuned_hz: the receiver's centre frequency, None for the carrier's.
        rolloff: of the root-raised-cosine pulse.
        seed: of everything random; every effect has its own branch of it.
        channels: of the camera, when the source is one.
    """

    elements: Elements | None
    site: Site | None
    start: datetime
    end: datetime
    mode: str = "72k"
    frequency_hz: float = 137.9e6
    sample_rate: float = 250_000.0
    format: str = "cu8"
    ebn0_db: float | None = None
    link: LinkBudget = field(default_factory=LinkBudget)
    impairments: Impairments = field(default_factory=Impairments)
    tuned_hz: float | None = None
    rolloff: float = ROLLOFF
    seed: int = 1
    channels: tuple[int, ...] = (1, 2, 5)

    def __post_init__(self) -> None:
        mode = mode_named(self.mode)
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise SimulationError("start and end are aware times; add a time zone, such as +00:00")
        if not self.end > self.start:
            raise SimulationError(f"the end {self.end} does not lie after the start {self.start}")
        if self.format not in FORMATS:
            raise SimulationError(f"unknown format {self.format!r}; known are {', '.join(FORMATS)}")
        least = mode.symbol_rate * (1 + self.rolloff)
        if not (math.isfinite(self.sample_rate) and self.sample_rate >= least):
            raise SimulationError(
                f"{self.sample_rate} samples/s are too few for mode {self.mode}; give {least:g} or more"
            )
        if not 0 < self.rolloff <= 1:
            raise SimulationError(f"a roll-off of {self.rolloff}; it lies above 0 and up to 1")
        if (self.elements is None) != (self.site is None):
            raise SimulationError("give both elements and site, or neither")
        if self.elements is None and self.ebn0_db is None:
            raise SimulationError("without an orbit there is no link budget; give ebn0_db")

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return (self.end - self.start).total_seconds()

    @property
    def center_frequency_hz(self) -> float:
        """What the receiver is tuned to."""
        return self.frequency_hz if self.tuned_hz is None else self.tuned_hz

    @property
    def sample_count(self) -> int:
        """Samples that the converter takes, lost ones included."""
        return int(self.duration_s * self.sample_rate)


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
        source: of the packets.
        sent: is told of every frame that enters the stream.
    """

    def __init__(
        self,
        request: PassSimulation,
        source: PacketSource,
        sent: Callable[[SentSlot], None] = lambda slot: None,  # noqa: ARG005 nobody listens
    ) -> None:
        self.request, self.mode = request, mode_named(request.mode)
        stream_seed = seed_of(request.seed, "stream")
        early = np.random.default_rng(stream_seed).uniform(4, 5) * FRAME_PERIOD_S
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
            self.mode.symbol_rate,
            stream_start,
        )
        # Straight between the path's seconds: 2e-3 of a symbol at most, by the bend of the Doppler curve.
        self._places = self.timeline.place(self.timeline.sample_at(self.path.time))
        packets = source.packets(stream_start - STRIP_PERIOD_S, request.duration_s + MARGIN_S)
        self._stream = SymbolStream(self.mode, packets, stream_start, stream_seed, sent)
        self.level = Level.of(request, self.path, self.mode)
        self.lost = lost_stretches(
            request.impairments.gaps, request.sample_rate, request.sample_count, seed_of(request.seed, "gaps")
        )
        self._front_end = FrontEnd(request.impairments)
        self._bank = pulse_bank(request.rolloff)
        self._noise_key = noise_key(seed_of(request.seed, "noise"))
        fading = request.impairments.fading
        self._fading = FadingPath(fading, seed_of(request.seed, "fading")) if fading else None
        seeds = seed_of(request.seed, "interferer").spawn(len(request.impairments.interferers))
        self._interferers = [
            InterferingSignal(interferer, self.level.strongest, request.sample_rate, seed)
            for interferer, seed in zip(request.impairments.interferers, seeds, strict=True)
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
        return self._front_end.process(samples)

    def _modulated(self, first: int, count: int) -> NDArray[np.complex64]:
        knots = first + KNOT_SAMPLES * np.arange(-(-count // KNOT_SAMPLES) + 1, dtype=np.float64)
        time, place = self.timeline.true_time(knots), self.timeline.place(knots)
        gain = self.level.amplitude(time).astype(np.complex128)
        if self._fading:
            gain *= self._fading.gain(time)
        low, high = math.floor(place[0]) - MARGIN_SYMBOLS, math.ceil(place[-1]) + MARGIN_SYMBOLS
        rail_pair = self._stream.rails(low, high)
        curves = Knots(place - low, self.timeline.cycles(knots), gain)
        return modulate(count, rail_pair, self._bank, curves, self.mode.lag)


def _path(request: PassSimulation, start: float, end: float) -> Path:
    if request.elements is None or request.site is None:
        return Path.standing(start, end)
    epoch = request.start.timestamp()
    times = np.linspace(start, end, math.ceil(end - start) + 1)  # steps of at most a second
    return Path.from_track(track_at(request.elements, request.site, epoch + times), epoch)


@dataclass(frozen=True)
class Level:
    """Amplitude of the signal over time and of the noise, as parts of full scale.

    Attributes:
        path: for the time when the satellite is up.
        cn0_dbhz: C/N0 at the path's times; what lies below the horizon counts for nothing.
        noise: root of the noise power in the sampled band.
        strongest: largest amplitude of the signal.
        per_root_density: amplitude of a signal of 0 dB-Hz.
    """

    path: Path
    cn0_dbhz: NDArray[np.float64]
    noise: float
    strongest: float
    per_root_density: float

    @classmethod
    def of(cls, request: PassSimulation, path: Path, mode: Mode) -> Level:
        """Levels of a request: noise at `NOISE_DBFS`, lower where the strongest signal would clip."""
        up = path.elevation_deg > 0
        if request.ebn0_db is None:
            cn0 = request.link.cn0_dbhz(
                path.range_km, path.elevation_deg, path.azimuth_deg, request.frequency_hz
            )
        else:
            symbols_db = 10 * np.log10(mode.symbol_rate)
            cn0 = np.full(path.time.size, symbols_db + min(request.ebn0_db, 200.0))
        best_cn0 = float(cn0[up].max()) if up.any() else 0.0
        cn_db = best_cn0 - 10 * math.log10(request.sample_rate)
        noise_db = min(NOISE_DBFS, STRONGEST_DBFS - 10 * math.log10(1 + 10 ** (cn_db / 10)))
        noise = 10 ** (noise_db / 20)
        unit = noise / math.sqrt(request.sample_rate)
        strongest = unit * 10 ** (best_cn0 / 20)
        silent = request.ebn0_db is not None and math.isinf(request.ebn0_db)
        return cls(path, cn0, 0.0 if silent else noise, strongest, unit)

    def cn0_at(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """C/N0 in dB-Hz at times, NaN while the satellite is down."""
        cn0 = np.interp(time, self.path.time, self.cn0_dbhz)
        return np.where(self.path.elevation(time) > 0, cn0, np.nan)

    def amplitude(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitude of the signal at times, 0 while the satellite is down."""
        cn0 = np.interp(time, self.path.time, self.cn0_dbhz)
        up = self.path.elevation(time) > 0
        return np.asarray(np.where(up, self.per_root_density * 10 ** (cn0 / 20), 0.0))


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


def time_of(request: PassSimulation, seconds: float) -> datetime:
    """UTC at seconds from the start of the recording."""
    return request.start + timedelta(seconds=seconds)
