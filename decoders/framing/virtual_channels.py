"""What the counters of frames say: per spacecraft and virtual channel, how many came and are missing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from decoders.framing.frame import IDLE_VCID, Frame
from decoders.framing.minor_frames import FRAMES_PER_DAY

COUNTER_MODULUS = 1 << 24


@dataclass
class VirtualChannel:
    """Counts of one channel.

    Attributes:
        scid: spacecraft, or None.
        vcid: virtual channel; None for NOAA's minor frames, which share one counter.
        frames: that came, good ones only.
        first, last: their counters.
        lost: missing between them.
        restarts: how often the counter went back: a repeated stretch, or another recording.
    """

    scid: int | None
    vcid: int | None
    frames: int = 0
    first: int | None = None
    last: int | None = None
    lost: int = 0
    restarts: int = 0


class VirtualChannels:
    """Counts the good frames of each channel as they come."""

    def __init__(self) -> None:
        self._channels: dict[tuple[int | None, int | None], VirtualChannel] = {}
        # Counters that nothing protects: one that jumps counts only when the next agrees with it. Frames
        # since the last counter that was believed, and the one in doubt.
        self._doubtful: dict[tuple[int | None, int | None], tuple[int, int | None]] = {}

    def add(self, frame: Frame) -> None:
        """Enter a good frame."""
        key = (frame.scid, None if frame.unprotected else frame.vcid)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = VirtualChannel(*key)
        channel.frames += 1
        if frame.unprotected:
            self._count_unprotected(channel, key, frame.counter)
        elif frame.counter is not None:
            self._count(channel, frame.counter, COUNTER_MODULUS)

    def _count(self, channel: VirtualChannel, counter: int, modulus: int, since: int = 1) -> None:
        if channel.first is None or channel.last is None:
            channel.first = channel.last = counter
            return
        lost = (counter - channel.last - since) % modulus
        if lost >= modulus // 2:
            # The same frame twice is no restart of the counter.
            channel.restarts += counter != channel.last
        else:
            channel.lost += lost
        channel.last = counter

    def _count_unprotected(
        self, channel: VirtualChannel, key: tuple[int | None, int | None], counter: int | None
    ) -> None:
        since, doubtful = self._doubtful.get(key, (0, None))
        since += 1
        if counter is not None and (
            channel.last is None
            or (counter - channel.last - since) % FRAMES_PER_DAY == 0
            or (doubtful is not None and (counter - doubtful) % FRAMES_PER_DAY == 1)
        ):
            self._count(channel, counter, FRAMES_PER_DAY, since)
            since, counter = 0, None
        self._doubtful[key] = (since, counter)

    @property
    def lost(self) -> int:
        """Missing frames of all channels but idle ones."""
        return sum(channel.lost for channel in self._channels.values() if channel.vcid != IDLE_VCID)

    @property
    def scids(self) -> dict[int, int]:
        """Good frames by spacecraft, most first."""
        counts: dict[int, int] = {}
        for channel in self._channels.values():
            if channel.scid is not None:
                counts[channel.scid] = counts.get(channel.scid, 0) + channel.frames
        return dict(sorted(counts.items(), key=lambda pair: -pair[1]))

    def table(self) -> list[dict[str, Any]]:
        """A row per channel, by spacecraft and channel."""
        order = sorted(self._channels.values(), key=lambda one: (str(one.scid), one.vcid or 0))
        return [asdict(channel) for channel in order]
