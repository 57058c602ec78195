"""What may go wrong between antenna and file; every effect is off by default and has a seed of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.errors import SimulationError

# Places in the seed's tree: an effect that is switched on or off leaves the others as they were.
SEED_PLACES = {"stream": 0, "noise": 1, "fading": 2, "interferer": 3, "gaps": 4, "source": 5}


def seed_of(seed: int, effect: str) -> np.random.SeedSequence:
    """The seed of one effect."""
    return np.random.SeedSequence(seed, spawn_key=(SEED_PLACES[effect],))


@dataclass(frozen=True)
class Crystal:
    """The receiver's one crystal: it makes the local oscillator and the sample clock.

    Attributes:
        offset_ppm: how much too fast it runs at the start.
        drift_ppm_per_minute: how that grows.
    """

    offset_ppm: float = 0.0
    drift_ppm_per_minute: float = 0.0


@dataclass(frozen=True)
class Fading:
    """Slow Rician fading, the same for the whole band (reflections arrive within a fraction of a symbol).

    Attributes:
        k_factor_db: steady over scattered power.
        spread_hz: fastest beat of the scattered part.
    """

    k_factor_db: float = 10.0
    spread_hz: float = 0.5


@dataclass(frozen=True)
class Interferer:
    """Another transmitter.

    Attributes:
        kind: "cw", or "fm" (a tone of 1 kHz).
        offset_hz: from the tuned frequency; beyond half the sample rate it is not heard.
        level_dbc: against our signal at its strongest.
        deviation_hz: of "fm".
    """

    offset_hz: float
    level_dbc: float
    kind: str = "cw"
    deviation_hz: float = 3000.0

    def __post_init__(self) -> None:
        if self.kind not in ("cw", "fm"):
            raise SimulationError(f"unknown interferer {self.kind!r}; known are cw, fm")


@dataclass(frozen=True)
class Gaps:
    """Lost samples.

    Attributes:
        per_minute: mean number, at random times.
        mean_s: mean length of a random one (exponential).
        at: (start, length) in seconds, besides the random ones.
        marked: the recording says where they are (zeros stand there); else the samples are simply missing.
    """

    per_minute: float = 0.0
    mean_s: float = 0.05
    at: tuple[tuple[float, float], ...] = ()
    marked: bool = True


@dataclass(frozen=True)
class Outages:
    """The signal is away, the noise stays: a wall, a switched transmitter.

    Attributes:
        period_s: from one outage to the next; 0: none but those of `at`.
        length_s: of each; it ends the period, so that the signal is there first.
        at: (start, length) in seconds, besides.
    """

    period_s: float = 0.0
    length_s: float = 0.0
    at: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.length_s > self.period_s:
            raise SimulationError(f"outages of {self.length_s} s every {self.period_s} s; they are shorter")


@dataclass(frozen=True)
class Delivery:
    """How a device that is served live hands over its samples. The samples themselves stay as they are.

    Attributes:
        stalls: (start, length) in seconds of the pass: nothing comes, then all of it at once.
        cuts: (start, length) in seconds: the device is away, connections are cut, and nobody is let in.
        jitter_s: every piece comes later by up to so much.
        piece_bytes: no more is sent at a time; an odd number cuts samples in two. 0: as it comes.
        rate_factor: of the rate that is asked for: what the device really takes without saying so.
        queue_s: what waits longer for a client that does not read is thrown away.
    """

    stalls: tuple[tuple[float, float], ...] = ()
    cuts: tuple[tuple[float, float], ...] = ()
    jitter_s: float = 0.0
    piece_bytes: int = 0
    rate_factor: float = 1.0
    queue_s: float = 4.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.rate_factor <= 2:
            raise SimulationError(f"a rate_factor of {self.rate_factor}; it lies from 0.5 to 2")
        if self.piece_bytes < 0:
            raise SimulationError(f"piece_bytes of {self.piece_bytes}; it is 0 or more")
        if not self.queue_s > 0:
            raise SimulationError(f"a queue_s of {self.queue_s}; it is above 0")


@dataclass(frozen=True)
class Impairments:
    """Everything that is not noise.

    Attributes:
        crystal: None: exact.
        fading: None: steady.
        interferers: none.
        dc_offset: spike at the tuned frequency, of full scale.
        iq_gain_db: how much stronger Q is than I.
        iq_phase_deg: by how much Q is not square to I.
        adc_bits: steps of the converter before the file's own format.
        gain_db: receiver gain above the one that keeps the strongest signal clear of full scale.
        gain_steps: (second, dB) from which on the receiver's gain is higher by so much, as dongles do it.
        swapped: I and Q are exchanged.
        mirrored: Q is inverted, so that the spectrum is mirrored.
        gaps: none.
        outages: none. The log calls a frame complete although its signal was away.
        delivery: prompt and whole; of a pass that is served live only.
    """

    crystal: Crystal = Crystal()
    fading: Fading | None = None
    interferers: tuple[Interferer, ...] = ()
    dc_offset: complex = 0j
    iq_gain_db: float = 0.0
    iq_phase_deg: float = 0.0
    adc_bits: int | None = None
    gain_db: float = 0.0
    gain_steps: tuple[tuple[float, float], ...] = ()
    swapped: bool = False
    mirrored: bool = False
    gaps: Gaps | None = None
    outages: Outages | None = None
    delivery: Delivery | None = None

    def __post_init__(self) -> None:
        if self.adc_bits is not None and not 1 <= self.adc_bits <= 16:
            raise SimulationError(f"an ADC of {self.adc_bits} bits; allowed are 1 to 16")
