"""`[receiver]`, or `[[receiver]]` where there are several: what turns the antenna's signal into samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from sdr.soapy_drivers import BIAS_TEE_SETTINGS
from station.config.strict import ANY_FREQUENCY, Name, NotNegative, Positive, Ranges, Strict

SampleFormat = Literal["cf32", "cs16", "cu8", "cs8"]
_USABLE = 0.8  # of the sample rate: what lies beyond is bent by the radio's own filter
_PPM = 200.0
_RTL_HZ = ((24e6, 1766e6),)  # R820T tuner, as rtl-sdr's own notes have it


def _automatic(given: Any) -> Any:
    """The word "auto" in the place of a gain."""
    if isinstance(given, str) and given != "auto":
        raise ValueError(f'{given!r} is no gain; give decibels, or "auto" for the radio\'s own control')
    return None if given == "auto" else given


GainDb = Annotated[float | None, BeforeValidator(_automatic)]
Ppm = Annotated[float, Field(ge=-_PPM, le=_PPM)]
Words = dict[str, str]


def _never_wide(given: bool) -> bool:
    if given:
        raise ValueError("only a radio can be wide; leave it out for the simulator and a playback")
    return given


class _Receiver(Strict):
    """What the plan needs to know of any receiver.

    A `wide` one records its whole band, and all downlinks at once that lie in it.
    """

    name: Name = "receiver"
    antennas: tuple[Name, ...] | None = Field(default=None, min_length=1)
    frequency_ranges_hz: Ranges = ANY_FREQUENCY
    bandwidth_hz: Positive | None = None
    setup_s: float = Field(default=5.0, ge=0, le=600)
    power_w: NotNegative = 0.0
    wide: bool = False

    @property
    def usable_hz(self) -> float:
        """How wide a downlink may be; unbounded where the sample rate stands in a file."""
        rate = getattr(self, "sample_rate", None)
        return self.bandwidth_hz or (_USABLE * rate if rate else ANY_FREQUENCY[0][1])


class SimulatorReceiver(_Receiver):
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

    _narrow = field_validator("wide")(_never_wide)

    @property
    def usable_hz(self) -> float:
        """Any width: the simulator itself says which rate a mode needs."""
        return self.bandwidth_hz or ANY_FREQUENCY[0][1]


class PlaybackReceiver(_Receiver):
    """A recording played as if it came from the antenna."""

    type: Literal["playback"]
    file: Path
    format: str | None = None
    sample_rate: Positive | None = None
    realtime: bool = False

    _narrow = field_validator("wide")(_never_wide)


class RtlTcpReceiver(_Receiver):
    """An RTL-SDR behind `rtl_tcp`."""

    type: Literal["rtl_tcp"]
    frequency_ranges_hz: Ranges = _RTL_HZ
    host: str = "127.0.0.1"
    port: int = Field(default=1234, gt=0, lt=65536)
    sample_rate: Positive = 1.024e6
    lower_rates: tuple[Positive, ...] = ()  # when the disk is short, the first that fits
    gain_db: GainDb = 32.8
    ppm: Ppm = 0.0
    bias_tee: bool = False


class SoapyReceiver(_Receiver):
    """Any radio with a SoapySDR driver; what is left out stays as the radio has it."""

    type: Literal["soapy"]
    driver: str = Field(default="rtlsdr", min_length=1)
    serial: str | None = None
    args: Words = Field(default_factory=dict)
    antenna: str | None = None
    sample_rate: Positive = 1.024e6
    lower_rates: tuple[Positive, ...] = ()  # when the disk is short, the first that fits
    format: SampleFormat | None = None
    gain_db: GainDb = 32.8
    gains_db: dict[str, float] = Field(default_factory=dict)
    filter_hz: Positive | None = None
    ppm: Ppm = 0.0
    bias_tee: bool = False
    dc_correction: bool | None = None
    iq_correction: bool | None = None
    clock_source: str | None = None
    time_source: str | None = None
    master_clock_hz: Positive | None = None
    settings: Words = Field(default_factory=dict)
    stream_args: Words = Field(default_factory=dict)
    trust_stamps: bool | None = None
    usb_reset: bool = True

    @model_validator(mode="after")
    def _sensible(self) -> SoapyReceiver:
        if self.gains_db and "gain_db" in self.model_fields_set:
            raise ValueError(
                "gain_db and gains_db exclude each other: give the overall gain or the elements'"
            )
        if "driver" in self.args or "serial" in self.args:
            raise ValueError("args: driver and serial have keys of their own; write them beside args")
        if bias := [name for name in self.settings if name in BIAS_TEE_SETTINGS]:
            raise ValueError(f"settings: {bias[0]} feeds a preamplifier; write bias_tee = true beside them")
        return self


ReceiverSection = Annotated[
    SimulatorReceiver | PlaybackReceiver | RtlTcpReceiver | SoapyReceiver, Field(discriminator="type")
]
