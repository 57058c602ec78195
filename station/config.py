"""`station.toml`: one file describes a station; every key is checked, an unknown one names the nearest.

`station.example.toml` at the root of the repository explains each key.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from products.instrument import msu_mr
from scheduler.errors import SatelliteError, SchedulerError
from scheduler.passes import HorizonMask, Site
from scheduler.satellites import satellite
from station.errors import ConfigError

SampleFormat = Literal["cf32", "cs16", "cu8", "cs8"]
Language = Literal["en", "vi"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StationSection(_Strict):
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


class SimulatorReceiver(_Strict):
    """The sky on a desk."""

    type: Literal["simulator"]
    sample_rate: Positive = 250e3
    format: SampleFormat = "cu8"
    mode: Literal["m2_72k", "72k", "80k"] = "72k"
    channels: tuple[int, ...] = (1, 2, 5)
    noise: Literal["quiet", "rural", "suburban"] = "rural"
    antenna: Literal["qfh", "v-dipole", "isotropic"] = "qfh"
    ebn0_db: float | None = None
    seed: int = Field(default=1, ge=0)


class PlaybackReceiver(_Strict):
    """A recording played as if it came from the antenna."""

    type: Literal["playback"]
    file: Path
    format: str | None = None
    sample_rate: Positive | None = None
    realtime: bool = False


class RtlTcpReceiver(_Strict):
    """An RTL-SDR behind `rtl_tcp`."""

    type: Literal["rtl_tcp"]
    host: str = "127.0.0.1"
    port: int = Field(default=1234, gt=0, lt=65536)
    sample_rate: Positive = 1.024e6
    gain_db: float | None = 32.8
    ppm: float = Field(default=0.0, ge=-200, le=200)
    bias_tee: bool = False


class SoapyReceiver(_Strict):
    """Any radio with a SoapySDR driver."""

    type: Literal["soapy"]
    driver: str = "rtlsdr"
    serial: str | None = None
    args: dict[str, str] = {}
    antenna: str | None = None
    sample_rate: Positive = 1.024e6
    gain_db: float | None = 32.8
    ppm: float = Field(default=0.0, ge=-200, le=200)
    bias_tee: bool = False


ReceiverSection = Annotated[
    SimulatorReceiver | PlaybackReceiver | RtlTcpReceiver | SoapyReceiver, Field(discriminator="type")
]


class RotatorSection(_Strict):
    """Hamlib's `rotctld`; leave the section out for a fixed antenna."""

    host: str = "127.0.0.1"
    port: int = Field(default=4533, gt=0, lt=65536)
    azimuth_min_deg: float = Field(default=0.0, ge=-360, le=360)
    azimuth_max_deg: float = Field(default=360.0, ge=0, le=720)
    elevation_min_deg: float = Field(default=0.0, ge=-10, le=90)
    elevation_max_deg: float = Field(default=90.0, ge=0, le=190)


class ElementsSection(_Strict):
    """Files of orbital elements, and how old they may be."""

    files: tuple[Path, ...] = Field(min_length=1)
    warn_age_days: Positive = 7.0
    refuse_age_days: Positive = 30.0


class SatelliteSection(_Strict):
    """One satellite to observe."""

    name: str
    downlink: str | None = None
    frequency_hz: Positive | None = None
    min_elevation_deg: float = Field(default=10.0, ge=0, lt=90)
    priority: int = Field(default=1, ge=0, le=100)


class ScheduleSection(_Strict):
    """When recordings begin and end, and how much of the disk they may take."""

    margin_s: float = Field(default=10.0, ge=0, le=600)
    ahead_hours: float = Field(default=36.0, gt=0, le=336)
    keep_free_gb: float = Field(default=2.0, ge=0)
    decode_timeout_s: Positive = 1800.0
    products_timeout_s: Positive = 900.0


class ProductsSection(_Strict):
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


class PublishSection(_Strict):
    """A folder that other programs read, such as a network share."""

    folder: Path | None = None


class WebSection(_Strict):
    """The page."""

    host: str = "127.0.0.1"
    port: int = Field(default=8137, gt=0, lt=65536)


