"""When the daemon has receivers tested: shortly before a pass, while they are free."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from scheduler.satellites import satellite
from station.config import ReceiverSection, StationConfig
from station.equipment import antenna_of, receiver_of
from station.processes import Worker
from station.records import Observation
from station.self_test import can_be_tested, wanted_of
from station.shared import recording_end

log = logging.getLogger(__name__)

AHEAD = timedelta(seconds=30)  # a small, busy computer takes its time to begin a process
FREE_BEFORE = timedelta(seconds=2)  # the recorder opens the receiver a second before its pass
_AFTER_OTHERS = timedelta(seconds=0.5)
_LEAST = timedelta(seconds=2)  # less is no time to open a radio, listen and close it


class SelfTests:
    """Begins each self test once.

    Args:
        config: of the station.
    """

    def __init__(self, config: StationConfig) -> None:
        self._config = config
        self._begun: dict[str, Worker | None] = {}

    def look(self, observations: Sequence[Observation], now: datetime) -> None:
        """Begin what is due; what ended is let go.

        Args:
            observations: all that are unfinished.
            now: by the daemon's clock.
        """
        unfinished = {o.name for o in observations}
        self._begun = {
            name: worker
            for name, worker in self._begun.items()
            if name in unfinished or (worker is not None and worker.poll() is None)
        }
        for observation in observations:
            if self._is_to_come(observation, now) and observation.start - AHEAD <= now:
                self._begun[observation.name] = None  # once, also where it fails
                self._begun[observation.name] = self._begin(observation, observations, now)

    def dismiss(self) -> None:
        """End what is under way: nothing listens to it any more."""
        for worker in self._begun.values():
            if worker is not None:
                worker.wait(0)  # asked to end in order, as it may hold a radio
        self._begun.clear()

    def next_s(self, observations: Sequence[Observation], now: datetime) -> float | None:
        """Seconds until the next one is due, None without any."""
        due = [(o.start - AHEAD - now).total_seconds() for o in observations if self._is_to_come(o, now)]
        return max(min(due), 0.0) if due else None

    def _is_to_come(self, observation: Observation, now: datetime) -> bool:
        return (
            self._config.self_test.before_passes
            and observation.name not in self._begun
            and observation.job("record").state in ("due", "running")  # which may be turning its antenna
            and now < observation.start - FREE_BEFORE - _LEAST
            and can_be_tested(receiver_of(observation, self._config))
        )

    def _begin(
        self, observation: Observation, observations: Sequence[Observation], now: datetime
    ) -> Worker | None:
        receiver = receiver_of(observation, self._config)
        begin = max(now, self._free_from(receiver, observation, observations))
        until = observation.start - FREE_BEFORE
        if until - begin < _LEAST:
            log.info("%s: no time for a self test between two recordings", observation.name)
            return None
        antenna = antenna_of(observation, self._config).name
        one = satellite(observation.satellite)
        wanted = wanted_of(
            self._config,
            receiver,
            antenna,
            (one, one.downlink(observation.downlink)),
            frequency_hz=observation.frequency_hz,
            observation=observation.name,
        )
        observation.folder.mkdir(parents=True, exist_ok=True)
        asked = {
            "wanted": wanted.to_table(),
            "data_dir": str(self._config.station.data_dir),
            "folder": str(observation.folder),
            "begin": begin.timestamp(),
            "until": until.timestamp(),
        }
        log.info("%s: the receiver is tested", observation.name)
        return Worker("station.self_test", [json.dumps(asked)], observation.folder / "self_test.log")

    def _free_from(
        self, receiver: ReceiverSection, observation: Observation, observations: Sequence[Observation]
    ) -> datetime:
        """When whatever else is recorded by it has ended."""
        ends = [
            recording_end(o) + _AFTER_OTHERS
            for o in observations
            if o.name != observation.name
            and receiver_of(o, self._config).name == receiver.name
            and (o.start, o.name) < (observation.start, observation.name)  # one test for two at once
            and o.job("record").state in ("due", "running")
        ]
        return max(ends, default=observation.start - AHEAD)
