"""Several downlinks out of one wide recording: who records, until when, and how the others get their share.

The first of several observations on one receiver and tuning records the whole band, until the last of them
is over. Each of the others takes its own channel out of that growing recording into one of its own, by the
process that would else have opened the receiver; behind that an observation is like any other. What dies is
begun again and goes on with the same samples.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdr.errors import DeviceError, RecordingError
from sdr.index import IndexReader
from sdr.recording_files import beside, remove_stillborn
from sdr.sigmf import INDEX_SUFFIX
from station.table_file import write_table

if TYPE_CHECKING:
    from sdr.recording import SampleReader
    from station.record import Assignment
    from station.records import Observation

_POLL_S = 0.1
_DEAD_AFTER_S = 60.0  # a recorder that dies is begun again much sooner
_SAME_HZ = 1.0


def tuned_hz(observation: Observation) -> float:
    """What the receiver is tuned to."""
    return observation.frequency_hz if observation.center_hz is None else observation.center_hz


def host_of(observation: Observation, others: Sequence[Observation]) -> Observation | None:
    """The one whose recording under way holds this one's band, for the longer part of its time at least.

    A recording knows its end when it begins. Of what is booked after that and ends later, the rest is lost;
    where that is the longer part, the receiver is waited for instead.
    """
    return next(
        (
            other
            for other in others
            if _fit(observation, other)
            and other.job("record").state == "running"
            and recording_end(other) - observation.start >= observation.end - recording_end(other)
        ),
        None,
    )


def recorded_until(observation: Observation, others: Sequence[Observation], *, setup_s: float) -> datetime:
    """When the last of those is over that join a recording which begins with this one.

    Args:
        observation: that records.
        others: what stands in the catalogue.
        setup_s: seconds that the receiver takes between two recordings.
    """
    from station.entries import is_filler

    until = observation.end
    for other in sorted(others, key=lambda other: other.start):
        # The pieces of a filler follow each other without end, and each is a recording.
        pause_s = 0.0 if is_filler(other) else setup_s
        joins = other.start < until + timedelta(seconds=pause_s) and other.job("record").state == "due"
        if joins and _fit(observation, other):
            until = max(until, other.end)
    return until


def recording_end(observation: Observation) -> datetime:
    """When its recording is to end, which others may share; its own end where nothing lies beside it."""
    end = description_of(observation).get("end")
    return observation.end if end is None else datetime.fromisoformat(str(end))


def bring_forward(observation: Observation, end: datetime) -> None:
    """Have its recording end earlier than it was told when it began."""
    table = {**description_of(observation), "end": end.isoformat()}
    write_table(observation.folder / "observation.json", table, durable=True)


def takes_share(observation: Observation) -> bool:
    """Whether it takes its channel out of the recording of another."""
    return bool(description_of(observation).get("wide"))


def description_of(observation: Observation) -> Mapping[str, Any]:
    """What lies beside its recording; empty where there is none."""
    try:
        table = json.loads((observation.folder / "observation.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def channel_options(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The decoder's options for a description: which channel of a wide recording is meant."""
    center_hz, frequency_hz = table.get("center_hz"), float(table.get("frequency_hz", 0.0))
    if table.get("wide") or center_hz is None or abs(float(center_hz) - frequency_hz) < _SAME_HZ:
        return ()
    return ("--channel", f"{frequency_hz:.0f}")


def record_share(
    wanted: Assignment, stem: Path, stop: threading.Event, progress: Callable[[float], None]
) -> int:
    """Take the channel out of the wide recording of another observation; samples in the file.

    Raises:
        DeviceError: that recording never began, or the disk refuses.
        RecordingError: it does not hold the channel.
    """
    from decoders.channel import channel_of
    from decoders.downlink import load_downlink
    from decoders.memory import keep_freed_memory
    from sdr.channel_record import record_channels

    keep_freed_memory()
    length_s = (wanted.end - wanted.start).total_seconds()
    if beside(stem, INDEX_SUFFIX).exists():
        remove_stillborn(stem)
    reader = _opened(wanted, stop)
    if reader is None:
        return 0
    with reader:
        modes = load_downlink(wanted.downlink).modes
        channel = channel_of(modes, wanted.frequency_hz, reader.info.sample_rate)
        (count,) = record_channels(
            reader,
            [channel],
            [stem],
            start=wanted.start,
            end=wanted.end,
            stop=stop,
            metadata={"description": f"{wanted.satellite} over {wanted.site.name}"},
            progress=lambda at: progress(min((at - wanted.start).total_seconds() / length_s, 1.0)),
        )
    return count


def _opened(wanted: Assignment, stop: threading.Event) -> SampleReader | None:
    """The wide recording, once it holds a sample and its time; None where it is stopped before."""
    from sdr.recording import open_recording

    assert wanted.wide is not None  # noqa: S101 - for the type checker
    index_path = beside(wanted.wide, INDEX_SUFFIX)
    while not stop.is_set():
        try:
            index = IndexReader(index_path)
            if index.committed and index.start is not None:
                return open_recording(wanted.wide, follow=True, stale_after_s=_DEAD_AFTER_S)
            over = index.end is not None
        except (RecordingError, OSError):
            over = False
        if over or time.time() > wanted.end.timestamp():
            raise DeviceError(f"{wanted.wide}: the recording that this one was to share did not begin")
        stop.wait(_POLL_S)
    return None


def _fit(observation: Observation, other: Observation) -> bool:
    """Whether one recording can hold both: the same receiver, antenna and tuning."""
    return (
        other.name != observation.name
        and (other.receiver, other.antenna) == (observation.receiver, observation.antenna)
        and abs(tuned_hz(other) - tuned_hz(observation)) < _SAME_HZ
        and not takes_share(other)
    )
