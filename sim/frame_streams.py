"""From the name of a framing to what makes its frames."""

from __future__ import annotations

import numpy as np

from sim.downlink import FrameStream
from sim.errors import SimulationError
from sim.framing import COUNTER_PERIOD, CaduFrames
from sim.hrpt import HrptFrames
from sim.meteor_hrpt import MeteorHrptFrames
from sim.packet_source import STRIP_PERIOD_S, PacketSource
from sim.request import PassSimulation

LEAD_S = 0.02  # of packets before the first frame; what then waits is sent in place of idle frames


def frame_stream(
    request: PassSimulation,
    source: PacketSource | None,
    start: float,
    end: float,
    seed: np.random.SeedSequence,
) -> FrameStream:
    """The frames of a request from `start` to `end`, seconds from the start of the recording.

    Raises:
        SimulationError: the mode sends packets and no source gives any.
    """
    mode, epoch = request.downlink, request.start.timestamp()
    if mode.framing == "noaa-hrpt":
        return HrptFrames(epoch, seed)
    if mode.framing == "meteor-hrpt":
        return MeteorHrptFrames(epoch, seed)
    if source is None:
        raise SimulationError(f"mode {mode.name} sends packets; give a source of them")
    counters = np.random.default_rng(seed).integers(0, COUNTER_PERIOD, 2)
    packets = source.packets(start - (STRIP_PERIOD_S if mode.camera else LEAD_S), end)
    return CaduFrames(mode, packets, int(counters[0]), int(counters[1]))
