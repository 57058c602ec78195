"""What a mode's satellite sends when nobody gives a source of packets."""

from __future__ import annotations

from collections.abc import Callable

from sim.camera_source import CameraSource
from sim.errors import SimulationError
from sim.impairments import seed_of
from sim.instruments import Instrument, InstrumentSource
from sim.jpss import jpss
from sim.metop import METOP
from sim.mode import Mode
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.xrit_files import XritSource


def _of_jpss(mode: Mode) -> tuple[Instrument, ...]:
    return jpss(mode.scid, mode.bit_rate, 8 * mode.zone_bytes / mode.frame_bits)


INSTRUMENTS: dict[str, Callable[[Mode], tuple[Instrument, ...]]] = {
    "metop_ahrpt": lambda _: METOP,
    "jpss_hrd": _of_jpss,
    "noaa21_hrd": _of_jpss,
}


def content_of(request: PassSimulation) -> PacketSource | None:
    """Packets of a request; None where the frames are not made of packets.

    Raises:
        SimulationError: LRPT without an orbit, which has nothing for its camera to see.
    """
    mode, epoch, seed = request.downlink, request.start.timestamp(), seed_of(request.seed, "source")
    if mode.framing != "cadu":
        return None
    if mode.name in INSTRUMENTS:
        return InstrumentSource(INSTRUMENTS[mode.name](mode), epoch, seed)
    if mode.name == "gk2a_lrit":
        return XritSource(epoch, seed, mode.zone_bytes / mode.frame_period_s)
    camera = CameraSource.of(request)
    if camera is None:
        raise SimulationError("without an orbit there is no camera; give elements and site, or a source")
    return camera
