"""Now and then, while nothing is recorded, a worker compresses and deletes what the configuration says."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from station.config.recordings import RecordingsSection
from station.processes import Worker

log = logging.getLogger(__name__)

_EVERY = timedelta(hours=1)
LOG_NAME = "archive.log"  # in the data folder: says what was compressed and deleted


class Housekeeping:
    """Begins `station.archive` when it is time; it may go on beside a recording, at the lowest priority."""

    def __init__(self, section: RecordingsSection, data_dir: Path) -> None:
        wanted = section.model_dump(exclude_none=True)
        self._arguments = [
            word for name, days in wanted.items() for word in (f"--{name.replace('_', '-')}", str(days))
        ]
        self._data_dir = data_dir
        self._worker: Worker | None = None
        self._began: datetime | None = None

    @property
    def busy(self) -> bool:
        """Whether a worker is at it."""
        return self._worker is not None

    def look(self, now: datetime, *, busy: bool) -> None:
        """To be called some times an hour; nothing is begun while `busy`."""
        if self._worker is not None and (ended := self._worker.poll()) is not None:
            if ended.reason:
                log.warning("recordings are not tidied up: %s", ended.reason)
            self._worker = None
        due = self._began is None or not timedelta(0) <= now - self._began < _EVERY
        if self._arguments and due and not busy and self._worker is None:
            self._began = now
            arguments = [str(self._data_dir), *self._arguments]
            self._worker = Worker("station.archive", arguments, self._data_dir / LOG_NAME, niceness=19)

    def dismiss(self) -> None:
        """End what is under way: no original goes before its copy is proven, at any moment."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None
