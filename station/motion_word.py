"""The daemon's word on motion: a file that it keeps, and that whoever drives a rotator asks.

    {"may_move": true, "rules": {}}
    {"may_move": false, "reason": "wind 21 m/s", "since": POSIX, "park": true, "rules": {"wind": {…}}}

The daemon touches the file at each look. A word that grows old, cannot be read or is not there forbids
motion, for nobody looks at the wind then; one that forbids holds until there is another.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hardware.safety import Inhibit, Rule
from station.table_file import write_table

INHIBIT_NAME = "inhibit.json"  # in the data folder
OLD_S = 10.0
NOT_INHIBITED: Callable[[], Inhibit | None] = lambda: None  # noqa: E731 - a default with a name


class Word:
    """The daemon's side.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: dict[str, Any] = {}

    def tell(self, found: Inhibit | None, held: Mapping[str, Inhibit]) -> None:
        """Written where it changed, else touched.

        Args:
            found: what forbids motion now.
            held: that by rule, for the daemon that comes after this one.

        Raises:
            OSError: it could not be told.
        """
        rules = {name: _table(inhibit) for name, inhibit in held.items()}
        record = {"may_move": found is None, **(_table(found) if found else {}), "rules": rules}
        if record == self._told:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._path)
                return
        write_table(self._path, record)
        self._told = record


def held_before(path: Path, rules: Iterable[Rule]) -> dict[str, Inhibit]:
    """What was forbidden when the last daemon ended, for rules whose calm cannot have come since."""
    try:
        age_s = time.time() - path.stat().st_mtime
        table = json.loads(path.read_text("utf-8"))["rules"]
        return {
            rule.name: _inhibit(table[rule.name])
            for rule in rules
            if rule.name in table and age_s < rule.calm_s
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # then the values alone say it


def inhibit_of(path: Path | None) -> Callable[[], Inhibit | None]:
    """What a recorder asks: the daemon's word in the file; without a file nothing is ever forbidden."""
    return NOT_INHIBITED if path is None else _Listener(path)


class _Listener:
    """The other side. Its age of the word does not depend on what the machine's clock is set to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beat: tuple[int, ...] = ()
        self._word: Inhibit | None = None
        self._heard_at = -math.inf
        self._problem = "there is no word of the daemon"

    def __call__(self) -> Inhibit | None:
        try:
            self._hear()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._problem = f"the word of the daemon cannot be read ({type(error).__name__})"
        age_s = time.monotonic() - self._heard_at
        if self._word is not None or age_s <= OLD_S:
            return self._word
        # Not parked: nobody knows whether somebody is on the mast.
        return Inhibit(f"{self._path.name}: {self._problem}; see whether it runs", time.time(), park=False)

    def _hear(self) -> None:
        found = self._path.stat()
        beat = (found.st_mtime_ns, found.st_ino, found.st_size)
        if beat == self._beat:
            return
        table = json.loads(self._path.read_text("utf-8"))
        self._word = None if table.get("may_move") is True else _inhibit(table)
        # How old it is at first only the clock can tell; later each change is new.
        age_s = 0.0 if self._beat else abs(time.time() - found.st_mtime)
        self._beat, self._heard_at = beat, time.monotonic() - age_s
        self._problem = f"no word of the daemon for {OLD_S:g} s"


def _table(inhibit: Inhibit) -> dict[str, Any]:
    return {"reason": inhibit.reason, "since": inhibit.since, "park": inhibit.park}


def _inhibit(table: Mapping[str, Any]) -> Inhibit:
    return Inhibit(str(table["reason"]), float(table["since"]), table["park"] is True)
