"""One recording under way: what `sdr.record.record` does, step by step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sdr.disk import free_bytes
from sdr.errors import DeviceError
from sdr.formats import to_samples
from sdr.levels import clipped_share, level_dbfs
from sdr.receiver import Block, Receiver, Tuning
from sdr.writer import RecordingWriter

_LOOK_S = 1.0
_REOPEN_S = 0.5
# For what is still in the buffers of a device that seems silent.
_PATIENCE_S = 10.0
# Samples of a receiver just opened may have waited that long before they reach us.
_BUFFERED_S = 0.1


class StopFlag(Protocol):
    """A threading.Event, or anything that can be asked like one."""

    def is_set(self) -> bool:
        """Whether the recording shall end now."""


@dataclass(frozen=True)
class RecordProgress:
    """How a recording stands; level and clipping are of the newest block.

    Attributes:
        sample_count: samples so far, gaps included.
        lost_samples: of these, lost.
        level_dbfs: mean power below full scale.
        clipped: share of samples with I or Q at full scale.
        free_bytes: room left on the disk.
        note: what just happened, or empty.
    """

    sample_count: int
    lost_samples: int
    level_dbfs: float
    clipped: float
    free_bytes: int
    note: str = ""


@dataclass(frozen=True)
class Limit:
    """When a recording ends, by the time of its samples."""

    duration_s: float | None
    stop_at: datetime | None

    def samples(self, writer: RecordingWriter) -> int | None:
        """How long the recording may become; None without limit, and while its start is unknown."""
        lengths = [] if self.duration_s is None else [self.duration_s]
        if self.stop_at is not None and writer.start is not None:
            lengths.append((self.stop_at - writer.start).total_seconds())
        return round(max(min(lengths), 0.0) * writer.header.sample_rate) if lengths else None


class Session:
    """One recording under way."""

    def __init__(
        self,
        receiver: Receiver,
        writer: RecordingWriter,
        tuning: Tuning | None,
        reserve_bytes: int,
        progress: Callable[[RecordProgress], None] | None,
    ) -> None:
        self.receiver, self.writer, self.tuning = receiver, writer, tuning
        self.reserve_bytes, self.progress = reserve_bytes, progress
        self.folder = writer.path_stem.parent
        self.began_at = time.monotonic()  # when sample 0 was in the air, as far as the clock can tell
        self.heard_at = self.began_at
        self.looked_at = -_LOOK_S
        self.last = b""
        self.failure = ""
        self.away = False
        self.ended = False

    def check_room(self) -> None:
        """DeviceError when the disk is full from the start."""
        free = free_bytes(self.folder)
        if free <= self.reserve_bytes:
            raise DeviceError(
                f"no room to record in {self.folder}: {free >> 20} MiB are free, "
                f"{self.reserve_bytes >> 20} MiB are kept in reserve; delete or move something"
            )

    def run(self, limit: Limit, stop: StopFlag | None, block_s: float, timeout_s: float) -> str:
        """Record; returns why it is over."""
        count = max(round(block_s * self.writer.header.sample_rate), 1)
        while True:
            most = limit.samples(self.writer)
            left = count if most is None else most - self.writer.sample_count
            if left <= 0:
                return "finished"
            if self._silent_beyond(limit, most):
                return "no more samples came, and the time is over"
            if stop is not None and stop.is_set():
                return "stopped on request"
            if self.ended:
                return "the source ended"
            self._take(self._read(min(count, left), timeout_s), most)
            if not self._look():
                return f"the disk is full but for the reserve of {self.reserve_bytes >> 20} MiB"

    def _silent_beyond(self, limit: Limit, most: int | None) -> bool:
        """A silent device never delivers the last sample: then the clock ends the recording."""
        now = time.monotonic()
        if now - self.heard_at < _PATIENCE_S:
            return False
        if most is not None:
            return now - self.began_at > most / self.writer.header.sample_rate
        return limit.stop_at is not None and datetime.now(UTC) > limit.stop_at

    def _read(self, count: int, timeout_s: float) -> Block:
        """The next block; empty while the receiver is silent or away."""
        try:
            if self.away:
                self._open_anew()
            block = self.receiver.read(count, timeout_s)
        except DeviceError as error:
            if self.tuning is None:
                raise
            self._failed(str(error), timeout_s)
            return Block(b"")
        return self._after_failure(block) if self.failure and block.raw else block

    def _open_anew(self) -> None:
        """Open the receiver after a failure."""
        assert self.tuning is not None  # noqa: S101 for the type checker
        self.receiver.close()
        opened, head = self.receiver.open(self.tuning), self.writer.header
        if (opened.format, opened.sample_rate) != (head.format, head.sample_rate):
            self.tuning = None  # no further try
            raise DeviceError(
                f"the receiver came back with {opened.format} at {opened.sample_rate:g} Hz "
                f"instead of {head.format} at {head.sample_rate:g} Hz"
            )
        self.away = False

    def _failed(self, reason: str, timeout_s: float) -> None:
        if not self.failure:
            self._tell(f"the receiver failed: {reason}")
            self.failure = reason
        if self.away:  # it does not even open: no hurry
            time.sleep(min(timeout_s, _REOPEN_S))
        self.away = True

    def _after_failure(self, block: Block) -> Block:
        """The first block of a receiver that is back: what it missed is counted by the clock."""
        cause, self.failure = f"receiver opened anew after: {self.failure}", ""
        if self.writer.sample_count == 0 and self.writer.start is None:
            return block  # nothing was missed: the recording begins now
        uncertainty = round(_BUFFERED_S * self.writer.header.sample_rate)
        return Block(block.raw, self._missing_by_clock(block), cause, uncertainty, block.time)

    def _missing_by_clock(self, block: Block) -> int:
        passed_s = self._in_the_air(block) - self.began_at
        return max(round(passed_s * self.writer.header.sample_rate) - self.writer.sample_count, 1)

    def _in_the_air(self, block: Block) -> float:
        """When the first sample of a block just read was in the air, by the monotonic clock."""
        if block.time is not None:  # a receiver may hold samples back while it looks for losses
            return time.monotonic() - (time.time() - block.time)
        return time.monotonic() - self._samples(block.raw) / self.writer.header.sample_rate

    def _samples(self, raw: bytes) -> int:
        return len(raw) // self.writer.bytes_per_sample

    def _take(self, block: Block, most: int | None) -> None:
        self.ended = block.ended
        if not block.raw and not block.lost:
            return
        self.heard_at = time.monotonic()
        first = self.writer.sample_count == 0
        if first:
            self._first(block)
        room = None if most is None else most - self.writer.sample_count
        lost = block.lost if room is None else min(block.lost, room)
        if lost:
            self.writer.gap(lost, block.cause, block.lost_uncertainty)
            self._tell(f"{lost} samples lost: {block.cause}")
        raw = block.raw if room is None else block.raw[: (room - lost) * self.writer.bytes_per_sample]
        self.writer.write_raw(raw)
        self.last = raw or self.last

    def _first(self, block: Block) -> None:
        """State the start exactly, now that the first sample is here."""
        rate = self.writer.header.sample_rate
        self.began_at = self._in_the_air(block) - block.lost / rate
        if self.writer.start is None and block.time is not None:
            self.writer.set_start(datetime.fromtimestamp(block.time - block.lost / rate, UTC))

    def _look(self) -> bool:
        """Once a second: heartbeat, progress; False when the disk is as full as it may become."""
        now = time.monotonic()
        if now - self.looked_at < _LOOK_S:
            return True
        self.looked_at = now
        self.writer.commit()
        self._tell("")
        return free_bytes(self.folder) > self.reserve_bytes

    def _tell(self, note: str) -> None:
        if self.progress is None:
            return
        samples = to_samples(self.last, self.writer.header.format)
        state = RecordProgress(
            self.writer.sample_count,
            self.writer.lost_samples,
            level_dbfs(samples),
            clipped_share(samples),
            free_bytes(self.folder),
            note,
        )
        with contextlib.suppress(Exception):  # no listener may ever stop a recording
            self.progress(state)
