"""The recording loop: samples to the disk first, every loss marked with its cause, ends cleanly.

It does nothing else. A device that fails is opened anew until the recording is due to end; the time without
samples becomes a gap, counted by the computer's clock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sdr.disk import free_bytes
from sdr.errors import DeviceError
from sdr.formats import to_samples
from sdr.receiver import Block, Opened, Receiver, Tuning
from sdr.recording import RecordingInfo, open_recording
from sdr.writer import RecordingWriter

RESERVE_BYTES = 256 << 20
_LOOK_S = 1.0
_REOPEN_S = 0.5


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


def open_writer(
    opened: Opened,
    path_stem: Path | str,
    *,
    start: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    durable: bool = True,
) -> RecordingWriter:
    """A writer for what an opened receiver delivers; the settings it really took go into the metadata."""
    facts: dict[str, Any] = {"hw": opened.device, "gain_db": opened.gain_db, "antenna": opened.antenna}
    known = {key: value for key, value in facts.items() if value is not None}
    notes = {"receiver_notes": list(opened.notes)} if opened.notes else {}
    return RecordingWriter(
        path_stem,
        format=opened.format,
        sample_rate=opened.sample_rate,
        center_frequency_hz=opened.frequency_hz,
        start=start,
        metadata=known | notes | (metadata or {}),
        durable=durable,
    )


def record(
    receiver: Receiver,
    writer: RecordingWriter,
    *,
    duration_s: float | None = None,
    stop_at: datetime | None = None,
    stop: StopFlag | None = None,
    tuning: Tuning | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    progress: Callable[[RecordProgress], None] | None = None,
    block_s: float = 0.1,
    timeout_s: float = 0.5,
) -> RecordingInfo:
    """Record from an open receiver until its time is over; closes the writer, not the receiver.

    Args:
        receiver: opened.
        writer: new, of the receiver's format and rate.
        duration_s: length in samples' time.
        stop_at: aware time of the end, by the samples' time.
        stop: ends the recording within a block.
        tuning: to open the receiver again when it fails; without it a failure ends the recording.
        reserve_bytes: of the disk, left free; the recording ends cleanly when they are reached.
        progress: called about once a second and when something happens.
        block_s: length of a block.
        timeout_s: patience with a silent device before the clock and `stop` are looked at.

    Returns:
        The finished recording; `end` says why it ended.

    Raises:
        DeviceError: no room on the disk at the start, or the disk fails. What was recorded stays readable.
    """
    session = _Session(receiver, writer, tuning, reserve_bytes, progress)
    try:
        session.check_room()
        reason = session.run(_Limit(duration_s, stop_at), stop, block_s, timeout_s)
    except BaseException as error:
        writer.close(f"stopped by {type(error).__name__}: {error}")
        raise
    writer.close(reason)
    with open_recording(writer.data_path) as reader:
        return reader.info


@dataclass(frozen=True)
class _Limit:
    duration_s: float | None
    stop_at: datetime | None

    def samples(self, writer: RecordingWriter, opened_at: datetime) -> int | None:
        """How long the recording may become, None without limit; before its first sample by the clock."""
        lengths = [] if self.duration_s is None else [self.duration_s]
        if self.stop_at is not None:
            lengths.append((self.stop_at - (writer.start or opened_at)).total_seconds())
        return round(max(min(lengths), 0.0) * writer.header.sample_rate) if lengths else None


class _Session:
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
        self.opened_at = datetime.now(UTC)
        self.looked_at = -_LOOK_S
        self.last = b""
        self.failure = ""
        self.ended = False

    def check_room(self) -> None:
        free = free_bytes(self.folder)
        if free <= self.reserve_bytes:
            raise DeviceError(
                f"no room to record in {self.folder}: {free >> 20} MiB are free, "
                f"{self.reserve_bytes >> 20} MiB are kept in reserve; delete or move something"
            )

    def run(self, limit: _Limit, stop: StopFlag | None, block_s: float, timeout_s: float) -> str:
        """Record; returns why it is over."""
        count = max(round(block_s * self.writer.header.sample_rate), 1)
        while True:
            most = limit.samples(self.writer, self.opened_at)
            left = count if most is None else most - self.writer.sample_count
            if left <= 0 or (most is not None and self._clock_is_over(most)):
                return "finished"
            if stop is not None and stop.is_set():
                return "stopped on request"
            if self.ended:
                return "the source ended"
            self._take(self._read(min(count, left), timeout_s), most)
            if not self._look():
                return f"the disk is full but for the reserve of {self.reserve_bytes >> 20} MiB"

    def _clock_is_over(self, most: int) -> bool:
        """A silent device does not deliver the end; ten seconds of patience for what is still in buffers."""
        return time.monotonic() - self.began_at > most / self.writer.header.sample_rate + 10.0

    def _read(self, count: int, timeout_s: float) -> Block:
        if self.failure:
            return self._reopened(timeout_s)
        try:
            return self.receiver.read(count, timeout_s)
        except DeviceError as error:
            if self.tuning is None:
                raise
            self.failure = str(error)
            self._tell(f"the receiver failed: {error}")
            return Block(b"")

    def _reopened(self, timeout_s: float) -> Block:
        """Open the receiver anew; empty until that worked."""
        assert self.tuning is not None  # noqa: S101 for the type checker
        try:
            self.receiver.close()
            opened = self.receiver.open(self.tuning)
            block = self.receiver.read(1 << 16, timeout_s)
        except DeviceError:
            time.sleep(min(timeout_s, _REOPEN_S))
            return Block(b"")
        head = self.writer.header
        if (opened.format, opened.sample_rate) != (head.format, head.sample_rate):
            raise DeviceError(
                f"the receiver came back with {opened.format} at {opened.sample_rate:g} Hz "
                f"instead of {head.format} at {head.sample_rate:g} Hz"
            )
        if not block.raw:
            return block
        cause, self.failure = f"receiver opened anew after: {self.failure}", ""
        return Block(block.raw, self._missing_by_clock(block.raw), cause, lost_exact=False, time=block.time)

    def _missing_by_clock(self, raw: bytes) -> int:
        rate = self.writer.header.sample_rate
        length = self._samples(raw)
        return max(round((time.monotonic() - self.began_at) * rate) - length - self.writer.sample_count, 1)

    def _samples(self, raw: bytes) -> int:
        return len(raw) // self.writer.bytes_per_sample

    def _take(self, block: Block, most: int | None) -> None:
        self.ended = block.ended
        if not block.raw and not block.lost:
            return
        first = self.writer.sample_count == 0
        if first:
            self._first(block)
        room = None if most is None else most - self.writer.sample_count
        lost = block.lost if room is None else min(block.lost, room)
        if lost:
            self.writer.gap(lost, block.cause if block.lost_exact else f"{block.cause} (length estimated)")
            self._tell(f"{lost} samples lost: {block.cause}")
        raw = block.raw if room is None else block.raw[: (room - lost) * self.writer.bytes_per_sample]
        self.writer.write_raw(raw)
        self.last = raw or self.last

    def _first(self, block: Block) -> None:
        """State the start exactly, now that the first sample is here."""
        rate = self.writer.header.sample_rate
        self.began_at = time.monotonic() - self._samples(block.raw) / rate
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
        level_dbfs, clipped = _level(self.last, self.writer.header.format)
        lost = sum(gap.sample_count for gap in self.writer.gaps)
        state = RecordProgress(
            self.writer.sample_count, lost, level_dbfs, clipped, free_bytes(self.folder), note
        )
        with contextlib.suppress(Exception):  # no listener may ever stop a recording
            self.progress(state)


def _level(raw: bytes, fmt: str) -> tuple[float, float]:
    samples = to_samples(raw, fmt)
    if not len(samples):
        return -np.inf, 0.0
    power = float(np.mean(np.abs(samples) ** 2))
    full = 127 / 128  # the highest positive code of eight bits
    clipped = np.mean((np.abs(samples.real) >= full) | (np.abs(samples.imag) >= full))
    return 10 * float(np.log10(power)) if power > 0 else -np.inf, float(clipped)
