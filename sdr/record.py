"""The recording loop: samples to the disk first, every loss marked with its cause, ends cleanly.

It does nothing else. A device that fails is opened anew until the recording is due to end; the time without
samples becomes a gap, counted by the computer's clock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdr.errors import DeviceError
from sdr.receiver import Opened, Receiver, Tuning
from sdr.record_session import Limit, RecordProgress, Session, StopFlag
from sdr.recording import RecordingInfo
from sdr.writer import RecordingWriter

__all__ = ["RESERVE_BYTES", "RecordProgress", "StopFlag", "open_patiently", "open_writer", "record"]

RESERVE_BYTES = 256 << 20


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
    session = Session(receiver, writer, tuning, reserve_bytes, progress)
    try:
        session.check_room()
        reason = session.run(Limit(duration_s, stop_at), stop, block_s, timeout_s)
    except BaseException as error:
        with contextlib.suppress(DeviceError):  # the first fault is the one to tell
            writer.close(f"stopped by {type(error).__name__}: {error}")
        raise
    writer.close(reason)
    return RecordingInfo(
        writer.data_path,
        writer.header.format,
        writer.header.sample_rate,
        writer.header.center_frequency_hz,
        writer.start,
        writer.sample_count,
        tuple(writer.gaps),
        writer.header.metadata,
        reason,
    )
