"""What is to be simulated, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scheduler.elements import Elements
from scheduler.passes import Site
from sdr.formats import FORMATS
from sim.errors import SimulationError
from sim.impairments import Impairments
from sim.link import LinkBudget
from sim.mode import Mode
from sim.modes import mode_named

OF_MODE = 0.0


@dataclass(frozen=True)
class PassSimulation:
    """What is to be simulated.

    `PassSimulation(None, None, start, end, mode="metop_ahrpt", ebn0_db=4.0)` is a transmitter that stands
    still; with `doppler_hz` and `doppler_rate_hz_s` it moves, which shifts carrier and symbol clock alike.

    Attributes:
        elements: of the satellite; None for tests of the link without an orbit.
        site: the station; None likewise.
        start: time of the first sample, aware.
        end: when the last has been taken, aware.
        mode: one of `sim.modes.MODES`.
        frequency_hz: carrier as sent; 0 takes the mode's.
        sample_rate: nominal, Hz; 0 takes the mode's.
        format: one of `sdr.formats.FORMATS`.
        ebn0_db: fixed Eb/N0 per information bit out of the inner decoder (equal to Es/N0 of a QPSK symbol at
            rate 1/2; in 80k the sync words' symbols count as any other; of split phase the whole power behind
            the transmitter's filter, carrier included, shares in a bit); inf for no noise; None for the link
            budget.
        link: used when `ebn0_db` is None.
        impairments: everything that is not noise.
        doppler_hz: of the carrier as received at the first sample, without an orbit only.
        doppler_rate_hz_s: how that grows.
        carrier_phase_deg: of the carrier at the first sample, without an orbit only.
        tuned_hz: the receiver's centre frequency, None for the carrier's.
        rolloff: of the root-raised-cosine pulse; 0 takes the mode's.
        deviation_deg: of split phase; 0 takes the mode's.
        seed: of everything random; every effect has its own branch of it.
        channels: of the camera, when the source is one.
    """

    elements: Elements | None
    site: Site | None
    start: datetime
    end: datetime
    mode: str = "72k"
    frequency_hz: float = OF_MODE
    sample_rate: float = OF_MODE
    format: str = "cu8"
    ebn0_db: float | None = None
    link: LinkBudget = field(default_factory=LinkBudget)
    impairments: Impairments = field(default_factory=Impairments)
    doppler_hz: float = 0.0
    doppler_rate_hz_s: float = 0.0
    carrier_phase_deg: float = 0.0
    tuned_hz: float | None = None
    rolloff: float = OF_MODE
    deviation_deg: float = OF_MODE
    seed: int = 1
    channels: tuple[int, ...] = (1, 2, 5)

    def __post_init__(self) -> None:
        mode = mode_named(self.mode)
        for name in ("frequency_hz", "sample_rate", "rolloff", "deviation_deg"):
            if getattr(self, name) == OF_MODE:
                object.__setattr__(self, name, getattr(mode, name))
        self._check_times()
        self._check_signal()
        self._check_transmitter()

    def _check_times(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise SimulationError("start and end are aware times; add a time zone, such as +00:00")
        if not self.end > self.start:
            raise SimulationError(f"the end {self.end} does not lie after the start {self.start}")

    def _check_signal(self) -> None:
        for name in ("ebn0_db", "frequency_hz", "doppler_hz", "doppler_rate_hz_s", "carrier_phase_deg"):
            value = getattr(self, name)
            if value is not None and math.isnan(value):
                raise SimulationError(f"{name} is not a number")
        if not 0 < self.frequency_hz < 1e12:
            raise SimulationError(f"a carrier at {self.frequency_hz} Hz; give the frequency in Hz")
        if self.format not in FORMATS:
            raise SimulationError(f"unknown format {self.format!r}; known are {', '.join(FORMATS)}")
        if not 0 <= self.rolloff <= 1:
            raise SimulationError(f"a roll-off of {self.rolloff}; it lies above 0 and up to 1")
        if not 0 <= self.deviation_deg <= 90:
            raise SimulationError(
                f"a deviation of {self.deviation_deg} degrees; it lies above 0 and up to 90"
            )
        least = self.downlink.least_sample_rate
        if not (math.isfinite(self.sample_rate) and self.sample_rate >= least):
            raise SimulationError(
                f"{self.sample_rate} samples/s are too few for mode {self.mode}; give {least:g} or more"
            )
        if self.sample_count < 1:
            raise SimulationError(f"{self.duration_s} s hold no sample; give a later end")

    def _check_transmitter(self) -> None:
        if (self.elements is None) != (self.site is None):
            raise SimulationError("give both elements and site, or neither")
        if self.elements is None and self.ebn0_db is None:
            raise SimulationError("without an orbit there is no link budget; give ebn0_db")
        if self.elements is not None and (
            self.doppler_hz or self.doppler_rate_hz_s or self.carrier_phase_deg
        ):
            raise SimulationError(
                "the orbit makes its own Doppler; leave doppler_hz and doppler_rate_hz_s out"
            )

    @property
    def downlink(self) -> Mode:
        """The mode with the request's own pulse."""
        return replace(mode_named(self.mode), rolloff=self.rolloff, deviation_deg=self.deviation_deg)

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return (self.end - self.start).total_seconds()

    @property
    def center_frequency_hz(self) -> float:
        """What the receiver is tuned to."""
        return self.frequency_hz if self.tuned_hz is None else self.tuned_hz

    def in_band(self, offset_hz: float) -> bool:
        """Whether a receiver's filter lets through what lies this far from the tuned frequency."""
        return abs(offset_hz) < self.sample_rate / 2

    @property
    def sample_count(self) -> int:
        """Samples that the converter takes, lost ones included."""
        return int(self.duration_s * self.sample_rate)


def time_of(request: PassSimulation, seconds: float) -> datetime:
    """UTC at seconds from the start of the recording."""
    return request.start + timedelta(seconds=seconds)
