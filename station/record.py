"""`python -m station.record OBSERVATION.json [--spare]`: the recorder, a process that does nothing else.

Reads the description that `station.observation` left, writes `recording.sigmf-*` beside it. SIGTERM ends the
recording in order: what was received is whole and has its end mark. Where it finds a recording without end
mark it goes on with it, as the recorder before it died. With --spare it first waits for a word on stdin, or
until it sees that daemon and recorder have died together.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from scheduler.elements import Elements
from scheduler.passes import Site
from sdr.errors import DeviceError, RecordingError
from sdr.follow import writer_holds_lock
from sdr.index import IndexReader
from sdr.recording_files import beside, segment_stem
from sdr.segment_files import newest_segment
from sdr.sigmf import INDEX_SUFFIX
from station import registry
from station.config import AntennaSection, ReceiverSection, SimulatorReceiver
from station.guard import guarded
from station.processes import GO
from station.progress import progress_file
from station.rolling import Rolling, nobody_needs
from station.shared import record_share

if TYPE_CHECKING:
    from sdr.receiver import Opened
    from sdr.record_progress import RecordProgress
    from sdr.segment_writer import Writer

RESERVE_BYTES = 256 << 20
_OPEN_AHEAD_S = 1.0  # before the start: what a radio takes to open
_KILLED_TOGETHER_S = 0.2  # the daemon, then the recorder

_RECEIVER: TypeAdapter[ReceiverSection] = TypeAdapter(ReceiverSection)


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The recording was asked to end."""


@dataclass(frozen=True)
class Assignment:
    """What is to be recorded, from when to when, with what.

    `center_hz` is what the receiver is tuned to, None for the downlink; `wide` the stem of another
    observation's recording, to take it out of instead; `reserve_bytes` of the disk are never recorded into;
    `rolling` cuts the recording into segments.
    """

    satellite: str
    frequency_hz: float
    site: Site
    elements: Elements
    start: datetime
    end: datetime
    receiver: ReceiverSection
    antenna: AntennaSection | None = None
    start_direction: tuple[float, float] | None = None
    park_after: bool = False
    inhibit_file: Path | None = None
    downlink: str = ""
    center_hz: float | None = None
    wide: Path | None = None
    reserve_bytes: int = RESERVE_BYTES
    rolling: Rolling | None = None

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Assignment:
        """From the description that an observation leaves."""
        return cls(
            satellite=str(table["satellite"]),
            frequency_hz=float(table["frequency_hz"]),
            site=Site(**table["site"]),
            elements=Elements.from_omm(table["elements"]),
            start=datetime.fromisoformat(table["start"]),
            end=datetime.fromisoformat(table["end"]),
            receiver=_RECEIVER.validate_python(table["receiver"]),
            antenna=AntennaSection.model_validate(table["antenna"]) if table.get("antenna") else None,
            start_direction=_pair(table.get("start_direction")),
            park_after=bool(table.get("park_after")),
            inhibit_file=Path(table["inhibit_file"]) if table.get("inhibit_file") else None,
            downlink=str(table.get("downlink", "")),
            center_hz=table.get("center_hz"),
            wide=Path(table["wide"]) if table.get("wide") else None,
            reserve_bytes=int(table.get("reserve_bytes", RESERVE_BYTES)),
            rolling=Rolling.of(table),
        )


def _pair(given: Sequence[float] | None) -> tuple[float, float] | None:
    return None if given is None else (float(given[0]), float(given[1]))


def record_assignment(
    wanted: Assignment, stem: Path, stop: threading.Event, progress: Callable[[float], None]
) -> int:
    """Record to STEM.sigmf-*; returns the samples in the file, also when it was stopped early.

    Raises:
        DeviceError: the receiver or the disk failed; what came before is on the disk.
        SimulationError: the simulator cannot do what is asked.
    """
    if wanted.wide is not None:
        return record_share(wanted, stem, stop, progress)
    if isinstance(wanted.receiver, SimulatorReceiver):
        return _simulate(wanted, wanted.receiver, stem, stop, progress)
    live = wanted.receiver.type != "playback"
    if not (live or getattr(wanted.receiver, "realtime", False)):
        return _record(wanted, stem, stop, progress, live=live)
    with _pointed(wanted, stop):
        _wait_until(wanted.start, stop)
        return _record(wanted, stem, stop, progress, live=live)


