"""`[[antenna]]` and the rotator that carries it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from hardware.errors import HardwareError
from hardware.limits import Limits
from hardware.motion import Axis
from hardware.rotator_model import RotatorModel
from scheduler.errors import SchedulerError
from scheduler.link_budget import Antenna
from station.config.strict import ANY_FREQUENCY, Name, NotNegative, Positive, Ranges, Strict

_DISH_K = 150.0  # with a good amplifier at the feed, 1.7 GHz and above
_OMNI_K = 2000.0  # 137 MHz in the countryside: galaxy and man-made noise, ITU-R P.372
_ASSUMED_DISH_M = 1.2


def _both_axes(given: object) -> object:
    """One number stands for azimuth and elevation."""
    return (given, given) if isinstance(given, int | float) and not isinstance(given, bool) else given


BothAxes = Annotated[tuple[Positive, Positive], BeforeValidator(_both_axes)]


class RotatorSection(Strict):
    """Hamlib's `rotctld`; leave it out for a fixed antenna. Pairs are [azimuth, elevation]."""

    host: str = "127.0.0.1"
    port: int = Field(default=4533, gt=0, lt=65536)
    model: str | None = Field(default=None, min_length=1)
    azimuth_min_deg: float = Field(default=0.0, ge=-360, le=360)
    azimuth_max_deg: float = Field(default=360.0, ge=0, le=720)
    elevation_min_deg: float = Field(default=0.0, ge=-10, le=90)
    elevation_max_deg: float = Field(default=90.0, ge=0, le=190)
    rate_deg_s: BothAxes = (6.0, 6.0)
    acceleration_deg_s2: BothAxes = (6.0, 6.0)
    dead_band_deg: NotNegative = 0.0
    resolution_deg: Positive = 1.0
    command_interval_s: Positive = 0.5
    latency_s: NotNegative = 0.0
    shows_turns: bool | None = None
    flip: bool = False
    park_deg: tuple[float, float] | None = None
    power_w: NotNegative = 0.0

    @property
    def limits(self) -> Limits:
        """The end stops."""
        return Limits(
            self.azimuth_min_deg, self.azimuth_max_deg, self.elevation_min_deg, self.elevation_max_deg
        )

    def tells_turns(self, driver_does: bool) -> bool:
        """Whether its read-back tells 10 from 370: as is written here, else as its driver usually does."""
        return driver_does if self.shows_turns is None else self.shows_turns

    @property
    def capabilities(self) -> RotatorModel:
        """What it can do, as the planning of tracks wants it; `HardwareError` where that cannot be."""
        azimuth, elevation = (
            Axis(rate, acceleration, self.resolution_deg, self.dead_band_deg)
            for rate, acceleration in zip(self.rate_deg_s, self.acceleration_deg_s2, strict=True)
        )
        return RotatorModel(
            self.limits,
            azimuth,
            elevation,
            flip=self.flip,
            command_interval_s=self.command_interval_s,
            latency_s=self.latency_s,
            park=self._park(),
        )

    def _park(self) -> tuple[float, float]:
        """Where it rests: as given, else straight up, or as near to it as the limits let it."""
        if self.park_deg is not None:
            return self.park_deg
        return max(0.0, self.azimuth_min_deg), min(90.0, self.elevation_max_deg)

    @model_validator(mode="after")
    def _possible(self) -> RotatorSection:
        try:
            _ = self.capabilities
        except HardwareError as error:
            raise ValueError(str(error)) from error
        if self.flip and self.elevation_max_deg < 180:
            most = f"elevation_max_deg is {self.elevation_max_deg:g}"
            raise ValueError(f"flip needs an elevation axis that goes to 180; {most}")
        return self


class AntennaSection(Strict):
    """One antenna: a dish (`diameter_m`), one of a known `kind`, or its gain over elevation (`gain_dbi`)."""

    name: Name
    kind: str | None = None
    diameter_m: float | None = None
    efficiency: float = 0.55
    gain_dbi: tuple[tuple[float, float], ...] = ()
    frequency_ranges_hz: Ranges = Field(min_length=1)
    polarisation: str = "rhcp"
    noise_temperature_k: float | None = None
    losses_db: float = 0.5
    azimuth_deg: float | None = Field(default=None, ge=0, lt=360)
    elevation_deg: float | None = Field(default=None, ge=0, le=90)
    rotator: RotatorSection | None = None

    @property
    def model(self) -> Antenna:
        """The antenna as the link budget wants it; `ValueModelError` where it cannot be."""
        usual_k = _DISH_K if self.diameter_m is not None else _OMNI_K
        return Antenna(
            self.name,
            self.frequency_ranges_hz,
            diameter_m=self.diameter_m,
            efficiency=self.efficiency,
            kind=self.kind,
            gain_dbi=self.gain_dbi,
            polarisation=self.polarisation,
            noise_temperature_k=usual_k if self.noise_temperature_k is None else self.noise_temperature_k,
            losses_db=self.losses_db,
        )

    @property
    def direction(self) -> tuple[float, float] | None:
        """Where a fixed dish looks, azimuth and elevation in degrees."""
        if self.azimuth_deg is None or self.elevation_deg is None:
            return None
        return self.azimuth_deg, self.elevation_deg

    @model_validator(mode="after")
    def _possible(self) -> AntennaSection:
        try:
            _ = self.model
        except SchedulerError as error:
            raise ValueError(str(error)) from error
        if (self.azimuth_deg is None) != (self.elevation_deg is None):
            raise ValueError("a fixed dish needs both azimuth_deg and elevation_deg")
        if self.direction is not None and self.rotator is not None:
            raise ValueError("azimuth_deg and elevation_deg are of a fixed dish; this one has a rotator")
        if self.diameter_m is not None and self.direction is None and self.rotator is None:
            raise ValueError(
                "a dish needs an [antenna.rotator], or azimuth_deg and elevation_deg when it is fixed"
            )
        return self


def assumed_antenna(rotator: RotatorSection | None) -> AntennaSection:
    """The antenna of a file that describes none: an omnidirectional one, or a dish on the one rotator."""
    if rotator is None:
        return AntennaSection(name="antenna", frequency_ranges_hz=ANY_FREQUENCY, kind="qfh")
    return AntennaSection(
        name="antenna", frequency_ranges_hz=ANY_FREQUENCY, diameter_m=_ASSUMED_DISH_M, rotator=rotator
    )
