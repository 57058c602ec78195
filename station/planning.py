"""Plans in the making, beside the daemon's work: however long a plan takes, it delays no recording.

The thread reads elements and thinks; the catalogue is changed by the daemon alone. What was known when a
plan was begun goes with it, so that a late one is never applied over newer facts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.elements import Elements
from scheduler.errors import SchedulerError
from station.catalogue import Catalogue, Observation
from station.config import StationConfig
from station.element_supply import ElementSupply
from station.errors import sentence_of
from station.schedule import Schedule, plan_station
from station.sight import Sights

log = logging.getLogger(__name__)

_REMEMBERED = timedelta(days=7)  # how long a picture of an area counts as news of it
LONGEST = timedelta(minutes=30)  # what is older than that when it is ready is of another time

Facts = frozenset[tuple[str, bool]]


@dataclass(frozen=True)
class Made:
    """What came of planning; `schedule` is None where it failed, and `problems` then says why."""

    at: datetime
    facts: Facts
    sets: tuple[Elements, ...]
    schedule: Schedule | None
    problems: tuple[str, ...]


class Planning:
    """One plan at a time.

    Args:
        config: of the station.
        catalogue: is read, never written.
        executor: runs it.
    """

    def __init__(self, config: StationConfig, catalogue: Catalogue, executor: Executor) -> None:
        self._config, self._catalogue, self._executor = config, catalogue, executor
        self._sights, self.supply = Sights(), ElementSupply(config)
        self._future: Future[Made] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is in the making."""
        return self._future is not None and not self._future.done()

    @property
    def ready(self) -> bool:
        """Whether one waits to be taken."""
        return self._future is not None and self._future.done()

    def begin(self, now: datetime) -> None:
        """Plan from what the catalogue holds now; raises `CatalogueError` when it cannot be read."""
        taken = self._catalogue.observations(since=now - _REMEMBERED)
        self._future = self._executor.submit(self._make, now, taken)

    def take(self) -> Made | None:
        """The plan that is ready, once."""
        if not self.ready:
            return None
        assert self._future is not None  # noqa: S101 - for the type checker
        made, self._future = self._future.result(), None
        return made

    def wait(self, seconds: float) -> None:
        """Until one is ready, that long at most."""
        if self._future is not None:
            wait([self._future], seconds)

    def holds(self, made: Made, now: datetime) -> bool:
        """Whether a plan was made of what is still so; raises `CatalogueError` when that cannot be read."""
        if not timedelta(0) <= now - made.at < LONGEST:
            return False
        return made.facts == _facts(self._catalogue.observations(since=made.at - _REMEMBERED))

    def _make(self, now: datetime, taken: Sequence[Observation]) -> Made:
        sets: tuple[Elements, ...] = ()
        problems: tuple[str, ...] = ()
        try:
            sets, problems = self.supply.elements(now)
            schedule = plan_station(self._config, sets, now, taken, sights=self._sights)
        except SchedulerError as error:
            said = f"nothing new is planned: {sentence_of(error)}"
        except Exception as error:  # a bug in a plan must not end the recordings
            log.exception("planning")
            said = f"nothing new is planned: {type(error).__name__}: {sentence_of(error)}; please report it"
        else:
            return Made(now, _facts(taken), sets, schedule, (*problems, *schedule.problems))
        return Made(now, _facts(taken), sets, None, (*problems, said))


def _facts(observations: Sequence[Observation]) -> Facts:
    """What is booked, and which of it has begun."""
    return frozenset((o.name, o.job("record").state == "due") for o in observations)
