"""The decoder that follows a growing recording: begun again when it dies, while the recording goes on.

It decodes anew from the start, as an attempt of its own (see `station.attempts`), and soon is where the
recording is.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from station.errors import WRONG_USE
from station.processes import Ended, Worker
from station.recorded import end_of, grows
from station.recorder import Pauses
from station.records import Observation

log = logging.getLogger(__name__)

_WORKED_S = 10.0  # one that lived as long may do so again, and is begun again at once
MOST_AFTERWARDS = 3  # once the recording is over


class LiveDecoder:
    """Decodes one observation while it is recorded.

    Args:
        observation: to be recorded.
        begin: begins a worker, with `follow` or without.
        monotonic: seconds, for tests.
    """

    def __init__(
        self,
        observation: Observation,
        begin: Callable[[bool], Worker],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._observation, self._begin, self._monotonic = observation, begin, monotonic
        self._pauses = Pauses()
        self._begun_at = 0.0
        self._not_before = -math.inf
        self._worker: Worker | None = None

    @property
    def progress(self) -> float | None:
        """The fraction of what is recorded that is decoded."""
        return self._worker.progress if self._worker else None

    @property
    def lag_s(self) -> float | None:
        """Seconds by which it is behind the recording."""
        return self._worker.lag_s if self._worker else None

    def look(self) -> None:
        """Begin it, or begin it again; to be called some times a second while the recording is made."""
        if self._worker is None:
            if self._monotonic() >= self._not_before and grows(self._observation):
                self._begun_at = self._monotonic()
                self._worker = self._begin(True)
        elif (ended := self._worker.poll()) is not None and end_of(self._observation) is None:
            self._worker = None
            self._died(ended)

    def finish(self, timeout_s: float, watch: Callable[[], None]) -> Ended:
        """How the decoding ended, once the recording is over; a decoder that was killed is begun again."""
        for _ in range(MOST_AFTERWARDS):
            worker = self._worker or self._begin(False)
            self._worker = worker
            ended = worker.wait(timeout_s, watch)
            if ended.status >= 0 or ended.timed_out:
                break
            log.warning("%s: the decoder died: %s", self._observation.name, ended.reason)
            self._worker = None
        return ended

    def _died(self, ended: Ended) -> None:
        now = self._monotonic()
        pause_s = self._pauses.after_a_death(worked=now - self._begun_at > _WORKED_S)
        how = f"it is begun again in {pause_s:g} s" if pause_s else "it is begun again at once"
        if ended.status == WRONG_USE:  # which it will be again
            pause_s, how = math.inf, "what is recorded is decoded afterwards"
        self._not_before = now + pause_s
        why = ended.reason or "it took the recording for finished"
        log.warning("%s: the live decoder ended; %s: %s", self._observation.name, how, why)
