"""Samples of a link test without orbit and files: a mode, a number of frames, a noise level.

    from sim.link_test import link_test
    made = link_test("metop_ahrpt", frames=50, ebn0_db=4.0, seed=7, doppler_hz=30e3, doppler_rate_hz_s=-400,
                     impairments=Impairments(crystal=Crystal(offset_ppm=20), swapped=True))
    made.samples       complex64, noise and signal scaled as a converter gives them, full scale ±1
    made.sample_rate
    made.frames        every frame that the samples hold wholly or in part; `complete` tells which

`offset_hz` tunes below the carrier (the clock stays), `carrier_phase_deg` turns it, and every other word of
`PassSimulation` may be given as well (`sample_rate`, `deviation_deg`, `rolloff` …). The noise stands at
-26 dB of full scale, or lower where the signal would pass -12 dB; `Impairments(adc_bits=8, gain_db=22)` makes
the converter clip a fifth of the samples of AHRPT at 5 dB. The transmitter is on before the first sample and
behind the last; the samples hold `frames` whole frames (now and then one less, where crystal or Doppler make
a long recording shorter). For more than fits into memory use `PassSignal(request_of(…), …).blocks()`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.content import content_of
from sim.downlink import SentSlot
from sim.modes import mode_named
from sim.packet_source import FillSource, PacketSource
from sim.pass_signal import PassSignal
from sim.request import PassSimulation
from sim.sent_log import sent_line

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TestFrame:
    """A frame that was sent.

    Attributes:
        data: as its file holds it: a derandomised CADU, or big-endian 16-bit words.
        vcid: 63 idle; 0 where there are no virtual channels.
        counter: of its virtual channel, or of all frames.
        first_sample: of its first coded symbol; before the samples when negative.
        last_sample: of its last one.
        complete: all of it lies in the samples, without a gap.
    """

    data: bytes
    vcid: int
    counter: int
    first_sample: int
    last_sample: int
    complete: bool


@dataclass(frozen=True)
class LinkTest:
    """Samples complex64 [n] and what they hold."""

    samples: NDArray[np.complex64]
    sample_rate: float
    frames: tuple[TestFrame, ...]

    @property
    def complete(self) -> list[bytes]:
        """The frames that lie in the samples wholly, in order."""
        return [frame.data for frame in self.frames if frame.complete]


def request_of(
    mode: str, *, frames: int, ebn0_db: float = math.inf, seed: int = 1, offset_hz: float = 0.0, **rest: Any
) -> PassSimulation:
    """The request for a recording that holds `frames` whole frames, tuned `offset_hz` below the carrier."""
    data = mode_named(mode)
    if offset_hz:
        rest["tuned_hz"] = (rest.get("frequency_hz") or data.frequency_hz) - offset_hz
    seconds = (frames + 1) * data.frame_period_s + data.warm_up_s
    end = START + timedelta(microseconds=math.ceil(seconds * 1e6))
    return PassSimulation(
        None, None, START, end, mode=mode, format="cf32", ebn0_db=ebn0_db, seed=seed, **rest
    )


def source_of(request: PassSimulation) -> PacketSource | None:
    """What the satellite of a request sends; of LRPT, which lacks its camera here, random packets."""
    return FillSource(seed=request.seed) if request.downlink.camera else content_of(request)


def link_test(mode: str, *, frames: int, ebn0_db: float = math.inf, seed: int = 1, **rest: Any) -> LinkTest:
    """Samples that hold `frames` whole frames; see the head of the module.

    Raises:
        SimulationError: the request cannot be met.
    """
    request = request_of(mode, frames=frames, ebn0_db=ebn0_db, seed=seed, **rest)
    slots: list[SentSlot] = []
    signal = PassSignal(request, source_of(request), slots.append)
    samples = np.concatenate([block.samples for block in signal.blocks()])
    sent = [(slot, sent_line(slot, signal)) for slot in slots]
    return LinkTest(
        samples,
        request.sample_rate,
        tuple(
            TestFrame(
                slot.frame.cadu,
                slot.frame.vcid,
                slot.frame.counter,
                line.first_sample,
                line.last_sample,
                line.complete,
            )
            for slot, line in sent
            if line is not None
        ),
    )
