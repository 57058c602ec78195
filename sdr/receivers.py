"""The receivers by name, as they stand in the configuration."""

from __future__ import annotations

from sdr.playback import Playback
from sdr.receiver import Block, Opened, Receiver, Tuning
from sdr.rtl_tcp import RtlTcp
from sdr.soapy import SoapyReceiver

__all__ = ["RECEIVERS", "Block", "Opened", "Playback", "Receiver", "RtlTcp", "SoapyReceiver", "Tuning"]

RECEIVERS: dict[str, type[Playback] | type[RtlTcp] | type[SoapyReceiver]] = {
    "playback": Playback,
    "rtl_tcp": RtlTcp,
    "soapy": SoapyReceiver,
}
