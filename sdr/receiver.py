"""What every receiver does: `open` says what the hardware really did, `read` says what was lost, `close`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Tuning:
    """What is asked of a receiver.

    Attributes:
        frequency_hz: centre frequency.
        sample_rate: complex samples per second.
        gain_db: None leaves the gain to the device's automatic control.
        antenna: name of the port, None for the device's own choice.
        bias_tee: feed the preamplifier through the antenna cable.
        ppm: known error of the device's crystal, positive when it runs fast.
        bandwidth_hz: analogue filter, None for the device's own choice.
    """

    frequency_hz: float
    sample_rate: float
    gain_db: float | None = None
    antenna: str | None = None
    bias_tee: bool = False
    ppm: float = 0.0
    bandwidth_hz: float | None = None


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
    """

    device: str
    format: str
    frequency_hz: float
    sample_rate: float
    gain_db: float | None = None
    antenna: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """Samples in the order they came.

    Attributes:
        raw: whole samples in the format of `Opened`; empty when none came within the timeout.
        lost: samples that are missing just before these.
        cause: why they are missing, in a few words.
        lost_exact: counted by the device; False: estimated from a clock.
        time: POSIX seconds of the first sample (after the loss), None where nothing is known.
        ended: nothing will follow (playback and simulation; a radio never ends).
    """

    raw: bytes
    lost: int = 0
    cause: str = ""
    lost_exact: bool = True
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
