"""A pass as a device delivers it: raw samples in order, paced by a clock, with what was lost in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sdr.formats import bytes_per_sample, from_samples
from sim.camera_source import CameraSource
from sim.content import content_of
from sim.downlink import SentSlot
from sim.packet_source import PacketSource
from sim.pass_signal import PassSignal
from sim.request import PassSimulation
from sim.sent_log import SentLog

MARKED_LOSS = "simulated loss"


@dataclass(frozen=True)
class Pace:
    """How fast a device delivers.

    Attributes:
        factor: seconds of samples per second of the clock; None: as fast as they are asked for.
        monotonic: the clock.
        sleep: waits.
    """

    factor: float | None = None
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


AT_ONCE = Pace()


@dataclass(frozen=True)
class FlowPart:
    """Raw samples; `lost` marked ones are missing just before; `first` counts those too."""

    first: int
    raw: bytes
    lost: int = 0


class SampleFlow:
    """Gives the samples of a request from the moment it is made.

    Args:
        request: what is to be simulated.
        source: of the packets; None for what the satellite sends.
        pace: how fast.
        log_stem: where to log what is sent, None for nowhere.
    """

    def __init__(
        self,
        request: PassSimulation,
        *,
        source: PacketSource | None = None,
        pace: Pace = AT_ONCE,
        log_stem: Path | None = None,
    ) -> None:
        chosen = source or content_of(request)
        self._camera = chosen if source is None and isinstance(chosen, CameraSource) else None
        self.request, self._pace, self._stem = request, pace, log_stem
        self._log = SentLog(log_stem, raw_words=request.downlink.raw_words) if log_stem else None
        self._signal = PassSignal(request, chosen, self._enter)
        self._parts = self._cut()
        self._began: float | None = None
        self._ready: FlowPart | None = None
        self._width = bytes_per_sample(request.format)

    def take(self, count: int, timeout_s: float) -> FlowPart | None:
        """Up to `count` samples; an empty part when none came in time; None at the end.

        Raises:
            ValueError: fewer than one sample is asked for.
        """
        if count < 1:
            raise ValueError(f"{count} samples are asked for; at least 1 is needed")
        part = self._ready or next(self._parts, None)
        if part is None:
            self.close()
            return None
        size = min(count, len(part.raw) // self._width)
        if not self._wait(part.first + size, timeout_s):
            self._ready = part
            return FlowPart(part.first, b"")
        cut = size * self._width
        rest = part.raw[cut:]
        self._ready = FlowPart(part.first + size, rest) if rest else None
        return FlowPart(part.first, part.raw[:cut], part.lost)

    def close(self) -> None:
        """Close the logs; may be called again."""
        if self._log:
            self._log.close()
            self._log = None
            if self._camera and self._stem:
                self._camera.save_truth(self._stem.with_name(self._stem.name + ".truth.npz"))

    def _enter(self, slot: SentSlot) -> None:
        if self._log:
            self._log.enter(slot, self._signal)

    def _cut(self) -> Iterator[FlowPart]:
        gaps = self.request.impairments.gaps
        marked, gone = bool(gaps and gaps.marked), 0
        for block in self._signal.blocks():
            gone += 0 if marked else block.lost
            raw = from_samples(block.samples, self.request.format)
            if raw or (marked and block.lost):
                yield FlowPart(block.first - gone, raw, block.lost if marked else 0)

    def _wait(self, until_sample: int, timeout_s: float) -> bool:
        """Wait until the clock has reached a sample; False when that takes longer than the timeout."""
        if self._pace.factor is None:
            return True
        now = self._pace.monotonic()
        if self._began is None:
            self._began = now
        wait = self._began + until_sample / (self.request.sample_rate * self._pace.factor) - now
        if wait > 0:
            self._pace.sleep(min(wait, timeout_s))
        return wait <= timeout_s
