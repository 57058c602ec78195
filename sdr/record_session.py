"""One recording under way: what `sdr.record.record` does in the thread that reads the device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError
from sdr.growing import COMMIT_BYTES
from sdr.intake import STALLED, Intake
from sdr.level_meter import level_of
from sdr.level_sums import level_sums
from sdr.receiver import Block, Receiver, Tuning
from sdr.record_progress import SILENT, Limit, RecordProgress, StopFlag, Teller
from sdr.segment_writer import Writer

_LOOK_S = 1.0
_REOPEN_S = 0.5
# For what is still in the buffers of a device that seems silent.
_PATIENCE_S = 10.0
# Samples of a receiver just opened may have waited that long before they reach us.
_BUFFERED_S = 0.1
# A crystal is that wrong; the time between two processes is counted by the clock and kept by the samples.
_CRYSTAL = 100e-6
# Samples with a time before that are played or simulated.
_OLDEST_S = 60.0
_LEVEL_BYTES = 1 << 16
_SETTLE_S = 0.02


class Session:
    """One recording under way."""

    def __init__(
        self,
        receiver: Receiver,
        writer: Writer,
        tuning: Tuning | None,
        disk: DiskThread,
        progress: Callable[[RecordProgress], None] | None,
    ) -> None:
        self.receiver, self.tuning, self.ring, self.disk = receiver, tuning, disk.ring, disk
        self.format, self.rate = writer.header.format, writer.header.sample_rate
        self.bytes_per_sample = writer.bytes_per_sample
        # A playback as fast as it goes waits for the disk; the sky does not.
        self.waits = not getattr(receiver, "paced", True)
        self.start = writer.start
        self.intake = Intake(disk.ring, writer.bytes_per_sample, writer.sample_count, writer.lost_samples)
        self.teller = Teller(progress)
        now = time.monotonic()
        # A sample and when it was in the air, by the monotonic clock: from there a gap is counted.
        self.known = (0, now)
        # What made POSIX seconds monotonic ones when the receiver was opened.
        self.opened_s = now - time.time()
        self.failure = ""
        if writer.resumed and (writer.start is not None or writer.sample_count):
            self.failure = "the recorder died"
            stamp = writer.stamp or (writer.start and (0, writer.start.timestamp()))
            sample, posix_s = stamp or (writer.sample_count, time.time())  # nobody knows since when
            self.known = (sample, now - (time.time() - posix_s))
        self.first = self.start is None or not writer.sample_count
        self.heard_at, self.looked_at = now, -_LOOK_S
        self.last = b""
        self.away = self.ended = self.stalls = False

    def run(self, limit: Limit, stop: StopFlag | None, block_s: float, timeout_s: float) -> str:
        """Record; returns why it is over."""
        count = max(round(block_s * self.rate), 1)
        while True:
            most = limit.samples(self.start, self.rate)
            if most is not None and self.intake.count >= most:
                return "finished"
            if self._silent_beyond(limit, most):
                return f"{SILENT}, and the time is over"
            if stop is not None and stop.is_set():
                return f"stopped on request; {SILENT}" if self.failure else "stopped on request"
            if self.ended:
                return "the source ended"
            if self.disk.left and not self.ring.shared:
                return "neither disk nor shared memory takes samples"
            # In whole blocks to the end: a receiver that holds samples back would give crumbs at every look.
            self._take(self._read(count, timeout_s), most)
            self._look()

    def close(self, reason: str, patience_s: float) -> None:
        """Have the disk take the rest and end the recording; DeviceError when it does not in time."""
        deadline = time.monotonic() + patience_s
        while not self.intake.settle() and time.monotonic() < deadline:
            time.sleep(_SETTLE_S)
        try:
            self.disk.finish(reason, patience_s)
            if self.disk.failure is not None:
                raise self.disk.failure
            self.ring.close(remove=not self.disk.left)
        finally:
            self.teller.close()

    def _silent_beyond(self, limit: Limit, most: int | None) -> bool:
        """A silent device never delivers the last sample: then the clock ends the recording."""
        now = time.monotonic()
        if now - self.heard_at < _PATIENCE_S:
            return False
        if most is not None:
            return now > self.known[1] + (most - self.known[0]) / self.rate
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
        opened = self.receiver.open(self.tuning)
        if (opened.format, opened.sample_rate) != (self.format, self.rate):
            self.tuning = None  # no further try
            raise DeviceError(
                f"the receiver came back with {opened.format} at {opened.sample_rate:g} Hz "
                f"instead of {self.format} at {self.rate:g} Hz"
            )
        self.opened_s = time.monotonic() - time.time()
        self.away = False

    def _failed(self, reason: str, timeout_s: float) -> None:
        if not self.failure:
            self._tell(f"the receiver failed: {reason}")
            self.failure = f"receiver opened anew after: {reason}"
        if self.away:  # it does not even open: no hurry
            time.sleep(min(timeout_s, _REOPEN_S))
        self.away = True

    def _after_failure(self, block: Block) -> Block:
        """The first block of a receiver that is back: what it missed is counted by the clock."""
        cause, self.failure = self.failure, ""
        if self.intake.count == 0 and self.start is None:
            return block  # nothing was missed: the recording begins now
        passed_s = self._in_the_air(block) - self.known[1]
        missing = max(round(passed_s * self.rate) + self.known[0] - self.intake.count, 1)
        uncertainty = round((_BUFFERED_S + _CRYSTAL * passed_s) * self.rate)
        return Block(block.raw, missing, cause, uncertainty, block.time, block.ended)

    def _in_the_air(self, block: Block) -> float:
        """When the first sample of a block just read was in the air, by the monotonic clock."""
        told = self._told_times(block)
        if not told:
            return time.monotonic() - len(block.raw) / self.bytes_per_sample / self.rate
        due = self.known[1] + (self.intake.count + block.lost - self.known[0]) / self.rate
        return min(told, key=lambda at: abs(at - due))

    def _told_times(self, block: Block) -> list[float]:
        """The same by the block's own time; none where it is played. Samples may have been held back.

        A receiver that stamps goes by the clock as it was when it was opened, one that does not by the clock
        as it is. Where that was set in between, one of both is wrong.
        """
        if block.time is None:
            return []
        now = time.monotonic()
        times = (block.time + self.opened_s, block.time + now - time.time())
        return [at for at in times if now - _OLDEST_S < at <= now]

    def _take(self, block: Block, most: int | None) -> None:
        self.ended = block.ended
        if not block.raw and not block.lost:
            return
        self.heard_at = time.monotonic()
        if self.first:
            self._state_start(block)
        room = None if most is None else most - self.intake.count
        lost = block.lost if room is None else min(block.lost, room)
        if lost:
            self.intake.lose(lost, block.cause, block.lost_uncertainty)
            self._tell(f"{lost} samples lost: {block.cause}")
        raw = memoryview(block.raw)
        raw = raw if room is None else raw[: (room - lost) * self.bytes_per_sample]
        if raw:
            self._stamp(block)
            self._put(raw)
            self.last = block.raw

    def _put(self, raw: memoryview) -> None:
        """Into the ring, in pieces that find room there."""
        piece = self.ring.capacity // 8 // self.bytes_per_sample * self.bytes_per_sample
        for first in range(0, len(raw), piece):
            while self.waits and self.ring.free() < piece and self.disk.failure is None:
                self.disk.wake()
                time.sleep(_SETTLE_S)
            self.intake.take(raw[first : first + piece])
        if self.ring.capacity - self.ring.free() >= min(COMMIT_BYTES // 2, self.ring.capacity // 4):
            self.disk.wake()
        if bool(self.intake.stalled) != self.stalls:
            self.stalls = not self.stalls
            self._tell(f"{STALLED}: the ring in memory is full" if self.stalls else "the disk goes on")

    def _state_start(self, block: Block) -> None:
        """State the start exactly, now that the first sample is here, or the first that has a time."""
        self.first = False
        before_s = (self.intake.count + block.lost) / self.rate
        self.known = (0, self._in_the_air(block) - before_s)
        if self.start is None and block.time is not None:
            self.start = datetime.fromtimestamp(block.time - before_s, UTC)
            self.disk.set_start(self.start)

    def _stamp(self, block: Block) -> None:
        """Remember when the first sample of this block was in the air."""
        self.known = (self.intake.count, self._in_the_air(block))
        if block.time is not None and self._told_times(block):
            self.ring.stamp(self.intake.count, block.time, self.known[1])

    def _look(self) -> None:
        """Once a second: progress."""
        if self.disk.failure is not None:
            raise self.disk.failure
        while self.disk.notes:
            self._tell(self.disk.notes.popleft())
        now = time.monotonic()
        if now - self.looked_at >= _LOOK_S:
            self.looked_at = now
            self._tell("")

    def _tell(self, note: str) -> None:
        sums = level_sums(memoryview(self.last)[:_LEVEL_BYTES], self.format)
        level = level_of(0, sums, self.format) if sums.count else None
        dbfs = -math.inf if level is None or level.dbfs is None else level.dbfs
        clipped = 0.0 if level is None else level.clipped
        state = RecordProgress(self.intake.count, self.intake.lost, dbfs, clipped, self.disk.free_bytes, note)
        self.teller.tell(state)
