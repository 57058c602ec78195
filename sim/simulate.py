"""A pass to files: the recording, what was sent, where the camera looked.

STEM.sigmf-data, -meta, -index   the recording, growing as any other
STEM.sent.cadu                   frames as sent, derandomised, with parity; of NOAA HRPT in its place
                                 STEM.sent.raw16, words of ten bits as big-endian 16-bit words
STEM.sent.jsonl                  a line for each of them, in the same order (`SentLine`)
STEM.truth.npz                   per strip: line times, and longitude and latitude on a grid of columns
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sdr.errors import RecordingError
from sdr.writer import RecordingWriter
from sim.camera_source import CameraSource
from sim.content import content_of
from sim.errors import SimulationError
from sim.packet_source import PacketSource
from sim.pass_signal import PassSignal, SignalBlock
from sim.request import PassSimulation
from sim.sample_flow import MARKED_LOSS
from sim.sent_log import SentLine, SentLog, disk_errors

__all__ = ["PassSimulation", "SentLine", "SimulationLog", "simulate"]


@dataclass(frozen=True)
class SimulationLog:
    """What was made.

    Attributes:
        stem: of all files.
        sample_count: in the file.
        lost_samples: that never reached it, or are marked as zeros.
        frames_sent: lines of STEM.sent.jsonl.
        frames_complete: of them complete.
        frames_data: of the complete ones those with data.
        strips: of the camera, 0 for another source.
        cn0_max_dbhz: strongest C/N0, None when the satellite never rose.
        start: time of the first sample.
        end: time after the last.
    """

    stem: Path
    sample_count: int
    lost_samples: int
    frames_sent: int
    frames_complete: int
    frames_data: int
    strips: int
    cn0_max_dbhz: float | None
    start: datetime
    end: datetime


def simulate(
    request: PassSimulation,
    out_stem: Path,
    *,
    source: PacketSource | None = None,
    progress: Callable[[float], None] | None = None,
) -> SimulationLog:
    """Write the recording and its logs; a decoder may follow the recording while it grows.

    Args:
        request: what is to be simulated.
        out_stem: path without suffix; its folder exists, none of the files does.
        source: of the packets; None for what the satellite sends: of LRPT the camera on the request's orbit.
        progress: is told the share done, 0 … 1.

    Raises:
        SimulationError: the request cannot be met, a file exists, or the folder does not.
        DeviceError: the disk refuses.
    """
    if request.impairments.delivery is not None:
        raise SimulationError("delivery is how a device hands over samples: serve the pass, or leave it out")
    chosen = source or content_of(request)
    try:
        # Made before any file, so that what cannot be simulated leaves none behind.
        signal = PassSignal(request, chosen, lambda slot: log.enter(slot, signal))
        with (
            SentLog(out_stem, raw_words=request.downlink.raw_words) as log,
            _writer(request, out_stem) as writer,
        ):
            for block in signal.blocks():
                _write(writer, block, request)
                if progress:
                    progress((block.first + block.samples.size) / request.sample_count)
            count = writer.sample_count
    except RecordingError as error:
        raise SimulationError(str(error)) from error
    strips = 0
    if source is None and isinstance(chosen, CameraSource):
        with disk_errors():
            strips = chosen.save_truth(out_stem.with_name(out_stem.name + ".truth.npz"))
    return _summary(out_stem, signal, log, count, strips)


def _writer(request: PassSimulation, stem: Path) -> RecordingWriter:
    return RecordingWriter(
        stem,
        format=request.format,
        sample_rate=request.sample_rate,
        center_frequency_hz=request.center_frequency_hz,
        start=request.start,
        metadata={
            "description": "simulated pass" + (f" of {request.elements.name}" if request.elements else ""),
            "hw": "simulated receiver",
            "simulation": _told(request),
        },
        durable=False,
    )


def _told(request: PassSimulation) -> dict[str, Any]:
    told: dict[str, Any] = {"mode": request.mode, "seed": request.seed}
    # JSON has no number for a signal without noise.
    if request.ebn0_db is not None and math.isfinite(request.ebn0_db):
        told["ebn0_db"] = request.ebn0_db
    return told


def _write(writer: RecordingWriter, block: SignalBlock, request: PassSimulation) -> None:
    gaps = request.impairments.gaps
    if block.lost and gaps and gaps.marked:
        writer.gap(block.lost, MARKED_LOSS)
    writer.write(block.samples)


def _summary(stem: Path, signal: PassSignal, log: SentLog, count: int, strips: int) -> SimulationLog:
    request = signal.request
    within = (signal.path.time >= 0) & (signal.path.time <= request.duration_s)
    cn0 = signal.level.cn0_at(signal.path.time[within])
    return SimulationLog(
        stem=stem,
        sample_count=count,
        lost_samples=sum(gap.count for gap in signal.lost),
        frames_sent=log.sent,
        frames_complete=log.complete,
        frames_data=log.data,
        strips=strips,
        cn0_max_dbhz=None if np.all(np.isnan(cn0)) else float(np.nanmax(cn0)),
        start=request.start,
        end=request.end,
    )
