"""The camera as a source of packets, and the truth of where it looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.framing import TimedPackets
from sim.msu_mr import LINES, MsuMrCamera, Strip
from sim.packet_source import STRIP_PERIOD_S
from sim.scene import EarthScene

if TYPE_CHECKING:
    from sim.request import PassSimulation

LINES_PER_SECOND = LINES / STRIP_PERIOD_S
BLOCK = 8  # columns of a block; its lines are those of the strip


class CameraSource:
    """Packets of a camera; a strip is ready for sending when its last line has been scanned.

    Args:
        camera: of the satellite.
        epoch: POSIX seconds of the recording's start.
    """

    def __init__(self, camera: MsuMrCamera, epoch: float) -> None:
        self._camera, self._epoch = camera, epoch
        self._truth: list[Strip] = []
        self._block_means: list[NDArray[np.uint8]] = []

    @classmethod
    def of(cls, request: PassSimulation) -> CameraSource | None:
        """The camera on the orbit of a request, None without an orbit."""
        if request.elements is None:
            return None
        camera = MsuMrCamera(
            request.elements, EarthScene(request.seed), channels=request.channels, seed=request.seed
        )
        return cls(camera, request.start.timestamp())

    def packets(self, start: float, end: float) -> Iterator[TimedPackets]:
        """Packets of strips that begin from `start` to `end`, seconds from the start of the recording."""
        for strip in self._camera.strips(self._epoch + start, self._epoch + end):
            self._truth.append(_without_picture(strip))
            self._block_means.append(_block_means(strip.counts))
            yield TimedPackets(strip.time + STRIP_PERIOD_S - self._epoch, strip.packets)

    def save_truth(self, path: Path) -> int:
        """Write the truth of all strips that were taken, as .npz; returns their number.

        Arrays: strip_number [s], strip_time [s] and line_time [s, 8] in POSIX seconds, columns [k],
        lon and lat in degrees [s, 8, k], channels [c], quality [s], and block_mean uint8 [s, c, 196], the
        mean count of each block of 8 x 8: by it a received strip is known again whatever its clock says.
        """
        strips = self._truth
        if not strips:
            return 0
        stamp, seen = (np.array([getattr(strip, name) for strip in strips]) for name in ("stamp", "time"))
        after = np.arange(LINES) / LINES_PER_SECOND
        np.savez(
            path,
            strip_number=np.array([strip.number for strip in strips]),
            strip_time=stamp,
            line_time=stamp[:, None] + after,
            seen_time=seen[:, None] + after,
            columns=strips[0].truth_columns,
            lon=np.stack([strip.truth_lon for strip in strips]),
            lat=np.stack([strip.truth_lat for strip in strips]),
            channels=np.array(strips[0].channels),
            quality=np.array([strip.quality for strip in strips]),
            block_mean=np.stack(self._block_means),
        )
        return len(strips)


def _block_means(counts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    channels, lines, columns = counts.shape
    blocks = counts.reshape(channels, lines, columns // BLOCK, BLOCK)
    means: NDArray[np.uint8] = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return means


def _without_picture(strip: Strip) -> Strip:
    """What is kept of a strip: neither its packets nor its 38 kB of counts."""
    return Strip(
        number=strip.number,
        time=strip.time,
        stamp=strip.stamp,
        packets=(),
        truth_columns=strip.truth_columns,
        truth_lon=strip.truth_lon.copy(),
        truth_lat=strip.truth_lat.copy(),
        channels=strip.channels,
        counts=np.zeros((0, LINES, 0), np.uint8),
        quality=strip.quality,
    )
