"""What every receiver does: `open` says what the hardware really did, `read` says what was lost, `close`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Tuning:
    """What is asked of a receiver.

    Attributes:
        frequency_hz: centre frequency.
        sample_rate: complex samples per second.
        gain_db: overall gain; None leaves the gain to the device's automatic control.
        gains_db: gain by element of the device ("LNA", "MIX", "VGA" …); where it stands, `gain_db` is unused.
        antenna: name of the port, None for the device's own choice.
        bias_tee: feed the preamplifier through the antenna cable.
        ppm: known error of the device's crystal, positive when it runs fast.
        bandwidth_hz: analogue filter, None for the device's own choice.
        dc_correction: the device's automatic removal of its DC offset; None leaves it as the device has it.
        iq_correction: the device's automatic balance of I and Q; None likewise.
    """

    frequency_hz: float
    sample_rate: float
    gain_db: float | None = None
    antenna: str | None = None
    bias_tee: bool = False
    ppm: float = 0.0
    bandwidth_hz: float | None = None
    gains_db: Mapping[str, float] = field(default_factory=dict)
    dc_correction: bool | None = None
    iq_correction: bool | None = None


@dataclass(frozen=True)
class Opened:
    """What the hardware really did.

    Attributes:
        device: what answered, for the recording's metadata.
        format: one of `sdr.formats.FORMATS`, the format of the blocks.
        frequency_hz: tuned frequency as the device tells it.
        sample_rate: Hz as the device tells it, or as its divider gives it.
        gain_db: None when automatic or unknown.
        antenna: port in use, None when there is no choice.
        notes: wishes that the device could not fulfil, as sentences.
        time_source: what tells the losses. "device": it stamps or counts its samples, every loss is exact;
            "clock": the count of samples is compared with the computer's monotonic clock.
        smallest_visible_loss: samples; shorter losses cannot be seen (1 where the device stamps).
        facts: further settings that the device really took, for the recording's metadata.
    """

    device: str
    format: str
    frequency_hz: float
    sample_rate: float
    gain_db: float | None = None
    antenna: str | None = None
    notes: tuple[str, ...] = ()
    time_source: Literal["device", "clock"] = "clock"
    smallest_visible_loss: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """Samples in the order they came.

    Attributes:
        raw: whole samples in the format of `Opened`; empty when none came within the timeout.
        lost: samples that are missing just before these.
        cause: why they are missing, in a few words.
        lost_uncertainty: place and length of the loss are each right within ± this many samples in 95 % of
            cases; 0: counted by the device, exact.
        time: POSIX seconds of the first sample (after the loss), None where nothing is known.
        ended: nothing will follow (playback and simulation; a radio never ends).
    """

    raw: bytes
    lost: int = 0
    cause: str = ""
    lost_uncertainty: int = 0
    time: float | None = None
    ended: bool = False


class Receiver(Protocol):
    """A source of samples; every method raises DeviceError when the device fails."""

    def open(self, tuning: Tuning) -> Opened:
        """Start the device, or start it anew after an error."""

    def read(self, count: int, timeout_s: float) -> Block:
        """Up to `count` samples, as soon as some are there; an empty block after `timeout_s`."""

    def close(self) -> None:
        """Stop the device; may be called again."""
