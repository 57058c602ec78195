"""Elements for the daemon: validated, kept in a store, refreshed without ever holding up a recording.

Files and folders are looked into at each plan, which costs milliseconds. Servers are asked in a thread of
their own, as often as the store finds polite; until it is back the plan works with what there is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from scheduler import download
from scheduler.element_clock import ClockFinding, ClockState
from scheduler.elements import Elements
from scheduler.errors import SchedulerError
from scheduler.fetch import ElementStore, FetchReport
from scheduler.satellites import satellite
from station.config import StationConfig
from station.errors import sentence_of

log = logging.getLogger(__name__)

STORE_NAME = "elements"
_RELEASES = "release"


class ElementSupply:
    """The store of one station and its sources."""

    def __init__(self, config: StationConfig) -> None:
        given = sources_of(config)
        self._urls = [source for source in given if is_url(source)]
        self._local = [source for source in given if not is_url(source)]
        self._wanted = wanted_ids(config)
        self._folder = store_of(config)
        self._store = ElementStore(self._folder)
        self._lock = threading.Lock()
        self._sets: tuple[Elements, ...] = ()
        self._problems: dict[bool, tuple[str, ...]] = {}  # of servers, and of what is local
        self.clock: ClockFinding | None = None

    def elements(self, now: datetime) -> tuple[tuple[Elements, ...], tuple[str, ...]]:
        """What there is now, and what a person should know; a server is asked meanwhile if it is time."""
        if self._lock.acquire(blocking=False):  # else a server is being waited for
            try:
                self._refresh(self._local, now, served=False)
            finally:
                self._lock.release()
            if self._urls:
                threading.Thread(target=self._ask, args=(now,), name="elements", daemon=True).start()
        told = [problem for part in self._problems.values() for problem in part]
        if self.clock is not None and self.clock.state in (ClockState.BEHIND, ClockState.AHEAD):
            told.append(self.clock.said)
        return self._sets, tuple(dict.fromkeys(told))

    def _ask(self, now: datetime) -> None:
        with self._lock:
            self._refresh(self._urls, now, served=True)

    def _refresh(self, sources: Sequence[str], now: datetime, *, served: bool) -> None:
        try:
            released = self._release(now)
            report = self._store.refresh(sources, self._wanted, now)
            self._sets = tuple(self._store.elements())
        except (OSError, SchedulerError) as error:  # of the folder of the store
            self._problems[served] = (f"elements: {sentence_of(error)}",)
            return
        # A look that found nothing new says nothing of the clock either.
        if self.clock is None or report.accepted or report.clock.state is not ClockState.UNKNOWN:
            self.clock = report.clock
        self._problems[served] = (*released, *self._told(report))

    def _release(self, now: datetime) -> tuple[str, ...]:
        """Let in what an operator has asked for; what of it cannot be, in words."""
        problems = []
        for path in sorted((self._folder / _RELEASES).glob("*")):
            path.unlink()
            try:
                taken = self._store.release(int(path.name), now)
                log.warning("%s: the set of %s is let in by the operator", taken.name, taken.epoch)
            except (SchedulerError, ValueError) as error:
                problems.append(f"not let in: {sentence_of(error)}")
        return tuple(problems)

    @staticmethod
    def _told(report: FetchReport) -> tuple[str, ...]:
        """Without what is told by each plan anyway: that there are no elements of a satellite."""
        return tuple(problem for problem in report.problems if not problem.startswith("no source has a set"))


def sources_of(config: StationConfig) -> list[str]:
    """What is asked, in order."""
    return [*map(str, config.elements.files), *config.elements.sources]


def wanted_ids(config: StationConfig) -> list[int]:
    """Catalogue numbers of the satellites whose elements have to come from somewhere."""
    known = [satellite(wanted.name) for wanted in config.satellite]
    return sorted({one.norad_id for one in known if one.geostationary_longitude_deg is None})


def ask_to_release(folder: Path, norad_id: int) -> None:
    """Have the daemon let the newest set in quarantine in; it alone writes to the store while it works."""
    (folder / _RELEASES).mkdir(parents=True, exist_ok=True)
    (folder / _RELEASES / str(norad_id)).touch()


def store_of(config: StationConfig) -> Path:
    """The folder of the store."""
    return config.elements.store or config.station.data_dir / STORE_NAME


def is_url(source: str) -> bool:
    """Whether a server is asked for it."""
    return download.is_url(source)
