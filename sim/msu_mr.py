"""MSU-MR on LRPT: from an orbit and a scene to space packets, strip by strip.

A strip is 8 lines of 1568 columns, sent as 14 packets of 14 blocks for each channel in ascending order and
one service packet. Time stamps are the moment at which column 0 of the strip's first line is seen, plus what
the satellite's stamps are ahead of it (`Craft.stamps_ahead_s`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from sim import image_codec
from sim.climate import spreading
from sim.errors import SimulationError
from sim.geometry import Attitude, HasSatrec, LineGeometry, Scan, axes, states
from sim.radiometry import check_channels, response
from sim.scene import EarthScene
from sim.space_packets import COUNTER_MODULUS, space_packet
from sim.sun import greenwich_sidereal_angle
from sim.telemetry import (
    FIRST_IMAGE_APID,
    SERVICE_APID,
    Craft,
    Pose,
    craft_for,
    service_data,
    time_stamp,
)

LINES = 8
# 72 kbit/s, 882 of 1024 bytes of a frame for packets, 8 / 6.498 s: what the link carries while a strip is
# scanned.
STRIP_BUDGET_BYTES = 9541
MARGIN_BYTES = 41
_TIE_STEP = 16
_STRIPS_AT_ONCE = 4  # 0.4 MB an array: fits the cache, memory stays constant
_PACKET_HEAD_BYTES = 20
_FIRST, _MIDDLE, _LAST, _ALONE = 1, 0, 2, 3


@dataclass(frozen=True)
class Strip:
    """Eight lines of all channels as sent, and where they really are."""

    number: int
    time: float  # POSIX seconds, UTC, at which column 0 of the first line is really seen
    stamp: float  # what the packets say it is, POSIX seconds
    packets: tuple[bytes, ...]  # whole space packets in sending order
    truth_columns: NDArray[np.int64]  # [k]
    truth_lon: NDArray[np.float32]  # degrees [8, k]
    truth_lat: NDArray[np.float32]
    channels: tuple[int, ...]
    counts: NDArray[np.uint8]  # [channels, 8, 1568] before compression
    quality: int  # quality factor of all its packets


@dataclass(frozen=True)
class _Rate:
    """The levels that fit a budget."""

    quality: int
    levels: NDArray[np.int16]


class MsuMrCamera:
    """Takes the strips of a pass.

    Args:
        elements: orbital elements; their name chooses packet habits and instrument number.
        scene: what there is to see.
        channels: the channels on air, 1 ... 6.
        seed: chooses where the packet counter starts.
        scan, attitude, craft: other than the nominal scan, the craft's attitude and the elements' craft.
        budget_bytes: the most that the packets of a strip may come to.
    """

    def __init__(
        self,
        elements: HasSatrec,
        scene: EarthScene,
        *,
        channels: tuple[int, ...] = (1, 2, 5),
        seed: int = 0,
        scan: Scan | None = None,
        attitude: Attitude | None = None,
        craft: Craft | None = None,
        budget_bytes: int = STRIP_BUDGET_BYTES - MARGIN_BYTES,
    ) -> None:
        self._elements, self._scene = elements, scene
        self._channels = check_channels(tuple(channels))
        self._craft = craft or craft_for(elements.name)
        self._scan, self._attitude = scan or Scan(), attitude or self._craft.attitude
        self._geometry = LineGeometry(elements, self._scan, self._attitude)
        self._ties = np.append(np.arange(0, self._scan.columns - 1, _TIE_STEP), self._scan.columns - 1)
        self._weights = spreading(self._ties, self._scan.columns)
        self._counter = int(np.random.default_rng(seed).integers(COUNTER_MODULUS))
        self._budget = budget_bytes - (128 if not self._craft.is_first_series else 64)
        self._quality_hint = 80

    @property
    def strip_period_s(self) -> float:
        """Seconds from strip to strip."""
        return LINES / self._scan.lines_per_second

    def strips(self, start: float, end: float) -> Iterator[Strip]:
        """Strips that begin at or after `start` and before `end`, POSIX seconds; the first one at `start`.

        Raises:
            SimulationError: no orbit at that time, or the scan leaves the Earth.
        """
        if not end > start:
            raise SimulationError(f"the pass ends {start - end:.1f} s before it begins")
        count = int(np.ceil((end - start) / self.strip_period_s))
        for first in range(0, count, _STRIPS_AT_ONCE):
            numbers = np.arange(first, min(first + _STRIPS_AT_ONCE, count))
            times = start + numbers * self.strip_period_s
            line_time = (
                start + np.arange(numbers[0] * LINES, (numbers[-1] + 1) * LINES) / self._scan.lines_per_second
            )
            lon, lat = self._geometry(line_time)
            counts = self._counts(lon, lat, line_time[:, None])
            spectra = image_codec.spectra(counts)
            service = self._service(numbers, np.asarray(times, np.float64), start)
            for at, (number, time) in enumerate(zip(numbers.tolist(), times.tolist(), strict=True)):
                rows = slice(at * LINES, (at + 1) * LINES)
                rate = self._rate(spectra[at])
                stamp = time + self._craft.stamps_ahead_s
                yield Strip(
                    number=number,
                    time=time,
                    stamp=stamp,
                    packets=tuple(self._packets(stamp, rate, service[at])),
                    truth_columns=self._ties,
                    truth_lon=lon[rows, self._ties].astype(np.float32),
                    truth_lat=lat[rows, self._ties].astype(np.float32),
                    channels=self._channels,
                    counts=counts[at],
                    quality=rate.quality,
                )

    def _counts(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], line_time: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        """Counts [strips, channels, 8, columns] of lines [lines, columns]."""
        slow = self._scene.climate(lon[:, self._ties], lat[:, self._ties], line_time).spread(self._weights)
        sight = self._scene.sight(lon, lat, line_time, slow)
        seen = [
            response(channel).counts(self._scene.signal(channel, sight, slow)) for channel in self._channels
        ]
        shape = (len(seen), -1, LINES, self._scan.columns)
        return np.ascontiguousarray(np.stack(seen).reshape(shape).swapaxes(0, 1))

    def _rate(self, spectrum: NDArray[np.float32]) -> _Rate:
        """The highest quality whose packets fit; where not even the lowest does, it loses fine detail."""
        spectrum = spectrum.reshape(-1, image_codec.BLOCKS_PER_PACKET, 64)
        low, high = image_codec.LOWEST_QUALITY, image_codec.HIGHEST_QUALITY + 1
        best: _Rate | None = None
        quality = self._quality_hint
        while low < high:
            levels = image_codec.quantise(spectrum, quality)
            if self._sent_bytes(levels) <= self._budget:
                best, low = _Rate(quality, levels), quality + 1
                quality = min((low + high) // 2, low + 2)
            else:
                high = quality
                quality = max((low + high) // 2, high - 3)
        keep = 48
        while best is None:
            levels = image_codec.quantise(spectrum, image_codec.LOWEST_QUALITY, keep)
            if self._sent_bytes(levels) <= self._budget:
                best = _Rate(image_codec.LOWEST_QUALITY, levels)
            elif keep == 1:
                raise SimulationError(
                    f"{len(self._channels)} channels do not fit {self._budget} bytes a strip; ask for fewer"
                )
            keep = max(keep // 2, 1)
        self._quality_hint = best.quality
        return best

    @staticmethod
    def _sent_bytes(levels: NDArray[np.int16]) -> int:
        """Bytes of the image packets; each has an even length, as the satellites' have."""
        return int((_PACKET_HEAD_BYTES + 2 * ((image_codec.coded_bits(levels) + 15) // 16)).sum())

    def _packets(self, moment: float, rate: _Rate, service: bytes) -> Iterator[bytes]:
        """All packets of one strip in sending order, stamped with a moment."""
        stamp = time_stamp(moment, self._craft)
        parts = self._scan.columns // (8 * image_codec.BLOCKS_PER_PACKET)
        last = _MIDDLE if self._craft.is_first_series else _LAST  # METEOR-M2 never marked the last one
        for index, scan in enumerate(image_codec.encode(rate.levels)):
            channel, part = divmod(index, parts)
            flags = _FIRST if part == 0 else last if part == parts - 1 else _MIDDLE
            # First block, table QT, tables DC and AC, QFM, QF.
            head = struct.pack(">BBBHB", part * image_codec.BLOCKS_PER_PACKET, 0, 0, 0xFFF0, rate.quality)
            data = stamp + head + scan + b"\xff" * (len(scan) % 2)
            yield self._numbered(FIRST_IMAGE_APID + self._channels[channel] - 1, flags, data)
        yield self._numbered(SERVICE_APID, _ALONE, service)

    def _numbered(self, apid: int, flags: int, data: bytes) -> bytes:
        packet = space_packet(apid, flags, self._counter, data)
        self._counter = (self._counter + 1) % COUNTER_MODULUS
        return packet

    def _service(self, numbers: NDArray[np.int64], times: NDArray[np.float64], start: float) -> list[bytes]:
        """Data of the service packets of some strips; the satellite tells its place of a second before.

        Place and body are the satellite's and its navigator's clock is right: only the instrument's is ahead.
        """
        seconds = np.floor(times) - 1.0
        position, _ = states(self._elements, seconds)
        ahead, right, down = axes(*states(self._elements, seconds - 1.0), self._attitude)
        body = Rotation.from_matrix(np.stack([ahead, -right, -down], axis=2))
        inertial = Rotation.from_euler("z", greenwich_sidereal_angle(seconds - 1.0)[:, None]) * body
        quaternion = inertial.as_quat(scalar_first=True)
        return [
            service_data(
                time + self._craft.stamps_ahead_s,
                number,
                self._craft,
                Pose(int(second), *pose),
                start - 3600.0,
            )
            for number, time, second, *pose in zip(
                numbers.tolist(), times.tolist(), seconds.tolist(), position, quaternion, strict=True
            )
        ]
