"""`[receiver]`, or `[[receiver]]` where there are several: what turns the antenna's signal into samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from station.config.strict import ANY_FREQUENCY, Name, NotNegative, Positive, Ranges, Strict

SampleFormat = Literal["cf32", "cs16", "cu8", "cs8"]
_USABLE = 0.8  # of the sample rate: what lies beyond is bent by the radio's own filter
_RTL_HZ = ((24e6, 1766e6),)  # R820T tuner, as rtl-sdr's own notes have it


class _Receiver(Strict):
    """What the plan needs to know of any receiver."""

    name: Name = "receiver"
    antennas: tuple[Name, ...] | None = Field(default=None, min_length=1)
    frequency_ranges_hz: Ranges = ANY_FREQUENCY
    bandwidth_hz: Positive | None = None
    setup_s: float = Field(default=5.0, ge=0, le=600)
    power_w: NotNegative = 0.0

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


class RtlTcpReceiver(_Receiver):
    """An RTL-SDR behind `rtl_tcp`."""

    type: Literal["rtl_tcp"]
    frequency_ranges_hz: Ranges = _RTL_HZ
    host: str = "127.0.0.1"
    port: int = Field(default=1234, gt=0, lt=65536)
    sample_rate: Positive = 1.024e6
    gain_db: float | None = 32.8
    ppm: float = Field(default=0.0, ge=-200, le=200)
    bias_tee: bool = False


class SoapyReceiver(_Receiver):
    """Any radio with a SoapySDR driver."""

    type: Literal["soapy"]
    driver: str = "rtlsdr"
    serial: str | None = None
    args: dict[str, str] = Field(default_factory=dict)
    antenna: str | None = None
    sample_rate: Positive = 1.024e6
    gain_db: float | None = 32.8
    ppm: float = Field(default=0.0, ge=-200, le=200)
    bias_tee: bool = False


ReceiverSection = Annotated[
    SimulatorReceiver | PlaybackReceiver | RtlTcpReceiver | SoapyReceiver, Field(discriminator="type")
]
