"""Recording: samples to memory, from there to the disk, every loss marked with its cause.

It does nothing else. A device that fails is opened anew until the recording is due to end; the time without
samples becomes a gap, counted by the computer's clock.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdr.clock_quality import clock_quality
from sdr.disk_thread import DiskThread
from sdr.errors import DeviceError
from sdr.priority import come_first, read_in_real_time
from sdr.receiver import Opened, Receiver, Tuning
from sdr.record_progress import Limit, RecordProgress, StopFlag
from sdr.record_session import Session
from sdr.recording import RecordingInfo
from sdr.recording_files import beside, remove_stillborn
from sdr.ring import Ring, ring_path
from sdr.segment_files import newest_segment
from sdr.segment_writer import SegmentWriter, Writer
from sdr.sigmf import INDEX_SUFFIX
from sdr.sweep import sweep_within
from sdr.writer import RecordingWriter

__all__ = [
    "RESERVE_BYTES",
    "RecordProgress",
    "StopFlag",
    "open_patiently",
    "open_writer",
    "record",
    "take_up",
]

_log = logging.getLogger(__name__)

RESERVE_BYTES = 256 << 20
_PATIENCE_S = 60.0  # with a disk that stands still at the end
_RING_S = 12.0  # a disk may stall for 10 s
_SWEEP_S = 1.0
MOST_RING_BYTES = 80 << 20  # the whole process stays below 150 MB


def open_patiently(
    receiver: Receiver,
    tuning: Tuning,
    until: datetime,
    *,
    stop: StopFlag | None = None,
    told: Callable[[str], None] | None = None,
    retry_s: float = 1.0,
) -> Opened:
    """Open a receiver that may not be there yet (a dongle after a power cut, a server that starts late).

    Args:
        receiver: to be opened.
        tuning: how.
        until: aware time after which it is given up.
        stop: gives it up at once.
        told: is given each new reason why it does not open.
        retry_s: between the tries.

    Raises:
        DeviceError: the last reason.
    """
    reason = ""
    while True:
        try:
            return receiver.open(tuning)
        except DeviceError as error:
            if datetime.now(UTC) >= until or (stop is not None and stop.is_set()):
                raise
            if told is not None and str(error) != reason:
                told(reason := str(error))
        time.sleep(retry_s)


def open_writer(
    opened: Opened,
    path_stem: Path | str,
    *,
    start: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    durable: bool = True,
    segment_s: float | None = None,
    keep_segments: int | None = None,
    may_go: Callable[[int], bool] | None = None,
) -> Writer:
    """A writer for what an opened receiver delivers; the settings it really took go into the metadata.

    Args:
        opened: the receiver.
        path_stem: path without suffix.
        start: aware time of the first sample; None takes it from the receiver.
        metadata: further words.
        durable: wait for the disk at every commit.
        segment_s: length of a file; None makes it one file.
        keep_segments: so many files are left, the growing one among them; None keeps all.
        may_go: see `SegmentWriter`; None lets any go.
    """
    facts: dict[str, Any] = {"hw": opened.device, "gain_db": opened.gain_db, "antenna": opened.antenna}
    known = {key: value for key, value in facts.items() if value is not None}
    notes: dict[str, Any] = {"receiver_notes": list(opened.notes)} if opened.notes else {}
    if opened.smallest_visible_loss > 1:
        notes["smallest_visible_loss"] = opened.smallest_visible_loss
    writer = RecordingWriter(
        path_stem,
        format=opened.format,
        sample_rate=opened.sample_rate,
        center_frequency_hz=opened.frequency_hz,
        start=start,
        metadata=known | dict(opened.facts) | notes | (metadata or {}),
        clock_quality=clock_quality().to_mapping(),
        durable=durable,
    )
    if segment_s is None:
        return writer
    return SegmentWriter(writer, writer.path_stem, segment_s, keep_segments, may_go)


def take_up(
    path_stem: Path | str,
    *,
    segment_s: float | None = None,
    keep_segments: int | None = None,
    may_go: Callable[[int], bool] | None = None,
) -> Writer | None:
    """The writer of a recording that another process began and did not end; alive for followers at once.

    Args:
        path_stem: as it was given to the first writer.
        segment_s: as it was given to the first writer.
        keep_segments: as it was given to the first writer.
        may_go: see `SegmentWriter`; None lets any go.

    Returns:
        None when nothing was begun there, or nothing but names: then a new recording can be.

    Raises:
        RecordingError: it is finished, or another process is writing it.
        DeviceError: the disk refuses.
    """
    stem = Path(path_stem)
    if not newest_segment(stem) and (remove_stillborn(stem) or not beside(stem, INDEX_SUFFIX).exists()):
        return None
    if segment_s is None:
        return RecordingWriter.resume(stem)
    return SegmentWriter.resume(stem, segment_s, keep_segments, may_go)


def record(
    receiver: Receiver,
    writer: Writer,
    *,
    duration_s: float | None = None,
    stop_at: datetime | None = None,
    stop: StopFlag | None = None,
    tuning: Tuning | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    ring_bytes: int | None = None,
    progress: Callable[[RecordProgress], None] | None = None,
    block_s: float = 0.1,
    timeout_s: float = 0.5,
    urgent: bool = False,
) -> RecordingInfo:
    """Record from an open receiver until its time is over; closes the writer, not the receiver.

    This thread reads the receiver into a ring in shared memory, another one brings it to the disk. A disk
    that stands still for longer than the ring lasts costs a counted gap; where it fills or refuses, samples
    stay in memory for whoever follows, until it can be used again.

    Args:
        receiver: opened.
        writer: new or resumed, of the receiver's format and rate. The time since a resumed one's last sample
            becomes a gap.
        duration_s: length in samples' time.
        stop_at: aware time of the end, by the samples' time.
        stop: ends the recording within a block.
        tuning: to open the receiver again when it fails; without it a failure ends the recording.
        reserve_bytes: of the disk, left free.
        ring_bytes: of the ring; None takes 12 s of samples, at most 80 MiB.
        progress: called from another thread, about once a second and when something happens.
        block_s: longest block that is asked for.
        timeout_s: patience with a silent device before the clock and `stop` are looked at.
        urgent: come before all other work of this computer, as far as it is allowed.

    Returns:
        The finished recording; `end` says why it ended.

    Raises:
        DeviceError: the receiver failed for good, or the disk did not take everything. What was committed
            stays readable.
    """
    header = writer.header
    if urgent:
        _log.info("the recorder: %s", come_first())  # before the thread of the disk is begun
    sweep_within(_SWEEP_S)
    size = ring_bytes or min(round(_RING_S * header.sample_rate) * writer.bytes_per_sample, MOST_RING_BYTES)
    ring = Ring.create(ring_path(writer.path_stem), size, writer.sample_count, writer.path_stem)
    disk = DiskThread(writer, ring, reserve_bytes)
    session = Session(receiver, writer, tuning, disk, progress)
    limit = Limit(duration_s, stop_at)
    expected = limit.expected(writer.start, header.sample_rate)
    disk.begin(None if expected is None else expected * writer.bytes_per_sample)
    if urgent:
        _log.info("the recorder: %s", read_in_real_time())
    try:
        reason = session.run(limit, stop, block_s, timeout_s)
    except BaseException as error:
        with contextlib.suppress(DeviceError):  # the first fault is the one to tell
            session.close(f"stopped by {type(error).__name__}: {error}", _PATIENCE_S)
        raise
    session.close(reason, _PATIENCE_S)
    if disk.left:
        raise DeviceError(_left(disk.left, writer.sample_count, session.intake.count, header.sample_rate))
    return RecordingInfo(
        writer.current.data_path,
        header.format,
        header.sample_rate,
        header.center_frequency_hz,
        writer.start,
        writer.sample_count,
        tuple(writer.gaps),
        header.metadata,
        reason,
    )


def _left(reason: str, kept: int, received: int, sample_rate: float) -> str:
    return (
        f"{reason}; {kept / sample_rate:.1f} s are on the disk, the {(received - kept) / sample_rate:.1f} s "
        "after them were in memory only"
    )