def _record(
    wanted: Assignment, stem: Path, stop: threading.Event, progress: Callable[[float], None], *, live: bool
) -> int:
    from sdr.priority import come_first
    from sdr.record import open_patiently, open_writer, record, take_up

    if live:
        come_first()  # before the driver begins its own threads
    receiver, tuning = registry.make_receiver(wanted.receiver, wanted.center_hz or wanted.frequency_hz)
    segments = _segments(wanted, stem)
    # A recording whose recorder died, to go on with; its lock makes a follower wait while the receiver opens.
    begun = take_up(stem, **segments)
    # A dongle that is plugged in again in mid-pass still gives the rest of it.
    opened = open_patiently(receiver, tuning, wanted.end, stop=stop, told=_say_waiting)
    lower = _lower_rate(wanted, opened, stem.parent, None if begun is None else begun.header.sample_rate)
    if lower is not None:
        tuning = replace(tuning, sample_rate=lower)
        opened = open_patiently(receiver, tuning, wanted.end, stop=stop, told=_say_waiting)
    seconds = (wanted.end - wanted.start).total_seconds()
    rate = opened.sample_rate

    def told(state: RecordProgress) -> None:
        if state.note:
            sys.stderr.write(f"tramthu: {state.note}\n")
        progress(min(state.sample_count / rate / seconds, 1.0))

    try:
        # A radio tells the time of its first sample itself; a playback stands in for the booked pass.
        writer = begun or open_writer(
            opened, stem, start=None if live else wanted.start, metadata=_metadata(wanted), **segments
        )
        _refuse_another(writer, opened)
        info = record(
            receiver,
            writer,
            duration_s=None if live else seconds,
            stop_at=wanted.end if live else None,
            stop=stop,
            tuning=tuning if live else None,
            urgent=live,
            reserve_bytes=wanted.reserve_bytes,
            progress=told,
        )
    finally:
        receiver.close()
    return info.sample_count or 0


def _lower_rate(wanted: Assignment, opened: Opened, folder: Path, begun_with: float | None) -> float | None:
    """The rate to open with anew, where the disk has no room for the one in use; None where that stays."""
    from sdr.disk import lower_rate

    allowed = getattr(wanted.receiver, "lower_rates", ())
    if begun_with is not None:  # what was begun with a lower one goes on with it
        return next((rate for rate in allowed if isclose(rate, begun_with, rel_tol=0.01)), None)
    seconds = (wanted.end - wanted.start).total_seconds()
    if wanted.rolling is not None:
        seconds = min(seconds, wanted.rolling.length_s)
    rates = (opened.sample_rate, *allowed)
    lower = lower_rate(folder, seconds, rates, opened.format, wanted.reserve_bytes)
    if lower is not None:
        sys.stderr.write(f"tramthu: the disk is short: recording at {lower:g} instead of {rates[0]:g} Hz\n")
    return lower


def _segments(wanted: Assignment, stem: Path) -> dict[str, Any]:
    """For the writer of a recording in segments."""
    if wanted.rolling is None:
        return {}
    how = wanted.rolling
    return {
        "segment_s": how.segment_s, "keep_segments": how.keep_segments, "may_go": nobody_needs(stem)
    }  # fmt: skip


def _refuse_another(writer: Writer, opened: Opened) -> None:
    """What comes in another way cannot go into the same file; it may be right the next time."""
    head = writer.header
    if (opened.format, opened.sample_rate) != (head.format, head.sample_rate):
        raise DeviceError(
            f"the receiver came back with {opened.format} at {opened.sample_rate:g} Hz; the recording goes "
            f"on only with {head.format} at {head.sample_rate:g} Hz"
        )