class StationConfig(_Strict):
    """The whole file."""

    station: StationSection
    receiver: ReceiverSection
    rotator: RotatorSection | None = None
    elements: ElementsSection
    satellite: tuple[SatelliteSection, ...] = Field(min_length=1)
    schedule: ScheduleSection = ScheduleSection()
    products: ProductsSection = ProductsSection()
    publish: PublishSection = PublishSection()
    web: WebSection = WebSection()

    @model_validator(mode="after")
    def _names_exist(self) -> StationConfig:
        for wanted in self.satellite:
            try:
                satellite(wanted.name).downlink(wanted.downlink)
            except SatelliteError as error:
                raise ValueError(str(error)) from error
        if self.elements.warn_age_days > self.elements.refuse_age_days:
            raise ValueError("elements: warn_age_days is above refuse_age_days; warn before refusing")
        try:
            _ = self.station.mask
        except SchedulerError as error:
            raise ValueError(f"station.horizon_mask: {error}") from error
        return self


def load_config(path: Path) -> StationConfig:
    """Read and check `station.toml`; relative paths count from the folder of the file.

    Raises:
        ConfigError: unreadable, ill-formed, an unknown key (the message names the nearest) or a wrong value.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; copy station.example.toml and edit it") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error
    try:
        return _with_base(parse_config(table, str(path)), path.resolve().parent)
    except RuntimeError as error:  # from expanduser
        raise ConfigError(f"{path}: a path begins with ~ and a user who has no home here") from error


def parse_config(table: dict[str, Any], source: str = "station.toml") -> StationConfig:
    """Check a table that was read elsewhere; `ConfigError` as from `load_config`."""
    try:
        return StationConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_problem(error, table)}") from error


def _with_base(config: StationConfig, base: Path) -> StationConfig:
    """The configuration with every path made absolute."""

    def absolute(part: BaseModel) -> BaseModel:
        changed: dict[str, Any] = {}
        for name in type(part).model_fields:
            value = getattr(part, name)
            if isinstance(value, BaseModel):
                changed[name] = absolute(value)
            elif isinstance(value, Path):
                changed[name] = base / value.expanduser()
            elif isinstance(value, tuple) and value and isinstance(value[0], Path):
                changed[name] = tuple(base / item.expanduser() for item in value)
        return part.model_copy(update=changed)

    made = absolute(config)
    assert isinstance(made, StationConfig)  # noqa: S101 - for the type checker
    return made


def _first_problem(error: ValidationError, table: dict[str, Any]) -> str:
    """One sentence: unknown keys first, as they are the cause of most others."""
    problems = sorted(error.errors(), key=lambda p: p["type"] != "extra_forbidden")
    first, more = problems[0], len(problems) - 1
    loc = first["loc"]
    place = [*loc[:1], *loc[2:]] if loc[:1] == ("receiver",) else [*loc]  # without the receiver's type
    where = ".".join(str(part) for part in place)
    if first["type"] == "extra_forbidden":
        allowed = _allowed_keys(place[:-1], table)
        near = difflib.get_close_matches(str(place[-1]), allowed, n=1)
        said = (
            f"unknown key; did you mean {near[0]!r}?"
            if near
            else f"unknown key; allowed: {', '.join(allowed)}"
        )
    elif first["type"] == "missing":
        said = "is missing"
    else:
        said = f"{first['msg'].removeprefix('Value error, ')} (given: {first['input']!r})"
        said = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else said
    rest = f" (and {more} more)" if more else ""
    return f"{where}: {said}{rest}" if where else f"{said}{rest}"


_RECEIVERS: dict[str, type[BaseModel]] = {
    "simulator": SimulatorReceiver,
    "playback": PlaybackReceiver,
    "rtl_tcp": RtlTcpReceiver,
    "soapy": SoapyReceiver,
}
_SECTIONS: dict[str, type[BaseModel]] = {
    "station": StationSection,
    "rotator": RotatorSection,
    "elements": ElementsSection,
    "satellite": SatelliteSection,
    "schedule": ScheduleSection,
    "products": ProductsSection,
    "publish": PublishSection,
    "web": WebSection,
}


def _allowed_keys(place: list[int | str], table: dict[str, Any]) -> list[str]:
    section = str(place[0]) if place else ""
    if section == "receiver":
        return sorted(_RECEIVERS[table["receiver"]["type"]].model_fields)
    return sorted((_SECTIONS[section] if section else StationConfig).model_fields)
