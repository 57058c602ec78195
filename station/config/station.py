"""The whole of `station.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from products.instrument import msu_mr
from scheduler.errors import SatelliteError, SchedulerError
from scheduler.passes import HorizonMask, Site
from scheduler.satellites import satellite
from station.config.antennas import AntennaSection, RotatorSection, assumed_antenna
from station.config.geostationary import GeostationarySection
from station.config.planning import (
    AreasSection,
    BudgetSection,
    ElementsSection,
    MaintenanceSection,
    SatelliteSection,
    ScheduleSection,
    WeightsSection,
)
from station.config.receivers import ReceiverSection
from station.config.recordings import RecordingsSection
from station.config.safety import SafetySection
from station.config.self_test import SelfTestSection
from station.config.strict import Strict, repeated, within

Language = Literal["en", "vi"]


class StationSection(Strict):
    """Where the station stands and where it keeps its data."""

    name: str = Field(min_length=1, max_length=80)
    latitude_deg: float = Field(ge=-90, le=90)
    longitude_deg: float = Field(ge=-180, le=180)
    altitude_m: float = Field(default=0.0, ge=-500, le=9000)
    data_dir: Path = Path("data")
    language: Language = "en"
    horizon_mask: tuple[tuple[float, float], ...] = ()

    @property
    def site(self) -> Site:
        """The place as the scheduler wants it."""
        return Site(self.name, self.latitude_deg, self.longitude_deg, self.altitude_m)

    @property
    def mask(self) -> HorizonMask | None:
        """The horizon, None where the sky is free."""
        if not self.horizon_mask:
            return None
        azimuth, elevation = zip(*self.horizon_mask, strict=True)
        return HorizonMask(azimuth, elevation)

    @model_validator(mode="after")
    def _horizon_is_possible(self) -> StationSection:
        try:
            _ = self.mask
        except SchedulerError as error:
            raise ValueError(f"horizon_mask: {error}") from error
        return self


class ProductsSection(Strict):
    """What is made of the decoded data."""

    areas: tuple[str, ...] | None = None
    recipes: tuple[str, ...] | None = None
    boundaries: Path | None = None
    language: Language | None = None
    attitude: str | None = None

    @model_validator(mode="after")
    def _attitude_is_known(self) -> ProductsSection:
        known = sorted(msu_mr().attitudes)
        if self.attitude is not None and self.attitude not in known:
            raise ValueError(f"attitude {self.attitude!r} is not known; there are {', '.join(known)}")
        return self


class PublishSection(Strict):
    """A folder that other programs read, such as a network share."""

    folder: Path | None = None


class WebSection(Strict):
    """The page."""

    host: str = "127.0.0.1"
    port: int = Field(default=8137, gt=0, lt=65536)


def _as_list(given: object) -> object:
    """`[receiver]` is a list of one."""
    return [given] if isinstance(given, dict) else given


class StationConfig(Strict):
    """The whole file. `rotator` is the one of the only antenna, in files that describe none."""

    model_config = ConfigDict(populate_by_name=True)

    station: StationSection
    receivers: Annotated[tuple[ReceiverSection, ...], BeforeValidator(_as_list)] = Field(
        alias="receiver", min_length=1
    )
    antennas: tuple[AntennaSection, ...] = Field(default=(), alias="antenna")
    rotator: RotatorSection | None = None
    elements: ElementsSection
    satellite: tuple[SatelliteSection, ...] = Field(min_length=1)
    schedule: ScheduleSection = ScheduleSection()
    areas: AreasSection = AreasSection()
    weights: WeightsSection = WeightsSection()
    maintenance: tuple[MaintenanceSection, ...] = ()
    budget: BudgetSection = BudgetSection()
    safety: SafetySection = SafetySection()
    self_test: SelfTestSection = SelfTestSection()
    recordings: RecordingsSection = RecordingsSection()
    geostationary: GeostationarySection = GeostationarySection()
    products: ProductsSection = ProductsSection()
    publish: PublishSection = PublishSection()
    web: WebSection = WebSection()

    @model_validator(mode="before")
    @classmethod
    def _one_place_for_the_rotator(cls, table: Any) -> Any:
        if isinstance(table, dict) and table.get("antenna") and table.get("rotator") is not None:
            raise ValueError(
                "rotator: it belongs to an antenna: move it below its [[antenna]] as [antenna.rotator]"
            )
        return table

    @model_validator(mode="after")
    def _names_exist(self) -> StationConfig:
        for kind, named in (("receiver", self.receivers), ("antenna", self.antennas)):
            for name in repeated([section.name for section in named]):
                raise ValueError(f"{kind}: two are called {name!r}; give each its own name")
        have = [antenna.name for antenna in self.all_antennas]
        for receiver in self.receivers:
            for name in receiver.antennas or ():
                if name not in have:
                    raise ValueError(f"receiver {receiver.name!r}: no antenna {name!r}; {_there(have)}")
        resources = [*have, *(receiver.name for receiver in self.receivers)]
        names = [receiver.name for receiver in self.receivers]
        for carrier in self.self_test.carrier:
            if carrier.receiver not in (None, *names):
                raise ValueError(f"self_test: no receiver {carrier.receiver!r}; {_there(names)}")
        for window in self.maintenance:
            if window.resource is not None and window.resource not in resources:
                raise ValueError(f"maintenance: no {window.resource!r}; {_there(resources)}")
        return self

    @model_validator(mode="after")
    def _every_downlink_can_be_received(self) -> StationConfig:
        """A satellite that nothing here can hear would be planned for ever and never received."""
        for wanted in self.satellite:
            try:
                use = satellite(wanted.name).downlink(wanted.downlink)
            except SatelliteError as error:
                raise ValueError(str(error)) from error
            frequency_hz = wanted.frequency_hz or use.frequency_hz
            if not self.hearing(frequency_hz, use.bandwidth_hz or 0.0):
                wide = f" ({use.bandwidth_hz / 1e3:g} kHz wide)" if use.bandwidth_hz else ""
                raise ValueError(
                    f"satellite {wanted.name}: no receiver with an antenna takes {use.name} at "
                    f"{frequency_hz / 1e6:g} MHz{wide}; look at frequency_ranges_hz, sample_rate and antennas"
                )
        return self

    @property
    def all_antennas(self) -> tuple[AntennaSection, ...]:
        """As given, or the one that a file without antennas means."""
        return self.antennas or (assumed_antenna(self.rotator),)

    def antenna(self, name: str) -> AntennaSection:
        """One of them by its name."""
        return next(antenna for antenna in self.all_antennas if antenna.name == name)

    def receiver(self, name: str) -> ReceiverSection:
        """One of them by its name."""
        return next(receiver for receiver in self.receivers if receiver.name == name)

    def hearing(self, frequency_hz: float, bandwidth_hz: float) -> tuple[tuple[str, str], ...]:
        """Receivers and antennas by name that take a downlink there."""
        return tuple(
            (receiver.name, antenna.name)
            for receiver in self.receivers
            for antenna in self.all_antennas
            if (receiver.antennas is None or antenna.name in receiver.antennas)
            and within(frequency_hz, bandwidth_hz, receiver.frequency_ranges_hz)
            and within(frequency_hz, bandwidth_hz, antenna.frequency_ranges_hz)
            and bandwidth_hz <= receiver.usable_hz
        )


def _there(names: list[str]) -> str:
    return f"there are: {', '.join(names)}"