@contextmanager
def _pointed(wanted: Assignment, stop: threading.Event) -> Iterator[None]:
    """Turn the antenna if it can be turned; begun before the recording, to be in place when that begins.

    The rotator is waited for at the end: to be stopped where the recording was, else to be parked.
    """
    if wanted.antenna is None or wanted.antenna.rotator is None:
        yield
        return
    from station.motion_word import inhibit_of
    from station.pointing import ENDS_WITHIN_S, Pointing, begin_pointing

    pointing = Pointing(
        wanted.antenna,
        wanted.frequency_hz,
        wanted.elements,
        wanted.site,
        wanted.start,
        wanted.end,
        start_direction=wanted.start_direction,
        park_after=wanted.park_after,
    )
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    thread = begin_pointing(pointing, stop, inhibit_of(wanted.inhibit_file))
    try:
        yield
    except BaseException:
        stop.set()
        raise
    finally:
        left_s = 0.0 if stop.is_set() else max((wanted.end - datetime.now(UTC)).total_seconds(), 0.0)
        thread.join(left_s + ENDS_WITHIN_S)


def _wait_until(start: datetime, stop: threading.Event) -> None:
    """The receiver may be another recording's until then."""
    stop.wait(max((start - datetime.now(UTC)).total_seconds() - _OPEN_AHEAD_S, 0.0))


def _say_waiting(reason: str) -> None:
    # A reason may end with a question.
    sys.stderr.write(f"tramthu: the receiver is tried again until the pass is over: {reason}\n")


def _simulate(
    wanted: Assignment,
    receiver: SimulatorReceiver,
    stem: Path,
    stop: threading.Event,
    progress: Callable[[float], None],
) -> int:
    def told(fraction: float) -> None:
        progress(fraction)
        if stop.is_set():
            raise Stopped

    asked = registry.SimulatedPass(
        wanted.elements, wanted.site, wanted.start, wanted.end, wanted.frequency_hz, receiver
    )
    try:
        return registry.simulate_pass(asked, stem, told)
    except Stopped:
        return 1


def _metadata(wanted: Assignment) -> dict[str, Any]:
    site = wanted.site
    return {
        "description": f"{wanted.satellite} over {site.name}",
        "geolocation": {
            "type": "Point",
            "coordinates": [site.longitude_deg, site.latitude_deg, site.altitude_m],
        },
        "station": site.name,
        "recorded_at": datetime.now(UTC).isoformat(),
    }


def main() -> int:
    """Run as a worker: the description, and --spare."""
    return guarded(lambda: _run(Path(sys.argv[1]), spare="--spare" in sys.argv[2:]))


def _called(description: Path, stem: Path) -> Assignment | None:
    """Wait, with everything imported, until this one is needed; what it is to do then, None for nothing.

    Where nobody is left to say so it looks itself: the next daemon would take seconds to begin a recorder.
    """
    import sdr.record  # noqa: F401

    wanted = _described(description)
    registry.make_receiver(wanted.receiver, wanted.frequency_hz)
    called = sys.stdin.buffer.readline() == GO
    if not called:
        time.sleep(_KILLED_TOGETHER_S)
    wanted = _described(description)  # a pass may have taken the end of it since
    is_needed = called or (is_orphaned(stem) and datetime.now(UTC) < wanted.end)
    return wanted if is_needed else None


def _described(description: Path) -> Assignment:
    return Assignment.from_mapping(json.loads(description.read_text("utf-8")))


def is_orphaned(stem: Path) -> bool:
    """Whether a recording was begun and not ended, and nobody writes it any more."""
    index = beside(segment_stem(stem, newest_segment(stem)), INDEX_SUFFIX)
    try:
        return IndexReader(index).end is None and not writer_holds_lock(index)
    except (OSError, RecordingError):
        return False


def _run(description: Path, *, spare: bool) -> int:
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    stem = description.parent / "recording"
    wanted = _called(description, stem) if spare else _described(description)
    if wanted is None:
        return 0
    return 0 if record_assignment(wanted, stem, stop, progress_file()) else 1


if __name__ == "__main__":
    sys.exit(main())
