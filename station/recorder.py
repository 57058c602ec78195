"""The recorder's process: begun, begun again when it dies, taken over from a daemon that died.

The command is always the same: `station.record` goes on in a recording that has no end mark. It outlives the
daemon, whose restart then costs no sample; and a spare one is ready beside it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sdr.errors import RecordingError
from sdr.index import IndexReader
from sdr.memory_writer import memory_index_path
from station.config import PlaybackReceiver, ReceiverSection, SimulatorReceiver
from station.errors import DONE, WRONG_USE
from station.orphans import taken_over
from station.processes import Ended, Worker
from station.recorded import data_bytes, end_of, grown, index_path
from station.records import Observation
from station.spare import Spare
from station.untiring import Untiring

log = logging.getLogger(__name__)

_MODULE = "station.record"
_NICENESS = -10  # a busy machine must not hold up its start, in which samples are lost
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_WORKED_S = 1.0  # receiving that long shows that the next one will receive as well
_STANDS_STILL_S = 60.0  # as long as a follower has patience with a disk that stalls
_AFTER_THE_PASS_S = 120.0  # the rotator is parked, a slow disk takes the last samples
_POLL_S = 0.05


@dataclass
class Pauses:
    """How long to wait before what died is begun again: longer and longer while it dies before it works."""

    in_vain: int = 0

    def after_a_death(self, *, worked: bool) -> float:
        """Seconds."""
        self.in_vain = 0 if worked else self.in_vain + 1
        return min(_FIRST_PAUSE_S * 2 ** (self.in_vain - 1), _LONGEST_PAUSE_S) if self.in_vain else 0.0


def begun_recorder(folder: Path, *, outlives: bool, spare: bool = False) -> Worker:
    """A process that records the observation of a folder.

    Args:
        folder: holds its description.
        outlives: it goes on when this process dies.
        spare: it waits for the word.
    """
    arguments = [_description(folder), *(["--spare"] if spare else [])]
    niceness = _NICENESS if outlives else 0
    return Worker(_MODULE, arguments, _log(folder), outlives=outlives, waits=spare, niceness=niceness)


def recorder_of_a_dead_daemon(folder: Path) -> Worker | None:
    """The process that records the observation of a folder, which its daemon did not outlive."""
    return taken_over(_MODULE, _description(folder), _log(folder))


def _description(folder: Path) -> str:
    return str(folder / "observation.json")


def _log(folder: Path) -> Path:
    return folder / "record.log"


class Recorder:
    """Records one observation, with as many processes as it takes.

    Args:
        observation: its folder holds `observation.json`.
        receiver: of its configuration.
        stopped: whether the recording shall end now.
        limit_s: what a process may take that does not record at the pace of life.
        begun: the process that records it already.
    """

    def __init__(
        self,
        observation: Observation,
        receiver: ReceiverSection,
        stopped: Callable[[], bool],
        limit_s: float,
        begun: Worker | None = None,
    ) -> None:
        self._begun = begun
        self._observation, self._stopped, self._limit_s = observation, stopped, limit_s
        self._goes_on = keeps_the_pace_of_life(receiver)
        self._pauses = Pauses()
        self._worker: Worker | None = None
        self._spare = Spare(self._begin_spare)
        self.deaths: list[str] = []

    @property
    def progress(self) -> float | None:
        """The fraction of the pass that is over."""
        return self._worker.progress if self._worker else None

    def run(self, watch: Callable[[], None]) -> Ended:
        """Record until the recording is over; `watch` is called some times a second, also after it failed."""
        watch = Untiring(watch, self._observation.name)
        taken = None if self._begun else recorder_of_a_dead_daemon(self._observation.folder)
        if taken:
            log.info("%s: the recorder lives, and is watched on", self._observation.name)
        try:
            while True:
                self._worker = self._begun or taken or self._spare.take() or self._begin()
                ended, worked = self._wait(self._worker, watch)
                if taken and end_of(self._observation) is not None:
                    ended = replace(
                        ended, status=DONE, last_words=""
                    )  # nobody was told, but it ended in order
                self._begun = taken = None
                if self._is_over(ended):
                    return ended
                self._died(ended, watch, worked=worked)
        finally:
            self._spare.dismiss()
            if self._worker is not None:
                self._worker.wait(0.0)  # nobody minds it any more

    def _begin(self) -> Worker:
        # A simulation, which nobody can go on with, ends with its supervisor.
        return begun_recorder(self._observation.folder, outlives=self._goes_on)

    def _begin_spare(self) -> Worker:
        return begun_recorder(self._observation.folder, outlives=True, spare=True)

    def _wait(self, worker: Worker, watch: Callable[[], None]) -> tuple[Ended, bool]:
        look = _Look(worker, self._observation, self._stopped)

        def prepare() -> None:
            if look.receives and self._goes_on:
                self._spare.prepare()

        beside = Untiring(prepare, self._observation.name)

        def all_three() -> None:
            look()
            beside()
            watch()

        ended = worker.wait(self._patience_s(), all_three)
        return ended, look.worked

    def _patience_s(self) -> float:
        """A recorder that hangs must not block the next pass; a simulator may be slower than life."""
        if not self._goes_on:
            return self._limit_s
        return min(max(self._left_s(), 0.0) + _AFTER_THE_PASS_S, self._limit_s)

    def _left_s(self) -> float:
        return (self._observation.end - datetime.now(UTC)).total_seconds()

    def _is_over(self, ended: Ended) -> bool:
        if ended.timed_out or self._stopped() or end_of(self._observation) is not None:
            return True
        if not self._goes_on or self._left_s() <= 0:
            return True
        # What is wrongly configured is so for ever; but what recorded once may record again.
        return ended.status == WRONG_USE and not data_bytes(self._observation)

    def _died(self, ended: Ended, watch: Callable[[], None], *, worked: bool) -> None:
        self.deaths.append(ended.reason or "it ended before its time")
        pause_s = self._pauses.after_a_death(worked=worked)
        how = f"in {pause_s:g} s" if pause_s else "at once"
        log.warning("%s: the recorder died, and goes on %s: %s", self._observation.name, how, self.deaths[-1])
        until = time.monotonic() + min(pause_s, max(self._left_s(), 0.0))
        while time.monotonic() < until and not self._stopped():
            watch()
            time.sleep(_POLL_S)


class _Look:
    """What is to be seen of one process: whether it receives, and whether it stands still."""

    def __init__(self, worker: Worker, observation: Observation, stopped: Callable[[], bool]) -> None:
        self._worker, self._observation, self._stopped = worker, observation, stopped
        self._grown = grown(observation)
        self._in_memory = memory_index_path(observation.recording)
        self._memory_mtime = _mtime(self._in_memory)
        self._received_at: float | None = None
        self._heard_at: float | None = None
        self._index_mtime = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if self._stopped():
            self._worker.interrupt()
        if self._received_at is None and self._has_received():
            self._received_at = now
        self._end_if_it_stands_still(now)

    @property
    def receives(self) -> bool:
        return self._received_at is not None

    @property
    def worked(self) -> bool:
        return self._received_at is not None and time.monotonic() - self._received_at > _WORKED_S

    def _has_received(self) -> bool:
        return grown(self._observation) > self._grown or self._has_received_in_memory()

    def _has_received_in_memory(self) -> bool:
        """On a full disk nothing grows but the ring in memory, and the index beside that."""
        if _mtime(self._in_memory) == self._memory_mtime:
            return False
        try:
            index = IndexReader(self._in_memory)
        except (OSError, RecordingError):
            return False
        return index.committed > int(index.header.metadata.get("ring_sample", 0))

    def _end_if_it_stands_still(self, now: float) -> None:
        """A driver may hang with the recorder; its index then lacks the heartbeat."""
        mtime = max(_mtime(index_path(self._observation)), _mtime(self._in_memory))
        if self._received_at is None or mtime != self._index_mtime:
            self._index_mtime, self._heard_at = mtime, now
        elif self._heard_at is not None and now - self._heard_at > _STANDS_STILL_S:
            log.warning("%s: the recorder stands still, and is killed", self._observation.name)
            self._heard_at = now
            self._worker.kill()


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def keeps_the_pace_of_life(receiver: ReceiverSection) -> bool:
    """Whether the satellite does not wait for the recorder, as a simulation or a file at full speed does."""
    if isinstance(receiver, PlaybackReceiver):
        return receiver.realtime
    return not isinstance(receiver, SimulatorReceiver)
