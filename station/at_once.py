"""Recorders of passes under way, begun before the daemon that supervises them has imported itself.

After a kill of both, or a power cut in mid-pass, every second until the recorder begins is lost. So a
starting daemon asks the catalogue but one question, by SQLite alone, and leaves the rest of its start for
afterwards.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter

from station.alone import daemon_works_in
from station.config import ReceiverSection
from station.processes import Worker
from station.recorder import begun_recorder, keeps_the_pace_of_life, recorder_of_a_dead_daemon
from station.records import CATALOGUE_NAME

_RECEIVER: TypeAdapter[ReceiverSection] = TypeAdapter(ReceiverSection)
_UNDER_WAY = """
select observation.name, observation.folder from observation join job on job.observation_id = observation.id
where job.step = 'record' and job.state = 'running'
"""


def recorders_at_once(data_dir: Path, now: datetime) -> dict[str, Worker]:
    """Begin the recorder of each recording under way that has none; by name of the observation.

    What cannot be told is left to the daemon, which looks at everything that is unfinished.

    Args:
        data_dir: of a station whose daemon is about to begin.
        now: aware time.
    """
    if daemon_works_in(data_dir):
        return {}
    begun = {}
    for name, folder in _under_way(data_dir.resolve()):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if _wants_a_recorder(folder, now):
                begun[name] = begun_recorder(folder, outlives=True)
    return begun


def end_untaken(begun: Mapping[str, Worker]) -> None:
    """End the recorders that no daemon took over, as it could not begin: nobody minds them.

    They are killed, as by a power cut, so that a daemon which can begin goes on with their recordings in
    mid-pass; one that ends in order is over.
    """
    for worker in begun.values():
        worker.kill()
        worker.wait()


def _under_way(data_dir: Path) -> list[tuple[str, Path]]:
    uri = f"file:{quote(str(data_dir / CATALOGUE_NAME))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as catalogue:
            return [(name, data_dir / folder) for name, folder in catalogue.execute(_UNDER_WAY)]
    except sqlite3.Error:  # none yet, or one of another version
        return []


def _wants_a_recorder(folder: Path, now: datetime) -> bool:
    """Whether the satellite is up and nobody receives; what is taken out of another recording can wait."""
    table = json.loads((folder / "observation.json").read_text("utf-8"))
    receiver = _RECEIVER.validate_python(table["receiver"])
    waits = table.get("wide") is not None or not keeps_the_pace_of_life(receiver)
    is_up = now < datetime.fromisoformat(table["end"])
    return is_up and not waits and recorder_of_a_dead_daemon(folder) is None
